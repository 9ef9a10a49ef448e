#include "tests/linearizability/notation.h"

#include <optional>
#include <sstream>
#include <string>
#include <utility>

#include <gtest/gtest.h>

namespace gaios::linearizability {
namespace {

// The word after PROCESS and KEY says what an event is.
void ReadKind(const std::string& word, std::vector<std::pair<std::uint64_t, Function>>& under_way,
              Event& event) {
  if (const auto function = ParseFunction(word); function.has_value()) {
    event.function = *function;
    under_way.emplace_back(event.process, *function);
    return;
  }
  const auto type = ParseEventType(word);
  EXPECT_TRUE(type.has_value()) << word;
  event.type = type.value_or(EventType::kOk);
  for (const auto& [process, function] : under_way) {
    event.function = process == event.process ? function : event.function;
  }
}

void ReadArgument(const std::string& word, Event& event) {
  if (word.front() == '@') {
    const std::size_t dot = word.find('.');
    event.slot = std::stoull(word.substr(1));
    if (dot != std::string::npos) {
      event.index = static_cast<std::uint32_t>(std::stoul(word.substr(dot + 1)));
    }
  } else if (event.value.has_value()) {
    event.expected = std::exchange(event.value, word);
  } else {
    event.value = word;
  }
}

}  // namespace

std::vector<Event> ParseNotation(std::string_view script) {
  std::vector<Event> events;
  std::vector<std::pair<std::uint64_t, Function>> under_way;
  std::istringstream lines{std::string(script)};
  for (std::string line; std::getline(lines, line);) {
    std::istringstream words(line);
    Event event;
    if (!(words >> event.process)) {
      continue;
    }
    event.line = events.size() + 1;
    std::string word;
    words >> word;
    if (word.back() == ':') {
      event.key = word.substr(0, word.size() - 1);
      words >> word;
    }
    ReadKind(word, under_way, event);
    while (words >> word) {
      ReadArgument(word, event);
    }
    events.push_back(event);
  }
  return events;
}

History MakeHistory(Model model, const std::vector<Event>& events) {
  History history(model);
  for (const Event& event : events) {
    const absl::Status added = history.Add(event);
    EXPECT_TRUE(added.ok()) << "event " << event.line << ": " << added.message();
  }
  return history;
}

}  // namespace gaios::linearizability
