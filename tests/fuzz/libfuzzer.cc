// Joins a target to libFuzzer.

#include <cstdint>

#include "tests/fuzz/target.h"

// The name and the C linkage are libFuzzer's.
extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size);

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  gaios::fuzz::RunTarget(std::as_bytes(std::span(data, size)));
  return 0;
}
