#ifndef GAIOS_TRANSPORT_UDP_LASTING_PORT_H_
#define GAIOS_TRANSPORT_UDP_LASTING_PORT_H_

// A port that outlives what it was opened on: when that is gone for good, as a card that was taken out, or
// was not there from the start, it is opened anew, at a slow pace, until that succeeds. Meanwhile this port
// is down, and what is sent is lost. Opening and closing take their time on a thread of its own.
//
// Threads: as Port, beside its own thread; the ports that `open` makes belong to one of the two at a time.
// What it counts is the sum over all of them.

#include <atomic>
#include <condition_variable>
#include <cstddef>
#include <cstdint>
#include <functional>
#include <memory>
#include <mutex>
#include <span>
#include <string>
#include <thread>
#include <vector>

#include <absl/status/status.h>
#include <absl/status/statusor.h>

#include "gaios/transport/udp/port.h"

namespace gaios::transport::udp {

struct LastingPortOptions {
  std::string name;  // in sentences to the user: "net_af_packet0,iface=eth1"
  // Of each port that `open` makes; what peers are told of it.
  Endpoint local;
  std::size_t max_payload = 0;
  std::size_t receive_room = 256;
  // Opens one. On the thread of the LastingPort.
  std::function<absl::StatusOr<std::unique_ptr<Port>>()> open;
  std::uint64_t pause_ns = 1'000'000'000;  // between two attempts
};

class LastingPort final : public Port {
 public:
  // `first`: null where there is none yet. ResourceExhausted: the system gives no thread.
  [[nodiscard]] static absl::StatusOr<std::unique_ptr<LastingPort>> Make(LastingPortOptions options,
                                                                         std::unique_ptr<Port> first);
  LastingPort(const LastingPort&) = delete;
  LastingPort& operator=(const LastingPort&) = delete;
  ~LastingPort() override;

  [[nodiscard]] Endpoint local() const override { return options_.local; }
  [[nodiscard]] std::size_t max_payload() const override { return options_.max_payload; }
  [[nodiscard]] std::size_t receive_room() const override { return options_.receive_room; }
  [[nodiscard]] bool up() const override { return port_ != nullptr && port_->up(); }
  [[nodiscard]] std::string WhyDown() const override;
  // Gives up the port that is gone, and takes the next one when it is there.
  void Look(std::uint64_t now_ns) override;
  [[nodiscard]] std::vector<std::string> TakeNotices() override;

  [[nodiscard]] std::span<std::byte> Claim() override {
    return port_ != nullptr ? port_->Claim() : std::span<std::byte>();
  }
  void Send(std::size_t bytes, Endpoint to) override { port_->Send(bytes, to); }
  void Flush() override {
    if (port_ != nullptr) {
      port_->Flush();
    }
  }
  std::size_t Receive(DatagramReceiver& receiver, std::size_t limit) override {
    return port_ != nullptr ? port_->Receive(receiver, limit) : 0;
  }
  [[nodiscard]] const PortCounters& counters() const override;

 private:
  LastingPort(LastingPortOptions options, std::unique_ptr<Port> first);
  void GiveUp();
  void Run();
  void OpenAgain(std::unique_lock<std::mutex>& lock);

  const LastingPortOptions options_;
  std::unique_ptr<Port> port_;
  std::string why_gone_;
  PortCounters before_;         // of the ports that were given up
  mutable PortCounters total_;  // as last asked for

  std::atomic<bool> opened_ready_ = false;
  std::mutex mutex_;
  std::condition_variable wake_;
  // ---- by the mutex
  bool stop_ = false;
  bool wanted_ = false;
  std::unique_ptr<Port> retired_;  // to be closed
  std::unique_ptr<Port> opened_;   // to be taken
  std::vector<std::string> notices_;
  std::string last_failure_;  // of opening; told once
  std::thread thread_;
};

}  // namespace gaios::transport::udp

#endif  // GAIOS_TRANSPORT_UDP_LASTING_PORT_H_
