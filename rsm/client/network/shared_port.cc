#include "gaios/rsm/client/network/shared_port.h"

#include <algorithm>
#include <array>
#include <cstring>
#include <span>
#include <utility>
#include <vector>

#include "gaios/rsm/client/network/wire.h"

namespace gaios::rsm {

using transport::udp::DatagramReceiver;
using transport::udp::Endpoint;
using transport::udp::Port;
using transport::udp::PortCounters;

// The lines that there are, and what is below them.
class SharedPort::Exchange final : private DatagramReceiver {
 public:
  explicit Exchange(std::unique_ptr<Port> port) : port_(std::move(port)) {}

  [[nodiscard]] Port& port() { return *port_; }
  [[nodiscard]] const SharedPortCounters& counters() const { return counters_; }
  void Add(Line& line) { lines_.push_back(&line); }
  void Remove(const Line& line) { std::erase(lines_, &line); }

  // What has arrived, at most `limit` datagrams, to `receiver` where it is of `line`. Returns how many of it
  // were.
  std::size_t Receive(Line& line, DatagramReceiver& receiver, std::size_t limit) {
    receiving_ = &line;
    receiver_ = &receiver;
    given_ = 0;
    static_cast<void>(port_->Receive(*this, limit));
    receiving_ = nullptr;
    return given_;
  }

 private:
  void OnDatagram(Endpoint from, std::span<std::byte> payload) override;
  // Null when it is nobody's.
  [[nodiscard]] Line* LineFor(Endpoint from, std::span<const std::byte> payload) const;

  const std::unique_ptr<Port> port_;
  std::vector<Line*> lines_;
  SharedPortCounters counters_;
  Line* receiving_ = nullptr;
  DatagramReceiver* receiver_ = nullptr;
  std::size_t given_ = 0;
};

class SharedPort::Line final : public Port {
 public:
  Line(std::shared_ptr<Exchange> exchange, Endpoint replica, std::uint16_t place)
      : exchange_(std::move(exchange)),
        replica_(replica),
        place_(place),
        slot_bytes_(exchange_->port().max_payload()),
        memory_(kKept * slot_bytes_) {
    exchange_->Add(*this);
  }
  Line(const Line&) = delete;
  Line& operator=(const Line&) = delete;
  ~Line() override { exchange_->Remove(*this); }

  [[nodiscard]] Endpoint local() const override { return exchange_->port().local(); }
  [[nodiscard]] std::size_t max_payload() const override { return slot_bytes_; }
  [[nodiscard]] std::size_t receive_room() const override { return kKept; }
  [[nodiscard]] bool up() const override { return exchange_->port().up(); }
  void Look(std::uint64_t now_ns) override { exchange_->port().Look(now_ns); }
  [[nodiscard]] std::span<std::byte> Claim() override { return exchange_->port().Claim(); }
  void Send(std::size_t bytes, Endpoint to) override { exchange_->port().Send(bytes, to); }
  void Flush() override { exchange_->port().Flush(); }
  std::size_t Receive(DatagramReceiver& receiver, std::size_t limit) override {
    std::size_t given = 0;
    for (; given < limit && first_ != next_; ++given) {
      const std::size_t slot = first_++ % kKept;
      receiver.OnDatagram(replica_, std::span(memory_).subspan(slot * slot_bytes_, sizes_[slot]));
    }
    return given == limit ? given : given + exchange_->Receive(*this, receiver, limit - given);
  }
  // Of the port below: of all lines.
  [[nodiscard]] const PortCounters& counters() const override { return exchange_->port().counters(); }

  [[nodiscard]] bool IsFor(Endpoint from, std::uint16_t place) const {
    return replica_ == from && place_ == place;
  }
  // False when there is no room.
  bool Keep(std::span<const std::byte> payload) {
    if (next_ - first_ == kKept) {
      return false;
    }
    const std::size_t slot = next_++ % kKept;
    std::memcpy(memory_.data() + slot * slot_bytes_, payload.data(), payload.size());
    sizes_[slot] = payload.size();
    return true;
  }

 private:
  const std::shared_ptr<Exchange> exchange_;
  const Endpoint replica_;
  const std::uint16_t place_;
  const std::size_t slot_bytes_;
  std::vector<std::byte> memory_;
  std::array<std::size_t, kKept> sizes_ = {};
  std::size_t first_ = 0;
  std::size_t next_ = 0;
};

SharedPort::Line* SharedPort::Exchange::LineFor(Endpoint from, std::span<const std::byte> payload) const {
  if (payload.size() < sizeof(NetworkHeader)) {
    return nullptr;
  }
  std::uint16_t place = 0;
  std::memcpy(&place, payload.data() + offsetof(NetworkHeader, place), sizeof(place));
  // The latest is looked for first: an earlier one makes way for it.
  const auto found = std::find_if(lines_.rbegin(), lines_.rend(),
                                  [&](const Line* line) { return line->IsFor(from, place); });
  return found == lines_.rend() ? nullptr : *found;
}

void SharedPort::Exchange::OnDatagram(Endpoint from, std::span<std::byte> payload) {
  Line* const line = LineFor(from, payload);
  if (line == nullptr) {
    ++counters_.nobodys;
  } else if (line == receiving_) {
    ++given_;
    receiver_->OnDatagram(from, payload);
  } else if (!line->Keep(payload)) {
    ++counters_.lost;
  }
}

SharedPort::SharedPort(std::unique_ptr<Port> port) : exchange_(std::make_shared<Exchange>(std::move(port))) {}
SharedPort::~SharedPort() = default;

std::unique_ptr<Port> SharedPort::OpenLine(Endpoint replica, std::uint16_t place) {
  return std::make_unique<Line>(exchange_, replica, place);
}

const Port& SharedPort::port() const {
  return exchange_->port();
}

const SharedPortCounters& SharedPort::counters() const {
  return exchange_->counters();
}

std::vector<std::string> SharedPort::TakeNotices() {
  return exchange_->port().TakeNotices();
}

}  // namespace gaios::rsm
