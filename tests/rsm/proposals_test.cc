#include "gaios/rsm/proposals.h"

#include <algorithm>
#include <array>
#include <cstddef>
#include <cstdint>
#include <deque>
#include <random>
#include <span>

#include <gtest/gtest.h>

#include "gaios/rsm/command_codec.h"
#include "gaios/rsm/replica.h"

namespace gaios::rsm {
namespace {

class Nobody final : public ProposalListener {
 public:
  void OnCommitted(std::uint64_t /*tag*/, std::uint64_t /*slot*/, Applied /*how*/,
                   std::span<const std::byte> /*reply*/) override {}
  void OnUnknown(std::uint64_t /*tag*/) override {}
};

TEST(Proposals, TakesOnlyWhatStandsThere) {
  Nobody listener;
  Proposals proposals(4);
  Proposals::Asker asker;
  EXPECT_FALSE(proposals.TakeAt(10, asker));
  proposals.Add(10, 2, listener, 70);
  EXPECT_FALSE(proposals.TakeAt(9, asker));
  EXPECT_FALSE(proposals.TakeAt(11, asker)) << "the one before it has not been answered";
  ASSERT_TRUE(proposals.TakeAt(10, asker));
  EXPECT_EQ(asker.listener, &listener);
  EXPECT_EQ(asker.tag, 70U);
  EXPECT_EQ(proposals.size(), 1U);
  ASSERT_TRUE(proposals.TakeAt(11, asker));
  EXPECT_EQ(asker.tag, 71U);
  EXPECT_FALSE(proposals.TakeAt(12, asker));
  EXPECT_EQ(proposals.size(), 0U);
}

TEST(OneOfUser, IsAPayloadThatHoldsNothingElse) {
  alignas(8) std::array<std::byte, 64> payload = {};
  DecodedCommand command;
  const std::span<std::byte> bytes = EncodeCommandPrefix(CommandKind::kUser, {}, 13, payload);
  EXPECT_TRUE(CommandReader::IsOneOfUser(std::span(payload).first(24), command));
  EXPECT_EQ(command.bytes.data(), bytes.data());
  EXPECT_EQ(command.bytes.size(), 13U);
  EXPECT_FALSE(CommandReader::IsOneOfUser(std::span(payload).first(32), command)) << "something follows";
  EXPECT_FALSE(CommandReader::IsOneOfUser(std::span(payload).first(16), command)) << "it is cut off";
  EXPECT_FALSE(CommandReader::IsOneOfUser({}, command));
  static_cast<void>(EncodeCommandPrefix(CommandKind::kSession, {7, 1}, 13, payload));
  EXPECT_FALSE(CommandReader::IsOneOfUser(std::span(payload).first(40), command)) << "it is of a session";
}

// Whatever comes, in runs or alone, is given back in order; as many as there is room for, even when no two go
// together.
TEST(Proposals, GivesBackInOrderWhatWasAdded) {
  struct Expected {
    std::uint64_t place;
    std::uint64_t tag;
    ProposalListener* listener;
  };
  constexpr std::size_t kRoom = 16;
  std::mt19937 random(1);
  Nobody listeners[2];
  Proposals proposals(kRoom);
  std::deque<Expected> expected;
  std::uint64_t place = 100;
  std::uint64_t tag = 0;
  for (int step = 0; step < 100'000; ++step) {
    if (expected.size() < kRoom && random() % 2 == 0) {
      place += random() % 3 == 0 ? 5 : 0;
      tag += random() % 3 == 0 ? 1'000 : 0;
      ProposalListener& listener = listeners[random() % 4 == 0 ? 1 : 0];
      const std::uint64_t count = 1 + random() % std::min<std::size_t>(4, kRoom - expected.size());
      proposals.Add(place, count, listener, tag);
      for (std::uint64_t i = 0; i < count; ++i) {
        expected.push_back({place++, tag++, &listener});
      }
    } else if (!expected.empty()) {
      Proposals::Asker asker;
      if (random() % 2 == 0) {
        ASSERT_TRUE(proposals.TakeAt(expected.front().place, asker));
      } else {
        asker = proposals.TakeOldest();
      }
      ASSERT_EQ(asker.tag, expected.front().tag);
      ASSERT_EQ(asker.listener, expected.front().listener);
      expected.pop_front();
    }
    ASSERT_EQ(proposals.size(), expected.size());
  }
}

}  // namespace
}  // namespace gaios::rsm
