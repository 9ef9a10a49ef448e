// Whom an end has no link to, and what it says of that: its words are all that a user gets.

#include "gaios/transport/udp/connector.h"

#include <memory>
#include <span>
#include <string>
#include <vector>

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "gaios/transport/udp/wire.h"

#include "tests/transport/bootstrap/channel_hub.h"

namespace gaios::transport::udp {
namespace {

using ::testing::HasSubstr;
using ::testing::IsEmpty;

constexpr ReplicaId kSelf{0};
constexpr ReplicaId kPeer{1};

constexpr HelloFrame kHello = {.version = kVersion,
                               .protection = 1,
                               .port = 7400,
                               .address = 0x0a000001,
                               .payload_bytes = 1400,
                               .room = 100};

// A peer that says whatever a test has it say, as soon as it is up.
class Peer final : private bootstrap::PeerChannelHandler {
 public:
  Peer(std::unique_ptr<bootstrap::PeerChannel> channel, std::vector<std::byte> says)
      : channel_(std::move(channel)), says_(std::move(says)) {}
  void Step() { channel_->Poll(*this); }

 private:
  void OnPeerUp(ReplicaId peer, Incarnation /*incarnation*/) override {
    EXPECT_TRUE(channel_->Send(peer, says_));
  }
  void OnFrame(ReplicaId /*peer*/, std::span<const std::byte> /*bytes*/) override {}
  void OnPeerDown(ReplicaId /*peer*/) override {}

  const std::unique_ptr<bootstrap::PeerChannel> channel_;
  const std::vector<std::byte> says_;
};

class ConnectorTest : public testing::Test {
 protected:
  // What is told of a peer that says this.
  std::string ToldOf(std::span<const std::byte> says) {
    Connector connector({.self = kSelf, .replicas = 2, .clock = &clock_, .hello = own_hello_},
                        hub_.Join({.id = kSelf, .incarnation = Incarnation(1)}));
    EXPECT_TRUE(connector.Prepare(false).ok());
    connector.Begin();
    Peer peer(hub_.Join({.id = kPeer, .incarnation = Incarnation(1)}), {says.begin(), says.end()});
    for (int round = 0; round < 10; ++round) {
      connector.Step();
      peer.Step();
    }
    connected_ = connector.any_news() && connector.TakeNews().front().kind == News::Kind::kConnected;
    std::string all;
    for (const std::string& notice : connector.TakeNotices()) {
      all += notice;
    }
    return all;
  }
  std::string ToldOf(const HelloFrame& hello) { return ToldOf(std::as_bytes(std::span(&hello, 1))); }

  base::ManualClock clock_;
  bootstrap::ChannelHub hub_;
  bool connected_ = false;
  HelloFrame own_hello_ = kHello;
};

TEST_F(ConnectorTest, APeerThatSpeaksAsThisEndDoesIsConnected) {
  EXPECT_THAT(ToldOf(kHello), IsEmpty());
  EXPECT_TRUE(connected_);
}

TEST_F(ConnectorTest, AnotherVersionOfTheDatagramsIsRefusedByName) {
  HelloFrame hello = kHello;
  hello.version = kVersion + 1;
  EXPECT_THAT(ToldOf(hello),
              HasSubstr("no link to replica 1, which speaks another version of the UDP transport; run "
                        "the same release everywhere"));
  EXPECT_FALSE(connected_);
}

TEST_F(ConnectorTest, APeerThatDoesNotAuthenticateIsRefusedByName) {
  HelloFrame hello = kHello;
  hello.protection = 0;
  EXPECT_THAT(ToldOf(hello), HasSubstr("does not authenticate its datagrams, and this replica does"));
  EXPECT_FALSE(connected_);
}

TEST_F(ConnectorTest, APeerThatEncryptsWhereThisEndDoesNotIsRefusedByName) {
  HelloFrame hello = kHello;
  hello.protection = 2;
  EXPECT_THAT(
      ToldOf(hello),
      HasSubstr("no link to replica 1, which encrypts its datagrams, and this replica does not; write the "
                "same for `encrypt` in the [udp] section"));
  EXPECT_FALSE(connected_);
}

TEST_F(ConnectorTest, APeerThatDoesNotEncryptWhereThisEndDoesIsRefusedByName) {
  own_hello_.protection = 2;
  for (const std::uint8_t protection : {std::uint8_t{0}, std::uint8_t{1}}) {
    HelloFrame hello = kHello;
    hello.protection = protection;
    EXPECT_THAT(ToldOf(hello), HasSubstr("does not encrypt its datagrams, and this replica does"));
    EXPECT_FALSE(connected_);
  }
  EXPECT_THAT(ToldOf(own_hello_), IsEmpty());
  EXPECT_TRUE(connected_);
}

TEST_F(ConnectorTest, WhatIsNoHelloIsOfAnotherTransport) {
  const std::string other = "GIVH, of another transport";
  EXPECT_THAT(ToldOf(std::as_bytes(std::span(other))), HasSubstr("does not speak the UDP transport"));
  EXPECT_FALSE(connected_);
}

}  // namespace
}  // namespace gaios::transport::udp
