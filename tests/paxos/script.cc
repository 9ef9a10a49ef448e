#include "tests/paxos/script.h"

#include <algorithm>
#include <charconv>
#include <fstream>
#include <iterator>
#include <sstream>

#include "gaios/paxos/message.h"

namespace gaios::sim {
namespace {

using paxos::FollowerLink;
using paxos::Refusal;
using paxos::Role;
using transport::sim::Traffic;

constexpr std::uint64_t kUs = 1'000;
constexpr std::uint64_t kMs = 1'000'000;
constexpr std::uint64_t kPatienceNs = 10'000 * kMs;

std::optional<std::uint64_t> Number(const std::string& word) {
  std::uint64_t value = 0;
  const auto [end, error] = std::from_chars(word.data(), word.data() + word.size(), value);
  return error == std::errc() && end == word.data() + word.size() ? std::optional(value) : std::nullopt;
}

std::optional<std::uint64_t> DurationNs(const std::string& word) {
  if (word.size() < 3) {
    return std::nullopt;
  }
  const std::optional<std::uint64_t> value = Number(word.substr(0, word.size() - 2));
  const std::string unit = word.substr(word.size() - 2);
  if (!value.has_value() || (unit != "ms" && unit != "us")) {
    return std::nullopt;
  }
  return *value * (unit == "ms" ? kMs : kUs);
}

std::optional<Traffic> TrafficNamed(const std::string& word) {
  static const std::map<std::string, Traffic> kNames = {{"writes", Traffic::kWrites},
                                                        {"words", Traffic::kWords},
                                                        {"reads", Traffic::kReads},
                                                        {"messages", Traffic::kMessages},
                                                        {"control", Traffic::kControl}};
  const auto found = kNames.find(word);
  return found == kNames.end() ? std::nullopt : std::optional(found->second);
}

std::string StageName(FollowerLink::Stage stage) {
  switch (stage) {
    case FollowerLink::Stage::kAbsent:
      return "absent";
    case FollowerLink::Stage::kAsked:
      return "asked";
    case FollowerLink::Stage::kActive:
      return "active";
    case FollowerLink::Stage::kFenced:
      return "fenced";
    case FollowerLink::Stage::kBehind:
      return "behind";
  }
  return "";
}

std::string RefusalName(Refusal refusal) {
  switch (refusal) {
    case Refusal::kNone:
      return "none";
    case Refusal::kNotLeader:
      return "not-leader";
    case Refusal::kFull:
      return "full";
    case Refusal::kTooLarge:
      return "too-large";
  }
  return "";
}

// What is padded with dots to its size is known by what comes before.
std::string NameOf(const std::string& command) {
  return command.substr(0, command.find('.'));
}

std::string Joined(std::span<const std::string> words) {
  std::string text;
  for (const std::string& word : words) {
    text += (text.empty() ? "" : " ") + word;
  }
  return text.empty() ? "nothing" : text;
}

constexpr const char* kNoSuchLine = "not understood";

}  // namespace

std::string Script::Play() {
  std::ifstream file(path_);
  if (!file) {
    return path_ + ": cannot be read";
  }
  std::string text;
  for (int number = 1; std::getline(file, text); ++number) {
    std::istringstream stream(text.substr(0, text.find('#')));
    const std::vector<std::string> words(std::istream_iterator<std::string>(stream), {});
    if (words.empty()) {
      continue;
    }
    std::string wrong =
        cluster_ == nullptr && words[0] != "cluster" ? "a script starts with its cluster" : Line(words);
    if (malformed_) {
      wrong = "there is no such replica";
    }
    if (wrong.empty() && !cluster_->invariants().violations().empty()) {
      wrong = cluster_->invariants().violations().front();
    }
    if (!wrong.empty()) {
      return path_ + ":" + std::to_string(number) + ": " + Joined(words) + ": " + wrong;
    }
  }
  if (cluster_ == nullptr) {
    return path_ + ": an empty script";
  }
  cluster_->RunFor(200 * kMs);  // what is still under way must do no harm either
  const std::vector<std::string>& violations = cluster_->invariants().violations();
  const std::string wrong = violations.empty() ? Kept() : violations.front();
  return wrong.empty() ? "" : path_ + ": after the end: " + wrong;
}

std::string Script::Kept() const {
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

std::string Script::Line(Words words) {
  const std::string& verb = words[0];
  const Words rest = words.subspan(1);
  if (verb == "cluster") {
    return MakeCluster(rest);
  }
  if (verb == "run") {
    return Run(rest);
  }
  if (verb == "expect") {
    return Expect(rest);
  }
  if (verb == "propose") {
    return Propose(rest);
  }
  if (verb == "flood") {
    return Flood(rest);
  }
  if (verb == "fill") {
    return Fill(rest);
  }
  if (verb == "press") {
    return Press(rest);
  }
  if (verb == "read") {
    return StartRead(rest);
  }
  if (verb == "remember") {
    return Remember(rest);
  }
  if (verb == "cut" || verb == "heal") {
    return OneLink(verb, rest);
  }
  if (verb == "hold" || verb == "release" || verb == "drop" || verb == "land") {
    return Held(verb, rest);
  }
  if (verb == "prepare" || verb == "promise") {
    return Forge(verb, rest);
  }
  return rest.size() == 1 ? OneReplica(verb, Id(rest[0])) : kNoSuchLine;
}

std::string Script::MakeCluster(Words words) {
  ClusterOptions options;
  options.orderly_elections = true;
  for (std::size_t i = 0; i < words.size(); ++i) {
    const std::string& word = words[i];
    if (word == "torn") {
      options.world.torn_writes = true;
      continue;
    }
    if (word == "in-place") {
      options.world.move_log = false;
      continue;
    }
    const std::optional<std::uint64_t> value = i + 1 < words.size() ? Number(words[i + 1]) : std::nullopt;
    if (!value.has_value()) {
      return "`" + word + "` wants a number";
    }
    ++i;
    if (word == "replicas") {
      options.world.replicas = *value;
    } else if (word == "ring") {
      options.world.capacity_bytes = *value;
    } else if (word == "batch") {
      options.max_batch_bytes = static_cast<std::uint32_t>(*value);
    } else if (word == "pipeline") {
      options.pipeline_depth = *value;
    } else if (word == "seed") {
      options.world.seed = *value;
    } else if (word == "delay") {
      options.world.max_delay_ns = *value * kUs;
    } else if (word == "fence") {
      options.world.max_fence_ns = *value * kUs;
    } else {
      return "a cluster has no `" + word + "`";
    }
  }
  cluster_ = std::make_unique<Cluster>(options);
  return "";
}

// ---- time
// -----------------------------------------------------------------------------------------------------------

std::string Script::Run(Words words) {
  if (!words.empty() && words[0] == "until") {
    return RunUntil(words.subspan(1));
  }
  const std::optional<std::uint64_t> duration = words.size() == 1 ? DurationNs(words[0]) : std::nullopt;
  if (!duration.has_value()) {
    return kNoSuchLine;
  }
  cluster_->RunUntil(
      [this] {
        Collect();
        return false;
      },
      *duration);
  Collect();
  return "";
}

std::string Script::RunUntil(Words words) {
  if (!Holds(words).has_value()) {
    return kNoSuchLine;
  }
  const bool reached = cluster_->RunUntil(
      [this, words] {
        Collect();
        return Holds(words).value_or(false);
      },
      kPatienceNs);
  return reached ? "" : "it does not come about";
}

std::optional<bool> Script::Holds(Words words) {
  if (words.empty()) {
    return std::nullopt;
  }
  const std::string& what = words[0];
  const auto all = [this, words](Fate fate) {
    return std::ranges::all_of(words.subspan(1), [this, fate](const std::string& name) {
      return commands_.contains(name) && commands_.at(name).fate == fate;
    });
  };
  if (what == "leader" && words.size() == 1) {
    return !Leaders().empty();
  }
  if (what == "leader" && words.size() == 2) {
    return std::ranges::count(Leaders(), Id(words[1])) > 0;
  }
  if (what == "no" && words.size() == 2 && words[1] == "leader") {
    return Leaders().empty();
  }
  if (what == "role" && words.size() == 3) {
    return RoleName(cluster_->core(Id(words[1])).role()) == words[2];
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
    return std::ranges::count(Applied(Id(words[1])), words[2]) > 0;
  }
  if (what == "follower" && words.size() == 4) {
    const FollowerLink* const follower = cluster_->core(Id(words[1])).follower(Id(words[2]));
    return follower != nullptr && StageName(follower->stage) == words[3];
  }
  if (what == "in-sync" && words.size() == 4) {
    const FollowerLink* const follower = cluster_->core(Id(words[1])).follower(Id(words[2]));
    return follower != nullptr && follower->in_sync == (words[3] == "yes");
  }
  return std::nullopt;
}

void Script::Collect() {
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
}

// ---- work
// -----------------------------------------------------------------------------------------------------------

Refusal Script::Take(ReplicaId at, const std::string& command) {
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

std::string Script::Propose(Words words) {
  if (words.size() < 2) {
    return kNoSuchLine;
  }
  const ReplicaId id = Id(words[0]);
  for (const std::string& command : words.subspan(1)) {
    if (commands_.contains(command)) {
      return command + " is proposed twice";
    }
    if (const Refusal refusal = Take(id, command); refusal != Refusal::kNone) {
      return command + " is refused: " + RefusalName(refusal);
    }
  }
  return "";
}

std::string Script::Flood(Words words) {
  if (words.size() != 4 || words[2] != "of") {
    return kNoSuchLine;
  }
  const ReplicaId id = Id(words[0]);
  for (std::uint64_t left = Number(words[1]).value_or(0); left > 0; --left) {
    const std::string command = "flood" + std::to_string(++flooded_) + "*" + words[3];
    Refusal refusal = Refusal::kNone;
    const bool taken = cluster_->RunUntil(
        [&] {
          Collect();
          refusal = Take(id, command);
          return refusal == Refusal::kNone || refusal == Refusal::kTooLarge;
        },
        kPatienceNs);
    if (!taken || refusal != Refusal::kNone) {
      return command + " is refused: " + RefusalName(refusal);
    }
    cluster_->Step(cluster_->world().now_ns() + kUs);
  }
  return "";
}

std::string Script::Fill(Words words) {
  if (words.size() != 3 || words[1] != "with") {
    return kNoSuchLine;
  }
  Refusal refusal = Refusal::kNone;
  while (refusal == Refusal::kNone) {
    refusal = Take(Id(words[0]), "flood" + std::to_string(++flooded_) + "*" + words[2]);
  }
  return refusal == Refusal::kFull ? "" : "refused: " + RefusalName(refusal);
}

std::string Script::Press(Words words) {
  const std::optional<std::uint64_t> duration = words.size() == 5 ? DurationNs(words[4]) : std::nullopt;
  if (!duration.has_value() || words[1] != "with" || words[3] != "for") {
    return kNoSuchLine;
  }
  Refusal refusal = Refusal::kFull;
  cluster_->RunUntil(
      [&] {
        Collect();
        refusal = Take(Id(words[0]), "press*" + words[2]);
        return refusal != Refusal::kFull;
      },
      *duration);
  return refusal == Refusal::kFull ? "" : "one is refused: " + RefusalName(refusal);
}

std::string Script::StartRead(Words words) {
  if (words.size() != 2) {
    return kNoSuchLine;
  }
  const ReplicaId id = Id(words[0]);
  const std::optional<Cluster::Reading> reading = cluster_->StartRead(id);
  if (!reading.has_value()) {
    return "the read is refused";
  }
  reads_[words[1]] = {id, *reading};
  return "";
}

// ---- faults
// ---------------------------------------------------------------------------------------------------------

std::string Script::OneReplica(const std::string& verb, ReplicaId id) {
  if (verb == "kill") {
    cluster_->Kill(id);
  } else if (verb == "restart") {
    cluster_->Restart(id);
  } else if (verb == "pause" || verb == "wake") {
    cluster_->Pause(id, verb == "pause");
  } else if (verb == "freeze" || verb == "thaw") {
    cluster_->FreezeApply(id, verb == "freeze");
  } else if (verb == "isolate" || verb == "rejoin") {
    for (std::size_t i = 0; i < cluster_->size(); ++i) {
      const ReplicaId other(static_cast<std::uint8_t>(i));
      if (other == id) {
        continue;
      }
      if (verb == "isolate") {
        cluster_->world().Cut(id, other);
        cluster_->world().Cut(other, id);
      } else {
        cluster_->world().Heal(id, other);
        cluster_->world().Heal(other, id);
      }
    }
  } else {
    return kNoSuchLine;
  }
  return "";
}

std::string Script::OneLink(const std::string& verb, Words words) {
  if (words.size() != 3 || (words[1] != "->" && words[1] != "<->")) {
    return kNoSuchLine;
  }
  const ReplicaId from = Id(words[0]);
  const ReplicaId to = Id(words[2]);
  const auto act = [this, &verb](ReplicaId a, ReplicaId b) {
    verb == "cut" ? cluster_->world().Cut(a, b) : cluster_->world().Heal(a, b);
  };
  act(from, to);
  if (words[1] == "<->") {
    act(to, from);
  }
  return "";
}

std::string Script::Held(const std::string& verb, Words words) {
  const std::optional<Traffic> traffic = words.empty() ? std::nullopt : TrafficNamed(words[0]);
  if (!traffic.has_value() || words.size() < 4 || words[2] != "->") {
    return kNoSuchLine;
  }
  const ReplicaId from = Id(words[1]);
  const ReplicaId to = Id(words[3]);
  if (verb == "land") {
    const std::optional<std::uint64_t> bytes = words.size() == 6 ? Number(words[5]) : std::nullopt;
    if (traffic != Traffic::kWrites || !bytes.has_value() || (words[4] != "first" && words[4] != "past")) {
      return kNoSuchLine;
    }
    cluster_->world().LandPart(from, to, *bytes, words[4] == "first");
    return "";
  }
  if (verb == "hold") {
    cluster_->world().Hold(*traffic, from, to);
  } else if (verb == "release") {
    cluster_->world().Release(*traffic, from, to);
  } else {
    cluster_->world().DropHeld(*traffic, from, to);
  }
  return "";
}

std::string Script::Forge(const std::string& verb, Words words) {
  if (words.size() < 4 || words[1] != "->") {
    return kNoSuchLine;
  }
  const ReplicaId from = Id(words[0]);
  const ReplicaId to = Id(words[2]);
  paxos::Message message;
  if (verb == "prepare") {
    message.kind = paxos::MessageKind::kPrepare;
    if (words[3] == "same") {
      message.grant = cluster_->core(to).promised();
    } else if (words.size() == 7) {
      const auto round = static_cast<std::uint32_t>(Number(words[4]).value_or(0));
      message.grant = {paxos::Ballot(round, from, cluster_->world().incarnation(from)),
                       Number(words[6]).value_or(0)};
    } else {
      return kNoSuchLine;
    }
  } else {
    const paxos::Replica& acceptor = cluster_->core(from);
    message.kind = paxos::MessageKind::kPromise;
    message.grant = {cluster_->core(to).promised().ballot,
                     words.size() == 5 ? Number(words[4]).value_or(0) : 0};
    message.promised = message.grant.ballot;
    message.commit = acceptor.commit();
    message.applied = acceptor.applied();
    message.retained = acceptor.retained();
    message.valid_end = acceptor.end_cursor();
  }
  std::array<std::byte, paxos::kEncodedMessageBytes> bytes;
  paxos::EncodeMessage(message, cluster_->core(from).options().group, bytes);
  cluster_->world().transport(from).Send(to, bytes);
  return "";
}

// ---- expectations
// ---------------------------------------------------------------------------------------------------

std::string Script::Expect(Words words) {
  Collect();
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
    const Refusal refusal = Take(Id(rest[0]), rest[2]);
    return RefusalName(refusal) == rest[1] ? "" : "it is refused: " + RefusalName(refusal);
  }
  if (what == "read" && rest.size() == 2) {
    const auto read = reads_.find(rest[0]);
    if (read == reads_.end()) {
      return "there is no such read";
    }
    const bool confirmed = cluster_->Confirmed(read->second.at, read->second.reading);
    return confirmed == (rest[1] == "confirmed") ? "" : confirmed ? "it is confirmed" : "it is not confirmed";
  }
  if (what == "no" && rest.size() == 2 && rest[0] == "read") {
    return cluster_->StartRead(Id(rest[1])).has_value() ? "a read is taken" : "";
  }
  if (what == "promised" && rest.size() >= 2) {
    const paxos::Grant promised = cluster_->core(Id(rest[0])).promised();
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
        what == "commit" ? cluster_->core(Id(rest[0])).commit().value()
                         : cluster_->world().transport(Id(rest[0])).ReadLogWord(transport::LogWord::kCommit);
    const std::uint64_t b = cluster_->core(Id(rest[2])).commit().value();
    const bool good = rest[1] == "below" ? a < b : rest[1] == "above" ? a > b : a == b;
    return good ? "" : "they are " + std::to_string(a) + " and " + std::to_string(b);
  }
  if (const std::optional<bool> holds = Holds(words); holds.has_value()) {
    if (*holds) {
      return "";
    }
    const std::vector<ReplicaId> leaders = Leaders();
    return "it does not hold; the leader is " +
           (leaders.empty() ? "nobody" : std::to_string(leaders[0].value()));
  }
  return ExpectRemembered(words);
}

std::string Script::ExpectCommand(const std::string& what, Words words) {
  for (const std::string& name : words) {
    const auto command = commands_.find(name);
    if (command == commands_.end()) {
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

std::string Script::ExpectApplied(const std::string& what, Words words) {
  const Words names = words.subspan(1);
  for (const ReplicaId id : Which(words[0])) {
    const std::vector<std::string> applied = Applied(id);
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

std::string Script::ExpectEqual() const {
  const std::vector<ReplicaId> voters = LiveVoters();
  for (const ReplicaId id : voters) {
    const auto& first = cluster_->applied(voters.front());
    const auto& other = cluster_->applied(id);
    if (first != other) {
      return "replicas " + std::to_string(voters.front().value()) + " and " + std::to_string(id.value()) +
             " have applied " + std::to_string(first.size()) + " and " + std::to_string(other.size());
    }
  }
  return "";
}

std::string Script::Remember(Words words) {
  if (words.size() != 3) {
    return kNoSuchLine;
  }
  remembered_[words[0]] = Value(words[1], Id(words[2]));
  return "";
}

std::string Script::ExpectRemembered(Words words) {
  const auto before = remembered_.find(words[0]);
  if (before == remembered_.end() || words.size() != 4) {
    return kNoSuchLine;
  }
  const std::uint64_t now = Value(words[1], Id(words[2]));
  const bool good = words[3] == "same"     ? now == before->second
                    : words[3] == "higher" ? now > before->second
                                           : now < before->second;
  return good ? "" : "it was " + std::to_string(before->second) + " and is " + std::to_string(now);
}

std::uint64_t Script::Value(const std::string& what, ReplicaId id) const {
  const paxos::Replica& core = cluster_->core(id);
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

// ---- names
// ----------------------------------------------------------------------------------------------------------

std::vector<std::string> Script::Applied(ReplicaId id) const {
  std::vector<std::string> names;
  std::ranges::transform(cluster_->applied(id), std::back_inserter(names), NameOf);
  return names;
}

std::vector<ReplicaId> Script::Leaders() const {
  std::vector<ReplicaId> leaders;
  for (const ReplicaId id : LiveVoters()) {
    // A stopped leader still thinks what it thought.
    if (!cluster_->paused(id) && cluster_->core(id).established() && cluster_->core(id).has_quorum()) {
      leaders.push_back(id);
    }
  }
  return leaders;
}

std::vector<ReplicaId> Script::LiveVoters() const {
  std::vector<ReplicaId> voters;
  for (std::size_t i = 0; i < cluster_->size(); ++i) {
    const ReplicaId id(static_cast<std::uint8_t>(i));
    if (cluster_->alive(id) && cluster_->core(id).role() != Role::kLearner) {
      voters.push_back(id);
    }
  }
  return voters;
}

std::vector<ReplicaId> Script::Which(const std::string& word) {
  return word == "all" ? LiveVoters() : std::vector<ReplicaId>{Id(word)};
}

ReplicaId Script::Id(const std::string& word) {
  const std::optional<std::uint64_t> value = Number(word);
  if (!value.has_value() || *value >= cluster_->size()) {
    malformed_ = true;
    return ReplicaId(0);
  }
  return ReplicaId(static_cast<std::uint8_t>(*value));
}

}  // namespace gaios::sim
