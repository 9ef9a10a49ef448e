#ifndef GAIOS_TRANSPORT_UDP_LASTING_PORT_H_
#define GAIOS_TRANSPORT_UDP_LASTING_PORT_H_

// A port that outlives what it was opened on: when that is gone for good, as a card that was taken out, or
// was not there from the start, it is opened anew, at a slow pace, until that succeeds or cannot any more.
// Meanwhile this port is down, and what is sent is lost. Opening and closing take their time on a thread of
// its own.
//
// Threads: as Port, beside its own thread; the ports that `open` makes belong to one of the two at a time.
// What it counts is the sum over all of them.

#include <atomic>
#include <chrono>
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

#include "gaios/base/check.h"
#include "gaios/transport/udp/port.h"

namespace gaios::transport::udp {

struct LastingPortOptions {
  std::string name;  // in sentences to the user: "net_af_packet0,iface=eth1"
  // Of each port that `open` makes; what peers are told of it.
  Endpoint local;
  std::size_t max_payload = 0;
  std::size_t receive_room = 256;
  // Opens one. On the thread of the LastingPort. Aborted: it will not succeed in this process, and is not
  // tried again. After all other errors, and where a port holds less than peers were told, it is.
  std::function<absl::StatusOr<std::unique_ptr<Port>>()> open;
  std::uint64_t pause_ns = 1'000'000'000;  // between two attempts, at least, whatever came of the first
  std::vector<std::string> told = {};      // of the first port; notices that are not told again
  std::string remark = {};                 // a clause, told when a port was given up; empty: none
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
  void Send(std::size_t bytes, Endpoint to) override {
    GAIOS_CHECK(port_ != nullptr, "a datagram was claimed");
    port_->Send(bytes, to);
  }
  void Flush() override {
    if (port_ != nullptr) {
      port_->Flush();
    }
  }
  void Lend(std::span<std::byte> memory) override;
  [[nodiscard]] std::size_t least_loan() const override {
    return port_ != nullptr ? port_->least_loan() : kNoLoans;
  }
  std::uint64_t SendLent(std::size_t head_bytes, std::span<const std::byte> lent, std::size_t tail_bytes,
                         Endpoint to) override {
    GAIOS_CHECK(port_ != nullptr, "a datagram was claimed");
    const std::uint64_t loan = port_->SendLent(head_bytes, lent, tail_bytes, to);
    latest_loan_ = loan != 0 ? loans_before_ + loan : latest_loan_;
    return loan != 0 ? latest_loan_ : 0;
  }
  [[nodiscard]] std::uint64_t loans_over() override {
    return loans_before_ + (port_ != nullptr ? port_->loans_over() : 0);
  }
  void EndLoans(std::uint64_t loan) override {
    if (port_ != nullptr && loan > loans_before_) {
      port_->EndLoans(loan - loans_before_);
    }
  }
  std::size_t Receive(DatagramReceiver& receiver, std::size_t limit) override {
    return port_ != nullptr ? port_->Receive(receiver, limit) : 0;
  }
  [[nodiscard]] const PortCounters& counters() const override;

 private:
  LastingPort(LastingPortOptions options, std::unique_ptr<Port> first);
  void GiveUp();
  void LendToPort();
  void Tell(std::vector<std::string> notices);
  void Run();
  void OpenAgain(std::unique_lock<std::mutex>& lock);
  [[nodiscard]] absl::StatusOr<std::unique_ptr<Port>> Open() const;
  void Failed(const absl::Status& status);

  const LastingPortOptions options_;
  std::unique_ptr<Port> port_;
  std::string why_gone_;
  std::span<std::byte> lent_;       // the memory that each port may send from; empty: none
  std::uint64_t loans_before_ = 0;  // of the ports that were given up; these are over
  std::uint64_t latest_loan_ = 0;
  PortCounters before_;         // of the ports that were given up
  mutable PortCounters total_;  // as last asked for

  std::atomic<bool> news_ = false;  // a port was opened, or none will be
  std::mutex mutex_;
  std::condition_variable wake_;
  // ---- by the mutex
  bool stop_ = false;
  bool wanted_ = false;
  std::unique_ptr<Port> retired_;  // to be closed
  std::unique_ptr<Port> opened_;   // to be taken
  std::vector<std::string> notices_;
  std::string why_given_up_;
  std::string last_failure_;       // of opening; told once
  std::vector<std::string> told_;  // notices of ports
  std::chrono::steady_clock::time_point next_attempt_;
  std::thread thread_;
};

}  // namespace gaios::transport::udp

#endif  // GAIOS_TRANSPORT_UDP_LASTING_PORT_H_
