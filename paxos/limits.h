#ifndef GAIOS_PAXOS_LIMITS_H_
#define GAIOS_PAXOS_LIMITS_H_

// Every bound of the protocol in one place, related to each other by static_assert.

#include <cstddef>
#include <cstdint>

namespace gaios::paxos {

// Voters and learners of one group.
inline constexpr std::size_t kMaxReplicas = 7;

// Entries start and end at multiples of this; header included. A cache line, so that the writes of two
// entries never share one.
inline constexpr std::size_t kEntryAlignment = 64;

// Largest payload of an entry (a batch of commands), bytes.
inline constexpr std::size_t kMaxEntryPayloadBytes = std::size_t{256} << 10;

// Smallest and largest ring, bytes; a capacity is a power of two.
inline constexpr std::size_t kMinCapacityBytes = std::size_t{4} << 10;
inline constexpr std::size_t kMaxCapacityBytes = std::size_t{16} << 30;

// Control messages (Prepare, Promise, ...), bytes.
inline constexpr std::size_t kMaxMessageBytes = 192;

// One posted write or log read, bytes; longer ranges are split.
inline constexpr std::size_t kMaxWriteBytes = std::size_t{1} << 20;

// Operations posted on one link and not yet completed.
inline constexpr std::size_t kMaxPostedPerLink = 64;

static_assert(kMinCapacityBytes % kEntryAlignment == 0);
static_assert(kMaxWriteBytes % kEntryAlignment == 0);

}  // namespace gaios::paxos

#endif  // GAIOS_PAXOS_LIMITS_H_
