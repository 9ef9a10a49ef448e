// The conformance suite on shared memory, every replica a process.

#include <memory>

#include "tests/conformance/suite.h"
#include "tests/transport/shm/process_backend.h"

namespace gaios::transport::conformance {
namespace {

const BackendFactory kShm = {.name = "shm", .make = [] { return std::make_unique<shm::ProcessBackend>(); }};

}  // namespace

INSTANTIATE_TEST_SUITE_P(Shm, ConformanceTest, testing::Values(kShm), NameOf);

}  // namespace gaios::transport::conformance
