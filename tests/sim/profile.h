#ifndef GAIOS_TESTS_SIM_PROFILE_H_
#define GAIOS_TESTS_SIM_PROFILE_H_

// What kinds of runs there are: which deeds a run may do, how often, and what its network, memory and clients
// may be like. From a profile and a seed, Plan draws one run.

#include <array>
#include <cstdint>
#include <span>
#include <string_view>

#include "tests/sim/deed.h"

namespace gaios::sim {

// How much of something a run may have.
enum class Share : std::uint8_t { kNone, kSome, kMuch };

struct Profile {
  std::string_view name;
  std::string_view description;
  // How often each deed is chosen, against the others; 0: never.
  std::array<std::uint32_t, kDeeds> weights = {};
  // Leaves out each deed by chance, so that runs differ in kind and not only in order.
  bool swarm = false;
  Share lossy_messages = Share::kSome;
  Share torn_writes = Share::kSome;
  Share odd_completions = Share::kSome;  // early, late, or though the path was given up
  Share slow_fences = Share::kSome;
  Share clock_rates = Share::kSome;
  Share lossy_clients = Share::kSome;
  bool tiny_ring = false;
  bool spares = false;           // there are replicas that are not in the group when it begins
  bool preferences = false;      // replicas have priorities of their own
  bool two_paths = false;        // of each link, over one log
  bool slow_snapshots = false;   // they take longer than an election
  std::uint64_t commits = 1000;  // a run goes on until it has so many
};

[[nodiscard]] std::span<const Profile> Profiles();
// Null when there is none of that name.
[[nodiscard]] const Profile* FindProfile(std::string_view name);

}  // namespace gaios::sim

#endif  // GAIOS_TESTS_SIM_PROFILE_H_
