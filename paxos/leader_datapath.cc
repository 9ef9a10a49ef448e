#include <algorithm>
#include <array>
#include <cstring>

#include "gaios/base/check.h"
#include "gaios/paxos/entry_checksum.h"
#include "gaios/paxos/leader.h"

namespace gaios::paxos {

// The unusual cases of Open: a batch is open and full, the ring ends or has no room, the command is too
// large.
Refusal Leader::OpenSlowly(std::uint64_t aligned) {
  if (aligned > state_.log.MaxPayloadBytes()) {
    return Refusal::kTooLarge;
  }
  if (open_.commands > 0) {
    // The limit may be old: applied positions have moved on since.
    const std::uint64_t payload_bytes = open_.payload_bytes + aligned;
    if (payload_bytes <= max_batch_bytes_ &&
        EntryBytes(payload_bytes) <= state_.log.BytesToEnd(state_.end.position) &&
        MakeRoom(EntryBytes(payload_bytes))) {
      Extend(aligned);
      return Refusal::kNone;
    }
    SealBatch();
  }
  const std::uint64_t entry_bytes = EntryBytes(aligned);
  const std::uint64_t to_end = state_.log.BytesToEnd(state_.end.position);
  const bool wraps = entry_bytes > to_end;
  const std::uint64_t needed_bytes = wraps ? to_end + entry_bytes : entry_bytes;
  if (!MakeRoom(needed_bytes)) {
    refused_bytes_ = std::max(refused_bytes_, needed_bytes);
    return Refusal::kFull;
  }
  if (wraps) {
    FillToEndOfRing();
  }
  Extend(aligned);
  return Refusal::kNone;
}

// Begins a batch whose first command takes `aligned` bytes, in the usual case: nothing is open, and there is
// room enough before the end of the ring.
bool Leader::TryOpen(std::uint64_t aligned) {
  if (open_.commands != 0) {
    return false;
  }
  FindRoom();
  OpenBehind(state_.end.position, state_.log.At(state_.end.position));
  if (!Fits(aligned)) {
    open_.limit_bytes = 0;
    return false;
  }
  return true;
}

// How far the open batch may grow, but `aligned` bytes always, for which the caller has found room.
void Leader::Extend(std::uint64_t aligned) {
  FindRoom();
  OpenBehind(state_.end.position, state_.log.At(state_.end.position));
  open_.limit_bytes = std::max(open_.limit_bytes, static_cast<std::int64_t>(open_.payload_bytes + aligned));
}

// How far entries at the end of the log may reach without going past the end of the ring, or into what is not
// free (P8).
void Leader::FindRoom() {
  const Position end = state_.end.position;
  const Position reserved = end + reserved_bytes_;
  const std::uint64_t free_bytes = reuse_limit_ > reserved ? reuse_limit_ - reserved : 0;
  const std::uint64_t room_bytes =
      std::min(state_.log.BytesToEnd(end), free_bytes) / kEntryAlignment * kEntryAlignment;
  payload_end_ = Position((end + room_bytes).value() - sizeof(EntryHeader));
}

bool Leader::IsAbreast(const FollowerLink& follower, Abreast abreast, Position at) const {
  if (follower.filling || follower.posted != at) {
    return false;
  }
  return abreast == Abreast::kPosted ? follower.WritesAlone()
                                     : follower.under_way() == 0 && follower.acked == at;
}

// Whether all links that are written to have the whole log and wait for more, and decide. One that is filled
// piece by piece is none of them where writes are done at once: FillBeside sees to it.
bool Leader::FormUp(Abreast as) {
  Disturb();
  const Position end = state_.end.position;
  if (read_asked_ || alone_ || !record_committed() || state_.failover.first_commit_ns == 0 ||
      state_.membership.undecided() || state_.membership.changes() != membership_changes_) {
    return false;
  }
  std::array<FollowerLink*, kMaxReplicas> abreast = {};
  std::size_t size = 0;
  abreast_limit_ = kNowhere;
  fill_due_ns_ = kNever;
  for (FollowerLink& follower : followers_.all()) {
    if (follower.stage != FollowerLink::Stage::kActive) {
      continue;
    }
    if (follower.filling && as == Abreast::kCompleted) {
      fill_due_ns_ = std::min(fill_due_ns_, follower.next_piece_ns);
      continue;
    }
    if (!IsAbreast(follower, as, end)) {
      return false;
    }
    abreast[size++] = &follower;
    abreast_limit_ = std::min(abreast_limit_, follower.applied + state_.log.capacity());
  }
  if (!Decide([](const FollowerLink& follower) { return follower.takes_all(); })) {
    return false;
  }
  followers_.Form(end, {abreast.data(), size});
  followers_.NoteUnchanged();
  abreast_at_ = end;
  ++formation_;
  return true;
}

void Leader::ShowWrittenToAll(Position end) const {
  for (const WriteTarget& target : targets()) {
    state_.observer->OnAccept(state_.self, ballot_, {target.peer, target.acceptor}, end);
  }
}

// An entry that is no batch, or that somebody is to see. No batch is open behind it.
void Leader::Append(EntryKind kind, std::uint32_t length, std::uint16_t commands, std::uint64_t time_ns) {
  const Cursor before = state_.end;
  if (state_.observer != nullptr) {
    ShowReuse(before.position + EntryBytes(length));
  }
  AppendHere(before, state_.log.At(before.position), kind, length, commands, time_ns, EntryChecksum);
  if (Membership::IsChange(kind)) {
    state_.NoteEntry(state_.log.Known(before));
  }
  if (state_.observer != nullptr) {
    ShowAppend(before);
  }
  LimitBatch(0);
}

// As GatherForAll; empty for false.
Range Leader::FormUpAndSeal() {
  Range sealed;
  return FormUp(Abreast::kCompleted) && SealForAll(EntryChecksum, sealed) ? sealed : Range{};
}

void Leader::SealBatch() {
  SealHere(EntryChecksum);
}

void Leader::FillToEndOfRing() {
  const std::uint64_t to_end = state_.log.BytesToEnd(state_.end.position);
  const auto length = static_cast<std::uint32_t>(to_end - sizeof(EntryHeader));
  std::memset(state_.log.At(state_.end.position) + sizeof(EntryHeader), 0, length);
  Append(EntryKind::kFiller, length, 0, 0);
}

void Leader::ShowAppend(const Cursor& before) const {
  state_.observer->OnAppend(state_.self, ballot_, state_.log.Known(before));
}

void Leader::ShowReuse(Position to) const {
  if (to.value() > state_.log.capacity()) {
    state_.observer->OnReuse(state_.self, Position(to.value() - state_.log.capacity()),
                             {in_sync_then_.data(), in_sync_then_size_});
  }
}

void Leader::NoteInSync() {
  in_sync_then_size_ = 0;
  in_sync_then_[in_sync_then_size_++] = state_.self;
  for (const FollowerLink& follower : followers_.all()) {
    if (follower.in_sync && follower.counts) {
      in_sync_then_[in_sync_then_size_++] = follower.member;
    }
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

void Leader::PostWord(FollowerLink& follower) {
  follower.word_posted = std::min(state_.commit.position, follower.posted);
  Action& action = AddWrite(ActionKind::kWriteCommit, follower);
  action.value = follower.word_posted.value();
  action.token = follower.Push(FollowerLink::Posted::Kind::kCommitWord, 0);
}

void Leader::FlushRest() {
  if (read_asked_ && (!proving_ || Decide([this](const FollowerLink& follower) {
        return follower.stage == FollowerLink::Stage::kActive && LacksNothing(follower);
      }))) {
    PostProbes();
  }
  if (alone_) {
    AdvanceCommit();  // nobody else to wait for
  }
}

// While it is to be proved that writes get there, behind all that a follower lacks and not before: words may
// pass where writes hang. Whoever is being filled is asked at another tick.
void Leader::PostProbes() {
  read_asked_ = false;
  ++read_round_;
  for (FollowerLink& follower : followers_.all()) {
    if (follower.stage == FollowerLink::Stage::kActive && follower.room() &&
        (!proving_ || LacksNothing(follower))) {
      AddWrite(ActionKind::kWriteProbe, follower).token =
          follower.Push(FollowerLink::Posted::Kind::kProbe, read_round_);
    }
  }
}

// Operations of a follower are done: the one that was popped last, and what follows up to `token`.
void Leader::OnDone(FollowerLink& follower, FollowerLink::Posted posted, std::uint64_t token) {
  for (;;) {
    switch (posted.kind) {
      case FollowerLink::Posted::Kind::kWrite:
        follower.acked = Position(posted.value);
        if (state_.observer != nullptr) {
          state_.observer->OnAccept(state_.self, ballot_, follower.member, follower.acked);
        }
        break;
      case FollowerLink::Posted::Kind::kCommitWord:
        break;
      case FollowerLink::Posted::Kind::kProbe:
        follower.probed = std::max(follower.probed, posted.value);
        if (proving_ && ReadConfirmed() >= proof_round_) {
          proven_ = true;
          AppendRecord();
        }
        break;
    }
    if (follower.done_token() == token) {
      return;
    }
    posted = follower.Pop();
  }
}

Position Leader::CompleteAllAndShow(std::span<const WriteTarget> written) {
  std::array<Position, kMaxReplicas> before;
  for (std::size_t i = 0; i < written.size(); ++i) {
    before.at(i) = followers_.AckedTogether(i);
  }
  const Position reached = followers_.NoteCompleted(written, state_.now);
  for (std::size_t i = 0; i < written.size(); ++i) {
    if (const Position acked = followers_.AckedTogether(i); acked > before.at(i)) {
      state_.observer->OnAccept(state_.self, ballot_, {targets()[i].peer, targets()[i].acceptor}, acked);
    }
  }
  return reached;
}

void Leader::CompleteAndShow(FollowerLink& follower) {
  follower.ForEachUnderWay([this, &follower](const FollowerLink::Posted& posted) {
    state_.observer->OnAccept(state_.self, ballot_, follower.member, Position(posted.value));
  });
  CompleteWrites(follower);
}

void Leader::AdvanceCommit() {
  CommitTo(Reached<Position>(state_.end.position, [](const FollowerLink& follower) {
    return follower.stage == FollowerLink::Stage::kActive ? follower.acked : Position();
  }));
}

}  // namespace gaios::paxos
