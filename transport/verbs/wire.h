#ifndef GAIOS_TRANSPORT_VERBS_WIRE_H_
#define GAIOS_TRANSPORT_VERBS_WIRE_H_

// What replicas tell each other: frames over the peer channel, until there are queue pairs, and messages over
// the control queue pair. Little-endian, without padding. Decoding checks size, type and ranges; what does
// not fit is nothing. Pure functions; any thread.

#include <array>
#include <cstddef>
#include <cstdint>
#include <cstring>
#include <optional>
#include <span>
#include <type_traits>

#include "gaios/paxos/limits.h"
#include "gaios/transport/verbs/device.h"
#include "gaios/transport/verbs/queue_pair.h"

namespace gaios::transport::verbs {

// Changes whenever anything in this file or in layout.h does.
inline constexpr std::uint32_t kWireVersion = 1;

// ---- frames

enum class FrameType : std::uint32_t {
  kHello = 1,   // where this life's memory and control queue pair are
  kReady = 2,   // the control queue pair takes messages
  kOffer = 3,   // a queue pair to the log of the sender, for a grant to come
  kAnswer = 4,  // its other end
};

struct Hello {
  FrameType type = FrameType::kHello;
  std::uint32_t version = kWireVersion;
  Gid gid = {};
  std::uint16_t lid = 0;
  std::uint8_t link_layer = 0;
  std::uint8_t mtu = 0;
  std::uint8_t reads = 0;  // that the sender answers at a time, at least 1
  std::uint8_t reserved[3] = {};
  std::uint32_t control_number = 0;
  std::uint32_t control_first_packet = 0;
  std::uint32_t control_key = 0;
  std::uint32_t reserved2 = 0;
  std::uint64_t control_address = 0;
  std::uint64_t log_address = 0;
};
static_assert(sizeof(Hello) == 64 && std::has_unique_object_representations_v<Hello>);

struct Ready {
  FrameType type = FrameType::kReady;
  std::uint32_t reserved = 0;
};
static_assert(sizeof(Ready) == 8);

// Offer and answer.
struct LogPair {
  FrameType type = FrameType::kOffer;
  std::uint32_t id = 0;  // of the offering end's choice, other for each
  std::uint32_t number = 0;
  std::uint32_t first_packet = 0;
};
static_assert(sizeof(LogPair) == 16);

inline constexpr std::size_t kMaxFrameBytes = sizeof(Hello);

template <typename Frame>
[[nodiscard]] std::optional<Frame> DecodeFrame(std::span<const std::byte> bytes) {
  static_assert(std::is_trivially_copyable_v<Frame>);
  if (bytes.size() != sizeof(Frame)) {
    return std::nullopt;
  }
  Frame frame;
  std::memcpy(&frame, bytes.data(), sizeof(frame));
  return frame;
}
template <typename Frame>
[[nodiscard]] std::span<const std::byte> EncodeFrame(const Frame& frame) {
  return std::as_bytes(std::span(&frame, 1));
}
[[nodiscard]] std::optional<FrameType> DecodeFrameType(std::span<const std::byte> bytes);
// Version and ranges too.
[[nodiscard]] std::optional<Hello> DecodeHello(std::span<const std::byte> bytes);

// ---- messages

enum class MessageType : std::uint16_t {
  kMessage = 1,  // of the protocol above
  kGranted = 2,
  kFenced = 3,
  kCredit = 4,  // nothing but the header's count
};

struct MessageHeader {
  MessageType type = MessageType::kMessage;
  std::uint16_t size = 0;   // of what follows
  std::uint32_t taken = 0;  // messages but credits that the sender has taken from the receiver, ever
};
static_assert(sizeof(MessageHeader) == 8);

// The log of the sender may be written by queue pair `pair` with `key`.
struct Granted {
  std::uint64_t ballot = 0;
  std::uint64_t number = 0;
  std::uint32_t pair = 0;
  std::uint32_t key = 0;
};
static_assert(sizeof(Granted) == 24);

// This grant, and every one before it, is over.
struct Fenced {
  std::uint64_t ballot = 0;
  std::uint64_t number = 0;
};
static_assert(sizeof(Fenced) == 16);

inline constexpr std::size_t kMessageBytes = sizeof(MessageHeader) + paxos::kMaxMessageBytes;
static_assert(sizeof(Granted) <= paxos::kMaxMessageBytes);

struct DecodedMessage {
  MessageHeader header;
  std::span<const std::byte> body;
};
[[nodiscard]] std::optional<DecodedMessage> DecodeMessage(std::span<const std::byte> bytes);

}  // namespace gaios::transport::verbs

#endif  // GAIOS_TRANSPORT_VERBS_WIRE_H_
