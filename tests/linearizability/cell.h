#ifndef GAIOS_TESTS_LINEARIZABILITY_CELL_H_
#define GAIOS_TESTS_LINEARIZABILITY_CELL_H_

// The form in which registers and locks are searched: a cell holds one value, and an operation needs the cell
// to hold a value, or any, and leaves a value in it, or the one that was there.
//
//   read v       needs v     leaves what is there
//   write v      needs any   leaves v
//   cas v, w     needs v     leaves w
//   acquire      needs free  leaves the owner
//   release      needs the owner, leaves free
//
// Each key is a cell of its own: linearizability is local, so a history is good exactly when that of each of
// its objects is (Herlihy and Wing), and many small searches cost far less than one large.

#include <cstddef>
#include <cstdint>
#include <limits>
#include <span>
#include <string>
#include <vector>

#include "tests/linearizability/history.h"

namespace gaios::linearizability {

// Values of a cell are numbered from 0, which it holds at first.
using ValueId = std::uint32_t;
inline constexpr ValueId kInitialValue = 0;
inline constexpr ValueId kAnyValue = std::numeric_limits<ValueId>::max();       // of needs
inline constexpr ValueId kSameValue = std::numeric_limits<ValueId>::max() - 1;  // of leaves

struct CellOperation {
  ValueId needs = kAnyValue;
  ValueId leaves = kSameValue;
  std::uint64_t invoked_at = 0;        // lines, all different
  std::uint64_t answered_at = kNever;  // kNever: open, it may take effect after invoked_at or never
  std::size_t operation = 0;           // which of the history

  [[nodiscard]] bool open() const { return answered_at == kNever; }
  [[nodiscard]] bool only_reads() const { return leaves == kSameValue; }
};

struct Cell {
  TextId key = kNullText;
  // In the order of their invocations; none of those that did not take effect or cannot matter.
  std::vector<CellOperation> operations;
  std::vector<std::string> values;  // as people call them, by ValueId
};

// `history` is of registers or locks. Cells are in the order in which their keys are first used.
[[nodiscard]] std::vector<Cell> CellsOf(const History& history);

// What was known when line `line` had been written: operations that were answered later are open.
[[nodiscard]] std::vector<CellOperation> PrefixOf(std::span<const CellOperation> operations,
                                                  std::uint64_t line);

}  // namespace gaios::linearizability

#endif  // GAIOS_TESTS_LINEARIZABILITY_CELL_H_
