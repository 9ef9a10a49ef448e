#include "gaios/paxos/message.h"

#include <cstring>

namespace gaios::paxos {
namespace {

constexpr std::uint32_t kMessageVersion = 1;

struct Wire {
  std::uint32_t version = kMessageVersion;
  std::uint32_t kind = 0;
  std::uint64_t group = 0;
  std::uint64_t ballot = 0;
  std::uint64_t number = 0;
  std::uint64_t promised = 0;
  std::uint64_t commit = 0;
  std::uint64_t applied = 0;
  std::uint64_t retained = 0;
  std::uint64_t end_position = 0;
  std::uint64_t end_slot = 0;
  std::uint64_t end_ballot = 0;
  std::uint64_t end_checksum = 0;
  std::uint64_t reserved = 0;
};
static_assert(sizeof(Wire) == kEncodedMessageBytes);

}  // namespace

void EncodeMessage(const Message& message, GroupId group, std::span<std::byte, kEncodedMessageBytes> out) {
  Wire wire;
  wire.kind = static_cast<std::uint32_t>(message.kind);
  wire.group = group.value();
  wire.ballot = message.grant.ballot.packed();
  wire.number = message.grant.number;
  wire.promised = message.promised.packed();
  wire.commit = message.commit.value();
  wire.applied = message.applied.value();
  wire.retained = message.retained.value();
  wire.end_position = message.valid_end.position.value();
  wire.end_slot = message.valid_end.slot.value();
  wire.end_ballot = message.valid_end.ballot.packed();
  wire.end_checksum = message.valid_end.checksum;
  std::memcpy(out.data(), &wire, sizeof(wire));
}

std::optional<Message> DecodeMessage(std::span<const std::byte> bytes, GroupId group) {
  Wire wire;
  if (bytes.size() != sizeof(wire)) {
    return std::nullopt;
  }
  std::memcpy(&wire, bytes.data(), sizeof(wire));
  if (wire.version != kMessageVersion || wire.group != group.value() || wire.reserved != 0 ||
      wire.kind < static_cast<std::uint32_t>(MessageKind::kPreVote) ||
      wire.kind > static_cast<std::uint32_t>(kLastMessageKind)) {
    return std::nullopt;
  }
  Message message;
  message.kind = static_cast<MessageKind>(wire.kind);
  message.grant = {Ballot::FromPacked(wire.ballot), wire.number};
  message.promised = Ballot::FromPacked(wire.promised);
  message.commit = Position(wire.commit);
  message.applied = Position(wire.applied);
  message.retained = Position(wire.retained);
  message.valid_end = {Position(wire.end_position), Slot(wire.end_slot), Ballot::FromPacked(wire.end_ballot),
                       wire.end_checksum};
  return message;
}

}  // namespace gaios::paxos
