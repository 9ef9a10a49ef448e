#ifndef GAIOS_TESTS_SIM_PLAN_H_
#define GAIOS_TESTS_SIM_PLAN_H_

// One run as drawn from a profile and a seed: everything that is fixed before it begins.

#include <array>
#include <cstddef>
#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "gaios/paxos/options.h"
#include "gaios/transport/fallback/fallback_transport.h"
#include "gaios/transport/sim/world.h"

#include "tests/sim/client.h"
#include "tests/sim/deed.h"
#include "tests/sim/mail.h"
#include "tests/sim/order_flow.h"
#include "tests/sim/profile.h"

namespace gaios::sim {

struct Plan {
  std::uint64_t seed = 1;
  transport::sim::WorldOptions world;
  std::size_t voters = 3;  // that the group begins with; the others of the world are spares
  paxos::Options protocol;
  std::optional<transport::fallback::FallbackOptions> fallback;  // links have two paths
  std::uint64_t hash_interval_commands = 100;
  std::uint64_t turn_ns = 500;
  std::uint64_t max_snapshot_ns = 0;
  std::vector<std::int64_t> clock_gain_ppm;
  std::vector<std::uint64_t> clock_origin_ns;
  MailOptions mail;
  std::vector<ClientOptions> clients;
  OrderFlowOptions flow;
  std::array<std::uint32_t, kDeeds> weights = {};
  std::uint64_t deed_gap_ns = 0;  // mean
  std::uint64_t commits = 1000;
  bool preferences = false;  // some are to lead rather than others

  // `replicas`, those that the group begins with, 0: drawn too.
  [[nodiscard]] static Plan Draw(const Profile& profile, std::uint64_t seed, std::size_t replicas);
  // In a line, for people.
  [[nodiscard]] std::string Describe() const;
};

}  // namespace gaios::sim

#endif  // GAIOS_TESTS_SIM_PLAN_H_
