// The conformance suite on links of RDMA, over devices that are made up, and UDP: both there, and one of
// them.

#include <memory>
#include <string>

#include "tests/conformance/suite.h"
#include "tests/transport/fallback/verbs_udp_backend.h"

namespace gaios::transport::conformance {
namespace {

BackendFactory VerbsUdp(const std::string& name, const fallback::VerbsUdpOptions& options) {
  return {.name = name, .make = [=] { return std::make_unique<fallback::VerbsUdpBackend>(options); }};
}

}  // namespace

INSTANTIATE_TEST_SUITE_P(VerbsUdp, ConformanceTest,
                         testing::Values(VerbsUdp("both", {}),
                                         VerbsUdp("both_of_adapters", {.driver = "mlx5_core"}),
                                         VerbsUdp("no_rdma", {.no_rdma = true}),
                                         VerbsUdp("no_udp", {.no_udp = true})),
                         NameOf);

}  // namespace gaios::transport::conformance
