// The program `gaios` of the next release: the same objects, and this in the place of cli/release.cc. It
// speaks the same versions of the wires, so both kinds run in one group (upgrade_test.cc).

#include "gaios/cli/release.h"

namespace gaios::cli {

std::string_view Release() {
  return "next";
}

}  // namespace gaios::cli
