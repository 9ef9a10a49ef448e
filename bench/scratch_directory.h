#ifndef GAIOS_BENCH_SCRATCH_DIRECTORY_H_
#define GAIOS_BENCH_SCRATCH_DIRECTORY_H_

// A private directory on a tmpfs where there is one, removed with all it holds when the object goes.

#include <stdlib.h>

#include <cerrno>
#include <cstring>
#include <filesystem>
#include <string>
#include <system_error>
#include <utility>

#include <absl/status/status.h>
#include <absl/status/statusor.h>

namespace gaios::bench {

class ScratchDirectory {
 public:
  [[nodiscard]] static absl::StatusOr<ScratchDirectory> Create() {
    std::error_code error;
    std::string path = std::filesystem::is_directory("/dev/shm", error) ? "/dev/shm/gaios-bench-XXXXXX"
                                                                        : "/tmp/gaios-bench-XXXXXX";
    if (mkdtemp(path.data()) == nullptr) {
      return absl::UnavailableError("cannot make a directory " + path + ": " +
                                    std::generic_category().message(errno));
    }
    return ScratchDirectory(std::move(path));
  }
  ScratchDirectory(ScratchDirectory&& other) noexcept : path_(std::exchange(other.path_, std::string())) {}
  ScratchDirectory& operator=(ScratchDirectory&&) = delete;
  ScratchDirectory(const ScratchDirectory&) = delete;
  ScratchDirectory& operator=(const ScratchDirectory&) = delete;
  ~ScratchDirectory() {
    if (!path_.empty()) {
      std::error_code error;
      std::filesystem::remove_all(path_, error);
    }
  }

  [[nodiscard]] const std::string& path() const { return path_; }

 private:
  explicit ScratchDirectory(std::string path) : path_(std::move(path)) {}

  std::string path_;
};

}  // namespace gaios::bench

#endif  // GAIOS_BENCH_SCRATCH_DIRECTORY_H_
