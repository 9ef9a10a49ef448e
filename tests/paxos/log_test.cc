#include "gaios/paxos/log.h"

#include <random>
#include <string>
#include <vector>

#include <gtest/gtest.h>

#include "tests/paxos/ring.h"

namespace gaios::paxos {
namespace {

TEST(Log, ReadsBackWhatWasSealed) {
  Ring ring;
  const Cursor start = ring.end;
  const Cursor end = ring.Append("hello", MakeBallot(3, 1), Position(64));
  ASSERT_TRUE(ring.log.Next(start).has_value());
  const Entry entry = ring.log.Next(start).value_or(Entry());
  EXPECT_EQ(entry.slot(), Slot(1));
  EXPECT_EQ(entry.ballot(), MakeBallot(3, 1));
  EXPECT_EQ(entry.kind(), EntryKind::kBatch);
  EXPECT_EQ(entry.header.commit, 64U);
  EXPECT_EQ(std::memcmp(entry.payload.data(), "hello", 5), 0);
  EXPECT_EQ(Log::After(entry), end);
  EXPECT_FALSE(ring.log.Next(end).has_value());
}

TEST(Log, FollowsTheChainToItsEndAndToALimit) {
  Ring ring;
  const Cursor start = ring.end;
  ring.Append("a", MakeBallot(1, 0));
  const Cursor second = ring.Append("b", MakeBallot(1, 0));
  const Cursor third = ring.Append("c", MakeBallot(2, 0));
  EXPECT_EQ(ring.log.ScanFrom(start, Position(kRingBytes)), third);
  EXPECT_EQ(ring.log.ScanFrom(start, second.position), second);
  EXPECT_EQ(ring.log.ScanFrom(start, second.position + 8), second);  // never into an entry
  EXPECT_EQ(ring.log.ScanFrom(second, Position(kRingBytes)), third);
}

TEST(Log, AnyFlippedBitEndsTheChain) {
  Ring ring;
  const Cursor start = ring.end;
  const Cursor end = ring.Append(std::string(100, 'x'), MakeBallot(1, 0));
  for (std::size_t bit = 0; bit < end.position.value() * 8; ++bit) {
    std::byte& byte = ring.memory.at(bit / 8);
    byte ^= std::byte{1} << (bit % 8);
    EXPECT_FALSE(ring.log.Next(start).has_value()) << "bit " << bit;
    byte ^= std::byte{1} << (bit % 8);
  }
  EXPECT_TRUE(ring.log.Next(start).has_value());
}

TEST(Log, AStaleEntryIsNotTakenForTheContinuationOfANewOne) {
  Ring old;
  old.Append("first", MakeBallot(1, 0));
  const Cursor old_first = old.end;
  old.Append("second", MakeBallot(1, 0));
  Ring ring = old;
  ring.log.MoveTo(ring.memory.data());
  ring.end = StartOfLog(kGroup);
  ring.Append("other", MakeBallot(2, 1));  // of the same size, over the first
  ASSERT_EQ(ring.end.position, old_first.position);
  EXPECT_EQ(ring.log.ScanFrom(StartOfLog(kGroup), Position(kRingBytes)), ring.end);
}

TEST(Log, AnEntryWithAnotherSlotThanTheNextIsNotTheNext) {
  Ring ring;
  const Cursor before = ring.Append("first", MakeBallot(1, 0));
  ring.end.slot = Slot(before.slot.value() + 1);
  ring.Append("leaves out a slot", MakeBallot(1, 0));
  EXPECT_FALSE(ring.log.Next(before).has_value());
}

TEST(Log, AnEntryOfTheLapBeforeIsNotTakenForOneOfThis) {
  Ring ring;
  ring.Append("first", MakeBallot(1, 0));
  Cursor lap = StartOfLog(kGroup);
  lap.position = Position(kRingBytes);
  EXPECT_FALSE(ring.log.Next(lap).has_value());
}

TEST(Log, GarbageIsNoEntryAndReadsNothingOutside) {
  std::mt19937_64 random(7);
  std::vector<std::uint64_t> words(kRingBytes / 8 + kEntryAlignment / 8);
  auto* base = reinterpret_cast<std::byte*>(words.data());
  while (reinterpret_cast<std::uintptr_t>(base) % kEntryAlignment != 0) {
    base += sizeof(std::uint64_t);
  }
  const Log log(base, kRingBytes, kGroup);
  for (int round = 0; round < 2000; ++round) {
    EntryHeader header;
    header.checksum = random();
    header.slot = 1;  // plausible but for the checksum, with lengths of every size
    header.length = static_cast<std::uint32_t>(random() >> (random() % 32 + 32));
    header.kind = static_cast<std::uint16_t>(random() % 5);
    Cursor at = StartOfLog(kGroup);
    at.position = Position(random() % (kRingBytes / kEntryAlignment) * kEntryAlignment);
    std::memcpy(log.At(at.position), &header, sizeof(header));
    EXPECT_FALSE(log.Next(at).has_value());
    EXPECT_EQ(log.ScanFrom(at, Position(10 * kRingBytes)), at);
  }
}

TEST(Log, MaxPayloadLetsAFewEntriesFit) {
  const Ring ring;
  EXPECT_LE(EntryBytes(ring.log.MaxPayloadBytes()), kRingBytes / 4);
}

TEST(LogDeath, RefusesImpossibleMemory) {
  Ring ring;
  EXPECT_DEATH(Log(ring.memory.data(), kRingBytes - 64, kGroup), "capacity");
  EXPECT_DEATH(Log(ring.memory.data(), kRingBytes + 64, kGroup), "power of two");
  EXPECT_DEATH(Log(ring.memory.data() + 8, kRingBytes, kGroup), "aligned");
}

}  // namespace
}  // namespace gaios::paxos
