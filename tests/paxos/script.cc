#include "tests/paxos/script.h"

#include <fstream>
#include <iterator>
#include <optional>
#include <sstream>

namespace gaios::sim {
namespace {

using paxos::ChangeRefusal;
using paxos::Refusal;

constexpr std::uint64_t kPatienceNs = 10'000 * kMs;

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
        !scene_.begun() && words[0] != "cluster" ? "a script starts with its cluster" : Line(words);
    if (scene_.malformed()) {
      wrong = "there is no such replica";
    }
    if (wrong.empty() && !scene_.cluster().invariants().violations().empty()) {
      wrong = scene_.cluster().invariants().violations().front();
    }
    if (wrong.empty()) {
      wrong = scene_.Misread();
    }
    if (!wrong.empty()) {
      return path_ + ":" + std::to_string(number) + ": " + Joined(words) + ": " + wrong;
    }
  }
  if (!scene_.begun()) {
    return path_ + ": an empty script";
  }
  scene_.cluster().RunFor(200 * kMs);  // what is still under way must do no harm either
  const std::vector<std::string>& violations = scene_.cluster().invariants().violations();
  const std::string wrong = violations.empty() ? scene_.Kept() : violations.front();
  return wrong.empty() ? "" : path_ + ": after the end: " + wrong;
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
    return expectations_.Expect(rest);
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
    return expectations_.Remember(rest);
  }
  if (verb == "cut" || verb == "heal") {
    return faults_.OneLink(verb, rest);
  }
  if (verb == "hold" || verb == "release" || verb == "drop" || verb == "land") {
    return faults_.Held(verb, rest);
  }
  if (verb == "hand-over") {
    return faults_.HandOver(rest);
  }
  if (verb == "member") {
    const ChangeRefusal refusal = scene_.Change(rest);
    return refusal == ChangeRefusal::kNone ? "" : "it is refused: " + RefusalName(refusal);
  }
  if (verb == "install") {
    return faults_.Install(rest);
  }
  if (verb == "prepare" || verb == "promise") {
    return faults_.Forge(verb, rest);
  }
  return rest.size() == 1 ? faults_.OneReplica(verb, scene_.Id(rest[0])) : kNoSuchLine;
}

std::string Script::MakeCluster(Words words) {
  ClusterOptions options;
  options.orderly_elections = true;
  options.world.to_all_per_mille = to_all_per_mille_;
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
    if (word == "links-come-back") {
      options.links_come_back = true;
      continue;
    }
    if (word == "priorities") {  // of all replicas, in the order of their ids
      for (std::size_t id = 0; id < options.world.replicas; ++id) {
        const std::optional<std::uint64_t> priority = ++i < words.size() ? Number(words[i]) : std::nullopt;
        if (!priority.has_value()) {
          return "`priorities` wants a number for each replica";
        }
        options.priorities.at(id) = static_cast<std::uint8_t>(*priority);
      }
      continue;
    }
    const std::optional<std::uint64_t> value = i + 1 < words.size() ? Number(words[i + 1]) : std::nullopt;
    if (!value.has_value()) {
      return "`" + word + "` wants a number";
    }
    ++i;
    if (word == "replicas") {
      options.world.replicas = *value;
    } else if (word == "voters") {
      options.voters = *value;
    } else if (word == "ring") {
      options.world.capacity_bytes = *value;
    } else if (word == "batch") {
      options.max_batch_bytes = static_cast<std::uint32_t>(*value);
    } else if (word == "pipeline") {
      options.pipeline_depth = *value;
    } else if (word == "seed") {
      options.world.seed = *value;
    } else if (word == "preferred-after") {  // milliseconds
      options.preferred_after_ns = *value * kMs;
    } else if (word == "stand-by") {  // milliseconds
      options.stand_by_ns = *value * kMs;
    } else if (word == "delay") {
      options.world.max_delay_ns = *value * kUs;
    } else if (word == "fence") {
      options.world.max_fence_ns = *value * kUs;
    } else if (word == "at-once") {  // so many writes in a thousand, whole
      options.world.at_once_per_mille = static_cast<std::uint32_t>(*value);
      options.world.in_part_per_mille = 0;
      options.world.to_all_per_mille = 0;
    } else if (word == "fill") {  // at most so many bytes a second
      options.fill_bytes_per_second = *value;
    } else if (word == "to-all") {  // so many writes in a thousand
      options.world.to_all_per_mille = static_cast<std::uint32_t>(*value);
    } else {
      return "a cluster has no `" + word + "`";
    }
  }
  scene_.Begin(options);
  return "";
}

// ---- time

std::string Script::Run(Words words) {
  if (!words.empty() && words[0] == "until") {
    return RunUntil(words.subspan(1));
  }
  const std::optional<std::uint64_t> duration = words.size() == 1 ? DurationNs(words[0]) : std::nullopt;
  if (!duration.has_value()) {
    return kNoSuchLine;
  }
  scene_.cluster().RunUntil(
      [this] {
        scene_.Collect();
        return false;
      },
      *duration);
  scene_.Collect();
  return "";
}

std::string Script::RunUntil(Words words) {
  if (!expectations_.Holds(words).has_value()) {
    return kNoSuchLine;
  }
  const bool reached = scene_.cluster().RunUntil(
      [this, words] {
        scene_.Collect();
        return expectations_.Holds(words).value_or(false);
      },
      kPatienceNs);
  return reached ? "" : "it does not come about";
}

// ---- work

std::string Script::Propose(Words words) {
  if (words.size() < 2) {
    return kNoSuchLine;
  }
  const ReplicaId id = scene_.Id(words[0]);
  for (const std::string& command : words.subspan(1)) {
    if (scene_.commands().contains(command)) {
      return command + " is proposed twice";
    }
    if (const Refusal refusal = scene_.Take(id, command); refusal != Refusal::kNone) {
      return command + " is refused: " + RefusalName(refusal);
    }
  }
  return "";
}

std::string Script::Flood(Words words) {
  if (words.size() != 4 || words[2] != "of") {
    return kNoSuchLine;
  }
  const ReplicaId id = scene_.Id(words[0]);
  for (std::uint64_t left = Number(words[1]).value_or(0); left > 0; --left) {
    const std::string command = "flood" + std::to_string(++flooded_) + "*" + words[3];
    Refusal refusal = Refusal::kNone;
    const bool taken = scene_.cluster().RunUntil(
        [&] {
          scene_.Collect();
          refusal = scene_.Take(id, command);
          return refusal == Refusal::kNone || refusal == Refusal::kTooLarge;
        },
        kPatienceNs);
    if (!taken || refusal != Refusal::kNone) {
      return command + " is refused: " + RefusalName(refusal);
    }
    scene_.cluster().Step(scene_.cluster().world().now_ns() + kUs);
  }
  return "";
}

std::string Script::Fill(Words words) {
  if (words.size() != 3 || words[1] != "with") {
    return kNoSuchLine;
  }
  Refusal refusal = Refusal::kNone;
  while (refusal == Refusal::kNone) {
    refusal = scene_.Take(scene_.Id(words[0]), "flood" + std::to_string(++flooded_) + "*" + words[2]);
  }
  return refusal == Refusal::kFull ? "" : "refused: " + RefusalName(refusal);
}

std::string Script::Press(Words words) {
  const std::optional<std::uint64_t> duration = words.size() == 5 ? DurationNs(words[4]) : std::nullopt;
  if (!duration.has_value() || words[1] != "with" || words[3] != "for") {
    return kNoSuchLine;
  }
  Refusal refusal = Refusal::kFull;
  scene_.cluster().RunUntil(
      [&] {
        scene_.Collect();
        refusal = scene_.Take(scene_.Id(words[0]), "press*" + words[2]);
        return refusal != Refusal::kFull;
      },
      *duration);
  return refusal == Refusal::kFull ? "" : "one is refused: " + RefusalName(refusal);
}

std::string Script::StartRead(Words words) {
  if (words.size() != 2) {
    return kNoSuchLine;
  }
  return scene_.StartRead(scene_.Id(words[0]), words[1]) ? "" : "the read is refused";
}

}  // namespace gaios::sim
