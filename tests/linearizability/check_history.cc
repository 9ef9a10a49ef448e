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

// Small cells come first: they are likely to need less than their part of the budget, and leave the rest to
// the large ones. Those that a part was too little for are tried once more with what is left over.
Judgement CheckCells(const History& history, Budget& budget) {
  std::vector<Cell> cells = CellsOf(history);
  std::ranges::stable_sort(cells, {}, [](const Cell& cell) { return cell.operations.size(); });
  Judgement judgement;
  judgement.keys = cells.size();
  std::vector<const Cell*> undecided;
  std::vector<const Cell*> hopeless;  // each search has all of the memory, so another finds no more
  for (const Cell& cell : cells) {
    undecided.push_back(&cell);
  }
  for (int round = 0; round < 2 && !undecided.empty(); ++round) {
    std::size_t left = 0;
    for (const Cell* const cell : undecided) {
      left += cell->operations.size();
    }
    std::vector<const Cell*> still;
    for (const Cell* const cell : undecided) {
      Budget part = budget.Part(cell->operations.size(), left);
      const Verdict verdict = Search(cell->operations, cell->values.size(), part).Run();
      budget.Return(part);
      left -= cell->operations.size();
      if (verdict == Verdict::kNotLinearizable) {
        judgement.verdict = verdict;
        judgement.counter_example = ExplainCell(history, *cell, budget);
        return judgement;
      }
      if (verdict == Verdict::kUnknown) {
        judgement.exhausted = part.exhausted();
        (judgement.exhausted == Budget::Exhausted::kMemory ? hopeless : still).push_back(cell);
      }
    }
    undecided = std::move(still);
  }
  undecided.insert(undecided.end(), hopeless.begin(), hopeless.end());
  if (!undecided.empty()) {
    judgement.verdict = Verdict::kUnknown;
    judgement.undecided_key = undecided.front()->key;
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
