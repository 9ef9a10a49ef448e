#include <algorithm>
#include <array>
#include <cstring>
#include <limits>

#include "gaios/base/check.h"
#include "gaios/paxos/leader.h"

// Everything between Claim and the commit. What the leader of a stable group executes for each command is
// here, and nothing else.

namespace gaios::paxos {
namespace {

constexpr std::uint32_t kCommandAlignment = 8;
static_assert(kMaxEntryPayloadBytes / kCommandAlignment <= std::numeric_limits<std::uint16_t>::max(),
              "a batch is full before its number of commands does not fit into the header");

}  // namespace

// ---- appending
// ------------------------------------------------------------------------------------------------------

std::span<std::byte> Leader::Claim(std::uint32_t bytes, std::uint64_t time_ns, Refusal& refusal) {
  const std::uint64_t aligned =
      (std::uint64_t{bytes} + kCommandAlignment - 1) / kCommandAlignment * kCommandAlignment;
  refusal = aligned <= open_.limit_bytes - open_.payload_bytes ? Refusal::kNone : OpenFor(aligned);
  if (refusal != Refusal::kNone) [[unlikely]] {
    return {};
  }
  if (open_.commands == 0) {
    open_.time_ns = time_ns;
  }
  open_.claimed_bytes = static_cast<std::uint32_t>(aligned);
  reach_ = std::max(reach_, state_.end.position + EntryBytes(open_.payload_bytes + aligned));
  std::byte* const command = state_.log.At(state_.end.position) + sizeof(EntryHeader) + open_.payload_bytes;
  if (aligned != bytes) {
    constexpr std::uint64_t kZeros = 0;  // the padding; what is not padding is the caller's to write
    std::memcpy(command + aligned - sizeof(kZeros), &kZeros, sizeof(kZeros));
  }
  return {command, bytes};
}

// Sees to it that the open batch has room for `aligned` bytes more: seals it and begins the next one when it
// has not.
Refusal Leader::OpenFor(std::uint64_t aligned) {
  if (aligned > state_.log.MaxPayloadBytes()) [[unlikely]] {
    return Refusal::kTooLarge;
  }
  if (open_.commands > 0) {
    if (MakeRoom(EntryBytes(open_.payload_bytes + aligned)) && Extend(aligned)) {
      return Refusal::kNone;
    }
    SealBatch();
  }
  const std::uint64_t entry_bytes = EntryBytes(aligned);
  const std::uint64_t to_end = state_.log.BytesToEnd(state_.end.position);
  const bool wraps = entry_bytes > to_end;
  if (!MakeRoom(wraps ? to_end + entry_bytes : entry_bytes)) [[unlikely]] {
    refused_full_ = true;
    return Refusal::kFull;
  }
  if (wraps) [[unlikely]] {
    reach_ = std::max(reach_, state_.end.position + to_end);
    FillToEndOfRing();
  }
  GAIOS_CHECK(Extend(aligned), "a command that there is room for fits into a batch of its own");
  return Refusal::kNone;
}

// Sets how far the open batch may grow: to the end of the ring, the size of a batch, and what is free, but
// for one command always. False when it cannot take `aligned` bytes more.
bool Leader::Extend(std::uint64_t aligned) {
  const std::uint64_t free_bytes = reuse_limit_ - (state_.end.position + reserved_bytes_);
  const std::uint64_t payload_bytes =
      std::min(state_.log.BytesToEnd(state_.end.position), free_bytes) - sizeof(EntryHeader);
  const std::uint64_t batch_bytes =
      std::max<std::uint64_t>(open_.commands == 0 ? aligned : 0, state_.options.max_batch_bytes);
  const std::uint64_t limit_bytes =
      std::min({payload_bytes, batch_bytes, std::uint64_t{state_.log.MaxPayloadBytes()}});
  open_.limit_bytes = static_cast<std::uint32_t>(std::max(limit_bytes, std::uint64_t{open_.payload_bytes}));
  return aligned <= open_.limit_bytes - open_.payload_bytes;
}

void Leader::SealBatch() {
  const OpenBatch batch = open_;
  open_ = {};
  Append(EntryKind::kBatch, batch.payload_bytes, batch.commands, batch.time_ns);
}

void Leader::FillToEndOfRing() {
  const std::uint64_t to_end = state_.log.BytesToEnd(state_.end.position);
  const auto length = static_cast<std::uint32_t>(to_end - sizeof(EntryHeader));
  std::memset(state_.log.At(state_.end.position) + sizeof(EntryHeader), 0, length);
  Append(EntryKind::kFiller, length, 0, 0);
}

void Leader::Append(EntryKind kind, std::uint32_t length, std::uint16_t commands, std::uint64_t time_ns) {
  const Position from = state_.end.position;
  const Position to = from + EntryBytes(length);
  GAIOS_CHECK(to <= reuse_limit_, "P8: ring space that is still in use");
  if (state_.observer != nullptr && to.value() > state_.log.capacity()) {
    std::array<ReplicaId, kMaxReplicas> in_sync;
    std::size_t size = 0;
    in_sync[size++] = state_.self.id;
    for (const FollowerLink& follower : followers_.all()) {
      if (follower.in_sync) {
        in_sync[size++] = follower.member.id;
      }
    }
    state_.observer->OnReuse(state_.self, Position(to.value() - state_.log.capacity()),
                             {in_sync.data(), size});
  }
  EntryHeader header;
  header.commit = state_.commit.position.value();
  header.time_ns = time_ns;
  header.length = length;
  header.kind = static_cast<std::uint16_t>(kind);
  header.commands = commands;
  const Cursor before = state_.end;
  state_.end = state_.log.Seal(before, ballot_, header);
  if (state_.observer != nullptr) {
    state_.observer->OnAppend(state_.self, ballot_, state_.log.Known(before));
  }
}

bool Leader::MakeRoom(std::uint64_t entry_bytes) {
  const Position needed = state_.end.position + (entry_bytes + reserved_bytes_);
  if (needed <= reuse_limit_) {
    return true;
  }
  LimitReuse(ReuseLimit());
  return needed <= reuse_limit_;
}

// ---- writing
// --------------------------------------------------------------------------------------------------------

void Leader::Flush() {
  if (open_.commands > 0) {
    std::size_t under_way = state_.options.pipeline_depth;
    for (const FollowerLink& follower : followers_.all()) {
      if (follower.stage == FollowerLink::Stage::kActive) {
        under_way = std::min(under_way, follower.under_way());
      }
    }
    if (under_way < state_.options.pipeline_depth || followers_.size() == 0) {
      SealBatch();
    }
  }
  for (FollowerLink& follower : followers_.all()) {
    if (follower.stage != FollowerLink::Stage::kActive) [[unlikely]] {
      continue;
    }
    if (follower.posted < state_.end.position) {
      PostRange(follower);
    } else if (follower.under_way() == 0 && follower.word_posted < state_.commit.position) {
      PostWord(follower);  // idle: the commit would otherwise travel with the next entry
    }
  }
  if (read_asked_) [[unlikely]] {
    PostProbes();
  }
  if (followers_.size() == 0) [[unlikely]] {
    AdvanceCommit();
  }
}

void Leader::PostRange(FollowerLink& follower) {
  if (follower.posted < Holds()) [[unlikely]] {
    Leave(follower, FollowerLink::Stage::kBehind);
    return;
  }
  if (follower.under_way() >= state_.options.pipeline_depth || !follower.room()) {
    return;
  }
  const Position allowed = follower.applied + state_.log.capacity();
  const Position to = std::min({state_.end.position, follower.posted + kMaxWriteBytes, allowed});
  if (to <= follower.posted) [[unlikely]] {
    return;  // its ring is full of what it has yet to apply
  }
  Action& action = AddWrite(ActionKind::kWrite, follower);
  action.range.from = follower.posted;
  action.range.to = to;
  action.token = follower.Push(FollowerLink::Posted::Kind::kWrite, to.value());
  if (follower.posted + state_.log.capacity() < reuse_limit_) [[unlikely]] {
    LimitReuse(follower.posted + state_.log.capacity());
  }
  follower.posted = to;
}

void Leader::PostWord(FollowerLink& follower) {
  follower.word_posted = std::min(state_.commit.position, follower.posted);
  Action& action = AddWrite(ActionKind::kWriteCommit, follower);
  action.value = follower.word_posted.value();
  action.token = follower.Push(FollowerLink::Posted::Kind::kCommitWord, 0);
}

void Leader::PostProbes() {
  read_asked_ = false;
  ++read_round_;
  for (FollowerLink& follower : followers_.all()) {
    if (follower.stage == FollowerLink::Stage::kActive && follower.room()) {
      AddWrite(ActionKind::kWriteProbe, follower).token =
          follower.Push(FollowerLink::Posted::Kind::kProbe, read_round_);
    }
  }
}

Action& Leader::AddWrite(ActionKind kind, const FollowerLink& follower) {
  Action& action = state_.actions.Add(kind, follower.member.id);
  action.acceptor = follower.member.incarnation;
  action.grant.ballot = follower.grant.ballot;
  action.grant.number = follower.grant.number;
  return action;
}

bool Leader::OnCompletion(ReplicaId peer, bool done, bool fenced, std::uint64_t token) {
  FollowerLink* const follower = followers_.Find(peer);
  if (follower == nullptr || follower->stage != FollowerLink::Stage::kActive || !follower->IsUnderWay(token))
      [[unlikely]] {
    return true;  // of a path that was given up
  }
  if (!done) [[unlikely]] {
    return OnFailure(*follower, fenced);
  }
  const FollowerLink::Posted posted = follower->Pop(token);
  follower->acked_ns = state_.now;
  switch (posted.kind) {
    case FollowerLink::Posted::Kind::kWrite:
      follower->acked = Position(posted.value);
      if (state_.observer != nullptr) {
        state_.observer->OnAccept(state_.self, ballot_, follower->member, follower->acked);
      }
      if (state_.options.configuration.majority() == 2) [[likely]] {
        CommitTo(follower->acked);  // this follower and ourselves
      } else if (follower->acked > state_.commit.position) {
        AdvanceCommit();  // what is acknowledged below the commit tells nothing new
      }
      break;
    case FollowerLink::Posted::Kind::kProbe:
      follower->probed = std::max(follower->probed, posted.value);
      break;
    case FollowerLink::Posted::Kind::kCommitWord:
      break;
  }
  return true;
}

void Leader::AdvanceCommit() {
  GAIOS_CHECK(followers_.size() + 1 == state_.options.configuration.size(),
              "P7: quorums are over the configuration");
  CommitTo(followers_.ReachedBy<Position>(
      state_.options.configuration.majority(), state_.end.position, [](const FollowerLink& follower) {
        return follower.stage == FollowerLink::Stage::kActive ? follower.acked : Position();
      }));
}

void Leader::CommitTo(Position reached) {
  // Nothing counts as accepted under our ballot before the ballot record itself is.
  if (reached < record_end_ || reached <= state_.commit.position) {
    return;
  }
  state_.AdvanceCommit(reached);
  if (state_.failover.first_commit_ns == 0) [[unlikely]] {
    state_.failover.first_commit_ns = state_.now;
  }
}

}  // namespace gaios::paxos
