#include "gaios/transport/verbs/wire.h"

namespace gaios::transport::verbs {

std::optional<FrameType> DecodeFrameType(std::span<const std::byte> bytes) {
  std::uint32_t type = 0;
  if (bytes.size() < sizeof(type)) {
    return std::nullopt;
  }
  std::memcpy(&type, bytes.data(), sizeof(type));
  if (type < static_cast<std::uint32_t>(FrameType::kHello) ||
      type > static_cast<std::uint32_t>(FrameType::kAnswer)) {
    return std::nullopt;
  }
  return static_cast<FrameType>(type);
}

std::optional<Hello> DecodeHello(std::span<const std::byte> bytes) {
  const std::optional<Hello> hello = DecodeFrame<Hello>(bytes);
  const bool good = hello.has_value() && hello->type == FrameType::kHello && hello->version == kWireVersion &&
                    hello->mtu >= IBV_MTU_256 && hello->mtu <= IBV_MTU_4096 && hello->reads != 0;
  return good ? hello : std::nullopt;
}

std::optional<DecodedMessage> DecodeMessage(std::span<const std::byte> bytes) {
  DecodedMessage message;
  if (bytes.size() < sizeof(message.header)) {
    return std::nullopt;
  }
  std::memcpy(&message.header, bytes.data(), sizeof(message.header));
  message.body = bytes.subspan(sizeof(message.header));
  if (message.header.size != message.body.size()) {
    return std::nullopt;
  }
  switch (message.header.type) {
    case MessageType::kMessage:
      return message.body.size() <= paxos::kMaxMessageBytes ? std::optional(message) : std::nullopt;
    case MessageType::kGranted:
      return message.body.size() == sizeof(Granted) ? std::optional(message) : std::nullopt;
    case MessageType::kFenced:
      return message.body.size() == sizeof(Fenced) ? std::optional(message) : std::nullopt;
    case MessageType::kCredit:
      return message.body.empty() ? std::optional(message) : std::nullopt;
  }
  return std::nullopt;
}

}  // namespace gaios::transport::verbs
