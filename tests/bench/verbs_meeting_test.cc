// The writer of the floor over RDMA and its peers meet, also where they are on several hosts.

#include "bench/verbs_meeting.h"

#include <netinet/in.h>
#include <sys/socket.h>
#include <sys/stat.h>

#include <array>
#include <cstddef>
#include <functional>
#include <memory>
#include <span>
#include <string>
#include <vector>

#include <gtest/gtest.h>

#include "gaios/base/clock.h"
#include "gaios/base/unique_fd.h"

#include "tests/support/scratch_directory.h"

namespace gaios::bench {
namespace {

using paxos::ReplicaId;

MeetingFrame FrameOf(MeetingStep step) {
  MeetingFrame frame;
  frame.version = 1;
  frame.step = step;
  frame.peer.ring_key = 7;
  frame.writer.end.number = 9;
  return frame;
}

TEST(Meeting, EachEndTakesTheOthersStepsInTheirOrder) {
  Meeting meeting;
  EXPECT_FALSE(TakeStep(meeting, FrameOf(MeetingStep::kWriterReady), false)) << "the peer is first";
  EXPECT_FALSE(TakeStep(meeting, FrameOf(MeetingStep::kPeerReady), false)) << "which is the peer's to take";
  EXPECT_TRUE(TakeStep(meeting, FrameOf(MeetingStep::kPeerReady), true));
  EXPECT_EQ(meeting.peer.ring_key, 7U);
  EXPECT_EQ(meeting.writer.end.number, 0U) << "the writer says what is the writer's";
  EXPECT_FALSE(TakeStep(meeting, FrameOf(MeetingStep::kPeerReady), true)) << "once";
  EXPECT_FALSE(TakeStep(meeting, FrameOf(MeetingStep::kConnected), true)) << "the writer is next";
  EXPECT_TRUE(TakeStep(meeting, FrameOf(MeetingStep::kWriterReady), false));
  EXPECT_EQ(meeting.writer.end.number, 9U);
  EXPECT_TRUE(TakeStep(meeting, FrameOf(MeetingStep::kConnected), true));
  EXPECT_FALSE(TakeStep(meeting, FrameOf(MeetingStep::kDone), true))
      << "that all is measured the writer says";
  EXPECT_TRUE(TakeStep(meeting, FrameOf(MeetingStep::kDone), false));
}

TEST(Meeting, WhatIsNoFrameOfThisVersionIsNothing) {
  MeetingFrame frame = FrameOf(MeetingStep::kPeerReady);
  const auto bytes = std::as_bytes(std::span(&frame, 1));
  EXPECT_TRUE(DecodeMeeting(bytes).has_value());
  EXPECT_FALSE(DecodeMeeting(bytes.first(bytes.size() - 1)).has_value());
  frame.version = 2;
  EXPECT_FALSE(DecodeMeeting(bytes).has_value());
  frame = FrameOf(static_cast<MeetingStep>(5));
  EXPECT_FALSE(DecodeMeeting(bytes).has_value());
}

// Hosts of one config, all of them this one.
class MeetingChannelTest : public testing::Test {
 protected:
  static constexpr std::size_t kHosts = 3;

  void SetUp() override {
    config_.group = "bench";
    config_.transport = rsm::TransportKind::kVerbs;
    config_.directory = directory_.path();
    config_.credentials.key_file = WriteKey("cluster.key", 'a');
    config_.replicas.resize(kHosts);
    for (std::size_t i = 0; i < kHosts; ++i) {
      config_.replicas[i].id = ReplicaId(static_cast<std::uint8_t>(i));
      config_.replicas[i].address = "127.0.0.1";
      config_.replicas[i].port = static_cast<std::uint16_t>(FreePort() - 1);
    }
  }

  std::string WriteKey(const std::string& name, char digit) {
    const std::string path = directory_.PathOf(name);
    rsm::WriteWhole(path, std::string(60, digit) + "0123");
    EXPECT_EQ(::chmod(path.c_str(), 0600), 0);
    return path;
  }

  // Nobody listened there just now.
  std::uint16_t FreePort() {
    held_.emplace_back(::socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0));
    sockaddr_in address = {};
    address.sin_family = AF_INET;
    address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    socklen_t bytes = sizeof(address);
    auto* const generic = reinterpret_cast<sockaddr*>(&address);
    EXPECT_EQ(::bind(held_.back().get(), generic, bytes), 0);
    EXPECT_EQ(::getsockname(held_.back().get(), generic, &bytes), 0);
    return ntohs(address.sin_port);
  }

  // The first of them is the writer's.
  void OpenAll() {
    held_.clear();
    Open(0, config_, std::span(writers_));
    for (std::size_t i = 1; i < kHosts; ++i) {
      Open(i, config_, std::span(&peers_[i], 1));
    }
  }
  void Open(std::size_t host, const rsm::Config& config, std::span<Meeting> meetings) {
    auto channel = MeetingChannel::Open(config, ReplicaId(static_cast<std::uint8_t>(host)), clock_, meetings);
    ASSERT_TRUE(channel.ok()) << channel.status();
    channels_[host] = *std::move(channel);
  }

  void PollUntil(const std::function<bool()>& done) {
    while (!done()) {
      for (const auto& channel : channels_) {
        if (channel != nullptr) {
          channel->Poll();
        }
      }
    }
  }

  // Each peer takes its first step, and the writer sees all of them.
  void AwaitPeersReady() {
    for (std::size_t i = 1; i < kHosts; ++i) {
      peers_[i].step = MeetingStep::kPeerReady;
    }
    PollUntil([&] {
      return writers_[0].step == MeetingStep::kPeerReady && writers_[1].step == MeetingStep::kPeerReady;
    });
  }

  rsm::ScratchDirectory directory_;
  base::TscClock clock_;
  rsm::Config config_;
  std::vector<base::UniqueFd> held_;  // until all ports are known
  std::array<Meeting, kHosts - 1> writers_;
  std::array<Meeting, kHosts> peers_;
  std::array<std::unique_ptr<MeetingChannel>, kHosts> channels_;
};

TEST_F(MeetingChannelTest, MeetingsOfSeveralHostsAreKeptAlike) {
  OpenAll();
  for (std::size_t i = 1; i < kHosts; ++i) {
    peers_[i].peer.ring_address = 100 * i;
    peers_[i].peer.end.number = static_cast<std::uint32_t>(i);
  }
  AwaitPeersReady();
  for (std::size_t i = 1; i < kHosts; ++i) {
    EXPECT_EQ(writers_[i - 1].peer.ring_address, 100 * i);
    EXPECT_EQ(writers_[i - 1].peer.end.number, i);
    writers_[i - 1].writer.end.number = static_cast<std::uint32_t>(10 * i);
    writers_[i - 1].step = MeetingStep::kWriterReady;
  }
  PollUntil([&] {
    return peers_[1].step == MeetingStep::kWriterReady && peers_[2].step == MeetingStep::kWriterReady;
  });
  for (std::size_t i = 1; i < kHosts; ++i) {
    EXPECT_EQ(peers_[i].writer.end.number, 10 * i);
    peers_[i].step = MeetingStep::kConnected;
  }
  PollUntil([&] {
    return writers_[0].step == MeetingStep::kConnected && writers_[1].step == MeetingStep::kConnected;
  });
  for (const auto& channel : channels_) {
    EXPECT_FALSE(channel->gone().has_value());
  }
}

TEST_F(MeetingChannelTest, ThatTheWriterHasEndedIsSeenByAll) {
  OpenAll();
  AwaitPeersReady();
  channels_[0].reset();
  PollUntil([&] { return channels_[1]->gone().has_value() && channels_[2]->gone().has_value(); });
  EXPECT_EQ(channels_[1]->gone(), ReplicaId(0));
}

TEST_F(MeetingChannelTest, ThatAnotherPeerHasEndedIsSeenByTheWriterAlone) {
  OpenAll();
  AwaitPeersReady();
  channels_[2].reset();
  PollUntil([&] { return channels_[0]->gone().has_value(); });
  EXPECT_EQ(channels_[0]->gone(), ReplicaId(2));
  EXPECT_FALSE(channels_[1]->gone().has_value());
}

TEST_F(MeetingChannelTest, AHostWithAnotherKeyIsRefusedByName) {
  rsm::Config other = config_;
  other.credentials.key_file = WriteKey("other.key", 'b');
  held_.clear();
  Open(0, config_, std::span(writers_));
  Open(1, other, std::span(&peers_[1], 1));
  std::vector<std::string> notices;
  PollUntil([&] {
    notices = channels_[0]->TakeNotices();
    return !notices.empty();
  });
  EXPECT_NE(notices.front().find("key"), std::string::npos) << notices.front();
  EXPECT_EQ(writers_[0].step, MeetingStep::kNothing);
}

}  // namespace
}  // namespace gaios::bench
