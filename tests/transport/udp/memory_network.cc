#include "tests/transport/udp/memory_network.h"

#include <algorithm>
#include <deque>
#include <span>
#include <utility>

#include "gaios/base/check.h"

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
  ~MemoryPort() override {
    std::erase(network_.ports_, this);
    while (!open_.empty()) {
      EndOldest();
    }
  }

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
  [[nodiscard]] std::size_t least_loan() const override {
    return memory_.empty() || network_.loans_.least_bytes == 0 ? kNoLoans : network_.loans_.least_bytes;
  }
  void Lend(std::span<std::byte> memory) override { memory_ = memory; }
  std::uint64_t SendLent(std::size_t head_bytes, std::span<const std::byte> lent, std::size_t tail_bytes,
                         Endpoint to) override {
    GAIOS_CHECK(lent.data() >= memory_.data() && lent.data() + lent.size() <= memory_.data() + memory_.size(),
                "what is sent lies in the memory that was lent");
    const auto head = Claim().first(head_bytes);
    const auto tail = Claim().subspan(head_bytes, tail_bytes);
    std::vector<std::byte> bytes(head.begin(), head.end());
    bytes.insert(bytes.end(), lent.begin(), lent.end());
    bytes.insert(bytes.end(), tail.begin(), tail.end());
    out_.push_back({.other = to, .bytes = std::move(bytes)});
    ++network_.open_loans_;
    open_.push_back(
        {.lent = lent, .bytes = {lent.begin(), lent.end()}, .until = flushes_ + 1 + network_.loans_.flushes});
    ++counters_.lent;
    return over_ + open_.size();
  }
  [[nodiscard]] std::uint64_t loans_over() override { return over_; }
  void EndLoans(std::uint64_t loan) override {
    if (loan <= over_) {
      return;
    }
    Flush();
    while (over_ < loan) {
      EndOldest();
    }
  }
  void Flush() override {
    ++flushes_;
    while (!open_.empty() && open_.front().until <= flushes_) {
      EndOldest();
    }
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
  struct OpenLoan {
    std::span<const std::byte> lent;
    std::vector<std::byte> bytes;  // that they were
    std::uint64_t until = 0;
  };
  void EndOldest() {
    const OpenLoan& loan = open_.front();
    network_.loans_broken_ += std::ranges::equal(loan.lent, loan.bytes) ? 0 : 1;
    ++network_.loans_over_;
    --network_.open_loans_;
    ++over_;
    open_.pop_front();
  }

  MemoryNetwork& network_;
  const Endpoint local_;
  const std::size_t max_payload_;
  std::vector<std::uint64_t> buffer_;
  PortCounters counters_;
  std::vector<Sent> out_;
  std::deque<Sent> in_;
  std::span<std::byte> memory_;
  std::uint64_t flushes_ = 0;
  std::uint64_t over_ = 0;
  std::deque<OpenLoan> open_;
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
