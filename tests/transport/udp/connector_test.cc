// Whom an end has no link to, and what it says of that: its words are all that a user gets.

#include "gaios/transport/udp/connector.h"

#include <memory>
#include <span>
#include <string>
#include <vector>

#include <absl/strings/str_cat.h>
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
                               .authenticate = 1,
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
    Connector connector(
        {.self = kSelf, .replicas = 2, .clock = &clock_, .hello = own_hello_, .section = section_},
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
  std::string section_ = "udp";
};

TEST_F(ConnectorTest, APeerThatSpeaksAsThisEndDoesIsConnected) {
  EXPECT_THAT(ToldOf(kHello), IsEmpty());
  EXPECT_TRUE(connected_);
}

TEST_F(ConnectorTest, AnotherVersionOfTheDatagramsIsRefusedByName) {
  HelloFrame hello = kHello;
  for (const int version : {0, 3}) {
    hello.version = static_cast<std::uint8_t>(version);
    EXPECT_THAT(ToldOf(hello),
                HasSubstr(absl::StrCat("no link to replica 1, which speaks version ", version,
                                       " of the UDP transport, and this replica versions 1 and 2; run the "
                                       "same release everywhere")));
    EXPECT_FALSE(connected_);
  }
}

// Releases before took version 1 alone, and looked at `authenticate`, 0 or 1, first: of an end that encrypts
// they must see a hello, and another version.
TEST_F(ConnectorTest, AnEndThatEncryptsIsOfAnotherVersionToReleasesBefore) {
  HelloFrame hello = kHello;
  SetProtection(Protection::kEncrypted, hello);
  EXPECT_EQ(hello.version, 2);
  EXPECT_EQ(hello.authenticate, 1);
  EXPECT_EQ(ProtectionOf(hello), Protection::kEncrypted);
  for (const Protection protection : {Protection::kChecksum, Protection::kMac}) {
    SetProtection(protection, hello);
    EXPECT_EQ(hello.version, 1);
    EXPECT_EQ(hello.authenticate, protection == Protection::kMac ? 1 : 0);
    EXPECT_EQ(ProtectionOf(hello), protection);
  }
}

TEST_F(ConnectorTest, APeerThatDoesNotAuthenticateIsRefusedByName) {
  HelloFrame hello = kHello;
  hello.authenticate = 0;
  EXPECT_THAT(ToldOf(hello), HasSubstr("does not authenticate its datagrams, and this replica does"));
  EXPECT_FALSE(connected_);
}

TEST_F(ConnectorTest, APeerThatEncryptsWhereThisEndDoesNotIsRefusedByName) {
  HelloFrame hello = kHello;
  SetProtection(Protection::kEncrypted, hello);
  EXPECT_THAT(
      ToldOf(hello),
      HasSubstr("no link to replica 1, which encrypts its datagrams, and this replica does not; write the "
                "same for `encrypt` in the [udp] section"));
  EXPECT_FALSE(connected_);
  section_ = "udp2";
  EXPECT_THAT(ToldOf(hello), HasSubstr("the same for `encrypt` in the [udp2] section"));
  hello = kHello;
  hello.authenticate = 0;
  EXPECT_THAT(ToldOf(hello), HasSubstr("the same for `authenticate` in the [udp2] section"));
}

TEST_F(ConnectorTest, APeerThatDoesNotEncryptWhereThisEndDoesIsRefusedByName) {
  SetProtection(Protection::kEncrypted, own_hello_);
  for (const Protection protection : {Protection::kChecksum, Protection::kMac}) {
    HelloFrame hello = kHello;
    SetProtection(protection, hello);
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
