#ifndef GAIOS_TRANSPORT_SHM_ID_LOCK_H_
#define GAIOS_TRANSPORT_SHM_ID_LOCK_H_

// The lock that a process holds on the id of its replica within a directory, from before it looks at what
// earlier lives have left until it ends. The system releases it with the process, however that dies. Not
// thread-safe.

#include <string>
#include <utility>

#include <absl/status/statusor.h>

#include "gaios/base/unique_fd.h"
#include "gaios/transport/shm/owned_path.h"
#include "gaios/transport/transport.h"

namespace gaios::transport::shm {

[[nodiscard]] std::string LockPath(const std::string& directory, ReplicaId id);

class IdLock {
 public:
  // AlreadyExists when a live process holds it, which is named; Unavailable when the directory is not there
  // or may not be written to.
  static absl::StatusOr<IdLock> Take(const std::string& directory, ReplicaId id);

 private:
  IdLock(base::UniqueFd file, const std::string& path) : file_(std::move(file)), path_(path) {}

  base::UniqueFd file_;
  OwnedPath path_;  // removed while the lock is held
};

}  // namespace gaios::transport::shm

#endif  // GAIOS_TRANSPORT_SHM_ID_LOCK_H_
