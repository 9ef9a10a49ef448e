#ifndef GAIOS_TESTS_TRANSPORT_UDP_DPDK_KERNEL_PORT_H_
#define GAIOS_TESTS_TRANSPORT_UDP_DPDK_KERNEL_PORT_H_

// A bare UDP socket of the kernel as the other end of a DpdkPort: one system call a datagram, no queue. The
// kernel does the headers, the checksums and ARP, so that what DpdkPort does is tried against its.

#include <array>
#include <cstddef>
#include <span>

#include "gaios/base/unique_fd.h"
#include "gaios/transport/udp/port.h"

namespace gaios::transport::udp::dpdk {

class KernelPort final : public Port {
 public:
  // Ends the process when the socket cannot be had.
  KernelPort(Endpoint local, std::size_t max_payload);

  [[nodiscard]] Endpoint local() const override { return local_; }
  [[nodiscard]] std::size_t max_payload() const override { return max_payload_; }
  [[nodiscard]] bool up() const override { return true; }
  [[nodiscard]] std::span<std::byte> Claim() override { return std::span(buffer_).first(max_payload_); }
  void Send(std::size_t bytes, Endpoint to) override;
  void Flush() override {}
  std::size_t Receive(DatagramReceiver& receiver, std::size_t limit) override;
  [[nodiscard]] const PortCounters& counters() const override { return counters_; }

 private:
  const Endpoint local_;
  const std::size_t max_payload_;
  base::UniqueFd socket_;
  PortCounters counters_;
  alignas(8) std::array<std::byte, 65'536> buffer_ = {};
  std::array<std::byte, 65'536> received_ = {};
};

}  // namespace gaios::transport::udp::dpdk

#endif  // GAIOS_TESTS_TRANSPORT_UDP_DPDK_KERNEL_PORT_H_
