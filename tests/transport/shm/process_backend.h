#ifndef GAIOS_TESTS_TRANSPORT_SHM_PROCESS_BACKEND_H_
#define GAIOS_TESTS_TRANSPORT_SHM_PROCESS_BACKEND_H_

// Shared-memory replicas for tests: each a process that runs gaios-shm-agent, in a directory of their own
// that goes when the backend does.

#include <array>
#include <memory>
#include <string>

#include "gaios/paxos/limits.h"

#include "tests/conformance/backend.h"
#include "tests/conformance/process_endpoint.h"

namespace gaios::transport::shm {

// A new directory on the shared-memory file system, removed with what is in it.
class TemporaryDirectory {
 public:
  TemporaryDirectory();
  TemporaryDirectory(const TemporaryDirectory&) = delete;
  TemporaryDirectory& operator=(const TemporaryDirectory&) = delete;
  ~TemporaryDirectory();
  [[nodiscard]] const std::string& path() const { return path_; }

 private:
  std::string path_;
};

class ProcessBackend final : public conformance::Backend {
 public:
  conformance::Endpoint& Start(const conformance::EndpointOptions& options) override;
  void Kill(ReplicaId id) override;

  [[nodiscard]] const std::string& directory() const { return directory_.path(); }
  [[nodiscard]] conformance::ProcessEndpoint& process(ReplicaId id) { return *processes_[id.value()]; }

 private:
  TemporaryDirectory directory_;
  std::array<std::unique_ptr<conformance::ProcessEndpoint>, paxos::kMaxReplicas> processes_;
};

}  // namespace gaios::transport::shm

#endif  // GAIOS_TESTS_TRANSPORT_SHM_PROCESS_BACKEND_H_
