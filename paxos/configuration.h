#ifndef GAIOS_PAXOS_CONFIGURATION_H_
#define GAIOS_PAXOS_CONFIGURATION_H_

// Who votes: a set of (replica, incarnation) pairs, and the counting over it. Pure values; any thread.

#include <algorithm>
#include <array>
#include <cstddef>
#include <span>

#include "gaios/base/check.h"
#include "gaios/paxos/limits.h"
#include "gaios/paxos/types.h"

namespace gaios::paxos {

class Configuration {
 public:
  Configuration() = default;

  // The configuration a group is bootstrapped with: replicas 0 to `replicas` - 1 in their first incarnation.
  [[nodiscard]] static Configuration Bootstrap(std::size_t replicas) {
    Configuration configuration;
    for (std::size_t i = 0; i < replicas; ++i) {
      configuration.Add({ReplicaId(static_cast<std::uint8_t>(i)), Incarnation(1)});
    }
    return configuration;
  }

  void Add(Member voter) {
    GAIOS_CHECK(size_ < kMaxReplicas, "more voters than kMaxReplicas");
    GAIOS_CHECK(voter.incarnation.value() != 0, "a voter has an incarnation");
    for (const Member& other : voters()) {
      GAIOS_CHECK(other.id != voter.id, "a replica votes once");
    }
    voters_[size_++] = voter;
  }

  // The incarnation in which replica `id` votes, none when it does not vote at all.
  [[nodiscard]] Incarnation IncarnationOf(ReplicaId id) const {
    for (const Member& voter : voters()) {
      if (voter.id == id) {
        return voter.incarnation;
      }
    }
    return {};
  }

  // Replica `id`, which votes, does so from now on as `incarnation`, which is later than that it had.
  void Readmit(ReplicaId id, Incarnation incarnation) {
    for (Member& voter : std::span(voters_).first(size_)) {
      if (voter.id == id) {
        GAIOS_CHECK(incarnation > voter.incarnation, "P7: an incarnation never comes back");
        voter.incarnation = incarnation;
        return;
      }
    }
    GAIOS_CHECK(false, "only a replica of the configuration is readmitted");
  }

  [[nodiscard]] std::span<const Member> voters() const { return {voters_.data(), size_}; }
  [[nodiscard]] std::size_t size() const { return size_; }
  // Votes that decide: more than half of the voters, whether they live or not.
  [[nodiscard]] std::size_t majority() const { return (size_ / 2) + 1; }
  // P7: a replica votes in the incarnation it was admitted with, and in no other.
  [[nodiscard]] bool IsVoter(Member member) const {
    for (const Member& voter : voters()) {
      if (voter == member) {
        return true;
      }
    }
    return false;
  }
  friend bool operator==(const Configuration& a, const Configuration& b) {
    return std::ranges::equal(a.voters(), b.voters());
  }

 private:
  std::array<Member, kMaxReplicas> voters_ = {};
  std::size_t size_ = 0;
};

}  // namespace gaios::paxos

#endif  // GAIOS_PAXOS_CONFIGURATION_H_
