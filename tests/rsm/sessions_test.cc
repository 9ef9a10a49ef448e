#include "gaios/rsm/sessions.h"

#include <string>

#include <gtest/gtest.h>

namespace gaios::rsm {
namespace {

using Verdict = Sessions::Verdict;

constexpr std::uint64_t kSecond = 1'000'000'000;

std::span<const std::byte> Bytes(const std::string& text) {
  return std::as_bytes(std::span(text));
}

std::string Text(std::span<const std::byte> bytes) {
  return {reinterpret_cast<const char*>(bytes.data()), bytes.size()};
}

SessionOptions Small(std::size_t sessions, std::size_t reply_bytes = 256) {
  SessionOptions options;
  options.max_sessions = sessions;
  options.reply_bytes = reply_bytes;
  options.idle_timeout_ns = 10 * kSecond;
  return options;
}

TEST(Sessions, RunsOnlyTheNextNumber) {
  Sessions sessions(Small(4));
  ASSERT_TRUE(sessions.Open(7, 1));
  std::span<const std::byte> reply;
  EXPECT_EQ(sessions.Judge({7, 2}, 1, reply), Verdict::kOutOfOrder);
  EXPECT_EQ(sessions.Judge({7, 0}, 1, reply), Verdict::kOutOfOrder);
  EXPECT_EQ(sessions.Judge({7, 1}, 1, reply), Verdict::kRun);
  sessions.Finish(Bytes("one"));
  EXPECT_EQ(sessions.Judge({7, 2}, 1, reply), Verdict::kRun);
}

TEST(Sessions, ARetryGetsTheReplyItHad) {
  Sessions sessions(Small(4));
  ASSERT_TRUE(sessions.Open(7, 1));
  std::span<const std::byte> reply;
  for (std::uint64_t n = 1; n <= 5; ++n) {
    ASSERT_EQ(sessions.Judge({7, n}, 1, reply), Verdict::kRun);
    sessions.Finish(Bytes("reply " + std::to_string(n)));
  }
  EXPECT_EQ(sessions.Judge({7, 3}, 1, reply), Verdict::kDuplicate);
  EXPECT_EQ(Text(reply), "reply 3");
}

TEST(Sessions, ForgetsRepliesBeyondItsMemoryButNotThatTheyWereRun) {
  Sessions sessions(Small(2, 64));
  ASSERT_TRUE(sessions.Open(7, 1));
  std::span<const std::byte> reply;
  for (std::uint64_t n = 1; n <= 10; ++n) {
    ASSERT_EQ(sessions.Judge({7, n}, 1, reply), Verdict::kRun);
    sessions.Finish(Bytes(std::string(20, static_cast<char>('a' + n))));
  }
  EXPECT_EQ(sessions.Judge({7, 1}, 1, reply), Verdict::kReplyForgotten);
  EXPECT_EQ(sessions.Judge({7, 10}, 1, reply), Verdict::kDuplicate);
  EXPECT_EQ(Text(reply), std::string(20, 'k'));
  ASSERT_EQ(sessions.Judge({7, 11}, 1, reply), Verdict::kRun);
  sessions.Finish(Bytes(std::string(65, 'x')));  // larger than all its memory
  EXPECT_EQ(sessions.Judge({7, 11}, 1, reply), Verdict::kReplyForgotten);
}

TEST(Sessions, KnowsOfItsWindowAndOfNothingBeforeWhetherRepliesAreEmptyOrNot) {
  Sessions sessions(Small(2, 1024));
  ASSERT_TRUE(sessions.Open(7, 1));
  std::span<const std::byte> reply;
  const std::uint64_t last = 3 * Sessions::kWindow / 2;
  for (std::uint64_t n = 1; n <= last; ++n) {
    ASSERT_EQ(sessions.Judge({7, n}, 1, reply), Verdict::kRun);
    // In the place of those before the window there is something, or nothing.
    sessions.Finish(n <= Sessions::kWindow && n % 2 == 0 ? Bytes("text") : Bytes(""));
  }
  for (std::uint64_t n = 1; n <= last; ++n) {
    SCOPED_TRACE(n);
    const bool in_window = n + Sessions::kWindow > last;
    ASSERT_EQ(sessions.Judge({7, n}, 1, reply), in_window ? Verdict::kDuplicate : Verdict::kReplyForgotten);
    if (in_window) {
      EXPECT_EQ(Text(reply), n <= Sessions::kWindow && n % 2 == 0 ? "text" : "");
    }
  }
}

TEST(Sessions, AnUnknownSessionIsExpiredNeverRun) {
  Sessions sessions(Small(4));
  std::span<const std::byte> reply;
  EXPECT_EQ(sessions.Judge({9, 1}, 1, reply), Verdict::kExpired);
}

TEST(Sessions, TheLongestUnusedMakesRoomOnceItIsIdle) {
  Sessions sessions(Small(2));
  std::span<const std::byte> reply;
  ASSERT_TRUE(sessions.Open(1, 1 * kSecond));
  ASSERT_TRUE(sessions.Open(2, 2 * kSecond));
  EXPECT_FALSE(sessions.Open(3, 10 * kSecond));  // nobody has been idle for long enough
  EXPECT_EQ(sessions.Judge({1, 1}, 10 * kSecond, reply), Verdict::kRun);
  sessions.Finish({});
  EXPECT_TRUE(sessions.Open(3, 13 * kSecond));
  EXPECT_EQ(sessions.Judge({2, 1}, 13 * kSecond, reply), Verdict::kExpired);
  EXPECT_EQ(sessions.Judge({1, 1}, 13 * kSecond, reply), Verdict::kDuplicate);
  EXPECT_EQ(sessions.size(), 2U);
}

TEST(Sessions, FindsThemAllAfterMuchComingAndGoing) {
  Sessions sessions(Small(16));
  std::span<const std::byte> reply;
  std::uint64_t now = 0;
  for (std::uint64_t id = 1; id <= 2000; ++id) {
    now += kSecond;
    ASSERT_TRUE(sessions.Open(id * 65536, now));
    for (std::uint64_t back = 0; back < 16 && back < id; ++back) {
      ASSERT_NE(sessions.Judge({(id - back) * 65536, 2}, 0, reply), Verdict::kExpired) << id << " " << back;
    }
    if (id > 16) {
      ASSERT_EQ(sessions.Judge({(id - 16) * 65536, 1}, 0, reply), Verdict::kExpired);
    }
  }
}

}  // namespace
}  // namespace gaios::rsm
