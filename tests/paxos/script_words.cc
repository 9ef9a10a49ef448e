#include "tests/paxos/script_words.h"

#include <charconv>
#include <map>

namespace gaios::sim {

using paxos::FollowerLink;
using paxos::Refusal;
using transport::sim::Traffic;

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
  static const std::map<std::string, Traffic> kNames = {
      {"writes", Traffic::kWrites},     {"words", Traffic::kWords},     {"reads", Traffic::kReads},
      {"messages", Traffic::kMessages}, {"control", Traffic::kControl}, {"fences", Traffic::kFences}};
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

std::string RefusalName(paxos::ChangeRefusal refusal) {
  using paxos::ChangeRefusal;
  switch (refusal) {
    case ChangeRefusal::kNone:
      return "none";
    case ChangeRefusal::kNotLeader:
      return "not-leader";
    case ChangeRefusal::kUnderWay:
      return "under-way";
    case ChangeRefusal::kNoQuorum:
      return "no-quorum";
    case ChangeRefusal::kNoSuchId:
      return "no-such-id";
    case ChangeRefusal::kNoMember:
      return "no-member";
    case ChangeRefusal::kAlreadySo:
      return "already-so";
    case ChangeRefusal::kLastVoter:
      return "last-voter";
    case ChangeRefusal::kTooFewLeft:
      return "too-few-left";
    case ChangeRefusal::kFull:
      return "full";
    case ChangeRefusal::kFixed:
      return "fixed";
  }
  return "";
}

std::string StandingName(paxos::Standing standing) {
  switch (standing) {
    case paxos::Standing::kNone:
      return "none";
    case paxos::Standing::kLearner:
      return "learner";
    case paxos::Standing::kJoining:
      return "joining";
    case paxos::Standing::kVoter:
      return "voter";
  }
  return "";
}

std::string Joined(Words words) {
  std::string text;
  for (const std::string& word : words) {
    text += (text.empty() ? "" : " ") + word;
  }
  return text.empty() ? "nothing" : text;
}

}  // namespace gaios::sim
