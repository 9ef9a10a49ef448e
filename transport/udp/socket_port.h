#ifndef GAIOS_TRANSPORT_UDP_SOCKET_PORT_H_
#define GAIOS_TRANSPORT_UDP_SOCKET_PORT_H_

// The port by a UDP socket of the kernel, anywhere: many datagrams for one system call, which never waits.
// IPv4. Threads and ownership are those of Port.

#include <netinet/in.h>
#include <sys/socket.h>

#include <array>
#include <cstddef>
#include <cstdint>
#include <memory>
#include <string>
#include <vector>

#include <absl/status/statusor.h>

#include "gaios/base/unique_fd.h"
#include "gaios/transport/udp/interface_state.h"
#include "gaios/transport/udp/port.h"

namespace gaios::transport::udp {

struct SocketPortOptions {
  // Where it listens and what it sends from: an address of this host, in numbers.
  std::string address;
  std::uint16_t port = 0;  // 0: any that is free
  // Of a datagram, at most: what the MTU of the interface leaves is checked when it is opened.
  std::size_t max_payload = 1400;
  // Of the kernel's queue for datagrams that came in, in bytes, as far as the system gives them.
  std::size_t receive_buffer_bytes = std::size_t{8} << 20;
  // Given to the kernel (SO_BUSY_POLL), in microseconds. 0: none; else it asks the device at each Receive,
  // once, whatever the value, because Receive does not wait.
  std::uint32_t busy_poll_us = 0;
  // Whether the address may be on no interface yet: then the port is down until it is on one.
  bool wait_for_address = false;
};

class SocketPort final : public Port {
 public:
  // InvalidArgument: no IPv4 address, or datagrams that the interface does not take whole.
  // FailedPrecondition: the address is not of this host. AlreadyExists: the port is in use. PermissionDenied:
  // a port, or busy polling, that this user may not have. Unavailable: the system refuses. Each says what to
  // do.
  static absl::StatusOr<std::unique_ptr<SocketPort>> Open(const SocketPortOptions& options);

  SocketPort(const SocketPort&) = delete;
  SocketPort& operator=(const SocketPort&) = delete;
  ~SocketPort() override = default;

  [[nodiscard]] Endpoint local() const override { return local_; }
  [[nodiscard]] std::size_t max_payload() const override { return max_payload_; }
  [[nodiscard]] std::size_t receive_room() const override { return receive_room_; }
  [[nodiscard]] int poll_fd() const override { return socket_.get(); }
  // By the interface that has the address. It may go, and come back as another one.
  [[nodiscard]] bool up() const override { return why_down_.empty(); }
  [[nodiscard]] std::string WhyDown() const override { return why_down_; }
  // Two system calls each 10 ms. While the address is on no interface, or what was sent had no way, it is
  // looked for once a second, which takes some more. Allocates then, and while the link is down.
  void Look(std::uint64_t now_ns) override;
  [[nodiscard]] std::span<std::byte> Claim() override;
  void Send(std::size_t bytes, Endpoint to) override;
  void Flush() override;
  std::size_t Receive(DatagramReceiver& receiver, std::size_t limit) override;
  [[nodiscard]] const PortCounters& counters() const override { return counters_; }

 private:
  static constexpr std::size_t kBatch = 32;

  struct Below {
    std::string interface;  // empty: none is known
    int index = 0;
  };
  SocketPort(base::UniqueFd socket, Endpoint local, std::size_t max_payload, std::size_t receive_room,
             Below below);
  // Why nothing can be sent or come in at present, a clause; empty when it can.
  [[nodiscard]] std::string WhyDownNow(std::uint64_t now_ns);
  [[nodiscard]] std::string Search();
  [[nodiscard]] std::byte* OutBuffer(std::size_t index) { return buffers_.data() + index * stride_; }
  [[nodiscard]] std::byte* InBuffer(std::size_t index) { return OutBuffer(kBatch + index); }
  void ExpectControl(msghdr& header, std::size_t index);
  void CountMissed(msghdr& header);

  const base::UniqueFd socket_;
  const Endpoint local_;
  const std::size_t max_payload_;
  const std::size_t receive_room_;
  const std::size_t stride_;  // of buffers
  PortCounters counters_;
  Below below_;
  std::string why_down_;
  bool doubtful_ = false;  // what was sent had no way
  std::uint64_t next_look_ns_ = 0;
  std::uint64_t next_search_ns_ = 0;
  std::size_t queued_ = 0;
  std::vector<std::byte> buffers_;  // kBatch to be sent, then kBatch to be received
  struct Batch {
    std::array<mmsghdr, kBatch> headers = {};
    std::array<iovec, kBatch> pieces = {};
    std::array<sockaddr_in, kBatch> addresses = {};
  };
  Batch out_;
  Batch in_;
  // How many datagrams the kernel has dropped for want of room comes beside one that it has not.
  struct alignas(cmsghdr) Control {
    std::array<std::byte, CMSG_SPACE(sizeof(std::uint32_t))> bytes;
  };
  std::array<Control, kBatch> controls_;
};

}  // namespace gaios::transport::udp

#endif  // GAIOS_TRANSPORT_UDP_SOCKET_PORT_H_
