#include <string>

#include <absl/strings/str_cat.h>

#include "tests/sim/injector.h"

// Who is in the group is changed.

namespace gaios::sim {
namespace {

using Kind = paxos::ConfigurationChange::Kind;
using paxos::Standing;

}  // namespace

void Injector::StartAgain(ReplicaId id) {
  if (!group_.exists(id)) {
    trace_.Say("fault", absl::StrCat("replica ", id.value(), " starts again"));
    group_.Restart(id);
  }
}

// What is to become of `id`, which the leader knows to stand so; nothing: of no use now.
std::optional<Kind> Injector::ChangeOf(Standing standing, std::size_t voters) {
  switch (standing) {
    case Standing::kNone:
      return random_.Chance(200) ? Kind::kAddLearner : Kind::kAdd;
    case Standing::kLearner:
      return random_.Chance(500) ? Kind::kAdd : Kind::kRemove;
    case Standing::kJoining:
      return random_.Chance(800)   ? std::nullopt
             : random_.Chance(500) ? std::optional(Kind::kAddLearner)
                                   : std::optional(Kind::kRemove);
    case Standing::kVoter:
      if (random_.Chance(150)) {
        return Kind::kMove;
      }
      return voters > 2 || random_.Chance(200) ? std::optional(Kind::kRemove) : std::nullopt;
  }
  return std::nullopt;
}

void Injector::ChangeMembership() {
  const std::optional<ReplicaId> leader = Leading();
  if (!leader.has_value() || !group_.core(*leader).change_settled()) {
    return;
  }
  const ReplicaId id = random_.Chance(150) ? *leader : Any();
  const paxos::Configuration configuration = group_.core(*leader).configuration();
  const std::optional<Kind> kind = ChangeOf(configuration.StandingOf(id), configuration.size());
  if (!kind.has_value()) {
    return;
  }
  paxos::ConfigurationChange change{*kind, id, {}};
  if (*kind == Kind::kMove) {
    change.address = *paxos::Address::Of(absl::StrCat("host", random_.Below(1000), ":7000"));
  }
  const bool adds = *kind == Kind::kAdd || *kind == Kind::kAddLearner;
  if (adds) {
    // The incarnation that was removed would never vote again: another one is started.
    if (group_.exists(id) && group_.core(id).self().incarnation <= configuration.GoneAs(id)) {
      group_.Crash(id);
    }
    StartAgain(id);
  }
  if (!group_.ChangeMembership(*leader, change)) {
    return;
  }
  const std::string name = absl::StrCat("replica ", id.value());
  if (*kind == Kind::kAdd) {
    Happened(FaultKind::kMemberAdded, name + " is added, to vote");
  } else if (*kind == Kind::kAddLearner) {
    Happened(FaultKind::kLearnerAdded, name + " is added, to learn");
  } else if (*kind == Kind::kMove) {
    Happened(FaultKind::kMemberMoved, name + " is moved");
  } else if (id == *leader) {
    Happened(FaultKind::kLeaderRemoved, name + ", which leads, is removed");
  } else {
    Happened(FaultKind::kMemberRemoved, name + " is removed");
  }
}

}  // namespace gaios::sim
