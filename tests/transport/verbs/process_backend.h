#ifndef GAIOS_TESTS_TRANSPORT_VERBS_PROCESS_BACKEND_H_
#define GAIOS_TESTS_TRANSPORT_VERBS_PROCESS_BACKEND_H_

// Replicas over the verbs transport for tests: each a process that runs gaios-verbs-agent on the RDMA device
// of this host, in a directory of their own that goes when the backend does.

#include <array>
#include <cstdlib>
#include <filesystem>
#include <memory>
#include <string>
#include <system_error>
#include <vector>

#include "gaios/base/check.h"
#include "gaios/paxos/limits.h"

#include "tests/conformance/backend.h"
#include "tests/conformance/process_endpoint.h"
#include "tests/support/paths.h"

namespace gaios::transport::verbs {

class ProcessBackend final : public conformance::Backend {
 public:
  ProcessBackend() {
    std::string pattern = "/dev/shm/gaios-test-XXXXXX";
    GAIOS_CHECK(::mkdtemp(pattern.data()) != nullptr, "no temporary directory");
    directory_ = pattern;
  }
  ProcessBackend(const ProcessBackend&) = delete;
  ProcessBackend& operator=(const ProcessBackend&) = delete;
  ~ProcessBackend() override {
    processes_ = {};
    std::error_code ignored;
    std::filesystem::remove_all(directory_, ignored);
  }

  conformance::Endpoint& Start(const conformance::EndpointOptions& options) override {
    std::unique_ptr<conformance::ProcessEndpoint>& process = processes_[options.id.value()];
    process = std::make_unique<conformance::ProcessEndpoint>(
        BinDirectory() + "/gaios-verbs-agent",
        std::vector<std::string>{directory_, std::to_string(options.id.value()),
                                 std::to_string(options.incarnation.value()),
                                 std::to_string(options.group_id.value()), std::to_string(options.capacity),
                                 std::to_string(options.replicas)});
    const std::string ready = process->Ask("ready");
    GAIOS_CHECK(ready == "ok", ready.c_str());
    return *process;
  }
  void Kill(ReplicaId id) override { processes_[id.value()].reset(); }

  [[nodiscard]] const std::string& directory() const { return directory_; }
  [[nodiscard]] conformance::ProcessEndpoint& process(ReplicaId id) { return *processes_[id.value()]; }

 private:
  std::string directory_;
  std::array<std::unique_ptr<conformance::ProcessEndpoint>, paxos::kMaxReplicas> processes_;
};

}  // namespace gaios::transport::verbs

#endif  // GAIOS_TESTS_TRANSPORT_VERBS_PROCESS_BACKEND_H_
