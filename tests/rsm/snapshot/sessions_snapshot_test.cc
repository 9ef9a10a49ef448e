// Sessions saved and restored: the copy judges, answers and forgets as the original does, whatever comes; and
// bytes that no Save has written change nothing.

#include <cstring>
#include <random>
#include <string>
#include <vector>

#include <gtest/gtest.h>

#include "gaios/rsm/sessions.h"

#include "tests/support/memory_snapshot.h"

namespace gaios::rsm {
namespace {

using Verdict = Sessions::Verdict;

constexpr std::uint64_t kSecond = 1'000'000'000;
constexpr SessionOptions kOptions{.max_sessions = 6, .reply_bytes = 300, .idle_timeout_ns = 3 * kSecond};

std::vector<std::byte> Saved(const Sessions& sessions) {
  MemorySink sink;
  EXPECT_TRUE(sessions.Save(sink).ok());
  EXPECT_EQ(sink.bytes().size(), sessions.SavedBytes());
  return sink.bytes();
}

absl::Status Restored(Sessions& sessions, std::span<const std::byte> bytes) {
  MemorySource source(bytes);
  return sessions.Restore(source);
}

// One step of a random life of clients; everything that can be seen of it as text.
std::string Step(Sessions& sessions, std::uint32_t chance, std::uint64_t now) {
  const std::uint64_t id = 1 + chance % 12;
  std::span<const std::byte> reply;
  const std::uint64_t sequence = 1 + (chance >> 8) % 90;
  if (chance % 5 == 0 && sessions.Judge({id, 0}, 0, reply) == Verdict::kExpired) {
    return sessions.Open(id, now) ? "opened" : "no room";
  }
  const Verdict verdict = sessions.Judge({id, sequence}, now, reply);
  std::string seen = std::to_string(static_cast<int>(verdict)) + ":";
  if (verdict == Verdict::kRun) {
    const std::string answer((chance & 0x80) != 0 ? 0 : (chance >> 16) % 120,
                             static_cast<char>('a' + chance % 26));
    sessions.Finish(std::as_bytes(std::span(answer)));
  } else if (verdict == Verdict::kDuplicate) {
    seen.append(reinterpret_cast<const char*>(reply.data()), reply.size());
  }
  return seen;
}

void Live(Sessions& sessions, std::mt19937& random, int steps, std::uint64_t& now) {
  for (int i = 0; i < steps; ++i) {
    now += kSecond / 8;
    // Mostly the next number, so that sessions get somewhere.
    for (std::uint64_t sequence = 1; sequence < 90; ++sequence) {
      std::span<const std::byte> reply;
      const std::uint64_t id = 1 + random() % 12;
      if (sessions.Judge({id, sequence}, now, reply) == Verdict::kRun) {
        const std::string answer(random() % 3 == 0 ? 0 : random() % 100, 'x');
        sessions.Finish(std::as_bytes(std::span(answer)));
      }
    }
    Step(sessions, static_cast<std::uint32_t>(random()), now);
  }
}

TEST(SessionsSnapshot, ACopyLivesOnAsTheOriginalDoes) {
  for (std::uint32_t seed = 1; seed <= 20; ++seed) {
    std::mt19937 random(seed);
    Sessions original(kOptions);
    std::uint64_t now = 0;
    Live(original, random, 60, now);
    ASSERT_GT(original.size(), 0U);
    const std::vector<std::byte> bytes = Saved(original);
    Sessions copy(kOptions);
    ASSERT_TRUE(copy.Open(999, 1)) << "what was there goes";
    ASSERT_TRUE(Restored(copy, bytes).ok());
    EXPECT_EQ(Saved(copy), bytes);
    EXPECT_EQ(copy.size(), original.size());
    for (int i = 0; i < 3000; ++i) {
      now += kSecond / 16;
      const auto chance = static_cast<std::uint32_t>(random());
      ASSERT_EQ(Step(copy, chance, now), Step(original, chance, now)) << "seed " << seed << " step " << i;
    }
    EXPECT_EQ(Saved(copy), Saved(original));
  }
}

TEST(SessionsSnapshot, NoneAtAllAreSavedToo) {
  Sessions none(kOptions);
  Sessions copy(kOptions);
  ASSERT_TRUE(copy.Open(3, 1));
  ASSERT_TRUE(Restored(copy, Saved(none)).ok());
  EXPECT_EQ(copy.size(), 0U);
  EXPECT_TRUE(copy.Open(3, 1));
}

TEST(SessionsSnapshot, OtherLimitsAreRefusedByTheirKeys) {
  Sessions sessions(kOptions);
  for (SessionOptions other : {SessionOptions{7, 300, 3 * kSecond}, SessionOptions{6, 301, 3 * kSecond},
                               SessionOptions{6, 300, 4 * kSecond}}) {
    Sessions copy(other);
    const absl::Status status = Restored(copy, Saved(sessions));
    EXPECT_EQ(status.code(), absl::StatusCode::kFailedPrecondition);
    EXPECT_NE(status.message().find("[sessions]"), absl::string_view::npos);
  }
}

TEST(SessionsSnapshot, WhatNoSaveHasWrittenIsRefusedAndChangesNothing) {
  std::mt19937 random(5);
  Sessions original(kOptions);
  std::uint64_t now = 0;
  Live(original, random, 60, now);
  const std::vector<std::byte> bytes = Saved(original);
  Sessions copy(kOptions);
  ASSERT_TRUE(copy.Open(4, 1));
  const std::vector<std::byte> before = Saved(copy);
  constexpr std::size_t kHead = 32;
  const auto refuse = [&](std::size_t at, auto value, const char* what) {
    std::vector<std::byte> damaged = bytes;
    std::memcpy(damaged.data() + at, &value, sizeof(value));
    EXPECT_EQ(Restored(copy, damaged).code(), absl::StatusCode::kDataLoss) << what;
    EXPECT_EQ(Saved(copy), before) << what;
  };
  refuse(24, std::uint64_t{7}, "more sessions than places");
  refuse(kHead, std::uint64_t{0}, "no id");
  refuse(kHead + 24, std::uint64_t{0}, "replies from before the first");
  refuse(kHead + 24, ~std::uint64_t{0}, "replies from beyond the last");
  refuse(kHead + 32, std::uint32_t{301}, "memory ends before its place for the next reply");
  refuse(kHead + 36, std::uint32_t{6}, "a place that is not there");
  for (std::size_t i = 0; i < Sessions::kWindow; ++i) {
    refuse(kHead + 40 + 16 * i, ~std::uint64_t{0} - 63 + i, "a reply to what was never run");
    refuse(kHead + 40 + 16 * i + 8, std::uint32_t{301}, "a reply behind the memory");
    refuse(kHead + 40 + 16 * i + 12, std::uint32_t{301}, "a reply larger than the memory");
  }
  for (std::size_t length = 0; length < bytes.size(); length += 97) {
    EXPECT_FALSE(Restored(copy, std::span(bytes).first(length)).ok()) << length;
    EXPECT_EQ(Saved(copy), before);
  }
}

TEST(SessionsSnapshot, OneIdTwiceIsRefused) {
  Sessions two(kOptions);
  ASSERT_TRUE(two.Open(8, 1));
  ASSERT_TRUE(two.Open(9, 1));
  std::vector<std::byte> bytes = Saved(two);
  std::memcpy(bytes.data() + bytes.size() / 2 + 16, bytes.data() + 32, 8);
  Sessions copy(kOptions);
  EXPECT_EQ(Restored(copy, bytes).code(), absl::StatusCode::kDataLoss);
}

}  // namespace
}  // namespace gaios::rsm
