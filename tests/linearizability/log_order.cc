#include "tests/linearizability/log_order.h"

#include <algorithm>
#include <compare>
#include <cstdint>
#include <limits>
#include <queue>
#include <ranges>
#include <unordered_map>
#include <unordered_set>
#include <utility>

#include <absl/strings/str_cat.h>

namespace gaios::linearizability {
namespace {

constexpr std::size_t kNobody = std::numeric_limits<std::size_t>::max();
constexpr std::uint64_t kNoSlot = std::numeric_limits<std::uint64_t>::max();

// Where an operation is in the order: a submit in its slot, a read that saw n slots before all of slot n.
struct Place {
  std::uint64_t slot = 0;
  std::uint32_t index = 0;
  bool submit = false;

  friend auto operator<=>(const Place&, const Place&) = default;
};

struct Bound {
  Place place;
  std::size_t operation = kNobody;
};

class LogOrder {
 public:
  LogOrder(const History& history, const std::vector<std::size_t>& operations, const LogOptions& options)
      : history_(history), options_(options) {
    for (const std::size_t i : operations) {
      if (At(i).outcome == EventType::kOk) {
        has_index_ = has_index_ || At(i).index.has_value();
        answered_.push_back(i);
      }
    }
    for (const std::size_t i : answered_) {
      events_.push_back({At(i).invoked_at, i});
      events_.push_back({At(i).answered_at, i});
    }
    std::sort(events_.begin(), events_.end());
  }

  std::optional<LogConflict> Check() {
    if (auto conflict = CheckPlaces(); conflict.has_value()) {
      return conflict;
    }
    // Where a slot holds several commands there is always room for one more.
    return options_.shared_slots || has_index_ ? std::nullopt : CheckRoom();
  }

 private:
  struct Moment {
    std::uint64_t line = 0;
    std::size_t operation = 0;

    friend auto operator<=>(const Moment&, const Moment&) = default;
  };
  // An acknowledged command that was not told its slot, and the slots that it can have.
  struct Lodger {
    std::uint64_t from = 0;
    std::uint64_t below = kNoSlot;
    std::uint64_t answered_at = 0;
    std::size_t operation = 0;
    std::size_t next = kNobody;  // the operation that `below` is due to
  };

  [[nodiscard]] const Operation& At(std::size_t i) const { return history_.operations()[i]; }
  // Of an operation that has a slot.
  [[nodiscard]] Place PlaceOf(std::size_t i) const {
    const Operation& operation = At(i);
    return {operation.slot.value_or(0), options_.shared_slots ? 0 : operation.index.value_or(0),
            operation.function == Function::kSubmit};
  }

  // Goes through time. What was answered before an operation was invoked is before it in the log.
  std::optional<LogConflict> CheckPlaces() {
    Bound highest;
    for (const auto& [line, i] : events_) {
      const bool invoked = line == At(i).invoked_at;
      if (invoked) {
        after_[i] = highest;
        continue;
      }
      if (!At(i).slot.has_value()) {
        continue;
      }
      const Place place = PlaceOf(i);
      if (auto conflict = CheckOwn(i, place); conflict.has_value()) {
        return conflict;
      }
      const Bound& after = after_[i];
      if (after.operation != kNobody && (place < after.place || (place == after.place && place.submit))) {
        return LogConflict{i, after.operation, OrderRule(after.operation, i)};
      }
      if (highest.operation == kNobody || place > highest.place) {
        highest = {place, i};
      }
    }
    return std::nullopt;
  }

  // A slot is of one command, and reads that saw as much saw the same.
  std::optional<LogConflict> CheckOwn(std::size_t i, const Place& place) {
    if (place.submit) {
      if (options_.shared_slots) {
        return std::nullopt;
      }
      const auto [at, added] = submits_[place.slot].emplace(place.index, i);
      if (!added) {
        return LogConflict{i, at->second,
                           absl::StrCat("A place in the log was given to two commands.",
                                        has_index_ ? ""
                                                   : " (If a slot of this log holds a batch, record the "
                                                     "\"index\" of each command in it, or check with "
                                                     "--shared-slots.)")};
      }
      return std::nullopt;
    }
    if (At(i).value == kNullText) {
      return std::nullopt;
    }
    const auto [at, added] = reads_.emplace(place.slot, i);
    if (!added && At(at->second).value != At(i).value) {
      return LogConflict{i, at->second, "Two reads of the same length of the log saw different contents."};
    }
    return std::nullopt;
  }

  [[nodiscard]] std::string OrderRule(std::size_t earlier, std::size_t later) const {
    const bool earlier_submits = At(earlier).function == Function::kSubmit;
    const bool later_submits = At(later).function == Function::kSubmit;
    if (earlier_submits) {
      return later_submits ? "A command is not after one that was acknowledged before it was submitted."
                           : "A read did not see a command that was acknowledged before the read was asked.";
    }
    return later_submits ? "A command got a slot that an earlier read had already seen the end of."
                         : "A read saw less than one that was answered before it was asked.";
  }

  // Finds each acknowledged command without a slot one that is free, as a scheduler would: among those that
  // can have the next free slot, it goes to the one that must have one soonest. If this fails, so does any
  // other way. Of two that follow each other in time the earlier has the earlier deadline.
  std::optional<LogConflict> CheckRoom() {
    const std::vector<Lodger> lodgers = Lodgers();
    std::unordered_set<std::uint64_t> taken;
    for (const auto& [slot, by] : submits_) {
      taken.insert(slot);
    }
    const auto later = [&lodgers](std::size_t a, std::size_t b) {
      return std::pair(lodgers[a].below, lodgers[a].answered_at) >
             std::pair(lodgers[b].below, lodgers[b].answered_at);
    };
    std::priority_queue<std::size_t, std::vector<std::size_t>, decltype(later)> waiting(later);
    std::uint64_t slot = 0;
    for (std::size_t next = 0; next < lodgers.size() || !waiting.empty();) {
      if (waiting.empty()) {
        slot = std::max(slot, lodgers[next].from);
      }
      for (; next < lodgers.size() && lodgers[next].from <= slot; ++next) {
        waiting.push(next);
      }
      if (taken.contains(slot)) {
        ++slot;
        continue;
      }
      const Lodger& lodger = lodgers[waiting.top()];
      if (slot >= lodger.below) {
        return LogConflict{lodger.operation, lodger.next,
                           "A command was acknowledged, but between what was in the log before it was "
                           "submitted and what came after its answer no slot is free for it."};
      }
      waiting.pop();
      ++slot;
    }
    return std::nullopt;
  }

  // By the first slot that they can have.
  std::vector<Lodger> Lodgers() {
    std::vector<Lodger> lodgers;
    Bound lowest;  // of what is invoked later: time is gone through backwards
    for (const auto& [line, i] : std::views::reverse(events_)) {
      const Operation& operation = At(i);
      if (line == operation.invoked_at) {
        if (operation.slot.has_value() && (lowest.operation == kNobody || PlaceOf(i) < lowest.place)) {
          lowest = {PlaceOf(i), i};
        }
      } else if (!operation.slot.has_value()) {
        Lodger lodger{.answered_at = operation.answered_at, .operation = i};
        if (const Bound& after = after_[i]; after.operation != kNobody) {
          lodger.from = after.place.slot;  // if a command has this one, it is taken
        }
        if (lowest.operation != kNobody) {
          lodger.below = lowest.place.slot;
          lodger.next = lowest.operation;
        }
        lodgers.push_back(lodger);
      }
    }
    std::ranges::sort(lodgers, {}, &Lodger::from);
    return lodgers;
  }

  const History& history_;
  const LogOptions options_;
  bool has_index_ = false;
  std::vector<std::size_t> answered_;
  std::vector<Moment> events_;
  std::unordered_map<std::size_t, Bound> after_;  // by operation: the last that was answered before it
  std::unordered_map<std::uint64_t, std::unordered_map<std::uint32_t, std::size_t>> submits_;
  std::unordered_map<std::uint64_t, std::size_t> reads_;
};

}  // namespace

std::optional<LogConflict> CheckLogOrder(const History& history, const std::vector<std::size_t>& operations,
                                         const LogOptions& options) {
  return LogOrder(history, operations, options).Check();
}

}  // namespace gaios::linearizability
