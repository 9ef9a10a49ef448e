#ifndef GAIOS_TESTS_SUPPORT_SCRATCH_DIRECTORY_H_
#define GAIOS_TESTS_SUPPORT_SCRATCH_DIRECTORY_H_

// A directory that goes with the test, and whole files in it.

#include <stdlib.h>

#include <cstddef>
#include <filesystem>
#include <fstream>
#include <iterator>
#include <string>
#include <system_error>

#include "gaios/base/check.h"

namespace gaios::rsm {

class ScratchDirectory {
 public:
  ScratchDirectory() {
    std::string pattern = "/dev/shm/gaios-test-XXXXXX";
    GAIOS_CHECK(::mkdtemp(pattern.data()) != nullptr, "no temporary directory");
    path_ = pattern;
  }
  ScratchDirectory(const ScratchDirectory&) = delete;
  ScratchDirectory& operator=(const ScratchDirectory&) = delete;
  ~ScratchDirectory() {
    std::error_code ignored;
    std::filesystem::remove_all(path_, ignored);
  }

  [[nodiscard]] const std::string& path() const { return path_; }
  [[nodiscard]] std::string PathOf(const std::string& name) const { return path_ + "/" + name; }
  [[nodiscard]] std::size_t files() const {
    const std::filesystem::directory_iterator all(path_);
    return static_cast<std::size_t>(std::distance(begin(all), end(all)));
  }

 private:
  std::string path_;
};

inline std::string ReadWhole(const std::string& path) {
  std::ifstream file(path, std::ios::binary);
  return {std::istreambuf_iterator<char>(file), std::istreambuf_iterator<char>()};
}

inline void WriteWhole(const std::string& path, const std::string& bytes) {
  std::ofstream file(path, std::ios::binary);
  file << bytes;
}

}  // namespace gaios::rsm

#endif  // GAIOS_TESTS_SUPPORT_SCRATCH_DIRECTORY_H_
