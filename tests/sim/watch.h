#ifndef GAIOS_TESTS_SIM_WATCH_H_
#define GAIOS_TESTS_SIM_WATCH_H_

// Joins the invariant checker to a simulated group: hears every change of state of every core and every byte
// that lands, and looks for what is said to be accepted in the acceptor's memory before it counts. One
// thread.

#include <functional>
#include <map>
#include <span>

#include "gaios/paxos/invariants.h"
#include "gaios/paxos/observer.h"
#include "gaios/paxos/replica.h"
#include "gaios/transport/sim/world.h"

namespace gaios::sim {

class Watch final : public paxos::Observer {
 public:
  // `core` gives the core of a replica that is alive. `world` must outlive this, and so must `next`, which
  // hears everything too, unless it is null.
  Watch(transport::sim::World& world, const paxos::Configuration& configuration,
        std::function<const paxos::Replica&(paxos::ReplicaId)> core, paxos::Observer* next = nullptr);

  [[nodiscard]] paxos::Invariants& invariants() { return invariants_; }
  // How far any replica has known the log to be committed, the dead included.
  [[nodiscard]] paxos::Position committed_to() const { return committed_to_; }

  void OnPromise(paxos::Member acceptor, paxos::Grant grant) override;
  void OnLead(paxos::Member leader, paxos::Ballot ballot, std::span<const paxos::Member> voters,
              const paxos::Cursor& end) override;
  void OnAppend(paxos::Member leader, paxos::Ballot ballot, const paxos::Entry& entry) override;
  void OnAccept(paxos::Member leader, paxos::Ballot ballot, paxos::Member acceptor,
                paxos::Position position) override;
  void OnCommit(paxos::Member replica, const paxos::Cursor& commit) override;
  void OnApply(paxos::Member replica, const paxos::Entry& entry) override;
  void OnInstall(paxos::Member replica, const paxos::Cursor& cursor) override;
  void OnReuse(paxos::Member leader, paxos::Position limit, std::span<const paxos::Member> in_sync) override;

 private:
  [[nodiscard]] bool Missing(paxos::Member leader, paxos::Ballot ballot, paxos::Member acceptor,
                             paxos::Position position) const;
  [[nodiscard]] paxos::Position EndOfNext(paxos::Member leader, const paxos::Cursor& cursor) const;

  transport::sim::World& world_;
  const std::function<const paxos::Replica&(paxos::ReplicaId)> core_;
  paxos::Observer* const next_;
  paxos::Invariants invariants_;
  paxos::Position committed_to_;
  std::map<paxos::Slot, paxos::Position> applied_ends_;
};

}  // namespace gaios::sim

#endif  // GAIOS_TESTS_SIM_WATCH_H_
