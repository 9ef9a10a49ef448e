#ifndef GAIOS_BASE_NEAR_H_
#define GAIOS_BASE_NEAR_H_

// Bytes that have not been used for long are brought near, ahead of the moment when each would be waited for.
// Hints to the processor: nothing is changed and nothing can fail. Thread-safe.

#include <cstddef>
#include <span>

namespace gaios::base {

// Begins to bring the first `most` of `bytes` near, memory or code. Returns the rest.
std::span<const std::byte> BringNear(std::span<const std::byte> bytes, std::size_t most);

// The machine code of the layers that are marked as such where they are built (cmake/layers.cmake), some 170
// KiB. Empty in a program that was linked from others' objects, or by a linker that does not gather it.
std::span<const std::byte> OwnCode();

}  // namespace gaios::base

#endif  // GAIOS_BASE_NEAR_H_
