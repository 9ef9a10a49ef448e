#ifndef GAIOS_TESTS_SIM_INJECTOR_H_
#define GAIOS_TESTS_SIM_INJECTOR_H_

// Does to a group what a plan allows, and undoes it after a while. It leaves enough for the group to live on:
// a majority of voters runs and can be brought up to date from each other's rings. A replica that has
// forgotten what it knew is filled again, from a snapshot when the ring has passed it by, and readmitted. One
// thread.

#include <array>
#include <cstddef>
#include <cstdint>
#include <functional>
#include <optional>
#include <span>
#include <string>
#include <vector>

#include "tests/sim/agenda.h"
#include "tests/sim/client.h"
#include "tests/sim/deed.h"
#include "tests/sim/fault_kind.h"
#include "tests/sim/group.h"
#include "tests/sim/mail.h"
#include "tests/sim/random.h"
#include "tests/sim/trace.h"

namespace gaios::sim {

class Injector {
 public:
  // All references must outlive the injector.
  Injector(const std::array<std::uint32_t, kDeeds>& weights, std::uint64_t gap_ns, Group& group, Mail& mail,
           std::vector<Client>& clients, FaultCounts& faults, Trace& trace, Random random);

  [[nodiscard]] std::uint64_t NextNs() const { return std::min(next_ns_, agenda_.NextNs()); }
  // Does what is due.
  void Step();
  // The next deed is to have a leader stand still until it is replaced.
  void ForceLeaderChange() { force_leader_change_ = true; }
  // Ends every fault, and does nothing any more.
  void Stop();

 private:
  void Do(Deed deed);
  void Crash(bool host_alive);
  void Pause();
  void PauseBeforeWrite();
  void Zombie();
  void AwaitSuccessor(ReplicaId old, paxos::Slot slot, std::uint64_t give_up_ns);
  void Partition(bool one_way, bool leader_alone);
  void Hold(bool messages);
  void SlowLink();
  void BreakPath();
  void Flap();
  void SlowReplica();
  void LeaveBehind();
  void AwaitPassedBy(ReplicaId id, std::uint64_t give_up_ns);
  void HandOver();
  void HandOverTo(ReplicaId to);
  void ReplaceMidSnapshot();
  void Drain();
  void Burst();
  void CutClient();
  void ChangeMembership();
  [[nodiscard]] std::optional<paxos::ConfigurationChange::Kind> ChangeOf(paxos::Standing standing,
                                                                         std::size_t voters);
  // Unless it lives.
  void StartAgain(ReplicaId id);

  void LookForPassedBy();
  [[nodiscard]] std::uint64_t now_ns() const { return group_.world().now_ns(); }
  // Ways by which replicas reach each other, where there are two: one, the other, or both.
  [[nodiscard]] std::vector<transport::sim::World*> SomeWays();
  [[nodiscard]] std::vector<transport::sim::World*> AllWays() const;
  [[nodiscard]] ReplicaId Any();
  // Two different ones.
  void AnyPair(ReplicaId& a, ReplicaId& b);
  [[nodiscard]] std::optional<ReplicaId> Leading() const;
  [[nodiscard]] bool MayLose(ReplicaId id) const;
  [[nodiscard]] std::uint64_t Duration();
  void Later(std::uint64_t after_ns, std::function<void()> what) {
    agenda_.At(now_ns() + after_ns, std::move(what));
  }
  void Happened(FaultKind kind, const std::string& what);

  const std::array<std::uint32_t, kDeeds> weights_;
  const std::uint64_t gap_ns_;
  Group& group_;
  Mail& mail_;
  std::vector<Client>& clients_;
  FaultCounts& faults_;
  Trace& trace_;
  Random random_;
  Agenda agenda_;
  std::uint64_t next_ns_;
  bool force_leader_change_ = false;
  std::vector<bool> passed_by_;
};

}  // namespace gaios::sim

#endif  // GAIOS_TESTS_SIM_INJECTOR_H_
