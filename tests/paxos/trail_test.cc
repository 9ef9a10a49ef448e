#include "gaios/paxos/trail.h"

#include <gtest/gtest.h>

namespace gaios::paxos {
namespace {

TEST(Trail, KeepsSpacedCursorsOverAboutOneRing) {
  constexpr std::uint64_t kCapacity = 65536;
  Trail trail(StartOfLog(GroupId(1)), kCapacity);
  EXPECT_EQ(trail.size(), 1U);
  Cursor commit = StartOfLog(GroupId(1));
  for (std::uint64_t position = 64; position <= 3 * kCapacity; position += 64) {
    commit.position = Position(position);
    trail.Note(commit);
  }
  EXPECT_EQ(trail.Back(0).position, commit.position);
  for (std::size_t back = 1; back < trail.size(); ++back) {
    EXPECT_LT(trail.Back(back).position, trail.Back(back - 1).position);
  }
  const std::uint64_t covered = trail.Back(0).position - trail.Back(trail.size() - 1).position;
  EXPECT_GE(covered, kCapacity * 9 / 10);
}

TEST(Trail, KeepsCloserCursorsOverTheLastStretch) {
  constexpr std::uint64_t kCapacity = std::uint64_t{1} << 26;
  Trail trail(StartOfLog(GroupId(1)), kCapacity);
  Cursor commit = StartOfLog(GroupId(1));
  for (std::uint64_t position = 128; position <= kCapacity; position += 128) {
    commit.position = Position(position);
    trail.Note(commit);
  }
  for (std::size_t back = 1; back < trail.size(); ++back) {
    const std::uint64_t behind = commit.position - trail.Back(back).position;
    const std::uint64_t step = trail.Back(back - 1).position - trail.Back(back).position;
    EXPECT_LE(step, behind <= kCapacity / 65 ? kCapacity / 4096 + 128 : kCapacity / 64 + 128) << back;
  }
}

TEST(Trail, WhatIsMarkedIsTheLatestOnce) {
  Trail trail(StartOfLog(GroupId(1)), 65536);
  Cursor cursor = StartOfLog(GroupId(1));
  cursor.position = Position(64);
  trail.Mark(cursor);
  trail.Mark(cursor);
  ASSERT_EQ(trail.size(), 2U);
  EXPECT_EQ(trail.Back(0).position, Position(64));
  EXPECT_EQ(trail.Back(1).position, StartOfLog(GroupId(1)).position);
}

}  // namespace
}  // namespace gaios::paxos
