#ifndef GAIOS_PAXOS_LOG_H_
#define GAIOS_PAXOS_LOG_H_

// The ring of entries in one replica's memory, read as a chain. A Log holds no protocol state: cursors say
// where a chain has got to, the Log says whether the bytes there continue it. The memory is the transport's
// and may be written by a peer at any moment; an entry counts only when its checksum, over everything,
// continues the chain, and its header is copied before and after that and must be the same: else it could be
// half of what was overwritten meanwhile.

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <cstring>
#include <optional>
#include <span>
#include <utility>

#include "gaios/base/check.h"
#include "gaios/paxos/entry.h"
#include "gaios/paxos/types.h"

namespace gaios::paxos {

// One valid entry. The payload points into the ring: it stays as long as the position is not reused (P8).
struct Entry {
  EntryHeader header;
  Range range;
  std::span<const std::byte> payload;

  [[nodiscard]] EntryKind kind() const { return static_cast<EntryKind>(header.kind); }
  [[nodiscard]] Ballot ballot() const { return Ballot::FromPacked(header.ballot); }
  [[nodiscard]] Slot slot() const { return Slot(header.slot); }
};

class Log {
 public:
  // `capacity` is a power of two between kMinCapacityBytes and kMaxCapacityBytes; `memory` holds that many
  // bytes, aligned to kEntryAlignment.
  Log(std::byte* memory, std::uint64_t capacity, GroupId group);

  // The ring has moved: a grant gave it fresh memory with the same live bytes.
  void MoveTo(std::byte* memory);

  [[nodiscard]] std::uint64_t capacity() const { return capacity_; }
  [[nodiscard]] GroupId group() const { return group_; }
  [[nodiscard]] std::byte* At(Position position) const { return memory_ + (position.value() & mask_); }
  [[nodiscard]] std::uint64_t BytesToEnd(Position position) const {
    return capacity_ - (position.value() & mask_);
  }

  // Largest payload an entry of this log may have, bytes: a quarter of the ring at most, so that a few always
  // fit.
  [[nodiscard]] std::uint32_t MaxPayloadBytes() const { return max_payload_bytes_; }

  // The valid entry that continues `at`, or nothing. Reads the whole entry.
  [[nodiscard]] std::optional<Entry> Next(const Cursor& at) const;
  // The same, for whoever reads many. False: there is none, and what stands in `entry` means nothing.
  [[nodiscard]] bool Read(const Cursor& at, Entry& entry) const;

  // The same entry when it is known to be valid already: reads the header only.
  [[nodiscard]] Entry Known(const Cursor& at) const {
    Entry entry;
    const std::byte* const bytes = At(at.position);
    // Nobody writes here: the position is not reused before the entry is applied (P8). Word by word: what is
    // not asked for need not be read.
    entry.header.checksum = LoadWord(bytes);
    entry.header.slot = LoadWord(bytes + offsetof(EntryHeader, slot));
    entry.header.ballot = LoadWord(bytes + offsetof(EntryHeader, ballot));
    entry.header.commit = LoadWord(bytes + offsetof(EntryHeader, commit));
    entry.header.time_ns = LoadWord(bytes + offsetof(EntryHeader, time_ns));
    const std::uint64_t rest = LoadWord(bytes + offsetof(EntryHeader, length));
    entry.header.length = static_cast<std::uint32_t>(rest);
    entry.header.kind = static_cast<std::uint16_t>(rest >> 32);
    entry.header.commands = static_cast<std::uint16_t>(rest >> 48);
    GAIOS_CHECK(entry.header.slot == at.slot.value() + 1, "a known entry is no longer in the ring");
    entry.range = {at.position, at.position + EntryBytes(entry.header.length)};
    entry.payload = {bytes + sizeof(EntryHeader), entry.header.length};
    return entry;
  }

  // Whether the entry that continues `at`, and is known to be valid, is a batch of one command.
  [[nodiscard]] bool IsBatchOfOne(const Cursor& at) const {
    constexpr std::uint32_t kBatchOfOne = static_cast<std::uint32_t>(EntryKind::kBatch) | 1U << 16;
    std::uint32_t kind_and_commands = 0;
    std::memcpy(&kind_and_commands, At(at.position) + offsetof(EntryHeader, kind), sizeof(kind_and_commands));
    return kind_and_commands == kBatchOfOne;
  }

  // The cursor behind `entry`, which continues the one it was found at.
  [[nodiscard]] static Cursor After(const Entry& entry) {
    return {entry.range.to, entry.slot(), entry.ballot(), entry.header.checksum};
  }

  // Follows the chain from `at` as far as it is valid, or to `limit`, looking at no position a capacity past
  // `at`.
  [[nodiscard]] Cursor ScanFrom(Cursor at, Position limit) const {
    return ScanFrom(at, limit, [](const Entry&) {});
  }
  // The same, and calls `visit` with each entry on the way.
  template <typename Visit>
  [[nodiscard]] Cursor ScanFrom(Cursor at, Position limit, Visit visit) const {
    const Position horizon = std::min(limit, at.position + capacity_);
    Entry entry;
    while (at.position < horizon && Read(at, entry) && entry.range.to <= horizon) {
      visit(std::as_const(entry));
      at = After(entry);
    }
    return at;
  }

  // Writes header and padding around a payload that stands in place already (at At(at.position) +
  // sizeof(EntryHeader)) and returns the cursor behind the new entry. `header` has length, kind, commands,
  // commit and time_ns set; slot, ballot and checksum are filled in.
  Cursor Seal(const Cursor& at, Ballot ballot, const EntryHeader& header) const {
    return SealBy(at, At(at.position), ballot, header, EntryChecksum);
  }
  // The same, where the place of the entry is known, and with a function that does what EntryChecksum does.
  template <typename Checksum>
  [[gnu::always_inline]] Cursor SealBy(Cursor at, std::byte* bytes, Ballot ballot, const EntryHeader& header,
                                       Checksum entry_checksum) const {
    const std::uint64_t size = EntryBytes(header.length);
    GAIOS_CHECK((at.position.value() ^ (at.position.value() + size - 1)) <= mask_,
                "an entry must not straddle the end of the ring");
    // Field by field into the place, which is read again at once: for the checksum, and by the writes to
    // peers.
    StoreWord(bytes + offsetof(EntryHeader, slot), at.slot.value() + 1);
    StoreWord(bytes + offsetof(EntryHeader, ballot), ballot.packed());
    StoreWord(bytes + offsetof(EntryHeader, commit), header.commit);
    StoreWord(bytes + offsetof(EntryHeader, time_ns), header.time_ns);
    StoreWord(bytes + offsetof(EntryHeader, length),
              header.length | std::uint64_t{header.kind} << 32 | std::uint64_t{header.commands} << 48);
    std::uint64_t used = sizeof(header) + header.length;
    if (used % kWordBytes != 0) [[unlikely]] {
      const std::uint64_t whole = (used + kWordBytes - 1) / kWordBytes * kWordBytes;
      std::memset(bytes + used, 0, whole - used);
      used = whole;
    }
    for (; used < size; used += kWordBytes) {
      StoreWord(bytes + used, 0);
    }
    const std::uint64_t checksum = entry_checksum(bytes, size, at.position, group_, at.checksum);
    StoreWord(bytes, checksum);
    return {at.position + size, Slot(at.slot.value() + 1), ballot, checksum};
  }

 private:
  static constexpr std::uint64_t kWordBytes = 8;
  static_assert(offsetof(EntryHeader, kind) == offsetof(EntryHeader, length) + 4 &&
                offsetof(EntryHeader, commands) == offsetof(EntryHeader, length) + 6);

  static void StoreWord(std::byte* to, std::uint64_t value) { std::memcpy(to, &value, sizeof(value)); }
  [[nodiscard]] static std::uint64_t LoadWord(const std::byte* from) {
    std::uint64_t value = 0;
    std::memcpy(&value, from, sizeof(value));
    return value;
  }

  std::byte* memory_;
  std::uint64_t capacity_;
  std::uint64_t mask_;
  GroupId group_;
  std::uint32_t max_payload_bytes_;
};

}  // namespace gaios::paxos

#endif  // GAIOS_PAXOS_LOG_H_
