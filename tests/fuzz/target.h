#ifndef GAIOS_TESTS_FUZZ_TARGET_H_
#define GAIOS_TESTS_FUZZ_TARGET_H_

// A fuzz target is one function of bytes, which returns when the code under test held what it promises and
// aborts when it did not: by a check of its own (GAIOS_CHECK), one of the library's, or a sanitizer's.
//
// Each target is a program of one source file with the name of the target. With GAIOS_FUZZ=ON it is linked to
// libFuzzer, which makes up the bytes; in every other build to replay.cc, which reads them from files.

#include <cstddef>
#include <span>

namespace gaios::fuzz {

// Defined by each target. The same input does the same thing in every run: nothing is kept from one to the
// next that it could depend on. Does not return when something is wrong.
void RunTarget(std::span<const std::byte> input);

}  // namespace gaios::fuzz

#endif  // GAIOS_TESTS_FUZZ_TARGET_H_
