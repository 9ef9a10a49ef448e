#ifndef GAIOS_RSM_FEEDS_FEED_H_
#define GAIOS_RSM_FEEDS_FEED_H_

// A source of order events, and the account that it gives of what it read.
//
// A feed is pulled: each Next gives one event, until the end. What a feed cannot turn into an event it counts
// and passes over; a file that is damaged or breaks off ends early and the report says where. Nothing that a
// file holds makes a feed crash.
//
// Threads: a feed belongs to one thread at a time. Time and prices are in the units of order_event.h.

#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include "gaios/rsm/feeds/order_event.h"

namespace gaios::feeds {

enum class FeedState : std::uint8_t {
  kEvent,    // the event was filled in
  kEnd,      // no more events: the source ended as it should
  kDamaged,  // no more events: the source broke off or cannot be read further; see FeedReport::end_reason
};

// What was read, by message type. A message is counted as `seen` and under exactly one of the other four.
struct TypeCount {
  std::string name;                      // of the format: "A", "E", ... or "created", "changed", ...
  std::uint64_t seen = 0;                // whole, readable messages
  std::uint64_t mapped = 0;              // became an event
  std::uint64_t ignored = 0;             // says nothing to an order book
  std::uint64_t unknown_references = 0;  // names an order that is not live, as far as this file tells
  std::uint64_t inconsistent = 0;        // contradicts what came before, e.g. executes more than remains
};

struct FeedReport {
  std::string format;            // "itch-5.0", "bitstamp-l3" or "generated"
  std::string source;            // path of the file, empty for the generator
  std::vector<TypeCount> types;  // in the order in which the format lists them
  std::uint64_t malformed = 0;   // places where bytes could not be read as a message and were skipped
  std::uint64_t first_malformed_offset =
      0;  // uncompressed bytes before the first such place; valid if malformed > 0
  std::uint64_t first_malformed_line = 0;  // its line from 1, 0 in binary formats
  std::uint64_t end_offset = 0;            // uncompressed bytes read as whole messages, or skipped
  std::uint64_t end_line = 0;              // lines read so far, 0 in binary formats
  bool truncated = false;  // the source ended inside a message or a compressed block, or could not be read on
  std::string end_reason;  // why, when truncated

  // Sums over the types.
  [[nodiscard]] std::uint64_t messages() const;
  [[nodiscard]] std::uint64_t mapped() const;
  [[nodiscard]] std::uint64_t ignored() const;
  [[nodiscard]] std::uint64_t unknown_references() const;
  [[nodiscard]] std::uint64_t inconsistent() const;

  // The counts of one type, nullptr when the format has none of that name.
  [[nodiscard]] const TypeCount* Find(std::string_view name) const;

  // A few lines for a person: totals, then each type that occurred, then what was wrong and where.
  [[nodiscard]] std::string ToString() const;
};

class Feed {
 public:
  Feed() = default;
  Feed(const Feed&) = delete;
  Feed& operator=(const Feed&) = delete;
  virtual ~Feed() = default;

  // Fills `event` and returns kEvent, or says why there is none; that answer is final. `event` is left alone
  // then.
  [[nodiscard]] virtual FeedState Next(OrderEvent& event) = 0;

  // Up to date after each Next; owned by the feed.
  [[nodiscard]] virtual const FeedReport& report() const = 0;
};

}  // namespace gaios::feeds

#endif  // GAIOS_RSM_FEEDS_FEED_H_
