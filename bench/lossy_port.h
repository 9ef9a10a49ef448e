#ifndef GAIOS_BENCH_LOSSY_PORT_H_
#define GAIOS_BENCH_LOSSY_PORT_H_

// A port that loses some of what it is given to send, as a network does, and how a benchmark's replicas come
// to send through one. Who loses is drawn anew for each datagram; how many is a number in memory that the
// processes of the benchmark share, and may change while they run. One thread, but for that number.

#include <atomic>
#include <cstddef>
#include <cstdint>
#include <memory>
#include <random>
#include <span>
#include <utility>

#include "gaios/rsm/config.h"
#include "gaios/rsm/node_port.h"
#include "gaios/transport/udp/port.h"

namespace gaios::bench {

// Of a million datagrams, so many are lost.
using LossRate = std::atomic<std::uint32_t>;

class LossyPort final : public transport::udp::Port {
 public:
  // `rate` must outlive the port.
  LossyPort(std::unique_ptr<transport::udp::Port> port, const LossRate& rate, std::uint64_t seed)
      : port_(std::move(port)), rate_(rate), random_(seed) {}

  [[nodiscard]] transport::udp::Endpoint local() const override { return port_->local(); }
  [[nodiscard]] std::size_t max_payload() const override { return port_->max_payload(); }
  [[nodiscard]] std::size_t receive_room() const override { return port_->receive_room(); }
  [[nodiscard]] bool up() const override { return port_->up(); }
  void Look(std::uint64_t now_ns) override { port_->Look(now_ns); }
  [[nodiscard]] std::span<std::byte> Claim() override { return port_->Claim(); }
  void Send(std::size_t bytes, transport::udp::Endpoint to) override {
    const std::uint32_t rate = rate_.load(std::memory_order_relaxed);
    if (rate == 0 || random_() % 1'000'000 >= rate) {
      port_->Send(bytes, to);
    }  // else the buffer is given up by the next Claim
  }
  void Flush() override { port_->Flush(); }
  std::size_t Receive(transport::udp::DatagramReceiver& receiver, std::size_t limit) override {
    return port_->Receive(receiver, limit);
  }
  [[nodiscard]] const transport::udp::PortCounters& counters() const override { return port_->counters(); }

 private:
  const std::unique_ptr<transport::udp::Port> port_;
  const LossRate& rate_;
  std::mt19937_64 random_;
};

// What opens, in place of a port of DPDK, a port of `kind` that loses at `rate`, which must outlive all of
// them. One rate for the process: the latest given.
[[nodiscard]] const rsm::DpdkSupport* LossyPorts(rsm::PortKind kind, const LossRate& rate);

}  // namespace gaios::bench

#endif  // GAIOS_BENCH_LOSSY_PORT_H_
