#include "tests/linearizability/json_lines.h"

#include <cstdint>
#include <limits>
#include <optional>
#include <set>
#include <string>
#include <vector>

#include <absl/strings/str_cat.h>
#include <nlohmann/json.hpp>

namespace gaios::linearizability {
namespace {

using nlohmann::json;

// Values are written back as text by recursion, so their depth is bounded.
constexpr int kMaxDepth = 64;

template <typename... Parts>
absl::Status Malformed(const Parts&... parts) {
  return absl::InvalidArgumentError(absl::StrCat(parts...));
}

absl::StatusOr<json> ParseObject(std::string_view line) {
  bool too_deep = false;
  std::set<std::string> fields;
  std::string twice;
  const json::parser_callback_t watch = [&](int depth, json::parse_event_t event, const json& parsed) {
    if (event == json::parse_event_t::key && depth == 1 && !fields.insert(parsed.get<std::string>()).second) {
      twice = parsed.get<std::string>();
    }
    too_deep = too_deep || depth > kMaxDepth;
    return depth <= kMaxDepth;
  };
  json object;
  try {
    object = json::parse(line.begin(), line.end(), watch);
  } catch (const json::parse_error& error) {
    return Malformed("not valid JSON at byte ", error.byte, ": a line is one JSON object, complete");
  } catch (const json::exception& error) {
    return Malformed("not valid JSON (", error.what(), "): a line is one JSON object, complete");
  }
  if (too_deep) {
    return Malformed("nested deeper than ", kMaxDepth, " levels: write the value down as a string");
  }
  if (!twice.empty()) {
    return Malformed("\"", twice, "\" stands twice: give each field once");
  }
  if (!object.is_object()) {
    return Malformed("not a JSON object: a line is {\"process\":...,\"type\":...,\"f\":...}");
  }
  return object;
}

// Nothing where the field is missing or null.
const json* Find(const json& object, const char* field) {
  const auto at = object.find(field);
  return at == object.end() || at->is_null() ? nullptr : &*at;
}

absl::StatusOr<std::optional<std::uint64_t>> Number(const json& object, const char* field,
                                                    std::uint64_t limit) {
  const json* const value = Find(object, field);
  if (value == nullptr) {
    return std::optional<std::uint64_t>();
  }
  if (!value->is_number_unsigned() || value->get<std::uint64_t>() > limit) {
    return Malformed("\"", field, "\" is ", value->dump(-1, ' ', true), ": it must be a whole number, 0 to ",
                     limit);
  }
  return std::optional(value->get<std::uint64_t>());
}

// A field that is one of a few words.
template <typename Enum>
absl::StatusOr<Enum> Word(const json& object, const char* field, const char* known,
                          std::optional<Enum> (*parse)(std::string_view)) {
  const json* const value = Find(object, field);
  if (value == nullptr) {
    return Malformed("\"", field, "\" is missing: give one of ", known);
  }
  const std::optional<Enum> word = value->is_string() ? parse(value->get<std::string>()) : std::nullopt;
  if (!word.has_value()) {
    return Malformed("\"", field, "\" is ", value->dump(-1, ' ', true), ": give one of ", known);
  }
  return *word;
}

absl::Status ReadNumbers(const json& object, Event& event) {
  constexpr std::uint64_t kAnyNumber = std::numeric_limits<std::uint64_t>::max();
  const auto process = Number(object, "process", kAnyNumber);
  if (!process.ok()) {
    return process.status();
  }
  if (Find(object, "process") == nullptr) {
    return Malformed("\"process\" is missing: give the number of the client process");
  }
  event.process = process->value_or(0);
  // Half of what 64 bits hold, so that there is always a next slot.
  const auto slot = Number(object, "slot", std::numeric_limits<std::int64_t>::max());
  const auto index = Number(object, "index", std::numeric_limits<std::uint32_t>::max());
  const auto time_ns = Number(object, "time_ns", kAnyNumber);
  for (const auto* const number : {&slot, &index, &time_ns}) {
    if (!number->ok()) {
      return number->status();
    }
  }
  event.slot = *slot;
  if (Find(object, "index") != nullptr) {
    event.index = static_cast<std::uint32_t>(index->value_or(0));
  }
  event.time_ns = *time_ns;
  return absl::OkStatus();
}

// Numbers that are no whole ones of 64 bits are held as doubles: two that differ further behind would be one.
// The text of `value` must stand in the line as it is held.
absl::Status Exact(const char* field, const json& value, std::string_view line) {
  if (value.is_structured()) {
    for (const json& each : value) {
      if (absl::Status status = Exact(field, each, line); !status.ok()) {
        return status;
      }
    }
  } else if (value.is_number_float() && line.find(value.dump()) == std::string_view::npos) {
    return Malformed("\"", field, "\" holds a number that is taken for ", value.dump(),
                     ": write it like that, or as a string");
  }
  return absl::OkStatus();
}

absl::Status ReadKey(const json& object, Event& event) {
  if (const json* const key = Find(object, "key"); key != nullptr) {
    if (!key->is_string() && !key->is_number()) {
      return Malformed("\"key\" is ", key->dump(-1, ' ', true), ": it must be a string, a number or null");
    }
    event.key = key->dump();
  }
  return absl::OkStatus();
}

absl::Status ReadValue(const json& object, Event& event) {
  const auto value = object.find("value");
  if (value == object.end()) {
    return absl::OkStatus();
  }
  if (event.function != Function::kCas || value->is_null()) {
    event.value = value->dump();
    return absl::OkStatus();
  }
  if (!value->is_array() || value->size() != 2) {
    return Malformed("\"value\" is ", value->dump(-1, ' ', true), ": a cas has [what it replaces, by what]");
  }
  event.expected = (*value)[0].dump();
  event.value = (*value)[1].dump();
  return absl::OkStatus();
}

}  // namespace

absl::StatusOr<Event> ParseEvent(std::string_view line) {
  const absl::StatusOr<json> object = ParseObject(line);
  if (!object.ok()) {
    return object.status();
  }
  Event event;
  const auto type = Word<EventType>(*object, "type", "invoke, ok, fail, info", &ParseEventType);
  if (!type.ok()) {
    return type.status();
  }
  event.type = *type;
  const auto function =
      Word<Function>(*object, "f", "read, write, cas, acquire, release, submit", &ParseFunction);
  if (!function.ok()) {
    return function.status();
  }
  event.function = *function;
  for (const char* const field : {"key", "value"}) {
    if (const json* const value = Find(*object, field); value != nullptr) {
      if (absl::Status status = Exact(field, *value, line); !status.ok()) {
        return status;
      }
    }
  }
  for (const auto read : {&ReadNumbers, &ReadKey, &ReadValue}) {
    if (absl::Status status = read(*object, event); !status.ok()) {
      return status;
    }
  }
  // A slot that is not known is said to be null, so that a missing or misspelt field does not pass for one.
  if (event.function == Function::kSubmit && event.type == EventType::kOk && !object->contains("slot")) {
    return Malformed("\"slot\" is missing: the ok of a submit says where it is, null if it was not told");
  }
  return event;
}

absl::Status ReadHistory(std::istream& in, std::string_view name, History& history) {
  std::vector<char> buffer(kMaxLineBytes);
  std::uint64_t number = 0;
  while (in.getline(buffer.data(), static_cast<std::streamsize>(buffer.size())) || in.gcount() > 0) {
    ++number;
    const auto fail = [&](const absl::Status& status) {
      return Malformed(std::string(name), ":", number, ": ", status.message());
    };
    if (in.fail() && !in.eof()) {
      return fail(Malformed("longer than ", kMaxLineBytes, " bytes: a line is one event"));
    }
    // The delimiter is counted, but not at the end of a file that does not end in one.
    const auto length = static_cast<std::size_t>(in.gcount()) - (in.eof() ? 0 : 1);
    const std::string_view line(buffer.data(), length);
    if (line.find_first_not_of(" \t\r") == std::string_view::npos) {
      continue;
    }
    absl::StatusOr<Event> event = ParseEvent(line);
    if (!event.ok()) {
      return fail(event.status());
    }
    event->line = number;
    if (const absl::Status added = history.Add(*event); !added.ok()) {
      return fail(added);
    }
  }
  if (in.bad()) {
    return Malformed(std::string(name), ": reading failed after line ", number,
                     ": is it a file that can be read?");
  }
  return absl::OkStatus();
}

}  // namespace gaios::linearizability
