#ifndef GAIOS_TESTS_SIM_LOCAL_CLOCK_H_
#define GAIOS_TESTS_SIM_LOCAL_CLOCK_H_

// The clock of one replica: that of the world, at a rate and from an origin of its own. The world must
// outlive it.

#include <cstdint>

#include "gaios/base/clock.h"
#include "gaios/transport/sim/world.h"

namespace gaios::sim {

class LocalClock final : public base::Clock {
 public:
  // Gains `gain_ppm` parts per million on the world's clock; less than a million behind it.
  LocalClock(const transport::sim::World& world, std::uint64_t origin_ns, std::int64_t gain_ppm)
      : world_(world), origin_ns_(origin_ns), gain_ppm_(gain_ppm) {}

  [[nodiscard]] std::uint64_t NowNs() const override {
    const auto now_ns = static_cast<std::int64_t>(world_.now_ns());
    return origin_ns_ + static_cast<std::uint64_t>(now_ns + now_ns / 1'000'000 * gain_ppm_);
  }

 private:
  const transport::sim::World& world_;
  const std::uint64_t origin_ns_;
  const std::int64_t gain_ppm_;
};

}  // namespace gaios::sim

#endif  // GAIOS_TESTS_SIM_LOCAL_CLOCK_H_
