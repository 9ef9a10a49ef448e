#ifndef GAIOS_TESTS_RSM_FEEDS_WRITERS_H_
#define GAIOS_TESTS_RSM_FEEDS_WRITERS_H_

// The inverse of the feeds: bytes of both formats from order events, for fixtures and for tests that damage
// them.

#include <cstdint>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "gaios/rsm/feeds/decoder.h"
#include "gaios/rsm/feeds/feed.h"
#include "gaios/rsm/feeds/order_event.h"

namespace gaios::feeds {

enum class ItchLengths : std::uint8_t { kReal, kZero };

// A system event, the directory of the instruments, then the events: A, or F if they have an owner; E, X, D,
// U.
[[nodiscard]] std::string WriteItch(std::span<const OrderEvent> events, ItchLengths lengths);

// The header line, then the events. An execution becomes a change or a deletion, a replacement both a
// deletion and a creation, as the exchange itself shows them.
[[nodiscard]] std::string WriteBitstampCsv(std::span<const OrderEvent> events);

// One message with its length before it: the type, the instrument as locate, the time, then `rest`.
[[nodiscard]] std::string ItchMessage(char type, std::uint32_t instrument, std::uint64_t time_ns,
                                      std::string_view rest, ItchLengths lengths);

// `value` in `bytes` bytes, most significant first.
[[nodiscard]] std::string BigEndian(std::uint64_t value, int bytes);

[[nodiscard]] std::string Compress(Compression compression, std::string_view bytes);

// A file in the test's own temporary directory; `name` may end as a compressed file's does. Returns its path.
[[nodiscard]] std::string TemporaryFile(std::string_view name, std::string_view bytes);
void WriteFile(const std::string& path, std::string_view bytes);
[[nodiscard]] std::string ReadFile(const std::string& path);

struct FeedRun {
  std::vector<OrderEvent> events;
  FeedState end = FeedState::kEvent;
  FeedReport report;
};

// Reads a feed to its end and checks what holds of every feed: counts add up, and the end is final.
[[nodiscard]] FeedRun RunToEnd(Feed& feed);

}  // namespace gaios::feeds

#endif  // GAIOS_TESTS_RSM_FEEDS_WRITERS_H_
