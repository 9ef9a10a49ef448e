#ifndef GAIOS_TESTS_LINEARIZABILITY_BUDGET_H_
#define GAIOS_TESTS_LINEARIZABILITY_BUDGET_H_

// What a check may cost. Deciding linearizability is NP-complete, so any search must be able to stop, and one
// that stops early says that it does not know.
//
// Steps are counted, so a budget of steps ends the same search at the same place on every machine. Time is
// that of an injected clock, which is looked at now and then. Memory is that of the configurations a search
// remembers, its largest part by far. One thread.

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <limits>

#include "gaios/base/clock.h"

namespace gaios::linearizability {

struct BudgetOptions {
  std::uint64_t steps = std::numeric_limits<std::uint64_t>::max();
  std::size_t memory_bytes = std::size_t{512} << 20;
  const base::Clock* clock = nullptr;  // null: time does not matter; else it must outlive the budget
  std::uint64_t time_ns = std::numeric_limits<std::uint64_t>::max();  // from now
};

class Budget {
 public:
  enum class Exhausted : std::uint8_t { kNothing, kSteps, kTime, kMemory };

  explicit Budget(const BudgetOptions& options)
      : clock_(options.clock), steps_left_(options.steps), memory_bytes_(options.memory_bytes) {
    if (clock_ != nullptr) {
      const std::uint64_t now_ns = clock_->NowNs();
      const std::uint64_t left_ns = std::numeric_limits<std::uint64_t>::max() - now_ns;
      end_ns_ = now_ns + std::min(options.time_ns, left_ns);
    }
  }

  // Pays for one step of a search whose memory is `bytes`. False when the budget does not allow it.
  [[nodiscard]] bool Spend(std::size_t bytes) {
    if (steps_left_ == 0) {
      exhausted_ = Exhausted::kSteps;
    } else if (bytes > memory_bytes_) {
      exhausted_ = Exhausted::kMemory;
    } else if (clock_ != nullptr && spent_ % kStepsPerLook == 0 && clock_->NowNs() >= end_ns_) {
      exhausted_ = Exhausted::kTime;
    } else {
      --steps_left_;
      ++spent_;
      return true;
    }
    return false;
  }

  // The budget for a part that is `share` of `whole`, so that one hard part does not starve the others. What
  // it does not use comes back with Return.
  [[nodiscard]] Budget Part(std::size_t share, std::size_t whole) const {
    Budget part = *this;
    const double fraction = static_cast<double>(share) / static_cast<double>(whole);
    if (share < whole && steps_left_ != std::numeric_limits<std::uint64_t>::max()) {
      part.steps_left_ = static_cast<std::uint64_t>(static_cast<double>(steps_left_) * fraction);
    }
    if (share < whole && clock_ != nullptr) {
      const std::uint64_t now_ns = clock_->NowNs();
      const std::uint64_t left_ns = end_ns_ - std::min(now_ns, end_ns_);
      part.end_ns_ =
          std::min(end_ns_, now_ns + static_cast<std::uint64_t>(static_cast<double>(left_ns) * fraction));
    }
    part.spent_ = 0;
    return part;
  }
  void Return(const Budget& part) {
    steps_left_ -= std::min(steps_left_, part.spent_);
    spent_ += part.spent_;
    exhausted_ = part.exhausted_;
  }

  [[nodiscard]] std::uint64_t spent() const { return spent_; }
  // Why the latest search had to stop.
  [[nodiscard]] Exhausted exhausted() const { return exhausted_; }

 private:
  // A step costs from tens of nanoseconds to some microseconds; a look at the clock little more than the
  // less.
  static constexpr std::uint64_t kStepsPerLook = 256;

  const base::Clock* clock_;
  std::uint64_t steps_left_;
  std::uint64_t end_ns_ = std::numeric_limits<std::uint64_t>::max();
  std::size_t memory_bytes_;
  std::uint64_t spent_ = 0;
  Exhausted exhausted_ = Exhausted::kNothing;
};

}  // namespace gaios::linearizability

#endif  // GAIOS_TESTS_LINEARIZABILITY_BUDGET_H_
