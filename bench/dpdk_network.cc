#include "bench/dpdk_network.h"

#include <sched.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <cstdint>
#include <cstdlib>

#include <absl/strings/str_cat.h>

#include "gaios/paxos/limits.h"
#include "gaios/transport/udp/dpdk/dpdk_port.h"

namespace gaios::bench {
namespace {

constexpr std::uint32_t kFloorNetwork = 0x0a090400;  // 10.9.4.0
constexpr std::uint16_t kFloorPort = 7000;
constexpr std::size_t kHeaderBytes = 28;  // of IPv4 and UDP
constexpr std::size_t kUsualMtu = 1'500;
constexpr std::size_t kMostEnds = paxos::kMaxReplicas;

absl::Status Run(const std::string& command) {
  return std::system(command.c_str()) == 0  // NOLINT(concurrency-mt-unsafe): one thread
             ? absl::OkStatus()
             : absl::FailedPreconditionError(absl::StrCat(
                   "`", command,
                   "` failed: --transport udp-dpdk needs root, and a kernel with veth and bridges"));
}

// A bridge with so many interfaces, whose names are a letter and a number from 0.
absl::Status AddBridge(char letter, std::size_t ends, std::size_t mtu) {
  const std::string name(1, letter);
  const std::string bridge = "bridge-" + name;
  std::string commands = absl::StrCat("ip link add ", bridge, " mtu ", mtu, " type bridge forward_delay 0");
  for (std::size_t end = 0; end < ends; ++end) {
    const std::string interface = absl::StrCat(name, end);
    // net_af_packet names something of the kernel's by the process's id with the bits of the interface's
    // index turned over: far apart, these never make two processes agree.
    const std::size_t index = (letter == 'e' ? end : kMostEnds + end) * 1024 + 1024;
    absl::StrAppend(&commands, " && ip link add ", interface, " index ", index, " mtu ", mtu,
                    " type veth peer name port-", interface, " mtu ", mtu, " && ip link set port-", interface,
                    " master ", bridge, " up && ip link set ", interface, " up");
  }
  return Run(absl::StrCat(commands, " && ip link set ", bridge, " up"));
}

}  // namespace

absl::Status CheckDpdkNetwork() {
  return Run("unshare -n sh -c 'ip link add b0 type bridge && ip link add v0 type veth' 2>/dev/null");
}

absl::Status EnterDpdkNetwork(std::size_t ends, std::size_t payload_bytes) {
  if (::unshare(CLONE_NEWNET) != 0) {
    return absl::ErrnoToStatus(errno, "cannot make a network namespace");
  }
  // No frames but those of the benchmark.
  absl::Status status =
      Run("if [ -d /proc/sys/net/ipv6 ]; then echo 1 >/proc/sys/net/ipv6/conf/default/disable_ipv6; fi; "
          "ip link set lo up");
  const std::size_t mtu = std::max(kUsualMtu, payload_bytes + kHeaderBytes);
  for (const char letter : {'e', 'f'}) {
    if (status.ok()) {
      status = AddBridge(letter, ends, mtu);
    }
  }
  return status;
}

std::string DpdkDevice(const std::string& driver, std::size_t replica) {
  return absl::StrCat(driver, "0,iface=e", replica);
}

std::string DpdkAddress(std::size_t replica) {
  return absl::StrCat("10.9.3.", replica + 1);
}

absl::StatusOr<std::unique_ptr<transport::udp::Port>> OpenDpdkFloorPort(const Options& options,
                                                                        std::size_t end,
                                                                        const base::Clock& clock) {
  transport::udp::dpdk::DpdkOptions port;
  // The leader's process has device 0 for its replica.
  port.device = absl::StrCat(options.device, "1,iface=f", end);
  port.local = {.address = kFloorNetwork + static_cast<std::uint32_t>(end) + 1, .port = kFloorPort};
  port.max_payload = options.payload_bytes;
  port.file_prefix = absl::StrCat("gaios-bench-", ::getpid());
  port.clock = &clock;
  auto opened = transport::udp::dpdk::DpdkPort::Open(port);
  if (!opened.ok()) {
    return opened.status();
  }
  return *std::move(opened);
}

}  // namespace gaios::bench
