#include "gaios/transport/shm/log_store.h"

#include <new>
#include <utility>

#include <absl/status/status.h>

#include "gaios/base/check.h"
#include "gaios/transport/shm/shared_bytes.h"

namespace gaios::transport::shm {

namespace {

absl::Status MakePresent(Region& region) {
  while (!region.ready()) {
    if (absl::Status status = region.PrepareStep(); !status.ok()) {
      return status;
    }
  }
  return absl::OkStatus();
}

}  // namespace

absl::StatusOr<LogStore> LogStore::Create(std::size_t capacity, std::size_t replicas, ReplicaId self) {
  LogStore store(capacity);
  for (std::size_t id = 0; id < replicas; ++id) {
    store.expected_.Add(ReplicaId(static_cast<std::uint8_t>(id)));
  }
  store.expected_.Add(self);
  absl::StatusOr<LogMemory> active = store.Make();
  if (!active.ok()) {
    return active.status();
  }
  store.active_ = *std::move(active);
  for (const ReplicaId id : store.expected_) {
    if (absl::Status status = store.EnsureSpare(id); !status.ok()) {
      return status;
    }
    if (absl::Status status = MakePresent(store.spare(id).region); !status.ok()) {
      return status;
    }
  }
  if (absl::Status status = MakePresent(store.active_.region); !status.ok()) {
    return status;
  }
  return store;
}

void LogStore::Expect(ReplicaId peer, bool expected) {
  if (expected) {
    expected_.Add(peer);
    return;
  }
  expected_.Remove(peer);
  retired_.Add(std::move(spare(peer).region));
  spare(peer) = {};
}

absl::StatusOr<LogMemory> LogStore::Make() {
  absl::StatusOr<Region> region = Region::Create("gaios-log", LogRegionBytes(capacity_));
  if (!region.ok()) {
    return region.status();
  }
  ::new (region->data() + capacity_) LogWords;
  LogMemory memory;
  memory.region = *std::move(region);
  memory.id = next_id_++;
  return memory;
}

absl::Status LogStore::EnsureSpare(ReplicaId to) {
  LogMemory& slot = spare(to);
  if (!slot.region.empty()) {
    return absl::OkStatus();
  }
  absl::StatusOr<LogMemory> made = Make();
  if (!made.ok()) {
    return made.status();
  }
  slot = *std::move(made);
  return absl::OkStatus();
}

void LogStore::SwitchTo(ReplicaId to, Range live) {
  LogMemory& next = spare(to);
  GAIOS_CHECK(!next.region.empty(), "a grant needs memory of its own");
  GAIOS_CHECK(live.from <= live.to && live.size() <= capacity_, "the live bytes of a log fit into its ring");
  CopyRange(next.region.data(), log(), capacity_, live);
  for (PaddedWord& word : WordsOf(next.region, capacity_).words) {
    word.value.store(0, std::memory_order_relaxed);
  }
  std::swap(active_, next);
  // `next` is now the memory that was left.
  if (next.passed) {
    retired_.Add(std::move(next.region));
    next = {};
  }
}

void LogStore::DropPassedSpare(ReplicaId peer) {
  LogMemory& slot = spare(peer);
  if (slot.passed) {
    retired_.Add(std::move(slot.region));
    slot = {};
  }
}

absl::Status LogStore::Maintain() {
  if (retired_.Step()) {
    return absl::OkStatus();
  }
  for (const ReplicaId replica : expected_) {
    if (spare(replica).region.empty()) {
      return EnsureSpare(replica);
    }
    if (!spare(replica).region.ready()) {
      return spare(replica).region.PrepareStep();
    }
  }
  return absl::OkStatus();
}

}  // namespace gaios::transport::shm
