#include "tests/transport/bootstrap/stranger.h"

#include <sys/socket.h>

#include <array>
#include <cerrno>

#include "gaios/base/check.h"
#include "gaios/transport/bootstrap/socket.h"

namespace gaios::transport::bootstrap {
namespace {

base::UniqueFd DialPort(std::uint16_t port) {
  base::UniqueFd socket = Dial(*ParseAddress("127.0.0.1", port));
  GAIOS_CHECK(socket.valid(), "a connection to this host");
  return socket;
}

}  // namespace

Stranger::Stranger(std::uint16_t port) : socket_(DialPort(port)) {}

void Stranger::Say(std::string_view bytes) const {
  static_cast<void>(::send(socket_.get(), bytes.data(), bytes.size(), MSG_DONTWAIT | MSG_NOSIGNAL));
}

bool Stranger::Closed() {
  std::array<char, 4096> buffer;
  while (!closed_) {
    const ssize_t got = ::recv(socket_.get(), buffer.data(), buffer.size(), MSG_DONTWAIT);
    if (got > 0) {
      heard_.append(buffer.data(), static_cast<std::size_t>(got));
      continue;
    }
    if (got < 0 && (errno == EAGAIN || errno == EWOULDBLOCK)) {
      break;
    }
    closed_ = true;
  }
  return closed_;
}

Puppet::Puppet(std::uint16_t port, const Credentials& credentials) {
  absl::StatusOr<std::unique_ptr<TlsContext>> context = TlsContext::Load(credentials);
  GAIOS_CHECK(context.ok(), "credentials of the test");
  context_ = *std::move(context);
  base::UniqueFd socket = DialPort(port);
  std::unique_ptr<TlsChannel> channel = TlsChannel::Create(*context_, socket.get(), /*dials=*/true);
  GAIOS_CHECK(channel != nullptr, "a TLS channel");
  connection_ =
      std::make_unique<Connection>(std::move(socket), std::move(channel), /*dialled=*/true, "of the test");
  connection_->outbox.Reserve(1 << 16);
  connection_->reader.Allow(kMaxFrameBytes);
}

Puppet::~Puppet() = default;

void Puppet::Say(FrameType type, std::span<const std::byte> payload) {
  GAIOS_CHECK(connection_->outbox.Append(type, payload), "room for what the test says");
}

void Puppet::SayRaw(std::span<const std::byte> bytes) {
  raw_.append(reinterpret_cast<const char*>(bytes.data()), bytes.size());
}

void Puppet::Turn() {
  if (over_ || StateOfDial(connection_->socket.get()) == DialState::kWaiting) {
    return;
  }
  if (!shook_hands_) {
    const TlsResult result = connection_->tls->Handshake();
    shook_hands_ = result == TlsResult::kDone;
    over_ = result != TlsResult::kDone && result != TlsResult::kWait;
    return;
  }
  static_cast<void>(connection_->Flush());
  if (!raw_.empty()) {
    std::size_t moved = 0;
    static_cast<void>(connection_->tls->Write(std::as_bytes(std::span(raw_)), moved));
    raw_.erase(0, moved);
  }
  for (;;) {
    Frame frame;
    if (connection_->reader.Next(frame) == FrameReader::Found::kFrame) {
      heard_.push_back(frame.type);
      if (frame.type == FrameType::kRefuse) {
        refuse_ = ParseRefuse(frame.payload);
      }
      continue;
    }
    const TlsResult result = connection_->Fill();
    if (result == TlsResult::kDone) {
      continue;
    }
    over_ = result != TlsResult::kWait;
    return;
  }
}

}  // namespace gaios::transport::bootstrap
