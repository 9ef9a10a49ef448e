#ifndef GAIOS_TRANSPORT_SHM_CLAIM_H_
#define GAIOS_TRANSPORT_SHM_CLAIM_H_

// A replica's claim on its id within a directory: the lock that keeps a second process of that id out, the
// control file, and the listening socket. Taking it ends every earlier life of that id for good: the old
// control region is poisoned before anything of the new life exists, so that a writer which still stores into
// the old life's memory finds that out when it looks. Released, files included, when destroyed; a crash
// leaves the files, and the next claim cleans up after it. Not thread-safe.

#include <string>

#include <absl/status/statusor.h>

#include "gaios/transport/shm/layout.h"
#include "gaios/transport/shm/options.h"
#include "gaios/transport/shm/region.h"
#include "gaios/transport/shm/unique_fd.h"

namespace gaios::transport::shm {

[[nodiscard]] std::string SocketPath(const std::string& directory, ReplicaId id);
[[nodiscard]] std::string ControlPath(const std::string& directory, ReplicaId id);
[[nodiscard]] std::string LockPath(const std::string& directory, ReplicaId id);

class Claim {
 public:
  // InvalidArgument: the socket path is too long. AlreadyExists: a live process has the id.
  // FailedPrecondition: the incarnation is not newer than that of an earlier life, or something else stands
  // where a file of ours belongs.
  static absl::StatusOr<Claim> Take(const ShmOptions& options);

  Claim(Claim&&) noexcept = default;
  Claim& operator=(Claim&&) noexcept = delete;
  Claim(const Claim&) = delete;
  Claim& operator=(const Claim&) = delete;
  ~Claim();

  [[nodiscard]] ControlRegion& control() const;
  [[nodiscard]] int read_only_control_fd() const { return read_only_control_.get(); }
  [[nodiscard]] int listener_fd() const { return listener_.get(); }

 private:
  Claim() = default;
  absl::Status Lock(const ShmOptions& options);
  static absl::Status EndEarlierLife(const ShmOptions& options);
  absl::Status CreateControl(const ShmOptions& options);
  absl::Status OpenSocket(const ShmOptions& options);

  std::string lock_path_;
  std::string control_path_;
  std::string socket_path_;
  UniqueFd lock_;
  Region control_;
  UniqueFd read_only_control_;
  UniqueFd listener_;
};

}  // namespace gaios::transport::shm

#endif  // GAIOS_TRANSPORT_SHM_CLAIM_H_
