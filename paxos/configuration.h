#ifndef GAIOS_PAXOS_CONFIGURATION_H_
#define GAIOS_PAXOS_CONFIGURATION_H_

// Who is in the group: the voters, a set of (replica, incarnation) pairs, with the counting over it; the
// learners; where each is to be found; and who has been removed. Pure values; any thread. The initial one is
// that of the bootstrap, every other follows from it by what stands in the log.

#include <algorithm>
#include <array>
#include <cstddef>
#include <cstdint>
#include <span>

#include "gaios/base/check.h"
#include "gaios/paxos/address.h"
#include "gaios/paxos/limits.h"
#include "gaios/paxos/replica_set.h"
#include "gaios/paxos/types.h"

namespace gaios::paxos {

// What a replica of the group is to it.
enum class Standing : std::uint8_t {
  kNone,     // not in it
  kLearner,  // is filled, and never votes
  kJoining,  // the same, and votes once it has been filled: it is admitted by the log
  kVoter,
};

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

  // A voter more. Of a learner that it was nothing is left.
  void Add(Member voter) {
    GAIOS_CHECK(size_ < kMaxReplicas, "more voters than kMaxReplicas");
    GAIOS_CHECK(voter.id.value() < kMaxReplicas, "replica id out of bounds");
    GAIOS_CHECK(voter.incarnation.value() != 0, "a voter has an incarnation");
    GAIOS_CHECK(!voting_.Contains(voter.id), "a replica votes once");
    GAIOS_CHECK(voter.incarnation > GoneAs(voter.id), "P7: an incarnation that was removed never comes back");
    std::size_t at = size_++;
    for (; at > 0 && voters_[at - 1].id > voter.id; --at) {  // in the order of their ids
      voters_[at] = voters_[at - 1];
    }
    voters_[at] = voter;
    voting_.Add(voter.id);
    learning_.Remove(voter.id);
    joining_.Remove(voter.id);
  }

  // A learner more, or another kind of learner. Not of a voter.
  void AddLearner(ReplicaId id, bool joins) {
    GAIOS_CHECK(id.value() < kMaxReplicas && !voting_.Contains(id), "a voter is no learner");
    learning_.Add(id);
    joining_.Remove(id);
    if (joins) {
      joining_.Add(id);
    }
  }

  // Replica `id` is in the group no more; the incarnation that it voted in, and all before it, never again.
  void Remove(ReplicaId id) {
    learning_.Remove(id);
    joining_.Remove(id);
    addresses_.at(id.value()) = Address();
    for (std::size_t i = 0; i < size_; ++i) {
      if (voters_[i].id == id) {
        GAIOS_CHECK(size_ > 1, "a group has a voter");
        gone_[id.value()] = voters_[i].incarnation;
        std::shift_left(voters_.begin() + static_cast<std::ptrdiff_t>(i), voters_.end(), 1);
        voters_[--size_] = Member();
        voting_.Remove(id);
        return;
      }
    }
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

  void SetAddress(ReplicaId id, const Address& address) { addresses_.at(id.value()) = address; }
  // The last incarnation of `id` that was removed, as read from a snapshot.
  void SetGone(ReplicaId id, Incarnation incarnation) { gone_.at(id.value()) = incarnation; }

  [[nodiscard]] std::span<const Member> voters() const { return {voters_.data(), size_}; }
  [[nodiscard]] std::size_t size() const { return size_; }  // voters
  [[nodiscard]] ReplicaSet voting() const { return voting_; }
  [[nodiscard]] ReplicaSet learning() const { return learning_; }
  [[nodiscard]] ReplicaSet everybody() const { return voting_ | learning_; }
  [[nodiscard]] Standing StandingOf(ReplicaId id) const {
    return voting_.Contains(id)     ? Standing::kVoter
           : joining_.Contains(id)  ? Standing::kJoining
           : learning_.Contains(id) ? Standing::kLearner
                                    : Standing::kNone;
  }
  // Where `id` is to be found, none when no change has said so.
  [[nodiscard]] const Address& AddressOf(ReplicaId id) const { return addresses_.at(id.value()); }
  // The last incarnation of `id` that voted and was removed; none when there is none.
  [[nodiscard]] Incarnation GoneAs(ReplicaId id) const {
    return id.value() < kMaxReplicas ? gone_[id.value()] : Incarnation();
  }
  // Votes that decide: more than half of the voters, whether they live or not.
  [[nodiscard]] std::size_t majority() const { return (size_ / 2) + 1; }
  // Whether `votes`, each of a voter in the incarnation it votes in or of nobody here, decide.
  [[nodiscard]] bool HasMajority(ReplicaSet votes) const { return (votes & voting_).size() >= majority(); }
  // P7: a replica votes in the incarnation it was admitted with, and in no other.
  [[nodiscard]] bool IsVoter(Member member) const {
    for (const Member& voter : voters()) {
      if (voter == member) {
        return true;
      }
    }
    return false;
  }
  friend bool operator==(const Configuration&, const Configuration&) = default;

 private:
  std::array<Member, kMaxReplicas> voters_ = {};
  std::size_t size_ = 0;
  ReplicaSet voting_;    // ids of the voters
  ReplicaSet learning_;  // of those that do not vote
  ReplicaSet joining_;   // of learners that are to vote
  std::array<Incarnation, kMaxReplicas> gone_ = {};
  std::array<Address, kMaxReplicas> addresses_ = {};
};

}  // namespace gaios::paxos

#endif  // GAIOS_PAXOS_CONFIGURATION_H_
