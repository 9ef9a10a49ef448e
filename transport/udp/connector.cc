#include "gaios/transport/udp/connector.h"

#include <cstring>

#include <absl/strings/str_cat.h>

#include "gaios/transport/udp/authenticator.h"
#include "gaios/transport/udp/wire.h"

namespace gaios::transport::udp {
namespace {

// In words that follow "replica 2"; `encryption`: whether that is what the two ends differ in.
const char* ProtectionText(std::uint8_t protection, bool encryption) {
  const auto which = static_cast<Protection>(protection);
  if (encryption) {
    return which == Protection::kEncrypted ? "encrypts its datagrams" : "does not encrypt its datagrams";
  }
  return which == Protection::kChecksum ? "does not authenticate its datagrams"
                                        : "authenticates its datagrams";
}

}  // namespace

std::optional<HelloFrame> ParseHelloFrame(std::span<const std::byte> bytes) {
  HelloFrame hello;
  if (bytes.size() != sizeof(hello)) {
    return std::nullopt;
  }
  std::memcpy(&hello, bytes.data(), sizeof(hello));
  if (hello.magic != HelloFrame{}.magic ||
      hello.protection > static_cast<std::uint8_t>(Protection::kEncrypted) || hello.zero != 0 ||
      hello.payload_bytes < kMinPayloadBytes || hello.port == 0) {
    return std::nullopt;
  }
  return hello;
}

Connector::Connector(const ConnectorOptions& options, std::unique_ptr<bootstrap::PeerChannel> channel)
    : options_(options), channel_(std::move(channel)), thread_(*channel_, *options.clock, [this] {
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
  if (hello.version != kVersion) {
    return "speaks another version of the UDP transport; run the same release everywhere";
  }
  if (hello.protection != options_.hello.protection) {
    // One of the two encrypts, or neither does and one authenticates.
    const auto encrypted = static_cast<std::uint8_t>(Protection::kEncrypted);
    const bool encryption = hello.protection == encrypted || options_.hello.protection == encrypted;
    const bool more = hello.protection > options_.hello.protection;
    return absl::StrCat(ProtectionText(hello.protection, encryption), ", and this replica does",
                        more ? " not" : "", "; write the same for `", encryption ? "encrypt" : "authenticate",
                        "` in the [udp] section of every replica's config");
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
  const bool encrypt = options_.hello.protection == static_cast<std::uint8_t>(Protection::kEncrypted);
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
  if (options_.hello.protection != static_cast<std::uint8_t>(Protection::kChecksum)) {
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
