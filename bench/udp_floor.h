#ifndef GAIOS_BENCH_UDP_FLOOR_H_
#define GAIOS_BENCH_UDP_FLOOR_H_

// What the product is measured against over UDP: the same datagrams with no protocol. A sender sends the
// datagrams of each entry, of the product's lengths, to every peer, all in one call of the port where they
// fit; a peer answers all that came in at a look by one datagram of the length of the product's
// answer; the first answers complete the entry. Peers are processes with the idle strategy and on
// the cpu of the product's followers. There is no log, no checksum, no MAC, and nothing is sent again: a lost
// datagram fails the run.
//
// One thread.

#include <array>
#include <atomic>
#include <cstddef>
#include <cstdint>
#include <deque>
#include <functional>
#include <memory>
#include <vector>

#include <absl/status/status.h>
#include <absl/status/statusor.h>

#include "gaios/base/clock.h"
#include "gaios/base/idle.h"
#include "gaios/paxos/limits.h"
#include "gaios/transport/udp/port.h"
#include "gaios/transport/udp/wire.h"

#include "bench/child_process.h"
#include "bench/placement.h"
#include "bench/shared_page.h"

namespace gaios::bench {

// Of an acknowledgement when nothing is missing.
inline constexpr std::size_t kAckDatagramBytes =
    sizeof(transport::udp::Header) + sizeof(transport::udp::AckBody) + transport::udp::kTrailerBytes;

// Opens the port of an end: 0 is the sender, then the peers. Each end but the first is of another process.
using PortOpener = std::function<absl::StatusOr<std::unique_ptr<transport::udp::Port>>(std::size_t end)>;

struct UdpFloorOptions {
  std::size_t peers = 2;
  std::size_t payload_bytes = 1400;
  base::IdleStrategy idle = base::IdleStrategy::kBackOff;
  std::size_t overhead_bytes = transport::udp::kOverheadBytes;  // of a datagram, beside the entry's
  std::size_t answer_bytes = kAckDatagramBytes;
  PortOpener open_port;
};

class UdpFloor final : private transport::udp::DatagramReceiver {
 public:
  // Forks the peers. To be called while the process holds no sockets.
  [[nodiscard]] static absl::StatusOr<std::unique_ptr<UdpFloor>> Fork(const UdpFloorOptions& options,
                                                                      const Placement& placement,
                                                                      const base::TscClock& clock);
  UdpFloor(const UdpFloor&) = delete;
  UdpFloor& operator=(const UdpFloor&) = delete;
  ~UdpFloor() override;
  // Finds the peers. Before the first Write.
  [[nodiscard]] absl::Status Connect();

  // Sends an entry of `bytes` to all peers; false when too much is under way.
  [[nodiscard]] bool Write(std::size_t bytes);
  // Takes answers. Returns how many entries have been completed by them.
  std::size_t Poll();
  // Whether every peer has taken all that was written.
  [[nodiscard]] bool TakenByAll() const;
  // Nothing has come back for too long: a datagram was lost, or a peer has ended.
  [[nodiscard]] bool failed() const { return failed_; }
  [[nodiscard]] absl::Status Check() const;

 private:
  struct Page {
    std::atomic<bool> stop{false};
    // Of each peer, once it is open: its address and UDP port in one.
    std::array<std::atomic<std::uint64_t>, paxos::kMaxReplicas> endpoints{};
  };

  UdpFloor(const UdpFloorOptions& options, SharedPage<Page> page, const base::TscClock& clock)
      : options_(options), page_(std::move(page)), clock_(clock) {}
  static absl::Status RunPeer(const UdpFloorOptions& options, std::size_t peer, Page& page);
  void OnDatagram(transport::udp::Endpoint from, std::span<std::byte> payload) override;

  const UdpFloorOptions options_;
  SharedPage<Page> page_;
  const base::TscClock& clock_;
  std::vector<ChildProcess> children_;
  std::unique_ptr<transport::udp::Port> port_;
  std::vector<transport::udp::Endpoint> peers_;
  std::vector<bool> met_;              // peers that have answered
  std::vector<std::uint64_t> taken_;   // datagrams, by each peer
  std::uint64_t sent_ = 0;             // datagrams, to each peer
  std::deque<std::uint64_t> entries_;  // under way: the last datagram of each
  std::uint64_t progress_ns_ = 0;
  bool failed_ = false;
};

}  // namespace gaios::bench

#endif  // GAIOS_BENCH_UDP_FLOOR_H_
