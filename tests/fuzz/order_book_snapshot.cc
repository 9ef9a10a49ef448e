// Snapshots of an order book: one of a book that the input has filled, damaged by it, and its checksum and
// state hash made right again when the input says so, as whoever wrote the damage would have.
//
// What is refused changes nothing. What is taken is a book that keeps its promises (book.h), was all that the
// bytes said, and goes on trading.

#include <cstring>
#include <vector>

#include <xxhash.h>

#include "gaios/base/check.h"
#include "gaios/rsm/order_book/state_hash.h"

#include "tests/fuzz/book.h"
#include "tests/fuzz/book_commands.h"
#include "tests/fuzz/choices.h"
#include "tests/fuzz/target.h"

namespace gaios::fuzz {
namespace {

constexpr std::size_t kHeaderBytes = 32;
constexpr std::size_t kStateHashAt = 24;
constexpr std::size_t kCountersBytes = 24;
constexpr std::size_t kOrderBytes = 48;
constexpr std::size_t kChecksumBytes = 8;
constexpr std::size_t kRecordsAt = kHeaderBytes + kBookOptions.instruments * kCountersBytes;

template <typename Number>
Number FieldAt(std::span<const std::byte> bytes, std::size_t offset) {
  Number number;
  std::memcpy(&number, bytes.subspan(offset, sizeof(number)).data(), sizeof(number));
  return number;
}

std::uint64_t HashOfContents(std::span<const std::byte> snapshot) {
  std::uint64_t hash =
      order_book::Mix((std::uint64_t{kBookOptions.instruments} << 32) | kBookOptions.max_orders);
  for (std::uint32_t i = 0; i < kBookOptions.instruments; ++i) {
    const std::size_t at = kHeaderBytes + i * kCountersBytes;
    const order_book::CounterWeights weights = order_book::WeightsOf(i);
    hash += weights.sequence * FieldAt<std::uint64_t>(snapshot, at) +
            weights.trades * FieldAt<std::uint64_t>(snapshot, at + 8) +
            weights.traded_quantity * FieldAt<std::uint64_t>(snapshot, at + 16);
  }
  for (std::size_t at = kRecordsAt; at + kOrderBytes + kChecksumBytes <= snapshot.size(); at += kOrderBytes) {
    hash += order_book::HashTerm(order_book::OrderTerm{
        .id = FieldAt<std::uint64_t>(snapshot, at),
        .price = FieldAt<std::int64_t>(snapshot, at + 8),
        .remaining = FieldAt<std::uint64_t>(snapshot, at + 16),
        .sequence = FieldAt<std::uint64_t>(snapshot, at + 24),
        .instrument = FieldAt<std::uint32_t>(snapshot, at + 32),
        .owner = FieldAt<std::uint32_t>(snapshot, at + 36),
        .side = static_cast<order_book::Side>(FieldAt<std::uint8_t>(snapshot, at + 40))});
  }
  return hash;
}

void MakeRight(std::vector<std::byte>& snapshot) {
  if (snapshot.size() < kRecordsAt + kChecksumBytes) {
    return;
  }
  const std::uint64_t hash = HashOfContents(snapshot);
  std::memcpy(snapshot.data() + kStateHashAt, &hash, sizeof(hash));
  const std::size_t body = snapshot.size() - kChecksumBytes;
  const std::uint64_t checksum = XXH3_64bits(snapshot.data(), body);
  std::memcpy(snapshot.data() + body, &checksum, sizeof(checksum));
}

void Damage(std::vector<std::byte>& snapshot, Choices& choices) {
  for (std::uint8_t left = choices.Below(8); left > 0 && !snapshot.empty(); --left) {
    const std::size_t at = choices.Take<std::uint16_t>() % snapshot.size();
    switch (choices.Below(4)) {
      case 0:  // one byte
        snapshot[at] = choices.Take<std::byte>();
        break;
      case 1:  // cut
        snapshot.resize(at);
        break;
      case 2: {  // a field's worth, small
        const std::uint64_t value = choices.Take<std::uint16_t>();
        const std::size_t from = at / sizeof(value) * sizeof(value);
        if (from + sizeof(value) <= snapshot.size()) {
          std::memcpy(snapshot.data() + from, &value, sizeof(value));
        }
        break;
      }
      default: {  // an order in place of another
        const std::size_t records =
            snapshot.size() < kRecordsAt ? 0 : (snapshot.size() - kRecordsAt) / kOrderBytes;
        if (records > 1) {
          const std::size_t to = kRecordsAt + at % records * kOrderBytes;
          const std::size_t from = kRecordsAt + choices.Take<std::uint8_t>() % records * kOrderBytes;
          std::memmove(snapshot.data() + to, snapshot.data() + from, kOrderBytes);
        }
        break;
      }
    }
  }
}

}  // namespace

void RunTarget(std::span<const std::byte> input) {
  Choices choices(input);
  Book book;
  for (std::uint8_t left = choices.Below(100); left > 0; --left) {
    ApplyChosen(book, choices);
  }
  std::vector<std::byte> snapshot = book.Save();
  const std::vector<std::byte> undamaged = snapshot;
  MakeRight(snapshot);
  GAIOS_CHECK(snapshot == undamaged, "the checksum and the hash are understood here");

  const bool right = choices.Flip();
  Damage(snapshot, choices);
  if (right) {
    MakeRight(snapshot);
  }
  if (!book.Restore(snapshot)) {
    GAIOS_CHECK(snapshot != undamaged, "an undamaged snapshot is taken");
    GAIOS_CHECK(book.Save() == undamaged, "a snapshot that is refused changes nothing");
  } else {
    GAIOS_CHECK(book.Save() == snapshot, "what is restored is what the snapshot said");
  }
  while (!choices.empty()) {
    ApplyChosen(book, choices);
  }
  book.CheckSnapshot();
}

}  // namespace gaios::fuzz
