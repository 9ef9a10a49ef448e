#ifndef GAIOS_TESTS_SIM_DIGEST_H_
#define GAIOS_TESTS_SIM_DIGEST_H_

// A number that stands for a sequence of numbers: runs with the same digest did the same. Not against
// intent. One thread.

#include <cstddef>
#include <cstdint>
#include <span>

#include <xxhash.h>

namespace gaios::sim {

class Digest {
 public:
  void Add(std::uint64_t number) {
    std::uint64_t z = (value_ ^ number) * 0xff51afd7ed558ccdULL;
    value_ = (z ^ (z >> 32)) + 0x9e3779b97f4a7c15ULL;
  }
  [[nodiscard]] std::uint64_t value() const { return value_; }

 private:
  std::uint64_t value_ = 1;
};

[[nodiscard]] inline std::uint64_t DigestOf(std::span<const std::byte> bytes) {
  return XXH3_64bits(bytes.data(), bytes.size());
}

}  // namespace gaios::sim

#endif  // GAIOS_TESTS_SIM_DIGEST_H_
