#ifndef GAIOS_TESTS_FUZZ_FEED_CHECK_H_
#define GAIOS_TESTS_FUZZ_FEED_CHECK_H_

// What holds of every feed, whatever its file holds: it ends, says so once and for all, accounts for all that
// it saw, and its events agree with each other. And what holds of an order book that takes them.

#include <cstddef>

#include "gaios/rsm/feeds/feed.h"

namespace gaios::fuzz {

// Reads `feed` to its end. `bytes` is what its file holds when that is not compressed.
void CheckFeed(feeds::Feed& feed, std::size_t bytes);

}  // namespace gaios::fuzz

#endif  // GAIOS_TESTS_FUZZ_FEED_CHECK_H_
