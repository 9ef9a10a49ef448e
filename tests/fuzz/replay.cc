// Runs a target on files, without a fuzzer: the committed corpus as a plain test in every build, or one input
// under a debugger.
//
//   fuzz_TARGET FILE_OR_DIRECTORY...
//
// Each file is named before it is run, so the last name is that of the input that aborted. In a directory the
// bounds of a corpus are kept as well. Exit codes: 0 all ran, 1 a file cannot be read or a bound is not kept,
// 2 wrong usage.

#include <algorithm>
#include <cstdio>
#include <filesystem>
#include <fstream>
#include <iterator>
#include <string>
#include <vector>

#include "tests/fuzz/target.h"

namespace {

constexpr std::size_t kMaxCorpusFiles = 29;
constexpr std::uintmax_t kMaxCorpusFileBytes = 4095;

bool Complain(const std::string& path, const char* what) {
  static_cast<void>(std::fprintf(stderr, "%s: %s\n", path.c_str(), what));
  return false;
}

bool Run(const std::string& path) {
  std::ifstream file(path, std::ios::binary);
  const std::string bytes((std::istreambuf_iterator<char>(file)), std::istreambuf_iterator<char>());
  if (!file.is_open() || file.bad()) {
    return Complain(path, "cannot be read");
  }
  static_cast<void>(std::printf("%s\n", path.c_str()));
  static_cast<void>(std::fflush(stdout));
  gaios::fuzz::RunTarget(std::as_bytes(std::span(bytes)));
  return true;
}

bool RunCorpus(const std::string& directory) {
  std::vector<std::string> files;
  for (const auto& entry : std::filesystem::directory_iterator(directory)) {
    files.push_back(entry.path().string());
  }
  std::sort(files.begin(), files.end());
  bool good = !files.empty() || Complain(directory, "is empty");
  if (files.size() > kMaxCorpusFiles) {
    good = Complain(directory, "has more files than a corpus may have");
  }
  for (const std::string& file : files) {
    if (std::filesystem::file_size(file) > kMaxCorpusFileBytes) {
      good = Complain(file, "is larger than a file of a corpus may be");
    }
    good = Run(file) && good;
  }
  return good;
}

}  // namespace

int main(int argc, char** argv) {
  if (argc < 2) {
    static_cast<void>(std::fprintf(stderr, "usage: %s FILE_OR_DIRECTORY...\n", argv[0]));
    return 2;
  }
  bool good = true;
  for (int i = 1; i < argc; ++i) {
    const std::string path = argv[i];
    good = (std::filesystem::is_directory(path) ? RunCorpus(path) : Run(path)) && good;
  }
  return good ? 0 : 1;
}
