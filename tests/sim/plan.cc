#include "tests/sim/plan.h"

#include <algorithm>

#include <absl/strings/str_cat.h>

#include "gaios/paxos/limits.h"

#include "tests/sim/random.h"

namespace gaios::sim {
namespace {

constexpr std::uint64_t kUs = 1'000;
constexpr std::uint64_t kMs = 1'000'000;

// Whether a run has something of which its profile allows `share`.
bool Has(Share share, Random& random) {
  return share == Share::kMuch || (share == Share::kSome && random.Chance(600));
}

// A chance in a thousand for something of which the profile allows `share`.
std::uint32_t PerMille(Share share, std::uint32_t most, Random& random) {
  return Has(share, random) ? static_cast<std::uint32_t>(random.Between(most / 10, most)) : 0;
}

void DrawWorld(const Profile& profile, Plan& plan, Random& random) {
  transport::sim::WorldOptions& world = plan.world;
  world.seed = random.Next();
  world.capacity_bytes = paxos::kMinCapacityBytes << (profile.tiny_ring ? 0 : random.Below(4));
  world.min_delay_ns = kUs;
  world.max_delay_ns = (2 * kUs) << random.Below(8);
  world.drop_per_mille = PerMille(profile.lossy_messages, 120, random);
  world.duplicate_per_mille = PerMille(profile.lossy_messages, 120, random);
  world.torn_writes = Has(profile.torn_writes, random);
  world.tear_bytes = random.Chance(700) ? 1 : 8;
  world.max_lag_ns = (50 * kUs) << random.Below(10);
  world.late_completion_per_mille = PerMille(profile.odd_completions, 200, random);
  world.early_completion_per_mille = PerMille(profile.odd_completions, 300, random);
  world.stray_per_mille = PerMille(profile.odd_completions, 800, random);
  world.max_fence_ns = Has(profile.slow_fences, random) ? (100 * kUs) << random.Below(6) : 0;
  world.move_log = random.Chance(500);
  // Not drawn: what the seeds stood for before this was there, they still stand for, one of three of them.
  constexpr std::uint64_t kKindsOfWriting = 3;
  const auto share = static_cast<std::uint32_t>((world.seed >> 8) % 1000 + 1);
  world.at_once_per_mille = world.seed % kKindsOfWriting == 0 ? share : 0;
  world.to_all_per_mille = world.seed % kKindsOfWriting == 1 ? share : 0;
}

void DrawProtocol(Plan& plan, Random& random) {
  paxos::Options& protocol = plan.protocol;
  protocol.group = paxos::GroupId(42);
  protocol.max_batch_bytes = 256U << random.Below(4);
  protocol.pipeline_depth = random.Between(1, 12);
  protocol.suspect_timeout_ns = random.Between(30, 100) * kMs;
  protocol.election_jitter_ns = protocol.suspect_timeout_ns / random.Between(3, 8);
  protocol.election_timeout_ns = protocol.suspect_timeout_ns;
  protocol.drop_timeout_ns = 2 * protocol.suspect_timeout_ns;
  // Not drawn: what the seeds stood for before this was there, they still stand for.
  protocol.links_come_back = plan.world.seed % 2 == 0;
  // A ring is filled within a millisecond else, and writes that are done at once beside that are few.
  if (plan.world.at_once_per_mille != 0 && (plan.world.seed >> 20) % 2 == 0) {
    protocol.fill_bytes_per_second = std::uint64_t{256} << 10 << (plan.world.seed >> 24) % 4;
  }
  plan.hash_interval_commands = random.Between(20, 200);
  plan.turn_ns = random.Between(200, 2'000);
}

void DrawClocks(const Profile& profile, Plan& plan, Random& random) {
  const bool odd = Has(profile.clock_rates, random);
  for (std::size_t i = 0; i < plan.world.replicas; ++i) {
    const auto gain_ppm = static_cast<std::int64_t>(random.Below(400'000)) - 150'000;
    plan.clock_gain_ppm.push_back(odd ? gain_ppm : gain_ppm / 10'000);
    plan.clock_origin_ns.push_back(random.Between(1, 1'000'000) * kMs);
  }
}

void DrawClients(const Profile& profile, Plan& plan, Random& random) {
  plan.mail.max_delay_ns = random.Between(20, 500) * kUs;
  plan.mail.drop_per_mille = PerMille(profile.lossy_clients, 40, random);
  plan.mail.duplicate_per_mille = PerMille(profile.lossy_clients, 100, random);
  plan.mail.overtake_per_mille = PerMille(profile.lossy_clients, 30, random);
  plan.flow.instruments = static_cast<std::uint32_t>(random.Between(1, 6));
  plan.flow.large_per_mille = profile.tiny_ring ? 600 : static_cast<std::uint32_t>(random.Below(4) * 100);
  // An entry holds a quarter of the ring; what comes before a command is less than 64 bytes.
  plan.flow.max_command_bytes = std::min<std::size_t>(
      random.Between(100, 700), plan.world.capacity_bytes / 4 - paxos::EntryBytes(0) - 64);
  const std::size_t clients = random.Between(2, 6);
  const std::uint64_t time_ns = (profile.tiny_ring ? 4'000 : random.Between(1'000, 3'000)) * kMs;
  for (std::size_t i = 0; i < clients; ++i) {
    ClientOptions client;
    client.index = i;
    client.replicas = plan.world.replicas;
    client.window = random.Between(1, 16);
    // What is asked for without faults within `time_ns`; a mean gap is 4 / 5 of what is said.
    client.think_ns = time_ns * clients / profile.commits;
    client.retry_ns = random.Between(10, 80) * kMs;
    client.read_per_mille = static_cast<std::uint32_t>(random.Between(20, 200));
    client.sessionless_per_mille = static_cast<std::uint32_t>(random.Below(60));
    plan.clients.push_back(client);
  }
}

}  // namespace

Plan Plan::Draw(const Profile& profile, std::uint64_t seed, std::size_t replicas) {
  Plan plan;
  plan.seed = seed;
  Random random(seed * 0x2545f4914f6cdd1dULL + 0x5851f42d4c957f2dULL);
  const std::uint64_t size = random.Below(10);
  const std::size_t drawn = size < 5 ? 3 : size < 8 ? 5 : 7;
  plan.voters = replicas != 0 ? replicas : drawn;
  plan.world.replicas = plan.voters;
  if (profile.spares) {
    plan.voters = replicas != 0 ? replicas : random.Between(1, 5);
    plan.world.replicas = std::min<std::size_t>(plan.voters + random.Between(1, 3), paxos::kMaxReplicas);
  }
  DrawWorld(profile, plan, random);
  DrawProtocol(plan, random);
  DrawClocks(profile, plan, random);
  DrawClients(profile, plan, random);
  for (std::size_t i = 0; i < kDeeds; ++i) {
    // The last came later, and no draw is spent on it: so the seeds still stand for what they stood for.
    const bool drawn_for = i < static_cast<std::size_t>(Deed::kDrain);
    const bool left_out = profile.swarm && drawn_for && random.Chance(350);
    plan.weights[i] = left_out ? 0 : profile.weights[i];
  }
  plan.protocol.stand_by_ns = seed % 2 == 0 ? plan.protocol.stand_by_ns : 0;
  plan.deed_gap_ns = random.Between(10, 60) * kMs;
  plan.commits = profile.commits;
  // Longer than an election takes, or than most faults last.
  plan.max_snapshot_ns = profile.slow_snapshots ? 10 * plan.protocol.suspect_timeout_ns : 20 * kMs;
  plan.preferences = profile.preferences;
  if (plan.preferences) {
    for (std::uint8_t& priority : plan.protocol.priorities) {
      priority = static_cast<std::uint8_t>(random.Below(4));
    }
    plan.protocol.preferred_after_ns = random.Between(20, 400) * kMs;
  }
  if (profile.two_paths) {
    plan.world.move_log = false;
    plan.world.at_once_per_mille = 0;
    plan.world.to_all_per_mille = 0;
    transport::fallback::FallbackOptions fallback;
    fallback.stall_timeout_ns = std::max(plan.protocol.suspect_timeout_ns / random.Between(3, 6),
                                         2 * plan.protocol.heartbeat_interval_ns);
    fallback.settle_ns = random.Between(5, 200) * kMs;
    fallback.max_settle_ns = 8 * fallback.settle_ns;
    plan.fallback = fallback;
  }
  return plan;
}

std::string Plan::Describe() const {
  return absl::StrCat(
      "seed ", seed, ": ", world.replicas, " replicas, of which ", voters, " begin the group, rings of ",
      world.capacity_bytes, " bytes, ", clients.size(), " clients; delays up to ", world.max_delay_ns,
      " ns, messages lost ", world.drop_per_mille, " and doubled ", world.duplicate_per_mille,
      " in 1000, writes ",
      world.torn_writes ? absl::StrCat("torn at multiples of ", world.tear_bytes, " bytes") : "whole",
      ", completed early ", world.early_completion_per_mille, ", late ", world.late_completion_per_mille,
      ", stray ", world.stray_per_mille, ", at once ", world.at_once_per_mille, " and to all ",
      world.to_all_per_mille, " in 1000, fences up to ", world.max_fence_ns, " ns, suspicion after ",
      protocol.suspect_timeout_ns, " ns",
      fallback.has_value() ? absl::StrCat(", two paths, given up after ", fallback->stall_timeout_ns,
                                          " ns, gone back to after ", fallback->settle_ns, " ns")
                           : "");
}

}  // namespace gaios::sim
