#include "gaios/rsm/replica.h"

#include <algorithm>
#include <cstring>

#include "gaios/base/check.h"
#include "gaios/base/copy.h"
#include "gaios/paxos/entry_checksum.h"

namespace gaios::rsm {
namespace {

using paxos::Refusal;

constexpr std::size_t kHashesKept = 64;
// What a turn learns, it applies.
constexpr int kEntriesPerPoll = paxos::Learner::kEntriesPerCall;

struct StateHashCommand {
  std::uint64_t commands = 0;
  std::uint64_t hash = 0;
};
static_assert(sizeof(StateHashCommand) == 16);

Taken FromRefusal(Refusal refusal) {
  switch (refusal) {
    case Refusal::kNone:
      return Taken::kTaken;
    case Refusal::kNotLeader:
      return Taken::kNotLeader;
    case Refusal::kFull:
      return Taken::kFull;
    case Refusal::kTooLarge:
      return Taken::kTooLarge;
  }
  GAIOS_CHECK(false, "no such refusal");
  return Taken::kNotLeader;
}

Applied FromVerdict(Sessions::Verdict verdict) {
  switch (verdict) {
    case Sessions::Verdict::kRun:
      return Applied::kApplied;
    case Sessions::Verdict::kDuplicate:
      return Applied::kDuplicate;
    case Sessions::Verdict::kReplyForgotten:
      return Applied::kReplyForgotten;
    case Sessions::Verdict::kExpired:
      return Applied::kExpired;
    case Sessions::Verdict::kOutOfOrder:
      return Applied::kOutOfOrder;
  }
  GAIOS_CHECK(false, "no such verdict");
  return Applied::kExpired;
}

// The place of a command in the log, which no other command ever has. It also names the session that is
// opened there.
constexpr int kIndexBits = 16;
constexpr std::uint64_t PlaceOf(paxos::Slot slot, std::uint32_t index) {
  return (slot.value() << kIndexBits) + index;
}
constexpr std::uint64_t SlotOf(std::uint64_t place) {
  return place >> kIndexBits;
}

}  // namespace

Replica::Replica(const ReplicaOptions& options, transport::Transport& transport, const base::Clock& clock,
                 StateMachine& state_machine, paxos::Observer* observer, ApplyObserver* apply_observer)
    : options_(options),
      clock_(clock),
      state_machine_(state_machine),
      apply_observer_(apply_observer),
      engine_(options.protocol, transport, observer, options.busy_look_interval_ns),
      sessions_(options.sessions),
      max_command_bytes_(engine_.core().log().MaxPayloadBytes() - CommandPrefixBytes(CommandKind::kSession) -
                         8),
      proposals_(options.max_proposals),
      reads_(options.max_reads),
      epoch_(engine_.core().leadership_epoch()),
      reply_memory_(kMaxReplyBytes),
      reply_(reply_memory_),
      wall_offset_ns_(options.wall_clock_ns() - clock.NowNs()),
      hashes_(kHashesKept),
      until_hash_(options.hash_interval_commands) {
  GAIOS_CHECK(options.max_proposals > 0 && options.max_reads > 0,
              "a replica needs room for proposals and reads");
}

std::size_t Replica::reserved_bytes() const {
  return proposals_.reserved_bytes() + reads_.size() * sizeof(PendingRead) + reply_memory_.size() +
         sessions_.reserved_bytes();
}

// ---- proposing
// ------------------------------------------------------------------------------------------------------

inline Taken Replica::Ready(std::size_t bytes) {
  if (bytes > max_command_bytes_) [[unlikely]] {
    return Taken::kTooLarge;
  }
  if (proposals_.size() == options_.max_proposals) [[unlikely]] {
    return Taken::kFull;
  }
  if (engine_.core().leadership_epoch() != epoch_) [[unlikely]] {
    ForgetProposals();
  }
  return Taken::kTaken;
}

Taken Replica::ClaimCommand(CommandKind kind, std::size_t bytes, std::span<std::byte>& command) {
  if (const Taken ready = Ready(bytes); ready != Taken::kTaken) {
    return ready;
  }
  Refusal refusal = Refusal::kNone;
  const auto size = static_cast<std::uint32_t>(CommandPrefixBytes(kind) + bytes);
  const std::span<std::byte> space = engine_.core().Claim(size, StampNs(), refusal);
  if (refusal != Refusal::kNone) {
    return FromRefusal(refusal);
  }
  command = EncodeCommandPrefix(kind, {}, bytes, space);
  return Taken::kTaken;
}

[[gnu::always_inline]] inline void Replica::AwaitAnswer(const paxos::Proposal& proposal,
                                                        ProposalListener& listener, std::uint64_t tag) {
  proposals_.Add(PlaceOf(proposal.slot, proposal.index), 1, listener, tag);
}

Taken Replica::Claim(std::size_t bytes, std::span<std::byte>& command) {
  return ClaimCommand(CommandKind::kUser, bytes, command);
}

void Replica::Commit(ProposalListener& listener, std::uint64_t tag) {
  AwaitAnswer(engine_.core().Publish(), listener, tag);
}

// Opens a batch with room for a command, or says why it cannot be taken.
Taken Replica::MakeRoom(std::size_t bytes, std::size_t size) {
  if (const Taken ready = Ready(bytes); ready != Taken::kTaken) [[unlikely]] {
    return ready;
  }
  const Refusal refusal = engine_.core().Reserve(size, StampNs());
  return refusal == Refusal::kNone ? Taken::kTaken : FromRefusal(refusal);
}

// The usual case without a call on its way: room in the batch that is open, and a command that is quickly
// copied.
template <CommandKind kKind>
[[gnu::always_inline]] inline Taken Replica::ProposeAs(SessionCommand session,
                                                       std::span<const std::byte> command,
                                                       ProposalListener& listener, std::uint64_t tag) {
  const std::size_t size = CommandPrefixBytes(kKind) + command.size();
  if (proposals_.size() == options_.max_proposals || command.size() > base::kFewBytes) [[unlikely]] {
    return ProposeSlowly<kKind>(session, command, listener, tag);
  }
  paxos::Proposal proposal;
  // A batch that is open was opened under this leadership: by MakeRoom, or behind one that was.
  std::byte* place = nullptr;
  if (!engine_.core().TryAppend(size, StampNs(), proposal, place)) [[unlikely]] {
    return ProposeSlowly<kKind>(session, command, listener, tag);
  }
  const std::span<std::byte> to = EncodeCommandPrefix(kKind, session, command.size(), {place, size});
  base::CopyFew(to.data(), command.data(), command.size());
  AwaitAnswer(proposal, listener, tag);
  return Taken::kTaken;
}

template <CommandKind kKind>
[[gnu::noinline]] Taken Replica::ProposeSlowly(SessionCommand session, std::span<const std::byte> command,
                                               ProposalListener& listener, std::uint64_t tag) {
  const std::size_t size = CommandPrefixBytes(kKind) + command.size();
  if (const Taken taken = MakeRoom(command.size(), size); taken != Taken::kTaken) {
    return taken;
  }
  paxos::Proposal proposal;
  std::byte* place = nullptr;
  GAIOS_CHECK(engine_.core().TryAppend(size, StampNs(), proposal, place),
              "there is room for what room was made for");
  const std::span<std::byte> to = EncodeCommandPrefix(kKind, session, command.size(), {place, size});
  base::CopyFew(to.data(), command.data(), command.size());
  AwaitAnswer(proposal, listener, tag);
  return Taken::kTaken;
}

Taken Replica::Propose(std::span<const std::byte> command, ProposalListener& listener, std::uint64_t tag) {
  return ProposeAs<CommandKind::kUser>({}, command, listener, tag);
}

Taken Replica::ProposeIn(SessionCommand session, std::span<const std::byte> command,
                         ProposalListener& listener, std::uint64_t tag) {
  return session.session == 0 ? Propose(command, listener, tag)
                              : ProposeAs<CommandKind::kSession>(session, command, listener, tag);
}

std::size_t Replica::ProposeMany(std::span<const Submission> submissions, ProposalListener& listener,
                                 std::uint64_t first_tag, Taken& next) {
  next = Taken::kTaken;
  std::size_t taken = ProposeRun(submissions, listener, first_tag);
  while (taken < submissions.size()) {
    // One that does not go into the batch that is open: it begins another, or is told why not.
    const Submission& submission = submissions[taken];
    next = ProposeIn(submission.session, submission.command, listener, first_tag + taken);
    if (next != Taken::kTaken) [[unlikely]] {
      break;
    }
    ++taken;
    taken += ProposeRun(submissions.subspan(taken), listener, first_tag + taken);
  }
  return taken;
}

// The first of `submissions`, as many as go into the batch that is open and are quickly copied. Returns how
// many.
std::size_t Replica::ProposeRun(std::span<const Submission> submissions, ProposalListener& listener,
                                std::uint64_t first_tag) {
  paxos::BatchRoom room = engine_.core().Room();
  const paxos::Proposal first = room.next();
  const std::size_t most = std::min(submissions.size(), options_.max_proposals - proposals_.size());
  std::size_t taken = 0;
  for (; taken < most; ++taken) {
    const auto& [command, session] = submissions[taken];
    const CommandKind kind = session.session == 0 ? CommandKind::kUser : CommandKind::kSession;
    const std::size_t size = CommandPrefixBytes(kind) + command.size();
    std::byte* const place = command.size() <= base::kFewBytes ? room.TryPlace(size) : nullptr;
    if (place == nullptr) [[unlikely]] {
      break;
    }
    const std::span<std::byte> to = EncodeCommandPrefix(kind, session, command.size(), {place, size});
    base::CopyFew(to.data(), command.data(), command.size());
  }
  if (taken != 0) {
    engine_.core().Add(room);
    proposals_.Add(PlaceOf(first.slot, first.index), taken, listener, first_tag);
  }
  return taken;
}

Taken Replica::OpenSession(ProposalListener& listener, std::uint64_t tag) {
  std::span<std::byte> space;
  const Taken taken = ClaimCommand(CommandKind::kOpenSession, 0, space);
  if (taken == Taken::kTaken) {
    Commit(listener, tag);
  }
  return taken;
}

HandOverAnswer Replica::HandOver(paxos::ReplicaId to) {
  paxos::Replica& core = engine_.core();
  if (!core.established()) {
    return HandOverAnswer::kNotLeader;
  }
  if (core.handing_over()) {
    return HandOverAnswer::kUnderWay;
  }
  const bool begun = core.HandOver(to);
  engine_.CarryOut();
  return begun ? HandOverAnswer::kBegun : HandOverAnswer::kNotAble;
}

bool Replica::Drain(bool drained) {
  const bool done = engine_.core().Drain(drained);
  engine_.CarryOut();
  return done;
}

paxos::ChangeRefusal Replica::ChangeMembership(const paxos::ConfigurationChange& change) {
  const paxos::ChangeRefusal refusal = engine_.core().ChangeMembership(change);
  engine_.CarryOut();
  return refusal;
}

void Replica::ForgetProposals() {
  epoch_ = engine_.core().leadership_epoch();
  hash_due_ = 0;
  // A listener may propose again, to be refused, but not be called for what it proposes here.
  for (std::size_t left = proposals_.size(); left > 0; --left) {
    const Proposals::Asker asker = proposals_.TakeOldest();
    asker.listener->OnUnknown(asker.tag);
  }
  ForgetReads();
}

// ---- reading
// --------------------------------------------------------------------------------------------------------

Taken Replica::Read(ReadListener& listener, std::uint64_t tag) {
  if (engine_.core().leadership_epoch() != epoch_) {
    ForgetProposals();
  }
  if (reads_count_ == reads_.size()) {
    return Taken::kFull;
  }
  if (divergence_.has_value()) {
    return Taken::kNotLeader;
  }
  const std::optional<paxos::Replica::Read> read = engine_.core().StartRead();
  if (!read.has_value()) {
    return Taken::kNotLeader;
  }
  reads_[(reads_first_ + reads_count_++) % reads_.size()] = {*read, &listener, tag};
  return Taken::kTaken;
}

// Reads are confirmed, and lost, in the order in which they were asked for.
void Replica::AnswerReads() {
  const paxos::Replica& core = engine_.core();
  for (; reads_confirmed_ < reads_count_; ++reads_confirmed_) {
    PendingRead& next = reads_[(reads_first_ + reads_confirmed_) % reads_.size()];
    const std::optional<paxos::Position> index = core.ReadIndex(next.read);
    if (!index.has_value()) {
      break;
    }
    next.read.index = *index;
  }
  while (reads_count_ > 0) {
    const bool lost = core.ReadLost(reads_[reads_first_].read);
    if (!lost && (reads_confirmed_ == 0 || reads_[reads_first_].read.index > core.applied())) {
      return;
    }
    const PendingRead oldest = TakeOldestRead();
    if (lost) {
      oldest.listener->OnLost(oldest.tag);
    } else {
      oldest.listener->OnReadable(oldest.tag);
    }
  }
}

Replica::PendingRead Replica::TakeOldestRead() {
  const PendingRead oldest = reads_[reads_first_];
  reads_first_ = (reads_first_ + 1) % reads_.size();
  --reads_count_;
  reads_confirmed_ -= reads_confirmed_ > 0 ? 1 : 0;
  return oldest;
}

void Replica::ForgetReads() {
  for (std::size_t left = reads_count_; left > 0; --left) {
    const PendingRead read = TakeOldestRead();
    read.listener->OnLost(read.tag);
  }
}

// ---- applying
// -------------------------------------------------------------------------------------------------------

// Tells whoever proposed the command at the head of those under way, if it is this one.
[[gnu::always_inline]] inline void Replica::Answer(std::uint64_t place, std::uint64_t slot, Applied how,
                                                   std::span<const std::byte> reply) {
  if (Proposals::Asker asker; proposals_.TakeAt(place, asker)) {
    asker.listener->OnCommitted(asker.tag, slot, how, reply);
  }
}

template <CommandKind kKind>
[[gnu::always_inline]] inline void Replica::ApplyCommand(const DecodedCommand& decoded, paxos::Slot slot,
                                                         std::uint32_t index) {
  constexpr bool kInSession = kKind == CommandKind::kSession;
  const std::uint64_t place = PlaceOf(slot, index);
  const Command command{.slot = slot.value(),
                        .time_ns = last_time_ns_,
                        .session = kInSession ? decoded.session.session : 0,
                        .sequence = kInSession ? decoded.session.sequence : 0,
                        .bytes = decoded.bytes};
  if constexpr (kInSession) {
    std::span<const std::byte> earlier;
    const Sessions::Verdict verdict = sessions_.Judge(decoded.session, command.time_ns, earlier);
    if (verdict != Sessions::Verdict::kRun) [[unlikely]] {
      Refuse(command, verdict, earlier, place);
      return;
    }
  }
  Reply& reply = reply_;
  reply.Clear();
  state_machine_.Apply(command, reply);
  ++applied_commands_;
  if (--until_hash_ == 0) [[unlikely]] {
    TakeHash();
  }
  if constexpr (kInSession) {
    sessions_.Finish(reply.bytes());
  }
  if (apply_observer_ != nullptr) [[unlikely]] {
    apply_observer_->OnApplied(command, Applied::kApplied, reply.bytes());
  }
  Answer(place, command.slot, Applied::kApplied, reply.bytes());
}

// A command that is not run: its session says that it has been, or may not be.
void Replica::Refuse(const Command& command, Sessions::Verdict verdict, std::span<const std::byte> reply,
                     std::uint64_t place) {
  const Applied how = FromVerdict(verdict);
  if (apply_observer_ != nullptr) {
    apply_observer_->OnApplied(command, how, reply);
  }
  Answer(place, command.slot, how, reply);
}

// A command of the replica's own, which the state machine does not see.
void Replica::ApplyOwn(CommandKind kind, std::span<const std::byte> bytes, std::uint64_t place) {
  if (kind == CommandKind::kStateHash) {
    CompareHash(bytes);
    return;  // nobody's proposal
  }
  std::uint64_t session_id = place;
  Applied how = Applied::kApplied;
  if (!sessions_.Open(session_id, last_time_ns_)) {
    session_id = 0;
    how = Applied::kExpired;
  }
  Answer(place, SlotOf(place), how, {reinterpret_cast<const std::byte*>(&session_id), sizeof(session_id)});
}

void Replica::Announce(CommandReader& ahead) {
  DecodedCommand coming;
  if (ahead.Next(coming) && coming.kind != CommandKind::kStateHash) {
    state_machine_.Prefetch(coming.bytes);
  }
}

template <bool kAnnounced>
[[gnu::always_inline]] inline void Replica::ApplyCommands(const paxos::Entry& entry, std::uint32_t commands,
                                                          std::uint32_t distance) {
  CommandReader ahead(entry.payload);
  for (std::uint32_t i = 0; kAnnounced && i < std::min(distance, commands); ++i) {
    Announce(ahead);
  }
  CommandReader reader(entry.payload);
  for (std::uint32_t index = 0; index < commands; ++index) {
    if (kAnnounced && index + distance < commands) {
      Announce(ahead);
    }
    DecodedCommand decoded;
    GAIOS_CHECK(reader.Next(decoded), "a committed batch holds what its header says");
    if (decoded.kind == CommandKind::kUser) [[likely]] {
      ApplyCommand<CommandKind::kUser>(decoded, entry.slot(), index);
    } else if (decoded.kind == CommandKind::kSession) {
      ApplyCommand<CommandKind::kSession>(decoded, entry.slot(), index);
    } else {
      ApplyOwn(decoded.kind, decoded.bytes, PlaceOf(entry.slot(), index));
      if (divergence_.has_value()) [[unlikely]] {
        return;
      }
    }
  }
}

void Replica::ApplyBatch(const paxos::Entry& entry) {
  const std::uint32_t distance = state_machine_.PrefetchDistance();
  if (distance == 0) {
    ApplyCommands<false>(entry, entry.header.commands, 0);
  } else {
    ApplyCommands<true>(entry, entry.header.commands, distance);
  }
}

// The usual case: all that waits is one command of no session. False, and nothing has happened, in any other.
[[gnu::always_inline]] inline bool Replica::ApplyOne() {
  paxos::Replica& core = engine_.core();
  if (!core.NextIsLast() || !core.NextIsOfOne()) {
    return false;
  }
  const paxos::Entry entry = core.NextToApply();
  DecodedCommand decoded;
  if (!CommandReader::IsOneOfUser(entry.payload, decoded)) {
    return false;
  }
  last_time_ns_ = std::max(last_time_ns_, entry.header.time_ns);
  ApplyCommand<CommandKind::kUser>(decoded, entry.slot(), 0);
  core.AppliedLast();  // space is reused only when this is applied and published
  return true;
}

[[gnu::always_inline]] inline void Replica::ApplyCommitted() {
  if (divergence_.has_value() || ApplyOne()) {
    return;
  }
  if (engine_.core().HasNextToApply()) {
    ApplyMany();
  }
}

[[gnu::noinline]] void Replica::ApplyMany() {
  paxos::Replica& core = engine_.core();
  for (int i = 0; i < kEntriesPerPoll && core.HasNextToApply(); ++i) {
    const paxos::Entry entry = core.NextToApply();
    if (entry.kind() == paxos::EntryKind::kBatch) [[likely]] {
      // Time in the log never goes back, whatever the clocks of successive leaders say.
      last_time_ns_ = std::max(last_time_ns_, entry.header.time_ns);
      if (entry.header.commands == 1) {  // alone, there is nothing to be ahead of
        ApplyCommands<false>(entry, 1, 0);
      } else {
        ApplyBatch(core.NextToApply());  // read once more: the usual case keeps its own in registers
      }
      if (divergence_.has_value()) [[unlikely]] {
        break;
      }
    }
    core.Applied(entry);
  }
  if (!core.actions().empty()) [[unlikely]] {
    engine_.CarryOut();  // it has withdrawn; what is applied is published at the next turn
  }
}

bool Replica::Poll() {
  return engine_.writes_at_once() ? PollWriting() : PollPosting();
}

// Where writes are done at once.
[[gnu::noinline]] bool Replica::PollWriting() {
  now_ns_ = clock_.NowNs();
  const bool written = engine_.WriteAtOnce(now_ns_, paxos::ChecksumInPlace);
  if (written && engine_.TryEndTurn(now_ns_)) [[likely]] {
    ApplyCommitted();  // all else has its turn within a microsecond
    return true;
  }
  return EndTurn(written ? Engine::Begun::kWritten : Engine::Begun::kNot);
}

// Where they are posted.
[[gnu::noinline]] bool Replica::PollPosting() {
  now_ns_ = clock_.NowNs();
  if (!engine_.posts_to_all()) {
    engine_.core().SetTime(now_ns_);
    return EndTurn(Engine::Begun::kNot);
  }
  if (!engine_.PostAll(now_ns_, paxos::ChecksumInPlace)) {
    return EndTurn(Engine::Begun::kNot);
  }
  std::size_t events = 0;
  if (reads_count_ > 0 || !engine_.TryLook(now_ns_, events)) {
    return EndTurn(Engine::Begun::kPosted);
  }
  const paxos::Position applied = engine_.core().applied();
  if (engine_.core().leadership_epoch() != epoch_) [[unlikely]] {
    ForgetProposals();
  }
  ApplyCommitted();
  return events != 0 || engine_.core().applied() != applied;
}

[[gnu::noinline]] bool Replica::EndTurn(Engine::Begun begun) {
  const bool active = engine_.EndTurn(now_ns_, begun);
  const paxos::Position applied = engine_.core().applied();
  if (engine_.core().leadership_epoch() != epoch_) {
    ForgetProposals();
  }
  ApplyCommitted();
  if (reads_count_ > 0) [[unlikely]] {
    AnswerReads();
  }
  if (hash_due_ != 0) {
    ProposeHash();
  }
  return active || engine_.core().applied() != applied;
}

// ---- divergence
// -----------------------------------------------------------------------------------------------------

void Replica::TakeHash() {
  until_hash_ = options_.hash_interval_commands;
  hashes_[next_hash_ % kHashesKept] = {applied_commands_, state_machine_.StateHash()};
  ++next_hash_;
  if (leading()) {
    hash_due_ = applied_commands_;
  }
}

void Replica::ProposeHash() {
  const StateHashAt& latest = hashes_[(next_hash_ - 1) % kHashesKept];
  StateHashCommand command{latest.commands, latest.hash};
  std::span<std::byte> space;
  const Taken taken = ClaimCommand(CommandKind::kStateHash, sizeof(command), space);
  if (taken == Taken::kTaken) {
    std::memcpy(space.data(), &command, sizeof(command));
    static_cast<void>(engine_.core().Publish());  // nobody waits for it
  }
  if (taken != Taken::kFull) {
    hash_due_ = 0;
  }
}

void Replica::CompareHash(std::span<const std::byte> bytes) {
  StateHashCommand leaders;
  GAIOS_CHECK(bytes.size() == sizeof(leaders), "a state hash command holds a count and a hash");
  std::memcpy(&leaders, bytes.data(), sizeof(leaders));
  for (const StateHashAt& own : hashes_) {
    if (own.commands == leaders.commands && own.commands != 0 && own.hash != leaders.hash) {
      divergence_ = Divergence{own.commands, own.hash, leaders.hash};
      engine_.core().Withdraw();
    }
  }
}

}  // namespace gaios::rsm
