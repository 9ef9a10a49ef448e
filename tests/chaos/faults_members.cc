// Changes of who is in the group, made by the operators' own command while the faults go on.

#include <algorithm>
#include <bit>
#include <chrono>
#include <utility>

#include <absl/strings/str_cat.h>

#include "gaios/paxos/limits.h"
#include "gaios/rsm/counters.h"

#include "tests/chaos/faults.h"

namespace gaios::chaos {
namespace {

constexpr std::uint64_t kLookNs = 5'000'000;
// One that has led and does not know yet that it does no more may say for a moment what has been overtaken.
constexpr std::size_t kLooksUntilOut = 40;
// One that cannot be made meanwhile is given up by the command, and may be made all the same.
constexpr const char* kWaitSeconds = "10";
// So many are always left, and so many come to it.
constexpr std::size_t kLeastVoters = 3;
constexpr std::size_t kMostMore = 2;

constexpr std::uint64_t Bit(std::size_t replica) {
  return std::uint64_t{1} << replica;
}

std::size_t Count(std::uint64_t set) {
  return static_cast<std::size_t>(std::popcount(set));
}

}  // namespace

std::optional<rsm::CounterData> Faults::LeaderSays() const {
  const std::optional<std::size_t> leader = Leader();
  // What one that stands still has last said may no longer be so.
  if (!leader.has_value() || replicas_[*leader].stops > 0) {
    return std::nullopt;
  }
  return group_.Counters(*leader);
}

std::size_t Faults::voters_of_group() const {
  const std::optional<rsm::CounterData> says = LeaderSays();
  return setting_.members && says.has_value() ? Count(says->voters) : began_with_;
}

std::vector<std::uint64_t> Faults::MayDecide() const {
  if (!setting_.members) {
    return {Bit(began_with_) - 1};
  }
  const std::optional<rsm::CounterData> says = LeaderSays();
  if (!says.has_value()) {
    return {};
  }
  std::vector<std::uint64_t> sets = {says->voters};
  for (std::size_t i = 0; i < paxos::kMaxReplicas; ++i) {
    if ((says->joining & Bit(i)) != 0) {
      sets.push_back(says->voters | Bit(i));
    }
  }
  if (change_.has_value()) {
    const std::uint64_t added = change_->added.has_value() ? Bit(*change_->added) : 0;
    const std::uint64_t removed = change_->removed.has_value() ? Bit(*change_->removed) : 0;
    for (const std::uint64_t set :
         {says->voters | added, says->voters & ~removed, (says->voters | added) & ~removed}) {
      sets.push_back(set);
    }
  }
  return sets;
}

bool Faults::MayBeAdmitted(std::size_t replica) const {
  const std::optional<rsm::CounterData> says = LeaderSays();
  return setting_.members && (!says.has_value() || (says->joining & Bit(replica)) != 0 ||
                              (change_.has_value() && change_->added == replica));
}

bool Faults::BeginChange(FaultKind kind) {
  const std::optional<rsm::CounterData> says = LeaderSays();
  if (change_.has_value() || !says.has_value() || says->change_settled == 0 || says->joining != 0) {
    return false;
  }
  const std::uint64_t everybody = says->voters | says->learners;
  std::vector<std::size_t> fresh;
  std::vector<std::size_t> voting;
  for (std::size_t i = 0; i < replicas_.size(); ++i) {
    // Ids are begun in their order.
    if (!Lives(i) && !replicas_[i].comes_back && (everybody & Bit(i)) == 0 && i <= group_.size()) {
      fresh.push_back(i);
    }
    if ((says->voters & Bit(i)) != 0) {
      voting.push_back(i);
    }
  }
  const auto draw = [this](const std::vector<std::size_t>& those) {
    return those[random_.Below(static_cast<std::uint32_t>(those.size()))];
  };
  Change change{.kind = kind, .process = nullptr, .added = std::nullopt, .removed = std::nullopt};
  std::vector<std::string> arguments = {"member",   FaultName(kind), "--config", group_.config_path(),
                                        "--wait-s", kWaitSeconds};
  if (kind != FaultKind::kRemove) {
    const bool room = kind == FaultKind::kReplace || voting.size() < began_with_ + kMostMore;
    if (fresh.empty() || !room) {
      return false;
    }
    change.added = draw(fresh);
  }
  if (kind != FaultKind::kAdd) {
    if (kind == FaultKind::kRemove && voting.size() <= kLeastVoters) {
      return false;
    }
    change.removed = draw(voting);
  }
  const std::string id = absl::StrCat(change.removed.value_or(change.added.value_or(0)));
  arguments.insert(arguments.end(), {"--id", id});
  if (kind == FaultKind::kReplace) {
    arguments.insert(arguments.end(), {"--with", absl::StrCat(change.added.value_or(0))});
  }
  if (change.added.has_value()) {
    Start(*change.added);
  }
  Note(absl::StrCat(FaultName(kind), " ", id,
                    kind == FaultKind::kReplace ? absl::StrCat(" by ", change.added.value_or(0)) : ""));
  change.process = cli::StartGaios(arguments, group_.scratch().Path("members.log"));
  change_ = std::move(change);
  return true;
}

void Faults::LookAtChange(std::uint64_t now_ns) {
  if (!setting_.members || now_ns < next_change_look_ns_) {
    return;
  }
  next_change_look_ns_ = now_ns + kLookNs;
  if (change_.has_value() && change_->process != nullptr) {
    const std::optional<int> code = change_->process->Wait(std::chrono::milliseconds(0));
    if (!code.has_value()) {
      return;
    }
    change_->process.reset();
    Note(absl::StrCat(FaultName(change_->kind), *code == 0 ? " is made" : " is not known to be made"));
    counts_[static_cast<std::size_t>(change_->kind)] += *code == 0 ? 1U : 0U;
  }
  const std::optional<rsm::CounterData> says = LeaderSays();
  if (!says.has_value() || says->change_settled == 0) {
    return;
  }
  change_.reset();
  for (std::size_t i = 0; i < replicas_.size(); ++i) {
    const bool outside = Lives(i) && ((says->voters | says->learners) & Bit(i)) == 0;
    replicas_[i].outside_looks = outside ? replicas_[i].outside_looks + 1 : 0;
    if (replicas_[i].outside_looks > kLooksUntilOut && group_.process(i).running()) {
      Note(absl::StrCat(i, " is out of the group, and ends"));
      group_.Kill(i);
      replicas_[i].killed = true;
    }
  }
}

}  // namespace gaios::chaos
