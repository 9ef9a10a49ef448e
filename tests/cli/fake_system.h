#ifndef GAIOS_TESTS_CLI_FAKE_SYSTEM_H_
#define GAIOS_TESTS_CLI_FAKE_SYSTEM_H_

// A made-up host for tests of the doctor: a tree of files in a scratch directory, removed with it.

#include <cstdint>
#include <cstdlib>
#include <filesystem>
#include <fstream>
#include <map>
#include <optional>
#include <string>
#include <string_view>

#include "gaios/cli/doctor/system.h"

namespace gaios::cli {

class FakeSystem {
 public:
  FakeSystem() {
    std::string pattern = (std::filesystem::temp_directory_path() / "gaios-doctor.XXXXXX").string();
    root_ = mkdtemp(pattern.data());
  }
  FakeSystem(const FakeSystem&) = delete;
  FakeSystem& operator=(const FakeSystem&) = delete;
  ~FakeSystem() { std::filesystem::remove_all(root_); }

  void Write(std::string_view path, std::string_view text) {
    const std::filesystem::path file = root_ / std::filesystem::path(path).relative_path();
    std::filesystem::create_directories(file.parent_path());
    std::ofstream(file) << text << "\n";
  }
  void MakeDirectory(std::string_view path) {
    std::filesystem::create_directories(root_ / std::filesystem::path(path).relative_path());
  }
  void SetSpace(const std::string& path, Space space) { spaces_[path] = space; }

  [[nodiscard]] System Get() const {
    return {root_, [spaces = spaces_](const std::string& path) -> std::optional<Space> {
              const auto found = spaces.find(path);
              return found == spaces.end() ? std::nullopt : std::optional<Space>(found->second);
            }};
  }

 private:
  std::filesystem::path root_;
  std::map<std::string, Space> spaces_;
};

}  // namespace gaios::cli

#endif  // GAIOS_TESTS_CLI_FAKE_SYSTEM_H_
