#ifndef GAIOS_PAXOS_OPTIONS_H_
#define GAIOS_PAXOS_OPTIONS_H_

// What a replica of the core is made with.

#include <array>
#include <cstddef>
#include <cstdint>

#include "gaios/paxos/configuration.h"
#include "gaios/paxos/limits.h"
#include "gaios/paxos/types.h"

namespace gaios::paxos {

// How much each replica is preferred as leader, by id: a higher number more, 0 only when nobody else leads.
using Priorities = std::array<std::uint8_t, kMaxReplicas>;
inline constexpr std::uint8_t kUsualPriority = 1;
[[nodiscard]] constexpr Priorities UsualPriorities() {
  Priorities priorities = {};
  priorities.fill(kUsualPriority);
  return priorities;
}

struct Options {
  ReplicaId self;
  // This life of the process. Not the incarnation `configuration` names for `self`: then the replica has
  // forgotten what it promised, never votes, and is a learner (P7).
  Incarnation incarnation = Incarnation(1);
  GroupId group;
  Configuration configuration;

  // Bytes of the ring, equal on all replicas. Larger rings ride out longer pauses of followers and cost
  // memory.
  std::uint64_t capacity_bytes = std::uint64_t{1} << 26;

  // Payload of one entry, bytes. Larger batches cost latency of the first command in them and save work per
  // command.
  std::uint32_t max_batch_bytes = 32U << 10;

  // Writes under way on one link before commands gather into larger ones.
  std::size_t pipeline_depth = 16;

  // How often a leader beats and a follower looks, ns.
  TimeNs heartbeat_interval_ns = 5'000'000;

  // Silence after which a follower agrees that its leader is gone, ns. Must be well above the longest time
  // that a process of this machine is descheduled for; smaller fails over faster and more often for nothing.
  TimeNs suspect_timeout_ns = 100'000'000;

  // A follower that has seen its leader silent for long, and then beat again, waits longer than the suspect
  // timeout before it suspects, ns: three times the longest gap of late, at most this. Not above the suspect
  // timeout: it never does.
  TimeNs suspect_timeout_most_ns = 1'000'000'000;

  // Who would campaign waits up to this long, by chance, so that two seldom start together, ns. The next in
  // line does not.
  TimeNs election_jitter_ns = 10'000'000;

  // After this long a candidate gives up and tries again later, ns.
  TimeNs election_timeout_ns = 100'000'000;

  // A follower that applies nothing for this long while the ring is full because of it leaves the in-sync
  // set, as long as a majority stays in it, ns.
  TimeNs drop_timeout_ns = 200'000'000;

  // A follower that lacks much is filled with at most so many bytes a second, in small pieces, so that
  // commits do not wait behind them; what is appended meanwhile comes on top, and so does everything when no
  // majority would be left without it. 0: as fast as it goes.
  std::uint64_t fill_bytes_per_second = std::uint64_t{32} << 20;

  // Whether a peer whose link is down may come back with its memory, as over a network. Then what it lacks is
  // retained for it through elections, as far as the ring reaches, and each grant looks at that much more of
  // the log. Where a link ends with the process alone there is nobody to retain it for.
  bool links_come_back = false;

  // Whether the group stays as it was bootstrapped: the transport reaches those of the configuration alone,
  // or the bootstrap is not known well enough. Then configuration changes are refused.
  bool fixed_members = false;

  // Equal on all replicas. Safety and liveness rest on neither of these two: decision 22.
  Priorities priorities = UsualPriorities();

  // A leader hands over to a replica of a higher priority that has kept up for so long, ns. Smaller comes
  // back sooner, and for less: one that comes and goes takes the leadership along each time.
  TimeNs preferred_after_ns = 5'000'000'000;

  // Before a planned hand-over its leader has all stand by, and leads on until they have answered, for so
  // long at most, ns. Then what a hand-over takes is awake and at hand, and the gap in commits is shorter. 0:
  // not.
  TimeNs stand_by_ns = 2'000'000;

  // Whether `a` is to lead rather than `b`: its priority is higher, or equal and its id lower.
  [[nodiscard]] bool GoesFirst(ReplicaId a, ReplicaId b) const {
    const std::uint8_t of_a = priorities.at(a.value());
    const std::uint8_t of_b = priorities.at(b.value());
    return of_a != of_b ? of_a > of_b : a < b;
  }
  // How many ids go before `self`.
  [[nodiscard]] std::size_t Rank() const {
    std::size_t rank = 0;
    for (std::size_t i = 0; i < kMaxReplicas; ++i) {
      rank += GoesFirst(ReplicaId(static_cast<std::uint8_t>(i)), self) ? 1U : 0U;
    }
    return rank;
  }

  // Source of the jitter. The core draws from nothing else, so a run is repeated by its inputs and this.
  std::uint64_t seed = 1;
};

}  // namespace gaios::paxos

#endif  // GAIOS_PAXOS_OPTIONS_H_
