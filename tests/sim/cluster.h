#ifndef GAIOS_TESTS_SIM_CLUSTER_H_
#define GAIOS_TESTS_SIM_CLUSTER_H_

// A whole group in one thread: the real core and engine of every replica on a simulated World, with the
// invariant checker watching. Commands are short texts; what each replica has applied is kept. Driven by
// scenario scripts and by the random runs.

#include <algorithm>
#include <cstdint>
#include <map>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "gaios/paxos/invariants.h"
#include "gaios/rsm/engine.h"
#include "gaios/transport/sim/world.h"

#include "tests/sim/watch.h"

namespace gaios::sim {

using paxos::ReplicaId;

struct ClusterOptions {
  transport::sim::WorldOptions world;
  std::size_t voters = 0;  // the first so many are the group, the others run and are not in it; 0: all
  std::uint32_t max_batch_bytes = 1024;
  std::size_t pipeline_depth = 4;
  bool links_come_back = false;
  std::uint64_t fill_bytes_per_second = paxos::Options().fill_bytes_per_second;
  // Whether the live replica with the lowest id always campaigns first, or of the highest priority, so that a
  // script can tell who will lead.
  bool orderly_elections = false;
  paxos::Priorities priorities = paxos::UsualPriorities();
  paxos::TimeNs preferred_after_ns = 5'000'000'000;
  paxos::TimeNs stand_by_ns = 0;
};

class Cluster {
 public:
  explicit Cluster(const ClusterOptions& options);

  // One turn: every replica that can polls and applies, then the clock moves to whatever is next, or to
  // `limit_ns`.
  void Step(std::uint64_t limit_ns);
  void RunFor(std::uint64_t ns);
  // Runs until `done` or until `limit_ns` have passed; returns whether it was done.
  template <typename Done>
  bool RunUntil(Done done, std::uint64_t limit_ns) {
    const std::uint64_t end = world_.now_ns() + limit_ns;
    while (!done()) {
      if (world_.now_ns() >= end) {
        return false;
      }
      Step(end);
    }
    return true;
  }

  struct Proposed {
    paxos::Refusal refusal = paxos::Refusal::kNone;
    paxos::Proposal proposal;
    std::uint64_t epoch = 0;
  };
  Proposed Propose(ReplicaId id, std::string_view command);

  // A linearizable read, what its answer must have applied once that is confirmed, and whether it never will
  // be. Refused: nothing.
  using Reading = paxos::Replica::Read;
  std::optional<Reading> StartRead(ReplicaId id) { return engine(id).core().StartRead(); }
  [[nodiscard]] std::optional<paxos::Position> ReadIndex(ReplicaId id, const Reading& reading) const {
    return core(id).ReadIndex(reading);
  }
  [[nodiscard]] bool ReadLost(ReplicaId id, const Reading& reading) const {
    return core(id).ReadLost(reading);
  }
  // How far any replica has known the log to be committed, the dead included: what a read that is asked for
  // now must not miss, and what has been committed at all.
  [[nodiscard]] paxos::Position committed_to() const { return watch_.committed_to(); }

  void Kill(ReplicaId id);
  void Restart(ReplicaId id);
  // Whether the leader `from` begins to hand over.
  bool HandOver(ReplicaId from, ReplicaId to) {
    const bool begun = engine(from).core().HandOver(to);
    engine(from).CarryOut();
    return begun;
  }
  // Whether `id` is drained now, or let in again.
  bool Drain(ReplicaId id, bool drained) {
    const bool done = engine(id).core().Drain(drained);
    engine(id).CarryOut();
    return done;
  }
  // Why the leader `at` does not put it into its log.
  paxos::ChangeRefusal ChangeMembership(ReplicaId at, const paxos::ConfigurationChange& change) {
    const paxos::ChangeRefusal refusal = engine(at).core().ChangeMembership(change);
    engine(at).CarryOut();
    return refusal;
  }
  // `to` goes on from the state of `from`, as from a snapshot of it. Returns whether it was of use.
  bool Install(ReplicaId from, ReplicaId to);
  void Pause(ReplicaId id, bool paused) { member(id).paused = paused; }
  // The replica goes on, but its state machine applies nothing.
  void FreezeApply(ReplicaId id, bool frozen) { member(id).frozen = frozen; }

  [[nodiscard]] bool alive(ReplicaId id) const { return world_.alive(id); }
  [[nodiscard]] bool paused(ReplicaId id) const { return members_.at(id.value()).paused; }
  [[nodiscard]] std::size_t size() const { return members_.size(); }
  [[nodiscard]] rsm::Engine& engine(ReplicaId id) { return *member(id).engine; }
  [[nodiscard]] const paxos::Replica& core(ReplicaId id) const {
    return members_.at(id.value()).engine->core();
  }
  // The established leader with a quorum, if there is one.
  [[nodiscard]] std::optional<ReplicaId> leader() const;
  [[nodiscard]] const std::vector<std::string>& applied(ReplicaId id) const {
    return members_.at(id.value()).applied;
  }
  // What its log holds behind that: accepted, perhaps chosen, not applied.
  [[nodiscard]] std::vector<std::string> NotYetApplied(ReplicaId id) const;
  // Whether a command that was taken is now known to be committed, or has become unknown, at the replica that
  // took it.
  [[nodiscard]] bool Committed(ReplicaId id, const Proposed& proposed) const;
  [[nodiscard]] bool Unknown(ReplicaId id, const Proposed& proposed) const;
  [[nodiscard]] transport::sim::World& world() { return world_; }
  [[nodiscard]] paxos::Invariants& invariants() { return watch_.invariants(); }

 private:
  struct Member {
    std::unique_ptr<rsm::Engine> engine;
    std::vector<std::string> applied;
    bool paused = false;
    bool frozen = false;
  };

  [[nodiscard]] Member& member(ReplicaId id) { return members_.at(id.value()); }
  void Start(ReplicaId id);
  void Apply(Member& member);

  const ClusterOptions options_;
  transport::sim::World world_;
  Watch watch_;
  std::vector<Member> members_;
};

}  // namespace gaios::sim

#endif  // GAIOS_TESTS_SIM_CLUSTER_H_
