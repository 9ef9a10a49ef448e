#include "gaios/rsm/replica.h"

#include <algorithm>
#include <array>
#include <cstring>

#include "gaios/base/check.h"
#include "gaios/base/copy.h"

namespace gaios::rsm {
namespace {

using paxos::Refusal;

constexpr std::size_t kHashesKept = 64;
constexpr int kEntriesPerPoll = 32;

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

// Names a session by the place of the command that opened it, which no other command ever has.
std::uint64_t SessionId(paxos::Slot slot, std::uint32_t index) {
  return (slot.value() << 16) | (index & 0xffff);
}

}  // namespace

Replica::Replica(const ReplicaOptions& options, transport::Transport& transport, const base::Clock& clock,
                 StateMachine& state_machine, paxos::Observer* observer, ApplyObserver* apply_observer)
    : options_(options),
      clock_(clock),
      state_machine_(state_machine),
      apply_observer_(apply_observer),
      engine_(options.protocol, transport, observer),
      sessions_(options.sessions),
      max_command_bytes_(engine_.core().log().MaxPayloadBytes() - CommandPrefixBytes(CommandKind::kSession) -
                         8),
      pending_(options.max_proposals),
      reads_(options.max_reads),
      epoch_(engine_.core().leadership_epoch()),
      reply_memory_(kMaxReplyBytes),
      wall_offset_ns_(options.wall_clock_ns() - clock.NowNs()),
      hashes_(kHashesKept),
      next_hash_at_(options.hash_interval_commands) {
  GAIOS_CHECK(options.max_proposals > 0 && options.max_reads > 0,
              "a replica needs room for proposals and reads");
}

std::size_t Replica::reserved_bytes() const {
  return pending_.size() * sizeof(Pending) + reads_.size() * sizeof(PendingRead) + reply_memory_.size() +
         sessions_.reserved_bytes();
}

bool Replica::Poll() {
  now_ns_ = clock_.NowNs();
  const bool active = engine_.Poll(now_ns_);
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

// ---- proposing
// ------------------------------------------------------------------------------------------------------

[[gnu::always_inline]] inline Taken Replica::ClaimCommand(CommandKind kind, SessionCommand session,
                                                          std::size_t bytes, std::span<std::byte>& command) {
  if (bytes > max_command_bytes_) {
    return Taken::kTooLarge;
  }
  if (pending_count_ == pending_.size()) {
    return Taken::kFull;
  }
  if (engine_.core().leadership_epoch() != epoch_) {
    ForgetProposals();
  }
  Refusal refusal = Refusal::kNone;
  const auto size = static_cast<std::uint32_t>(CommandPrefixBytes(kind) + bytes);
  const std::span<std::byte> space = engine_.core().Claim(size, StampNs(), refusal);
  if (refusal != Refusal::kNone) {
    return FromRefusal(refusal);
  }
  command = EncodeCommandPrefix(kind, session, bytes, space);
  return Taken::kTaken;
}

[[gnu::always_inline]] inline void Replica::PublishFor(ProposalListener& listener, std::uint64_t tag) {
  const paxos::Proposal proposal = engine_.core().Publish();
  if (pending_count_ == 0) {
    pending_first_ = 0;  // the places at the beginning are in the cache
  }
  const std::size_t place = pending_first_ + pending_count_;
  Pending& pending = pending_[place < pending_.size() ? place : place - pending_.size()];
  pending.slot = proposal.slot;
  pending.index = proposal.index;
  pending.listener = &listener;
  pending.tag = tag;
  ++pending_count_;
}

Taken Replica::Claim(std::size_t bytes, std::span<std::byte>& command) {
  return ClaimCommand(CommandKind::kUser, {}, bytes, command);
}

void Replica::Commit(ProposalListener& listener, std::uint64_t tag) {
  PublishFor(listener, tag);
}

Taken Replica::ProposeIn(SessionCommand session, std::span<const std::byte> command,
                         ProposalListener& listener, std::uint64_t tag) {
  std::span<std::byte> space;
  const Taken taken = ClaimCommand(session.session == 0 ? CommandKind::kUser : CommandKind::kSession, session,
                                   command.size(), space);
  if (taken == Taken::kTaken) {
    base::CopyFew(space.data(), command.data(), command.size());
    PublishFor(listener, tag);
  }
  return taken;
}

Taken Replica::OpenSession(ProposalListener& listener, std::uint64_t tag) {
  std::span<std::byte> space;
  const Taken taken = ClaimCommand(CommandKind::kOpenSession, {}, 0, space);
  if (taken == Taken::kTaken) {
    Commit(listener, tag);
  }
  return taken;
}

std::uint64_t Replica::StampNs() const {
  return now_ns_ + wall_offset_ns_;
}

void Replica::ForgetProposals() {
  epoch_ = engine_.core().leadership_epoch();
  hash_due_ = 0;
  // A listener may propose again, to be refused, but not be called for what it proposes here.
  for (std::size_t left = pending_count_; left > 0; --left) {
    const Pending pending = pending_[pending_first_];
    pending_first_ = pending_first_ + 1 < pending_.size() ? pending_first_ + 1 : 0;
    --pending_count_;
    pending.listener->OnUnknown(pending.tag);
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
  const std::optional<paxos::Leader::Read> read = engine_.core().StartRead();
  if (!read.has_value() || divergence_.has_value()) {
    return Taken::kNotLeader;
  }
  reads_[(reads_first_ + reads_count_++) % reads_.size()] = {*read, &listener, tag};
  return Taken::kTaken;
}

// Reads are confirmed in the order in which they were asked for: rounds and commits only grow.
void Replica::AnswerReads() {
  const std::uint64_t confirmed = engine_.core().ReadConfirmed();
  while (reads_count_ > 0) {
    const PendingRead& oldest = reads_[reads_first_];
    if (oldest.read.round > confirmed || oldest.read.index > engine_.core().applied()) {
      return;
    }
    ReadListener& listener = *oldest.listener;
    const std::uint64_t tag = oldest.tag;
    reads_first_ = (reads_first_ + 1) % reads_.size();
    --reads_count_;
    listener.OnReadable(tag);
  }
}

void Replica::ForgetReads() {
  for (std::size_t left = reads_count_; left > 0; --left) {
    const PendingRead read = reads_[reads_first_];
    reads_first_ = (reads_first_ + 1) % reads_.size();
    --reads_count_;
    read.listener->OnLost(read.tag);
  }
}

// ---- applying
// -------------------------------------------------------------------------------------------------------

[[gnu::always_inline]] inline void Replica::Run(const Command& command, Reply& reply) {
  state_machine_.Apply(command, reply);
  ++applied_commands_;
  if (applied_commands_ == next_hash_at_) [[unlikely]] {
    next_hash_at_ += options_.hash_interval_commands;
    TakeHash();
  }
}

[[gnu::always_inline]] inline void Replica::ApplyCommand(const DecodedCommand& decoded, paxos::Slot slot,
                                                         std::uint32_t index) {
  Command command;
  command.slot = slot.value();
  command.time_ns = last_time_ns_;
  command.session = decoded.session.session;
  command.sequence = decoded.session.sequence;
  command.bytes = decoded.bytes;

  Reply reply(reply_memory_);
  std::span<const std::byte> answer;
  Applied how = Applied::kApplied;
  std::uint64_t session_id = 0;
  switch (decoded.kind) {
    case CommandKind::kUser:
      Run(command, reply);
      answer = reply.bytes();
      break;
    case CommandKind::kSession: {
      const Sessions::Verdict verdict = sessions_.Judge(decoded.session, last_time_ns_, answer);
      if (verdict == Sessions::Verdict::kRun) [[likely]] {
        Run(command, reply);
        answer = reply.bytes();
        sessions_.Finish(decoded.session, answer);
      } else {
        how = FromVerdict(verdict);
      }
      break;
    }
    case CommandKind::kOpenSession:
      session_id = SessionId(slot, index);
      if (!sessions_.Open(session_id, last_time_ns_)) {
        session_id = 0;
        how = Applied::kExpired;
      }
      answer = {reinterpret_cast<const std::byte*>(&session_id), sizeof(session_id)};
      break;
    case CommandKind::kStateHash:
      CompareHash(decoded.bytes);
      return;  // nobody's proposal
  }
  if (apply_observer_ != nullptr && decoded.kind != CommandKind::kOpenSession) [[unlikely]] {
    apply_observer_->OnApplied(command, how, answer);
  }
  if (pending_count_ > 0) {
    const Pending& pending = pending_[pending_first_];
    if (pending.slot == slot && pending.index == index) {
      ProposalListener& listener = *pending.listener;
      const std::uint64_t tag = pending.tag;
      pending_first_ = pending_first_ + 1 < pending_.size() ? pending_first_ + 1 : 0;
      --pending_count_;
      listener.OnCommitted(tag, command.slot, how, answer);
    }
  }
}

void Replica::Announce(CommandReader& ahead) {
  DecodedCommand coming;
  if (ahead.Next(coming) && coming.kind != CommandKind::kStateHash) {
    state_machine_.Prefetch(coming.bytes);
  }
}

void Replica::ApplyBatch(const paxos::Entry& entry) {
  // Time in the log never goes back, whatever the clocks of successive leaders say.
  last_time_ns_ = std::max(last_time_ns_, entry.header.time_ns);
  const std::uint32_t commands = entry.header.commands;
  // Alone, there is nothing to be ahead of.
  const std::uint32_t distance = commands > 1 ? state_machine_.PrefetchDistance() : 0;
  CommandReader ahead(entry.payload);
  for (std::uint32_t i = 0; i < std::min(distance, commands); ++i) {
    Announce(ahead);
  }
  CommandReader reader(entry.payload);
  for (std::uint32_t index = 0; index < commands && !divergence_.has_value(); ++index) {
    if (distance != 0 && index + distance < commands) {
      Announce(ahead);
    }
    DecodedCommand decoded;
    GAIOS_CHECK(reader.Next(decoded), "a committed batch holds what its header says");
    ApplyCommand(decoded, entry.slot(), index);
  }
}

void Replica::ApplyCommitted() {
  paxos::Replica& core = engine_.core();
  for (int i = 0; i < kEntriesPerPoll && core.HasNextToApply() && !divergence_.has_value(); ++i) {
    const paxos::Entry entry = core.NextToApply();
    if (entry.kind() == paxos::EntryKind::kBatch) {
      ApplyBatch(entry);
    }
    // Space is reused only when this is applied and published.
    if (!divergence_.has_value()) {
      core.Applied(entry);
    }
  }
  engine_.CarryOut();
}

// ---- divergence
// -----------------------------------------------------------------------------------------------------

void Replica::TakeHash() {
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
  const Taken taken = ClaimCommand(CommandKind::kStateHash, {}, sizeof(command), space);
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
