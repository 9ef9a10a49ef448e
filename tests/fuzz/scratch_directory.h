#ifndef GAIOS_TESTS_FUZZ_SCRATCH_DIRECTORY_H_
#define GAIOS_TESTS_FUZZ_SCRATCH_DIRECTORY_H_

// A directory for the sockets of a target: one for each process, as making one for each input would be most
// of the work. Everything in it is gone when an input has been run; itself with the process, unless that
// aborts.

#include <cstdlib>
#include <filesystem>
#include <string>
#include <system_error>

#include "gaios/base/check.h"

namespace gaios::fuzz {

class ScratchDirectory {
 public:
  ScratchDirectory() : path_((std::filesystem::temp_directory_path() / "gaios-fuzz-XXXXXX").string()) {
    GAIOS_CHECK(::mkdtemp(path_.data()) != nullptr, "a directory for sockets");
  }
  ScratchDirectory(const ScratchDirectory&) = delete;
  ScratchDirectory& operator=(const ScratchDirectory&) = delete;
  ~ScratchDirectory() {
    std::error_code ignored;
    std::filesystem::remove_all(path_, ignored);
  }

  [[nodiscard]] const std::string& path() const { return path_; }

 private:
  std::string path_;
};

[[nodiscard]] inline const std::string& ScratchPath() {
  static const ScratchDirectory directory;
  return directory.path();
}

}  // namespace gaios::fuzz

#endif  // GAIOS_TESTS_FUZZ_SCRATCH_DIRECTORY_H_
