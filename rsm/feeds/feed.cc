#include "gaios/rsm/feeds/feed.h"

#include <cstdint>
#include <string>
#include <string_view>

#include <absl/strings/str_cat.h>

namespace gaios::feeds {
namespace {

std::uint64_t Sum(const FeedReport& report, std::uint64_t TypeCount::* member) {
  std::uint64_t sum = 0;
  for (const TypeCount& type : report.types) {
    sum += type.*member;
  }
  return sum;
}

}  // namespace

std::uint64_t FeedReport::messages() const {
  return Sum(*this, &TypeCount::seen);
}
std::uint64_t FeedReport::mapped() const {
  return Sum(*this, &TypeCount::mapped);
}
std::uint64_t FeedReport::ignored() const {
  return Sum(*this, &TypeCount::ignored);
}
std::uint64_t FeedReport::unknown_references() const {
  return Sum(*this, &TypeCount::unknown_references);
}
std::uint64_t FeedReport::inconsistent() const {
  return Sum(*this, &TypeCount::inconsistent);
}

const TypeCount* FeedReport::Find(std::string_view name) const {
  for (const TypeCount& type : types) {
    if (type.name == name) {
      return &type;
    }
  }
  return nullptr;
}

std::string FeedReport::ToString() const {
  std::string text =
      absl::StrCat(format, source.empty() ? "" : " ", source, ": ", messages(), " messages, ", mapped(),
                   " mapped, ", ignored(), " ignored, ", unknown_references(), " unknown order references, ",
                   inconsistent(), " inconsistent, ", malformed, " malformed\n");
  for (const TypeCount& type : types) {
    if (type.seen > 0) {
      absl::StrAppend(&text, "  ", type.name, " ", type.seen, " (mapped ", type.mapped, ", ignored ",
                      type.ignored, ", unknown ", type.unknown_references, ", inconsistent ",
                      type.inconsistent, ")\n");
    }
  }
  if (malformed > 0) {
    absl::StrAppend(&text, "  first malformed at byte ", first_malformed_offset);
    if (first_malformed_line > 0) {
      absl::StrAppend(&text, ", line ", first_malformed_line);
    }
    absl::StrAppend(&text, "\n");
  }
  if (truncated) {
    absl::StrAppend(&text, "  ended early at byte ", end_offset);
    if (end_line > 0) {
      absl::StrAppend(&text, ", after line ", end_line);
    }
    absl::StrAppend(&text, ": ", end_reason, "\n");
  }
  return text;
}

}  // namespace gaios::feeds
