#include "gaios/transport/bootstrap/wire.h"

#include <algorithm>
#include <cstring>

#include "gaios/base/check.h"
#include "gaios/paxos/limits.h"

namespace gaios::transport::bootstrap {
namespace {

bool Printable(char c) {
  return c >= ' ' && c <= '~';
}

bool Known(std::uint8_t type) {
  return type >= static_cast<std::uint8_t>(FrameType::kHello) &&
         type <= static_cast<std::uint8_t>(FrameType::kVisit);
}

bool RightSize(FrameType type, std::size_t payload_bytes) {
  switch (type) {
    case FrameType::kHello:
      return payload_bytes >= offsetof(Hello, from);  // of this version or another
    case FrameType::kRefuse:
      return payload_bytes >= sizeof(RefuseHeader);
    case FrameType::kData:
      return payload_bytes > 0;
    case FrameType::kVisit:
      return payload_bytes >= offsetof(Visit, purpose);  // of this version or another
    case FrameType::kAdmit:
    case FrameType::kPing:
      break;
  }
  return payload_bytes == 0;
}

// A text of so many bytes, in a field that is filled up with zeros.
template <std::size_t kBytes>
bool Fits(const std::array<char, kBytes>& field, std::size_t bytes) {
  return bytes < kBytes && std::all_of(field.begin(), field.begin() + bytes, Printable) &&
         std::all_of(field.begin() + bytes, field.end(), [](char c) { return c == '\0'; });
}

bool WithinRange(const Visit& visit) {
  const bool known = visit.purpose >= static_cast<std::uint8_t>(VisitPurpose::kSnapshot) &&
                     visit.purpose <= static_cast<std::uint8_t>(VisitPurpose::kIntroduce);
  const bool introduces = visit.purpose == static_cast<std::uint8_t>(VisitPurpose::kIntroduce);
  return known && visit.zero == std::array<std::uint8_t, 6>{} && visit.cluster_bytes != 0 &&
         Fits(visit.cluster, visit.cluster_bytes) && Fits(visit.address, visit.address_bytes) &&
         (visit.address_bytes != 0) == introduces;
}

bool WithinRange(const Hello& hello) {
  const std::string_view name = hello.cluster_name();
  return hello.zero == 0 && hello.instance != 0 && hello.attempt != 0 && hello.incarnation != 0 &&
         hello.incarnation <= paxos::Ballot::kMaxIncarnation && !name.empty() &&
         std::all_of(name.begin(), name.end(), Printable) &&
         std::all_of(hello.cluster.begin() + hello.cluster_bytes, hello.cluster.end(),
                     [](char c) { return c == '\0'; });
}

}  // namespace

std::span<std::byte> FrameReader::Space() {
  if (begin_ != 0) {
    std::memmove(bytes_.data(), bytes_.data() + begin_, end_ - begin_);
    end_ -= begin_;
    begin_ = 0;
  }
  return std::span(bytes_).subspan(end_);
}

void FrameReader::Filled(std::size_t bytes) {
  GAIOS_CHECK(bytes <= bytes_.size() - end_, "more bytes than there was space for");
  end_ += bytes;
}

FrameReader::Found FrameReader::Next(Frame& frame) {
  FrameHeader header;
  if (end_ - begin_ < sizeof(header)) {
    return Found::kNothing;
  }
  std::memcpy(&header, bytes_.data() + begin_, sizeof(header));
  if (!Known(header.type) || header.zero != 0 || header.payload_bytes > max_payload_bytes_ ||
      !RightSize(static_cast<FrameType>(header.type), header.payload_bytes)) {
    return Found::kMalformed;
  }
  if (end_ - begin_ - sizeof(header) < header.payload_bytes) {
    return Found::kNothing;
  }
  frame.type = static_cast<FrameType>(header.type);
  frame.payload = std::span(bytes_).subspan(begin_ + sizeof(header), header.payload_bytes);
  begin_ += sizeof(header) + header.payload_bytes;
  return Found::kFrame;
}

HelloFound ParseHello(std::span<const std::byte> payload, Hello& hello) {
  hello = Hello{};
  if (payload.size() < offsetof(Hello, from)) {
    return HelloFound::kMalformed;
  }
  std::memcpy(&hello.magic, payload.data(), sizeof(hello.magic));
  std::memcpy(&hello.version, payload.data() + offsetof(Hello, version), sizeof(hello.version));
  if (hello.magic != kHelloMagic) {
    return HelloFound::kMalformed;
  }
  if (hello.version != kVersion) {
    return HelloFound::kOtherVersion;
  }
  if (payload.size() != sizeof(hello)) {
    return HelloFound::kMalformed;
  }
  std::memcpy(&hello, payload.data(), sizeof(hello));
  if (hello.cluster_bytes > kMaxClusterBytes || !WithinRange(hello)) {
    hello = Hello{};
    return HelloFound::kMalformed;
  }
  return HelloFound::kGood;
}

HelloFound ParseVisit(std::span<const std::byte> payload, Visit& visit) {
  visit = Visit{};
  if (payload.size() < offsetof(Visit, purpose)) {
    return HelloFound::kMalformed;
  }
  std::memcpy(&visit.magic, payload.data(), sizeof(visit.magic));
  std::memcpy(&visit.version, payload.data() + offsetof(Visit, version), sizeof(visit.version));
  if (visit.magic != kVisitMagic) {
    return HelloFound::kMalformed;
  }
  if (visit.version != kVersion) {
    return HelloFound::kOtherVersion;
  }
  Visit read;
  if (payload.size() != sizeof(read)) {
    return HelloFound::kMalformed;
  }
  std::memcpy(&read, payload.data(), sizeof(read));
  if (!WithinRange(read)) {
    return HelloFound::kMalformed;
  }
  visit = read;
  return HelloFound::kGood;
}

Visit MakeVisit(VisitPurpose purpose, ReplicaId from, paxos::GroupId group, std::string_view cluster,
                std::string_view address) {
  GAIOS_CHECK(!cluster.empty() && cluster.size() <= kMaxClusterBytes && address.size() <= kMaxAddressBytes,
              "what a visitor says has room");
  Visit visit;
  visit.purpose = static_cast<std::uint8_t>(purpose);
  visit.from = from.value();
  visit.group = group.value();
  visit.cluster_bytes = static_cast<std::uint8_t>(cluster.size());
  visit.address_bytes = static_cast<std::uint8_t>(address.size());
  std::ranges::copy(cluster, visit.cluster.begin());
  std::ranges::copy(address, visit.address.begin());
  return visit;
}

std::optional<RefuseFrame> ParseRefuse(std::span<const std::byte> payload) {
  RefuseHeader header;
  if (payload.size() < sizeof(header)) {
    return std::nullopt;
  }
  std::memcpy(&header, payload.data(), sizeof(header));
  if (header.zero != 0 || header.reason_bytes != payload.size() - sizeof(header)) {
    return std::nullopt;
  }
  RefuseFrame refuse;
  // One that never travels is as unknown as one of a later release.
  const bool known =
      header.refusal > static_cast<std::uint8_t>(Refusal::kAuthentication) && header.refusal < kRefusals;
  refuse.refusal = known ? static_cast<Refusal>(header.refusal) : Refusal::kMalformed;
  refuse.reason.assign(reinterpret_cast<const char*>(payload.data()) + sizeof(header), header.reason_bytes);
  std::ranges::replace_if(refuse.reason, [](char c) { return !Printable(c); }, '?');
  return refuse;
}

std::string EncodeRefuse(Refusal refusal, std::string_view reason) {
  reason = reason.substr(0, kMaxReasonBytes);
  const RefuseHeader header = {.refusal = static_cast<std::uint8_t>(refusal),
                               .reason_bytes = static_cast<std::uint16_t>(reason.size())};
  std::string payload(sizeof(header), '\0');
  std::memcpy(payload.data(), &header, sizeof(header));
  payload += reason;
  std::replace_if(payload.begin() + sizeof(header), payload.end(), [](char c) { return !Printable(c); }, '?');
  return payload;
}

std::string_view RefusalName(Refusal refusal) {
  switch (refusal) {
    case Refusal::kNone:
      return "none";
    case Refusal::kAuthentication:
      return "wrong-key";
    case Refusal::kVersion:
      return "wrong-version";
    case Refusal::kCluster:
      return "wrong-cluster";
    case Refusal::kGroup:
      return "wrong-group";
    case Refusal::kCapacity:
      return "wrong-capacity";
    case Refusal::kReplicas:
      return "wrong-replicas";
    case Refusal::kOwnId:
      return "own-id";
    case Refusal::kUnknownId:
      return "unknown-id";
    case Refusal::kWrongPeer:
      return "wrong-peer";
    case Refusal::kDirection:
      return "wrong-direction";
    case Refusal::kIncarnation:
      return "old-incarnation";
    case Refusal::kTwin:
      return "twin";
    case Refusal::kStale:
      return "stale";
    case Refusal::kRemoved:
      return "removed";
    case Refusal::kNoRoom:
      return "no-room";
    case Refusal::kEncryption:
      return "encryption";
    case Refusal::kMalformed:
      break;
  }
  return "malformed";
}

std::string_view DownReasonName(DownReason reason) {
  switch (reason) {
    case DownReason::kClosed:
      return "closed";
    case DownReason::kLost:
      return "lost";
    case DownReason::kSilent:
      return "silent";
    case DownReason::kReplaced:
      return "replaced";
    case DownReason::kMalformed:
      return "malformed";
    case DownReason::kDisconnected:
      break;
  }
  return "disconnected";
}

}  // namespace gaios::transport::bootstrap
