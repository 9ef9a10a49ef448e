#ifndef GAIOS_PAXOS_LEADER_DATAPATH_H_
#define GAIOS_PAXOS_LEADER_DATAPATH_H_

// Part of leader.h: what the leader of a stable group executes for each command, between Claim and the
// commit, to be inlined into its callers. What happens less than once a batch is in leader_datapath.cc.

#include <algorithm>
#include <cstring>
#include <utility>

#include "gaios/base/prefetch.h"

namespace gaios::paxos {

// ---- appending
// ------------------------------------------------------------------------------------------------------

[[nodiscard]] constexpr std::uint64_t Aligned(std::uint64_t bytes) {
  return (bytes + kCommandAlignment - 1) / kCommandAlignment * kCommandAlignment;
}

// Makes a command's place ready: `aligned` bytes, of which the caller writes all but the padding. A lap later
// the lines of a ring have left the caches: those of commands to come are asked for ahead. They may be past
// the end of the ring, where nothing is fetched that matters.
[[gnu::always_inline]] inline void Prepare(std::byte* command, std::uint64_t aligned) {
  constexpr std::size_t kAheadBytes = 1024;
  if (aligned <= 2 * base::kCacheLineBytes) [[likely]] {
    base::PrefetchForWrite(command + kAheadBytes, base::kCacheLineBytes);
    base::PrefetchForWrite(command + kAheadBytes + aligned - 1, base::kCacheLineBytes);
  } else {
    base::PrefetchForWrite(command + kAheadBytes, aligned);
  }
  constexpr std::uint64_t kZeros = 0;  // the padding, where there is some
  std::memcpy(command + aligned - sizeof(kZeros), &kZeros, sizeof(kZeros));
}

[[gnu::always_inline]] inline std::byte* BatchRoom::TryPlace(std::uint64_t bytes) {
  const std::uint64_t aligned = Aligned(bytes);
  if (aligned > room_bytes_) [[unlikely]] {
    return nullptr;
  }
  std::byte* const command = at_;
  Prepare(command, aligned);
  at_ += aligned;
  room_bytes_ -= aligned;
  ++next_.index;
  return command;
}

inline BatchRoom Leader::Room() const {
  if (!Fits(1) || open_.commands == 0) {
    return {};
  }
  return {open_.payload + open_.payload_bytes,
          static_cast<std::uint32_t>(open_.limit_bytes - open_.payload_bytes),
          {Slot(state_.end.slot.value() + 1), open_.commands}};
}

inline void Leader::Add(const BatchRoom& room) {
  const std::ptrdiff_t payload_bytes = room.end() - open_.payload;
  GAIOS_CHECK(payload_bytes >= open_.payload_bytes && payload_bytes <= open_.limit_bytes &&
                  room.next().slot.value() == state_.end.slot.value() + 1,
              "P3: commands are placed in the batch that is open");
  open_.payload_bytes = static_cast<std::uint32_t>(payload_bytes);
  open_.commands = static_cast<std::uint16_t>(room.next().index);
}

[[gnu::always_inline]] inline bool Leader::TryAppend(std::uint64_t bytes, std::uint64_t time_ns,
                                                     Proposal& proposal, std::byte*& command) {
  const std::uint64_t aligned = Aligned(bytes);
  if (!Fits(aligned)) [[unlikely]] {
    return false;
  }
  if (open_.commands == 0) {
    open_.time_ns = time_ns;
  }
  command = PlaceAtEnd(aligned);
  proposal.slot = Slot(state_.end.slot.value() + 1);
  proposal.index = open_.commands;
  open_.payload_bytes += static_cast<std::uint32_t>(aligned);
  ++open_.commands;
  return true;
}

inline Refusal Leader::Reserve(std::uint64_t bytes, std::uint64_t time_ns) {
  GiveUpClaim();
  const std::uint64_t aligned = Aligned(bytes);
  if (!Fits(aligned)) {
    if (closed_ != Refusal::kNone) [[unlikely]] {
      return closed_;
    }
    const Refusal refusal = TryOpen(aligned) ? Refusal::kNone : OpenSlowly(aligned);
    if (refusal != Refusal::kNone) [[unlikely]] {
      return refusal;
    }
  }
  if (open_.commands == 0) {
    open_.time_ns = time_ns;
  }
  return Refusal::kNone;
}

inline std::span<std::byte> Leader::Claim(std::uint32_t bytes, std::uint64_t time_ns, Refusal& refusal) {
  refusal = Reserve(bytes, time_ns);
  if (refusal != Refusal::kNone) [[unlikely]] {
    return {};
  }
  open_.claimed_bytes = static_cast<std::uint32_t>(Aligned(bytes));
  open_.limit_after_claim_bytes = std::exchange(open_.limit_bytes, -1);
  return {PlaceAtEnd(open_.claimed_bytes), bytes};
}

inline Proposal Leader::Publish() {
  GAIOS_CHECK(open_.claimed_bytes > 0, "nothing was claimed");
  const Proposal proposal{Slot(state_.end.slot.value() + 1), open_.commands};
  open_.payload_bytes += open_.claimed_bytes;
  EndClaim();
  ++open_.commands;
  return proposal;
}

// Where the next command of the open batch goes, `aligned` bytes.
[[gnu::always_inline]] inline std::byte* Leader::PlaceAtEnd(std::uint64_t aligned) const {
  std::byte* const command = open_.payload + open_.payload_bytes;
  Prepare(command, aligned);
  return command;
}

// Makes room for a batch behind `end`, where the log ends, at `place` in this lap, as far as is known: it may
// grow to the end of the ring, to what is free (P8), and to the size of a batch.
[[gnu::always_inline]] inline void Leader::OpenBehind(Position end, std::byte* place) {
  const auto room_bytes = static_cast<std::int64_t>(payload_end_.value() - end.value());
  open_.payload = place + sizeof(EntryHeader);
  open_.limit_bytes = std::min<std::int64_t>(room_bytes, max_batch_bytes_);
}

// `before` is where the log ends, and `place` what stands there.
template <typename Checksum>
[[gnu::always_inline]] inline void Leader::AppendHere(const Cursor& before, std::byte* place, EntryKind kind,
                                                      std::uint32_t length, std::uint16_t commands,
                                                      std::uint64_t time_ns, Checksum checksum) {
  GAIOS_CHECK(before.position + EntryBytes(length) <= reuse_limit_, "P8: ring space that is still in use");
  GAIOS_CHECK(before.ballot <= ballot_, "P3: an entry below a ballot that the log has seen");
  EntryHeader header;
  header.commit = state_.commit.position.value();
  header.time_ns = time_ns;
  header.length = length;
  header.kind = static_cast<std::uint16_t>(kind);
  header.commands = commands;
  state_.end = state_.log.SealBy(before, place, ballot_, header, checksum);
}

template <typename Checksum>
[[gnu::always_inline]] inline Position Leader::SealHere(Checksum checksum) {
  const Cursor before = state_.end;
  std::byte* const place = state_.log.At(before.position);
  GAIOS_CHECK(open_.payload == place + sizeof(EntryHeader), "P3: a batch stands where the log ends");
  GiveUpClaim();
  const std::uint64_t entry_bytes = EntryBytes(open_.payload_bytes);
  if (state_.observer == nullptr) [[likely]] {
    AppendHere(before, place, EntryKind::kBatch, open_.payload_bytes, open_.commands, open_.time_ns,
               checksum);
  } else {
    Append(EntryKind::kBatch, open_.payload_bytes, open_.commands, open_.time_ns);
  }
  open_.payload_bytes = 0;
  open_.commands = 0;
  const Position end = before.position + entry_bytes;
  OpenBehind(end, place + entry_bytes);  // where the ring ends there, it has no room (P8)
  return end;
}

template <typename Checksum>
[[gnu::always_inline]] inline bool Leader::GatherForAll(Checksum checksum, Range& gathered) {
  if (open_.commands == 0) {
    return false;
  }
  if (state_.end.position != abreast_at_ || !followers_.unchanged()) [[unlikely]] {
    gathered = FormUpAndSeal();
    return !gathered.empty();
  }
  return SealForAll(checksum, gathered);
}

// False when there is no room for it with one of those who are written to.
template <typename Checksum>
[[gnu::always_inline]] inline bool Leader::SealForAll(Checksum checksum, Range& sealed) {
  const Position from = state_.end.position;
  const Position to = SealHere(checksum);
  if (to > abreast_limit_) [[unlikely]] {
    Disturb();
    return false;  // its ring is full of what it has yet to apply
  }
  sealed = {from, to};
  return true;
}

// ---- writing
// --------------------------------------------------------------------------------------------------------

[[gnu::always_inline]] inline void Leader::Flush() {
  if (open_.commands > 0 && MayPost()) {
    SealBatch();
  }
  const Position holds = Holds();
  const Position end = state_.end.position;
  for (FollowerLink& follower : followers_.all()) {
    if (follower.stage != FollowerLink::Stage::kActive) [[unlikely]] {
      continue;
    }
    if (follower.posted < end) {
      PostRange(follower, holds, end);
    } else if (follower.under_way() == 0 && follower.word_posted < state_.commit.position) {
      PostWord(follower);  // idle: the commit would otherwise travel with the next entry
    }
  }
  if (read_asked_ || alone_) [[unlikely]] {
    FlushRest();
  }
}

// They have accepted the log up to its end, and decide (P5).
[[gnu::always_inline]] inline void Leader::WrittenToAll(Range gathered) {
  GAIOS_CHECK(gathered.from == abreast_at_ && gathered.to == state_.end.position && followers_.unchanged(),
              "P5: who is said to have accepted had completed all before it");
  followers_.NoteAccepted(gathered, followers_.together().size(), state_.now);
  abreast_at_ = gathered.to;
  if (state_.observer != nullptr) [[unlikely]] {
    ShowWrittenToAll(gathered.to);
    state_.AdvanceCommit(gathered.to);
    return;
  }
  state_.AdvanceCommitToEnd();
}

// What was found of the links holds: all that are written to have been posted the log up to abreast_at_, and
// nobody waits for a round of probes.
template <typename Checksum>
[[gnu::always_inline]] inline bool Leader::GatherToPost(Checksum checksum, Range& gathered) {
  gathered = {};
  if (abreast_at_ == kNowhere || !followers_.unchanged()) [[unlikely]] {
    if (open_.commands == 0 || !FormUp(Abreast::kPosted)) {
      return false;
    }
  }
  const Position from = abreast_at_;
  Position to = state_.end.position;
  if (open_.commands == 0 && from == to) {
    return !followers_.AnyWaitsForWord(
        state_.commit.position);  // it would otherwise travel with the next entry
  }
  if (followers_.together().full()) [[unlikely]] {
    bool straggles = false;
    if (!followers_.LookForRoom(pipeline_depth_, straggler_depth_, straggles)) {
      return true;  // commands gather
    }
    if (straggles) {
      return false;
    }
  }
  if (open_.commands != 0) {
    to = SealHere(checksum);
  }
  GAIOS_CHECK(from + state_.log.capacity() >= reuse_limit_, "P8: what is posted may not be written over yet");
  // Full of what one of them has yet to apply, or too much for one write (P8).
  if (to > abreast_limit_ || to - from > kMaxWriteBytes) [[unlikely]] {
    Disturb();
    return false;
  }
  gathered = {from, to};
  return true;
}

[[gnu::always_inline]] inline void Leader::PostedToAll(Position end) {
  followers_.NotePosted(end);
  abreast_at_ = end;
}

[[gnu::always_inline]] inline bool Leader::TryCompleteAll(std::uint64_t formation,
                                                          std::span<const WriteTarget> written) {
  if (formation != formation_ || abreast_at_ == kNowhere || !followers_.unchanged()) [[unlikely]] {
    return false;
  }
  GAIOS_CHECK(written.size() == targets().size(), "P5: a formation has the same targets for whoever writes");
  const Position reached = state_.observer == nullptr ? followers_.NoteCompleted(written, state_.now)
                                                      : CompleteAllAndShow(written);
  // The ballot record is committed, and no change is undecided: else there is no formation.
  if (reached > state_.commit.position) {
    if (OneDecides()) [[likely]] {
      state_.AdvanceCommit(reached);
    } else {
      AdvanceCommit();
    }
  }
  return true;
}

// Whether some link is ready for another write; until then commands gather.
[[gnu::always_inline]] inline bool Leader::MayPost() const {
  for (const FollowerLink& follower : followers_.all()) {
    if (follower.stage == FollowerLink::Stage::kActive && follower.under_way() < pipeline_depth_ &&
        !follower.filling) {
      return true;
    }
  }
  return alone_;
}

[[gnu::always_inline]] inline void Leader::PostRange(FollowerLink& follower, Position holds, Position end) {
  const Position from = follower.posted;
  if (from < holds) [[unlikely]] {
    PassBy(follower, follower.posted);
    return;
  }
  if (follower.filling) [[unlikely]] {
    Fill(follower);
    return;
  }
  if (follower.under_way() >= pipeline_depth_) {
    return;
  }
  PostTo(follower, std::min(end, from + kMaxWriteBytes));
}

// Writes what follows the posted, up to `end` at most.
[[gnu::always_inline]] inline void Leader::PostTo(FollowerLink& follower, Position end) {
  const Position from = follower.posted;
  const std::uint64_t capacity = state_.log.capacity();
  const Position to = std::min(end, follower.applied + capacity);
  if (to <= from) [[unlikely]] {
    return;  // its ring is full of what it has yet to apply
  }
  if (from + capacity < reuse_limit_) [[unlikely]] {
    LimitReuse(from + capacity);
  }
  Disturb();
  follower.posted = to;
  RangeWrite& write = state_.actions.AddWrite();
  write.peer = follower.member.id;
  write.acceptor = follower.member.incarnation;
  write.grant.ballot = follower.grant.ballot;
  write.grant.number = follower.grant.number;
  write.range.from = from;
  write.range.to = to;
  write.token = follower.Push(FollowerLink::Posted::Kind::kWrite, to.value());
}

[[gnu::always_inline]] inline Action& Leader::AddWrite(ActionKind kind, const FollowerLink& follower) {
  Disturb();
  Action& action = state_.actions.Add(kind, follower.member.id);
  action.acceptor = follower.member.incarnation;
  action.grant.ballot = follower.grant.ballot;
  action.grant.number = follower.grant.number;
  return action;
}

// ---- completions
// ----------------------------------------------------------------------------------------------------

// Without a call on its way, so that it need not save what its callers keep in registers.
[[gnu::always_inline]] inline bool Leader::TryComplete(ReplicaId peer, std::uint64_t token) {
  FollowerLink* const follower = followers_.FindToComplete(peer);
  if (follower == nullptr || follower->stage != FollowerLink::Stage::kActive ||
      !follower->WritesAloneUpTo(token)) [[unlikely]] {
    return false;
  }
  const Position acked = follower->posted;
  if (state_.failover.first_commit_ns == 0) [[unlikely]] {
    return false;
  }
  if (acked > state_.commit.position) {
    const bool commits = OneDecides() && follower->counts && AcceptsRecord(acked) &&
                         acked == state_.end.position && !state_.membership.undecided() &&
                         state_.membership.changes() == membership_changes_;
    if (!commits) [[unlikely]] {
      return false;
    }
  }
  if (state_.observer != nullptr) [[unlikely]] {
    CompleteAndShow(*follower);
    return true;
  }
  CompleteWrites(*follower);
  return true;
}

// All that is under way to a follower has completed, and is writes: it has accepted the log as far as it was
// posted (P5).
[[gnu::always_inline]] inline void Leader::CompleteWrites(FollowerLink& follower) {
  follower.DoneWithAll();
  follower.acked = follower.posted;
  follower.acked_ns = state_.now;
  if (follower.acked > state_.commit.position) {
    state_.AdvanceCommit(follower.acked);
  }
}

inline bool Leader::OnCompletion(ReplicaId peer, bool done, bool fenced, std::uint64_t token) {
  FollowerLink* const follower = followers_.FindToComplete(peer);
  if (follower == nullptr || follower->stage != FollowerLink::Stage::kActive || !follower->IsUnderWay(token))
      [[unlikely]] {
    return true;  // of a path that was given up
  }
  if (!done) [[unlikely]] {
    followers_.NoteChanged();
    return OnFailure(*follower, fenced);
  }
  follower->acked_ns = state_.now;
  while (follower->done_token() != token) {
    const FollowerLink::Posted& posted = follower->Pop();
    if (posted.kind != FollowerLink::Posted::Kind::kWrite || state_.observer != nullptr) [[unlikely]] {
      OnDone(*follower, posted, token);
      break;
    }
    follower->acked = Position(posted.value);
  }
  // What is acknowledged below the commit tells nothing new.
  if (follower->acked > state_.commit.position && follower->counts) {
    if (OneDecides()) [[likely]] {
      CommitTo(follower->acked);
    } else {
      AdvanceCommit();
    }
  }
  return true;
}

inline void Leader::CommitTo(Position reached) {
  if (AcceptsRecord(reached) && reached > state_.commit.position) [[likely]] {
    state_.AdvanceCommit(reached);
    if (state_.membership.changes() != membership_changes_) [[unlikely]] {
      Recount();
      AdvanceCommit();  // by those who count now it may be more
    }
    if (state_.failover.first_commit_ns == 0) [[unlikely]] {
      state_.failover.first_commit_ns = state_.now;
    }
  }
}

}  // namespace gaios::paxos

#endif  // GAIOS_PAXOS_LEADER_DATAPATH_H_
