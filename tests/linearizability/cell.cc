#include "tests/linearizability/cell.h"

#include <unordered_map>
#include <utility>

#include <absl/strings/str_cat.h>

#include "gaios/base/check.h"

namespace gaios::linearizability {
namespace {

class CellBuilder {
 public:
  CellBuilder(const History& history, TextId key) : history_(history) {
    cell_.key = key;
    static_cast<void>(history.model() == Model::kLock ? Value("free") : ValueOf(kNullText));
  }

  void Add(const Operation& operation, std::size_t number) {
    CellOperation added = NeedsAndLeaves(operation);
    if (added.needs == added.leaves) {
      added.leaves = kSameValue;  // a cas to what was there before is a read
    }
    added.invoked_at = operation.invoked_at;
    added.answered_at = operation.answered_at;
    added.operation = number;
    cell_.operations.push_back(added);
  }
  [[nodiscard]] Cell Take() { return std::move(cell_); }

 private:
  CellOperation NeedsAndLeaves(const Operation& operation) {
    CellOperation made;
    switch (operation.function) {
      case Function::kRead:
        made.needs = ValueOf(operation.value);
        return made;
      case Function::kWrite:
        made.leaves = ValueOf(operation.value);
        return made;
      case Function::kCas:
        made.needs = ValueOf(operation.expected);
        made.leaves = ValueOf(operation.value);
        return made;
      case Function::kAcquire:
        made.needs = kInitialValue;
        made.leaves = Owner(operation);
        return made;
      case Function::kRelease:
        made.needs = Owner(operation);
        made.leaves = kInitialValue;
        return made;
      case Function::kSubmit:
        break;
    }
    GAIOS_CHECK(false, "a log is not made of cells");
    return made;
  }
  ValueId Owner(const Operation& operation) {
    return Value(operation.value == kNullText ? absl::StrCat("held by process ", operation.process)
                                              : absl::StrCat("held by ", history_.Text(operation.value)));
  }
  ValueId ValueOf(TextId text) { return Value(history_.Text(text)); }
  ValueId Value(const std::string& name) {
    const auto [at, added] = ids_.emplace(name, static_cast<ValueId>(cell_.values.size()));
    if (added) {
      cell_.values.push_back(name);
    }
    return at->second;
  }

  const History& history_;
  Cell cell_;
  std::unordered_map<std::string, ValueId> ids_;
};

}  // namespace

std::vector<Cell> CellsOf(const History& history) {
  std::vector<CellBuilder> builders;
  std::unordered_map<TextId, std::size_t> cells;
  for (std::size_t i = 0; i < history.operations().size(); ++i) {
    const Operation& operation = history.operations()[i];
    if (operation.outcome == EventType::kFail ||
        (operation.function == Function::kRead && operation.outcome != EventType::kOk)) {
      continue;
    }
    const auto [at, added] = cells.emplace(operation.key, builders.size());
    if (added) {
      builders.emplace_back(history, operation.key);
    }
    builders[at->second].Add(operation, i);
  }
  std::vector<Cell> taken;
  taken.reserve(builders.size());
  for (CellBuilder& builder : builders) {
    taken.push_back(builder.Take());
  }
  return taken;
}

std::vector<CellOperation> PrefixOf(std::span<const CellOperation> operations, std::uint64_t line) {
  std::vector<CellOperation> prefix;
  for (const CellOperation& operation : operations) {
    if (operation.invoked_at <= line) {
      prefix.push_back(operation);
      if (operation.answered_at > line) {
        prefix.back().answered_at = kNever;
      }
    }
  }
  return prefix;
}

}  // namespace gaios::linearizability
