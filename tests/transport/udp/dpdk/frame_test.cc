#include "gaios/transport/udp/dpdk/frame.h"

#include <algorithm>
#include <cstring>
#include <random>
#include <span>
#include <vector>

#include <gtest/gtest.h>

namespace gaios::transport::udp::dpdk {
namespace {

using Bytes = std::vector<std::byte>;

constexpr LinkEndpoint kFrom = {.mac = {2, 0, 0, 0, 0, 1},
                                .endpoint = {.address = 0xc0a80a01, .port = 0x1234}};
constexpr LinkEndpoint kTo = {.mac = {2, 0, 0, 0, 0, 2}, .endpoint = {.address = 0xc0a80a02, .port = 0x5678}};

Bytes Datagram(std::size_t bytes, ChecksumsByDevice by_device = {}) {
  Bytes frame(kHeaderBytes + bytes);
  for (std::size_t at = 0; at < bytes; ++at) {
    frame[kHeaderBytes + at] = static_cast<std::byte>(at * 13 + bytes);
  }
  WriteHeaders(frame, kFrom, kTo, by_device);
  return frame;
}

// The same, whose headers were written where it lay in three pieces.
Bytes DatagramOfPieces(std::size_t first, std::size_t second, std::size_t third,
                       ChecksumsByDevice by_device) {
  Bytes frame = Datagram(first + second + third, by_device);
  const std::span<std::byte> whole(frame);
  Bytes head(whole.begin(), whole.begin() + static_cast<std::ptrdiff_t>(kHeaderBytes + first));
  std::fill_n(head.begin(), kHeaderBytes, std::byte{0xff});
  WriteHeaders(head, whole.subspan(kHeaderBytes + first, second), whole.last(third), kFrom, kTo, by_device);
  std::copy(head.begin(), head.end(), frame.begin());
  return frame;
}

FrameFound Parse(const Bytes& frame, FoundDatagram& found, ChecksumsByDevice checked = {}) {
  return ParseFrame(frame, kTo, checked, found);
}
FrameFound Parse(const Bytes& frame, ChecksumsByDevice checked = {}) {
  FoundDatagram found;
  return ParseFrame(frame, kTo, checked, found);
}

void Put16(Bytes& frame, std::size_t at, unsigned value) {
  frame[at] = static_cast<std::byte>(value >> 8U);
  frame[at + 1] = static_cast<std::byte>(value);
}

// The checksum of RFC 1071 word by word, as the RFC has it.
unsigned PlainSum(std::span<const std::byte> bytes) {
  unsigned sum = 0;
  for (std::size_t at = 0; at < bytes.size(); at += 2) {
    sum += std::to_integer<unsigned>(bytes[at]) << 8U;
    if (at + 1 < bytes.size()) {
      sum += std::to_integer<unsigned>(bytes[at + 1]);
    }
    sum = (sum & 0xffffU) + (sum >> 16U);
  }
  return sum;
}

// Makes IPv4's checksum right again.
void Reseal(Bytes& frame, std::size_t header_bytes = kIpv4Bytes) {
  Put16(frame, 24, 0);
  Put16(frame, 24, ~PlainSum(std::span(frame).subspan(14, header_bytes)) & 0xffffU);
}

TEST(Frame, InPiecesItIsWhatItIsInOne) {
  for (const ChecksumsByDevice by_device :
       {ChecksumsByDevice{}, ChecksumsByDevice{.ipv4 = true, .udp = true}}) {
    for (const std::size_t first : {0U, 1U, 96U}) {
      for (const std::size_t second : {0U, 1U, 2U, 1'279U, 1'280U}) {
        for (const std::size_t third : {0U, 1U, 24U, 25U}) {
          EXPECT_EQ(DatagramOfPieces(first, second, third, by_device),
                    Datagram(first + second + third, by_device))
              << first << " " << second << " " << third;
        }
      }
    }
  }
}

TEST(Frame, HeadersByteByByte) {
  Bytes frame(kHeaderBytes + 3);
  frame[42] = std::byte{'a'};
  frame[43] = std::byte{'b'};
  frame[44] = std::byte{'c'};
  WriteHeaders(frame, kFrom, kTo, {});
  const std::array<unsigned, 45> expected = {
      2,    0,    0,    0,    0,    2,                 // to
      2,    0,    0,    0,    0,    1,                 // from
      0x08, 0x00,                                      // IPv4
      0x45, 0x00, 0x00, 0x1f, 0x00, 0x00, 0x40, 0x00,  // 31 bytes, not to be fragmented
      0x40, 0x11, 0xa5, 0x7a,                          // 64 hops, UDP, checksum
      192,  168,  10,   1,    192,  168,  10,   2,     // addresses
      0x12, 0x34, 0x56, 0x78, 0x00, 0x0b, 0x3d, 0x75,  // ports, 11 bytes, checksum
      'a',  'b',  'c'};
  for (std::size_t at = 0; at < expected.size(); ++at) {
    EXPECT_EQ(std::to_integer<unsigned>(frame[at]), expected[at]) << at;
  }
}

TEST(Frame, TheChecksumIsThatOfTheRfc) {
  std::mt19937_64 random(1);
  for (std::size_t bytes = 0; bytes < 300; ++bytes) {
    Bytes text(bytes);
    for (std::byte& byte : text) {
      byte = random() % 4 == 0 ? std::byte{0xff} : static_cast<std::byte>(random());
    }
    const std::uint16_t sum = AddToChecksum(0, text);
    ASSERT_EQ(static_cast<unsigned>(__builtin_bswap16(sum)), PlainSum(text)) << bytes;
    const std::size_t half = bytes / 4 * 2;
    ASSERT_EQ(AddToChecksum(AddToChecksum(0, std::span(text).first(half)), std::span(text).subspan(half)),
              sum);
  }
  EXPECT_EQ(AddToChecksum(0, Bytes(9'000, std::byte{0xff})), 0xffffU);
}

TEST(Frame, WhatIsWrittenIsFoundAtEverySize) {
  for (std::size_t bytes = 0; bytes <= MaxPayload(9'000); bytes += bytes < MaxPayload(1'500) ? 1 : 97) {
    const Bytes frame = Datagram(bytes);
    FoundDatagram found;
    ASSERT_EQ(Parse(frame, found), FrameFound::kDatagram) << bytes;
    ASSERT_EQ(found.from, kFrom.endpoint);
    ASSERT_EQ(found.offset, kHeaderBytes);
    ASSERT_EQ(found.bytes, bytes);
    ASSERT_EQ(PlainSum(std::span(frame).subspan(14, kIpv4Bytes)), 0xffffU);
    ASSERT_NE(std::memcmp(frame.data() + 40, "\0\0", 2), 0);  // never said to have no checksum
  }
}

TEST(Frame, WhatACardPadsOrALinkAddsIsNotPartOfTheDatagram) {
  Bytes frame = Datagram(4);
  frame.resize(60);
  FoundDatagram found;
  EXPECT_EQ(Parse(frame, found), FrameFound::kDatagram);
  EXPECT_EQ(found.bytes, 4U);
}

TEST(Frame, OptionsOfIpv4AreSkipped) {
  Bytes frame = Datagram(10);
  frame.insert(frame.begin() + 34, {std::byte{1}, std::byte{1}, std::byte{1}, std::byte{0}});
  frame[14] = std::byte{0x46};
  Put16(frame, 16, static_cast<unsigned>(frame.size() - kEthernetBytes));
  Reseal(frame, 24);
  FoundDatagram found;
  EXPECT_EQ(Parse(frame, found), FrameFound::kDatagram);
  EXPECT_EQ(found.offset, kHeaderBytes + 4);
  EXPECT_EQ(found.bytes, 10U);
}

TEST(Frame, EveryFlippedBitIsNoticed) {
  Bytes frame = Datagram(64);
  for (std::size_t bit = 0; bit < frame.size() * 8; ++bit) {
    const bool of_source_mac = bit / 8 >= 6 && bit / 8 < 12;  // nothing covers it
    frame[bit / 8] ^= static_cast<std::byte>(1U << (bit % 8));
    ASSERT_EQ(Parse(frame) == FrameFound::kDatagram, of_source_mac) << "bit " << bit;
    frame[bit / 8] ^= static_cast<std::byte>(1U << (bit % 8));
  }
}

TEST(Frame, EveryTruncationIsNoticed) {
  const Bytes frame = Datagram(64);
  for (std::size_t bytes = 0; bytes < frame.size(); ++bytes) {
    const Bytes cut(frame.begin(), frame.begin() + static_cast<std::ptrdiff_t>(bytes));
    ASSERT_EQ(Parse(cut), FrameFound::kTruncated) << bytes;
  }
}

TEST(Frame, LengthsThatContradictEachOtherAreTruncations) {
  Bytes frame = Datagram(64);
  frame[14] = std::byte{0x44};  // a header of 16 bytes
  EXPECT_EQ(Parse(frame), FrameFound::kTruncated);
  frame = Datagram(64);
  frame[14] = std::byte{0x65};  // version 6
  EXPECT_EQ(Parse(frame), FrameFound::kTruncated);
  for (const unsigned udp_bytes : {0U, 7U, 73U, 0xffffU}) {
    frame = Datagram(64);
    Put16(frame, 38, udp_bytes);
    EXPECT_EQ(Parse(frame), FrameFound::kTruncated) << udp_bytes;
  }
  for (const unsigned ip_bytes : {0U, 19U, 27U}) {
    frame = Datagram(64);
    Put16(frame, 16, ip_bytes);
    Reseal(frame);
    EXPECT_EQ(Parse(frame), FrameFound::kTruncated) << ip_bytes;
  }
}

TEST(Frame, FragmentsAreNoDatagrams) {
  for (const unsigned flags : {0x2000U, 0x2001U, 0x0001U, 0x1fffU, 0x6000U}) {
    Bytes frame = Datagram(64);
    Put16(frame, 20, flags);
    Reseal(frame);
    EXPECT_EQ(Parse(frame), FrameFound::kFragment) << flags;
  }
  Bytes frame = Datagram(64);
  Put16(frame, 20, 0);  // it may be fragmented, and is not
  Reseal(frame);
  EXPECT_EQ(Parse(frame), FrameFound::kDatagram);
}

TEST(Frame, WhatIsForSomebodyElseIsForeign) {
  Bytes frame = Datagram(64);
  frame[5] ^= std::byte{1};
  EXPECT_EQ(Parse(frame), FrameFound::kForeign);
  std::memcpy(frame.data(), kBroadcastMac.data(), 6);
  EXPECT_EQ(Parse(frame), FrameFound::kForeign);
  frame = Datagram(64);
  frame[33] ^= std::byte{1};  // address
  EXPECT_EQ(Parse(frame), FrameFound::kForeign);
  frame = Datagram(64);
  frame[37] ^= std::byte{1};  // port
  EXPECT_EQ(Parse(frame), FrameFound::kForeign);
  frame = Datagram(64);
  frame[23] = std::byte{6};  // TCP
  Reseal(frame);
  EXPECT_EQ(Parse(frame), FrameFound::kForeign);
  frame = Datagram(64);
  Put16(frame, 12, 0x86dd);  // IPv6
  EXPECT_EQ(Parse(frame), FrameFound::kForeign);
}

TEST(Frame, AChecksumOfUdpMayBeLeftOut) {
  Bytes frame = Datagram(64);
  Put16(frame, 40, 0);
  EXPECT_EQ(Parse(frame), FrameFound::kDatagram);
}

TEST(Frame, WhatTheDeviceChecksIsNotChecked) {
  Bytes frame = Datagram(64);
  frame[24] ^= std::byte{1};
  EXPECT_EQ(Parse(frame), FrameFound::kWrongChecksum);
  EXPECT_EQ(Parse(frame, {.ipv4 = true, .udp = false}), FrameFound::kDatagram);
  frame.back() ^= std::byte{1};
  EXPECT_EQ(Parse(frame, {.ipv4 = true, .udp = false}), FrameFound::kWrongChecksum);
  EXPECT_EQ(Parse(frame, {.ipv4 = true, .udp = true}), FrameFound::kDatagram);
}

// The device adds up what it sends, from the sum of the pseudo header on, and finds the same as the program.
TEST(Frame, AChecksumLeftToTheDeviceComesOutTheSame) {
  const Bytes whole = Datagram(65);
  Bytes frame = Datagram(65, {.ipv4 = true, .udp = true});
  EXPECT_EQ(std::memcmp(frame.data() + 24, "\0\0", 2), 0);
  Reseal(frame);
  const unsigned udp = ~PlainSum(std::span(frame).subspan(34)) & 0xffffU;
  Put16(frame, 40, udp);
  EXPECT_EQ(frame, whole);
}

TEST(Frame, RandomBytesAreNeverReadBeyondTheirEnd) {
  std::mt19937_64 random(2);
  for (int run = 0; run < 100'000; ++run) {
    Bytes frame = Datagram(20);
    for (int change = 0; change < 6; ++change) {
      frame[random() % frame.size()] = static_cast<std::byte>(random());
    }
    frame.resize(random() % (frame.size() + 1));
    frame.shrink_to_fit();  // so that AddressSanitizer sees
    FoundDatagram found;
    if (Parse(frame, found, {.ipv4 = true, .udp = true}) == FrameFound::kDatagram) {
      ASSERT_LE(found.offset + found.bytes, frame.size());
    }
    static_cast<void>(ParseArp(frame));
  }
}

// ---- ARP

TEST(Arp, AQuestionByteByByte) {
  std::array<std::byte, kArpFrameBytes> frame = {};
  WriteArp(frame, {.request = true, .sender_mac = kFrom.mac, .sender = 0x0a000001, .target = 0x0a000002},
           kBroadcastMac);
  const std::array<unsigned, kArpFrameBytes> expected = {
      0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 2,  0, 0, 0, 0, 1, 0x08, 0x06,  // to all, from us, ARP
      0,    1,    8,    0,    6,    4,    0,  1,                          // IPv4 over Ethernet, a question
      2,    0,    0,    0,    0,    1,    10, 0, 0, 1,                    // who asks
      0,    0,    0,    0,    0,    0,    10, 0, 0, 2};                   // for whom
  for (std::size_t at = 0; at < expected.size(); ++at) {
    EXPECT_EQ(std::to_integer<unsigned>(frame[at]), expected[at]) << at;
  }
}

TEST(Arp, WhatIsWrittenIsFound) {
  for (const bool request : {false, true}) {
    Bytes frame(60);
    WriteArp(std::span(frame).first<kArpFrameBytes>(),
             {.request = request, .sender_mac = kFrom.mac, .sender = 0x0a000001, .target = 0x0a000002},
             kTo.mac);
    EXPECT_EQ(Parse(frame), FrameFound::kArp);
    ASSERT_TRUE(ParseArp(frame).has_value());
    const ArpMessage found = ParseArp(frame).value_or(ArpMessage());
    EXPECT_EQ(found.request, request);
    EXPECT_EQ(found.sender_mac, kFrom.mac);
    EXPECT_EQ(found.sender, 0x0a000001U);
    EXPECT_EQ(found.target, 0x0a000002U);
  }
}

TEST(Arp, WhatIsNoneOrHasNoSenderIsNothing) {
  Bytes good(kArpFrameBytes);
  WriteArp(std::span(good).first<kArpFrameBytes>(),
           {.request = true, .sender_mac = kFrom.mac, .sender = 1, .target = 2}, kBroadcastMac);
  ASSERT_TRUE(ParseArp(good).has_value());
  // Kind of hardware and protocol, their lengths, operation, and a sender of all.
  for (const std::size_t at : {12U, 15U, 16U, 18U, 19U, 20U, 21U, 22U}) {
    Bytes frame = good;
    frame[at] ^= std::byte{0x11};
    EXPECT_FALSE(ParseArp(frame).has_value()) << at;
  }
  Bytes frame = good;
  std::memset(frame.data() + 22, 0, 6);
  EXPECT_FALSE(ParseArp(frame).has_value());
  for (std::size_t bytes = 0; bytes < good.size(); ++bytes) {
    EXPECT_FALSE(ParseArp(std::span(good).first(bytes)).has_value()) << bytes;
  }
}

}  // namespace
}  // namespace gaios::transport::udp::dpdk
