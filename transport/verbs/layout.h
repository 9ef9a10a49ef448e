#ifndef GAIOS_TRANSPORT_VERBS_LAYOUT_H_
#define GAIOS_TRANSPORT_VERBS_LAYOUT_H_

// What lies where in the memory that peers reach by RDMA. Two regions for each life of a replica:
//
//   log      the ring, then a page with the log words; written by the holder of the latest grant
//   control  words that their owner alone writes; readable by every peer at any time
//
// All numbers are little-endian, which this build requires of its processor. Every word is an aligned 64-bit
// atomic for the processor and for the device.

#include <atomic>
#include <bit>
#include <cstddef>
#include <cstdint>
#include <cstring>
#include <optional>
#include <span>

#include "gaios/base/align.h"
#include "gaios/paxos/limits.h"
#include "gaios/transport/transport.h"

namespace gaios::transport::verbs {

static_assert(std::endian::native == std::endian::little);

inline constexpr std::size_t kPageBytes = 4096;

using SharedWord = std::atomic<std::uint64_t>;
static_assert(SharedWord::is_always_lock_free && sizeof(SharedWord) == 8);

struct alignas(base::kCacheLineBytes) PaddedWord {
  SharedWord value{0};
};

struct LogWords {
  PaddedWord words[kLogWords];
};
static_assert(sizeof(LogWords) <= kPageBytes);
static_assert(paxos::kMinCapacityBytes % kPageBytes == 0, "the log words start on a page of their own");

[[nodiscard]] constexpr std::size_t LogRegionBytes(std::size_t capacity) {
  return capacity + kPageBytes;
}
[[nodiscard]] constexpr std::size_t LogWordOffset(std::size_t capacity, LogWord which) {
  return capacity + static_cast<std::size_t>(which) * sizeof(PaddedWord);
}

[[nodiscard]] constexpr std::uint64_t PromiseSum(std::uint64_t count, std::uint64_t ballot,
                                                 std::uint64_t number) {
  std::uint64_t sum = 0x9e3779b97f4a7c15;
  for (const std::uint64_t word : {count, ballot, number}) {
    sum = (sum ^ word) * 0xff51afd7ed558ccd;
    sum ^= sum >> 32;
  }
  return sum;
}

// A promise is more than a word, and a read by RDMA takes words in any order while the owner may be writing.
// So promise n stands in place n % 2 with its number, and a sum over all of it: a place that was read while
// it was written fails its sum, and then the other one was not being written.
struct alignas(base::kCacheLineBytes) PromisePlace {
  SharedWord count{0};
  SharedWord ballot{0};
  SharedWord number{0};
  SharedWord sum{PromiseSum(0, 0, 0)};  // nothing promised, and whole
};

struct ControlRegion {
  PaddedWord incarnation;
  PromisePlace promised[2];
  PaddedWord words[kControlWords];
};
static_assert(sizeof(ControlRegion) == (3 + kControlWords) * base::kCacheLineBytes);
static_assert(sizeof(ControlRegion) <= kPageBytes);

// By the owner's thread.
inline void PublishPromise(ControlRegion& region, std::uint64_t count, const Grant& grant) {
  PromisePlace& place = region.promised[count % 2];
  place.count.store(count, std::memory_order_release);
  place.ballot.store(grant.ballot.packed(), std::memory_order_release);
  place.number.store(grant.number, std::memory_order_release);
  place.sum.store(PromiseSum(count, grant.ballot.packed(), grant.number), std::memory_order_release);
}

// What a copy of a control region says. Nothing when it has to be copied again: a promise in it is torn, so
// the other one may have been read before its time (n - 1 and then, two promises later, a torn n + 2).
// `again` says that an earlier copy for the same look was refused. Then one whole promise will do: what is
// torn in the earlier copy was being written when the other place held its predecessor, and this copy is
// younger. So an owner that is stopped while it writes keeps nobody waiting.
[[nodiscard]] inline std::optional<ControlView> DecodeControl(std::span<const std::byte> bytes, bool again) {
  std::uint64_t words[sizeof(ControlRegion) / sizeof(std::uint64_t)];
  if (bytes.size() != sizeof(words)) {
    return std::nullopt;
  }
  std::memcpy(words, bytes.data(), sizeof(words));
  constexpr std::size_t kLineWords = base::kCacheLineBytes / sizeof(std::uint64_t);
  ControlView view;
  view.incarnation = Incarnation(static_cast<std::uint32_t>(words[0]));
  int whole = 0;
  std::uint64_t newest = 0;
  for (std::size_t place = 0; place < 2; ++place) {
    const std::uint64_t* const at = words + (1 + place) * kLineWords;
    if (at[3] != PromiseSum(at[0], at[1], at[2])) {
      continue;
    }
    if (whole == 0 || at[0] > newest) {
      newest = at[0];
      view.promised = {.ballot = paxos::Ballot::FromPacked(at[1]), .number = at[2]};
    }
    ++whole;
  }
  if (whole == 0 || (whole == 1 && !again)) {
    return std::nullopt;
  }
  for (std::size_t word = 0; word < kControlWords; ++word) {
    view.words[word] = words[(3 + word) * kLineWords];
  }
  return view;
}

}  // namespace gaios::transport::verbs

#endif  // GAIOS_TRANSPORT_VERBS_LAYOUT_H_
