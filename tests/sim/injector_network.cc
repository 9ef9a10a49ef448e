// What is done to the links between replicas.

#include <algorithm>
#include <utility>

#include <absl/strings/str_cat.h>

#include "tests/sim/injector.h"
#include "tests/sim/injector_terms.h"

namespace gaios::sim {

using transport::sim::Traffic;
using transport::sim::World;

void Injector::Partition(bool one_way, bool leader_alone) {
  std::vector<bool> side(group_.size());
  const std::optional<ReplicaId> leader = Leading();
  if (leader_alone) {
    if (!leader.has_value()) {
      return;
    }
    side[leader->value()] = true;
  } else {
    const std::size_t one = random_.Below(group_.size());
    side[one] = true;
    side[(one + 1) % group_.size()] = group_.size() > 3 && random_.Chance(500);
    side[(one + 2) % group_.size()] = group_.size() > 5 && random_.Chance(500);
  }
  const bool from_the_few = random_.Chance(500);  // one way: who is not heard
  std::vector<std::pair<ReplicaId, ReplicaId>> cuts;
  std::string few;
  for (std::size_t a = 0; a < group_.size(); ++a) {
    absl::StrAppend(&few, side[a] ? absl::StrCat(few.empty() ? "" : ", ", a) : "");
    for (std::size_t b = 0; b < group_.size(); ++b) {
      if (side[a] && !side[b]) {
        if (!one_way || from_the_few) {
          cuts.emplace_back(IdOf(a), IdOf(b));
        }
        if (!one_way || !from_the_few) {
          cuts.emplace_back(IdOf(b), IdOf(a));
        }
      }
    }
  }
  const std::vector<World*> ways = SomeWays();
  for (World* const way : ways) {
    for (const auto& [from, to] : cuts) {
      way->Cut(from, to);
    }
  }
  if (leader_alone) {
    Happened(FaultKind::kPartitionLeader, absl::StrCat("the leader, ", Name(*leader), ", is cut off"));
  }
  if (one_way) {
    Happened(FaultKind::kPartitionOneWay,
             absl::StrCat("nothing gets ", from_the_few ? "from {" : "to {", few, "} any more"));
  } else {
    Happened(FaultKind::kPartitionSymmetric,
             absl::StrCat("{", few, "} and the others are cut off from each other"));
  }
  Later(Duration(), [this, cuts, ways] {
    trace_.Say("fault", "a partition heals");
    for (World* const way : ways) {
      for (const auto& [from, to] : cuts) {
        way->Heal(from, to);
      }
    }
  });
}

void Injector::Hold(bool messages) {
  ReplicaId from;
  ReplicaId to;
  AnyPair(from, to);
  const std::optional<ReplicaId> leader = Leading();
  if (!messages && leader.has_value() && *leader != to) {
    from = *leader;
  }
  const Traffic traffic = messages              ? Traffic::kMessages
                          : random_.Chance(700) ? Traffic::kWrites
                                                : (random_.Chance(500)   ? Traffic::kWords
                                                   : random_.Chance(500) ? Traffic::kReads
                                                                         : Traffic::kControl);
  const std::vector<World*> ways = SomeWays();
  for (World* const way : ways) {
    way->Hold(traffic, from, to);
  }
  if (trace_.on()) {
    trace_.Say("fault", absl::StrCat(messages ? "messages" : "operations", " from ", Name(from), " to ",
                                     Name(to), " are held"));
  }
  Later(Duration(), [this, traffic, from, to, ways] {
    trace_.Say("fault", "what was held goes on");
    for (World* const way : ways) {
      way->Release(traffic, from, to);
    }
  });
}

void Injector::SlowLink() {
  ReplicaId from;
  ReplicaId to;
  AnyPair(from, to);
  const std::vector<World*> ways = SomeWays();
  const std::uint64_t extra_ns = random_.Between(100 * kUs, 5 * kMs);
  for (World* const way : ways) {
    way->Slow(from, to, extra_ns);
  }
  trace_.Say("fault", absl::StrCat("the link from ", from.value(), " to ", to.value(), " is slow"));
  Later(2 * Duration(), [from, to, ways] {
    for (World* const way : ways) {
      way->Slow(from, to, 0);
    }
  });
}

void Injector::BreakPath() {
  const std::optional<ReplicaId> leader = Leading();
  if (!leader.has_value()) {
    return;
  }
  const ReplicaId to = IdOf((leader->value() + random_.Between(1, group_.size() - 1)) % group_.size());
  trace_.Say("fault", absl::StrCat("the path of ", Name(*leader), " to ", Name(to), " breaks"));
  for (World* const way : SomeWays()) {
    way->BreakPath(*leader, to);
  }
}

void Injector::Flap() {
  ReplicaId a;
  ReplicaId b;
  AnyPair(a, b);
  const std::vector<World*> ways = SomeWays();
  for (World* const way : ways) {
    way->Cut(a, b);
    way->Cut(b, a);
  }
  Happened(FaultKind::kLinkFlap, absl::StrCat("the link of ", Name(a), " and ", Name(b), " goes down"));
  Later(random_.Below(20 * kMs), [this, a, b, ways] {
    trace_.Say("fault", absl::StrCat("the link of ", Name(a), " and ", Name(b), " is up"));
    for (World* const way : ways) {
      way->Heal(a, b);
      way->Heal(b, a);
    }
  });
}

}  // namespace gaios::sim
