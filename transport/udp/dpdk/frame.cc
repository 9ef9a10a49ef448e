#include "gaios/transport/udp/dpdk/frame.h"

#include <cstring>

#include "gaios/base/check.h"

namespace gaios::transport::udp::dpdk {
namespace {

constexpr std::uint16_t kEtherTypeIpv4 = 0x0800;
constexpr std::uint16_t kEtherTypeArp = 0x0806;
constexpr std::uint8_t kProtocolUdp = 17;
constexpr std::uint8_t kVersion4HeaderOf20 = 0x45;
constexpr std::uint8_t kTimeToLive = 64;
constexpr std::uint16_t kDoNotFragment = 0x4000;
constexpr std::uint16_t kMoreFragmentsOrOffset = 0x3fff;
constexpr std::uint16_t kArpEthernet = 1;
constexpr std::uint16_t kArpRequest = 1;
constexpr std::uint16_t kArpReply = 2;
constexpr std::uint16_t kAllOnes = 0xffff;

// Offsets in a frame without IPv4 options.
constexpr std::size_t kEtherType = 12;
constexpr std::size_t kIpv4 = kEthernetBytes;
constexpr std::size_t kUdp = kIpv4 + kIpv4Bytes;
constexpr std::size_t kArp = kEthernetBytes;

std::uint8_t Get8(const std::byte* at) {
  return std::to_integer<std::uint8_t>(*at);
}
std::uint16_t Get16(const std::byte* at) {
  std::uint16_t value = 0;
  std::memcpy(&value, at, sizeof(value));
  return __builtin_bswap16(value);
}
std::uint32_t Get32(const std::byte* at) {
  std::uint32_t value = 0;
  std::memcpy(&value, at, sizeof(value));
  return __builtin_bswap32(value);
}
void Put8(std::byte* at, std::uint8_t value) {
  *at = std::byte{value};
}
void Put16(std::byte* at, std::uint16_t value) {
  value = __builtin_bswap16(value);
  std::memcpy(at, &value, sizeof(value));
}
void Put32(std::byte* at, std::uint32_t value) {
  value = __builtin_bswap32(value);
  std::memcpy(at, &value, sizeof(value));
}
// A checksum is kept as it stands in memory.
void PutSum(std::byte* at, std::uint16_t value) {
  std::memcpy(at, &value, sizeof(value));
}
MacAddress GetMac(const std::byte* at) {
  MacAddress mac;
  std::memcpy(mac.data(), at, mac.size());
  return mac;
}

std::uint16_t Fold(std::uint64_t sum) {
  sum = (sum & 0xffffffff) + (sum >> 32U);
  sum = (sum & 0xffffffff) + (sum >> 32U);
  sum = (sum & kAllOnes) + (sum >> 16U);
  sum = (sum & kAllOnes) + (sum >> 16U);
  return static_cast<std::uint16_t>(sum);
}

std::uint16_t Inverted(std::uint16_t sum) {
  return static_cast<std::uint16_t>(~sum);
}

// Of the addresses, the protocol and the length of UDP, which UDP's checksum covers too.
std::uint16_t PseudoHeaderSum(const std::byte* addresses, std::size_t udp_bytes) {
  std::array<std::byte, 12> pseudo = {};
  std::memcpy(pseudo.data(), addresses, 8);
  Put8(pseudo.data() + 9, kProtocolUdp);
  Put16(pseudo.data() + 10, static_cast<std::uint16_t>(udp_bytes));
  return AddToChecksum(0, pseudo);
}

// Two words of 64 bits, in one register.
using Lanes [[gnu::vector_size(16)]] = std::uint64_t;
constexpr std::uint64_t kLowWord = 0xffff'ffff;

}  // namespace

std::uint16_t AddToChecksum(std::uint16_t sum, std::span<const std::byte> bytes) {
  // Sums of 32-bit words, each in 64 bits: 2^32 words would fit. Folded, they are the sum of 16-bit words.
  // Four of them at a time, where there are so many: of a long datagram this is what takes the longest.
  Lanes low = {};
  Lanes high = {};
  std::size_t done = 0;
  for (; done + sizeof(Lanes) <= bytes.size(); done += sizeof(Lanes)) {
    Lanes words;
    std::memcpy(&words, bytes.data() + done, sizeof(words));
    low += words & kLowWord;
    high += words >> 32;
  }
  std::uint64_t total = sum + low[0] + low[1] + high[0] + high[1];
  for (; done + 4 <= bytes.size(); done += 4) {
    std::uint32_t word = 0;
    std::memcpy(&word, bytes.data() + done, sizeof(word));
    total += word;
  }
  if (done < bytes.size()) {
    std::uint32_t rest = 0;
    std::memcpy(&rest, bytes.data() + done, bytes.size() - done);
    total += rest;
  }
  return Fold(total);
}

namespace {

// Adds the bytes that stand `offset` bytes behind the first that the checksum covers.
std::uint16_t AddPiece(std::uint16_t sum, std::size_t offset, std::span<const std::byte> bytes) {
  if (offset % 2 == 0) {
    return AddToChecksum(sum, bytes);
  }
  // The other half of each word: the sum has its bytes the other way round (RFC 1071).
  return Fold(std::uint64_t{sum} + __builtin_bswap16(AddToChecksum(0, bytes)));
}

}  // namespace

void WriteHeaders(std::span<std::byte> frame, const LinkEndpoint& from, const LinkEndpoint& to,
                  ChecksumsByDevice by_device) {
  WriteHeaders(frame, {}, {}, from, to, by_device);
}

void WriteHeaders(std::span<std::byte> head, std::span<const std::byte> lent, std::span<const std::byte> tail,
                  const LinkEndpoint& from, const LinkEndpoint& to, ChecksumsByDevice by_device) {
  GAIOS_CHECK(head.size() >= kHeaderBytes, "a frame has no room for its headers");
  const std::size_t frame_bytes = head.size() + lent.size() + tail.size();
  std::byte* const start = head.data();
  std::memcpy(start, to.mac.data(), to.mac.size());
  std::memcpy(start + to.mac.size(), from.mac.data(), from.mac.size());
  Put16(start + kEtherType, kEtherTypeIpv4);

  std::byte* const ipv4 = start + kIpv4;
  Put8(ipv4, kVersion4HeaderOf20);
  Put8(ipv4 + 1, 0);  // type of service
  Put16(ipv4 + 2, static_cast<std::uint16_t>(frame_bytes - kEthernetBytes));
  Put16(ipv4 + 4, 0);  // identification: says nothing where nothing is fragmented
  Put16(ipv4 + 6, kDoNotFragment);
  Put8(ipv4 + 8, kTimeToLive);
  Put8(ipv4 + 9, kProtocolUdp);
  Put16(ipv4 + 10, 0);  // checksum
  Put32(ipv4 + 12, from.endpoint.address);
  Put32(ipv4 + 16, to.endpoint.address);
  if (!by_device.ipv4) {
    PutSum(ipv4 + 10, Inverted(AddToChecksum(0, std::span(ipv4, kIpv4Bytes))));
  }

  std::byte* const udp = start + kUdp;
  const std::size_t udp_bytes = frame_bytes - kUdp;
  Put16(udp, from.endpoint.port);
  Put16(udp + 2, to.endpoint.port);
  Put16(udp + 4, static_cast<std::uint16_t>(udp_bytes));
  Put16(udp + 6, 0);
  const std::uint16_t pseudo = PseudoHeaderSum(ipv4 + 12, udp_bytes);
  if (by_device.udp) {
    PutSum(udp + 6, pseudo);
    return;
  }
  std::uint16_t whole = AddPiece(pseudo, 0, head.subspan(kUdp));
  whole = AddPiece(whole, head.size() - kUdp, lent);
  whole = AddPiece(whole, head.size() - kUdp + lent.size(), tail);
  const std::uint16_t sum = Inverted(whole);
  PutSum(udp + 6, sum == 0 ? kAllOnes : sum);  // zero would say that there is none
}

FrameFound ParseFrame(std::span<const std::byte> frame, const LinkEndpoint& self, ChecksumsByDevice checked,
                      FoundDatagram& found) {
  if (frame.size() < kEthernetBytes) {
    return FrameFound::kTruncated;
  }
  const std::byte* const start = frame.data();
  const std::uint16_t type = Get16(start + kEtherType);
  if (type == kEtherTypeArp) {
    return FrameFound::kArp;
  }
  if (type != kEtherTypeIpv4 || std::memcmp(start, self.mac.data(), self.mac.size()) != 0) {
    return FrameFound::kForeign;
  }
  const std::byte* const ipv4 = start + kIpv4;
  if (frame.size() < kEthernetBytes + kIpv4Bytes || Get8(ipv4) >> 4U != 4) {
    return FrameFound::kTruncated;
  }
  const std::size_t header_bytes = std::size_t{Get8(ipv4) & 0x0fU} * 4;
  const std::size_t total_bytes = Get16(ipv4 + 2);
  if (header_bytes < kIpv4Bytes || total_bytes < header_bytes ||
      total_bytes > frame.size() - kEthernetBytes) {
    return FrameFound::kTruncated;
  }
  if (Get32(ipv4 + 16) != self.endpoint.address) {
    return FrameFound::kForeign;
  }
  if (!checked.ipv4 && AddToChecksum(0, std::span(ipv4, header_bytes)) != kAllOnes) {
    return FrameFound::kWrongChecksum;
  }
  if (Get8(ipv4 + 9) != kProtocolUdp) {
    return FrameFound::kForeign;
  }
  if ((Get16(ipv4 + 6) & kMoreFragmentsOrOffset) != 0) {
    return FrameFound::kFragment;
  }
  const std::byte* const udp = ipv4 + header_bytes;
  const std::size_t room = total_bytes - header_bytes;
  if (room < kUdpBytes) {
    return FrameFound::kTruncated;
  }
  if (Get16(udp + 2) != self.endpoint.port) {
    return FrameFound::kForeign;
  }
  const std::size_t udp_bytes = Get16(udp + 4);
  if (udp_bytes < kUdpBytes || udp_bytes > room) {
    return FrameFound::kTruncated;
  }
  if (!checked.udp && Get16(udp + 6) != 0 &&
      AddToChecksum(PseudoHeaderSum(ipv4 + 12, udp_bytes), std::span(udp, udp_bytes)) != kAllOnes) {
    return FrameFound::kWrongChecksum;
  }
  found.from = {.address = Get32(ipv4 + 12), .port = Get16(udp)};
  found.offset = static_cast<std::size_t>(udp - start) + kUdpBytes;
  found.bytes = udp_bytes - kUdpBytes;
  return FrameFound::kDatagram;
}

void WriteArp(std::span<std::byte, kArpFrameBytes> frame, const ArpMessage& message,
              const MacAddress& target_mac) {
  std::byte* const start = frame.data();
  std::memcpy(start, target_mac.data(), target_mac.size());
  std::memcpy(start + 6, message.sender_mac.data(), message.sender_mac.size());
  Put16(start + kEtherType, kEtherTypeArp);
  std::byte* const arp = start + kArp;
  Put16(arp, kArpEthernet);
  Put16(arp + 2, kEtherTypeIpv4);
  Put8(arp + 4, static_cast<std::uint8_t>(sizeof(MacAddress)));
  Put8(arp + 5, static_cast<std::uint8_t>(sizeof(std::uint32_t)));
  Put16(arp + 6, message.request ? kArpRequest : kArpReply);
  std::memcpy(arp + 8, message.sender_mac.data(), message.sender_mac.size());
  Put32(arp + 14, message.sender);
  const MacAddress asked = message.request ? MacAddress{} : target_mac;
  std::memcpy(arp + 18, asked.data(), asked.size());
  Put32(arp + 24, message.target);
}

std::optional<ArpMessage> ParseArp(std::span<const std::byte> frame) {
  if (frame.size() < kArpFrameBytes || Get16(frame.data() + kEtherType) != kEtherTypeArp) {
    return std::nullopt;
  }
  const std::byte* const arp = frame.data() + kArp;
  const std::uint16_t operation = Get16(arp + 6);
  if (Get16(arp) != kArpEthernet || Get16(arp + 2) != kEtherTypeIpv4 || Get8(arp + 4) != sizeof(MacAddress) ||
      Get8(arp + 5) != sizeof(std::uint32_t) || (operation != kArpRequest && operation != kArpReply)) {
    return std::nullopt;
  }
  const ArpMessage message = {.request = operation == kArpRequest,
                              .sender_mac = GetMac(arp + 8),
                              .sender = Get32(arp + 14),
                              .target = Get32(arp + 24)};
  if (!IsUnicast(message.sender_mac)) {
    return std::nullopt;
  }
  return message;
}

}  // namespace gaios::transport::udp::dpdk
