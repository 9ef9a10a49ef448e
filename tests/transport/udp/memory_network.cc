#include "tests/transport/udp/memory_network.h"

#include <deque>
#include <utility>

namespace gaios::transport::udp {
namespace {

struct Sent {
  Endpoint other;
  std::vector<std::byte> bytes;
};

}  // namespace

class MemoryNetwork::MemoryPort final : public Port {
 public:
  MemoryPort(MemoryNetwork& network, Endpoint local, std::size_t max_payload)
      : network_(network), local_(local), max_payload_(max_payload), buffer_(max_payload / 8 + 1) {
    network_.ports_.push_back(this);
  }
  MemoryPort(const MemoryPort&) = delete;
  MemoryPort& operator=(const MemoryPort&) = delete;
  ~MemoryPort() override { std::erase(network_.ports_, this); }

  [[nodiscard]] Endpoint local() const override { return local_; }
  [[nodiscard]] std::size_t max_payload() const override { return max_payload_; }
  [[nodiscard]] std::size_t receive_room() const override { return kRoom; }
  [[nodiscard]] bool up() const override { return true; }
  [[nodiscard]] std::span<std::byte> Claim() override {
    return std::as_writable_bytes(std::span(buffer_)).first(max_payload_);
  }
  void Send(std::size_t bytes, Endpoint to) override {
    const auto datagram = Claim().first(bytes);
    out_.push_back({.other = to, .bytes = {datagram.begin(), datagram.end()}});
  }
  void Flush() override {
    for (Sent& sent : std::exchange(out_, {})) {
      ++counters_.sent;
      counters_.sent_bytes += sent.bytes.size();
      if (!network_.tap_ || network_.tap_(local_, sent.other, sent.bytes)) {
        network_.Deliver(local_, sent.other, std::move(sent.bytes));
      }
    }
  }
  std::size_t Receive(DatagramReceiver& receiver, std::size_t limit) override {
    std::size_t given = 0;
    for (; given < limit && !in_.empty(); ++given) {
      Sent came = std::move(in_.front());
      in_.pop_front();
      ++counters_.received;
      counters_.received_bytes += came.bytes.size();
      receiver.OnDatagram(came.other, came.bytes);
    }
    return given;
  }
  [[nodiscard]] const PortCounters& counters() const override { return counters_; }

  void Take(Endpoint from, std::vector<std::byte> bytes) {
    if (in_.size() < kRoom) {
      in_.push_back({.other = from, .bytes = std::move(bytes)});
    } else {
      ++counters_.missed;
    }
  }

 private:
  MemoryNetwork& network_;
  const Endpoint local_;
  const std::size_t max_payload_;
  std::vector<std::uint64_t> buffer_;
  PortCounters counters_;
  std::vector<Sent> out_;
  std::deque<Sent> in_;
};

std::unique_ptr<Port> MemoryNetwork::MakePort(std::size_t max_payload) {
  return std::make_unique<MemoryPort>(*this, Endpoint{.address = 0x0a000001, .port = ++last_port_},
                                      max_payload);
}

void MemoryNetwork::Deliver(Endpoint from, Endpoint to, std::vector<std::byte> bytes) {
  for (MemoryPort* const port : ports_) {
    if (port->local() == to) {
      port->Take(from, std::move(bytes));
      return;
    }
  }
}

}  // namespace gaios::transport::udp
