#ifndef GAIOS_CLI_DOCTOR_FIELDS_H_
#define GAIOS_CLI_DOCTOR_FIELDS_H_

// Reads single values out of the kernel's text files, and writes sizes for people. Pure functions.

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

namespace gaios::cli {

// What follows `name` and an optional colon on the first line that begins with it, without white space around
// it.
[[nodiscard]] std::optional<std::string> FieldOf(const std::optional<std::string>& text,
                                                 std::string_view name);

// The same as a number of kibibytes, in bytes: "MemAvailable:   512 kB" is 524288.
[[nodiscard]] std::optional<std::uint64_t> KibibytesOf(const std::optional<std::string>& text,
                                                       std::string_view name);

// The choice in brackets of a kernel switch: "madvise" of "always [madvise] never".
[[nodiscard]] std::string ChosenOf(const std::optional<std::string>& text);

// "64 MiB", "1.5 GiB", "12 bytes".
[[nodiscard]] std::string SizeText(std::uint64_t size_bytes);

}  // namespace gaios::cli

#endif  // GAIOS_CLI_DOCTOR_FIELDS_H_
