#include "gaios/rsm/feeds/open.h"

#include <algorithm>
#include <cstdlib>
#include <filesystem>
#include <optional>
#include <system_error>
#include <utility>

#include <absl/status/status.h>
#include <absl/strings/ascii.h>
#include <absl/strings/match.h>
#include <absl/strings/str_cat.h>

#include "gaios/rsm/feeds/bitstamp.h"
#include "gaios/rsm/feeds/input.h"
#include "gaios/rsm/feeds/itch.h"

namespace gaios::feeds {
namespace {

constexpr std::size_t kLookBytes = 4096;
constexpr int kMaxDepth = 3;  // of directories below the one that is searched

enum class Format : std::uint8_t { kItch, kBitstamp };

std::optional<Format> FormatInContent(Input& input) {
  const std::span<const std::byte> head = input.Peek(kLookBytes);
  if (LooksLikeBitstampCsv(head)) {
    return Format::kBitstamp;
  }
  return LooksLikeItch(head) ? std::optional(Format::kItch) : std::nullopt;
}

std::optional<Format> FormatInName(std::string_view path) {
  const std::string name = absl::AsciiStrToLower(std::string(path.substr(path.rfind('/') + 1)));
  if (absl::StrContains(name, ".csv")) {
    return Format::kBitstamp;
  }
  return absl::StrContains(name, "itch") ? std::optional(Format::kItch) : std::nullopt;
}

bool IsRecording(const std::string& path) {
  const absl::StatusOr<std::unique_ptr<Input>> input = Input::Open(path);
  return input.ok() && FormatInContent(**input).has_value();
}

}  // namespace

absl::StatusOr<std::unique_ptr<Feed>> OpenFeed(std::string_view path) {
  absl::StatusOr<std::unique_ptr<Input>> input = Input::Open(path);
  if (!input.ok()) {
    return input.status();
  }
  std::optional<Format> format = FormatInContent(**input);
  if (!format.has_value()) {
    format = FormatInName(path);
  }
  if (!format.has_value()) {
    return absl::InvalidArgumentError(absl::StrCat(
        "feed file ", std::string(path),
        ": begins neither as NASDAQ TotalView-ITCH 5.0 nor as a Bitstamp L3 CSV; give a recording in one "
        "of these formats, plain, gzip or xz"));
  }
  if (*format == Format::kBitstamp) {
    return std::make_unique<BitstampFeed>(*std::move(input));
  }
  return std::make_unique<ItchFeed>(*std::move(input));
}

std::vector<std::string> FindRecordings(std::string_view default_directory) {
  // Read once at set-up; the library never changes the environment.
  const char* const configured = std::getenv("GAIOS_DATA_DIR");  // NOLINT(concurrency-mt-unsafe)
  const std::filesystem::path directory = configured != nullptr && *configured != '\0'
                                              ? std::filesystem::path(configured)
                                              : std::filesystem::path(default_directory);
  std::vector<std::string> found;
  std::error_code error;
  std::filesystem::recursive_directory_iterator entry(
      directory, std::filesystem::directory_options::skip_permission_denied, error);
  const std::filesystem::recursive_directory_iterator end;
  while (!error && entry != end) {
    if (entry.depth() >= kMaxDepth) {
      entry.disable_recursion_pending();
    }
    if (std::error_code ignored; entry->is_regular_file(ignored) && IsRecording(entry->path().string())) {
      found.push_back(entry->path().string());
    }
    entry.increment(error);
  }
  std::sort(found.begin(), found.end());
  return found;
}

}  // namespace gaios::feeds
