#ifndef GAIOS_TESTS_LINEARIZABILITY_HISTORY_H_
#define GAIOS_TESTS_LINEARIZABILITY_HISTORY_H_

// What clients asked and what they were told, in the order in which it happened.
//
// A history is built event by event: a program reads them from JSON lines (json_lines.h), a simulator adds
// them itself. The order of the events is real time: an operation whose answer stands before the invocation
// of another has happened before it. Times are for people and must only not decrease. A process has one
// operation under way at a time; one that was told nothing, or that its outcome is unknown, has it under way
// for ever.
//
// Keys and values are JSON texts. Two values are the same when their texts are: 1 and 1.0 are two values.
// An event that cannot be true is refused with an InvalidArgument that says what is wrong and how to put it
// right. No I/O. One thread.

#include <cstddef>
#include <cstdint>
#include <deque>
#include <limits>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <unordered_map>
#include <vector>

#include <absl/status/status.h>

namespace gaios::linearizability {

enum class Model : std::uint8_t {
  kRegister,  // a register for each key: read, write, cas
  kLock,      // a lock for each key: acquire, release
  kLog,       // a log for each key: submit, read
};

enum class EventType : std::uint8_t {
  kInvoke,
  kOk,    // it took effect, before now
  kFail,  // it did not take effect and never will
  kInfo,  // nobody knows: it took effect, or will later, or never
};

enum class Function : std::uint8_t { kRead, kWrite, kCas, kAcquire, kRelease, kSubmit };

[[nodiscard]] const char* ModelName(Model model);
[[nodiscard]] const char* EventTypeName(EventType type);
[[nodiscard]] const char* FunctionName(Function function);
[[nodiscard]] std::optional<Model> ParseModel(std::string_view name);
[[nodiscard]] std::optional<EventType> ParseEventType(std::string_view name);
[[nodiscard]] std::optional<Function> ParseFunction(std::string_view name);

struct Event {
  std::uint64_t line = 0;  // where it stands in its record; grows from event to event
  std::uint64_t process = 0;
  EventType type = EventType::kInvoke;
  Function function = Function::kRead;
  std::string key = "null";                            // of an answer: that of its invocation, or "null"
  std::optional<std::string> value = std::nullopt;     // nothing where there is none
  std::optional<std::string> expected = std::nullopt;  // cas: what it replaces; `value` is by what
  std::optional<std::uint64_t> slot = std::nullopt;    // in the log
  std::optional<std::uint32_t> index =
      std::nullopt;  // of the command within its slot, where a slot holds several
  std::optional<std::uint64_t> time_ns = std::nullopt;
};

// A text that was seen before has the number that it had then.
using TextId = std::uint32_t;
inline constexpr TextId kNullText = 0;  // the JSON text null

class Texts {
 public:
  Texts() { static_cast<void>(Intern("null")); }
  Texts(const Texts&) = delete;
  Texts& operator=(const Texts&) = delete;
  Texts(Texts&&) noexcept = default;

  [[nodiscard]] TextId Intern(std::string_view text);
  [[nodiscard]] const std::string& At(TextId id) const { return texts_[id]; }

 private:
  std::deque<std::string> texts_;  // a deque, so that the views below hold, also when all of it is moved
  std::unordered_map<std::string_view, TextId> ids_;
};

inline constexpr std::uint64_t kNever = std::numeric_limits<std::uint64_t>::max();

struct Operation {
  std::uint64_t process = 0;
  Function function = Function::kRead;
  // kInvoke: no answer is recorded, which says as little as kInfo does.
  EventType outcome = EventType::kInvoke;
  TextId key = kNullText;
  TextId value = kNullText;  // what was written, submitted or read; of a lock its owner, null for the process
  TextId expected = kNullText;         // cas
  std::optional<std::uint64_t> slot;   // ok of submit: where it is; ok of read of a log: how much was seen
  std::optional<std::uint32_t> index;  // ok of submit
  std::uint64_t invoked_at = 0;        // lines
  std::uint64_t answered_at = kNever;  // kNever unless the outcome is kOk or kFail
};

class History {
 public:
  explicit History(Model model) : model_(model) {}

  [[nodiscard]] absl::Status Add(const Event& event);

  [[nodiscard]] Model model() const { return model_; }
  // In the order of their invocations.
  [[nodiscard]] std::span<const Operation> operations() const { return operations_; }
  [[nodiscard]] const std::string& Text(TextId id) const { return texts_.At(id); }
  // The operation as a person would say it, e.g. `process 3 read "x" and was told 5`.
  [[nodiscard]] std::string Describe(const Operation& operation) const;
  // Where it stands, e.g. `lines 3 to 9`.
  [[nodiscard]] static std::string Lines(const Operation& operation);

 private:
  struct Process {
    std::size_t operation = 0;  // the latest
    bool under_way = false;
    std::uint64_t lost_at = 0;  // line of its info; 0 for none
  };

  absl::Status CheckOrder(const Event& event);
  absl::Status Invoke(const Event& event, Process& process);
  absl::Status Answer(const Event& event, Process& process);
  absl::Status CheckAnswer(const Event& event, const Operation& operation);

  const Model model_;
  Texts texts_;
  std::vector<Operation> operations_;
  std::unordered_map<std::uint64_t, Process> processes_;
  std::uint64_t last_line_ = 0;
  std::uint64_t last_time_ns_ = 0;
};

}  // namespace gaios::linearizability

#endif  // GAIOS_TESTS_LINEARIZABILITY_HISTORY_H_
