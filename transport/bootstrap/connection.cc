#include "gaios/transport/bootstrap/connection.h"

#include <sys/socket.h>

#include <array>
#include <cerrno>
#include <cstring>
#include <utility>

#include "gaios/base/check.h"

namespace gaios::transport::bootstrap {

void Outbox::Reserve(std::size_t bytes) {
  GAIOS_CHECK(bytes >= bytes_.size(), "an outbox does not shrink");
  bytes_.resize(bytes);
}

bool Outbox::Append(FrameType type, std::span<const std::byte> payload) {
  const FrameHeader header = {.payload_bytes = static_cast<std::uint16_t>(payload.size()),
                              .type = static_cast<std::uint8_t>(type)};
  const std::size_t needed = sizeof(header) + payload.size();
  if (bytes_.size() - size() < needed) {
    return false;
  }
  if (bytes_.size() - end_ < needed) {
    std::memmove(bytes_.data(), bytes_.data() + begin_, size());
    end_ -= begin_;
    begin_ = 0;
  }
  std::memcpy(bytes_.data() + end_, &header, sizeof(header));
  if (!payload.empty()) {
    std::memcpy(bytes_.data() + end_ + sizeof(header), payload.data(), payload.size());
  }
  end_ += needed;
  return true;
}

std::span<const std::byte> Outbox::front() const {
  return std::span(bytes_).subspan(begin_, size());
}

void Outbox::Drop(std::size_t bytes) {
  GAIOS_CHECK(bytes <= size(), "more was sent than there was");
  begin_ += bytes;
  if (begin_ == end_) {
    begin_ = 0;
    end_ = 0;
  }
}

Connection::Connection(base::UniqueFd owned_socket, std::unique_ptr<TlsChannel> channel, bool dialled,
                       std::string address_text)
    : socket(std::move(owned_socket)),
      tls(std::move(channel)),
      dialled_by_us(dialled),
      address(std::move(address_text)),
      stage(dialled ? Stage::kConnecting : Stage::kHandshaking) {
  outbox.Reserve(kGreetingRoom);
}

TlsResult Connection::Flush() {
  while (!outbox.empty()) {
    std::size_t moved = 0;
    if (const TlsResult result = tls->Write(outbox.front(), moved); result != TlsResult::kDone) {
      return result;
    }
    outbox.Drop(moved);
  }
  return TlsResult::kDone;
}

TlsResult Connection::Fill() {
  std::size_t moved = 0;
  const TlsResult result = tls->Read(reader.Space(), moved);
  reader.Filled(moved);
  return result;
}

TlsResult Connection::Discard() {
  // Below TLS: after a failure it does not read any more.
  std::array<std::byte, 1024> nowhere;
  const ssize_t got = ::recv(socket.get(), nowhere.data(), nowhere.size(), MSG_DONTWAIT);
  if (got > 0) {
    return TlsResult::kDone;
  }
  const bool later = got < 0 && (errno == EAGAIN || errno == EWOULDBLOCK || errno == EINTR);
  return later ? TlsResult::kWait : TlsResult::kGone;
}

}  // namespace gaios::transport::bootstrap
