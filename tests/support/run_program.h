#ifndef GAIOS_TESTS_SUPPORT_RUN_PROGRAM_H_
#define GAIOS_TESTS_SUPPORT_RUN_PROGRAM_H_

// Runs a program of this build to its end, and keeps what it says. For programs that answer and end.

#include <sys/wait.h>
#include <unistd.h>

#include <array>
#include <cstdio>
#include <fstream>
#include <iterator>
#include <string>

#include <gtest/gtest.h>

#include "tests/support/paths.h"

namespace gaios {

struct Ran {
  int exit_code = -1;
  std::string out;
  std::string err;
};

inline std::string ReadText(const std::string& path) {
  std::ifstream file(path);
  return {std::istreambuf_iterator<char>(file), std::istreambuf_iterator<char>()};
}

// A file of this process's own, which nobody else writes; whoever makes it removes it.
inline std::string ScratchFile(const std::string& name) {
  return ::testing::TempDir() + "gaios-" + std::to_string(getpid()) + "-" + name;
}

// `arguments` as a shell has them.
inline Ran RunProgram(const std::string& program, const std::string& arguments) {
  const std::string err = ScratchFile(program + "-err");
  const std::string command = BinDirectory() + "/" + program + " " + arguments + " 2>" + err;
  std::FILE* const out = popen(command.c_str(), "re");
  Ran ran;
  if (out == nullptr) {
    ADD_FAILURE() << "cannot run " << command;
    return ran;
  }
  std::array<char, 4096> piece;
  for (std::size_t got = 0; (got = std::fread(piece.data(), 1, piece.size(), out)) > 0;) {
    ran.out.append(piece.data(), got);
  }
  const int status = pclose(out);
  ran.exit_code = WIFEXITED(status) ? WEXITSTATUS(status) : -1;
  ran.err = ReadText(err);
  std::remove(err.c_str());
  return ran;
}

}  // namespace gaios

#endif  // GAIOS_TESTS_SUPPORT_RUN_PROGRAM_H_
