#ifndef GAIOS_TESTS_FUZZ_SHARED_RINGS_H_
#define GAIOS_TESTS_FUZZ_SHARED_RINGS_H_

// What a process that keeps no rule can do to the memory that it shares with a replica or a client: store
// anything anywhere, and move any index.

#include <algorithm>
#include <array>
#include <atomic>
#include <cstdint>
#include <cstring>

#include "gaios/rsm/client/wire.h"
#include "gaios/transport/shm/region.h"

#include "tests/fuzz/choices.h"

namespace gaios::fuzz {

inline rsm::ClientRings& RingsIn(const transport::shm::Region& memory) {
  return *reinterpret_cast<rsm::ClientRings*>(memory.data());
}

// Bytes somewhere behind the indices.
inline void StoreAnywhere(const transport::shm::Region& memory, Choices& choices) {
  // Mostly where records are: at the beginning of one of the rings.
  const std::size_t at = rsm::kRingsOffset + std::size_t{choices.Take<std::uint16_t>()};
  const std::span<const std::byte> bytes = choices.Bytes(choices.Below(64));
  if (at + bytes.size() <= memory.size() && !bytes.empty()) {
    std::memcpy(memory.data() + at, bytes.data(), bytes.size());
  }
}

inline void MoveIndex(const transport::shm::Region& memory, Choices& choices) {
  rsm::ClientRings& rings = RingsIn(memory);
  const std::array<std::atomic<std::uint64_t>*, 4> indexes = {&rings.requests.tail, &rings.requests.head,
                                                              &rings.responses.tail, &rings.responses.head};
  std::atomic<std::uint64_t>& index = *indexes.at(choices.Below(4));
  switch (choices.Below(3)) {
    case 0:
      index.store(choices.Take<std::uint64_t>(), std::memory_order_release);
      break;
    case 1:
      index.store(std::uint64_t{choices.Take<std::uint16_t>()} * rsm::kRecordAlignment,
                  std::memory_order_release);
      break;
    default:
      index.fetch_add(std::uint64_t{choices.Take<std::uint8_t>()} * rsm::kRecordAlignment,
                      std::memory_order_release);
      break;
  }
}

// A record as it should be, at `tail`, which is moved behind it. Ends before the end of the ring.
template <typename Header>
void AppendRecord(std::atomic<std::uint64_t>& tail, std::span<std::byte> ring, const Header& header,
                  std::span<const std::byte> body) {
  const std::uint64_t from = tail.load(std::memory_order_relaxed);
  const std::size_t at = from % ring.size() / rsm::kRecordAlignment * rsm::kRecordAlignment;
  const std::size_t bytes = sizeof(header) + body.size();
  const rsm::RecordHeader record = {static_cast<std::uint32_t>(bytes), 0};
  if (rsm::RecordBytes(bytes) > ring.size() - at) {
    const rsm::RecordHeader filler = {static_cast<std::uint32_t>(ring.size() - at - sizeof(record)), 1};
    std::memcpy(ring.data() + at, &filler, sizeof(filler));
    tail.store(from + ring.size() - at, std::memory_order_release);
    return;
  }
  std::memcpy(ring.data() + at, &record, sizeof(record));
  std::memcpy(ring.data() + at + sizeof(record), &header, sizeof(header));
  if (!body.empty()) {
    std::memcpy(ring.data() + at + sizeof(record) + sizeof(header), body.data(), body.size());
  }
  tail.store(from + rsm::RecordBytes(bytes), std::memory_order_release);
}

}  // namespace gaios::fuzz

#endif  // GAIOS_TESTS_FUZZ_SHARED_RINGS_H_
