#ifndef GAIOS_TRANSPORT_UDP_DPDK_DPDK_PORT_H_
#define GAIOS_TRANSPORT_UDP_DPDK_DPDK_PORT_H_

// A Port on a device of DPDK: one queue of a network card, or of a virtual device over an interface of the
// kernel. The headers of Ethernet, IPv4 and UDP, their checksums and ARP are its own; checksums are left to
// the device where it has that. How it is set up is in docs/dpdk.md.
//
// Threads: a Port belongs to one thread at a time. Opening takes a second or so, closing some milliseconds;
// all else makes no system call but those of the driver (a virtual device makes one in Flush), and those of
// the look at the link, each DpdkOptions::link_check_interval_ns. The memory of frames comes from the cache
// of the thread that opened the first port of the process; another thread takes it from what all threads
// share, which costs some tens of nanoseconds a frame.

#include <array>
#include <atomic>
#include <cstddef>
#include <cstdint>
#include <memory>
#include <optional>
#include <span>
#include <string>
#include <vector>

#include <absl/status/status.h>
#include <absl/status/statusor.h>

#include "gaios/transport/udp/dpdk/arp_table.h"
#include "gaios/transport/udp/dpdk/device_plan.h"
#include "gaios/transport/udp/dpdk/flow_sharing.h"
#include "gaios/transport/udp/dpdk/frame.h"
#include "gaios/transport/udp/dpdk/interface.h"
#include "gaios/transport/udp/dpdk/limits.h"
#include "gaios/transport/udp/dpdk/loan_book.h"
#include "gaios/transport/udp/dpdk/options.h"
#include "gaios/transport/udp/port.h"

struct rte_device;
struct rte_eth_conf;
struct rte_eth_dev_info;
struct rte_mbuf;
struct rte_mempool;

namespace gaios::transport::udp::dpdk {

class DpdkPort final : public Port {
 public:
  // InvalidArgument: the options are wrong. NotFound: no such interface or card. FailedPrecondition: the
  // interface is down or its MTU too small, the kernel has the address, the card is the kernel's, or
  // hugepages are missing. Aborted: DPDK does not start, or runs in this process already and cannot take this
  // device: only another process can. PermissionDenied: raw sockets. AlreadyExists: this process has a port
  // on that device. Unavailable: DPDK or its driver failed; what it said is in the message.
  [[nodiscard]] static absl::StatusOr<std::unique_ptr<DpdkPort>> Open(const DpdkOptions& options);

  DpdkPort(const DpdkPort&) = delete;
  DpdkPort& operator=(const DpdkPort&) = delete;
  ~DpdkPort() override;  // what is queued is lost

  [[nodiscard]] Endpoint local() const override { return self_.endpoint; }
  [[nodiscard]] std::size_t max_payload() const override { return max_payload_; }
  // Frames that the queue of the device holds, whoever they are for.
  [[nodiscard]] std::size_t receive_room() const override { return receive_room_; }
  [[nodiscard]] bool up() const override { return up_; }
  [[nodiscard]] std::string WhyDown() const override;
  // The device was taken out, or the interface below it: close this port, and open another.
  [[nodiscard]] bool gone() const override { return link_ == InterfaceState::kGone; }
  [[nodiscard]] std::span<std::byte> Claim() override;
  void Send(std::size_t bytes, Endpoint to) override;
  void Flush() override;
  std::size_t Receive(DatagramReceiver& receiver, std::size_t limit) override;
  void Lend(std::span<std::byte> memory) override;
  [[nodiscard]] std::size_t least_loan() const override { return least_loan_; }
  std::uint64_t SendLent(std::size_t head_bytes, std::span<const std::byte> lent, std::size_t tail_bytes,
                         Endpoint to) override;
  [[nodiscard]] std::uint64_t loans_over() override;
  void EndLoans(std::uint64_t loan) override;
  [[nodiscard]] const PortCounters& counters() const override { return counters_; }

  [[nodiscard]] const DpdkCounters& dpdk_counters() const { return dpdk_counters_; }
  // Whether the card gives this port what is the port's alone, and the kernel the rest.
  [[nodiscard]] bool shared_with_kernel() const { return shared_; }
  [[nodiscard]] const MacAddress& mac() const { return self_.mac; }
  // Who computes the checksums of what is sent.
  [[nodiscard]] ChecksumsByDevice checksums_by_device() const { return by_device_; }
  // Of memory that DPDK was asked for.
  [[nodiscard]] std::size_t memory_bytes() const { return memory_bytes_; }
  [[nodiscard]] std::vector<std::string> TakeNotices() override;

 private:
  explicit DpdkPort(const DpdkOptions& options);

  // dpdk_port.cc
  [[nodiscard]] absl::Status OpenDevice();
  [[nodiscard]] absl::Status FindDevice(const std::string& device, bool pci);
  [[nodiscard]] absl::Status SetUpDevice(const DevicePlan& plan);
  void WatchRemoval(const rte_eth_dev_info& info, rte_eth_conf& conf);
  [[nodiscard]] int SetUpSending(const rte_eth_dev_info& info, std::uint16_t descriptors) const;
  [[nodiscard]] absl::Status StartQueues(FlowSharing& sharing);
  [[nodiscard]] absl::Status DriverFailed(const char* what, int error) const;

  // lending.cc
  void PlanLoans(const DevicePlan& plan, const rte_eth_dev_info& info);
  [[nodiscard]] std::string WhyNoLoans(std::span<std::byte> memory);
  [[nodiscard]] int RegisterLent(std::span<std::byte> memory);
  void ForgetLent();
  void SendCopy(std::size_t head_bytes, std::span<const std::byte> lent, std::size_t tail_bytes, Endpoint to);
  void GiveUpDevice();
  void FreeTaken();
  struct Loan;
  struct FreeLoans {
    void operator()(Loan* loans) const;
  };

  // datapath.cc
  [[nodiscard]] const MacAddress* FindNeighbour(Endpoint to);
  void Queue(rte_mbuf& frame);
  void HandleFrame(rte_mbuf& frame, DatagramReceiver& receiver, std::size_t& given);
  void HandleArp(std::span<const std::byte> frame);
  void AskNeighbours();
  void SendArp(const ArpMessage& message, const MacAddress& target_mac);
  [[nodiscard]] std::uint32_t NextHop(std::uint32_t address) const;
  void LookAtDevice();
  [[nodiscard]] InterfaceState LinkNow() const;

  const DpdkOptions options_;
  LinkEndpoint self_;
  std::uint32_t network_mask_;
  std::size_t max_payload_ = 0;
  std::size_t receive_room_ = 0;
  std::size_t memory_bytes_ = 0;

  std::optional<KernelInterface> interface_;  // below a virtual device that has one
  std::uint16_t port_id_ = 0;
  bool found_ = false;  // port_id_ is that of the device, and it is ours
  bool started_ = false;
  bool shared_ = false;        // with the kernel, by flow rules
  std::string rules_refused_;  // when it was too late to go on without
  rte_device* device_ = nullptr;
  rte_mempool* pool_ = nullptr;
  ChecksumsByDevice by_device_;       // of what is sent
  std::uint64_t transmit_flags_ = 0;  // what the device is to do with each datagram
  std::vector<std::string> notices_;

  std::uint64_t now_ns_ = 0;
  std::uint64_t next_look_ns_ = 0;
  bool up_ = false;
  InterfaceState link_ = InterfaceState::kNoCarrier;
  std::atomic<bool>* removed_ = nullptr;  // a thread of DPDK's tells when the device is taken out; null: none
  bool announce_ = true;                  // tell the neighbours where this address is
  bool receiving_ = false;
  ArpTable neighbours_;
  rte_mbuf* claimed_ = nullptr;
  std::size_t queued_count_ = 0;
  std::size_t taken_next_ = 0;  // of the frames that the device has given
  std::size_t taken_count_ = 0;
  std::array<rte_mbuf*, kBurst> queued_ = {};
  std::array<rte_mbuf*, kBurst> taken_ = {};
  // ---- loans
  bool lends_ = false;            // it is wanted, and nothing that is known of the device is against it
  std::string why_copied_;        // it is wanted, and this is against it
  bool may_keep_frames_ = false;  // the device, of those that it has been given to send
  bool card_ = false;             // which reads memory by itself, where that is registered
  std::span<std::byte> lent_;     // registered with the card
  std::size_t least_loan_ = kNoLoans;
  rte_mempool* pieces_ = nullptr;  // of datagrams that are in several
  LoanBook loans_;
  std::unique_ptr<Loan[], FreeLoans> loan_places_;
  bool stuck_ = false;  // the device was stopped because it kept what it had been given
  int stop_error_ = 0;  // and this came of it

  std::uint64_t missed_before_ = 0;  // by the device's count, when the port was opened
  PortCounters counters_;
  DpdkCounters dpdk_counters_;
};

}  // namespace gaios::transport::udp::dpdk

#endif  // GAIOS_TRANSPORT_UDP_DPDK_DPDK_PORT_H_
