#include "gaios/transport/udp/connector.h"

#include <algorithm>
#include <cstring>

#include <absl/strings/str_cat.h>

#include "gaios/transport/udp/authenticator.h"
#include "gaios/transport/udp/wire.h"

namespace gaios::transport::udp {
namespace {

// In words that follow "replica 2"; `encryption`: whether that is what the two ends differ in.
const char* ProtectionText(Protection protection, bool encryption) {
  if (encryption) {
    return protection == Protection::kEncrypted ? "encrypts its datagrams" : "does not encrypt its datagrams";
  }
  return protection == Protection::kChecksum ? "does not authenticate its datagrams"
                                             : "authenticates its datagrams";
}

}  // namespace

std::optional<HelloFrame> ParseHelloFrame(std::span<const std::byte> bytes) {
  HelloFrame hello;
  if (bytes.size() != sizeof(hello)) {
    return std::nullopt;
  }
  std::memcpy(&hello, bytes.data(), sizeof(hello));
  if (hello.magic != HelloFrame{}.magic || hello.authenticate > 1 || hello.zero != 0 ||
      hello.payload_bytes < kMinPayloadBytes || hello.port == 0) {
    return std::nullopt;
  }
  return hello;
}

std::optional<Protection> ProtectionOf(const HelloFrame& hello) {
  switch (hello.version) {
    case kVersion:
      return hello.authenticate != 0 ? Protection::kMac : Protection::kChecksum;
    case kEncryptingVersion:
      return Protection::kEncrypted;
    default:
      return std::nullopt;
  }
}

void SetProtection(Protection protection, HelloFrame& hello) {
  hello.version = protection == Protection::kEncrypted ? kEncryptingVersion : kVersion;
  hello.authenticate = protection == Protection::kChecksum ? 0 : 1;
}

Connector::Connector(const ConnectorOptions& options, std::unique_ptr<bootstrap::PeerChannel> channel)
    : options_(options),
      protection_(ProtectionOf(options.hello).value()),
      channel_(std::move(channel)),
      thread_(*channel_, *options.clock, [this] {
        Step();
        return std::uint64_t{0};
      }) {}

void Connector::Step() {
  for (const Task& task : tasks_.TakeAll()) {
    if (peers_[task.peer.value()].up && peers_[task.peer.value()].life == task.life) {
      channel_->Disconnect(task.peer);
    }
  }
  channel_->Poll(*this);
  for (std::string& notice : channel_->TakeNotices()) {
    Tell(std::move(notice));
  }
  thread_.Count();
}

void Connector::Disconnect(ReplicaId peer, std::uint32_t life) {
  tasks_.Post({.peer = peer, .life = life});
  thread_.Wake();
}

void Connector::OnPeerUp(ReplicaId id, Incarnation incarnation) {
  Peer& peer = peers_[id.value()];
  peer.up = true;
  peer.told = false;
  peer.incarnation = incarnation;
  ++peer.life;
  std::array<std::byte, sizeof(HelloFrame)> frame;
  std::memcpy(frame.data(), &options_.hello, sizeof(HelloFrame));
  if (!channel_->Send(id, frame)) {
    channel_->Disconnect(id);
  }
}

void Connector::OnPeerDown(ReplicaId id) {
  Peer& peer = peers_[id.value()];
  if (peer.told) {
    news_.Post({.kind = News::Kind::kLost, .peer = id, .life = peer.life});
  }
  peer.up = false;
  peer.told = false;
}

// What this end cannot talk to, in words that follow "replica 2"; empty when it can.
std::string Connector::WhyNot(const HelloFrame& hello) const {
  const std::optional<Protection> theirs = ProtectionOf(hello);
  if (!theirs.has_value()) {
    return absl::StrCat("speaks version ", hello.version, " of the UDP transport, and this replica versions ",
                        kVersion, " and ", kEncryptingVersion, "; run the same release everywhere");
  }
  if (*theirs != protection_) {
    // One of the two encrypts, or neither does and one authenticates.
    const bool encryption = std::max(*theirs, protection_) == Protection::kEncrypted;
    return absl::StrCat(ProtectionText(*theirs, encryption), ", and this replica does",
                        *theirs > protection_ ? " not" : "", "; write the same for `",
                        encryption ? "encrypt" : "authenticate", "` in the [", options_.section,
                        "] section of every replica's config");
  }
  return "";
}

void Connector::OnFrame(ReplicaId id, std::span<const std::byte> bytes) {
  const Peer& peer = peers_[id.value()];
  if (!peer.up || peer.told) {
    return;  // a second hello says nothing new
  }
  const std::optional<HelloFrame> hello = ParseHelloFrame(bytes);
  std::string why = "does not speak the UDP transport; write the same transport in every replica's config";
  if (hello.has_value()) {
    why = WhyNot(*hello);
    if (why.empty()) {
      const absl::Status connected = Connect(id, *hello);
      why = connected.ok() ? "" : absl::StrCat("cannot be connected: ", std::string(connected.message()));
    }
  }
  if (!why.empty()) {
    Tell(absl::StrCat("there is no link to replica ", int{id.value()}, ", which ", why));
  }
}

bool Connector::Export(ReplicaId peer, bool outward, const char* what, std::span<std::byte> bytes) const {
  const int from = outward ? options_.self.value() : peer.value();
  const int to = outward ? peer.value() : options_.self.value();
  return channel_->ExportKey(peer, absl::StrCat("gaios udp ", from, " to ", to, " ", what), bytes);
}

absl::Status Connector::Connect(ReplicaId id, const HelloFrame& hello) {
  Peer& peer = peers_[id.value()];
  News news = {.kind = News::Kind::kConnected,
               .peer = id,
               .life = peer.life,
               .incarnation = peer.incarnation,
               .hello = hello};
  const bool encrypt = protection_ == Protection::kEncrypted;
  AuthenticatorOptions keys;
  keys.readable_bytes = encrypt ? sizeof(Header) : kAllReadable;
  const auto bytes_of = [](auto& value) { return std::as_writable_bytes(std::span(&value, 1)); };
  if (!Export(id, true, "tag", bytes_of(news.tag_out)) || !Export(id, false, "tag", bytes_of(news.tag_in)) ||
      !Export(id, true, encrypt ? "encryption key" : "key", bytes_of(keys.send.key)) ||
      !Export(id, false, encrypt ? "encryption key" : "key", bytes_of(keys.receive.key)) ||
      !Export(id, true, "salt", bytes_of(keys.send.salt)) ||
      !Export(id, false, "salt", bytes_of(keys.receive.salt))) {
    return absl::UnavailableError("the connection has ended meanwhile");
  }
  if (protection_ != Protection::kChecksum) {
    absl::StatusOr<Authenticator> authenticator = Authenticator::Create(keys);
    if (!authenticator.ok()) {
      return authenticator.status();
    }
    news.seal = Seal(*std::move(authenticator));
  }
  peer.told = true;
  news_.Post(std::move(news));
  return absl::OkStatus();
}

}  // namespace gaios::transport::udp
