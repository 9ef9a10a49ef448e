#include "tests/sim/simulation.h"

#include <algorithm>
#include <utility>

#include <absl/strings/str_cat.h>

namespace gaios::sim {
namespace {

constexpr std::uint64_t kMs = 1'000'000;
constexpr std::uint64_t kSafetyLimitNs = 60'000 * kMs;  // after that the run ends with what it has
constexpr std::uint64_t kShortestNs = 500 * kMs;
constexpr std::uint64_t kForceAgainNs = 500 * kMs;
constexpr std::uint64_t kLivenessLimitNs = 30'000 * kMs;
constexpr std::uint64_t kSettleNs = 20 * kMs;           // for what was under way to land
constexpr std::uint64_t kPreferLimitNs = 60'000 * kMs;  // longer than one that has failed often is waited for
constexpr std::uint64_t kRestNs = 2'000 * kMs;
constexpr std::uint64_t kLastCommits = 20;

GroupOptions GroupOptionsOf(const Plan& plan, const Sabotage& sabotage) {
  GroupOptions options;
  options.world = plan.world;
  options.voters = plan.voters;
  options.protocol = plan.protocol;
  options.fallback = plan.fallback;
  options.hash_interval_commands = plan.hash_interval_commands;
  options.clock_gain_ppm = plan.clock_gain_ppm;
  options.clock_origin_ns = plan.clock_origin_ns;
  options.turn_ns = plan.turn_ns;
  options.max_snapshot_ns = plan.max_snapshot_ns;
  options.world.defect = sabotage.defect;
  options.make_state_machine = [instruments = plan.flow.instruments,
                                wrap = sabotage.wrap](paxos::Member member) {
    std::unique_ptr<rsm::StateMachine> book = MakeOrderBook(instruments);
    return wrap ? wrap(member, std::move(book)) : std::move(book);
  };
  return options;
}

ReplicaId IdOf(std::size_t i) {
  return ReplicaId(static_cast<std::uint8_t>(i));
}

}  // namespace

Simulation::Simulation(const Plan& plan, Trace& trace, Sabotage sabotage)
    : plan_(plan),
      trace_(trace),
      sabotage_(std::move(sabotage)),
      random_(plan.seed ^ 0x9d39247e33776d41ULL),
      mail_(plan.mail, plan.clients.size(), plan.world.replicas, random_.Fork()),
      group_(GroupOptionsOf(plan, sabotage_), agreed_, mail_, trace),
      injector_(plan.weights, plan.deed_gap_ns, group_, mail_, clients_, outcome_.faults, trace,
                random_.Fork()) {
  trace_.SetClock([this] { return group_.world().now_ns(); });
  clients_.reserve(plan.clients.size());
  for (const ClientOptions& client : plan.clients) {
    OrderFlowOptions flow = plan.flow;
    flow.client = client.index + 1;
    clients_.emplace_back(client, OrderFlow(flow, random_.Fork()), mail_, record_, trace_, random_.Fork());
  }
}

Outcome Simulation::Run() {
  trace_.Say("run", plan_.Describe());
  RunSafely();
  if (outcome_.failures.empty()) {
    RunLively();
  }
  CountFaults();
  if (outcome_.failures.empty()) {
    Judge();
  }
  outcome_.commits = Commits();
  outcome_.reads = record_.reads();
  outcome_.leader_changes = group_.leader_changes();
  outcome_.simulated_ns = group_.world().now_ns();
  Digest digest;
  digest.Add(group_.digest());
  for (const Client& client : clients_) {
    digest.Add(client.digest());
  }
  digest.Add(outcome_.simulated_ns);
  outcome_.digest = digest.value();
  trace_.SetClock(nullptr);
  return std::move(outcome_);
}

// ---- time
// -------------------------------------------------------------------------------------------------------------

void Simulation::Step(std::uint64_t limit_ns) {
  std::uint64_t next_ns = std::min({group_.NextNs(), mail_.NextNs(), injector_.NextNs(), limit_ns});
  for (const Client& client : clients_) {
    next_ns = std::min(next_ns, client.NextNs());
  }
  group_.AdvanceTo(std::max(next_ns, group_.world().now_ns()));
  const std::uint64_t now_ns = group_.world().now_ns();
  if (injector_.NextNs() <= now_ns) {
    injector_.Step();
  }
  for (Letter letter; mail_.Take(now_ns, letter);) {
    if (letter.to_replica) {
      group_.Receive(letter.replica, letter.client, std::move(letter.request));
    } else {
      clients_[letter.client].OnResponse(letter.replica, letter.response, now_ns);
    }
  }
  for (Client& client : clients_) {
    if (client.NextNs() <= now_ns) {
      client.Step(now_ns);
    }
  }
  group_.Poll();
  for (const std::string& violation : group_.invariants().violations()) {
    Fail(violation);
  }
  for (const std::string& violation : agreed_.violations()) {
    Fail(violation);
  }
}

void Simulation::Fail(std::string what) {
  trace_.Say("FAILED", what);
  outcome_.failures.push_back(std::move(what));
}

template <typename Done>
bool Simulation::RunUntil(Done done, std::uint64_t limit_ns) {
  const std::uint64_t end_ns = group_.world().now_ns() + limit_ns;
  while (outcome_.failures.empty() && !done()) {
    if (group_.world().now_ns() >= end_ns) {
      return false;
    }
    Step(end_ns);
  }
  return true;
}

std::uint64_t Simulation::Commits() const {
  std::uint64_t commits = 0;
  for (const Client& client : clients_) {
    commits += client.committed();
  }
  return commits;
}

void Simulation::SetAsking(bool asking) {
  for (Client& client : clients_) {
    client.SetAsking(asking);
  }
}

bool Simulation::AllIdle() const {
  return std::ranges::all_of(clients_, [](const Client& client) { return client.idle(); });
}

// ---- with faults
// ------------------------------------------------------------------------------------------------------

void Simulation::RunSafely() {
  std::uint64_t forced_ns = 0;
  static_cast<void>(RunUntil(
      [this, &forced_ns] {
        const std::uint64_t commits = Commits();
        const bool changed = group_.leader_changes() >= Outcome::kLeastLeaderChanges;
        const std::uint64_t now_ns = group_.world().now_ns();
        if (!changed && commits > plan_.commits / 2 && now_ns > forced_ns + kForceAgainNs) {
          forced_ns = now_ns;
          injector_.ForceLeaderChange();
        }
        return commits >= plan_.commits && changed && now_ns > kShortestNs;
      },
      kSafetyLimitNs));
}

// ---- without
// ----------------------------------------------------------------------------------------------------------

std::vector<ReplicaId> Simulation::Within() const {
  std::vector<ReplicaId> within;
  for (std::size_t i = 0; i < group_.size(); ++i) {
    if (group_.WithinTheRing(IdOf(i))) {
      within.push_back(IdOf(i));
    }
  }
  return within;
}

std::vector<ReplicaId> Simulation::All() const {
  std::vector<ReplicaId> all;
  for (const ReplicaId id : group_.configuration().everybody()) {
    all.push_back(id);
  }
  return all;
}

// Whoever had forgotten everything has been filled and readmitted, and whoever was to be admitted has been.
bool Simulation::AllVote() const {
  return group_.MembershipIsCalm();
}

// Whether all of these have applied the same, and all there is.
bool Simulation::Converged(const std::vector<ReplicaId>& members) const {
  const std::optional<ReplicaId> leader = group_.leader();
  if (!leader.has_value()) {
    return false;
  }
  const paxos::Replica& led = group_.core(*leader);
  return led.commit() == led.end_cursor().position &&
         std::ranges::all_of(members, [this, &led](ReplicaId id) {
           return group_.core(id).applied() == led.commit() &&
                  agreed_.applied(group_.core(id).self()) == agreed_.size();
         });
}

std::string Simulation::WhatIs() const {
  std::string what;
  for (std::size_t i = 0; i < group_.size(); ++i) {
    const ReplicaId id = IdOf(i);
    if (!group_.exists(id)) {
      absl::StrAppend(&what, "\n  replica ", i, " is dead");
      continue;
    }
    const paxos::Replica& core = group_.core(id);
    absl::StrAppend(&what, "\n  replica ", NameOf(core.self()), " is ",
                    std::string(paxos::RoleName(core.role())), core.established() ? " (established)" : "",
                    core.has_quorum() ? " (quorum)" : "", ", has promised ", NameOf(core.promised().ballot),
                    " number ", core.promised().number, ", holds bytes ", core.retained().value(), " to ",
                    core.end_cursor().position.value(), ", commit ", core.commit().value(), ", applied ",
                    core.applied().value(), group_.WithinTheRing(id) ? "" : " (not within the ring)",
                    ", knows of ", core.configuration().size(), " voters",
                    core.change_undecided() ? " and of an undecided change" : "");
  }
  for (const Client& client : clients_) {
    if (!client.idle()) {
      absl::StrAppend(&what, "\n  ", client.Waiting());
    }
  }
  return what;
}

void Simulation::RunLively() {
  injector_.Stop();
  SetAsking(false);
  static_cast<void>(RunUntil([] { return false; }, kSettleNs));
  outcome_.stranded = !group_.CanGoOn();
  if (outcome_.stranded) {
    trace_.Say("run", "no majority of voters can be brought up to date:" + WhatIs());
    return;
  }
  if (!RunUntil([this] { return AllIdle() && group_.leader().has_value(); }, kLivenessLimitNs)) {
    Fail("liveness: not all that was asked for is answered after the faults have ended:" + WhatIs());
    return;
  }
  if (!RunUntil([this] { return AllVote() && Converged(All()); }, kLivenessLimitNs)) {
    Fail("liveness: the replicas do not come to the same state after the faults have ended:" + WhatIs());
    return;
  }
  // And goes on: every client is served some more, and the group agrees again.
  SetAsking(true);
  const std::uint64_t enough = std::max(Commits() + kLastCommits * clients_.size(), Outcome::kLeastCommits);
  if (!RunUntil([this, enough] { return Commits() >= enough; }, kLivenessLimitNs)) {
    Fail("liveness: too little is committed after the faults have ended:" + WhatIs());
    return;
  }
  SetAsking(false);
  if (!RunUntil([this] { return AllIdle() && AllVote() && Converged(All()); }, kLivenessLimitNs)) {
    Fail("liveness: the replicas do not come to the same state at the end:" + WhatIs());
    return;
  }
  if (plan_.preferences) {
    ComeToRest();
  }
}

// Whether nobody who may lead goes before the leader by its priority.
bool Simulation::PreferredLeads() const {
  const std::optional<ReplicaId> leader = group_.leader();
  if (!leader.has_value()) {
    return false;
  }
  const auto priority = [this](ReplicaId id) {
    return group_.core(id).drained() ? 0 : plan_.protocol.priorities.at(id.value());
  };
  return std::ranges::all_of(All(), [&](ReplicaId id) { return priority(id) <= priority(*leader); });
}

// Where nothing fails who leads is at last who is to, and stays that.
void Simulation::ComeToRest() {
  if (!RunUntil([this] { return PreferredLeads(); }, kPreferLimitNs)) {
    Fail("liveness: one that is preferred to the leader does not come to lead:" + WhatIs());
    return;
  }
  const std::uint64_t changes = group_.leader_changes();
  static_cast<void>(RunUntil([] { return false; }, kRestNs));
  if (group_.leader_changes() != changes) {
    Fail("liveness: the leader changes again though it is the preferred one:" + WhatIs());
  }
}

// ---- the end
// ----------------------------------------------------------------------------------------------------------

void Simulation::Judge() {
  if (sabotage_.falsify) {
    sabotage_.falsify(record_, agreed_);
    for (const std::string& violation : agreed_.violations()) {
      Fail(violation);
    }
  }
  const std::optional<ReplicaId> leader = group_.leader();
  // Of a group that nobody can lead, what anybody has applied.
  const std::uint64_t final_ran = outcome_.stranded    ? agreed_.ran()
                                  : leader.has_value() ? group_.desk(*leader).ran()
                                                       : 0;
  for (const std::string& violation : record_.Judge(agreed_, final_ran)) {
    Fail(violation);
  }
  for (const ReplicaId id : Within()) {
    const rsm::Replica& replica = group_.replica(id);
    if (replica.divergence().has_value()) {
      Fail(absl::StrCat("agreement: replica ", id.value(), " says that its state has diverged"));
    } else if (!outcome_.stranded && leader.has_value() && group_.desk(id).ran() == final_ran &&
               replica.state_hash() != group_.replica(*leader).state_hash()) {
      Fail(absl::StrCat("agreement: replica ", id.value(), " has another state at the end than the leader"));
    }
  }
}

void Simulation::CountFaults() {
  FaultCounts& faults = outcome_.faults;
  const transport::sim::WorldCounters counters = group_.counters();
  faults.Add(FaultKind::kMessageDropped, counters.messages_dropped);
  faults.Add(FaultKind::kMessageDuplicated, counters.messages_duplicated);
  faults.Add(FaultKind::kMessageDelayed, counters.messages_held);
  faults.Add(FaultKind::kMessageReordered, counters.messages_overtaken);
  faults.Add(FaultKind::kWriteDelayed, counters.writes_held);
  faults.Add(FaultKind::kWriteTorn, counters.writes_torn);
  faults.Add(FaultKind::kWriteReordered, counters.writes_out_of_order);
  faults.Add(FaultKind::kWriteCompletedEarly, counters.completed_early);
  faults.Add(FaultKind::kWriteCompletedLate, counters.completed_late);
  faults.Add(FaultKind::kWriteAtOnce, counters.writes_at_once);
  faults.Add(FaultKind::kWriteToAll, counters.writes_to_all);
  faults.Add(FaultKind::kWriteLost, counters.writes_lost);
  faults.Add(FaultKind::kWriteStray, counters.writes_stray);
  faults.Add(FaultKind::kWriteFenced, counters.writes_fenced);
  faults.Add(FaultKind::kFenceSlow, counters.slow_fences);
  faults.Add(FaultKind::kPathSwitch, group_.path_switches());
  faults.Add(FaultKind::kPathChanged, group_.path_changes());
  faults.Add(FaultKind::kWriteTooLate, counters.strays_fenced);
  faults.Add(FaultKind::kClientMessageLost, mail_.lost());
  faults.Add(FaultKind::kClientMessageDuplicated, mail_.duplicated());
  faults.Add(FaultKind::kCommandRetried, agreed_.retried());
  faults.Add(FaultKind::kSnapshotInstalled, group_.snapshots_installed());
  faults.Add(FaultKind::kSnapshotAcrossLeaders, group_.snapshots_across_leaders());
  faults.Add(FaultKind::kReadmitted, group_.readmissions());
  for (const std::int64_t gain_ppm : plan_.clock_gain_ppm) {
    faults.Add(FaultKind::kClockRate, gain_ppm > 10'000 || gain_ppm < -10'000 ? 1U : 0U);
  }
  std::uint64_t furthest = 0;
  for (std::size_t i = 0; i < group_.size(); ++i) {
    if (group_.exists(IdOf(i))) {
      furthest = std::max(furthest, group_.core(IdOf(i)).commit().value());
    }
  }
  faults.Add(FaultKind::kRingWrap, furthest / plan_.world.capacity_bytes);
}

}  // namespace gaios::sim
