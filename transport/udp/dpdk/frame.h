#ifndef GAIOS_TRANSPORT_UDP_DPDK_FRAME_H_
#define GAIOS_TRANSPORT_UDP_DPDK_FRAME_H_

// Frames as they are on the link: Ethernet, IPv4 and UDP headers around a datagram, and ARP. Addresses and
// ports are in host byte order, in frames in network byte order. Only what a Port needs: no options are
// sent, no VLAN tags are known, and nothing is fragmented. Pure functions; any thread; nothing allocates.

#include <array>
#include <cstddef>
#include <cstdint>
#include <optional>
#include <span>

#include "gaios/transport/udp/port.h"

namespace gaios::transport::udp::dpdk {

using MacAddress = std::array<std::uint8_t, 6>;
inline constexpr MacAddress kBroadcastMac = {0xff, 0xff, 0xff, 0xff, 0xff, 0xff};
[[nodiscard]] constexpr bool IsUnicast(const MacAddress& mac) {
  return (mac[0] & 1U) == 0 && mac != MacAddress{};
}

inline constexpr std::size_t kEthernetBytes = 14;
inline constexpr std::size_t kIpv4Bytes = 20;
inline constexpr std::size_t kUdpBytes = 8;
// In front of the payload of a datagram.
inline constexpr std::size_t kHeaderBytes = kEthernetBytes + kIpv4Bytes + kUdpBytes;
// Of an ARP message with its Ethernet header.
inline constexpr std::size_t kArpFrameBytes = kEthernetBytes + 28;

// The largest payload of a datagram that a link of this MTU carries in one piece.
[[nodiscard]] constexpr std::size_t MaxPayload(std::size_t mtu) {
  return mtu - kIpv4Bytes - kUdpBytes;
}

struct LinkEndpoint {
  MacAddress mac = {};
  Endpoint endpoint;
};

// Who computes, or has checked, a checksum.
struct ChecksumsByDevice {
  bool ipv4 = false;
  bool udp = false;
};

// ---- datagrams

// Writes the headers of a datagram into the first kHeaderBytes of `frame`, which is the whole frame, payload
// in place. A checksum of the device's is left as the device wants it: that of IPv4 zero, that of UDP the
// sum of the pseudo header.
void WriteHeaders(std::span<std::byte> frame, const LinkEndpoint& from, const LinkEndpoint& to,
                  ChecksumsByDevice by_device);

// The same where the frame is in three pieces: `head`, with the headers, then `lent` and `tail`.
void WriteHeaders(std::span<std::byte> head, std::span<const std::byte> lent, std::span<const std::byte> tail,
                  const LinkEndpoint& from, const LinkEndpoint& to, ChecksumsByDevice by_device);

enum class FrameFound : std::uint8_t {
  kDatagram,       // for this endpoint
  kArp,            // a frame of that type, not yet looked at
  kForeign,        // another protocol, or for another address or port
  kTruncated,      // shorter than its headers say, or the headers are none
  kFragment,       // a part of a larger datagram
  kWrongChecksum,  // of IPv4 or UDP
};

struct FoundDatagram {
  Endpoint from;
  std::size_t offset = 0;  // of the payload in the frame
  std::size_t bytes = 0;   // of the payload
};

// What `frame` is for `self`, and `found` when it is a datagram. A frame may be longer than what is in it. A
// UDP checksum of zero is none, which IPv4 allows. `checked`: found good by the device, and not looked at.
[[nodiscard]] FrameFound ParseFrame(std::span<const std::byte> frame, const LinkEndpoint& self,
                                    ChecksumsByDevice checked, FoundDatagram& found);

// ---- ARP

struct ArpMessage {
  bool request = false;  // else a reply
  MacAddress sender_mac = {};
  std::uint32_t sender = 0;
  std::uint32_t target = 0;
};

// `target_mac`: where the frame goes, kBroadcastMac for a question.
void WriteArp(std::span<std::byte, kArpFrameBytes> frame, const ArpMessage& message,
              const MacAddress& target_mac);

// Nothing when it is not ARP for IPv4 over Ethernet, or its sender could not be one.
[[nodiscard]] std::optional<ArpMessage> ParseArp(std::span<const std::byte> frame);

// ---- checksums

// The Internet checksum (RFC 1071) as a sum that goes on, folded to 16 bits and not inverted. Only the last
// piece may have an odd number of bytes.
[[nodiscard]] std::uint16_t AddToChecksum(std::uint16_t sum, std::span<const std::byte> bytes);

}  // namespace gaios::transport::udp::dpdk

#endif  // GAIOS_TRANSPORT_UDP_DPDK_FRAME_H_
