#include "tests/paxos/script_expectations.h"

#include <algorithm>
#include <vector>

namespace gaios::sim {

using paxos::FollowerLink;
using paxos::Refusal;

std::optional<bool> ScriptExpectations::Holds(Words words) {
  if (words.empty()) {
    return std::nullopt;
  }
  const std::string& what = words[0];
  const auto all = [this, words](Fate fate) {
    return std::ranges::all_of(words.subspan(1), [this, fate](const std::string& name) {
      return scene_.commands().contains(name) && scene_.commands().at(name).fate == fate;
    });
  };
  if (what == "leader" && words.size() == 1) {
    return !scene_.Leaders().empty();
  }
  if (what == "leader" && words.size() == 2) {
    return std::ranges::count(scene_.Leaders(), scene_.Id(words[1])) > 0;
  }
  if (what == "no" && words.size() == 2 && words[1] == "leader") {
    return scene_.Leaders().empty();
  }
  if (what == "role" && words.size() == 3) {
    return RoleName(scene_.cluster().core(scene_.Id(words[1])).role()) == words[2];
  }
  if (what == "committed") {
    return all(Fate::kCommitted);
  }
  if (what == "pending") {
    return all(Fate::kPending);
  }
  if (what == "unknown") {
    return all(Fate::kUnknown);
  }
  if (what == "applied" && words.size() == 3) {
    return std::ranges::count(scene_.Applied(scene_.Id(words[1])), words[2]) > 0;
  }
  if (what == "follower" && words.size() == 4) {
    const FollowerLink* const follower =
        scene_.cluster().core(scene_.Id(words[1])).follower(scene_.Id(words[2]));
    return follower != nullptr && StageName(follower->stage) == words[3];
  }
  if (what == "counts" && words.size() == 4) {
    const FollowerLink* const follower =
        scene_.cluster().core(scene_.Id(words[1])).follower(scene_.Id(words[2]));
    return follower != nullptr && follower->counts == (words[3] == "yes");
  }
  if (what == "voters" && words.size() == 3) {
    std::string voters;
    for (const paxos::Member& voter : scene_.cluster().core(scene_.Id(words[1])).configuration().voters()) {
      voters += (voters.empty() ? "" : ",") + std::to_string(voter.id.value());
    }
    return voters == words[2];
  }
  if (what == "standing" && words.size() == 4) {
    const paxos::Configuration& known = scene_.cluster().core(scene_.Id(words[1])).configuration();
    return StandingName(known.StandingOf(scene_.Id(words[2]))) == words[3];
  }
  if (what == "settled" && words.size() == 3) {
    return scene_.cluster().core(scene_.Id(words[1])).change_settled() == (words[2] == "yes");
  }
  if (what == "undecided" && words.size() == 3) {
    return scene_.cluster().core(scene_.Id(words[1])).change_undecided() == (words[2] == "yes");
  }
  if (what == "in-sync" && words.size() == 4) {
    const FollowerLink* const follower =
        scene_.cluster().core(scene_.Id(words[1])).follower(scene_.Id(words[2]));
    return follower != nullptr && follower->in_sync == (words[3] == "yes");
  }
  if (what == "read" && words.size() == 3 && scene_.reads().contains(words[1])) {
    return ReadIs(scene_.reads().at(words[1]), words[2]);
  }
  return std::nullopt;
}

std::optional<bool> ScriptExpectations::ReadIs(const Scene::Read& read, const std::string& what) const {
  if (what == "confirmed") {
    return read.index.has_value();
  }
  if (what == "readable") {
    return read.index.has_value() && scene_.cluster().core(read.at).applied() >= *read.index;
  }
  if (what == "waiting") {
    return !read.index.has_value() && !read.lost;
  }
  return what == "lost" ? std::optional(read.lost) : std::nullopt;
}

std::string ScriptExpectations::Expect(Words words) {
  scene_.Collect();
  if (words.size() == 1 && words[0] == "equal") {
    return ExpectEqual();
  }
  if (words.size() < 2) {
    return kNoSuchLine;
  }
  const std::string& what = words[0];
  const Words rest = words.subspan(1);
  if (what == "committed" || what == "pending" || what == "unknown") {
    return ExpectCommand(what, rest);
  }
  if (what == "applied" || what == "holds" || what == "lacks") {
    return ExpectApplied(what, rest);
  }
  if (what == "refused" && rest.size() == 3) {
    const Refusal refusal = scene_.Take(scene_.Id(rest[0]), rest[2]);
    return RefusalName(refusal) == rest[1] ? "" : "it is refused: " + RefusalName(refusal);
  }
  if (what == "no" && rest.size() == 4 && rest[0] == "hand-over") {
    return scene_.cluster().HandOver(scene_.Id(rest[1]), scene_.Id(rest[3])) ? "it is begun" : "";
  }
  if (what == "no" && rest.size() == 2 && rest[0] == "drain") {
    return scene_.cluster().Drain(scene_.Id(rest[1]), true) ? "it is drained" : "";
  }
  if (what == "member" && rest.size() >= 4) {
    const std::string refusal = RefusalName(scene_.Change(rest.first(rest.size() - 1)));
    return refusal == rest.back() ? "" : "it is refused: " + refusal;
  }
  if (what == "address" && rest.size() == 3) {
    const paxos::Configuration& known = scene_.cluster().core(scene_.Id(rest[0])).configuration();
    const std::string found(known.AddressOf(scene_.Id(rest[1])).text());
    return found == rest[2] ? "" : "it is " + found;
  }
  if (what == "no" && rest.size() == 2 && rest[0] == "read") {
    return scene_.cluster().StartRead(scene_.Id(rest[1])).has_value() ? "a read is taken" : "";
  }
  if (what == "promised" && rest.size() >= 2) {
    const paxos::Grant promised = scene_.cluster().core(scene_.Id(rest[0])).promised();
    const std::string found = "it is round " + std::to_string(promised.ballot.round()) + " number " +
                              std::to_string(promised.number);
    if (rest[1] == "none") {
      return promised.ballot.none() ? "" : found;
    }
    const std::uint64_t value = rest[1] == "round" ? promised.ballot.round() : promised.number;
    return rest.size() == 3 && Number(rest[2]) == value ? "" : found;
  }
  if ((what == "commit" || what == "word") && rest.size() == 3) {
    const std::uint64_t a =
        what == "commit"
            ? scene_.cluster().core(scene_.Id(rest[0])).commit().value()
            : scene_.cluster().world().transport(scene_.Id(rest[0])).ReadLogWord(transport::LogWord::kCommit);
    const std::uint64_t b = scene_.cluster().core(scene_.Id(rest[2])).commit().value();
    const bool good = rest[1] == "below" ? a < b : rest[1] == "above" ? a > b : a == b;
    return good ? "" : "they are " + std::to_string(a) + " and " + std::to_string(b);
  }
  if (const std::optional<bool> holds = Holds(words); holds.has_value()) {
    if (*holds) {
      return "";
    }
    const std::vector<ReplicaId> leaders = scene_.Leaders();
    return "it does not hold; the leader is " +
           (leaders.empty() ? "nobody" : std::to_string(leaders[0].value()));
  }
  return ExpectRemembered(words);
}

std::string ScriptExpectations::ExpectCommand(const std::string& what, Words words) {
  for (const std::string& name : words) {
    const auto command = scene_.commands().find(name);
    if (command == scene_.commands().end()) {
      return name + " was not proposed";
    }
    const Fate fate = command->second.fate;
    const std::string found = fate == Fate::kCommitted ? "committed"
                              : fate == Fate::kUnknown ? "unknown"
                                                       : "pending";
    if (found != what) {
      return std::string(name).append(" is ").append(found);
    }
  }
  return "";
}

std::string ScriptExpectations::ExpectApplied(const std::string& what, Words words) {
  const Words names = words.subspan(1);
  for (const ReplicaId id : scene_.Which(words[0])) {
    const std::vector<std::string> applied = scene_.Applied(id);
    if (what == "applied") {
      if (!std::ranges::equal(applied, names)) {
        return "replica " + std::to_string(id.value()) + " has applied " + Joined(applied);
      }
      continue;
    }
    for (const std::string& name : names) {
      const auto times = std::ranges::count(applied, name);
      if (times != (what == "holds" ? 1 : 0)) {
        return "replica " + std::to_string(id.value()) + " has applied " + name + " " +
               std::to_string(times) + " times";
      }
    }
  }
  return "";
}

std::string ScriptExpectations::ExpectEqual() const {
  const std::vector<ReplicaId> voters = scene_.LiveVoters();
  for (const ReplicaId id : voters) {
    const auto& first = scene_.cluster().applied(voters.front());
    const auto& other = scene_.cluster().applied(id);
    if (first != other) {
      return "replicas " + std::to_string(voters.front().value()) + " and " + std::to_string(id.value()) +
             " have applied " + std::to_string(first.size()) + " and " + std::to_string(other.size());
    }
  }
  return "";
}

std::string ScriptExpectations::Remember(Words words) {
  if (words.size() != 3) {
    return kNoSuchLine;
  }
  remembered_[words[0]] = Value(words[1], scene_.Id(words[2]));
  return "";
}

std::string ScriptExpectations::ExpectRemembered(Words words) {
  const auto before = remembered_.find(words[0]);
  const bool within = words.size() == 5 && words[3] == "within";
  if (before == remembered_.end() || (words.size() != 4 && !within)) {
    return kNoSuchLine;
  }
  const std::uint64_t now = Value(words[1], scene_.Id(words[2]));
  const bool good = within                 ? now - before->second <= Number(words[4])
                    : words[3] == "same"   ? now == before->second
                    : words[3] == "higher" ? now > before->second
                                           : now < before->second;
  return good ? "" : "it was " + std::to_string(before->second) + " and is " + std::to_string(now);
}

std::uint64_t ScriptExpectations::Value(const std::string& what, ReplicaId id) const {
  const paxos::Replica& core = scene_.cluster().core(id);
  if (what == "promised") {
    return core.promised().ballot.packed();
  }
  if (what == "number") {
    return core.promised().number;
  }
  if (what == "ballot") {
    return core.heartbeat_ballot().packed();
  }
  return what == "end" ? core.end_cursor().position.value() : core.commit().value();
}

}  // namespace gaios::sim
