#include "gaios/transport/bootstrap/secure_stream.h"

#include <poll.h>

#include <array>
#include <cerrno>
#include <chrono>
#include <cstring>
#include <optional>

#include <absl/strings/str_cat.h>

namespace gaios::transport::bootstrap {

// When a call ends at the latest.
class SecureStream::Deadline {
 public:
  explicit Deadline(const Patience& patience)
      : patience_(patience), at_(Clock::now() + std::chrono::milliseconds(patience.limit_ms)) {}

  [[nodiscard]] int left_ms() const {
    const auto left = std::chrono::ceil<std::chrono::milliseconds>(at_ - Clock::now()).count();
    return left > 0 ? static_cast<int>(left) : 0;
  }
  [[nodiscard]] int stop_fd() const { return patience_.stop_fd; }
  [[nodiscard]] int limit_ms() const { return patience_.limit_ms; }

 private:
  using Clock = std::chrono::steady_clock;
  const Patience patience_;
  const Clock::time_point at_;
};

SecureStream::~SecureStream() {
  tls_->Close();
}

absl::StatusOr<std::unique_ptr<SecureStream>> SecureStream::Go(std::shared_ptr<TlsContext> context,
                                                               const SocketAddress& address,
                                                               const Visit& visit, const Patience& patience) {
  const std::string text = AddressText(address);
  base::UniqueFd socket = Dial(address);
  if (!socket.valid()) {
    return absl::UnavailableError(absl::StrCat("nobody listens at ", text, "; start the replica there"));
  }
  std::unique_ptr<TlsChannel> tls = TlsChannel::Create(*context, socket.get(), /*dials=*/true);
  if (tls == nullptr) {
    return absl::UnavailableError("OpenSSL gives no memory for a connection; free some");
  }
  auto stream = std::make_unique<SecureStream>(std::move(socket), std::move(tls), std::move(context), text);
  const Deadline deadline(patience);
  if (absl::Status status = stream->Shake(deadline); !status.ok()) {
    return status;
  }
  const FrameHeader header = {.payload_bytes = sizeof(visit),
                              .type = static_cast<std::uint8_t>(FrameType::kVisit)};
  std::array<std::byte, sizeof(header) + sizeof(visit)> frame;
  std::memcpy(frame.data(), &header, sizeof(header));
  std::memcpy(frame.data() + sizeof(header), &visit, sizeof(visit));
  if (absl::Status status = stream->SendBy(deadline, frame); !status.ok()) {
    return status;
  }
  if (absl::Status status = stream->AwaitAdmission(deadline); !status.ok()) {
    return status;
  }
  return stream;
}

absl::Status SecureStream::Send(std::span<const std::byte> bytes, const Patience& patience) {
  return SendBy(Deadline(patience), bytes);
}

absl::Status SecureStream::Receive(std::span<std::byte> bytes, const Patience& patience) {
  return ReceiveBy(Deadline(patience), bytes);
}

absl::Status SecureStream::Await(const Deadline& deadline, bool connecting) const {
  const auto events = static_cast<short>(connecting || tls_->wants_write() ? POLLOUT : POLLIN);
  for (;;) {
    std::array<pollfd, 2> waited = {pollfd{.fd = socket_.get(), .events = events, .revents = 0},
                                    pollfd{.fd = deadline.stop_fd(), .events = POLLIN, .revents = 0}};
    const int ready = ::poll(waited.data(), waited.size(), deadline.left_ms());
    if (ready < 0 && errno == EINTR) {
      continue;
    }
    if (ready > 0 && waited[1].revents != 0) {
      return absl::CancelledError("the transfer was given up");
    }
    return ready > 0 ? CheckTime(deadline) : TooSlow(deadline);
  }
}

absl::Status SecureStream::TooSlow(const Deadline& deadline) const {
  return absl::DeadlineExceededError(absl::StrCat(
      "the other end, ", address_, ", has not done its part within ", deadline.limit_ms(), " ms"));
}

// Also one that always does a little must be done in time.
absl::Status SecureStream::CheckTime(const Deadline& deadline) const {
  return deadline.left_ms() > 0 ? absl::OkStatus() : TooSlow(deadline);
}

absl::Status SecureStream::Failure(TlsResult result) const {
  switch (result) {
    case TlsResult::kUntrusted:
    case TlsResult::kRejected:
      return absl::PermissionDeniedError(absl::StrCat(address_, ": ", context_->advice()));
    case TlsResult::kNotThisProtocol:
    case TlsResult::kOversized:
      return absl::FailedPreconditionError(
          absl::StrCat("what listens at ", address_,
                       " does not speak TLS 1.3 as Gaios does: correct the address and port"));
    default:
      return absl::UnavailableError(absl::StrCat("the other end, ", address_, ", has ended the connection"));
  }
}

absl::Status SecureStream::Shake(const Deadline& deadline) {
  for (;;) {
    const DialState state = StateOfDial(socket_.get());
    if (state == DialState::kConnected) {
      break;
    }
    if (state == DialState::kFailed) {
      return absl::UnavailableError(
          absl::StrCat("nobody listens at ", address_, "; start the replica there"));
    }
    if (absl::Status status = Await(deadline, /*connecting=*/true); !status.ok()) {
      return status;
    }
  }
  for (;;) {
    const TlsResult result = tls_->Handshake();
    if (result == TlsResult::kDone) {
      return absl::OkStatus();
    }
    if (result != TlsResult::kWait) {
      return Failure(result);
    }
    if (absl::Status status = Await(deadline); !status.ok()) {
      return status;
    }
  }
}

template <typename Bytes>
absl::Status SecureStream::MoveBy(const Deadline& deadline, Bytes bytes,
                                  TlsResult (TlsChannel::*move)(Bytes, std::size_t&)) {
  while (!bytes.empty()) {
    std::size_t moved = 0;
    const TlsResult result = ((*tls_).*move)(bytes, moved);
    bytes = bytes.subspan(moved);
    if (result != TlsResult::kDone && result != TlsResult::kWait) {
      return Failure(result);
    }
    const absl::Status status = result == TlsResult::kWait ? Await(deadline)
                                : bytes.empty()            ? absl::OkStatus()
                                                           : CheckTime(deadline);
    if (!status.ok()) {
      return status;
    }
  }
  return absl::OkStatus();
}

absl::Status SecureStream::SendBy(const Deadline& deadline, std::span<const std::byte> bytes) {
  return MoveBy(deadline, bytes, &TlsChannel::Write);
}

absl::Status SecureStream::ReceiveBy(const Deadline& deadline, std::span<std::byte> bytes) {
  return MoveBy(deadline, bytes, &TlsChannel::Read);
}

absl::Status SecureStream::AwaitAdmission(const Deadline& deadline) {
  FrameHeader header;
  if (absl::Status status = ReceiveBy(deadline, std::as_writable_bytes(std::span(&header, 1)));
      !status.ok()) {
    return status;
  }
  if (header.type == static_cast<std::uint8_t>(FrameType::kAdmit) && header.payload_bytes == 0) {
    return absl::OkStatus();
  }
  if (header.type == static_cast<std::uint8_t>(FrameType::kRefuse) &&
      header.payload_bytes <= kMaxGreetingBytes) {
    std::array<std::byte, kMaxGreetingBytes> payload;
    const std::span<std::byte> room = std::span(payload).first(header.payload_bytes);
    if (absl::Status status = ReceiveBy(deadline, room); !status.ok()) {
      return status;
    }
    if (const std::optional<RefuseFrame> refuse = ParseRefuse(room); refuse.has_value()) {
      return refuse->refusal == Refusal::kNoRoom
                 ? absl::UnavailableError(absl::StrCat(address_, ": ", refuse->reason))
                 : absl::FailedPreconditionError(absl::StrCat("refused by ", address_, ": ", refuse->reason));
    }
  }
  return absl::FailedPreconditionError(
      absl::StrCat("what answers at ", address_,
                   " does not receive visitors as this release does; run one release on all "
                   "replicas"));
}

}  // namespace gaios::transport::bootstrap
