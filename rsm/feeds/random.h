#ifndef GAIOS_RSM_FEEDS_RANDOM_H_
#define GAIOS_RSM_FEEDS_RANDOM_H_

// Random numbers that are the same on every machine and with every standard library: integers alone. The
// distributions of <random> may differ from one library to another, so a seed would not name a flow.
//
// One thread at a time. Not for secrets.

#include <array>
#include <bit>
#include <cstddef>
#include <cstdint>

namespace gaios::feeds {

// Fixed-point numbers with 16 binary places.
inline constexpr int kFixedBits = 16;

namespace random_internal {

// log2 of 1 + i/1024 in fixed point, one more entry than steps so that neighbours can be interpolated.
inline constexpr int kTableBits = 10;
using LogTable = std::array<std::uint32_t, (std::size_t{1} << kTableBits) + 1>;

// The classical digit by digit method: squaring the argument doubles its logarithm.
constexpr LogTable MakeLogTable() {
  constexpr int kArgumentBits = 31;
  constexpr int kDigits = kFixedBits + 4;  // four to round by
  LogTable table = {};
  for (std::size_t i = 0; i < table.size(); ++i) {
    std::uint64_t argument = (std::uint64_t{1} << kArgumentBits) + (i << (kArgumentBits - kTableBits));
    std::uint32_t log = 0;
    if (i + 1 == table.size()) {
      log = std::uint32_t{1} << kDigits;
    } else {
      for (int digit = 0; digit < kDigits; ++digit) {
        argument = argument * argument >> kArgumentBits;
        const bool is_one = argument >= std::uint64_t{1} << (kArgumentBits + 1);
        argument >>= is_one ? 1 : 0;
        log = log << 1 | (is_one ? 1U : 0U);
      }
    }
    table[i] = (log + 8) >> 4;
  }
  return table;
}
inline constexpr LogTable kLogTable = MakeLogTable();

}  // namespace random_internal

// -ln(bits / 2^64) in fixed point. Where `bits` is uniform the result has the exponential distribution of
// mean 1.0.
[[nodiscard]] constexpr std::uint64_t ExponentialOf(std::uint64_t bits) {
  constexpr std::uint64_t kLn2 = 45426;  // ln 2 in fixed point
  bits |= 1;                             // the logarithm of zero is not wanted
  const int leading = std::countl_zero(bits);
  const std::uint64_t mantissa = bits << leading << 1;  // the fraction after the leading one
  const auto index = static_cast<std::size_t>(mantissa >> (64 - random_internal::kTableBits));
  const std::uint64_t between = mantissa << random_internal::kTableBits >> (64 - kFixedBits);
  const std::uint64_t low = random_internal::kLogTable[index];
  const std::uint64_t high = random_internal::kLogTable[index + 1];
  const std::uint64_t fraction = low + ((high - low) * between >> kFixedBits);
  const std::uint64_t minus_log2 = ((static_cast<std::uint64_t>(leading) + 1) << kFixedBits) - fraction;
  return minus_log2 * kLn2 >> kFixedBits;
}

// SplitMix64: Steele, Lea, Flood, "Fast splittable pseudorandom number generators", OOPSLA 2014, figure 14.
class Random {
 public:
  explicit constexpr Random(std::uint64_t seed) : state_(seed) {}

  [[nodiscard]] constexpr std::uint64_t Next() {
    state_ += 0x9e3779b97f4a7c15U;
    std::uint64_t mixed = state_;
    mixed = (mixed ^ (mixed >> 30)) * 0xbf58476d1ce4e5b9U;
    mixed = (mixed ^ (mixed >> 27)) * 0x94d049bb133111ebU;
    return mixed ^ (mixed >> 31);
  }

  // Uniform in [0, bound), to within bound / 2^32.
  [[nodiscard]] constexpr std::uint32_t Below(std::uint32_t bound) {
    return static_cast<std::uint32_t>((Next() >> 32) * bound >> 32);
  }

  // Geometric from 0, with about this mean: the whole part of an exponential. At most 45 times the mean.
  [[nodiscard]] constexpr std::uint64_t Geometric(std::uint32_t mean) {
    return ExponentialOf(Next()) * mean >> kFixedBits;
  }

 private:
  std::uint64_t state_;
};

}  // namespace gaios::feeds

#endif  // GAIOS_RSM_FEEDS_RANDOM_H_
