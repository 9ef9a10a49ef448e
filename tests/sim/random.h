#ifndef GAIOS_TESTS_SIM_RANDOM_H_
#define GAIOS_TESTS_SIM_RANDOM_H_

// The source of every choice of a run: the same seed gives the same numbers on every machine and with every
// standard library. SplitMix64 (Steele, Lea, Flood 2014). One thread.

#include <cstdint>

namespace gaios::sim {

class Random {
 public:
  explicit Random(std::uint64_t seed) : state_(seed) {}

  std::uint64_t Next() {
    state_ += 0x9e3779b97f4a7c15ULL;
    std::uint64_t z = state_;
    z = (z ^ (z >> 30)) * 0xbf58476d1ce4e5b9ULL;
    z = (z ^ (z >> 27)) * 0x94d049bb133111ebULL;
    return z ^ (z >> 31);
  }
  // Below `bound`; 0 when that is 0.
  std::uint64_t Below(std::uint64_t bound) { return bound == 0 ? 0 : Next() % bound; }
  // From `low` to `high`, both included.
  std::uint64_t Between(std::uint64_t low, std::uint64_t high) { return low + Below(high - low + 1); }
  bool Chance(std::uint64_t per_mille) { return Below(1000) < per_mille; }
  // Mostly small, now and then several times `mean`: the gaps of things that happen on their own.
  std::uint64_t Gap(std::uint64_t mean) {
    const std::uint64_t low = Below(mean + 1);
    return Chance(200) ? low * 4 : low;
  }
  // A source of its own, so that what one part draws does not move the others.
  Random Fork() { return Random(Next()); }

 private:
  std::uint64_t state_;
};

}  // namespace gaios::sim

#endif  // GAIOS_TESTS_SIM_RANDOM_H_
