#include "gaios/transport/shm/shm_transport.h"

#include <algorithm>
#include <array>
#include <new>
#include <utility>

#include <absl/status/status.h>
#include <absl/strings/str_cat.h>

#include "gaios/base/align.h"
#include "gaios/base/check.h"
#include "gaios/base/near.h"
#include "gaios/transport/shm/inbox.h"
#include "gaios/transport/shm/shared_bytes.h"
#include "gaios/transport/shm/wire.h"

namespace gaios::transport::shm {
namespace {

absl::Status CheckOptions(const ShmOptions& options) {
  if (options.directory.empty()) {
    return absl::InvalidArgumentError("no directory is given for the replicas' sockets");
  }
  if (options.replicas == 0 || options.replicas > paxos::kMaxReplicas) {
    return absl::InvalidArgumentError(
        absl::StrCat("a group has 1 to ", paxos::kMaxReplicas, " replicas, not ", options.replicas));
  }
  if (options.max_replicas > paxos::kMaxReplicas) {
    return absl::InvalidArgumentError(
        absl::StrCat("ids are below ", paxos::kMaxReplicas, ", not ", options.max_replicas));
  }
  if (options.self.value() >= std::max(options.replicas, options.max_replicas)) {
    return absl::InvalidArgumentError(absl::StrCat("replica id ", options.self.value(),
                                                   " is not one of a group of ", options.replicas,
                                                   "; ids count from 0"));
  }
  if (options.incarnation.value() == 0 || options.incarnation.value() > paxos::Ballot::kMaxIncarnation) {
    return absl::InvalidArgumentError(
        absl::StrCat("incarnation ", options.incarnation.value(), " is out of range; it counts from 1"));
  }
  if (!base::IsPowerOfTwo(options.capacity) || options.capacity < paxos::kMinCapacityBytes ||
      options.capacity > paxos::kMaxCapacityBytes) {
    return absl::InvalidArgumentError(absl::StrCat("capacity ", options.capacity,
                                                   " is not a power of two from ", paxos::kMinCapacityBytes,
                                                   " to ", paxos::kMaxCapacityBytes, " bytes"));
  }
  if (options.clock == nullptr) {
    return absl::InvalidArgumentError("no clock is given");
  }
  return CheckSocketPath(SocketPath(options.directory, options.self));
}

}  // namespace

absl::StatusOr<std::unique_ptr<ShmTransport>> ShmTransport::Open(const ShmOptions& options) {
  if (absl::Status status = CheckOptions(options); !status.ok()) {
    return status;
  }
  absl::StatusOr<IdLock> lock = IdLock::Take(options.directory, options.self);
  if (!lock.ok()) {
    return lock.status();
  }
  absl::StatusOr<std::unique_ptr<ShmTransport>> reserved = Reserve(options, *std::move(lock));
  if (!reserved.ok()) {
    return reserved.status();
  }
  if (absl::Status status = (*reserved)->Begin(); !status.ok()) {
    return status;
  }
  return reserved;
}

absl::StatusOr<std::unique_ptr<ShmTransport>> ShmTransport::Reserve(const ShmOptions& options, IdLock lock) {
  if (absl::Status status = CheckOptions(options); !status.ok()) {
    return status;
  }
  absl::StatusOr<Claim> claim = Claim::Take(options, std::move(lock));
  if (!claim.ok()) {
    return claim.status();
  }
  absl::StatusOr<LogStore> store = LogStore::Create(options.capacity, options.replicas, options.self);
  if (!store.ok()) {
    return store.status();
  }
  absl::StatusOr<Region> doorbell = Region::Create("gaios-doorbell", kDoorbellBytes);
  if (!doorbell.ok()) {
    return doorbell.status();
  }
  ::new (doorbell->data()) Doorbell;
  return std::unique_ptr<ShmTransport>(
      new ShmTransport(options, *std::move(claim), *std::move(store), *std::move(doorbell)));
}

ShmTransport::ShmTransport(const ShmOptions& options, Claim claim, LogStore store, Region doorbell)
    : options_(options),
      claim_(std::move(claim)),
      store_(std::move(store)),
      published_(claim_.control().words),
      bell_(&reinterpret_cast<const Doorbell*>(doorbell.data())->rung.value),
      staging_(std::min(options.capacity, paxos::kMaxWriteBytes)),
      doorbell_(std::move(doorbell)) {
  for (std::size_t id = 0; id < links_.size(); ++id) {
    links_[id].peer = ReplicaId(static_cast<std::uint8_t>(id));
    links_[id].bit = std::uint32_t{1} << id;
  }
}

std::uint64_t ShmTransport::ReadLogWord(LogWord which) const {
  return store_.words().words[static_cast<std::size_t>(which)].value.load(std::memory_order_acquire);
}

void ShmTransport::Publish(ControlWord which, std::uint64_t value) {
  published_[static_cast<std::size_t>(which)].value.store(value, std::memory_order_release);
}

void ShmTransport::GrantTo(ReplicaId to, Grant grant) {
  GAIOS_CHECK(to.value() < ids(), "a grant goes to a replica of the group");
  GAIOS_CHECK(!grant.ballot.none(), "a grant has a ballot");
  GAIOS_CHECK(claim_.begun(), "P7: nothing is promised by a life that has not begun");
  if (grant == latest_grant_) {
    GAIOS_CHECK(to == latest_to_, "P2: one grant has one holder");
    if (granting_ == Granting::kNothing) {
      granting_ = Granting::kAnnounce;
    }
    return;
  }
  GAIOS_CHECK(granting_ != Granting::kMove, "one grant at a time");
  GAIOS_CHECK(to == options_.self || read_from_ == nullptr,
              "P2: a read of ours would land in a log that is granted to somebody else");
  GAIOS_CHECK(grant > latest_grant_, "P1: promised (ballot, grant number) never decreases");
  FenceLine& line = claim_.control().fence;
  const std::uint64_t promise = line.promises.load(std::memory_order_relaxed) + 1;
  line.promised[promise % 2].ballot.store(grant.ballot.packed(), std::memory_order_release);
  line.promised[promise % 2].number.store(grant.number, std::memory_order_release);
  line.promises.store(promise, std::memory_order_release);
  // The acceptor's half of the argument: the promise is visible before any byte of the log is read for the
  // copy.
  FullFence();
  latest_grant_ = grant;
  latest_to_ = to;
  for (Link& link : links_) {
    link.grant_unsent = false;
  }
  granting_ = Granting::kMove;
}

void ShmTransport::StandBy() {
  const auto bring = [](const Region& region, std::size_t from, std::size_t bytes) {
    if (!region.empty()) {
      base::BringNear({region.data() + from, bytes}, bytes);
    }
  };
  base::BringNear(std::as_bytes(std::span(this, 1)), sizeof(*this));
  // The bytes that a grant carries over end near here, and behind it the next ones will be written.
  constexpr std::size_t kAround = 1024;
  const std::uint64_t commit =
      published_[static_cast<std::size_t>(ControlWord::kCommit)].value.load(std::memory_order_relaxed);
  const std::size_t at = std::min(commit & (options_.capacity - 1), options_.capacity - kAround);
  for (const Link& link : links_) {
    const std::array<const Region*, 3> logs = {&link.granted, &link.spare, &store_.spare(link.peer).region};
    for (const Region* const log : logs) {
      bring(*log, at, kAround);
      bring(*log, options_.capacity, sizeof(LogWords));
    }
    bring(link.control_region, 0, sizeof(ControlRegion));
    bring(link.doorbell, 0, sizeof(Doorbell));
    bring(link.inbox_region, 0, sizeof(InboxPage));
    bring(link.outbox_region, 0, sizeof(InboxPage));
  }
}

std::size_t ShmTransport::AdvanceGrant(EventHandler& handler) {
  if (granting_ == Granting::kMove) {
    if (latest_to_ == options_.self && !store_.active().passed) {
      // Nobody else has ever had this memory: it can stay.
      for (PaddedWord& word : store_.words().words) {
        word.value.store(0, std::memory_order_relaxed);
      }
    } else {
      const LogMemory& spare = store_.spare(latest_to_);
      const bool ready = spare.region.ready() && (spare.passed || latest_to_ == options_.self);
      if (!store_.EnsureSpare(latest_to_).ok()) {
        ++counters_.regions_failed;
        return 0;  // stays promised and ungranted until there is memory
      }
      ++(ready ? counters_.grants_from_spare : counters_.grants_slow);
      store_.SwitchTo(latest_to_, handler.LiveRange(store_.log()));
      Link& link = links_[latest_to_.value()];
      if (latest_to_ != options_.self && link.up()) {
        link.grant_unsent = !SendGrant(link);
      }
    }
  }
  granting_ = Granting::kNothing;
  handler.OnGranted(latest_grant_);
  return 1;
}

bool ShmTransport::SendGrant(Link& link) {
  LogMemory& memory = store_.active();
  const Granted body = {.region_id = memory.id,
                        .ballot = latest_grant_.ballot.packed(),
                        .number = latest_grant_.number,
                        .promise = claim_.control().fence.promises.load(std::memory_order_relaxed)};
  const int fd = memory.region.fd();
  const std::span<const int> fds = memory.passed ? std::span<const int>() : std::span<const int>(&fd, 1);
  const Packet packet(PacketType::kGrant, body);
  const SendResult result = fds.empty() ? SendInOrder(link, packet) : SendBySocket(link, packet, fds);
  if (result == SendResult::kSent && !fds.empty()) {
    memory.passed = true;
    Ring(link, kSocketRing);
  }
  return result != SendResult::kWouldBlock;
}

void ShmTransport::SendSpare(Link& link) {
  LogMemory& memory = store_.spare(link.peer);
  if (memory.passed || memory.region.empty() || !memory.region.ready()) {
    return;
  }
  const int fd = memory.region.fd();
  if (SendBySocket(link, Packet(PacketType::kSpare, Spare{.region_id = memory.id}),
                   std::span<const int>(&fd, 1)) == SendResult::kSent) {
    memory.passed = true;
  }
}

}  // namespace gaios::transport::shm
