#ifndef GAIOS_CLI_RDMA_PROBE_RUN_RDMA_PROBE_H_
#define GAIOS_CLI_RDMA_PROBE_RUN_RDMA_PROBE_H_

// `gaios rdma-probe`: what an RDMA device can do, tried out.

#include <cstdint>
#include <string>

namespace gaios::cli {

struct RdmaProbeFlags {
  std::string device;  // "" for the only one
  int port = 1;
  std::uint32_t rounds = 20;
  std::string json;  // a file, "-" for stdout, or "" for a table alone
};

// Exit codes: 0 the fence that the transport would use held, 1 it did not, or the device fails, 2 wrong usage
// or no such device.
[[nodiscard]] int RunRdmaProbe(const RdmaProbeFlags& flags);

}  // namespace gaios::cli

#endif  // GAIOS_CLI_RDMA_PROBE_RUN_RDMA_PROBE_H_
