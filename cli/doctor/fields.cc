#include "gaios/cli/doctor/fields.h"

#include <array>
#include <cstddef>
#include <vector>

#include <absl/strings/numbers.h>
#include <absl/strings/str_format.h>
#include <absl/strings/str_split.h>

namespace gaios::cli {

std::optional<std::string> FieldOf(const std::optional<std::string>& text, std::string_view name) {
  if (!text) {
    return std::nullopt;
  }
  const std::vector<std::string> lines = absl::StrSplit(*text, '\n');
  for (const std::string& line : lines) {
    if (line.starts_with(name)) {
      const std::size_t begin = line.find_first_not_of(" \t:", name.size());
      if (begin == std::string::npos) {
        return "";
      }
      return line.substr(begin, line.find_last_not_of(" \t") + 1 - begin);
    }
  }
  return std::nullopt;
}

std::optional<std::uint64_t> KibibytesOf(const std::optional<std::string>& text, std::string_view name) {
  const std::optional<std::string> field = FieldOf(text, name);
  std::uint64_t kibibytes = 0;
  if (!field || !absl::SimpleAtoi(field->substr(0, field->find(' ')), &kibibytes)) {
    return std::nullopt;
  }
  return kibibytes << 10;
}

std::string ChosenOf(const std::optional<std::string>& text) {
  if (!text) {
    return "";
  }
  const std::size_t open = text->find('[');
  const std::size_t close = text->find(']');
  return open == std::string::npos || close == std::string::npos || close < open
             ? ""
             : text->substr(open + 1, close - open - 1);
}

std::string SizeText(std::uint64_t size_bytes) {
  constexpr std::array<const char*, 5> kUnits = {"bytes", "KiB", "MiB", "GiB", "TiB"};
  std::size_t unit = 0;
  auto value = static_cast<double>(size_bytes);
  while (value >= 1024 && unit + 1 < kUnits.size()) {
    value /= 1024;
    ++unit;
  }
  return absl::StrFormat("%.*f %s", value < 10 && unit > 0 ? 1 : 0, value, kUnits[unit]);
}

}  // namespace gaios::cli
