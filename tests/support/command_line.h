#ifndef GAIOS_TESTS_SUPPORT_COMMAND_LINE_H_
#define GAIOS_TESTS_SUPPORT_COMMAND_LINE_H_

// What the programs of tests/ have in common: wrong usage is told in one sentence on stderr, with exit
// code 2.

#include <cstdio>
#include <optional>
#include <string>

#include <CLI/CLI.hpp>

namespace gaios {

inline constexpr int kExitUsage = 2;

// Says what is wrong in the name of `program`, and returns the exit code.
inline int Complain(const std::string& program, const std::string& sentence) {
  std::fprintf(stderr, "%s: %s\n", program.c_str(), sentence.c_str());
  return kExitUsage;
}

// The exit code when the program ends here: it was asked for help, or is not used right. Nothing: go on.
inline std::optional<int> EndsWithItsFlags(CLI::App& app, int argc, char** argv) {
  try {
    app.parse(argc, argv);
  } catch (const CLI::ParseError& error) {
    if (error.get_exit_code() == static_cast<int>(CLI::ExitCodes::Success)) {
      return app.exit(error);  // --help
    }
    return Complain(app.get_name(), std::string(error.what()) + "; see " + app.get_name() + " --help");
  }
  return std::nullopt;
}

}  // namespace gaios

#endif  // GAIOS_TESTS_SUPPORT_COMMAND_LINE_H_
