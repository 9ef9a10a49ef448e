#ifndef GAIOS_PAXOS_LEADER_DATAPATH_H_
#define GAIOS_PAXOS_LEADER_DATAPATH_H_

// Part of leader.h: what the leader of a stable group executes for each command, between Claim and the
// commit, to be inlined into its callers. What happens less than once a batch is in leader_datapath.cc.

#include <algorithm>
#include <cstring>

#include "gaios/base/prefetch.h"

namespace gaios::paxos {

// ---- appending
// ------------------------------------------------------------------------------------------------------

[[gnu::always_inline]] inline std::span<std::byte> Leader::Claim(std::uint32_t bytes, std::uint64_t time_ns,
                                                                 Refusal& refusal) {
  const std::uint64_t aligned =
      (std::uint64_t{bytes} + kCommandAlignment - 1) / kCommandAlignment * kCommandAlignment;
  const std::uint64_t payload_bytes = open_.payload_bytes + aligned;
  if (payload_bytes > open_.limit_bytes) {
    refusal = proving_ ? Refusal::kNotLeader : Open(aligned);
    if (refusal != Refusal::kNone) [[unlikely]] {
      return {};
    }
  }
  refusal = Refusal::kNone;
  if (open_.commands == 0) {
    open_.time_ns = time_ns;
  }
  open_.claimed_bytes = static_cast<std::uint32_t>(aligned);
  reach_ = std::max(reach_, state_.end.position + EntryBytes(open_.payload_bytes + aligned));
  std::byte* const command = state_.log.At(state_.end.position) + sizeof(EntryHeader) + open_.payload_bytes;
  // A lap later its lines have left the caches: those of commands to come are asked for ahead. It may be past
  // the end of the ring, where nothing is fetched that matters.
  base::PrefetchForWrite(command + kAheadBytes, kCommandAlignment);
  if (aligned != bytes) {
    constexpr std::uint64_t kZeros = 0;  // the padding; what is not padding is the caller's to write
    std::memcpy(command + aligned - sizeof(kZeros), &kZeros, sizeof(kZeros));
  }
  return {command, bytes};
}

[[gnu::always_inline]] inline Proposal Leader::Publish() {
  GAIOS_CHECK(open_.claimed_bytes > 0, "nothing was claimed");
  const Proposal proposal{Slot(state_.end.slot.value() + 1), open_.commands};
  open_.payload_bytes += open_.claimed_bytes;
  open_.claimed_bytes = 0;
  ++open_.commands;
  return proposal;
}

// Begins a batch whose first command takes `aligned` bytes, in the usual case: nothing is open, and there is
// room enough before the end of the ring.
[[gnu::always_inline]] inline Refusal Leader::Open(std::uint64_t aligned) {
  const std::uint64_t entry_bytes = EntryBytes(aligned);
  const Position needed = state_.end.position + (entry_bytes + reserved_bytes_);
  if (open_.commands != 0 || needed > reuse_limit_ ||
      entry_bytes > state_.log.BytesToEnd(state_.end.position) || aligned > state_.log.MaxPayloadBytes())
      [[unlikely]] {
    return OpenSlowly(aligned);
  }
  Extend(aligned);
  return Refusal::kNone;
}

// How far the open batch may grow: to the end of the ring, the size of a batch, and what is free, but
// `aligned` bytes always, for which the caller has found room.
[[gnu::always_inline]] inline void Leader::Extend(std::uint64_t aligned) {
  const std::uint64_t free_bytes = reuse_limit_ - (state_.end.position + reserved_bytes_);
  const std::uint64_t room_bytes =
      std::min(state_.log.BytesToEnd(state_.end.position), free_bytes) - sizeof(EntryHeader);
  open_.limit_bytes = static_cast<std::uint32_t>(
      std::max(open_.payload_bytes + aligned, std::min<std::uint64_t>(room_bytes, max_batch_bytes_)));
}

// ---- writing
// --------------------------------------------------------------------------------------------------------

[[gnu::always_inline]] inline void Leader::Flush() {
  if (open_.commands > 0 && MayPost()) {
    SealBatch();
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
  if (read_asked_ || followers_.size() == 0) [[unlikely]] {
    FlushRest();
  }
}

// Whether some link is ready for another write; until then commands gather.
[[gnu::always_inline]] inline bool Leader::MayPost() const {
  for (const FollowerLink& follower : followers_.all()) {
    if (follower.stage == FollowerLink::Stage::kActive &&
        follower.under_way() < state_.options.pipeline_depth) {
      return true;
    }
  }
  return followers_.size() == 0;
}

[[gnu::always_inline]] inline void Leader::PostRange(FollowerLink& follower) {
  const Position from = follower.posted;
  if (from < Holds()) [[unlikely]] {
    Leave(follower, FollowerLink::Stage::kBehind);
    return;
  }
  if (follower.under_way() >= state_.options.pipeline_depth || !follower.room()) {
    return;
  }
  const Position to =
      std::min({state_.end.position, from + kMaxWriteBytes, follower.applied + state_.log.capacity()});
  if (to <= from) [[unlikely]] {
    return;  // its ring is full of what it has yet to apply
  }
  Action& action = AddWrite(ActionKind::kWrite, follower);
  action.range.from = from;
  action.range.to = to;
  action.token = follower.Push(FollowerLink::Posted::Kind::kWrite, to.value());
  if (from + state_.log.capacity() < reuse_limit_) [[unlikely]] {
    LimitReuse(from + state_.log.capacity());
  }
  follower.posted = to;
}

[[gnu::always_inline]] inline Action& Leader::AddWrite(ActionKind kind, const FollowerLink& follower) {
  Action& action = state_.actions.Add(kind, follower.member.id);
  action.acceptor = follower.member.incarnation;
  action.grant.ballot = follower.grant.ballot;
  action.grant.number = follower.grant.number;
  return action;
}

// ---- completions
// ----------------------------------------------------------------------------------------------------

[[gnu::always_inline]] inline bool Leader::OnCompletion(ReplicaId peer, bool done, bool fenced,
                                                        std::uint64_t token) {
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
  if (posted.kind == FollowerLink::Posted::Kind::kWrite) [[likely]] {
    follower->acked = Position(posted.value);
    if (state_.observer != nullptr) [[unlikely]] {
      state_.observer->OnAccept(state_.self, ballot_, follower->member, follower->acked);
    }
    // What is acknowledged below the commit tells nothing new.
    if (follower->acked > state_.commit.position) {
      if (state_.options.configuration.majority() == 2) [[likely]] {
        CommitTo(follower->acked);  // this follower and ourselves
      } else {
        AdvanceCommit();
      }
    }
  } else if (posted.kind == FollowerLink::Posted::Kind::kProbe) {
    OnProbed(*follower, posted.value);
  }
  return true;
}

[[gnu::always_inline]] inline void Leader::CommitTo(Position reached) {
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

#endif  // GAIOS_PAXOS_LEADER_DATAPATH_H_
