#ifndef GAIOS_CLI_RELEASE_H_
#define GAIOS_CLI_RELEASE_H_

// Which release of the program this is, for people: `gaios --version`, and what a replica says when it is
// started. Whether two of them speak with each other is decided by the versions of the wires, not by this.

#include <string_view>

namespace gaios::cli {

// As in "0.1.0".
[[nodiscard]] std::string_view Release();

}  // namespace gaios::cli

#endif  // GAIOS_CLI_RELEASE_H_
