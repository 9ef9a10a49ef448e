#include "gaios/cli/demo/loopback_network.h"

#include <arpa/inet.h>
#include <fcntl.h>
#include <netinet/in.h>
#include <sys/random.h>
#include <sys/socket.h>
#include <unistd.h>

#include <array>
#include <cerrno>
#include <utility>

#include <absl/status/status.h>
#include <absl/strings/escaping.h>
#include <absl/strings/str_cat.h>

#include "gaios/base/unique_fd.h"

namespace gaios::cli {
namespace {

// Drawn for this group, and readable by its user alone.
absl::Status WriteSecretKey(const std::string& path) {
  std::array<char, 32> key;
  if (::getrandom(key.data(), key.size(), 0) != static_cast<ssize_t>(key.size())) {
    return absl::UnavailableError("the system gives no random numbers; try again");
  }
  const base::UniqueFd file(::open(path.c_str(), O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0600));
  if (!file.valid()) {
    return absl::ErrnoToStatus(errno, absl::StrCat("cannot create ", path));
  }
  const std::string text = absl::BytesToHexString(absl::string_view(key.data(), key.size()));
  if (::write(file.get(), text.data(), text.size()) != static_cast<ssize_t>(text.size())) {
    return absl::UnavailableError(absl::StrCat("cannot write ", path));
  }
  return absl::OkStatus();
}

// Ports of the loopback address that nobody listened on just now.
absl::StatusOr<std::vector<std::uint16_t>> FreePorts(std::size_t count) {
  std::vector<base::UniqueFd> sockets;  // held until all are known, so that they differ
  std::vector<std::uint16_t> ports;
  for (std::size_t i = 0; i < count; ++i) {
    base::UniqueFd socket(::socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0));
    sockaddr_in address = {};
    address.sin_family = AF_INET;
    address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    socklen_t bytes = sizeof(address);
    auto* const generic = reinterpret_cast<sockaddr*>(&address);
    if (!socket.valid() || ::bind(socket.get(), generic, bytes) != 0 ||
        ::getsockname(socket.get(), generic, &bytes) != 0) {
      return absl::ErrnoToStatus(errno, "the system gives no port of the loopback address");
    }
    ports.push_back(ntohs(address.sin_port));
    sockets.push_back(std::move(socket));
  }
  return ports;
}

}  // namespace

absl::StatusOr<LoopbackNetwork> LoopbackNetwork::Make(const std::string& directory, std::size_t replicas) {
  LoopbackNetwork network;
  network.key_file_ = absl::StrCat(directory, "/cluster.key");
  if (absl::Status status = WriteSecretKey(network.key_file_); !status.ok()) {
    return status;
  }
  absl::StatusOr<std::vector<std::uint16_t>> ports = FreePorts(2 * replicas);
  if (!ports.ok()) {
    return ports.status();
  }
  network.ports_ = *std::move(ports);
  return network;
}

std::string LoopbackNetwork::Credentials() const {
  return absl::StrCat("[credentials]\nkey_file = \"", key_file_, "\"\n");
}

std::string LoopbackNetwork::ClientAddress(std::size_t replica) const {
  return absl::StrCat("client_address = \"127.0.0.1:", ports_[ports_.size() / 2 + replica], "\"\n");
}

std::string LoopbackNetwork::Address(std::size_t replica) const {
  return absl::StrCat("address = \"127.0.0.1:", ports_[replica], "\"\n");
}

}  // namespace gaios::cli
