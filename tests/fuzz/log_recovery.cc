// Recovery of the log from a ring of any bytes: what a replica reads that finds its log, or its source's, in
// whatever state.
//
// Next is compared with a reader of its own here, written from the format in paxos/entry.h and sharing no
// code with the library; ScanFrom with Next, step by step. Nothing is written, and nothing is read outside of
// the ring. As no random bytes have the right checksum, an input can ask for the checksums of the first so
// many entries to be made right.

#include <algorithm>
#include <optional>

#include <xxhash.h>

#include "tests/fuzz/choices.h"
#include "tests/fuzz/log_ring.h"
#include "tests/fuzz/target.h"

namespace gaios::fuzz {
namespace {

using paxos::Cursor;
using paxos::Entry;
using paxos::Position;

constexpr std::size_t kHeaderBytes = 48;
constexpr std::size_t kUnitBytes = 64;

template <typename Number>
Number FieldAt(const std::byte* entry, std::size_t offset) {
  Number number;
  std::memcpy(&number, entry + offset, sizeof(number));
  return number;
}

std::uint64_t Padded(std::uint32_t length) {
  return (std::uint64_t{kHeaderBytes} + length + kUnitBytes - 1) / kUnitBytes * kUnitBytes;
}

// The checksum that the bytes at `at` should have, nothing when their length does not fit.
std::optional<std::uint64_t> ChecksumAt(std::span<const std::byte> ring, const Cursor& at) {
  const std::size_t offset = at.position.value() % ring.size();
  const std::byte* const entry = ring.data() + offset;
  const std::uint64_t size = Padded(FieldAt<std::uint32_t>(entry, 40));
  if (size > ring.size() - offset) {
    return std::nullopt;
  }
  const std::uint64_t body = XXH3_64bits(entry + 8, size - 8);
  std::uint64_t mixed = at.checksum + at.position.value() * 0x9e3779b97f4a7c15U;
  mixed += kGroup.value() * 0xc2b2ae3d27d4eb4fU;
  mixed ^= body;
  for (const std::uint64_t factor : {0xff51afd7ed558ccdU, 0xc4ceb9fe1a85ec53U}) {
    mixed = (mixed ^ mixed >> 33) * factor;
  }
  return mixed ^ mixed >> 33;
}

// The cursor behind the entry that continues `at`, nothing when none does.
std::optional<Cursor> NextByTheFormat(std::span<const std::byte> ring, const Cursor& at) {
  const std::byte* const entry = ring.data() + at.position.value() % ring.size();
  const auto kind = FieldAt<std::uint16_t>(entry, 44);
  const std::optional<std::uint64_t> checksum = ChecksumAt(ring, at);
  if (!checksum.has_value() || *checksum != FieldAt<std::uint64_t>(entry, 0) ||
      FieldAt<std::uint64_t>(entry, 8) != at.slot.value() + 1 || kind < 1 || kind > 5) {
    return std::nullopt;
  }
  return Cursor{at.position + Padded(FieldAt<std::uint32_t>(entry, 40)), paxos::Slot(at.slot.value() + 1),
                paxos::Ballot::FromPacked(FieldAt<std::uint64_t>(entry, 16)), *checksum};
}

// Gives the bytes at `at` the slot and the checksum of an entry that continues it, and moves `at` behind.
bool MakeRight(std::span<std::byte> ring, Cursor& at) {
  std::byte* const entry = ring.data() + at.position.value() % ring.size();
  const std::uint64_t slot = at.slot.value() + 1;
  std::memcpy(entry + 8, &slot, sizeof(slot));
  const std::optional<std::uint64_t> checksum = ChecksumAt(ring, at);
  if (!checksum.has_value()) {
    return false;
  }
  std::memcpy(entry, &*checksum, sizeof(*checksum));
  at = {at.position + Padded(FieldAt<std::uint32_t>(entry, 40)), paxos::Slot(slot), {}, *checksum};
  return true;
}

void CheckNext(LogRing& ring, const Cursor& at, const std::optional<Entry>& entry) {
  const std::optional<Cursor> behind = NextByTheFormat(ring.bytes(), at);
  GAIOS_CHECK(entry.has_value() == behind.has_value(), "an entry counts exactly when the format says so");
  if (!entry.has_value()) {
    return;
  }
  GAIOS_CHECK(paxos::Log::After(*entry) == *behind, "an entry ends where the format says");
  GAIOS_CHECK(entry->range.from == at.position, "an entry begins where the one before ended");
  const auto offset = static_cast<std::size_t>(entry->payload.data() - ring.bytes().data());
  GAIOS_CHECK(offset == at.position.value() % kRingBytes + kHeaderBytes &&
                  offset + entry->payload.size() <= kRingBytes,
              "a payload lies behind its header, inside the ring");
  const Entry known = ring.log().Known(at);
  GAIOS_CHECK(known.range == entry->range && known.payload.data() == entry->payload.data() &&
                  std::memcmp(&known.header, &entry->header, sizeof(known.header)) == 0,
              "an entry that is known is the one that was read");
}

}  // namespace

void RunTarget(std::span<const std::byte> input) {
  Choices choices(input);
  LogRing ring;
  const std::uint8_t right = choices.Below(80);
  const std::uint64_t unit = choices.Take<std::uint16_t>();
  Cursor start = paxos::StartOfLog(kGroup);
  start.position = Position(unit * kUnitBytes);
  start.slot = paxos::Slot(choices.Take<std::uint16_t>());
  const Position limit = start.position + choices.Take<std::uint16_t>();

  // The bytes begin at the start of the scan and go round.
  const std::span<const std::byte> bytes = choices.Bytes(kRingBytes);
  for (std::size_t i = 0; i < bytes.size(); ++i) {
    ring.bytes()[(start.position.value() + i) % kRingBytes] = bytes[i];
  }
  Cursor made = start;
  for (std::uint8_t i = 0; i < right && MakeRight(ring.bytes(), made); ++i) {
  }

  const std::vector<std::byte> before = ring.Copy();
  const Position horizon = std::min(limit, start.position + kRingBytes);
  Cursor at = start;
  while (at.position < horizon) {
    const std::optional<Entry> entry = ring.log().Next(at);
    CheckNext(ring, at, entry);
    if (!entry.has_value() || entry->range.to > horizon) {
      break;
    }
    at = paxos::Log::After(*entry);
  }
  GAIOS_CHECK(ring.log().ScanFrom(start, limit) == at, "a scan goes as far as its steps");
  GAIOS_CHECK(ring.SameAs(before), "reading changes nothing");
}

}  // namespace gaios::fuzz
