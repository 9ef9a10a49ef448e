#include "tests/paxos/scene.h"

#include <algorithm>
#include <iterator>
#include <optional>

#include "tests/paxos/script_words.h"

namespace gaios::sim {
namespace {

using paxos::Refusal;
using paxos::Role;

// What is padded with dots to its size is known by what comes before.
std::string NameOf(const std::string& command) {
  return command.substr(0, command.find('.'));
}

}  // namespace

Refusal Scene::Take(ReplicaId at, const std::string& command) {
  const std::size_t star = command.find('*');
  std::string text = command.substr(0, star);
  const std::string name = text;
  if (star != std::string::npos) {
    text.resize(std::max<std::size_t>(text.size(), Number(command.substr(star + 1)).value_or(0)), '.');
  }
  const Cluster::Proposed proposed = cluster_->Propose(at, text);
  if (proposed.refusal == Refusal::kNone) {
    commands_[name] = {at, proposed, Fate::kPending};
    pending_.insert(name);
  }
  return proposed.refusal;
}

void Scene::Collect() {
  std::erase_if(pending_, [this](const std::string& name) {
    Command& command = commands_.at(name);
    if (!cluster_->alive(command.at)) {
      return false;
    }
    if (cluster_->Committed(command.at, command.proposed)) {
      command.fate = Fate::kCommitted;
    } else if (cluster_->Unknown(command.at, command.proposed)) {
      command.fate = Fate::kUnknown;
    }
    return command.fate != Fate::kPending;
  });
  for (auto& [name, read] : reads_) {
    if (cluster_->alive(read.at) && !read.index.has_value() && !read.lost) {
      read.index = cluster_->ReadIndex(read.at, read.reading);
      read.lost = cluster_->ReadLost(read.at, read.reading);
    }
  }
}

paxos::ChangeRefusal Scene::Change(std::span<const std::string> words) {
  using Kind = paxos::ConfigurationChange::Kind;
  static const std::map<std::string, Kind> kKinds = {{"add", Kind::kAdd},
                                                     {"add-learner", Kind::kAddLearner},
                                                     {"remove", Kind::kRemove},
                                                     {"move", Kind::kMove}};
  const auto kind = words.size() < 3 ? kKinds.end() : kKinds.find(words[1]);
  const auto address = paxos::Address::Of(words.size() > 3 ? words[3] : "");
  if (kind == kKinds.end() || !address.has_value()) {
    malformed_ = true;
    return paxos::ChangeRefusal::kNone;
  }
  return cluster_->ChangeMembership(Id(words[0]), {kind->second, Id(words[2]), *address});
}

bool Scene::StartRead(ReplicaId at, const std::string& name) {
  const std::optional<Cluster::Reading> reading = cluster_->StartRead(at);
  if (reading.has_value()) {
    reads_[name] = {at, *reading, cluster_->committed_to(), std::nullopt, false};
  }
  return reading.has_value();
}

std::string Scene::Misread() const {
  for (const auto& [name, read] : reads_) {
    if (read.index.has_value() &&
        (*read.index < read.committed_to || *read.index > cluster_->committed_to())) {
      return "the read " + name + " is confirmed for " + std::to_string(read.index->value()) + "; " +
             std::to_string(read.committed_to.value()) + " was committed when it was asked for, and " +
             std::to_string(cluster_->committed_to().value()) + " is by now";
    }
  }
  return "";
}

std::string Scene::Kept() const {
  std::vector<std::string> longest;
  for (std::size_t i = 0; i < cluster_->size(); ++i) {
    const std::vector<std::string> applied = Applied(ReplicaId(static_cast<std::uint8_t>(i)));
    longest = applied.size() > longest.size() ? applied : longest;
  }
  std::map<std::string, int> times;
  for (const std::string& name : longest) {
    ++times[name];
  }
  for (const auto& [name, command] : commands_) {
    if (command.fate == Fate::kCommitted && times[name] != 1) {
      return name + " was committed, and is applied " + std::to_string(times[name]) + " times";
    }
  }
  return "";
}

std::vector<std::string> Scene::Applied(ReplicaId id) const {
  std::vector<std::string> names;
  std::ranges::transform(cluster_->applied(id), std::back_inserter(names), NameOf);
  return names;
}

std::vector<ReplicaId> Scene::Leaders() const {
  std::vector<ReplicaId> leaders;
  for (const ReplicaId id : LiveVoters()) {
    // A stopped leader still thinks what it thought.
    if (!cluster_->paused(id) && cluster_->core(id).established() && cluster_->core(id).has_quorum()) {
      leaders.push_back(id);
    }
  }
  return leaders;
}

std::vector<ReplicaId> Scene::LiveVoters() const {
  std::vector<ReplicaId> voters;
  for (std::size_t i = 0; i < cluster_->size(); ++i) {
    const ReplicaId id(static_cast<std::uint8_t>(i));
    if (cluster_->alive(id) && cluster_->core(id).role() != Role::kLearner) {
      voters.push_back(id);
    }
  }
  return voters;
}

std::vector<ReplicaId> Scene::Which(const std::string& word) {
  return word == "all" ? LiveVoters() : std::vector<ReplicaId>{Id(word)};
}

ReplicaId Scene::Id(const std::string& word) {
  const std::optional<std::uint64_t> value = Number(word);
  if (!value.has_value() || *value >= cluster_->size()) {
    malformed_ = true;
    return ReplicaId(0);
  }
  return ReplicaId(static_cast<std::uint8_t>(*value));
}

}  // namespace gaios::sim
