#ifndef GAIOS_PAXOS_QUORUM_H_
#define GAIOS_PAXOS_QUORUM_H_

// Counting. Pure functions and values; any thread.

#include <algorithm>
#include <array>
#include <cstddef>
#include <cstdint>
#include <span>

#include "gaios/base/check.h"
#include "gaios/paxos/limits.h"
#include "gaios/paxos/membership.h"
#include "gaios/paxos/replica_set.h"
#include "gaios/paxos/types.h"

namespace gaios::paxos {

// The largest value that at least `majority` of `values` have reached.
template <typename Value>
[[nodiscard]] Value ReachedBy(std::size_t majority, std::span<const Value> values) {
  GAIOS_CHECK(majority >= 1 && majority <= values.size() && values.size() <= kMaxReplicas,
              "no such majority");
  if (values.size() == 3 && majority == 2) {  // the usual group: the middle one, without a branch
    return std::max(std::min(values[0], values[1]), std::min(std::max(values[0], values[1]), values[2]));
  }
  std::array<Value, kMaxReplicas> sorted;
  for (std::size_t i = 0; i < values.size(); ++i) {  // insertion, largest first: at most kMaxReplicas values
    std::size_t at = i;
    for (; at > 0 && sorted[at - 1] < values[i]; --at) {
      sorted[at] = sorted[at - 1];
    }
    sorted[at] = values[i];
  }
  return sorted[majority - 1];
}

// Votes of distinct voters for one question.
class VoteCount {
 public:
  void Reset() { voted_.Clear(); }
  // Counts `member` if its vote counts (P7); again is once.
  void Add(const Membership& membership, Member member) {
    if (membership.Counts(member)) {
      voted_.Add(member.id);
    }
  }
  [[nodiscard]] ReplicaSet voted() const { return voted_; }
  [[nodiscard]] bool Decides(const Membership& membership) const { return membership.Decides(voted_); }

 private:
  ReplicaSet voted_;
};

}  // namespace gaios::paxos

#endif  // GAIOS_PAXOS_QUORUM_H_
