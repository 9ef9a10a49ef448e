// A log that is read while a peer writes it: an entry over a stale one of the same slot, word by word.

#include <array>
#include <atomic>
#include <cstring>
#include <span>
#include <string>
#include <thread>

#include <gtest/gtest.h>

#include "tests/paxos/ring.h"

namespace gaios::paxos {
namespace {

template <std::size_t kBytes>
using Bytes = std::array<std::byte, kBytes>;

template <std::size_t kBytes>
Bytes<kBytes> EntryOf(Ballot ballot, Position commit, char payload) {
  Ring ring;
  ring.Append(std::string(kBytes - sizeof(EntryHeader) - 8, payload), ballot, commit);
  Bytes<kBytes> bytes;
  std::memcpy(bytes.data(), ring.log.At(Position(0)), bytes.size());
  return bytes;
}

void Store(std::byte* to, std::span<const std::byte> from, std::size_t word) {
  std::uint64_t value = 0;
  std::memcpy(&value, from.data() + word * 8, sizeof(value));
  __atomic_store_n(reinterpret_cast<std::uint64_t*>(to + word * 8), value, __ATOMIC_RELAXED);
}

// An entry of so many bytes.
template <std::size_t kBytes>
void Race() {
  constexpr std::uint64_t kRounds = 100'000;
  const Bytes<kBytes> stale = EntryOf<kBytes>(MakeBallot(1, 0), Position(0), 'a');
  const Bytes<kBytes> fresh = EntryOf<kBytes>(MakeBallot(2, 1), Position(64), 'b');
  const Ring ring;
  std::byte* const memory = ring.log.At(Position(0));
  std::atomic<std::uint64_t> begun{0};
  std::atomic<std::uint64_t> ended{0};
  std::thread writer([&] {
    for (std::uint64_t round = 1; round <= kRounds; ++round) {
      while (begun.load(std::memory_order_acquire) != round) {
      }
      // Ballot, commit and time come last, after a while that differs.
      for (std::size_t word = 0; word < kBytes / 8; ++word) {
        if (word < 2 || word > 4) {
          Store(memory, fresh, word);
        }
      }
      for (std::uint64_t pause = round % 64; pause > 0; --pause) {
        std::atomic_signal_fence(std::memory_order_seq_cst);
      }
      for (std::size_t word = 4; word >= 2; --word) {
        Store(memory, fresh, word);
      }
      ended.store(round, std::memory_order_release);
    }
  });
  std::uint64_t halves = 0;
  for (std::uint64_t round = 1; round <= kRounds; ++round) {
    std::memcpy(memory, stale.data(), stale.size());
    begun.store(round, std::memory_order_release);
    for (bool over = false; !over;) {
      over = ended.load(std::memory_order_acquire) == round;
      const std::optional<Entry> entry = ring.log.Next(StartOfLog(kGroup));
      if (entry.has_value()) {
        const bool is_fresh = entry->ballot() == MakeBallot(2, 1);
        const Bytes<kBytes>& whole = is_fresh ? fresh : stale;
        halves += std::memcmp(&entry->header, whole.data(), sizeof(EntryHeader)) == 0 ? 0U : 1U;
      }
    }
  }
  writer.join();
  EXPECT_EQ(halves, 0U) << "headers were half stale, half fresh";
}

TEST(LogRace, AHeaderIsNeverHalfOfWhatWasOverwritten) {
  Race<512>();
}

TEST(LogRace, NorThatOfAShortEntryWhichIsHashedInPlace) {
  Race<128>();
}

}  // namespace
}  // namespace gaios::paxos
