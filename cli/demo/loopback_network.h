#ifndef GAIOS_CLI_DEMO_LOOPBACK_NETWORK_H_
#define GAIOS_CLI_DEMO_LOOPBACK_NETWORK_H_

// What replicas of one host need to find each other as if they were on several: a key, and addresses. For
// demos and tests. Plain values; any thread.

#include <cstddef>
#include <cstdint>
#include <string>
#include <vector>

#include <absl/status/statusor.h>

namespace gaios::cli {

// Timing for these over RDMA: an emulated device takes longer, and in a virtual machine much longer.
inline constexpr const char* kPatientTiming =
    "[timing]\nheartbeat_interval_ms = 20\nsuspect_timeout_ms = 1000\nelection_jitter_ms = 50\n"
    "election_timeout_ms = 2000\ndrop_timeout_ms = 1000\n";

class LoopbackNetwork {
 public:
  LoopbackNetwork() = default;
  // Writes a fresh key into `directory`, for its user alone, and looks for ports that are free now.
  [[nodiscard]] static absl::StatusOr<LoopbackNetwork> Make(const std::string& directory,
                                                            std::size_t replicas);

  // Lines of a config: the section, and the address of a replica.
  [[nodiscard]] std::string Credentials() const;
  [[nodiscard]] std::string Address(std::size_t replica) const;
  // Where it serves clients of the network.
  [[nodiscard]] std::string ClientAddress(std::size_t replica) const;

 private:
  std::string key_file_;
  std::vector<std::uint16_t> ports_;  // of the replicas, then of their clients
};

}  // namespace gaios::cli

#endif  // GAIOS_CLI_DEMO_LOOPBACK_NETWORK_H_
