#ifndef GAIOS_CLI_WRITE_JSON_H_
#define GAIOS_CLI_WRITE_JSON_H_

// Where --json goes. Pure but for writing.

#include <cstdio>
#include <fstream>
#include <string>

#include <absl/status/status.h>
#include <absl/strings/str_cat.h>
#include <nlohmann/json.hpp>

namespace gaios::cli {

// `destination` is a path, "-" for stdout, or "" for nowhere. What is not UTF-8 is replaced.
[[nodiscard]] inline absl::Status WriteJson(const nlohmann::json& value, const std::string& destination) {
  if (destination.empty()) {
    return absl::OkStatus();
  }
  const std::string text = value.dump(2, ' ', false, nlohmann::json::error_handler_t::replace) + "\n";
  if (destination == "-") {
    std::fputs(text.c_str(), stdout);
    std::fflush(stdout);
    return absl::OkStatus();
  }
  std::ofstream file(destination);
  file << text;
  file.close();
  if (!file) {
    return absl::InvalidArgumentError(absl::StrCat(
        "cannot write --json ", destination, ": name a file in a directory that this user may write to"));
  }
  return absl::OkStatus();
}

// Where text for people goes: out of the way of JSON on stdout.
[[nodiscard]] inline std::FILE* TextStream(const std::string& json_destination) {
  return json_destination == "-" ? stderr : stdout;
}

}  // namespace gaios::cli

#endif  // GAIOS_CLI_WRITE_JSON_H_
