#ifndef GAIOS_CLI_DOCTOR_FINDING_H_
#define GAIOS_CLI_DOCTOR_FINDING_H_

// One thing that `gaios doctor` has found out about this host. Plain values.

#include <string>
#include <string_view>
#include <vector>

namespace gaios::cli {

enum class Level : unsigned char {
  kOk,       // as it should be
  kInfo,     // good to know; nothing needs to be done
  kWarning,  // works, but slower or less steadily than this host could
  kError,    // does not work
};

[[nodiscard]] constexpr std::string_view LevelName(Level level) {
  switch (level) {
    case Level::kOk:
      return "ok";
    case Level::kInfo:
      return "info";
    case Level::kWarning:
      return "warning";
    case Level::kError:
      return "error";
  }
  return "unknown";
}

struct Finding {
  std::string id;  // stable, for scripts: "huge_pages"
  Level level = Level::kOk;
  std::string text;  // what is so
  std::string fix;   // what to do about it; empty when there is nothing to do
};

using Findings = std::vector<Finding>;

}  // namespace gaios::cli

#endif  // GAIOS_CLI_DOCTOR_FINDING_H_
