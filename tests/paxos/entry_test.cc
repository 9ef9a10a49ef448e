#include "gaios/paxos/entry.h"

#include <gtest/gtest.h>

#include "tests/paxos/ring.h"

namespace gaios::paxos {
namespace {

TEST(Entry, SizesAreMultiplesOfTheAlignmentAndHoldTheHeader) {
  EXPECT_EQ(EntryBytes(0), kEntryAlignment);
  for (std::uint64_t payload = 0; payload < 1000; ++payload) {
    EXPECT_EQ(EntryBytes(payload) % kEntryAlignment, 0U);
    EXPECT_GE(EntryBytes(payload), payload + sizeof(EntryHeader));
    EXPECT_LT(EntryBytes(payload), payload + sizeof(EntryHeader) + kEntryAlignment);
  }
}

TEST(Entry, LogsOfTwoGroupsStartApart) {
  EXPECT_NE(StartOfLog(GroupId(1)).checksum, StartOfLog(GroupId(2)).checksum);
  EXPECT_EQ(StartOfLog(GroupId(1)).position, Position(0));
  EXPECT_TRUE(StartOfLog(GroupId(1)).ballot.none());
}

TEST(Entry, TheChecksumCoversPositionGroupAndThePreviousEntry) {
  Ring ring;
  const Cursor start = ring.end;
  ring.Append("payload", MakeBallot(1, 0));
  const Entry entry = ring.log.Known(start);
  const std::byte* const bytes = ring.log.At(Position(0));
  const auto checksum = [&](Position position, GroupId group, std::uint64_t previous) {
    return EntryChecksum(bytes, entry.range.size(), position, group, previous);
  };
  EXPECT_EQ(checksum(Position(0), kGroup, start.checksum), entry.header.checksum);
  EXPECT_NE(checksum(Position(kRingBytes), kGroup, start.checksum), entry.header.checksum);
  EXPECT_NE(checksum(Position(0), GroupId(43), start.checksum), entry.header.checksum);
  EXPECT_NE(checksum(Position(0), kGroup, start.checksum + 1), entry.header.checksum);
}

}  // namespace
}  // namespace gaios::paxos
