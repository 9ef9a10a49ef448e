#include "gaios/paxos/leader.h"

#include <algorithm>
#include <cstring>
#include <limits>

#include "gaios/base/check.h"

namespace gaios::paxos {
namespace {

// Ring bytes that proposals leave to ballot records: a leader needs room for its own before anything of its
// predecessors is applied, and there may be many of them while writes do not get through.
constexpr std::uint64_t kLeastReservedBytes = 16 * kEntryAlignment;
static_assert(kLeastReservedBytes <= kMinCapacityBytes / 4);

std::uint64_t ReservedBytes(const Log& log) {
  return std::max(kLeastReservedBytes, log.capacity() / 64);
}

constexpr std::uint32_t kCommandAlignment = 8;
constexpr std::uint16_t kMaxCommandsPerBatch = std::numeric_limits<std::uint16_t>::max();

}  // namespace

bool Leader::Start(const Recovery& recovery) {
  ballot_ = recovery.ballot();
  followers_size_ = 0;
  open_ = {};
  read_round_ = 0;
  read_asked_ = false;
  refused_full_ = false;
  next_beat_ns_ = state_.now;
  fenced_since_ns_ = 0;
  record_end_ = state_.end.position + EntryBytes(0);
  reach_ = record_end_;

  std::array<Member, kMaxReplicas> promised;
  std::size_t promised_size = 0;
  promised[promised_size++] = state_.self;
  for (const Member& voter : state_.options.configuration.voters()) {
    if (voter.id == state_.self.id) {
      continue;
    }
    FollowerLink& follower = followers_[followers_size_++];
    follower = {};
    follower.member = voter;
    follower.grant = {ballot_, 1};
    follower.stage = FollowerLink::Stage::kAsked;
    follower.asked_ns = state_.now;
    follower.NumberFrom(static_cast<std::uint64_t>(ballot_.round()) << 32);
    if (recovery.promises().Has(voter.id)) {
      promised[promised_size++] = voter;
      const PeerView& peer = state_.peers[voter.id.value()];
      if (!peer.link_up || peer.incarnation != voter.incarnation) {
        // It has died since. Its promise holds: the dead promise nobody else. But there is nobody to write
        // to.
        follower.stage = FollowerLink::Stage::kAbsent;
        continue;
      }
      Activate(follower, recovery.promise(voter.id));
      follower.in_sync = follower.stage == FollowerLink::Stage::kActive &&
                         follower.applied + state_.log.capacity() >= record_end_;
    }
  }
  reuse_limit_ = ReuseLimit();
  if (in_sync_count() < state_.options.configuration.majority() || record_end_ > reuse_limit_) {
    Stop();
    return false;
  }
  if (state_.observer != nullptr) {
    state_.observer->OnLead(state_.self, ballot_, {promised.data(), promised_size}, state_.end);
  }
  state_.heartbeat_ballot = ballot_;
  Append(EntryKind::kBallotRecord, 0, 0, 0);
  GAIOS_CHECK(state_.end.position == record_end_, "the ballot record ends where it was planned to");
  AdvanceCommit();
  return true;
}

Position Leader::Holds() const {
  const std::uint64_t capacity = state_.log.capacity();
  return std::max(state_.kept_from, Position(reach_.value() > capacity ? reach_.value() - capacity : 0));
}

void Leader::Stop() {
  state_.kept_from = Holds();
  for (FollowerLink& follower : followers()) {
    if (follower.stage == FollowerLink::Stage::kActive) {
      Leave(follower, FollowerLink::Stage::kAbsent);
    }
  }
  followers_size_ = 0;
  open_ = {};
  ballot_ = Ballot();
  state_.heartbeat_ballot = Ballot();
}

// ---- appending
// ------------------------------------------------------------------------------------------------------

std::span<std::byte> Leader::Claim(std::uint32_t bytes, std::uint64_t time_ns, Refusal& refusal) {
  if (bytes > state_.log.MaxPayloadBytes() - kCommandAlignment) {
    refusal = Refusal::kTooLarge;
    return {};
  }
  const std::uint32_t aligned = (bytes + kCommandAlignment - 1) / kCommandAlignment * kCommandAlignment;
  std::uint64_t entry_bytes = EntryBytes(open_.payload_bytes + aligned);
  if (open_.commands > 0 &&
      (open_.payload_bytes + aligned > state_.options.max_batch_bytes ||
       open_.commands == kMaxCommandsPerBatch || entry_bytes > state_.log.BytesToEnd(state_.end.position) ||
       open_.payload_bytes + aligned > state_.log.MaxPayloadBytes())) {
    SealBatch();
    entry_bytes = EntryBytes(aligned);
  }
  const std::uint64_t to_end = state_.log.BytesToEnd(state_.end.position);
  const bool wraps = entry_bytes > to_end;
  const std::uint64_t needed_bytes = wraps ? to_end + entry_bytes : entry_bytes;
  if (!MakeRoom(needed_bytes)) {
    refused_full_ = true;
    refusal = Refusal::kFull;
    return {};
  }
  reach_ = std::max(reach_, state_.end.position + needed_bytes);
  if (wraps) {
    FillToEndOfRing();
  }
  refusal = Refusal::kNone;
  open_.claimed_bytes = aligned;
  if (open_.commands == 0) {
    open_.time_ns = time_ns;
  }
  std::byte* const command = state_.log.At(state_.end.position) + sizeof(EntryHeader) + open_.payload_bytes;
  std::memset(command + bytes, 0, aligned - bytes);
  return {command, bytes};
}

Proposal Leader::Publish() {
  GAIOS_CHECK(open_.claimed_bytes > 0, "nothing was claimed");
  const Proposal proposal{Slot(state_.end.slot.value() + 1), open_.commands};
  open_.payload_bytes += open_.claimed_bytes;
  open_.claimed_bytes = 0;
  ++open_.commands;
  return proposal;
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
    for (const FollowerLink& follower : followers()) {
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
  const Position needed = state_.end.position + (entry_bytes + ReservedBytes(state_.log));
  if (needed <= reuse_limit_) {
    return true;
  }
  reuse_limit_ = ReuseLimit();
  return needed <= reuse_limit_;
}

Position Leader::ReuseLimit() const {
  Position lowest = state_.applied;
  for (const FollowerLink& follower : followers()) {
    if (follower.in_sync) {
      lowest = std::min(lowest, follower.applied);
    }
    lowest = std::min(lowest, follower.LowestPosted(lowest));
  }
  return lowest + state_.log.capacity();
}

// ---- writing
// --------------------------------------------------------------------------------------------------------

void Leader::Flush() {
  if (open_.commands > 0) {
    std::size_t under_way = state_.options.pipeline_depth;
    for (const FollowerLink& follower : followers()) {
      if (follower.stage == FollowerLink::Stage::kActive) {
        under_way = std::min(under_way, follower.under_way());
      }
    }
    if (under_way < state_.options.pipeline_depth || followers_size_ == 0) {
      SealBatch();
    }
  }
  for (FollowerLink& follower : followers()) {
    PostTo(follower);
  }
  if (read_asked_) {
    read_asked_ = false;
    ++read_round_;
    for (FollowerLink& follower : followers()) {
      if (follower.stage == FollowerLink::Stage::kActive && follower.room()) {
        Action action;
        action.kind = ActionKind::kWriteProbe;
        action.peer = follower.member.id;
        action.acceptor = follower.member.incarnation;
        action.grant = follower.grant;
        action.token = follower.Push({FollowerLink::Posted::Kind::kProbe, {}, read_round_, 0});
        state_.actions.Push(action);
      }
    }
  }
  if (followers_size_ == 0) {
    AdvanceCommit();
  }
}

void Leader::PostTo(FollowerLink& follower) {
  if (follower.stage != FollowerLink::Stage::kActive) {
    return;
  }
  if (follower.posted < state_.end.position) {
    if (follower.posted < Holds()) {
      Leave(follower, FollowerLink::Stage::kBehind);
      return;
    }
    if (follower.under_way() < state_.options.pipeline_depth && follower.room()) {
      const Position allowed = follower.applied + state_.log.capacity();
      const Position to = std::min({state_.end.position, follower.posted + kMaxWriteBytes, allowed});
      if (to <= follower.posted) {
        return;  // its ring is full of what it has yet to apply
      }
      Action action;
      action.kind = ActionKind::kWrite;
      action.peer = follower.member.id;
      action.acceptor = follower.member.incarnation;
      action.grant = follower.grant;
      action.range = {follower.posted, to};
      action.token = follower.Push({FollowerLink::Posted::Kind::kWrite, action.range, 0, 0});
      reuse_limit_ = std::min(reuse_limit_, follower.posted + state_.log.capacity());
      follower.posted = to;
      state_.actions.Push(action);
    }
    return;
  }
  if (follower.under_way() == 0 && follower.word_posted < state_.commit.position) {
    PostWord(follower);  // idle: the commit would otherwise travel with the next entry
  }
}

void Leader::PostWord(FollowerLink& follower) {
  Action action;
  action.kind = ActionKind::kWriteCommit;
  action.peer = follower.member.id;
  action.acceptor = follower.member.incarnation;
  action.grant = follower.grant;
  follower.word_posted = std::min(state_.commit.position, follower.posted);
  action.value = follower.word_posted.value();
  action.token = follower.Push({FollowerLink::Posted::Kind::kCommitWord, {}, 0, 0});
  state_.actions.Push(action);
}

bool Leader::OnCompletion(ReplicaId peer, bool done, bool fenced, std::uint64_t token) {
  FollowerLink* const follower = Find(peer);
  if (follower == nullptr || follower->stage != FollowerLink::Stage::kActive ||
      !follower->IsUnderWay(token)) {
    return true;  // of a path that was given up
  }
  if (!done) {
    Leave(*follower, fenced ? FollowerLink::Stage::kFenced : FollowerLink::Stage::kAbsent);
    if (fenced) {
      fenced_since_ns_ = state_.now;
      Ask(*follower);  // the refusal tells which ballot it has promised
    }
    return CanStillReachMajority();
  }
  const FollowerLink::Posted operation = follower->front();
  GAIOS_CHECK(operation.token == token, "operations on a link complete in posting order");
  follower->Pop();
  follower->acked_ns = state_.now;
  switch (operation.kind) {
    case FollowerLink::Posted::Kind::kWrite:
      follower->acked = operation.range.to;
      if (state_.observer != nullptr) {
        state_.observer->OnAccept(state_.self, ballot_, follower->member, follower->acked);
      }
      if (follower->acked >
          state_.commit.position) {  // the last of a majority; what follows tells nothing new
        AdvanceCommit();
      }
      break;
    case FollowerLink::Posted::Kind::kProbe:
      follower->probed = std::max(follower->probed, operation.value);
      break;
    case FollowerLink::Posted::Kind::kCommitWord:
      break;
  }
  return true;
}

void Leader::AdvanceCommit() {
  std::array<Position, kMaxReplicas> accepted;
  std::size_t size = 0;
  accepted[size++] = state_.end.position;
  for (const FollowerLink& follower : followers()) {
    accepted[size++] = follower.stage == FollowerLink::Stage::kActive ? follower.acked : Position();
  }
  GAIOS_CHECK(size == state_.options.configuration.size(), "P7: quorums are over the configuration");
  const Position reached =
      ReachedBy<Position>(state_.options.configuration.majority(), {accepted.data(), size});
  // Nothing counts as accepted under our ballot before the ballot record itself is.
  if (reached < record_end_ || reached <= state_.commit.position) {
    return;
  }
  state_.AdvanceCommit(reached);
  if (state_.failover.first_commit_ns == 0) {
    state_.failover.first_commit_ns = state_.now;
  }
}

// ---- followers
// ------------------------------------------------------------------------------------------------------

FollowerLink* Leader::Find(ReplicaId id) {
  for (FollowerLink& follower : followers()) {
    if (follower.member.id == id) {
      return &follower;
    }
  }
  return nullptr;
}

const FollowerLink* Leader::follower(ReplicaId id) const {
  for (const FollowerLink& follower : followers()) {
    if (follower.member.id == id) {
      return &follower;
    }
  }
  return nullptr;
}

void Leader::OnPromise(ReplicaId from, const Message& promise) {
  FollowerLink* const follower = Find(from);
  if (follower == nullptr || promise.grant != follower->grant ||
      follower->stage != FollowerLink::Stage::kAsked) {
    return;  // late or doubled
  }
  Activate(*follower, promise);
}

void Leader::Activate(FollowerLink& follower, const Message& promise) {
  GAIOS_CHECK(promise.commit <= state_.end.position, "P4: a follower has committed what our log lacks");
  follower.applied = std::max(follower.applied, promise.applied);
  follower.acked_ns = state_.now;
  if (promise.commit < Holds()) {
    Leave(follower, FollowerLink::Stage::kBehind);
    return;
  }
  // From its own commit, never from its end: what it holds beyond may be another leader's. The bytes between
  // are written again; where they are equal already that changes nothing.
  follower.stage = FollowerLink::Stage::kActive;
  follower.posted = promise.commit;
  follower.acked = promise.commit;
  follower.word_posted = Position();
  follower.full_since_ns = 0;
  follower.stalled = false;
  if (state_.end.position - follower.applied <= state_.log.capacity() / 2) {
    follower.in_sync = true;
  }
  reuse_limit_ = ReuseLimit();
}

void Leader::OnReject(ReplicaId from, const Message& reject) {
  state_.Saw(reject.promised);
  FollowerLink* const follower = Find(from);
  if (follower == nullptr || reject.promised <= ballot_) {
    return;
  }
  if (follower->stage == FollowerLink::Stage::kAsked) {
    follower->stage = FollowerLink::Stage::kFenced;
    fenced_since_ns_ = state_.now;
  }
}

void Leader::OnControl(ReplicaId peer, Incarnation incarnation, Position commit, Position applied) {
  FollowerLink* const follower = Find(peer);
  if (follower == nullptr || incarnation != follower->member.incarnation) {
    return;
  }
  if (applied > follower->applied) {
    follower->applied = applied;
    follower->full_since_ns = 0;
    follower->stalled = false;
  }
  if (follower->stage == FollowerLink::Stage::kBehind && commit >= Holds()) {
    follower->stage = FollowerLink::Stage::kAbsent;
  }
  if (follower->stage == FollowerLink::Stage::kActive && !follower->in_sync &&
      state_.end.position - follower->applied <= state_.log.capacity() / 2) {
    follower->in_sync = true;
  }
  reuse_limit_ = ReuseLimit();
}

void Leader::OnLinkDown(ReplicaId peer) {
  FollowerLink* const follower = Find(peer);
  if (follower == nullptr) {
    return;
  }
  follower->acked_ns = 0;
  Leave(*follower, FollowerLink::Stage::kAbsent);
}

void Leader::Leave(FollowerLink& follower, FollowerLink::Stage stage) {
  if (follower.stage == FollowerLink::Stage::kActive || follower.stage == FollowerLink::Stage::kAsked) {
    Action action;
    action.kind = ActionKind::kAbandon;
    action.peer = follower.member.id;
    state_.actions.Push(action);
    ++follower.grant.number;  // a path that comes back is a new grant
  }
  follower.Forget();
  follower.stage = stage;
  reuse_limit_ = ReuseLimit();
}

void Leader::Ask(FollowerLink& follower) {
  follower.asked_ns = state_.now;
  if (follower.stage == FollowerLink::Stage::kAbsent) {
    follower.stage = FollowerLink::Stage::kAsked;
  }
  Message prepare;
  prepare.kind = MessageKind::kPrepare;
  prepare.grant = follower.grant;
  state_.actions.PushMessage(follower.member.id, prepare);
}

void Leader::ReadControl(const FollowerLink& follower) {
  Action action;
  action.kind = ActionKind::kReadControl;
  action.peer = follower.member.id;
  state_.actions.Push(action);
}

std::size_t Leader::in_sync_count() const {
  std::size_t count = 1;
  for (const FollowerLink& follower : followers()) {
    count += follower.in_sync ? 1U : 0U;
  }
  return count;
}

void Leader::DropLaggards() {
  const bool full = refused_full_;
  refused_full_ = false;
  for (FollowerLink& follower : followers()) {
    const Position holds = std::min(follower.in_sync ? follower.applied : state_.end.position,
                                    follower.LowestPosted(state_.end.position));
    // It is in the way when the smallest proposal would not fit because of it.
    const bool in_the_way = full && state_.end.position + (ReservedBytes(state_.log) + 2 * kEntryAlignment) >
                                        holds + (state_.log.capacity() * 3 / 4);
    if (!in_the_way) {
      follower.full_since_ns = 0;
      continue;
    }
    if (follower.full_since_ns == 0) {
      follower.full_since_ns = state_.now;
    }
    const bool gone = !state_.peers[follower.member.id.value()].link_up;
    if (!gone && state_.now - follower.full_since_ns <= state_.options.drop_timeout_ns) {
      continue;
    }
    if (follower.in_sync && in_sync_count() <= state_.options.configuration.majority()) {
      continue;  // the in-sync set never falls below a majority: proposals stay refused as full
    }
    follower.in_sync = false;
    follower.stalled = true;
    follower.asked_ns = state_.now;
    follower.full_since_ns = 0;
    Leave(follower, FollowerLink::Stage::kAbsent);
  }
}

// ---- time
// -----------------------------------------------------------------------------------------------------------

TimeNs Leader::MajorityHeardNs() const {
  std::array<TimeNs, kMaxReplicas> heard;
  std::size_t size = 0;
  heard[size++] = state_.now;
  for (const FollowerLink& follower : followers()) {
    heard[size++] = follower.acked_ns;
  }
  return ReachedBy<TimeNs>(state_.options.configuration.majority(), {heard.data(), size});
}

bool Leader::has_quorum() const {
  std::size_t reachable = 1;
  for (const FollowerLink& follower : followers()) {
    reachable += follower.stage == FollowerLink::Stage::kActive ? 1U : 0U;
  }
  return reachable >= state_.options.configuration.majority() &&
         state_.now - MajorityHeardNs() <= state_.options.suspect_timeout_ns / 4;
}

bool Leader::CanStillReachMajority() const {
  std::size_t possible = 1;
  for (const FollowerLink& follower : followers()) {
    possible += follower.stage != FollowerLink::Stage::kFenced ? 1U : 0U;
  }
  return possible >= state_.options.configuration.majority();
}

bool Leader::wants_takeback() const {
  if (!record_committed() || !has_quorum() ||
      state_.now - fenced_since_ns_ < state_.options.suspect_timeout_ns) {
    return false;
  }
  return std::ranges::any_of(followers(), [this](const FollowerLink& follower) {
    return follower.stage == FollowerLink::Stage::kFenced && state_.peers[follower.member.id.value()].link_up;
  });
}

bool Leader::Tick() {
  if (state_.now >= next_beat_ns_) {
    next_beat_ns_ = state_.now + state_.options.heartbeat_interval_ns;
    for (FollowerLink& follower : followers()) {
      const PeerView& peer = state_.peers[follower.member.id.value()];
      if (!peer.link_up || peer.incarnation != follower.member.incarnation) {
        continue;
      }
      if (follower.stage == FollowerLink::Stage::kActive && follower.under_way() == 0) {
        PostWord(follower);  // its completion says that the grant still holds
      }
      const bool ask =
          follower.stage == FollowerLink::Stage::kAsked || follower.stage == FollowerLink::Stage::kAbsent;
      // One that was dropped may hang again: it is tried now and then, until it is seen to apply.
      const TimeNs pause_ns =
          follower.stalled ? 5 * state_.options.drop_timeout_ns : 2 * state_.options.heartbeat_interval_ns;
      if (ask && state_.now - follower.asked_ns > pause_ns) {
        Ask(follower);
      }
      if (follower.stage == FollowerLink::Stage::kActive && follower.probed < read_round_ &&
          follower.under_way() == 0) {
        read_asked_ = true;
      }
    }
    if (has_quorum()) {
      ++state_.heartbeat_counter;
      state_.leader_alive_ns = state_.now;
    }
  }
  // Applied positions are what the ring is waiting for; a read is cheap beside a refused proposal.
  const bool short_of_space = state_.end.position + state_.log.capacity() / 2 > reuse_limit_;
  if (short_of_space || state_.now - last_applied_read_ns_ > state_.options.heartbeat_interval_ns) {
    last_applied_read_ns_ = state_.now;
    for (const FollowerLink& follower : followers()) {
      if (state_.peers[follower.member.id.value()].link_up) {
        ReadControl(follower);
      }
    }
  }
  DropLaggards();
  return state_.now - MajorityHeardNs() <= state_.options.suspect_timeout_ns && CanStillReachMajority();
}

std::optional<Leader::Read> Leader::StartRead() {
  if (!record_committed()) {
    return std::nullopt;
  }
  read_asked_ = true;
  return Read{state_.commit.position, read_round_ + 1};
}

std::uint64_t Leader::ReadConfirmed() const {
  std::array<std::uint64_t, kMaxReplicas> probed;
  std::size_t size = 0;
  probed[size++] = read_round_;
  for (const FollowerLink& follower : followers()) {
    probed[size++] = follower.probed;
  }
  return ReachedBy<std::uint64_t>(state_.options.configuration.majority(), {probed.data(), size});
}

}  // namespace gaios::paxos
