#ifndef GAIOS_TESTS_FUZZ_FEED_FILE_H_
#define GAIOS_TESTS_FUZZ_FEED_FILE_H_

// Feeds read bytes from a file that has a path. Here it is one in memory that has no name elsewhere.

#include <cstddef>
#include <memory>
#include <span>

#include "gaios/rsm/feeds/input.h"

namespace gaios::fuzz {

// The input over a file of these bytes, or null when the feeds refuse to open such a file, e.g. an empty one.
[[nodiscard]] std::unique_ptr<feeds::Input> OpenBytes(std::span<const std::byte> bytes);

}  // namespace gaios::fuzz

#endif  // GAIOS_TESTS_FUZZ_FEED_FILE_H_
