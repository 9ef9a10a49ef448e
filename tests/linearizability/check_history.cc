#include "tests/linearizability/check_history.h"

#include <algorithm>
#include <unordered_map>
#include <utility>
#include <vector>

namespace gaios::linearizability {
namespace {

Judgement CheckLogs(const History& history, const LogOptions& options) {
  std::vector<std::vector<std::size_t>> logs;
  std::unordered_map<TextId, std::size_t> by_key;
  for (std::size_t i = 0; i < history.operations().size(); ++i) {
    const auto [at, added] = by_key.emplace(history.operations()[i].key, logs.size());
    if (added) {
      logs.emplace_back();
    }
    logs[at->second].push_back(i);
  }
  Judgement judgement;
  judgement.keys = logs.size();
  for (const std::vector<std::size_t>& log : logs) {
    if (const auto conflict = CheckLogOrder(history, log, options); conflict.has_value()) {
      judgement.verdict = Verdict::kNotLinearizable;
      judgement.counter_example = ExplainLog(history, *conflict);
      return judgement;
    }
  }
  return judgement;
}

struct Undecided {
  const Cell* cell = nullptr;
  Budget::Exhausted exhausted = Budget::Exhausted::kNothing;
};

// Small cells come first: they are likely to need less than their part of the budget, and leave the rest to
// the large ones. Those that a part was too little for are tried once more with what is left over, unless it
// is memory that they lack: each search has all of it.
Judgement CheckCells(const History& history, Budget& budget) {
  const std::vector<Cell> cells = CellsOf(history);
  std::vector<Undecided> undecided;
  undecided.reserve(cells.size());
  for (const Cell& cell : cells) {
    undecided.push_back({&cell});
  }
  std::ranges::sort(undecided, {}, [](const Undecided& one) {
    return std::pair(one.cell->operations.size(), one.cell->key);
  });
  Judgement judgement;
  judgement.keys = cells.size();
  for (int round = 0; round < 2; ++round) {
    std::size_t left = 0;
    for (const Undecided& one : undecided) {
      left += one.cell->operations.size();
    }
    std::vector<Undecided> still;
    for (const Undecided& one : undecided) {
      const std::size_t size = one.cell->operations.size();
      if (one.exhausted == Budget::Exhausted::kMemory) {
        still.push_back(one);
        left -= size;
        continue;
      }
      Budget part = budget.Part(size, left);
      const Verdict verdict = Search(one.cell->operations, one.cell->values.size(), part).Run();
      budget.Return(part);
      left -= size;
      if (verdict == Verdict::kNotLinearizable) {
        judgement.verdict = verdict;
        judgement.counter_example = ExplainCell(history, *one.cell, budget);
        return judgement;
      }
      if (verdict == Verdict::kUnknown) {
        still.push_back({one.cell, part.exhausted()});
      }
    }
    undecided = std::move(still);
  }
  if (!undecided.empty()) {
    judgement.verdict = Verdict::kUnknown;
    judgement.undecided_key = undecided.front().cell->key;
    judgement.exhausted = undecided.front().exhausted;
  }
  return judgement;
}

}  // namespace

Judgement CheckHistory(const History& history, const BudgetOptions& options, const LogOptions& log) {
  if (history.model() == Model::kLog) {
    return CheckLogs(history, log);
  }
  Budget budget(options);
  Judgement judgement = CheckCells(history, budget);
  judgement.steps = budget.spent();
  return judgement;
}

}  // namespace gaios::linearizability
