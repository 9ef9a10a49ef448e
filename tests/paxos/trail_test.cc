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

}  // namespace
}  // namespace gaios::paxos
