// The checker against the definition: many small random histories, right and wrong, judged by both.

#include <cstdint>
#include <ostream>
#include <set>
#include <vector>

#include <gtest/gtest.h>

#include "tests/linearizability/brute_force.h"
#include "tests/linearizability/check_history.h"
#include "tests/linearizability/notation.h"
#include "tests/linearizability/random_history.h"

namespace gaios::linearizability {
namespace {

struct Family {
  const char* name;
  RandomHistoryOptions options;
  std::uint64_t seeds = 0;
  bool shared_slots = false;
};

void PrintTo(const Family& family, std::ostream* out) {
  *out << family.name;
}

// What had happened by then, with the knowledge of what was refused later and so did not happen.
std::vector<Event> FirstOf(const std::vector<Event>& events, std::uint64_t count) {
  std::vector<Event> first;
  std::set<std::uint64_t> under_way;  // processes
  for (const Event& event : events) {
    const bool invoked = event.type == EventType::kInvoke;
    if (event.line <= count && invoked) {
      under_way.insert(event.process);
    }
    const bool answered = !invoked && under_way.erase(event.process) > 0;
    if (event.line <= count || (answered && event.type == EventType::kFail)) {
      first.push_back(event);
    }
  }
  return first;
}

// Puts the operations of a cell through their paces in the order that was found for them.
void ExpectExplains(const History& history) {
  for (const Cell& cell : CellsOf(history)) {
    Budget budget(BudgetOptions{});
    Search search(cell.operations, cell.values.size(), budget);
    ASSERT_EQ(search.Run(), Verdict::kLinearizable);
    ValueId held = kInitialValue;
    std::vector<bool> done(cell.operations.size());
    for (const std::uint32_t i : search.Order()) {
      const CellOperation& operation = cell.operations[i];
      ASSERT_FALSE(done[i]);
      ASSERT_TRUE(operation.needs == kAnyValue || operation.needs == held);
      held = operation.only_reads() ? held : operation.leaves;
      for (std::size_t other = 0; other < done.size(); ++other) {
        ASSERT_TRUE(done[other] || cell.operations[other].answered_at > operation.invoked_at);
      }
      done[i] = true;
    }
    for (std::size_t i = 0; i < done.size(); ++i) {
      ASSERT_TRUE(done[i] || cell.operations[i].open());
    }
  }
}

// The answer that is blamed makes the history bad, and the one before it does not.
void ExpectBlamesTheFirst(const Family& family, const std::vector<Event>& events,
                          const CounterExample& found) {
  const LogOptions log{.shared_slots = family.shared_slots};
  EXPECT_FALSE(LinearizableByBruteForce(MakeHistory(family.options.model, FirstOf(events, found.line)), log));
  EXPECT_TRUE(
      LinearizableByBruteForce(MakeHistory(family.options.model, FirstOf(events, found.line - 1)), log));
  EXPECT_FALSE(found.text.empty());
}

class Differential : public ::testing::TestWithParam<Family> {};

TEST_P(Differential, AgreesWithBruteForce) {
  const Family& family = GetParam();
  std::uint64_t good = 0;
  std::uint64_t bad = 0;
  for (std::uint64_t seed = 1; seed <= family.seeds && !HasFailure(); ++seed) {
    SCOPED_TRACE(seed);
    RandomHistoryOptions options = family.options;
    options.seed = seed;
    const std::vector<Event> events = MakeRandomHistory(options);
    const History history = MakeHistory(options.model, events);
    const Judgement judgement = CheckHistory(history, BudgetOptions{}, {.shared_slots = family.shared_slots});
    ASSERT_NE(judgement.verdict, Verdict::kUnknown);
    const bool expected = LinearizableByBruteForce(history, {.shared_slots = family.shared_slots});
    ASSERT_EQ(judgement.verdict == Verdict::kLinearizable, expected);
    ++(expected ? good : bad);
    if (options.model == Model::kLog) {
      continue;
    }
    if (expected) {
      ExpectExplains(history);
    } else if (options.keys == 1) {
      ExpectBlamesTheFirst(family, events, judgement.counter_example);
    }
  }
  // Of both kinds there must be enough to find a checker out that always says the same.
  EXPECT_GT(good, family.seeds / 10);
  EXPECT_GT(bad, family.seeds / 10);
}

INSTANTIATE_TEST_SUITE_P(
    All, Differential,
    ::testing::Values(
        Family{"register",
               {.model = Model::kRegister, .operations = 7, .clients = 4, .wrong_per_mille = 300},
               20'000},
        Family{"register_of_unknown_outcomes",
               {.model = Model::kRegister,
                .operations = 7,
                .clients = 3,
                .values = 2,
                .info_per_mille = 300,
                .wrong_per_mille = 500},
               20'000},
        Family{"register_of_own_values",
               {.model = Model::kRegister,
                .operations = 7,
                .clients = 4,
                .values = 0,
                .info_per_mille = 150,
                .wrong_per_mille = 300},
               20'000},
        Family{"register_of_keys",
               {.model = Model::kRegister, .operations = 7, .clients = 3, .keys = 2, .wrong_per_mille = 300},
               10'000},
        Family{"lock",
               {.model = Model::kLock,
                .operations = 7,
                .clients = 3,
                .info_per_mille = 150,
                .fail_per_mille = 100,
                .wrong_per_mille = 300},
               20'000},
        Family{"log",
               {.model = Model::kLog,
                .operations = 7,
                .clients = 3,
                .fail_per_mille = 100,
                .wrong_per_mille = 200},
               20'000},
        Family{"log_of_keys",
               {.model = Model::kLog, .operations = 7, .clients = 3, .keys = 2, .wrong_per_mille = 300},
               10'000},
        Family{"log_of_indexed_slots",
               {.model = Model::kLog,
                .operations = 7,
                .clients = 3,
                .wrong_per_mille = 200,
                .indexed_slots = true},
               20'000},
        Family{"log_of_shared_slots",
               {.model = Model::kLog, .operations = 7, .clients = 3, .wrong_per_mille = 400},
               20'000,
               true}),
    [](const ::testing::TestParamInfo<Family>& family) { return family.param.name; });

}  // namespace
}  // namespace gaios::linearizability
