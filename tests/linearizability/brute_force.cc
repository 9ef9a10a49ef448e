#include "tests/linearizability/brute_force.h"

#include <cstdint>
#include <map>
#include <optional>
#include <string>
#include <utility>
#include <vector>

namespace gaios::linearizability {
namespace {

// What the objects of a history hold.
struct World {
  std::map<TextId, std::string> held;  // registers and locks, by key
  struct Log {
    std::pair<std::uint64_t, std::uint64_t> next = {0, 0};  // the least place for the next operation
    std::map<std::uint64_t, TextId> contents;               // by length
  };
  std::map<TextId, Log> logs;
};

class BruteForce {
 public:
  BruteForce(const History& history, const LogOptions& options)
      : history_(history), options_(options), done_(history.operations().size()) {
    for (const Operation& operation : history.operations()) {
      has_index_[operation.key] = has_index_[operation.key] || operation.index.has_value();
    }
  }

  // Whether some order of the operations that are not done explains the answers of those.
  bool Explains(const World& world) {
    bool all_done = true;
    for (std::size_t i = 0; i < done_.size(); ++i) {
      const Operation& operation = history_.operations()[i];
      if (done_[i] || operation.outcome == EventType::kFail) {
        continue;
      }
      all_done = all_done && operation.outcome != EventType::kOk;
      if (!MayComeNext(operation)) {
        continue;
      }
      World after = world;
      if (Apply(operation, after)) {
        done_[i] = true;
        const bool explains = Explains(after);
        done_[i] = false;
        if (explains) {
          return true;
        }
      }
    }
    return all_done;
  }

 private:
  [[nodiscard]] bool MayComeNext(const Operation& operation) const {
    for (std::size_t i = 0; i < done_.size(); ++i) {
      const Operation& other = history_.operations()[i];
      if (!done_[i] && other.outcome == EventType::kOk && other.answered_at < operation.invoked_at) {
        return false;
      }
    }
    return true;
  }

  // False if the object would not have answered so.
  bool Apply(const Operation& operation, World& world) {
    switch (history_.model()) {
      case Model::kRegister:
        return ApplyToRegister(operation, world.held.emplace(operation.key, "null").first->second);
      case Model::kLock:
        return ApplyToLock(operation, world.held.emplace(operation.key, "").first->second);
      case Model::kLog:
        return operation.outcome != EventType::kOk || ApplyToLog(operation, world.logs[operation.key]);
    }
    return false;
  }

  bool ApplyToRegister(const Operation& operation, std::string& held) const {
    const std::string& value = history_.Text(operation.value);
    if (operation.function == Function::kRead) {
      return operation.outcome != EventType::kOk || held == value;
    }
    if (operation.function == Function::kCas && held != history_.Text(operation.expected)) {
      return false;
    }
    held = value;
    return true;
  }

  bool ApplyToLock(const Operation& operation, std::string& held) const {
    const std::string owner = operation.value == kNullText ? "process " + std::to_string(operation.process)
                                                           : history_.Text(operation.value);
    const bool acquires = operation.function == Function::kAcquire;
    if (held != (acquires ? "" : owner)) {
      return false;
    }
    held = acquires ? owner : "";
    return true;
  }

  bool ApplyToLog(const Operation& operation, World::Log& log) {
    const bool exact = !options_.shared_slots && !has_index_[operation.key];
    if (!operation.slot.has_value()) {
      log.next.first += exact ? 1 : 0;
      return true;
    }
    if (operation.function == Function::kRead) {
      const auto contents = log.contents.emplace(*operation.slot, operation.value).first;
      if (contents->second == kNullText) {
        contents->second = operation.value;
      }
      if (operation.value != kNullText && contents->second != operation.value) {
        return false;
      }
      // A place behind the start of a slot is taken by a command of it, which this did not see.
      const bool sees_all = std::pair(*operation.slot, std::uint64_t{0}) >= log.next;
      log.next = {*operation.slot, 0};
      return sees_all;
    }
    if (options_.shared_slots) {
      return *operation.slot >= log.next.first && AfterAllBefore(operation) &&
             (log.next = {*operation.slot, 1}, true);
    }
    const std::pair<std::uint64_t, std::uint64_t> place = {*operation.slot, operation.index.value_or(0)};
    if (place < log.next) {
      return false;
    }
    log.next =
        exact ? std::pair(place.first + 1, std::uint64_t{0}) : std::pair(place.first, place.second + 1);
    return true;
  }

  // Shared slots: whatever was acknowledged before this was submitted is in an earlier slot.
  [[nodiscard]] bool AfterAllBefore(const Operation& operation) const {
    for (const Operation& other : history_.operations()) {
      if (other.key == operation.key && other.function == Function::kSubmit && other.slot.has_value() &&
          other.answered_at < operation.invoked_at && other.slot >= operation.slot) {
        return false;
      }
    }
    return true;
  }

  const History& history_;
  const LogOptions options_;
  std::vector<bool> done_;
  std::map<TextId, bool> has_index_;
};

}  // namespace

bool LinearizableByBruteForce(const History& history, const LogOptions& options) {
  return BruteForce(history, options).Explains(World());
}

}  // namespace gaios::linearizability
