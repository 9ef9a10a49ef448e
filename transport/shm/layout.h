#ifndef GAIOS_TRANSPORT_SHM_LAYOUT_H_
#define GAIOS_TRANSPORT_SHM_LAYOUT_H_

// What lies where in the memory that processes share. Four kinds of region:
//
//   control   a named file, one per life of a replica: written by its owner alone, mapped read-only by every
//   peer. log       an anonymous memfd, one per grant: the ring, then a page with the log words. Mapped by
//   its owner and by
//             the one process it was made for.
//   doorbell  an anonymous memfd, one per life of a replica: counters that peers raise after sending a
//   packet, so
//             that the owner looks at its sockets or its inboxes at once and otherwise saves the system
//             call. A hint, nothing rests on it.
//   inbox     an anonymous memfd, one per connection: packets that need no descriptor. See inbox.h.
//
// All numbers are in host byte order: the processes share a host. Every word is a lock-free 64-bit atomic.

#include <atomic>
#include <cstddef>
#include <cstdint>

#include "gaios/base/align.h"
#include "gaios/paxos/limits.h"
#include "gaios/transport/transport.h"

namespace gaios::transport::shm {

inline constexpr std::size_t kPageBytes = 4096;
inline constexpr std::uint64_t kControlMagic = 0x316c7274736f6961;  // "aiostrl1"

// A count of promises that nobody reaches: what a control region says once its life is over.
inline constexpr std::uint64_t kPoisoned = ~std::uint64_t{0};

using SharedWord = std::atomic<std::uint64_t>;
static_assert(SharedWord::is_always_lock_free && sizeof(SharedWord) == 8);

// Facts of one life, constant once the file has its name.
struct alignas(base::kCacheLineBytes) ControlHeader {
  std::uint64_t magic = 0;
  std::uint64_t group_id = 0;
  std::uint64_t capacity = 0;
  std::uint32_t version = 0;
  std::uint32_t replica = 0;
  std::uint32_t incarnation = 0;
  std::uint32_t understands = 0;  // what has been added since the first release, a bit each
};

struct PromisedGrant {
  SharedWord ballot{0};
  SharedWord number{0};
};

// What a writer must look at after its stores and a full fence; one line, so that the look costs one miss at
// most.
//
// The promises of one life are counted from 1. Promise n stands in promised[n % 2] before `promises` becomes
// n; all stores have release order. So one word tells a writer whether a later grant has been promised than
// the one it holds. A reader of the grant itself looks at `promises` before and after: when it has not
// changed, the pair was not being written in between. However long the owner is stopped, nobody waits for it.
struct alignas(base::kCacheLineBytes) FenceLine {
  SharedWord incarnation{0};
  SharedWord promises{0};
  PromisedGrant promised[2];
};

struct alignas(base::kCacheLineBytes) PaddedWord {
  SharedWord value{0};
};

struct ControlRegion {
  ControlHeader header;
  FenceLine fence;
  PaddedWord words[kControlWords];
};

struct LogWords {
  PaddedWord words[kLogWords];
};

// Two counters in one word, so that a turn looks at one: of packets by sockets in the lower half, of packets
// in inboxes in the upper. What the lower carries over is one look in vain.
struct Doorbell {
  PaddedWord rung;
};

inline constexpr std::uint64_t kSocketRing = 1;
inline constexpr std::uint64_t kInboxRing = std::uint64_t{1} << 32;
inline constexpr std::uint32_t kUnderstandsInbox = 1;

static_assert(sizeof(ControlHeader) == base::kCacheLineBytes);
static_assert(sizeof(FenceLine) == base::kCacheLineBytes);
static_assert(offsetof(ControlRegion, fence) == base::kCacheLineBytes);
static_assert(sizeof(ControlRegion) == (2 + kControlWords) * base::kCacheLineBytes);
static_assert(sizeof(ControlRegion) <= kPageBytes);
static_assert(sizeof(LogWords) <= kPageBytes);
static_assert(sizeof(Doorbell) <= kPageBytes);
static_assert(paxos::kMinCapacityBytes % kPageBytes == 0, "the log words start on a page of their own");

inline constexpr std::size_t kControlRegionBytes = kPageBytes;
inline constexpr std::size_t kDoorbellBytes = kPageBytes;

[[nodiscard]] constexpr std::size_t LogRegionBytes(std::size_t capacity) {
  return capacity + kPageBytes;
}

}  // namespace gaios::transport::shm

#endif  // GAIOS_TRANSPORT_SHM_LAYOUT_H_
