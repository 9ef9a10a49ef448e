#ifndef GAIOS_TESTS_LINEARIZABILITY_SEARCH_H_
#define GAIOS_TESTS_LINEARIZABILITY_SEARCH_H_

// Whether the operations on one cell can be put in an order that explains every answer: the search of Wing
// and Gong, with Lowe's memory of configurations and his just-in-time order. README.md says how it works, and
// why each of its shortcuts leaves the verdict as it is.
//
// A configuration is the set of operations that are linearized so far and the value that the cell then holds.
// Next may come any operation that was invoked before the first answer to an operation not linearized. The
// search goes depth-first, without recursion: histories are long. One thread; use an object once.

#include <cstddef>
#include <cstdint>
#include <optional>
#include <span>
#include <vector>

#include "tests/linearizability/budget.h"
#include "tests/linearizability/cell.h"
#include "tests/linearizability/configurations.h"
#include "tests/linearizability/demand.h"
#include "tests/linearizability/entries.h"
#include "tests/linearizability/operation_set.h"

namespace gaios::linearizability {

enum class Verdict : std::uint8_t { kLinearizable, kNotLinearizable, kUnknown };

class Search {
 public:
  // `values` is above every ValueId in `operations`.
  Search(std::span<const CellOperation> operations, std::size_t values, Budget& budget);

  // kUnknown when the budget does not last.
  [[nodiscard]] Verdict Run();

  // After kLinearizable: the operations that took effect, in an order that explains the history.
  [[nodiscard]] std::vector<std::uint32_t> Order() const;

 private:
  // One step of the way: a configuration, and which of its candidates have been tried.
  struct Frame {
    std::size_t first = 0;  // candidates_[first, end of the frame)
    std::size_t next = 0;
    std::size_t end = 0;
    ValueId value = kInitialValue;
  };
  enum class Entered : std::uint8_t { kDone, kOpened, kOverBudget };

  static std::vector<std::uint32_t> Useful(std::span<const CellOperation> operations);
  void RankAnswers();
  void NumberKinds();
  // Whether somebody was told a value that nobody can have left in time.
  [[nodiscard]] bool ToldTheImpossible() const;

  // Opens a frame for the configuration that the search is in now.
  Entered Enter();
  // Appends the candidates of this configuration. True when no other way need be tried: they are one, and
  // this need not be remembered.
  bool Gather();
  void LookAtWindow();
  [[nodiscard]] std::optional<std::uint32_t> ReadNow() const;
  [[nodiscard]] bool MayComeNext(std::uint32_t number) const;
  [[nodiscard]] bool MayComeAtOnce(const CellOperation& operation) const;
  void OrderCandidates(std::size_t first);
  [[nodiscard]] bool IsNew();

  void Linearize(std::uint32_t operation);
  void TakeBack(std::uint32_t operation, ValueId value);
  [[nodiscard]] std::size_t Bytes() const;

  const std::vector<std::uint32_t> useful_;      // of the caller's operations, those that the search is about
  const std::vector<CellOperation> operations_;  // those; all numbers below are of these
  Budget& budget_;
  Entries entries_;
  Demand demand_;
  Configurations seen_;
  std::vector<std::uint32_t> ranks_;    // its answer's place among the answers; open operations follow
  std::vector<std::uint32_t> by_rank_;  // the other way round
  std::vector<std::uint32_t> kinds_;    // those that need and leave the same are of one kind
  std::size_t answered_ = 0;            // operations that have an answer

  ValueId value_ = kInitialValue;
  OperationSet linearized_;       // ranks
  std::size_t first_rank_ = 0;    // every rank below is linearized
  std::size_t answers_left_ = 0;  // operations not linearized: those with an answer, and open ones
  std::size_t open_left_ = 0;
  std::vector<Frame> frames_;
  std::vector<std::uint32_t> candidates_;

  // Scratch of Gather, kept for its memory.
  std::vector<std::uint32_t> window_;         // invoked before the first answer, in that order
  std::vector<std::uint32_t> reads_here_;     // by value: operations of the window that only read it
  std::vector<std::uint64_t> kind_taken_in_;  // by kind: the latest Gather that has a candidate of it
  std::uint64_t gathers_ = 0;
  std::vector<std::uint32_t> words_;  // the configuration, encoded
};

}  // namespace gaios::linearizability

#endif  // GAIOS_TESTS_LINEARIZABILITY_SEARCH_H_
