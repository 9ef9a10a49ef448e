#include "bench/udp_floor.h"

#include <algorithm>
#include <cstring>
#include <iterator>
#include <utility>

#include "gaios/base/check.h"

namespace gaios::bench {
namespace {

using transport::udp::Endpoint;
using transport::udp::Port;

constexpr std::uint64_t kPatienceNs = 10'000'000'000;
// Datagrams under way to one peer: what the kernel's queue there holds.
constexpr std::uint64_t kWindow = 512;
constexpr std::size_t kReceiveBatch = 64;

// Queues a datagram of `bytes` that begins with `number`.
void Queue(Port& port, std::uint64_t number, std::size_t bytes, Endpoint to) {
  std::span<std::byte> buffer = port.Claim();
  if (buffer.empty()) {
    port.Flush();
    buffer = port.Claim();
  }
  std::memcpy(buffer.data(), &number, sizeof(number));
  port.Send(bytes, to);
}

// A greeting, or the answer to one: shorter than any other datagram.
constexpr std::size_t kGreetingBytes = 1;
constexpr std::uint64_t kGreetingPauseNs = 1'000'000;

void Greet(Port& port, Endpoint to) {
  const std::span<std::byte> buffer = port.Claim();
  if (!buffer.empty()) {
    buffer[0] = std::byte{0};
    port.Send(kGreetingBytes, to);
  }
  port.Flush();
}

// Counts what comes in.
class Counter final : public transport::udp::DatagramReceiver {
 public:
  void OnDatagram(Endpoint from, std::span<std::byte> payload) override {
    from_ = from;
    count_ += payload.size() == kGreetingBytes ? 0 : 1;
  }
  [[nodiscard]] std::uint64_t count() const { return count_; }
  [[nodiscard]] Endpoint from() const { return from_; }

 private:
  Endpoint from_;
  std::uint64_t count_ = 0;
};

}  // namespace

absl::StatusOr<std::unique_ptr<UdpFloor>> UdpFloor::Fork(const UdpFloorOptions& options,
                                                         const Placement& placement,
                                                         const base::TscClock& clock) {
  auto page = SharedPage<Page>::Create();
  if (!page.ok()) {
    return page.status();
  }
  std::unique_ptr<UdpFloor> floor(new UdpFloor(options, *std::move(page), clock));
  for (std::size_t i = 0; i < options.peers; ++i) {
    auto child = ChildProcess::Fork(placement.follower_cpu,
                                    [&floor, i] { return RunPeer(floor->options_, i, *floor->page_); });
    if (!child.ok()) {
      return child.status();
    }
    floor->children_.push_back(*std::move(child));
  }
  return floor;
}

UdpFloor::~UdpFloor() {
  page_->stop.store(true, std::memory_order_relaxed);
  for (ChildProcess& child : children_) {
    child.Join();
  }
}

absl::Status UdpFloor::RunPeer(const UdpFloorOptions& options, std::size_t peer, Page& page) {
  auto opened = options.open_port(peer + 1);
  if (!opened.ok()) {
    return opened.status();
  }
  const Endpoint local = (*opened)->local();
  page.endpoints[peer].store(std::uint64_t{local.address} << 16 | local.port, std::memory_order_release);
  auto wakeup = base::Wakeup::Create();
  if (!wakeup.ok()) {
    return wakeup.status();
  }
  if ((*opened)->poll_fd() >= 0) {
    (*wakeup)->Watch(std::array{(*opened)->poll_fd()});
  }
  base::Idle idle(options.idle, {}, wakeup->get());
  Counter counter;
  while (!page.stop.load(std::memory_order_relaxed)) {
    if ((*opened)->Receive(counter, kReceiveBatch) == 0) {
      idle.OnIdle();
      continue;
    }
    if (counter.count() == 0) {
      Greet(**opened, counter.from());
    } else {
      Queue(**opened, counter.count(), options.answer_bytes, counter.from());
      (*opened)->Flush();
    }
    idle.OnWork();
  }
  return absl::OkStatus();
}

absl::Status UdpFloor::Connect() {
  auto opened = options_.open_port(0);
  if (!opened.ok()) {
    return opened.status();
  }
  port_ = *std::move(opened);
  const std::uint64_t deadline_ns = clock_.NowNs() + kPatienceNs;
  for (std::size_t i = 0; i < options_.peers; ++i) {
    std::uint64_t endpoint = 0;
    while ((endpoint = page_->endpoints[i].load(std::memory_order_acquire)) == 0) {
      if (clock_.NowNs() > deadline_ns || children_[i].Ended()) {
        return absl::UnavailableError("a peer of the floor has no port");
      }
    }
    peers_.push_back({.address = static_cast<std::uint32_t>(endpoint >> 16),
                      .port = static_cast<std::uint16_t>(endpoint & 0xffff)});
  }
  taken_.resize(peers_.size());
  met_.resize(peers_.size());
  // Until each has answered, so that addresses are resolved and no datagram is lost to that.
  for (std::uint64_t next_ns = 0; std::ranges::count(met_, true) != std::ssize(met_);) {
    const std::uint64_t now_ns = clock_.NowNs();
    if (now_ns > deadline_ns) {
      return absl::UnavailableError("a peer of the floor does not answer");
    }
    if (now_ns >= next_ns) {
      next_ns = now_ns + kGreetingPauseNs;
      for (const Endpoint& peer : peers_) {
        Greet(*port_, peer);
      }
    }
    port_->Receive(*this, kReceiveBatch);
  }
  return absl::OkStatus();
}

bool UdpFloor::Write(std::size_t bytes) {
  const std::size_t piece_bytes = options_.payload_bytes - options_.overhead_bytes;
  const std::uint64_t pieces = (bytes + piece_bytes - 1) / piece_bytes;
  GAIOS_CHECK(pieces < kWindow, "an entry of the floor fits into the window");
  if (sent_ + pieces - *std::ranges::min_element(taken_) > kWindow) {
    return false;
  }
  if (entries_.empty()) {
    progress_ns_ = clock_.NowNs();
  }
  for (std::size_t done = 0; done < bytes; done += piece_bytes) {
    ++sent_;
    for (const Endpoint& peer : peers_) {
      Queue(*port_, sent_, options_.overhead_bytes + std::min(piece_bytes, bytes - done), peer);
    }
  }
  port_->Flush();
  entries_.push_back(sent_);
  return true;
}

void UdpFloor::OnDatagram(Endpoint from, std::span<std::byte> payload) {
  std::uint64_t count = 0;
  const auto peer = std::ranges::find(peers_, from);
  if (peer == peers_.end()) {
    return;
  }
  met_[static_cast<std::size_t>(peer - peers_.begin())] = true;
  if (payload.size() < sizeof(count)) {
    return;
  }
  std::memcpy(&count, payload.data(), sizeof(count));
  std::uint64_t& taken = taken_[static_cast<std::size_t>(peer - peers_.begin())];
  taken = std::max(taken, count);
}

std::size_t UdpFloor::Poll() {
  const std::size_t came = port_->Receive(*this, kReceiveBatch);
  if (came == 0) {
    failed_ = failed_ || (!TakenByAll() && clock_.NowNs() - progress_ns_ > kPatienceNs);
    return 0;
  }
  progress_ns_ = clock_.NowNs();
  // With the sender's own, a majority: what so many of the peers have taken.
  const auto needed = static_cast<std::ptrdiff_t>((taken_.size() + 1) / 2);
  std::uint64_t complete = 0;
  for (const std::uint64_t taken : taken_) {
    if (std::ranges::count_if(taken_, [taken](std::uint64_t other) { return other >= taken; }) >= needed) {
      complete = std::max(complete, taken);
    }
  }
  std::size_t completed = 0;
  for (; !entries_.empty() && entries_.front() <= complete; entries_.pop_front()) {
    ++completed;
  }
  return completed;
}

bool UdpFloor::TakenByAll() const {
  return std::ranges::all_of(taken_, [this](std::uint64_t taken) { return taken == sent_; });
}

absl::Status UdpFloor::Check() const {
  if (failed_) {
    return absl::AbortedError(
        "a datagram of the floor was lost, or its peer has ended: the machine is overloaded, or the receive "
        "buffers are too small (net.core.rmem_max)");
  }
  return absl::OkStatus();
}

}  // namespace gaios::bench
