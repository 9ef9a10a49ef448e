// The greeting and the datagrams, byte by byte, and what is not one of them.

#include "gaios/rsm/client/network/wire.h"

#include <algorithm>
#include <array>
#include <cstddef>
#include <cstring>
#include <optional>
#include <span>
#include <string>
#include <vector>

#include <gtest/gtest.h>

namespace gaios::rsm {
namespace {

using transport::udp::Drop;

constexpr std::uint64_t kGroup = 77;

template <typename Value>
std::vector<std::byte> BytesOf(const Value& value) {
  const auto bytes = std::as_bytes(std::span(&value, 1));
  return {bytes.begin(), bytes.end()};
}

NetworkHello Hello() {
  NetworkHello hello;
  hello.replica = 2;
  hello.group = kGroup;
  hello.payload_bytes = 1400;
  const std::string name = "book-1";
  hello.cluster_bytes = static_cast<std::uint8_t>(name.size());
  std::ranges::copy(name, hello.cluster.begin());
  return hello;
}

NetworkWelcome Welcome() {
  NetworkWelcome welcome;
  welcome.group = kGroup;
  welcome.max_command_bytes = 1000;
  welcome.request_ring_bytes = 4096;
  welcome.response_ring_bytes = 65536;
  welcome.payload_bytes = 1400;
  welcome.port = 7500;
  return welcome;
}

TEST(NetworkWire, AHelloLiesAsThePageSays) {
  const std::vector<std::byte> bytes = BytesOf(Hello());
  ASSERT_EQ(bytes.size(), 88U);
  EXPECT_EQ(
      std::memcmp(bytes.data(), "GICH\x01\x00\x02\x06\x4d\0\0\0\0\0\0\0\x78\x05\0\0\0\0\0\0book-1\0", 31), 0);
  NetworkHello read;
  ASSERT_EQ(ParseNetworkHello(bytes, read), GreetingFound::kGood);
  EXPECT_EQ(read.cluster_name(), "book-1");
}

TEST(NetworkWire, HellosThatAreNone) {
  NetworkHello read;
  const auto found = [&read](auto change) {
    NetworkHello hello = Hello();
    change(hello);
    return ParseNetworkHello(BytesOf(hello), read);
  };
  EXPECT_EQ(found([](NetworkHello& hello) { hello.version = 9; }), GreetingFound::kOtherVersion);
  EXPECT_EQ(read.version, 9);
  EXPECT_EQ(found([](NetworkHello& hello) { ++hello.magic; }), GreetingFound::kMalformed);
  EXPECT_EQ(found([](NetworkHello& hello) { hello.zero = 1; }), GreetingFound::kMalformed);
  EXPECT_EQ(found([](NetworkHello& hello) { hello.version = 0; }), GreetingFound::kOtherVersion);
  EXPECT_EQ(found([](NetworkHello& hello) { hello.version = 2; }), GreetingFound::kGood);
  EXPECT_TRUE(read.encrypts());
  EXPECT_EQ(found([](NetworkHello&) {}), GreetingFound::kGood);
  EXPECT_FALSE(read.encrypts());
  EXPECT_EQ(found([](NetworkHello& hello) { hello.cluster_bytes = 0; }), GreetingFound::kMalformed);
  EXPECT_EQ(found([](NetworkHello& hello) { hello.cluster_bytes = 64; }), GreetingFound::kMalformed);
  EXPECT_EQ(found([](NetworkHello& hello) { hello.cluster[6] = 'x'; }), GreetingFound::kMalformed);
  EXPECT_EQ(found([](NetworkHello& hello) { hello.cluster[0] = '\n'; }), GreetingFound::kMalformed);
  EXPECT_EQ(found([](NetworkHello& hello) { hello.payload_bytes = 511; }), GreetingFound::kMalformed);
  EXPECT_EQ(found([](NetworkHello& hello) { hello.payload_bytes = 8901; }), GreetingFound::kMalformed);
  const std::vector<std::byte> bytes = BytesOf(Hello());
  for (std::size_t size = 0; size < bytes.size(); ++size) {
    EXPECT_EQ(ParseNetworkHello(std::span(bytes).first(size), read), GreetingFound::kMalformed) << size;
  }
}

TEST(NetworkWire, WelcomesThatAreNone) {
  NetworkWelcome read;
  const auto found = [&read](auto change) {
    NetworkWelcome welcome = Welcome();
    change(welcome);
    return ParseNetworkWelcome(BytesOf(welcome), read);
  };
  EXPECT_EQ(found([](NetworkWelcome&) {}), GreetingFound::kGood);
  EXPECT_EQ(BytesOf(Welcome()).size(), 40U);
  EXPECT_EQ(found([](NetworkWelcome& welcome) { welcome.version = 2; }), GreetingFound::kOtherVersion);
  EXPECT_EQ(found([](NetworkWelcome& welcome) { welcome.group = 0; }), GreetingFound::kMalformed);
  EXPECT_EQ(found([](NetworkWelcome& welcome) { welcome.port = 0; }), GreetingFound::kMalformed);
  EXPECT_EQ(found([](NetworkWelcome& welcome) { welcome.request_ring_bytes = 4097; }),
            GreetingFound::kMalformed);
  EXPECT_EQ(found([](NetworkWelcome& welcome) { welcome.response_ring_bytes = 1U << 31U; }),
            GreetingFound::kMalformed);
  EXPECT_EQ(found([](NetworkWelcome& welcome) { welcome.max_command_bytes = 4096; }),
            GreetingFound::kMalformed);
}

class Datagrams : public ::testing::Test {
 protected:
  static NetworkHeader Header() {
    NetworkHeader header;
    header.kind = static_cast<std::uint8_t>(NetworkKind::kRequests);
    header.place = 3;
    header.group = kGroup;
    header.tag = 5;
    header.position = 640;
    header.received = 128;
    header.consumed = 64;
    header.bytes = 8;
    return header;
  }
  // A datagram of `header` with `follows` bytes and a trailer.
  static std::vector<std::byte> Of(const NetworkHeader& header, std::size_t follows = 8) {
    std::vector<std::byte> bytes = BytesOf(header);
    bytes.resize(bytes.size() + follows + transport::udp::kTrailerBytes);
    return bytes;
  }
  std::optional<Drop> Parse(std::span<const std::byte> payload) {
    return ParseNetworkDatagram(payload, NetworkKind::kRequests, kGroup, datagram_);
  }
  template <typename Change>
  std::optional<Drop> Changed(Change change) {
    NetworkHeader header = Header();
    change(header);
    return Parse(Of(header));
  }

  NetworkDatagram datagram_;
};

TEST_F(Datagrams, LieAsThePageSays) {
  const std::vector<std::byte> bytes = Of(Header());
  ASSERT_EQ(bytes.size(), 80U + 8 + 24);
  EXPECT_EQ(std::memcmp(bytes.data(), "GICD\x01\x01\x03\x00\x4d\0\0\0\0\0\0\0\x05\0\0\0\0\0\0\0\x80\x02", 26),
            0);
  EXPECT_EQ(Parse(bytes), std::nullopt);
  EXPECT_EQ(datagram_.bytes.size(), 8U);
  EXPECT_EQ(datagram_.bytes.data(), bytes.data() + 80);
  EXPECT_EQ(datagram_.header.position, 640U);
}

TEST_F(Datagrams, AreDroppedByName) {
  EXPECT_EQ(Changed([](NetworkHeader& h) { ++h.magic; }), Drop::kForeign);
  EXPECT_EQ(Changed([](NetworkHeader& h) { h.version = 2; }), Drop::kOtherVersion);
  EXPECT_EQ(Changed([](NetworkHeader& h) { h.group = 78; }), Drop::kForeign);
  EXPECT_EQ(Changed([](NetworkHeader& h) { h.kind = 2; }), Drop::kReflected);
  EXPECT_EQ(Changed([](NetworkHeader& h) { h.kind = 3; }), Drop::kMalformed);
  EXPECT_EQ(Changed([](NetworkHeader& h) { h.kind = 0x82; }), Drop::kReflected);
  EXPECT_EQ(Changed([](NetworkHeader& h) { h.kind = 0x83; }), Drop::kMalformed);
  EXPECT_EQ(Changed([](NetworkHeader& h) { h.bytes = 9; }), Drop::kTruncated);
  EXPECT_EQ(Changed([](NetworkHeader& h) { h.bytes = 7; }), Drop::kOversized);
  EXPECT_EQ(Changed([](NetworkHeader& h) { h.answer = 2; }), Drop::kMalformed);
  EXPECT_EQ(Changed([](NetworkHeader& h) { h.beyond = 1; }), Drop::kMalformed);
  EXPECT_EQ(Changed([](NetworkHeader& h) { h.position = ~std::uint64_t{0} - 7; }), Drop::kMalformed);
  EXPECT_EQ(Changed([](NetworkHeader& h) { h.consumed = 129; }), Drop::kMalformed);
  EXPECT_EQ(Changed([](NetworkHeader& h) { h.gap_end = 128; }), Drop::kMalformed);
  EXPECT_EQ(Changed([](NetworkHeader& h) { h.gap_end = 129; }), std::nullopt);
  const std::vector<std::byte> bytes = Of(Header());
  for (std::size_t size = 0; size < bytes.size(); ++size) {
    EXPECT_EQ(Parse(std::span(bytes).first(size)), Drop::kTruncated) << size;
  }
  EXPECT_EQ(Parse(std::vector<std::byte>(8901)), Drop::kOversized);
}

TEST_F(Datagrams, OfOneThatIsEncryptedWhatStandsBeforeThePositionAloneIsLookedAtFirst) {
  NetworkHeader header = Header();
  header.kind = 0x81;
  header.bytes = 9;  // nobody can know yet
  std::vector<std::byte> bytes = Of(header);
  ASSERT_EQ(Parse(bytes), std::nullopt);
  EXPECT_TRUE(datagram_.encrypted);
  EXPECT_EQ(ParseDecrypted(bytes, datagram_), Drop::kTruncated);
  header.bytes = 7;
  bytes = Of(header);
  EXPECT_EQ(ParseDecrypted(bytes, datagram_), Drop::kOversized);
  header.bytes = 8;
  bytes = Of(header);
  ASSERT_EQ(ParseDecrypted(bytes, datagram_), std::nullopt);
  EXPECT_EQ(datagram_.header.position, 640U);
  header.answer = 2;
  bytes = Of(header);
  EXPECT_EQ(ParseDecrypted(bytes, datagram_), Drop::kMalformed);
}

}  // namespace
}  // namespace gaios::rsm
