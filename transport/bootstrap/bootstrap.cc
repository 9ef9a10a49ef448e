#include "gaios/transport/bootstrap/bootstrap.h"

#include <sys/epoll.h>
#include <sys/random.h>

#include <utility>

#include <absl/strings/str_cat.h>

#include "gaios/transport/bootstrap/impl.h"

namespace gaios::transport::bootstrap {
namespace {

constexpr std::size_t kMaxExportBytes = 255;
// TLS puts a prefix of its own before a label and counts both in one byte.
constexpr std::size_t kMaxLabelBytes = 240;

absl::StatusOr<std::uint64_t> DrawInstance() {
  std::uint64_t instance = 0;
  while (instance == 0) {
    if (::getrandom(&instance, sizeof(instance), 0) != static_cast<ssize_t>(sizeof(instance))) {
      return absl::UnavailableError("the system gives no random numbers; try again");
    }
  }
  return instance;
}

}  // namespace

absl::StatusOr<std::unique_ptr<Bootstrap>> Bootstrap::Open(BootstrapOptions options) {
  if (absl::Status status = options.Validate(); !status.ok()) {
    return status;
  }
  absl::StatusOr<std::unique_ptr<TlsContext>> tls = TlsContext::Load(options.credentials);
  if (!tls.ok()) {
    return tls.status();
  }
  const absl::StatusOr<std::uint64_t> instance = DrawInstance();
  if (!instance.ok()) {
    return instance.status();
  }
  absl::StatusOr<base::UniqueFd> listener =
      Listen(*ParseAddress(options.listen_address, options.listen_port), options.wait_for_address);
  if (!listener.ok()) {
    return listener.status();
  }
  base::UniqueFd epoll(::epoll_create1(EPOLL_CLOEXEC));
  if (!epoll.valid()) {
    return absl::UnavailableError("the system gives no descriptor: raise the limit of open files");
  }
  auto impl = std::make_unique<Impl>(std::move(options), std::shared_ptr<TlsContext>(*std::move(tls)),
                                     *std::move(listener), std::move(epoll), *instance);
  if (absl::Status status = impl->Watch(); !status.ok()) {
    return status;
  }
  return std::unique_ptr<Bootstrap>(new Bootstrap(std::move(impl)));
}

Bootstrap::Bootstrap(std::unique_ptr<Impl> impl) : impl_(std::move(impl)) {}
Bootstrap::~Bootstrap() = default;

std::size_t Bootstrap::Poll(BootstrapHandler& handler) {
  return impl_->Poll(handler);
}
int Bootstrap::poll_fd() const {
  return impl_->poll_fd();
}
std::uint64_t Bootstrap::NextTimeNs() const {
  return impl_->NextTimeNs();
}
Sent Bootstrap::Send(ReplicaId peer, std::span<const std::byte> bytes) {
  return impl_->Send(peer, bytes);
}
bool Bootstrap::up(ReplicaId peer) const {
  return impl_->Up(peer) != nullptr;
}
void Bootstrap::SetAddress(ReplicaId peer, const std::string& address, std::uint16_t port) {
  impl_->SetAddress(peer, ParseAddress(address, port));
}
void Bootstrap::Expel(ReplicaId peer, Incarnation incarnation) {
  impl_->Expel(peer, incarnation);
}
void Bootstrap::Disconnect(ReplicaId peer) {
  impl_->Disconnect(peer);
}
std::uint16_t Bootstrap::port() const {
  return impl_->port();
}
const BootstrapCounters& Bootstrap::counters() const {
  return impl_->counters();
}

absl::Status Bootstrap::ExportKey(ReplicaId peer, std::string_view label, std::span<const std::byte> context,
                                  std::span<std::byte> key) const {
  if (label.empty() || label.size() > kMaxLabelBytes || context.size() > kMaxExportBytes || key.empty() ||
      key.size() > kMaxExportBytes) {
    return absl::InvalidArgumentError(absl::StrCat("a key of 1 to ", kMaxExportBytes,
                                                   " bytes is derived from a label of 1 to ", kMaxLabelBytes,
                                                   " and a context of up to ", kMaxExportBytes, " bytes"));
  }
  const Connection* const connection = impl_->Up(peer);
  if (connection == nullptr) {
    return absl::FailedPreconditionError(
        absl::StrCat("replica ", peer.value(), " is not up: derive keys after OnPeerUp"));
  }
  if (!connection->tls->ExportKey(label, context, key)) {
    return absl::InternalError("OpenSSL derives no key from this connection; disconnect, and use the next");
  }
  return absl::OkStatus();
}

}  // namespace gaios::transport::bootstrap
