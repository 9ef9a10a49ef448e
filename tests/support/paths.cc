#include "tests/support/paths.h"

namespace gaios {

std::string SourceDirectory() {
  return GAIOS_SOURCE_DIR;
}
std::string BinDirectory() {
  return GAIOS_BIN_DIR;
}

}  // namespace gaios
