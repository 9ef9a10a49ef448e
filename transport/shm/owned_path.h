#ifndef GAIOS_TRANSPORT_SHM_OWNED_PATH_H_
#define GAIOS_TRANSPORT_SHM_OWNED_PATH_H_

// A name in a directory that this process has given to a file or socket of its own, removed with the object.
// What somebody else has put there in the meantime stays: a directory may have been cleared, and another
// life, or another group, have moved in. Not thread-safe.

#include <sys/stat.h>
#include <unistd.h>

#include <string>
#include <utility>

namespace gaios::transport::shm {

class OwnedPath {
 public:
  OwnedPath() = default;
  // What stands at `path` now is this process's.
  explicit OwnedPath(std::string path) : path_(std::move(path)) {
    if (::lstat(path_.c_str(), &made_) != 0) {
      path_.clear();
    }
  }
  OwnedPath(OwnedPath&& other) noexcept : path_(std::exchange(other.path_, {})), made_(other.made_) {}
  OwnedPath& operator=(OwnedPath&& other) noexcept {
    std::swap(path_, other.path_);
    std::swap(made_, other.made_);
    return *this;
  }
  OwnedPath(const OwnedPath&) = delete;
  OwnedPath& operator=(const OwnedPath&) = delete;
  ~OwnedPath() {
    struct stat now = {};
    if (!path_.empty() && ::lstat(path_.c_str(), &now) == 0 && now.st_dev == made_.st_dev &&
        now.st_ino == made_.st_ino) {
      ::unlink(path_.c_str());
    }
  }

 private:
  std::string path_;
  struct stat made_ = {};
};

}  // namespace gaios::transport::shm

#endif  // GAIOS_TRANSPORT_SHM_OWNED_PATH_H_
