#include "gaios/transport/udp/wire.h"

namespace gaios::transport::udp {
namespace {

constexpr std::array<std::string_view, kDrops> kDropNames = {
    "truncated", "oversized", "foreign", "other_version", "reflected", "misdirected",
    "malformed", "stranger",  "stale",   "forged",        "replayed",  "other_seal"};

// Bytes of the fixed part of a body; 0 when there is no such kind.
constexpr std::array<std::size_t, kKinds> kBodyBytes = {0,
                                                        sizeof(PingBody),
                                                        sizeof(PingBody),
                                                        sizeof(WriteBody),
                                                        sizeof(AckBody),
                                                        sizeof(GrantBody),
                                                        sizeof(GrantBody),
                                                        sizeof(GrantBody),
                                                        sizeof(AskControlBody),
                                                        sizeof(ControlBody),
                                                        sizeof(LogBody),
                                                        sizeof(LogBody),
                                                        sizeof(MessageBody),
                                                        kKindBytes};

std::optional<Drop> ExpectBytes(std::size_t found, std::size_t expected) {
  if (found == expected) {
    return std::nullopt;
  }
  return found < expected ? Drop::kTruncated : Drop::kOversized;
}

// Whether [position, position + bytes) is a range of positions.
bool IsRange(std::uint64_t position, std::uint32_t bytes) {
  return position <= ~std::uint64_t{0} - bytes;
}

std::optional<Drop> CheckWrite(const Datagram& datagram, std::size_t tail) {
  const auto body = BodyOf<WriteBody>(datagram);
  if (body.ballot == 0 || body.sequence == 0 || body.word_set >= (1U << kLogWords) ||
      body.bytes > kMaxPayloadBytes || !IsRange(body.position, body.bytes) ||
      (body.zero[0] | body.zero[1] | body.zero[2]) != 0) {
    return Drop::kMalformed;
  }
  return ExpectBytes(tail, body.bytes);
}

std::optional<Drop> CheckLog(const Datagram& datagram, std::size_t tail) {
  const auto body = BodyOf<LogBody>(datagram);
  const bool bounded =
      datagram.kind == Kind::kLog ? body.bytes <= kMaxPayloadBytes : body.bytes <= paxos::kMaxWriteBytes;
  if (body.ballot == 0 || body.bytes == 0 || !bounded || !IsRange(body.position, body.bytes) ||
      body.zero != 0) {
    return Drop::kMalformed;
  }
  return ExpectBytes(tail, datagram.kind == Kind::kLog ? body.bytes : 0);
}

std::optional<Drop> CheckBody(const Datagram& datagram) {
  const std::size_t tail = datagram.body.size() - kBodyBytes[static_cast<std::size_t>(datagram.kind)];
  switch (datagram.kind) {
    case Kind::kPing:
    case Kind::kPong:
      return std::nullopt;  // of any length
    case Kind::kWrite:
      return CheckWrite(datagram, tail);
    case Kind::kAck: {
      const auto body = BodyOf<AckBody>(datagram);
      if (body.ballot == 0 || body.bitmap_words > kMaxBitmapWords) {
        return Drop::kMalformed;
      }
      return ExpectBytes(tail, body.bitmap_words * sizeof(std::uint64_t));
    }
    case Kind::kFenced:
    case Kind::kGrant:
    case Kind::kGrantTaken:
      return BodyOf<GrantBody>(datagram).ballot == 0 ? Drop::kMalformed : ExpectBytes(tail, 0);
    case Kind::kAskControl:
    case Kind::kControl:
      return ExpectBytes(tail, 0);
    case Kind::kAskLog:
    case Kind::kLog:
      return CheckLog(datagram, tail);
    case Kind::kMessage: {
      const auto body = BodyOf<MessageBody>(datagram);
      if (body.bytes > paxos::kMaxMessageBytes || body.zero != 0) {
        return Drop::kMalformed;
      }
      return ExpectBytes(tail, body.bytes);
    }
    case Kind::kEncrypted:
      return std::nullopt;  // as far as can be seen
  }
  return Drop::kMalformed;
}

}  // namespace

std::string_view DropName(Drop drop) {
  return kDropNames[static_cast<std::size_t>(drop)];
}

std::optional<Drop> ParseDatagram(std::span<const std::byte> payload, const Addressee& addressee,
                                  Datagram& datagram) {
  if (payload.size() > kMaxPayloadBytes) {
    return Drop::kOversized;
  }
  if (payload.size() < sizeof(Header) + kTrailerBytes) {
    return Drop::kTruncated;
  }
  Header& header = datagram.header;
  __builtin_memcpy(&header, payload.data(), sizeof(header));
  if (header.magic != kMagic) {
    return Drop::kForeign;
  }
  if (header.version != kVersion) {
    return Drop::kOtherVersion;
  }
  if (header.group != addressee.group) {
    return Drop::kForeign;
  }
  if (header.from == addressee.self) {
    return Drop::kReflected;
  }
  if (header.to != addressee.self || header.from >= addressee.replicas) {
    return Drop::kMisdirected;
  }
  if (header.kind == 0 || header.kind >= kKinds) {
    return Drop::kMalformed;
  }
  datagram.kind = static_cast<Kind>(header.kind);
  datagram.body = payload.subspan(sizeof(Header), payload.size() - sizeof(Header) - kTrailerBytes);
  if (datagram.body.size() < kBodyBytes[header.kind]) {
    return Drop::kTruncated;
  }
  return CheckBody(datagram);
}

std::optional<Drop> ParseDecrypted(Datagram& datagram) {
  const auto kind = std::to_integer<std::uint8_t>(datagram.body.back());
  if (kind == 0 || kind >= static_cast<std::uint8_t>(Kind::kEncrypted)) {
    return Drop::kMalformed;
  }
  datagram.kind = static_cast<Kind>(kind);
  datagram.body = datagram.body.first(datagram.body.size() - kKindBytes);
  if (datagram.body.size() < kBodyBytes[kind]) {
    return Drop::kTruncated;
  }
  return CheckBody(datagram);
}

}  // namespace gaios::transport::udp
