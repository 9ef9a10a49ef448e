#include "gaios/rsm/client/network/wire.h"

#include <algorithm>
#include <cstring>

#include "gaios/base/align.h"
#include "gaios/rsm/client/wire.h"

namespace gaios::rsm {
namespace {

using transport::udp::Drop;

bool IsPayload(std::uint32_t bytes) {
  return bytes >= transport::udp::kMinPayloadBytes && bytes <= transport::udp::kMaxPayloadBytes;
}

bool IsRing(std::uint32_t bytes) {
  return base::IsPowerOfTwo(bytes) && bytes >= kMinRingBytes && bytes <= kMaxRingBytes;
}

// Magic and version first: a frame of another version may be of another length.
template <typename Greeting>
GreetingFound Begin(std::span<const std::byte> bytes, std::uint16_t latest, Greeting& greeting) {
  constexpr std::size_t kFixedBytes = offsetof(Greeting, version) + sizeof(greeting.version);
  const Greeting known;
  if (bytes.size() < kFixedBytes) {
    return GreetingFound::kMalformed;
  }
  std::memcpy(&greeting.magic, bytes.data(), sizeof(greeting.magic));
  std::memcpy(&greeting.version, bytes.data() + offsetof(Greeting, version), sizeof(greeting.version));
  if (greeting.magic != known.magic) {
    return GreetingFound::kMalformed;
  }
  if (greeting.version < kNetworkVersion || greeting.version > latest) {
    return GreetingFound::kOtherVersion;
  }
  if (bytes.size() != sizeof(greeting)) {
    return GreetingFound::kMalformed;
  }
  std::memcpy(&greeting, bytes.data(), sizeof(greeting));
  return GreetingFound::kGood;
}

// What it says of both rings, and whether it is as long as that.
std::optional<Drop> CheckHeader(const NetworkDatagram& datagram) {
  const NetworkHeader& header = datagram.header;
  const std::size_t follows = datagram.bytes.size();
  if (header.bytes != follows) {
    return header.bytes > follows ? Drop::kTruncated : Drop::kOversized;
  }
  if (header.answer > 1 || (header.beyond != 0 && header.gap_end == 0) ||
      header.position > ~std::uint64_t{0} - header.bytes || header.consumed > header.received ||
      (header.gap_end != 0 && header.gap_end <= header.received)) {
    return Drop::kMalformed;
  }
  return std::nullopt;
}

}  // namespace

GreetingFound ParseNetworkHello(std::span<const std::byte> bytes, NetworkHello& hello) {
  if (const GreetingFound found = Begin(bytes, kEncryptingNetworkVersion, hello);
      found != GreetingFound::kGood) {
    return found;
  }
  const bool named = hello.cluster_bytes >= 1 && hello.cluster_bytes <= kMaxClusterNameBytes &&
                     std::all_of(hello.cluster.begin() + hello.cluster_bytes, hello.cluster.end(),
                                 [](char c) { return c == '\0'; }) &&
                     std::ranges::all_of(hello.cluster_name(), [](char c) { return c >= ' ' && c <= '~'; });
  return named && hello.zero == 0 && IsPayload(hello.payload_bytes) ? GreetingFound::kGood
                                                                    : GreetingFound::kMalformed;
}

GreetingFound ParseNetworkWelcome(std::span<const std::byte> bytes, NetworkWelcome& welcome) {
  if (const GreetingFound found = Begin(bytes, kNetworkVersion, welcome); found != GreetingFound::kGood) {
    return found;
  }
  const bool good =
      welcome.group != 0 && IsRing(welcome.request_ring_bytes) && IsRing(welcome.response_ring_bytes) &&
      IsPayload(welcome.payload_bytes) && welcome.port != 0 && welcome.zero == 0 &&
      welcome.max_command_bytes <= MaxRecordBytes(welcome.request_ring_bytes) - sizeof(RequestHeader);
  return good ? GreetingFound::kGood : GreetingFound::kMalformed;
}

std::optional<Drop> ParseNetworkDatagram(std::span<const std::byte> payload, NetworkKind expected,
                                         std::uint64_t group, NetworkDatagram& datagram) {
  if (payload.size() > transport::udp::kMaxPayloadBytes) {
    return Drop::kOversized;
  }
  if (payload.size() < kNetworkOverheadBytes) {
    return Drop::kTruncated;
  }
  NetworkHeader& header = datagram.header;
  std::memcpy(&header, payload.data(), sizeof(header));
  const NetworkHeader known;
  if (header.magic != known.magic) {
    return Drop::kForeign;
  }
  if (header.version != known.version) {
    return Drop::kOtherVersion;
  }
  if (header.group != group) {
    return Drop::kForeign;
  }
  datagram.encrypted = (header.kind & kEncryptedFlag) != 0;
  const auto kind = static_cast<NetworkKind>(header.kind & ~kEncryptedFlag);
  if (kind != expected) {
    const bool reflected = kind == NetworkKind::kRequests || kind == NetworkKind::kResponses;
    return reflected ? Drop::kReflected : Drop::kMalformed;
  }
  datagram.bytes = payload.subspan(sizeof(header), payload.size() - kNetworkOverheadBytes);
  return datagram.encrypted ? std::nullopt : CheckHeader(datagram);
}

std::optional<Drop> ParseDecrypted(std::span<const std::byte> payload, NetworkDatagram& datagram) {
  std::memcpy(&datagram.header, payload.data(), sizeof(datagram.header));
  return CheckHeader(datagram);
}

}  // namespace gaios::rsm
