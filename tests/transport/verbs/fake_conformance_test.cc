// The conformance suite on the verbs transport over a network that is made up: every strategy, with
// connections made by a thread and in Poll. What it says of RDMA is nothing; lab_conformance_test.cc runs it
// on a device.

#include <memory>

#include "tests/conformance/suite.h"
#include "tests/transport/verbs/fake_backend.h"

namespace gaios::transport::conformance {
namespace {

BackendFactory Fake(const std::string& name, const std::string& driver, bool own_thread,
                    bool gives_rings = false) {
  return {.name = name,
          .make = [=] { return std::make_unique<verbs::FakeBackend>(driver, own_thread, gives_rings); }};
}

}  // namespace

INSTANTIATE_TEST_SUITE_P(FakeVerbs, ConformanceTest,
                         testing::Values(Fake("qp_error", "mlx5_core", false),
                                         Fake("mr_deregistration", "rdma_rxe", false),
                                         Fake("given_rings", "rdma_rxe", false, true),
                                         Fake("qp_error_thread", "mlx5_core", true),
                                         Fake("mr_deregistration_thread", "rdma_rxe", true)),
                         NameOf);

}  // namespace gaios::transport::conformance
