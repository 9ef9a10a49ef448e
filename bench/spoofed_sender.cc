#include "bench/spoofed_sender.h"

#include <arpa/inet.h>
#include <linux/if_ether.h>
#include <netinet/ip.h>
#include <netinet/udp.h>
#include <poll.h>
#include <sys/socket.h>
#include <sys/uio.h>

#include <array>
#include <cerrno>
#include <cstring>
#include <optional>
#include <utility>

#include "gaios/base/check.h"
#include "gaios/base/clock.h"

namespace gaios::bench {
namespace {

using transport::udp::Endpoint;
using transport::udp::Header;
using transport::udp::Kind;

constexpr std::size_t kHeaderBytes = sizeof(iphdr) + sizeof(udphdr);
constexpr std::size_t kLongestPacket = kHeaderBytes + transport::udp::kMaxPayloadBytes;
constexpr int kTurnMs = 100;

struct Heard {
  Header header;
  Endpoint from;
};

// Whether an IPv4 packet is a replica's datagram to `to`.
std::optional<Heard> HeardIn(std::span<const std::byte> packet, Endpoint to) {
  iphdr ip;
  udphdr udp;
  Heard heard;
  if (packet.size() < kHeaderBytes + sizeof(Header)) {
    return std::nullopt;
  }
  std::memcpy(&ip, packet.data(), sizeof(ip));
  std::memcpy(&udp, packet.data() + sizeof(ip), sizeof(udp));
  std::memcpy(&heard.header, packet.data() + kHeaderBytes, sizeof(Header));
  heard.from = {.address = ntohl(ip.saddr), .port = ntohs(udp.source)};
  const bool is = ip.version == 4 && ip.ihl == 5 && ip.protocol == IPPROTO_UDP &&
                  ntohl(ip.daddr) == to.address && ntohs(udp.dest) == to.port &&
                  heard.header.magic == transport::udp::kMagic;
  return is ? std::optional(heard) : std::nullopt;
}

}  // namespace

absl::StatusOr<SpoofedSender> SpoofedSender::Overhear(Endpoint to, std::uint64_t patience_ns) {
  const base::UniqueFd ear(::socket(AF_PACKET, SOCK_DGRAM | SOCK_NONBLOCK | SOCK_CLOEXEC, htons(ETH_P_ALL)));
  base::UniqueFd raw(::socket(AF_INET, SOCK_RAW | SOCK_CLOEXEC, IPPROTO_RAW));
  if (!ear.valid() || !raw.valid()) {
    return absl::PermissionDeniedError("raw sockets are for root, or who has CAP_NET_RAW");
  }
  const base::TscClock clock;
  std::array<std::byte, kLongestPacket> packet;
  for (const std::uint64_t begin_ns = clock.NowNs(); clock.NowNs() - begin_ns < patience_ns;) {
    pollfd waits = {.fd = ear.get(), .events = POLLIN, .revents = 0};
    static_cast<void>(::poll(&waits, 1, kTurnMs));
    for (ssize_t bytes = 0; (bytes = ::recv(ear.get(), packet.data(), packet.size(), 0)) >= 0;) {
      const auto heard = HeardIn(std::span(packet).first(static_cast<std::size_t>(bytes)), to);
      if (heard.has_value()) {
        return SpoofedSender(std::move(raw), heard->header, heard->from, to);
      }
    }
  }
  return absl::DeadlineExceededError("no replica has sent a datagram to the leader");
}

SpoofedSender::SpoofedSender(base::UniqueFd raw, const Header& header, Endpoint from, Endpoint to)
    : raw_(std::move(raw)), header_(header), from_(from), to_(to), packets_(kMost * kLongestPacket) {}

void SpoofedSender::SetBytes(std::size_t payload_bytes) {
  GAIOS_CHECK(payload_bytes == kShortBytes || (payload_bytes >= transport::udp::kMinPayloadBytes &&
                                               payload_bytes <= transport::udp::kMaxPayloadBytes),
              "there is a kind of datagram of this length");
  packet_bytes_ = kHeaderBytes + payload_bytes;
  iphdr ip = {};
  ip.version = 4;
  ip.ihl = sizeof(ip) / 4;
  ip.ttl = 64;
  ip.protocol = IPPROTO_UDP;
  ip.saddr = htonl(from_.address);
  ip.daddr = htonl(to_.address);
  udphdr udp = {};
  udp.source = htons(from_.port);
  udp.dest = htons(to_.port);
  udp.len = htons(static_cast<std::uint16_t>(sizeof(udp) + payload_bytes));
  Header header = header_;
  if (header.kind != static_cast<std::uint8_t>(Kind::kEncrypted)) {
    // A question for the control region is of 64 bytes, and a ping of any length.
    header.kind = static_cast<std::uint8_t>(payload_bytes == kShortBytes ? Kind::kAskControl : Kind::kPing);
  }
  for (std::size_t i = 0; i < kMost; ++i) {
    std::byte* const packet = packets_.data() + i * kLongestPacket;
    std::memset(packet, 0, packet_bytes_);
    std::memcpy(packet, &ip, sizeof(ip));
    std::memcpy(packet + sizeof(ip), &udp, sizeof(udp));
    std::memcpy(packet + kHeaderBytes, &header, sizeof(header));
  }
}

std::size_t SpoofedSender::Send(std::size_t count) {
  GAIOS_CHECK(count <= kMost && packet_bytes_ != 0, "as many as there is memory for, of a known length");
  sockaddr_in to = {};
  to.sin_family = AF_INET;
  to.sin_addr.s_addr = htonl(to_.address);
  std::array<iovec, kMost> bytes = {};
  std::array<mmsghdr, kMost> messages = {};
  for (std::size_t i = 0; i < count; ++i) {
    std::byte* const packet = packets_.data() + i * kLongestPacket;
    ++number_;
    std::memcpy(packet + packet_bytes_ - transport::udp::kTrailerBytes, &number_, sizeof(number_));
    bytes[i] = {.iov_base = packet, .iov_len = packet_bytes_};
    messages[i].msg_hdr.msg_name = &to;
    messages[i].msg_hdr.msg_namelen = sizeof(to);
    messages[i].msg_hdr.msg_iov = &bytes[i];
    messages[i].msg_hdr.msg_iovlen = 1;
  }
  const int sent = ::sendmmsg(raw_.get(), messages.data(), static_cast<unsigned>(count), 0);
  return sent < 0 ? 0 : static_cast<std::size_t>(sent);
}

}  // namespace gaios::bench
