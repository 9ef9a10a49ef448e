#include "gaios/transport/shm/claim.h"

#include <fcntl.h>
#include <sys/stat.h>

#include <cerrno>
#include <new>
#include <system_error>
#include <utility>

#include <absl/status/status.h>
#include <absl/strings/str_cat.h>

#include "gaios/transport/shm/shared_bytes.h"
#include "gaios/transport/shm/socket.h"

namespace gaios::transport::shm {
namespace {

constexpr mode_t kOwnerOnly = 0600;

std::string FileOf(const std::string& directory, ReplicaId id, const char* suffix) {
  return absl::StrCat(directory, "/replica-", id.value(), suffix);
}

absl::Status FileError(const char* what, const std::string& path) {
  return absl::UnavailableError(
      absl::StrCat("cannot ", what, " ", path, ": ", std::generic_category().message(errno),
                   "; check that the directory exists and is writable by this user"));
}

// No writer holds a grant of that count, and no reader takes it for a life.
void Poison(ControlRegion& control) {
  control.fence.incarnation.store(0, std::memory_order_release);
  control.fence.promises.store(kPoisoned, std::memory_order_release);
  FullFence();
}

ControlRegion* AsControl(const Region& region) {
  return reinterpret_cast<ControlRegion*>(region.data());
}

}  // namespace

std::string SocketPath(const std::string& directory, ReplicaId id) {
  return FileOf(directory, id, ".sock");
}
std::string ControlPath(const std::string& directory, ReplicaId id) {
  return FileOf(directory, id, ".control");
}

absl::StatusOr<Claim> Claim::Take(const ShmOptions& options, IdLock lock) {
  Claim claim(std::move(lock));
  absl::Status status = EndEarlierLife(options);
  if (status.ok()) {
    status = claim.CreateControl(options);
  }
  if (status.ok()) {
    status = claim.OpenSocket(options);
  }
  if (!status.ok()) {
    return status;
  }
  return claim;
}

absl::Status Claim::EndEarlierLife(const ShmOptions& options) {
  const std::string path = ControlPath(options.directory, options.self);
  base::UniqueFd file(::open(path.c_str(), O_RDWR | O_CLOEXEC | O_NOFOLLOW));
  if (!file.valid()) {
    return errno == ENOENT ? absl::OkStatus() : FileError("open", path);
  }
  absl::StatusOr<Region> region = Region::MapFile(std::move(file), kControlRegionBytes, /*writable=*/true);
  if (!region.ok() || AsControl(*region)->header.magic != kControlMagic) {
    return absl::FailedPreconditionError(
        absl::StrCat(path, " is not a control file of a replica; remove it or choose another directory"));
  }
  ControlRegion& control = *AsControl(*region);
  if (control.header.group_id == options.group_id.value() &&
      control.header.incarnation >= options.incarnation.value()) {
    return absl::FailedPreconditionError(
        absl::StrCat("replica ", options.self.value(), " is to start as incarnation ",
                     options.incarnation.value(), ", but ", path, " shows an earlier life with incarnation ",
                     control.header.incarnation, "; start it with a larger one"));
  }
  Poison(control);
  return absl::OkStatus();
}

absl::Status Claim::CreateControl(const ShmOptions& options) {
  control_path_ = ControlPath(options.directory, options.self);
  const std::string unfinished = control_path_ + ".new";
  ::unlink(unfinished.c_str());
  base::UniqueFd file(
      ::open(unfinished.c_str(), O_RDWR | O_CREAT | O_EXCL | O_CLOEXEC | O_NOFOLLOW, kOwnerOnly));
  if (!file.valid() || ::fallocate(file.get(), 0, 0, kControlRegionBytes) != 0) {
    return FileError("create", unfinished);
  }
  control_file_ = OwnedPath(unfinished);
  read_only_control_ = base::UniqueFd(::open(unfinished.c_str(), O_RDONLY | O_CLOEXEC | O_NOFOLLOW));
  if (!read_only_control_.valid()) {
    return FileError("open", unfinished);
  }
  absl::StatusOr<Region> region = Region::MapFile(std::move(file), kControlRegionBytes, /*writable=*/true);
  if (!region.ok()) {
    return region.status();
  }
  control_ = *std::move(region);
  ControlRegion& control = *::new (control_.data()) ControlRegion;
  control.header.group_id = options.group_id.value();
  control.header.capacity = options.capacity;
  control.header.version = kWireVersion;
  control.header.replica = options.self.value();
  control.header.incarnation = options.incarnation.value();
  control.header.understands = kUnderstandsInbox;
  control.header.magic = kControlMagic;
  control.fence.incarnation.store(options.incarnation.value(), std::memory_order_release);
  return absl::OkStatus();
}

absl::Status Claim::Begin() {
  // The name appears with the whole of the content, and replaces that of the earlier life.
  if (::rename((control_path_ + ".new").c_str(), control_path_.c_str()) != 0) {
    return FileError("create", control_path_);
  }
  control_file_ = OwnedPath(control_path_);
  begun_ = true;
  return absl::OkStatus();
}

absl::Status Claim::OpenSocket(const ShmOptions& options) {
  const std::string path = SocketPath(options.directory, options.self);
  struct stat facts = {};
  if (::lstat(path.c_str(), &facts) == 0) {
    if (!S_ISSOCK(facts.st_mode)) {
      return absl::FailedPreconditionError(
          absl::StrCat(path, " exists and is not a socket; remove it or choose another directory"));
    }
    if (Connect(path).valid()) {
      return absl::AlreadyExistsError(absl::StrCat("another process listens on ", path,
                                                   "; stop it, or give this replica another directory"));
    }
    // Left by a crashed life of this id.
    ::unlink(path.c_str());
  }
  absl::StatusOr<base::UniqueFd> listener = Listen(path);
  if (!listener.ok()) {
    return listener.status();
  }
  listener_ = *std::move(listener);
  socket_file_ = OwnedPath(path);
  return absl::OkStatus();
}

ControlRegion& Claim::control() const {
  return *AsControl(control_);
}

Claim::~Claim() {
  if (!control_.empty()) {
    Poison(control());
  }
}

}  // namespace gaios::transport::shm
