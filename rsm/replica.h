#ifndef GAIOS_RSM_REPLICA_H_
#define GAIOS_RSM_REPLICA_H_

// One replica of a user's state machine: the protocol, joined to a transport, applying what is committed.
//
// A replica is one non-blocking loop. Call Poll() from your own thread, as often as you can; everything
// happens inside it, and listeners are called from it. Or let a ReplicaThread do that. One thread; nothing
// allocates, locks or makes system calls on the way of a command.
//
// Only the leader takes proposals. Each one taken is answered by exactly one call of its listener: committed
// with its reply, or unknown, when this replica lost the leadership before it could tell. Nothing is guessed:
// an unknown command may have been committed, and may yet be. Linearizable reads are taken by the leader and
// by those who follow it.

#include <cstddef>
#include <cstdint>
#include <memory>
#include <optional>
#include <span>
#include <string>
#include <vector>

#include <absl/status/status.h>
#include <absl/status/statusor.h>

#include "gaios/base/clock.h"
#include "gaios/rsm/command_codec.h"
#include "gaios/rsm/engine.h"
#include "gaios/rsm/proposals.h"
#include "gaios/rsm/sessions.h"
#include "gaios/rsm/snapshot/facts.h"
#include "gaios/rsm/state_machine.h"
#include "gaios/transport/transport.h"

namespace gaios::rsm {

// What Propose says at once. Only kTaken is followed by a call of the listener.
enum class [[nodiscard]] Taken : std::uint8_t {
  kTaken,
  kNotLeader,  // see Replica::leader() for whom to ask
  kFull,       // the log or the queue of proposals under way has no room now: poll and try again
  kTooLarge,   // larger than Replica::max_command_bytes()
};

// What HandOver says at once.
enum class [[nodiscard]] HandOverAnswer : std::uint8_t {
  kBegun,
  kNotLeader,  // see Replica::leader() for whom to ask
  kNotAble,   // the other is no voter, cannot be reached, stands aside, or has been fenced off or left behind
  kUnderWay,  // one has begun and not ended
};

// A command for ProposeMany.
struct Submission {
  std::span<const std::byte> command;
  SessionCommand session;  // its place in a client session; zero: of none
};

// How a command that was committed fared in its session.
enum class Applied : std::uint8_t {
  kApplied,         // run now, with its reply
  kDuplicate,       // had been run before; the reply is the one it had then
  kReplyForgotten,  // had been run before; its reply is no longer kept
  kExpired,         // its session is not known (any more): not run
  kOutOfOrder,      // not the next number of its session: not run
};

// Hears what became of proposals, from within Poll (or, for those lost at once, never from within Propose).
class ProposalListener {
 public:
  virtual ~ProposalListener() = default;
  // `reply` is valid for the call.
  virtual void OnCommitted(std::uint64_t tag, std::uint64_t slot, Applied how,
                           std::span<const std::byte> reply) = 0;
  virtual void OnUnknown(std::uint64_t tag) = 0;
};

// Sees every command as it is applied, in order, on every replica: for journals and tests. May be absent.
class ApplyObserver {
 public:
  virtual ~ApplyObserver() = default;
  virtual void OnApplied(const Command& command, Applied how, std::span<const std::byte> reply) = 0;
};

// Hears that the state machine may be read, from within Poll.
class ReadListener {
 public:
  virtual ~ReadListener() = default;
  // The state machine, as it is during this call, holds everything that was committed when the read was asked
  // for.
  virtual void OnReadable(std::uint64_t tag) = 0;
  // It cannot be said any more: the leadership was lost, or this follower has promised another leader, or the
  // one it follows does not answer. Ask again, here or elsewhere.
  virtual void OnLost(std::uint64_t tag) = 0;
};

struct ReplicaOptions {
  paxos::Options protocol;
  // Proposals under way at once; one more is kFull.
  std::size_t max_proposals = std::size_t{1} << 16;
  // Linearizable reads under way at once; one more is kFull.
  std::size_t max_reads = 1024;
  SessionOptions sessions;
  // A leader whose writes are done at once (Transport::WriteToAll), and that writes in every turn, looks at
  // all else so often: events, timers, reads; ns. One that posts to all (Transport::PostToAll) looks so often
  // at its timers, and else at its events alone: not above Engine::kTickIntervalNs where its beats count.
  paxos::TimeNs busy_look_interval_ns = Engine::kBusyLookIntervalNs;
  // The leader puts the hash of its state in the log every so many commands, and every replica compares. 0:
  // never.
  std::uint64_t hash_interval_commands = 10'000;
  // Calendar time, ns since 1970, asked for once: the commands' times count from it. Handed in, as it ends up
  // in the log: with one of its own a simulation runs twice alike.
  std::uint64_t (*wall_clock_ns)() = base::WallClockNs;
};

// A replica whose state differs from the leader's: it has stopped applying.
struct Divergence {
  std::uint64_t commands = 0;  // applied when the hashes were taken
  std::uint64_t own_hash = 0;
  std::uint64_t leader_hash = 0;
};

class Replica {
 public:
  // `transport`, `clock`, `state_machine`, and `observer` and `apply_observer` unless null, must outlive the
  // replica.
  Replica(const ReplicaOptions& options, transport::Transport& transport, const base::Clock& clock,
          StateMachine& state_machine, paxos::Observer* observer = nullptr,
          ApplyObserver* apply_observer = nullptr);
  Replica(const Replica&) = delete;
  Replica& operator=(const Replica&) = delete;

  // One turn of the loop. Returns whether there was anything to do.
  bool Poll();
  // After a turn: something is under way that takes no longer than an answer does (an election, a hand-over).
  // A loop that sleeps now makes it last: see base::Idle::OnAwaiting.
  [[nodiscard]] bool awaiting() const { return engine_.core().awaiting(); }
  // It is being decided who leads, and that may be this replica, or nobody is known to: a command that is
  // refused now might be taken in a moment. A candidate may still hear the leader that it follows.
  [[nodiscard]] bool leader_undecided() const {
    const paxos::Replica& core = engine_.core();
    const bool stands = core.role() == paxos::Role::kCandidate || core.role() == paxos::Role::kLeader;
    return awaiting() && (stands || !core.leader().has_value());
  }

  // Proposes a copy of `command`. `listener` is called once with `tag`, and must live until then.
  Taken Propose(std::span<const std::byte> command, ProposalListener& listener, std::uint64_t tag);
  // The same within a client session: applied once, however often it is proposed.
  Taken ProposeIn(SessionCommand session, std::span<const std::byte> command, ProposalListener& listener,
                  std::uint64_t tag);
  // Proposes many in one call, in order: each as Propose or ProposeIn would, with `first_tag`, the tag after
  // it and so on. Returns how many were taken; when that is not all, `next` says why the next one was not.
  std::size_t ProposeMany(std::span<const Submission> submissions, ProposalListener& listener,
                          std::uint64_t first_tag, Taken& next);
  // Opens a session; its id is the reply (8 bytes). It is forgotten when unused for long and others need the
  // room.
  Taken OpenSession(ProposalListener& listener, std::uint64_t tag);

  // Without a copy: claim room in the log itself, write the command there, and commit to it before the next
  // call of anything else.
  Taken Claim(std::size_t bytes, std::span<std::byte>& command);
  void Commit(ProposalListener& listener, std::uint64_t tag);

  // A linearizable read, with nothing put into the log: `listener` is called once with `tag`, from within
  // Poll, when the state machine has applied all that was committed at this moment. At the leader a majority
  // has then confirmed, after this moment, that nobody else leads. At a follower, memory of the leader and of
  // a majority was read after this moment, and nobody else's processor took part: reads spread over the
  // replicas. kTaken, kFull or kNotLeader; the last also while a new leader, or a follower of one, does not
  // know yet what its predecessor had committed, and where no leader can be reached or this replica does not
  // vote.
  Taken Read(ReadListener& listener, std::uint64_t tag);

  // What SaveSnapshot would save now, but for its origin, which the replica does not know.
  [[nodiscard]] SnapshotFacts DescribeState() const;
  // Sessions, then state machine, as they are between two turns. May be called in a child that was forked.
  [[nodiscard]] absl::Status SaveSnapshot(SnapshotSink& sink) const;
  // Nothing while the leader's log holds all that this replica lacks. Else the position from which on it is
  // held: a snapshot of there, or of later, helps.
  [[nodiscard]] std::optional<paxos::Position> SnapshotWanted() const;
  // Takes over a state that is ahead of this replica's: state machine, sessions, counts and times, and the
  // place in the log. `source` has been verified, and its origin is this group's. Blocks as long as Restore
  // takes. When it fails the replica is as it was, but for one case: a Restore that says it went well and
  // leaves a state of another hash has diverged (divergence()). FailedPrecondition: the snapshot is of no use
  // here; Unavailable: not now. Observers do not see the commands that it stands for.
  [[nodiscard]] absl::Status InstallSnapshot(const SnapshotFacts& facts, SnapshotSource& source);
  // For a new group that is made from a snapshot of another: takes over the state machine, its count and its
  // time, and no sessions, whose ids are places in the other's log. `source` is behind the sessions. Before
  // the first Poll, on every replica alike.
  [[nodiscard]] absl::Status BeginWith(const SnapshotFacts& facts, SnapshotSource& source);

  // Leader: hands the leadership over to replica `to`. Begun, all stand by, for `stand_by_ns` at most; then
  // it takes nothing more (kFull) until `to` leads, or cannot; everything that it had taken is answered as
  // committed before. See leader() for what came of it.
  HandOverAnswer HandOver(paxos::ReplicaId to);

  // Takes this replica out of leading, or lets it in again; for as long as it lives. Drained, it hands over
  // when it leads, asks for no leadership while another can have it, and is not handed it by itself. False,
  // and nothing happens, when it leads and nobody else could now.
  [[nodiscard]] bool Drain(bool drained);

  // Leader: changes who is in the group, one replica at a time. Taken, it stands in the log, and is made when
  // core().change_settled() says so. A leader that is removed hands over by itself once that is committed.
  [[nodiscard]] paxos::ChangeRefusal ChangeMembership(const paxos::ConfigurationChange& change);

  // For a replica that takes part no more, and is never polled again: applies what its log holds, known to be
  // chosen or not, as if it went on alone. What is under way has been answered as unknown before. Says what
  // SaveSnapshot would save then. Nothing of this is known to the group: what becomes of it must be another.
  [[nodiscard]] SnapshotFacts ApplyAllThatIsHeld();

  // Answers everything that is under way as unknown, or lost: for a replica that will not be polled any more.
  void Close() { ForgetProposals(); }

  [[nodiscard]] bool leading() const { return engine_.core().established(); }
  // Who leads, as far as this replica knows.
  [[nodiscard]] std::optional<paxos::ReplicaId> leader() const { return engine_.core().leader(); }
  [[nodiscard]] std::size_t max_command_bytes() const { return max_command_bytes_; }
  [[nodiscard]] std::size_t proposals_under_way() const { return proposals_.size(); }
  [[nodiscard]] std::uint64_t applied_commands() const { return applied_commands_; }
  [[nodiscard]] const std::optional<Divergence>& divergence() const { return divergence_; }
  [[nodiscard]] const paxos::Replica& core() const { return engine_.core(); }
  // The time of the latest turn, on the clock's scale.
  [[nodiscard]] paxos::TimeNs now_ns() const { return now_ns_; }
  [[nodiscard]] std::uint64_t state_hash() const { return state_machine_.StateHash(); }
  [[nodiscard]] const Sessions& sessions() const { return sessions_; }
  [[nodiscard]] const StateMachine& state_machine() const { return state_machine_; }
  // Bytes that the replica itself has allocated; the transport's come on top.
  [[nodiscard]] std::size_t reserved_bytes() const;

 private:
  struct PendingRead {
    paxos::Replica::Read read;
    ReadListener* listener = nullptr;
    std::uint64_t tag = 0;
  };
  struct StateHashAt {
    std::uint64_t commands = 0;
    std::uint64_t hash = 0;
  };

  Taken Ready(std::size_t bytes);
  Taken ClaimCommand(CommandKind kind, std::size_t bytes, std::span<std::byte>& command);
  template <CommandKind kKind>
  Taken ProposeAs(SessionCommand session, std::span<const std::byte> command, ProposalListener& listener,
                  std::uint64_t tag);
  template <CommandKind kKind>
  Taken ProposeSlowly(SessionCommand session, std::span<const std::byte> command, ProposalListener& listener,
                      std::uint64_t tag);
  Taken MakeRoom(std::size_t bytes, std::size_t size);
  std::size_t ProposeRun(std::span<const Submission> submissions, ProposalListener& listener,
                         std::uint64_t first_tag);
  void AwaitAnswer(const paxos::Proposal& proposal, ProposalListener& listener, std::uint64_t tag);
  [[nodiscard]] bool PollWriting();
  [[nodiscard]] bool PollPosting();
  [[nodiscard]] bool EndTurn(Engine::Begun begun);
  void ApplyCommitted();
  [[nodiscard]] bool ApplyOne();
  void ApplyMany();
  void ApplyBatch(const paxos::Entry& entry);
  template <bool kAnnounced>
  void ApplyCommands(const paxos::Entry& entry, std::uint32_t commands, std::uint32_t distance);
  template <CommandKind kKind>
  void ApplyCommand(const DecodedCommand& decoded, paxos::Slot slot, std::uint32_t index);
  void Announce(CommandReader& ahead);
  void ApplyOwn(CommandKind kind, std::span<const std::byte> bytes, std::uint64_t place);
  void Refuse(const Command& command, Sessions::Verdict verdict, std::span<const std::byte> reply,
              std::uint64_t place);
  void Answer(std::uint64_t place, std::uint64_t slot, Applied how, std::span<const std::byte> reply);
  void AnswerReads();
  PendingRead TakeOldestRead();
  void ForgetProposals();
  void ForgetReads();
  void TakeHash();
  void CompareHash(std::span<const std::byte> bytes);
  [[nodiscard]] absl::Status TakeOver(const SnapshotFacts& facts, SnapshotSource& source);
  void ProposeHash();
  [[nodiscard]] std::uint64_t StampNs() const { return now_ns_ + wall_offset_ns_; }

  const ReplicaOptions options_;
  const base::Clock& clock_;
  StateMachine& state_machine_;
  ApplyObserver* const apply_observer_;
  Engine engine_;
  Sessions sessions_;
  std::size_t max_command_bytes_;
  Proposals proposals_;
  std::vector<PendingRead> reads_;  // a ring, oldest first
  std::size_t reads_first_ = 0;
  std::size_t reads_count_ = 0;
  std::size_t reads_confirmed_ = 0;  // so many of the oldest know their index and wait for it to be applied
  std::uint64_t epoch_;              // leadership epoch that `proposals_` and `reads_` belong to
  std::vector<std::byte> reply_memory_;
  Reply reply_;  // of the command that is being applied
  std::uint64_t applied_commands_ = 0;
  std::uint64_t last_time_ns_ = 0;    // stamp of the last command applied
  std::uint64_t wall_offset_ns_ = 0;  // wall clock minus monotonic clock
  paxos::TimeNs now_ns_ = 0;
  std::vector<StateHashAt> hashes_;  // the latest few, a ring
  std::size_t next_hash_ = 0;
  std::uint64_t until_hash_;    // commands until the next is taken; from 0 on: never
  std::uint64_t hash_due_ = 0;  // commands at which the leader's last hash was taken but not yet proposed
  std::optional<Divergence> divergence_;
};

}  // namespace gaios::rsm

#endif  // GAIOS_RSM_REPLICA_H_
