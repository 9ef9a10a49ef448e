// A whole chain of entries, damaged: bytes turned over anywhere, or words that never landed, so that the lap
// before, or another leader's chain, shines through.
//
// The valid prefix must end before the first entry that is not as it was written, exactly there, and must be
// as it was written. Nothing that lies in the ring from before is taken for a part of the chain.

#include <algorithm>
#include <vector>

#include "tests/fuzz/choices.h"
#include "tests/fuzz/log_ring.h"
#include "tests/fuzz/target.h"

namespace gaios::fuzz {
namespace {

using paxos::Cursor;
using paxos::EntryBytes;
using paxos::EntryHeader;
using paxos::Position;

constexpr std::size_t kWordBytes = 8;

// Appends what `choices` says, as a leader does: filler before the end of the ring when an entry does not fit
// there. Keeps the cursor behind each entry. Ends when the lap that began at the first cursor is full.
void Append(LogRing& ring, std::vector<Cursor>& cursors, std::uint32_t round, std::uint8_t entries,
            Choices& choices) {
  const Position lap_end = cursors.front().position + kRingBytes;
  for (std::uint8_t i = 0; i < entries; ++i) {
    const Cursor at = cursors.back();
    EntryHeader header;
    header.length =
        std::min<std::uint32_t>(choices.Take<std::uint16_t>() % 512, ring.log().MaxPayloadBytes());
    header.kind = static_cast<std::uint16_t>(header.length == 0 ? paxos::EntryKind::kBallotRecord
                                                                : paxos::EntryKind::kBatch);
    header.commands = choices.Take<std::uint8_t>();
    std::uint64_t size = EntryBytes(header.length);
    if (const std::uint64_t to_end = ring.log().BytesToEnd(at.position); size > to_end) {
      header.length = static_cast<std::uint32_t>(to_end - sizeof(EntryHeader));
      header.kind = static_cast<std::uint16_t>(paxos::EntryKind::kFiller);
      size = to_end;
    }
    if (lap_end - at.position < size) {
      return;
    }
    std::byte* const payload = ring.log().At(at.position) + sizeof(EntryHeader);
    std::memset(payload, choices.Take<std::uint8_t>(), header.length);
    cursors.push_back(
        ring.log().Seal(at, paxos::Ballot(round, paxos::ReplicaId(1), paxos::Incarnation(1)), header));
  }
}

// How many entries of the chain are as they were written.
std::size_t WholeEntries(LogRing& ring, const std::vector<std::byte>& written,
                         const std::vector<Cursor>& cursors) {
  std::size_t whole = 0;
  while (whole + 1 < cursors.size()) {
    const std::size_t from = cursors[whole].position.value() % kRingBytes;
    const std::size_t size = cursors[whole + 1].position - cursors[whole].position;
    if (std::memcmp(ring.bytes().data() + from, written.data() + from, size) != 0) {
      break;
    }
    ++whole;
  }
  return whole;
}

void Damage(LogRing& ring, const std::vector<std::byte>& older, Choices& choices) {
  while (!choices.empty()) {
    const std::size_t at = choices.Take<std::uint16_t>() % kRingBytes;
    const auto turned = choices.Take<std::byte>();
    if (turned != std::byte{0}) {
      ring.bytes()[at] ^= turned;
      continue;
    }
    // Words are what lands whole: these did not land.
    const std::size_t first = at / kWordBytes;
    const std::size_t words =
        std::min<std::size_t>(choices.Take<std::uint8_t>(), kRingBytes / kWordBytes - first);
    std::memcpy(ring.bytes().data() + first * kWordBytes, older.data() + first * kWordBytes,
                words * kWordBytes);
  }
}

}  // namespace

void RunTarget(std::span<const std::byte> input) {
  Choices choices(input);
  LogRing ring;
  const std::uint64_t unit = kRingUnits + choices.Take<std::uint8_t>();
  const std::uint8_t older_entries = choices.Below(65);
  const std::uint8_t entries = choices.Below(65);
  Cursor start = paxos::StartOfLog(kGroup);
  start.position = Position(unit * paxos::kEntryAlignment);
  start.slot = paxos::Slot(100);

  // Either the lap before, or another chain from the same place.
  std::vector<Cursor> older_cursors = {start};
  if (choices.Flip()) {
    older_cursors.front().position = Position(start.position.value() - kRingBytes);
    older_cursors.front().checksum ^= 1;
  }
  Append(ring, older_cursors, 3, older_entries, choices);
  const std::vector<std::byte> older = ring.Copy();
  std::vector<Cursor> cursors = {start};
  Append(ring, cursors, 4, entries, choices);
  if (cursors.size() == 1) {
    return;
  }
  const std::vector<std::byte> written = ring.Copy();
  GAIOS_CHECK(ring.log().ScanFrom(start, start.position + kRingBytes) == cursors.back(),
              "what was written is read back");

  Damage(ring, older, choices);
  const std::vector<std::byte> damaged = ring.Copy();
  const std::size_t whole = WholeEntries(ring, written, cursors);
  const Cursor end = ring.log().ScanFrom(start, start.position + kRingBytes);
  if (whole == 0 && older_cursors.front() == start && older_cursors.size() > 1) {
    // The other chain may be there from its first entry on, as if this one had never been written.
    const bool of_the_other =
        std::find(older_cursors.begin(), older_cursors.end(), end) != older_cursors.end();
    GAIOS_CHECK(of_the_other, "the valid prefix is one that somebody wrote");
  } else {
    GAIOS_CHECK(end == cursors[whole], "the valid prefix ends at the first damage");
  }
  for (std::size_t i = 0; i <= whole; ++i) {
    GAIOS_CHECK(ring.log().ScanFrom(start, cursors[i].position) == cursors[i], "a scan ends at its limit");
  }
  GAIOS_CHECK(ring.SameAs(damaged), "reading changes nothing");
}

}  // namespace gaios::fuzz
