#include "tests/sim/injector.h"

#include <algorithm>
#include <numeric>
#include <utility>

#include <absl/strings/str_cat.h>

#include "tests/sim/injector_terms.h"

namespace gaios::sim {
namespace {

using transport::sim::Traffic;
using transport::sim::World;

constexpr std::uint64_t kNever = ~std::uint64_t{0};
constexpr std::uint64_t kLookAgainNs = 4 * kMs;

constexpr Traffic kAllTraffic[] = {Traffic::kWrites, Traffic::kWords, Traffic::kReads, Traffic::kMessages,
                                   Traffic::kControl};

}  // namespace

Injector::Injector(const std::array<std::uint32_t, kDeeds>& weights, std::uint64_t gap_ns, Group& group,
                   Mail& mail, std::vector<Client>& clients, FaultCounts& faults, Trace& trace, Random random)
    : weights_(weights),
      gap_ns_(gap_ns),
      group_(group),
      mail_(mail),
      clients_(clients),
      faults_(faults),
      trace_(trace),
      random_(random),
      next_ns_(group.world().now_ns() + gap_ns),
      passed_by_(group.size()) {}

void Injector::Happened(FaultKind kind, const std::string& what) {
  faults_.Add(kind);
  trace_.Say("fault", what);
}

std::vector<World*> Injector::AllWays() const {
  std::vector<World*> ways = {&group_.world()};
  if (group_.second_world() != nullptr) {
    ways.push_back(group_.second_world());
  }
  return ways;
}

std::vector<World*> Injector::SomeWays() {
  std::vector<World*> ways = AllWays();
  if (ways.size() > 1) {
    const std::uint64_t drawn = random_.Below(10);
    if (drawn < 8) {
      ways.erase(drawn < 5 ? ways.begin() + 1 : ways.begin());
    }
  }
  return ways;
}

ReplicaId Injector::Any() {
  return IdOf(random_.Below(group_.size()));
}

void Injector::AnyPair(ReplicaId& a, ReplicaId& b) {
  a = Any();
  b = IdOf((a.value() + random_.Between(1, group_.size() - 1)) % group_.size());
}

std::optional<ReplicaId> Injector::Leading() const {
  const std::optional<ReplicaId> leader = group_.leader();
  return leader.has_value() && !group_.paused(*leader) ? leader : std::nullopt;
}

std::uint64_t Injector::Duration() {
  const std::uint64_t chance = random_.Below(100);
  return chance < 65   ? random_.Between(kMs, 40 * kMs)
         : chance < 95 ? random_.Between(40 * kMs, 300 * kMs)
                       : random_.Between(300 * kMs, 1'000 * kMs);
}

// Whether enough is left for the group without this one.
bool Injector::MayLose(ReplicaId id) const {
  return !group_.CountsSomewhere(id) || group_.EnoughWithout(id);
}

void Injector::Step() {
  agenda_.Run(now_ns());
  if (now_ns() < next_ns_) {
    return;
  }
  next_ns_ = now_ns() + random_.Gap(gap_ns_);
  LookForPassedBy();
  if (const std::optional<ReplicaId> leader = Leading(); force_leader_change_ && leader.has_value()) {
    force_leader_change_ = false;
    // The others may be too few to elect one: then the leader stops in vain.
    Do(group_.EnoughWithout(*leader) ? Deed::kZombie : Deed::kHandOver);
    return;
  }
  const std::uint64_t sum = std::accumulate(weights_.begin(), weights_.end(), std::uint64_t{0});
  std::uint64_t chosen = random_.Below(sum);
  for (std::size_t i = 0; sum > 0 && i < kDeeds; ++i) {
    if (chosen < weights_[i]) {
      Do(static_cast<Deed>(i));
      return;
    }
    chosen -= weights_[i];
  }
}

void Injector::Do(Deed deed) {
  switch (deed) {
    case Deed::kCrash:
      Crash(false);
      return;
    case Deed::kCrashHostAlive:
      Crash(true);
      return;
    case Deed::kPause:
      Pause();
      return;
    case Deed::kPauseBeforeWrite:
      PauseBeforeWrite();
      return;
    case Deed::kZombie:
      Zombie();
      return;
    case Deed::kPartition:
      Partition(false, false);
      return;
    case Deed::kPartitionOneWay:
      Partition(true, false);
      return;
    case Deed::kPartitionLeader:
      Partition(random_.Chance(300), true);
      return;
    case Deed::kHoldMessages:
      Hold(true);
      return;
    case Deed::kHoldWrites:
      Hold(false);
      return;
    case Deed::kSlowLink:
      SlowLink();
      return;
    case Deed::kBreakPath:
      BreakPath();
      return;
    case Deed::kFlap:
      Flap();
      return;
    case Deed::kSlowReplica:
      SlowReplica();
      return;
    case Deed::kLeaveBehind:
      LeaveBehind();
      return;
    case Deed::kHandOver:
      HandOver();
      return;
    case Deed::kBurst:
      Burst();
      return;
    case Deed::kCutClient:
      CutClient();
      return;
    case Deed::kChangeMembership:
      ChangeMembership();
      return;
    case Deed::kDrain:
      Drain();
      return;
    case Deed::kReplaceMidSnapshot:
      ReplaceMidSnapshot();
      return;
  }
}

// ---- processes
// --------------------------------------------------------------------------------------------------------

void Injector::Crash(bool host_alive) {
  const std::optional<ReplicaId> leader = Leading();
  const ReplicaId id = leader.has_value() && random_.Chance(400) ? *leader : Any();
  if (!group_.runs(id) || !MayLose(id)) {
    return;
  }
  const bool comes_back = random_.Chance(700);
  const std::uint64_t dead_ns = random_.Chance(300) ? 0 : random_.Below(300 * kMs);
  const auto die = [this, id, comes_back, dead_ns] {
    if (!group_.exists(id)) {
      return;
    }
    group_.Crash(id);
    if (!comes_back) {
      Happened(FaultKind::kCrashForGood, Name(id) + " dies for good");
      return;
    }
    Happened(FaultKind::kCrashAmnesia, Name(id) + " dies and forgets everything");
    Later(dead_ns, [this, id] { StartAgain(id); });
  };
  if (!host_alive) {
    die();
    return;
  }
  group_.Stop(id);
  Happened(FaultKind::kCrashHostAlive, "the process of " + Name(id) + " dies, its memory stays");
  Later(random_.Between(kMs / 2, 400 * kMs), die);
}

void Injector::Pause() {
  const ReplicaId id = Any();
  if (!group_.runs(id) || group_.paused(id)) {
    return;
  }
  group_.Pause(id, true);
  Happened(FaultKind::kPause, Name(id) + " stands still");
  Later(Duration(), [this, id] {
    trace_.Say("fault", Name(id) + " goes on");
    group_.Pause(id, false);
  });
}

void Injector::HandOver() {
  HandOverTo(Any());
}

void Injector::HandOverTo(ReplicaId to) {
  const std::optional<ReplicaId> leader = Leading();
  if (leader.has_value() && to != *leader && group_.HandOver(*leader, to)) {
    Happened(FaultKind::kHandOver, Name(*leader) + " is to hand over to " + Name(to));
  }
}

void Injector::ReplaceMidSnapshot() {
  if (!group_.snapshot_on_its_way()) {
    random_.Chance(500) ? LeaveBehind() : Crash(false);
    return;
  }
  const std::optional<ReplicaId> leader = Leading();
  if (!leader.has_value()) {
    return;
  }
  // The one that the snapshot is for may be what is missing to a majority: then only the leader can be asked.
  if (group_.EnoughWithout(*leader) && random_.Chance(600)) {
    random_.Chance(500) ? Zombie() : Partition(false, true);
    return;
  }
  for (std::size_t i = 0; i < group_.size(); ++i) {
    const ReplicaId to = Any();
    if (to != *leader && group_.votes(to) && !group_.paused(to)) {
      HandOverTo(to);
      return;
    }
  }
}

void Injector::Drain() {
  const ReplicaId id = Any();
  const bool drained = random_.Chance(600);
  if (!group_.runs(id) || !group_.Drain(id, drained)) {
    return;
  }
  if (drained) {
    Happened(FaultKind::kDrained, Name(id) + " is drained");
  } else {
    trace_.Say("fault", Name(id) + " may lead again");
  }
}

void Injector::PauseBeforeWrite() {
  const std::optional<ReplicaId> leader = Leading();
  if (!leader.has_value()) {
    return;
  }
  const ReplicaId id = *leader;
  const bool words_too = random_.Chance(500);
  for (std::size_t i = 0; i < group_.size(); ++i) {
    if (i != id.value() && (random_.Chance(800) || group_.size() == 3)) {
      for (World* const way : AllWays()) {
        way->Hold(Traffic::kWrites, id, IdOf(i));
        if (words_too) {
          way->Hold(Traffic::kWords, id, IdOf(i));
        }
      }
    }
  }
  trace_.Say("fault", absl::StrCat("the writes of ", Name(id), " are held"));
  const std::uint64_t held = group_.counters().writes_held;
  Later(random_.Between(50 * kUs, 5 * kMs), [this, id, held] {
    if (group_.runs(id) && !group_.paused(id)) {
      group_.Pause(id, true);
      if (group_.counters().writes_held > held) {
        Happened(FaultKind::kPauseBeforeWrite, Name(id) + " stands still between its check and its write");
      } else {
        Happened(FaultKind::kPause, Name(id) + " stands still");
      }
    }
    const std::uint64_t until_ns = Duration();
    Later(until_ns, [this, id] {
      trace_.Say("fault", absl::StrCat("the writes of ", Name(id), " land"));
      for (std::size_t i = 0; i < group_.size(); ++i) {
        if (i != id.value()) {
          for (World* const way : AllWays()) {
            way->Release(Traffic::kWrites, id, IdOf(i));
            way->Release(Traffic::kWords, id, IdOf(i));
          }
        }
      }
    });
    Later(random_.Chance(500) ? until_ns + random_.Below(60 * kMs) : random_.Below(until_ns), [this, id] {
      trace_.Say("fault", Name(id) + " goes on");
      group_.Pause(id, false);
    });
  });
}

void Injector::Zombie() {
  const std::optional<ReplicaId> leader = Leading();
  if (!leader.has_value()) {
    return;
  }
  group_.Pause(*leader, true);
  Happened(FaultKind::kPause,
           absl::StrCat("the leader, ", Name(*leader), ", stands still until it is replaced"));
  AwaitSuccessor(*leader, group_.core(*leader).end_cursor().slot, now_ns() + 3'000 * kMs);
}

void Injector::AwaitSuccessor(ReplicaId old, paxos::Slot slot, std::uint64_t give_up_ns) {
  Later(kLookAgainNs, [this, old, slot, give_up_ns] {
    if (!group_.runs(old) || !group_.paused(old)) {
      return;
    }
    for (std::size_t i = 0; i < group_.size(); ++i) {
      const ReplicaId id = IdOf(i);
      // Its record follows what the old leader had, or takes its place.
      if (id != old && group_.runs(id) && group_.core(id).established() &&
          group_.core(id).commit_slot() > slot) {
        Happened(FaultKind::kZombieLeader,
                 absl::StrCat(Name(old), " wakes: ", Name(id), " has led and committed since"));
        group_.Pause(old, false);
        return;
      }
    }
    if (now_ns() >= give_up_ns) {
      trace_.Say("fault", Name(old) + " goes on");
      group_.Pause(old, false);
      return;
    }
    AwaitSuccessor(old, slot, give_up_ns);
  });
}

void Injector::SlowReplica() {
  const ReplicaId id = Any();
  group_.SlowDown(id, random_.Between(2 * kMs, 25 * kMs));
  if (Leading() == id) {
    trace_.Say("fault", Name(id) + ", which leads, takes its turns seldom");
  } else {
    Happened(FaultKind::kSlowFollower, Name(id) + " takes its turns seldom");
  }
  Later(2 * Duration(), [this, id] {
    trace_.Say("fault", Name(id) + " is quick again");
    group_.SlowDown(id, 0);
  });
}

void Injector::LeaveBehind() {
  const ReplicaId id = Any();
  if (!group_.votes(id) || group_.paused(id) || Leading() == id || !MayLose(id)) {
    return;
  }
  group_.Pause(id, true);
  Happened(FaultKind::kPause, Name(id) + " stands still for as long as the ring holds what it lacks");
  AwaitPassedBy(id, now_ns() + 1'500 * kMs);
}

void Injector::AwaitPassedBy(ReplicaId id, std::uint64_t give_up_ns) {
  Later(kLookAgainNs, [this, id, give_up_ns] {
    if (!group_.runs(id) || !group_.paused(id)) {
      return;
    }
    LookForPassedBy();
    if (passed_by_[id.value()] || now_ns() >= give_up_ns) {
      trace_.Say("fault", Name(id) + " goes on");
      group_.Pause(id, false);
      return;
    }
    AwaitPassedBy(id, give_up_ns);
  });
}

void Injector::LookForPassedBy() {
  for (std::size_t i = 0; i < group_.size(); ++i) {
    const bool passed_by = group_.votes(IdOf(i)) && !group_.WithinTheRing(IdOf(i));
    if (passed_by && !passed_by_[i]) {
      Happened(FaultKind::kFollowerPassedBy, "the ring has passed by what " + Name(IdOf(i)) + " has");
    }
    passed_by_[i] = passed_by;
  }
}

// ---- clients
// ----------------------------------------------------------------------------------------------------------

void Injector::Burst() {
  const std::size_t first = random_.Below(clients_.size());
  const std::size_t count = random_.Between(1, clients_.size());
  for (std::size_t i = 0; i < count; ++i) {
    clients_[(first + i) % clients_.size()].SetBurst(true);
  }
  Happened(FaultKind::kBurst, absl::StrCat("a burst of ", count, " clients"));
  Later(random_.Between(kMs / 4, 8 * kMs), [this] {
    for (Client& client : clients_) {
      client.SetBurst(false);
    }
  });
}

void Injector::CutClient() {
  const std::size_t client = random_.Below(clients_.size());
  const ReplicaId id = Any();
  mail_.Cut(client, id, true);
  Happened(FaultKind::kClientCut, absl::StrCat("client ", client, " is cut off from ", Name(id)));
  Later(Duration(), [this, client, id] { mail_.Cut(client, id, false); });
}

void Injector::Stop() {
  trace_.Say("fault", "all faults end");
  agenda_.Clear();
  next_ns_ = kNever;
  for (World* const way : AllWays()) {
    way->Calm();
  }
  mail_.Calm();
  for (std::size_t i = 0; i < group_.size(); ++i) {
    const ReplicaId a = IdOf(i);
    if (group_.exists(a) && !group_.runs(a)) {
      group_.Crash(a);
    }
    if (!group_.exists(a)) {
      group_.Restart(a);  // those too that had died for good
    }
    group_.Pause(a, false);
    group_.SlowDown(a, 0);
    for (std::size_t j = 0; j < group_.size(); ++j) {
      const ReplicaId b = IdOf(j);
      if (i == j) {
        continue;
      }
      for (World* const way : AllWays()) {
        way->Heal(a, b);
        way->Slow(a, b, 0);
        for (const Traffic traffic : kAllTraffic) {
          way->Release(traffic, a, b);
        }
      }
    }
  }
  for (std::size_t client = 0; client < clients_.size(); ++client) {
    clients_[client].SetBurst(false);
    for (std::size_t i = 0; i < group_.size(); ++i) {
      mail_.Cut(client, IdOf(i), false);
    }
  }
}

}  // namespace gaios::sim
