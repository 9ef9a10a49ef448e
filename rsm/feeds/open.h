#ifndef GAIOS_RSM_FEEDS_OPEN_H_
#define GAIOS_RSM_FEEDS_OPEN_H_

// Opening a recording whose format is told by its content, and finding the recordings that a machine has.

#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include <absl/status/statusor.h>

#include "gaios/rsm/feeds/feed.h"

namespace gaios::feeds {

// An ITCH 5.0 file or a Bitstamp L3 CSV, plain, gzip or xz. The beginning of the content decides; where that
// is damaged the name does: "itch" anywhere in it, or ".csv". Fails as Input::Open does, and for a file of
// another format.
[[nodiscard]] absl::StatusOr<std::unique_ptr<Feed>> OpenFeed(std::string_view path);

// Paths of the recordings below $GAIOS_DATA_DIR, or `default_directory` where that is not set, in the order
// of their names: every file that begins as one of the two formats. Empty when there are none, or no such
// directory.
[[nodiscard]] std::vector<std::string> FindRecordings(std::string_view default_directory = "../shared/data");

}  // namespace gaios::feeds

#endif  // GAIOS_RSM_FEEDS_OPEN_H_
