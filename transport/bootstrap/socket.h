#ifndef GAIOS_TRANSPORT_BOOTSTRAP_SOCKET_H_
#define GAIOS_TRANSPORT_BOOTSTRAP_SOCKET_H_

// Non-blocking TCP sockets and numeric addresses. Thin and stateless; any thread. No call waits.

#include <sys/socket.h>

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

#include <absl/status/statusor.h>

#include "gaios/base/unique_fd.h"

namespace gaios::transport::bootstrap {

struct SocketAddress {
  sockaddr_storage storage = {};
  socklen_t size = 0;
  [[nodiscard]] const sockaddr* get() const { return reinterpret_cast<const sockaddr*>(&storage); }
};

// Nothing when `address` is not numeric, IPv4 or IPv6.
[[nodiscard]] std::optional<SocketAddress> ParseAddress(const std::string& address, std::uint16_t port);
// Of a text as AddressText writes it. Nothing when it is none, or of port 0.
[[nodiscard]] std::optional<SocketAddress> ParseHostAndPort(std::string_view text);
// "10.0.0.1:4000" or "[fe80::1]:4000".
[[nodiscard]] std::string AddressText(const SocketAddress& address);

// Unavailable when the address or port cannot be had, with what to do.
[[nodiscard]] absl::StatusOr<base::UniqueFd> Listen(const SocketAddress& address,
                                                    bool wait_for_address = false);
[[nodiscard]] std::uint16_t ListeningPort(int listener);

// Begins to connect. Invalid when that has failed at once.
[[nodiscard]] base::UniqueFd Dial(const SocketAddress& address);
enum class DialState : std::uint8_t { kWaiting, kConnected, kFailed };
[[nodiscard]] DialState StateOfDial(int socket);

// The next connection that waits. Invalid when there is none, or when the system has no descriptor for it.
[[nodiscard]] base::UniqueFd Accept(int listener, SocketAddress& from);

}  // namespace gaios::transport::bootstrap

#endif  // GAIOS_TRANSPORT_BOOTSTRAP_SOCKET_H_
