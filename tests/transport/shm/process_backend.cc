#include "tests/transport/shm/process_backend.h"

#include <cstdlib>
#include <filesystem>
#include <system_error>

#include "gaios/base/check.h"

#include "tests/support/paths.h"

namespace gaios::transport::shm {

TemporaryDirectory::TemporaryDirectory() {
  std::string pattern = "/dev/shm/gaios-test-XXXXXX";
  GAIOS_CHECK(::mkdtemp(pattern.data()) != nullptr, "no temporary directory");
  path_ = pattern;
}

TemporaryDirectory::~TemporaryDirectory() {
  std::error_code ignored;
  std::filesystem::remove_all(path_, ignored);
}

conformance::Endpoint& ProcessBackend::Start(const conformance::EndpointOptions& options) {
  std::unique_ptr<conformance::ProcessEndpoint>& process = processes_[options.id.value()];
  process = std::make_unique<conformance::ProcessEndpoint>(
      BinDirectory() + "/gaios-shm-agent",
      std::vector<std::string>{directory(), std::to_string(options.id.value()),
                               std::to_string(options.incarnation.value()),
                               std::to_string(options.group_id.value()), std::to_string(options.capacity),
                               std::to_string(options.replicas)});
  const std::string ready = process->Ask("ready");
  GAIOS_CHECK(ready == "ok", ready.c_str());
  return *process;
}

void ProcessBackend::Kill(ReplicaId id) {
  processes_[id.value()].reset();
}

}  // namespace gaios::transport::shm
