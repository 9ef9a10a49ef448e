// The conformance suite on the verbs transport and the RDMA device of this host, every replica a process.
// Runs in the lab (tests/lab/verbs_test.py).

#include <memory>

#include "tests/conformance/suite.h"
#include "tests/transport/verbs/process_backend.h"

namespace gaios::transport::conformance {
namespace {

const BackendFactory kVerbs = {.name = "verbs",
                               .make = [] { return std::make_unique<verbs::ProcessBackend>(); }};

}  // namespace

INSTANTIATE_TEST_SUITE_P(Verbs, ConformanceTest, testing::Values(kVerbs), NameOf);

}  // namespace gaios::transport::conformance
