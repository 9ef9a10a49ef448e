#include "gaios/cli/doctor/system.h"

#include <sys/statvfs.h>

#include <algorithm>
#include <fstream>
#include <iterator>
#include <system_error>
#include <utility>

namespace gaios::cli {
namespace {

std::optional<Space> ProbeSpace(const std::string& path) {
  struct statvfs found = {};
  if (statvfs(path.c_str(), &found) != 0) {
    return std::nullopt;
  }
  return Space{.size_bytes = found.f_blocks * found.f_frsize, .free_bytes = found.f_bavail * found.f_frsize};
}

}  // namespace

System::System() : System("/", ProbeSpace) {}

System::System(std::filesystem::path root, SpaceProbe space_probe)
    : root_(std::move(root)), space_probe_(std::move(space_probe)) {}

std::filesystem::path System::Below(std::string_view path) const {
  return root_ / std::filesystem::path(path).relative_path();
}

std::optional<std::string> System::Read(std::string_view path) const {
  std::ifstream file(Below(path), std::ios::binary);
  if (!file) {
    return std::nullopt;
  }
  std::string text{std::istreambuf_iterator<char>(file), std::istreambuf_iterator<char>()};
  if (file.bad()) {
    return std::nullopt;
  }
  text.erase(text.find_last_not_of(" \t\n") + 1);
  return text;
}

std::vector<std::string> System::List(std::string_view path) const {
  std::vector<std::string> names;
  std::error_code error;
  const std::filesystem::directory_iterator end;
  for (std::filesystem::directory_iterator entry(Below(path), error); !error && entry != end;
       entry.increment(error)) {
    names.push_back(entry->path().filename().string());
  }
  std::sort(names.begin(), names.end());
  return names;
}

bool System::IsDirectory(std::string_view path) const {
  std::error_code error;
  return std::filesystem::is_directory(Below(path), error);
}

}  // namespace gaios::cli
