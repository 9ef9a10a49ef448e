#ifndef GAIOS_TESTS_TRANSPORT_UDP_FAULTY_PORT_H_
#define GAIOS_TESTS_TRANSPORT_UDP_FAULTY_PORT_H_

// A port around another that does to what is sent what a network may do: loses it, doubles it, alters it, and
// holds it back, so that it comes late and behind what was sent after it. By a seed: the same calls have the
// same fates. One thread.

#include <array>
#include <cstddef>
#include <cstdint>
#include <memory>
#include <random>
#include <span>
#include <string>
#include <vector>

#include "gaios/transport/udp/port.h"
#include "gaios/transport/udp/wire.h"

namespace gaios::transport::udp {

// Each in thousandths of the datagrams that are sent.
struct Faults {
  std::uint64_t seed = 1;
  unsigned lost = 0;
  unsigned doubled = 0;
  unsigned altered = 0;
  unsigned held = 0;
  unsigned most_flushes = 8;  // that a datagram is held back for
};

struct FaultCounts {
  std::uint64_t lost = 0;
  std::uint64_t doubled = 0;
  std::uint64_t altered = 0;
  std::uint64_t held = 0;
};

class FaultyPort final : public Port {
 public:
  FaultyPort(std::unique_ptr<Port> port, const Faults& faults)
      : port_(std::move(port)), faults_(faults), random_(faults.seed) {}

  [[nodiscard]] Endpoint local() const override { return port_->local(); }
  [[nodiscard]] std::size_t max_payload() const override { return port_->max_payload(); }
  [[nodiscard]] std::size_t receive_room() const override { return port_->receive_room(); }
  [[nodiscard]] bool up() const override { return why_down_.empty() && port_->up(); }
  [[nodiscard]] std::string WhyDown() const override {
    return why_down_.empty() ? port_->WhyDown() : why_down_;
  }
  [[nodiscard]] bool gone() const override { return port_->gone(); }
  void Look(std::uint64_t now_ns) override { port_->Look(now_ns); }
  [[nodiscard]] std::vector<std::string> TakeNotices() override { return port_->TakeNotices(); }
  [[nodiscard]] std::span<std::byte> Claim() override {
    return std::span(buffer_).first(port_->max_payload());
  }
  void Send(std::size_t bytes, Endpoint to) override;
  void Flush() override;
  // Loans go by while there are no faults; what has a fate is a copy.
  void Lend(std::span<std::byte> memory) override { port_->Lend(memory); }
  [[nodiscard]] std::size_t least_loan() const override { return port_->least_loan(); }
  std::uint64_t SendLent(std::size_t head_bytes, std::span<const std::byte> lent, std::size_t tail_bytes,
                         Endpoint to) override;
  [[nodiscard]] std::uint64_t loans_over() override { return port_->loans_over(); }
  void EndLoans(std::uint64_t loan) override { port_->EndLoans(loan); }
  std::size_t Receive(DatagramReceiver& receiver, std::size_t limit) override {
    return port_->Receive(receiver, limit);
  }
  [[nodiscard]] const PortCounters& counters() const override { return port_->counters(); }

  // Says that it is down, and why; empty: that it is up. What is sent is not lost by that.
  void SetDown(const std::string& why) { why_down_ = why; }
  // From now on. Everything is lost while `lost` is 1000.
  void SetFaults(const Faults& faults) { faults_ = faults; }
  [[nodiscard]] const FaultCounts& counts() const { return counts_; }

 private:
  struct Held {
    Endpoint to;
    std::uint64_t until = 0;
    std::vector<std::byte> bytes;
  };

  [[nodiscard]] unsigned Draw(unsigned below) { return static_cast<unsigned>(random_() % below); }
  void Pass(std::span<const std::byte> bytes, Endpoint to);

  const std::unique_ptr<Port> port_;
  Faults faults_;
  std::mt19937_64 random_;
  FaultCounts counts_;
  std::uint64_t flushes_ = 0;
  std::string why_down_;
  std::vector<Held> held_;
  alignas(8) std::array<std::byte, kMaxPayloadBytes> buffer_;
};

}  // namespace gaios::transport::udp

#endif  // GAIOS_TESTS_TRANSPORT_UDP_FAULTY_PORT_H_
