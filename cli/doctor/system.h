#ifndef GAIOS_CLI_DOCTOR_SYSTEM_H_
#define GAIOS_CLI_DOCTOR_SYSTEM_H_

// The host as the doctor sees it: files below a root, and the room of its file systems. Tests lay out a tree
// of their own. Reading only; what is not there or may not be read is absent, never an error.

#include <cstdint>
#include <filesystem>
#include <functional>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

namespace gaios::cli {

struct Space {
  std::uint64_t size_bytes = 0;
  std::uint64_t free_bytes = 0;
};

class System {
 public:
  // Finds the room of the file system that holds a path, given as on the host.
  using SpaceProbe = std::function<std::optional<Space>(const std::string& path)>;

  // This host.
  System();
  // A made-up one, whose files are below `root`.
  System(std::filesystem::path root, SpaceProbe space_probe);

  // The text of a file, without trailing white space. `path` is absolute, as on the host.
  [[nodiscard]] std::optional<std::string> Read(std::string_view path) const;
  // The names in a directory, sorted; empty when it is not there.
  [[nodiscard]] std::vector<std::string> List(std::string_view path) const;
  [[nodiscard]] bool IsDirectory(std::string_view path) const;
  [[nodiscard]] std::optional<Space> SpaceOf(const std::string& path) const { return space_probe_(path); }

 private:
  [[nodiscard]] std::filesystem::path Below(std::string_view path) const;

  std::filesystem::path root_;
  SpaceProbe space_probe_;
};

}  // namespace gaios::cli

#endif  // GAIOS_CLI_DOCTOR_SYSTEM_H_
