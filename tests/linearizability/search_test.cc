// What searches cost, in steps: large histories must be decided with few of them, and hard ones given up.

#include <algorithm>
#include <cstdint>
#include <ostream>
#include <random>
#include <string>
#include <vector>

#include <gtest/gtest.h>

#include "gaios/base/clock.h"

#include "tests/linearizability/check_history.h"
#include "tests/linearizability/notation.h"
#include "tests/linearizability/random_history.h"

namespace gaios::linearizability {
namespace {

constexpr std::size_t kOperations = 8'000;
// A search that never went wrong would take less than one step for each operation.
constexpr std::uint64_t kStepBudget = 3 * kOperations;

struct Load {
  std::size_t clients;
  std::size_t keys;
  std::size_t values;
};

std::string NameOf(const Load& load) {
  return std::to_string(load.clients) + "_clients_" + std::to_string(load.keys) + "_keys_" +
         (load.values == 0 ? "own" : std::to_string(load.values)) + "_values";
}
void PrintTo(const Load& load, std::ostream* out) {
  *out << NameOf(load);
}

std::vector<Event> MakeLoad(const Load& load, std::uint64_t seed) {
  return MakeRandomHistory({.model = Model::kRegister,
                            .seed = seed,
                            .operations = kOperations,
                            .clients = load.clients,
                            .keys = load.keys,
                            .values = load.values,
                            .info_per_mille = 20});
}

class LargeRegister : public ::testing::TestWithParam<Load> {};

TEST_P(LargeRegister, IsDecidedInFewSteps) {
  for (std::uint64_t seed = 1; seed <= 4; ++seed) {
    SCOPED_TRACE(seed);
    const History history = MakeHistory(Model::kRegister, MakeLoad(GetParam(), seed));
    EXPECT_EQ(CheckHistory(history, {.steps = kStepBudget}).verdict, Verdict::kLinearizable);
  }
}

INSTANTIATE_TEST_SUITE_P(All, LargeRegister,
                         ::testing::Values(Load{.clients = 5, .keys = 1, .values = 0},
                                           Load{.clients = 20, .keys = 4, .values = 0},
                                           Load{.clients = 64, .keys = 8, .values = 0},
                                           Load{.clients = 64, .keys = 8, .values = 5},
                                           Load{.clients = 30, .keys = 1, .values = 5},
                                           Load{.clients = 100, .keys = 1, .values = 0}),
                         [](const ::testing::TestParamInfo<Load>& load) { return NameOf(load.param); });

TEST(LargeHistory, OneStaleReadIsFoundWhereItIs) {
  std::vector<Event> events = MakeLoad({.clients = 64, .keys = 4, .values = 0}, 1);
  const auto stale = std::find_if(events.rbegin(), events.rend(), [](const Event& event) {
    return event.type == EventType::kOk && event.function == Function::kRead && event.key == "2";
  });
  const auto old = std::ranges::find_if(events, [](const Event& event) {
    return event.type == EventType::kInvoke && event.function == Function::kWrite && event.key == "2";
  });
  ASSERT_NE(stale, events.rend());
  stale->value = old->value;
  // To name the answer takes more searches than to condemn the history.
  const Judgement judgement =
      CheckHistory(MakeHistory(Model::kRegister, events), {.steps = 40 * kOperations});
  ASSERT_EQ(judgement.verdict, Verdict::kNotLinearizable);
  EXPECT_TRUE(judgement.counter_example.first);
  EXPECT_EQ(judgement.counter_example.line, stale->line);
}

TEST(LargeHistory, ALockIsDecidedInFewSteps) {
  const History history = MakeHistory(
      Model::kLock,
      MakeRandomHistory(
          {.model = Model::kLock, .operations = kOperations, .clients = 20, .info_per_mille = 1}));
  EXPECT_EQ(CheckHistory(history, {.steps = kStepBudget}).verdict, Verdict::kLinearizable);
}

TEST(LargeHistory, ALogTakesNoSteps) {
  const History history = MakeHistory(
      Model::kLog, MakeRandomHistory({.model = Model::kLog, .operations = 100'000, .clients = 200}));
  const Judgement judgement = CheckHistory(history, {.steps = 0});
  EXPECT_EQ(judgement.verdict, Verdict::kLinearizable);
  EXPECT_EQ(judgement.steps, 0);
}

// Many cas at once: whether they make one chain is a walk through a graph that takes each edge once. There is
// none, as one value is left more often than reached, but a search sees that only by trying.
std::vector<Event> Hard(const std::string& key) {
  constexpr std::uint64_t kCas = 60;
  std::mt19937_64 random(1);
  std::vector<Event> events;
  for (const EventType type : {EventType::kInvoke, EventType::kOk}) {
    for (std::uint64_t process = 0; process < kCas; ++process) {
      Event event;
      event.process = process;
      event.line = events.size() + 1;
      event.type = type;
      event.function = Function::kCas;
      event.key = key;
      if (type == EventType::kInvoke) {
        const std::uint64_t from = random() % 6;
        event.expected = process == 0 ? "null" : std::to_string(from);
        event.value = std::to_string((from + 1 + random() % 5) % 6);
      }
      events.push_back(event);
    }
  }
  return events;
}

TEST(HardHistory, IsUnknownWhenTheStepsAreSpent) {
  const History history = MakeHistory(Model::kRegister, Hard("\"x\""));
  const Judgement judgement = CheckHistory(history, {.steps = 50'000});
  EXPECT_EQ(judgement.verdict, Verdict::kUnknown);
  EXPECT_EQ(judgement.exhausted, Budget::Exhausted::kSteps);
  EXPECT_EQ(judgement.steps, 50'000);
  EXPECT_EQ(history.Text(judgement.undecided_key), "\"x\"");
  EXPECT_EQ(judgement.counter_example.text, "");
}

TEST(HardHistory, IsUnknownWhenTheMemoryIsFull) {
  const History history = MakeHistory(Model::kRegister, Hard("null"));
  const Judgement judgement = CheckHistory(history, {.memory_bytes = std::size_t{2} << 20});
  EXPECT_EQ(judgement.verdict, Verdict::kUnknown);
  EXPECT_EQ(judgement.exhausted, Budget::Exhausted::kMemory);
}

TEST(HardHistory, IsUnknownWhenTheTimeIsUp) {
  const base::ManualClock clock(1'000);
  const History history = MakeHistory(Model::kRegister, Hard("null"));
  const Judgement judgement = CheckHistory(history, {.clock = &clock, .time_ns = 0});
  EXPECT_EQ(judgement.verdict, Verdict::kUnknown);
  EXPECT_EQ(judgement.exhausted, Budget::Exhausted::kTime);
}

TEST(HardHistory, DoesNotHideABadOne) {
  std::vector<Event> events = Hard("\"hard\"");
  for (Event event : ParseNotation("900 \"bad\": write 1\n 900 ok\n 900 \"bad\": read\n 900 ok null")) {
    event.line = events.size() + 1;
    events.push_back(event);
  }
  const History history = MakeHistory(Model::kRegister, events);
  const Judgement judgement = CheckHistory(history, {.steps = 50'000});
  ASSERT_EQ(judgement.verdict, Verdict::kNotLinearizable);
  EXPECT_EQ(history.Text(judgement.counter_example.key), "\"bad\"");
}

TEST(HardHistory, LeavesItsShareToTheOthers) {
  // The hard key is small and comes first, yet the large one is decided: what is not known is the hard one.
  std::vector<Event> events = Hard("\"hard\"");
  for (int i = 0; i < 500; ++i) {
    for (Event event : ParseNotation("900 \"easy\": write 1\n 900 ok\n 900 \"easy\": read\n 900 ok 1")) {
      event.line = events.size() + 1;
      events.push_back(event);
    }
  }
  const History history = MakeHistory(Model::kRegister, events);
  const Judgement judgement = CheckHistory(history, {.steps = 20'000});
  EXPECT_EQ(judgement.verdict, Verdict::kUnknown);
  EXPECT_EQ(history.Text(judgement.undecided_key), "\"hard\"");
}

TEST(Explanation, SaysWhenTheBudgetDidNotLastForIt) {
  std::vector<Event> events = MakeLoad({.clients = 20, .keys = 1, .values = 0}, 1);
  const auto last_read = std::find_if(events.rbegin(), events.rend(), [](const Event& event) {
    return event.type == EventType::kOk && event.function == Function::kRead;
  });
  last_read->value = "\"never written\"";
  // That nobody wrote it is seen before the first step, and then there are none to look further.
  const Judgement judgement = CheckHistory(MakeHistory(Model::kRegister, events), {.steps = 10});
  ASSERT_EQ(judgement.verdict, Verdict::kNotLinearizable);
  EXPECT_FALSE(judgement.counter_example.first);
  EXPECT_NE(judgement.counter_example.text.find("the budget did not last"), std::string::npos);
}

}  // namespace
}  // namespace gaios::linearizability
