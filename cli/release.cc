#include "gaios/cli/release.h"

namespace gaios::cli {

// Alone in this file: a test links a program of another release with another one.
std::string_view Release() {
  return GAIOS_RELEASE;
}

}  // namespace gaios::cli
