#ifndef GAIOS_CLI_COMPLAIN_H_
#define GAIOS_CLI_COMPLAIN_H_

// How the programs of this folder end: one sentence on stderr that names the thing and the fix, and an exit
// code.

#include <cstdio>
#include <string>

#include <absl/status/status.h>

namespace gaios::cli {

inline constexpr int kExitGood = 0;
inline constexpr int kExitDoesNotHold = 1;  // the thing checked does not hold, or the work could not be done
inline constexpr int kExitUsage = 2;        // wrong usage or configuration

[[nodiscard]] inline int Complain(const std::string& sentence, int exit_code) {
  std::fprintf(stderr, "gaios: %s\n", sentence.c_str());
  return exit_code;
}

// What the user can put right is his to put right; the rest is a failure.
[[nodiscard]] inline int Complain(const absl::Status& status) {
  const bool usage = absl::IsInvalidArgument(status) || absl::IsNotFound(status) ||
                     absl::IsAlreadyExists(status) || absl::IsFailedPrecondition(status);
  return Complain(std::string(status.message()), usage ? kExitUsage : kExitDoesNotHold);
}

}  // namespace gaios::cli

#endif  // GAIOS_CLI_COMPLAIN_H_
