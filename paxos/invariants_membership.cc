#include <algorithm>

#include "gaios/paxos/invariants.h"

// The checker's own account of who is in the group, by the changes in a log: it shares the formats with the
// protocol, and nothing of what the protocol makes of them.

namespace gaios::paxos {

// The chain that ends at `end`, walked to its beginning.
std::vector<std::uint64_t> Invariants::ChangesBefore(const Cursor& end) const {
  std::vector<std::uint64_t> found;
  if (changes_.empty()) {
    return found;
  }
  std::uint64_t checksum = end.checksum;
  for (auto before = previous_.find(checksum); before != previous_.end(); before = previous_.find(checksum)) {
    if (changes_.contains(checksum)) {
      found.push_back(checksum);
    }
    checksum = before->second.second;
  }
  std::ranges::reverse(found);
  return found;
}

bool Invariants::Follow(const Change& change, Group& group) {
  using Kind = ConfigurationChange::Kind;
  if (const auto* const readmission = std::get_if<Readmission>(&change)) {
    const auto votes_as = group.votes_as.find(readmission->replica);
    const Incarnation old = votes_as == group.votes_as.end() ? Incarnation() : votes_as->second;
    if (old != readmission->old || (old == Incarnation() && group.joining.erase(readmission->replica) == 0)) {
      return false;
    }
    group.votes_as[readmission->replica] = readmission->fresh;
    return true;
  }
  const auto& [kind, id, address] = std::get<ConfigurationChange>(change);
  const bool votes = group.votes_as.contains(id);
  switch (kind) {
    case Kind::kAdd:
      return !votes && (group.learners.erase(id) > 0 || !group.joining.contains(id)) &&
             group.joining.insert(id).second;
    case Kind::kAddLearner:
      return !votes && (group.joining.erase(id) > 0 || !group.learners.contains(id)) &&
             group.learners.insert(id).second;
    case Kind::kRemove:
      if (votes) {
        group.gone[id] = group.votes_as[id];
        return group.votes_as.erase(id) > 0;
      }
      return group.joining.erase(id) + group.learners.erase(id) > 0;
    case Kind::kMove:
      return votes || group.joining.contains(id) || group.learners.contains(id);
  }
  return false;
}

Invariants::Electorates Invariants::WhoCounts(std::span<const std::uint64_t> changes,
                                              std::size_t known) const {
  Group group = initial_;
  const auto electorate = [](const Group& of, const std::set<ReplicaId>& in_neither) {
    Electorate found;
    for (const auto& [id, incarnation] : of.votes_as) {
      if (!in_neither.contains(id)) {
        found.counts.insert({id, incarnation});
      }
    }
    found.majority = of.votes_as.size() / 2 + 1;
    return found;
  };
  Electorates before;  // of changes that are undecided
  std::set<ReplicaId> in_neither;
  for (std::size_t i = 0; i < changes.size(); ++i) {
    const Change& change = changes_.at(changes[i]);
    if (i >= known || !chosen_changes_.contains(changes[i])) {
      const auto* const readmission = std::get_if<Readmission>(&change);
      if (readmission != nullptr && readmission->old != Incarnation()) {
        in_neither.insert(readmission->replica);
      }
      before.push_back(electorate(group, in_neither));
    }
    static_cast<void>(Follow(change, group));
  }
  before.push_back(electorate(group, in_neither));
  return before;
}

const Invariants::Electorates& Invariants::WhoCounts(BallotLog& log) const {
  if (log.electorates.empty() || log.changes_counted != log.changes.size() ||
      log.chosen_counted != chosen_changes_.size()) {
    log.electorates = WhoCounts(log.changes, log.changes.size());
    log.changes_counted = log.changes.size();
    log.chosen_counted = chosen_changes_.size();
  }
  return log.electorates;
}

bool Invariants::Decide(std::span<const Member> members, const Electorates& electorates) {
  return std::ranges::all_of(electorates, [members](const Electorate& electorate) {
    const std::set<Member> distinct(members.begin(), members.end());
    const auto counted = std::ranges::count_if(
        distinct, [&electorate](Member member) { return electorate.counts.contains(member); });
    return static_cast<std::size_t>(counted) >= electorate.majority;
  });
}

void Invariants::AppendChange(Member leader, Ballot ballot, BallotLog& log, const Entry& entry) {
  const std::string who = "replica " + std::to_string(leader.id.value());
  std::optional<Change> change;
  if (entry.kind() == EntryKind::kReadmission) {
    if (const auto readmission = DecodeReadmission(entry.payload); readmission.has_value()) {
      change = *readmission;
    }
  } else if (const auto changed = DecodeConfigurationChange(entry.payload); changed.has_value()) {
    change = *changed;
  }
  if (!change.has_value()) {
    Fail("P7", who + " appends a change that says nothing");
    return;
  }
  for (const std::uint64_t earlier : log.changes) {
    if (!chosen_changes_.contains(earlier)) {
      Fail("P7", who + " appends a change while another is not chosen");
    }
  }
  if (chosen_under_[ballot].value() <= log.start.slot.value()) {
    Fail("P7", who + " appends a change before its ballot record is chosen");
  }
  Group group = initial_;
  for (const std::uint64_t earlier : log.changes) {
    static_cast<void>(Follow(changes_.at(earlier), group));
  }
  const auto* const readmission = std::get_if<Readmission>(&*change);
  if (readmission != nullptr && group.gone.contains(readmission->replica) &&
      group.gone.at(readmission->replica) >= readmission->fresh) {
    Fail("P7", who + " admits an incarnation that was removed");
  }
  const std::size_t voters = group.votes_as.size();
  if (!Follow(*change, group)) {
    Fail("P7", who + " appends a change that makes no difference");
  }
  if (group.votes_as.empty() || group.votes_as.size() > kMaxReplicas || group.votes_as.size() > voters + 1 ||
      group.votes_as.size() + 1 < voters) {
    Fail("P7", who + " makes the group too small, too large, or another by more than one voter");
  }
  changes_.insert_or_assign(entry.header.checksum, *change);
  log.changes.push_back(entry.header.checksum);
}

}  // namespace gaios::paxos
