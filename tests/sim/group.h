#ifndef GAIOS_TESTS_SIM_GROUP_H_
#define GAIOS_TESTS_SIM_GROUP_H_

// All replicas of a group as users run them: core, engine, sessions and state machine, on one simulated
// World, or over the fallback on two that lead to the same memory, each with a clock of its own, each polled
// when something has happened to it and at least once a tick. Faults of whole processes are made here; those
// of the network and of memory are the World's. One thread.

#include <cstddef>
#include <cstdint>
#include <functional>
#include <memory>
#include <optional>
#include <vector>

#include "gaios/rsm/replica.h"
#include "gaios/rsm/state_machine.h"
#include "gaios/transport/fallback/fallback_transport.h"
#include "gaios/transport/sim/world.h"

#include "tests/sim/agreed.h"
#include "tests/sim/desk.h"
#include "tests/sim/local_clock.h"
#include "tests/sim/mail.h"
#include "tests/sim/random.h"
#include "tests/sim/trace.h"
#include "tests/sim/watch.h"

namespace gaios::sim {

using paxos::ReplicaId;

struct GroupOptions {
  transport::sim::WorldOptions world;
  std::size_t voters = 3;  // the first so many are the group that begins
  // Links have two paths, the better one on the first world; `clock` and `self` are filled in.
  std::optional<transport::fallback::FallbackOptions> fallback;
  // What all replicas have in common; who they are is filled in.
  paxos::Options protocol;
  std::uint64_t hash_interval_commands = 100;
  // Per replica.
  std::vector<std::int64_t> clock_gain_ppm;
  std::vector<std::uint64_t> clock_origin_ns;
  // Between two turns of a replica that has something to do, ns.
  std::uint64_t turn_ns = 500;
  // Longest time that a snapshot is on its way, ns.
  std::uint64_t max_snapshot_ns = 20'000'000;
  std::function<std::unique_ptr<rsm::StateMachine>(paxos::Member)> make_state_machine;
};

class Group {
 public:
  Group(const GroupOptions& options, Agreed& agreed, Mail& mail, Trace& trace);

  [[nodiscard]] std::uint64_t NextNs() const;
  // Lets happen what falls due on the network, by whatever way.
  void AdvanceTo(std::uint64_t now_ns);
  // Polls every replica whose turn has come, after the world has been moved to the present.
  void Poll();
  void Receive(ReplicaId id, std::size_t client, Request request);

  // ---- faults of processes
  // ------------------------------------------------------------------------------------------------

  // Memory and process are gone.
  void Crash(ReplicaId id);
  // The process is gone, its memory stays and takes stores, its links stay up. Until Crash.
  void Stop(ReplicaId id);
  // After Crash: in the next incarnation, with empty memory.
  void Restart(ReplicaId id);
  void Pause(ReplicaId id, bool paused);
  // Whether the leader `id` begins to hand over.
  bool HandOver(ReplicaId id, ReplicaId to);
  // Whether `id` is drained now, or let in again.
  bool Drain(ReplicaId id, bool drained);
  // Whether the leader `id` puts it into its log.
  bool ChangeMembership(ReplicaId id, const paxos::ConfigurationChange& change);
  // Takes a turn only every so often; 0: as usual.
  void SlowDown(ReplicaId id, std::uint64_t turn_ns) { member(id).slow_turn_ns = turn_ns; }

  // ---- state
  // --------------------------------------------------------------------------------------------------------------

  [[nodiscard]] std::size_t size() const { return members_.size(); }
  // Not crashed: its memory is there.
  [[nodiscard]] bool exists(ReplicaId id) const { return member(id).replica != nullptr; }
  // Its process runs, if perhaps not at this moment.
  [[nodiscard]] bool runs(ReplicaId id) const { return member(id).replica != nullptr && !member(id).stopped; }
  [[nodiscard]] bool paused(ReplicaId id) const { return member(id).paused; }
  // Runs, and is a voter.
  [[nodiscard]] bool votes(ReplicaId id) const {
    return runs(id) && core(id).role() != paxos::Role::kLearner;
  }
  // Runs, and counts by what it knows or somebody else does: it may have been admitted without its knowing.
  [[nodiscard]] bool CountsSomewhere(ReplicaId id) const;
  [[nodiscard]] const rsm::Replica& replica(ReplicaId id) const { return *member(id).replica; }
  [[nodiscard]] const paxos::Replica& core(ReplicaId id) const { return member(id).replica->core(); }
  [[nodiscard]] const Desk& desk(ReplicaId id) const { return *member(id).desk; }
  // The replica that leads with a quorum, if there is one.
  [[nodiscard]] std::optional<ReplicaId> leader() const;
  // Whether `id` votes and can be brought up to date from the ring of who leads, or of who would if nobody
  // does.
  [[nodiscard]] bool WithinTheRing(ReplicaId id) const;
  // Whether those that can be brought up to date are enough to go on.
  [[nodiscard]] bool CanGoOn() const;
  // Who is in the group, as whoever leads knows, or would if nobody does.
  [[nodiscard]] paxos::Configuration configuration() const;
  // Whether nothing is left to do for it: no change is undecided, and whoever is to vote does.
  [[nodiscard]] bool MembershipIsCalm() const;
  // Whether a majority of voters would be left without `id`, each of them in sync with whoever leads and with
  // all but half a ring of what there is.
  [[nodiscard]] bool EnoughWithout(ReplicaId id) const;

  // The first way by which replicas reach each other; and the other one, null where there is one.
  [[nodiscard]] transport::sim::World& world() { return world_; }
  [[nodiscard]] transport::sim::World* second_world() { return second_.get(); }
  // Of all ways together.
  [[nodiscard]] transport::sim::WorldCounters counters() const;
  // How often the writes from one replica to another changed their path.
  [[nodiscard]] std::uint64_t path_changes() const;
  [[nodiscard]] const transport::sim::World& world() const { return world_; }
  [[nodiscard]] paxos::Invariants& invariants() { return watch_.invariants(); }
  // How often somebody else than before has come to lead with a quorum; the first does not count.
  [[nodiscard]] std::uint64_t leader_changes() const { return leader_changes_; }
  [[nodiscard]] std::uint64_t grants() const { return grants_; }
  [[nodiscard]] std::uint64_t path_switches() const { return path_switches_; }
  // To any replica.
  [[nodiscard]] bool snapshot_on_its_way() const;
  [[nodiscard]] std::uint64_t snapshots_installed() const { return snapshots_installed_; }
  // ... and of them, under another leader than they had been taken under.
  [[nodiscard]] std::uint64_t snapshots_across_leaders() const { return snapshots_across_leaders_; }
  [[nodiscard]] std::uint64_t readmissions() const { return readmissions_; }
  // Of all that was applied, and by whom, when.
  [[nodiscard]] std::uint64_t digest() const;

 private:
  // A snapshot on its way to a replica that the ring has passed by.
  struct Transfer {
    paxos::Incarnation to;
    rsm::SnapshotFacts facts;
    std::vector<std::byte> bytes;
    std::size_t applied = 0;  // commands, as Agreed counts them
    std::uint64_t ran = 0;    // as Desk counts them
    std::uint64_t due_ns = 0;
    std::uint64_t leader_changes = 0;  // until it was taken
  };

  struct Member {
    std::unique_ptr<LocalClock> clock;
    std::unique_ptr<transport::fallback::FallbackTransport> links;  // null: those of the world
    std::unique_ptr<rsm::StateMachine> state_machine;
    std::unique_ptr<Desk> desk;
    std::unique_ptr<rsm::Replica> replica;
    bool paused = false;
    bool stopped = false;
    std::uint64_t slow_turn_ns = 0;
    std::uint64_t last_turn_ns = 0;
    std::uint64_t next_turn_ns = 0;
    paxos::Role role = paxos::Role::kFollower;
    bool leading = false;
    std::optional<Transfer> transfer;
    std::uint64_t earlier_digest = 0;  // of earlier lives
  };

  [[nodiscard]] Member& member(ReplicaId id) { return members_.at(id.value()); }
  [[nodiscard]] const Member& member(ReplicaId id) const { return members_.at(id.value()); }
  void Start(ReplicaId id);
  [[nodiscard]] transport::Transport& LinksOf(ReplicaId id);
  void WatchWritesOf(transport::sim::World& world);
  void Wake(Member& member, std::uint64_t now_ns);
  void Notice(ReplicaId id);
  void MoveSnapshots(ReplicaId id);
  void TakeSnapshot(ReplicaId from, ReplicaId to);
  void Install(ReplicaId id);
  [[nodiscard]] bool Takes(const Member& member) const {
    return member.replica != nullptr && !member.paused && !member.stopped;
  }
  // Whether these decide by what any replica that runs knows, and by what may follow from its log.
  [[nodiscard]] bool DecideForAll(paxos::ReplicaSet ids) const;
  // The log that a candidate with everybody's promise would adopt.
  [[nodiscard]] std::optional<ReplicaId> BestLog() const;

  const GroupOptions options_;
  Agreed& agreed_;
  Mail& mail_;
  Trace& trace_;
  transport::sim::World world_;
  std::unique_ptr<transport::sim::World> second_;
  Watch watch_;
  std::vector<Member> members_;
  std::optional<ReplicaId> last_leader_;
  std::uint64_t leader_changes_ = 0;
  std::uint64_t grants_ = 0;
  std::uint64_t path_switches_ = 0;
  std::uint64_t earlier_path_changes_ = 0;  // of replicas that are dead
  std::uint64_t snapshots_installed_ = 0;
  std::uint64_t snapshots_across_leaders_ = 0;
  std::uint64_t readmissions_ = 0;
  Random random_;
};

}  // namespace gaios::sim

#endif  // GAIOS_TESTS_SIM_GROUP_H_
