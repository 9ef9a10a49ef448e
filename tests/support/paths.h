#ifndef GAIOS_TESTS_SUPPORT_PATHS_H_
#define GAIOS_TESTS_SUPPORT_PATHS_H_

// Where tests find fixtures and programs. One source knows it, so that all others are the same in every
// clone.

#include <string>

namespace gaios {

[[nodiscard]] std::string SourceDirectory();
// Of the programs of this build.
[[nodiscard]] std::string BinDirectory();

}  // namespace gaios

#endif  // GAIOS_TESTS_SUPPORT_PATHS_H_
