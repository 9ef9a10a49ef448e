#include "tests/linearizability/counter_example.h"

#include <algorithm>
#include <ranges>
#include <set>
#include <span>
#include <utility>

#include <absl/strings/str_cat.h>
#include <absl/strings/str_join.h>

#include "gaios/base/check.h"

#include "tests/linearizability/search.h"

namespace gaios::linearizability {
namespace {

constexpr std::size_t kMaxListed = 10;    // operations that are printed of a list
constexpr std::size_t kMaxPossible = 32;  // values that are tried

std::string NameOf(const History& history, TextId key) {
  return absl::StrCat(ModelName(history.model()), key == kNullText ? "" : " ",
                      key == kNullText ? "" : history.Text(key));
}

// The line `why` of a list of operations, with where each stands.
std::string Listed(const History& history, std::span<const std::size_t> operations) {
  std::string text;
  for (const std::size_t i : operations.first(std::min(operations.size(), kMaxListed))) {
    const Operation& operation = history.operations()[i];
    absl::StrAppend(&text, "  ", history.Describe(operation), " (", History::Lines(operation), ")\n");
  }
  if (operations.size() > kMaxListed) {
    absl::StrAppend(&text, "  and ", operations.size() - kMaxListed, " more\n");
  }
  return text;
}

class CellExplanation {
 public:
  CellExplanation(const History& history, const Cell& cell, Budget& budget)
      : history_(history), cell_(cell), budget_(budget) {}

  CounterExample Explain() {
    FindLine();
    const auto culprit = std::ranges::find(cell_.operations, found_.line, &CellOperation::answered_at);
    GAIOS_CHECK(culprit != cell_.operations.end(), "the line is that of an answer");
    culprit_ = static_cast<std::size_t>(culprit - cell_.operations.begin());
    found_.key = cell_.key;
    found_.operation = culprit->operation;
    FindOrder();
    FindPossible();
    for (const CellOperation& other : cell_.operations) {
      if (&other != &*culprit && other.invoked_at < culprit->answered_at &&
          other.answered_at > culprit->invoked_at) {
        found_.concurrent.push_back(other.operation);
      }
    }
    found_.text = Text();
    return std::move(found_);
  }

 private:
  // Halves the answers between a beginning that is good and one that is bad.
  void FindLine() {
    std::vector<std::uint64_t> answers;
    for (const CellOperation& operation : cell_.operations) {
      if (!operation.open()) {
        answers.push_back(operation.answered_at);
      }
    }
    std::sort(answers.begin(), answers.end());
    GAIOS_CHECK(!answers.empty(), "a history without answers is linearizable");
    std::size_t good = 0;  // how many answers a good beginning has
    std::size_t bad = answers.size();
    while (bad - good > 1) {
      const std::size_t middle = good + (bad - good) / 2;
      const std::vector<CellOperation> prefix = PrefixOf(cell_.operations, answers[middle - 1]);
      const Verdict verdict = Search(prefix, cell_.values.size(), budget_).Run();
      if (verdict == Verdict::kUnknown) {
        found_.first = false;
        break;
      }
      (verdict == Verdict::kLinearizable ? good : bad) = middle;
    }
    found_.line = answers[bad - 1];
  }

  void FindOrder() {
    const std::vector<CellOperation> prefix = PrefixOf(cell_.operations, found_.line - 1);
    Search search(prefix, cell_.values.size(), budget_);
    if (!found_.first || search.Run() != Verdict::kLinearizable) {
      return;
    }
    for (const std::uint32_t i : search.Order()) {
      if (!prefix[i].only_reads()) {
        last_ = prefix[i].leaves;
      }
      found_.order.push_back(prefix[i].operation);
      found_.holds.push_back(cell_.values[last_]);
    }
  }

  // Values with which a read in place of the operation would have been right, beginning with the last of the
  // order that was found and then by how late they came.
  void FindPossible() {
    if (!found_.first) {
      return;
    }
    std::vector<ValueId> candidates = {last_};
    std::set<ValueId> known = {last_};
    for (const CellOperation& operation : std::views::reverse(cell_.operations)) {
      if (!operation.only_reads() && operation.invoked_at < found_.line &&
          known.insert(operation.leaves).second) {
        candidates.push_back(operation.leaves);
      }
    }
    if (known.insert(kInitialValue).second) {
      candidates.push_back(kInitialValue);
    }
    found_.all_possible = candidates.size() <= kMaxPossible;
    candidates.resize(std::min(candidates.size(), kMaxPossible));
    std::vector<CellOperation> asked = PrefixOf(cell_.operations, found_.line);
    const auto culprit = std::ranges::find(asked, found_.line, &CellOperation::answered_at);
    GAIOS_CHECK(culprit->needs != kAnyValue, "a write can come last, so it is never the first to be wrong");
    culprit->leaves = kSameValue;
    for (const ValueId candidate : candidates) {
      culprit->needs = candidate;
      const Verdict verdict = Search(asked, cell_.values.size(), budget_).Run();
      if (verdict == Verdict::kUnknown) {
        found_.all_possible = false;
        return;
      }
      if (verdict == Verdict::kLinearizable) {
        found_.possible.push_back(cell_.values[candidate]);
      }
    }
  }

  [[nodiscard]] std::string Text() const {
    const Operation& operation = history_.operations()[found_.operation];
    std::string text = absl::StrCat(
        "not linearizable: ", NameOf(history_, cell_.key), "\n\n",
        found_.first ? "No order of the operations explains this answer:\n"
                     : "No order of the operations explains all answers up to this one. The first "
                       "that cannot be explained may be earlier: the budget did not last to find it.\n",
        "  line ", found_.line, ": ", history_.Describe(operation), " (invoked at line ",
        operation.invoked_at, ")\n");
    absl::StrAppend(&text, PossibleText(operation), OrderText());
    if (!found_.concurrent.empty()) {
      absl::StrAppend(&text,
                      "\nUnder way at the same time, so that each may have come before it or after it:\n",
                      Listed(history_, found_.concurrent));
    }
    return text;
  }

  [[nodiscard]] std::string PossibleText(const Operation& operation) const {
    if (found_.possible.empty()) {
      return "";
    }
    const bool reads = operation.function == Function::kRead;
    std::string text = absl::StrCat(
        "\nGiven all the other answers so far, the ", ModelName(history_.model()), " can ",
        found_.all_possible ? "only " : "", "have ", history_.model() == Model::kLock ? "been " : "held ",
        absl::StrJoin(found_.possible, " or "), found_.all_possible ? "" : ", or a value that was not tried",
        reads ? " when it was read.\n" : " then.\n");
    const std::string& needed = cell_.values[cell_.operations[culprit_].needs];
    if (!reads && std::ranges::find(found_.possible, needed) != found_.possible.end()) {
      absl::StrAppend(&text, "It can have been ", needed,
                      ", but the change that this operation made leaves no order for the others.\n");
    }
    return text;
  }

  [[nodiscard]] std::string OrderText() const {
    if (!found_.first) {
      return "";
    }
    if (found_.order.empty()) {
      return absl::StrCat("\nNothing had changed it before: it was ", cell_.values[kInitialValue],
                          " from the beginning.\n");
    }
    const std::size_t count = found_.order.size();
    const std::size_t skipped = count - std::min(count, kMaxListed);
    std::string text =
        absl::StrCat("\nAll that was answered before it can be explained, for example by this order",
                     skipped > 0 ? absl::StrCat(" (its last ", kMaxListed, " of ", count, ")") : "", ":\n");
    for (std::size_t i = skipped; i < count; ++i) {
      const Operation& operation = history_.operations()[found_.order[i]];
      absl::StrAppend(&text, "  ", history_.Describe(operation), " (", History::Lines(operation), "), then ",
                      found_.holds[i], "\n");
    }
    return text;
  }

  const History& history_;
  const Cell& cell_;
  Budget& budget_;
  CounterExample found_;
  std::size_t culprit_ = 0;       // in the cell
  ValueId last_ = kInitialValue;  // at the end of the order
};

}  // namespace

CounterExample ExplainCell(const History& history, const Cell& cell, Budget& budget) {
  return CellExplanation(history, cell, budget).Explain();
}

CounterExample ExplainLog(const History& history, const LogConflict& conflict) {
  const Operation& operation = history.operations()[conflict.operation];
  CounterExample found;
  found.key = operation.key;
  found.operation = conflict.operation;
  found.line = operation.answered_at;
  found.text = absl::StrCat("not linearizable: ", NameOf(history, operation.key), "\n\n", conflict.rule,
                            "\n  line ", found.line, ": ", history.Describe(operation), " (invoked at line ",
                            operation.invoked_at, ")\n");
  if (conflict.against.has_value()) {
    found.concurrent.push_back(*conflict.against);
    absl::StrAppend(&found.text, "beside\n", Listed(history, found.concurrent));
  }
  return found;
}

}  // namespace gaios::linearizability
