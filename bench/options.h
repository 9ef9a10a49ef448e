#ifndef GAIOS_BENCH_OPTIONS_H_
#define GAIOS_BENCH_OPTIONS_H_

// What gaios-bench is asked to measure. A plain value, filled in by the command line.

#include <cstddef>
#include <cstdint>
#include <string>

#include "gaios/base/idle.h"
#include "gaios/rsm/config.h"

namespace gaios::bench {

enum class Mode : std::uint8_t {
  kClosed,  // the next command starts when there is room among those outstanding
  kOpen,    // commands start at a fixed rate, and their latency counts from when they should have
};

struct Options {
  Mode mode = Mode::kClosed;
  std::size_t replicas = 3;
  std::size_t size_bytes = 64;         // of one command
  std::size_t outstanding = 1;         // closed loop: commands under way at once
  std::size_t batch = 256;             // throughput and book: commands proposed between two polls
  std::uint64_t rate_per_s = 100'000;  // open loop
  double seconds = 4;
  std::size_t blocks = 20;        // of product and of floor each
  std::size_t trials = 20;        // failover; catchup: hand-overs
  bool silent = false;            // failover: the leader is stopped for good, not killed
  std::uint64_t rest_ms = 2'000;  // catchup: commits go on for so long before each hand-over
  std::size_t capacity_bytes = std::size_t{16} << 20;
  std::size_t state_bytes = std::size_t{64} << 20;  // snapshot: of the state machine
  std::size_t sessions = 0;  // throughput: client sessions to spread the commands over, 0 for none
  std::uint32_t resting_orders = 1'000'000;                    // book: in the generated flow
  base::IdleStrategy idle = base::IdleStrategy::kBackOff;      // of the followers' loops
  base::IdleStrategy leader_idle = base::IdleStrategy::kSpin;  // of the loop that measures
  rsm::TransportKind transport = rsm::TransportKind::kShm;
  // NOLINTBEGIN(readability-redundant-member-init): g++ warns of members without, where others are named
  std::string device = {};  // verbs; empty: the only one. By DPDK: the driver, such as net_af_packet
  rsm::PortKind port = rsm::PortKind::kSocket;  // udp
  std::size_t payload_bytes = 1400;             // udp: of a datagram
  bool authenticate = true;                     // udp: datagrams of the product; the floor's never are
  bool encrypt = false;                         // udp: the same
  bool zero_copy = true;                        // by DPDK: the product's, where the device takes that
  bool two_paths = false;                       // commit over udp: beside a group with one path
  double loss_percent = 1;                      // loss: of the datagrams, each way
  std::string config_path = {};                 // verbs: of a group on several hosts; empty: one host
  std::uint8_t id = 0;                          // of this host's replica in it; the first measures
  std::uint64_t block_commits = 0;  // commands that end a block; 0: its share of `seconds`, or as it says
  std::string hgrm_path = {};       // empty: none
  std::string json_path = {};       // empty: none, "-": stdout
  // NOLINTEND(readability-redundant-member-init)
};

// The transport as the command line and reports name it: shm, verbs, udp-socket or udp-dpdk.
[[nodiscard]] inline std::string TransportName(const Options& options) {
  if (options.transport != rsm::TransportKind::kUdp) {
    return std::string(rsm::TransportKindName(options.transport));
  }
  return options.port == rsm::PortKind::kDpdk ? "udp-dpdk" : "udp-socket";
}

}  // namespace gaios::bench

#endif  // GAIOS_BENCH_OPTIONS_H_
