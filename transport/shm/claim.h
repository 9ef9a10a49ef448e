#ifndef GAIOS_TRANSPORT_SHM_CLAIM_H_
#define GAIOS_TRANSPORT_SHM_CLAIM_H_

// A replica's claim on its id within a directory: the lock that keeps a second process of that id out, the
// control file, and the listening socket. Taking it ends every earlier life of that id for good: the old
// control region is poisoned before anything of the new life exists, so that a writer which still stores into
// the old life's memory finds that out when it looks.
//
// The new life itself begins with Begin(), which gives the control file its name. A claim that goes, or
// crashes, before that has never been: the next one may have the same incarnation. Released, files included,
// when destroyed; a crash leaves the files, and the next claim cleans up after it. Not thread-safe.

#include <string>
#include <utility>

#include <absl/status/status.h>
#include <absl/status/statusor.h>

#include "gaios/base/unique_fd.h"
#include "gaios/transport/shm/id_lock.h"
#include "gaios/transport/shm/layout.h"
#include "gaios/transport/shm/options.h"
#include "gaios/transport/shm/owned_path.h"
#include "gaios/transport/shm/region.h"

namespace gaios::transport::shm {

[[nodiscard]] std::string SocketPath(const std::string& directory, ReplicaId id);
[[nodiscard]] std::string ControlPath(const std::string& directory, ReplicaId id);

class Claim {
 public:
  // `lock` is that of the replica and directory of the options. FailedPrecondition: the incarnation is not
  // newer than that of an earlier life, or something else stands where a file of ours belongs.
  static absl::StatusOr<Claim> Take(const ShmOptions& options, IdLock lock);

  Claim(Claim&&) noexcept = default;
  Claim& operator=(Claim&&) noexcept = delete;
  Claim(const Claim&) = delete;
  Claim& operator=(const Claim&) = delete;
  ~Claim();

  [[nodiscard]] absl::Status Begin();
  [[nodiscard]] bool begun() const { return begun_; }

  [[nodiscard]] ControlRegion& control() const;
  [[nodiscard]] int read_only_control_fd() const { return read_only_control_.get(); }
  [[nodiscard]] int listener_fd() const { return listener_.get(); }

 private:
  explicit Claim(IdLock lock) : lock_(std::move(lock)) {}
  static absl::Status EndEarlierLife(const ShmOptions& options);
  absl::Status CreateControl(const ShmOptions& options);
  absl::Status OpenSocket(const ShmOptions& options);

  IdLock lock_;  // goes last: whoever gets it finds the rest gone
  std::string control_path_;
  OwnedPath control_file_;
  OwnedPath socket_file_;
  bool begun_ = false;
  Region control_;
  base::UniqueFd read_only_control_;
  base::UniqueFd listener_;
};

}  // namespace gaios::transport::shm

#endif  // GAIOS_TRANSPORT_SHM_CLAIM_H_
