#include "gaios/transport/shm/id_lock.h"

#include <fcntl.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <unistd.h>

#include <array>
#include <cerrno>
#include <system_error>
#include <utility>

#include <absl/status/status.h>
#include <absl/strings/str_cat.h>

namespace gaios::transport::shm {
namespace {

constexpr mode_t kOwnerOnly = 0600;

absl::Status FileError(const char* what, const std::string& path) {
  return absl::UnavailableError(
      absl::StrCat("cannot ", what, " ", path, ": ", std::generic_category().message(errno),
                   "; check that the directory exists and is writable by this user"));
}

// The process id that the holder of a lock wrote into it, for the message only.
std::string HolderOf(int lock) {
  std::array<char, 32> text = {};
  const ssize_t size = ::pread(lock, text.data(), text.size(), 0);
  return size > 0 ? "process " + std::string(text.data(), static_cast<std::size_t>(size))
                  : std::string("a process");
}

}  // namespace

std::string LockPath(const std::string& directory, ReplicaId id) {
  return absl::StrCat(directory, "/replica-", id.value(), ".lock");
}

absl::StatusOr<IdLock> IdLock::Take(const std::string& directory, ReplicaId id) {
  const std::string path = LockPath(directory, id);
  for (;;) {
    base::UniqueFd lock(::open(path.c_str(), O_RDWR | O_CREAT | O_CLOEXEC | O_NOFOLLOW, kOwnerOnly));
    if (!lock.valid()) {
      return FileError("open", path);
    }
    if (::flock(lock.get(), LOCK_EX | LOCK_NB) != 0) {
      return absl::AlreadyExistsError(
          absl::StrCat(HolderOf(lock.get()), " already runs replica ", id.value(), " and holds ", path,
                       "; stop it, or give this replica another id or directory"));
    }
    // The former holder may have removed the file between our opening and our locking it.
    struct stat held = {};
    struct stat named = {};
    if (::fstat(lock.get(), &held) != 0 || ::stat(path.c_str(), &named) != 0 || held.st_ino != named.st_ino) {
      continue;
    }
    const std::string pid = absl::StrCat(::getpid());
    if (::ftruncate(lock.get(), 0) != 0 ||
        ::pwrite(lock.get(), pid.data(), pid.size(), 0) != static_cast<ssize_t>(pid.size())) {
      return FileError("write", path);
    }
    return IdLock(std::move(lock), path);
  }
}

}  // namespace gaios::transport::shm
