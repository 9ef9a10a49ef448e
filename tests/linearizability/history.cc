#include "tests/linearizability/history.h"

#include <array>
#include <utility>

#include <absl/strings/str_cat.h>

namespace gaios::linearizability {
namespace {

template <typename Enum, std::size_t kCount>
std::optional<Enum> ParseName(const std::array<const char*, kCount>& names, std::string_view name) {
  for (std::size_t i = 0; i < kCount; ++i) {
    if (names[i] == name) {
      return static_cast<Enum>(i);
    }
  }
  return std::nullopt;
}

// In the order of the enumerators.
constexpr std::array<const char*, 3> kModels = {"register", "lock", "log"};
constexpr std::array<const char*, 4> kEventTypes = {"invoke", "ok", "fail", "info"};
constexpr std::array<const char*, 6> kFunctions = {"read", "write", "cas", "acquire", "release", "submit"};

bool Knows(Model model, Function function) {
  switch (model) {
    case Model::kRegister:
      return function == Function::kRead || function == Function::kWrite || function == Function::kCas;
    case Model::kLock:
      return function == Function::kAcquire || function == Function::kRelease;
    case Model::kLog:
      return function == Function::kSubmit || function == Function::kRead;
  }
  return false;
}

const char* KnownTo(Model model) {
  switch (model) {
    case Model::kRegister:
      return "read, write and cas";
    case Model::kLock:
      return "acquire and release";
    case Model::kLog:
      return "submit and read";
  }
  return "";
}

template <typename... Parts>
absl::Status Malformed(const Parts&... parts) {
  return absl::InvalidArgumentError(absl::StrCat(parts...));
}

}  // namespace

const char* ModelName(Model model) {
  return kModels[static_cast<std::size_t>(model)];
}
const char* EventTypeName(EventType type) {
  return kEventTypes[static_cast<std::size_t>(type)];
}
const char* FunctionName(Function function) {
  return kFunctions[static_cast<std::size_t>(function)];
}
std::optional<Model> ParseModel(std::string_view name) {
  return ParseName<Model>(kModels, name);
}
std::optional<EventType> ParseEventType(std::string_view name) {
  return ParseName<EventType>(kEventTypes, name);
}
std::optional<Function> ParseFunction(std::string_view name) {
  return ParseName<Function>(kFunctions, name);
}

TextId Texts::Intern(std::string_view text) {
  const auto known = ids_.find(text);
  if (known != ids_.end()) {
    return known->second;
  }
  const auto id = static_cast<TextId>(texts_.size());
  texts_.emplace_back(text);
  ids_.emplace(texts_.back(), id);
  return id;
}

absl::Status History::Add(const Event& event) {
  if (absl::Status order = CheckOrder(event); !order.ok()) {
    return order;
  }
  if (!Knows(model_, event.function)) {
    return Malformed("\"f\" is ", FunctionName(event.function), ", and model ", ModelName(model_), " knows ",
                     KnownTo(model_), ": choose the model of this history, or leave the line out");
  }
  Process& process = processes_[event.process];
  return event.type == EventType::kInvoke ? Invoke(event, process) : Answer(event, process);
}

absl::Status History::CheckOrder(const Event& event) {
  if (event.line <= last_line_) {
    return Malformed("line ", event.line, " is added after line ", last_line_, ": add events in their order");
  }
  if (event.time_ns.has_value()) {
    if (*event.time_ns < last_time_ns_) {
      return Malformed("\"time_ns\" is ", *event.time_ns, ", before the ", last_time_ns_,
                       " of a line above: lines must stand in the order in which things happened");
    }
    last_time_ns_ = *event.time_ns;
  }
  last_line_ = event.line;
  return absl::OkStatus();
}

absl::Status History::Invoke(const Event& event, Process& process) {
  if (process.lost_at != 0) {
    return Malformed("process ", event.process, " goes on after the outcome of its operation became unknown",
                     " (info at line ", process.lost_at, "): give it another number from there on");
  }
  if (process.under_way) {
    return Malformed("process ", event.process, " invokes, but its operation of line ",
                     operations_[process.operation].invoked_at,
                     " has no answer yet: give clients with several operations under way a process for each");
  }
  const bool needs_value = event.function == Function::kWrite || event.function == Function::kCas;
  if (needs_value && !event.value.has_value()) {
    return Malformed("\"value\" is missing: a ", FunctionName(event.function), " says what it writes");
  }
  if (event.function == Function::kCas && !event.expected.has_value()) {
    return Malformed("\"value\" is not a pair: a cas has [what it replaces, by what]");
  }
  Operation operation;
  operation.process = event.process;
  operation.function = event.function;
  operation.key = texts_.Intern(event.key);
  operation.invoked_at = event.line;
  if (event.function != Function::kRead && event.value.has_value()) {
    operation.value = texts_.Intern(*event.value);
  }
  if (event.function == Function::kCas) {
    operation.expected = texts_.Intern(*event.expected);
  }
  process.operation = operations_.size();
  process.under_way = true;
  operations_.push_back(operation);
  return absl::OkStatus();
}

absl::Status History::CheckAnswer(const Event& event, const Operation& operation) {
  if (event.function != operation.function) {
    return Malformed("\"f\" is ", FunctionName(event.function), ", but process ", event.process,
                     " invoked a ", FunctionName(operation.function), " at line ", operation.invoked_at,
                     ": an answer has the f of its invocation");
  }
  if (event.key != "null" && event.key != Text(operation.key)) {
    return Malformed("\"key\" is ", event.key, ", but the invocation at line ", operation.invoked_at, " has ",
                     Text(operation.key), ": an answer has the key of its invocation");
  }
  // Whoever puts another value into the answer to a write means something that is not judged here.
  const bool repeats =
      event.function != Function::kRead && event.function != Function::kSubmit && event.value.has_value();
  if (repeats && *event.value != "null" &&
      (*event.value != Text(operation.value) ||
       (event.expected.has_value() && *event.expected != Text(operation.expected)))) {
    return Malformed("\"value\" is another than at line ", operation.invoked_at, ": the answer to a ",
                     FunctionName(event.function), " repeats the value of its invocation, or has null");
  }
  if (event.function == Function::kRead && event.type == EventType::kOk) {
    if (model_ == Model::kRegister && !event.value.has_value()) {
      return Malformed(
          "\"value\" is missing: the ok of a read says what was read, null if nothing was there");
    }
    if (model_ == Model::kLog && !event.slot.has_value()) {
      return Malformed("\"slot\" is missing: the ok of a read says of how many slots it saw the commands");
    }
  }
  if (event.function == Function::kSubmit && event.type != EventType::kOk && event.slot.has_value()) {
    return Malformed("\"slot\" is ", *event.slot, ", but ", EventTypeName(event.type),
                     " is no answer that knows one: leave it out, or say ok");
  }
  if (event.index.has_value() && !event.slot.has_value()) {
    return Malformed("\"index\" is ", *event.index, " without a \"slot\" to be in: give both or none");
  }
  return absl::OkStatus();
}

absl::Status History::Answer(const Event& event, Process& process) {
  if (process.lost_at != 0) {
    return Malformed("process ", event.process,
                     " is answered after its outcome became unknown (info at line ", process.lost_at,
                     "): leave out the info if the answer came after all");
  }
  if (!process.under_way) {
    return Malformed("process ", event.process,
                     " is answered but has nothing under way: the line with its invoke is missing");
  }
  Operation& operation = operations_[process.operation];
  if (absl::Status checked = CheckAnswer(event, operation); !checked.ok()) {
    return checked;
  }
  operation.outcome = event.type;
  if (event.type == EventType::kInfo) {
    process.lost_at = event.line;
    return absl::OkStatus();
  }
  process.under_way = false;
  operation.answered_at = event.line;
  if (event.type == EventType::kOk) {
    operation.slot = event.slot;
    operation.index = event.index;
    if (event.function == Function::kRead) {
      operation.value = event.value.has_value() ? texts_.Intern(*event.value) : kNullText;
    }
  }
  return absl::OkStatus();
}

std::string History::Lines(const Operation& operation) {
  return operation.answered_at == kNever
             ? absl::StrCat("from line ", operation.invoked_at, ", never answered")
             : absl::StrCat("lines ", operation.invoked_at, " to ", operation.answered_at);
}

std::string History::Describe(const Operation& operation) const {
  const bool ok = operation.outcome == EventType::kOk;
  const std::string key = operation.key == kNullText ? "" : absl::StrCat(" ", Text(operation.key));
  std::string text = absl::StrCat("process ", operation.process, " ", FunctionName(operation.function), key);
  switch (operation.function) {
    case Function::kRead:
      if (ok && operation.slot.has_value() && model_ == Model::kLog) {
        return absl::StrCat(text, " and saw the slots below ", *operation.slot,
                            operation.value == kNullText ? "" : absl::StrCat(", as ", Text(operation.value)));
      }
      return ok ? absl::StrCat(text, " and was told ", Text(operation.value)) : text;
    case Function::kWrite:
      return absl::StrCat(text, " := ", Text(operation.value));
    case Function::kCas:
      return absl::StrCat(text, " from ", Text(operation.expected), " to ", Text(operation.value));
    case Function::kAcquire:
    case Function::kRelease:
      return operation.value == kNullText ? text : absl::StrCat(text, " as ", Text(operation.value));
    case Function::kSubmit:
      if (operation.value != kNullText) {
        absl::StrAppend(&text, " ", Text(operation.value));
      }
      if (ok && operation.slot.has_value()) {
        absl::StrAppend(&text, " and got slot ", *operation.slot);
        if (operation.index.has_value()) {
          absl::StrAppend(&text, ".", *operation.index);
        }
      } else if (ok) {
        absl::StrAppend(&text, ", acknowledged without its slot");
      }
      return text;
  }
  return text;
}

}  // namespace gaios::linearizability
