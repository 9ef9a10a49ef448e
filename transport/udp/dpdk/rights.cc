#include "gaios/transport/udp/dpdk/rights.h"

#include <linux/capability.h>

#include <array>
#include <fstream>
#include <limits>
#include <utility>

namespace gaios::transport::udp::dpdk {

std::vector<std::string> MissingCapabilities(std::uint64_t effective) {
  constexpr std::array<std::pair<int, const char*>, 3> kNeeded = {
      {{CAP_NET_RAW, "cap_net_raw"}, {CAP_NET_ADMIN, "cap_net_admin"}, {CAP_IPC_LOCK, "cap_ipc_lock"}}};
  std::vector<std::string> missing;
  for (const auto& [bit, name] : kNeeded) {
    if ((effective >> static_cast<unsigned>(bit) & 1U) == 0) {
      missing.emplace_back(name);
    }
  }
  return missing;
}

std::uint64_t EffectiveCapabilities() {
  std::ifstream file("/proc/self/status");
  for (std::string word; file >> word;) {
    if (std::uint64_t effective = 0; word == "CapEff:" && (file >> std::hex >> effective)) {
      return effective;
    }
  }
  return std::numeric_limits<std::uint64_t>::max();
}

}  // namespace gaios::transport::udp::dpdk
