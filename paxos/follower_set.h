#ifndef GAIOS_PAXOS_FOLLOWER_SET_H_
#define GAIOS_PAXOS_FOLLOWER_SET_H_

// The followers of one leader, and the counting over them and the leader itself. Values without behaviour of
// the protocol; Leader decides. One thread.

#include <array>
#include <cstddef>
#include <cstdint>
#include <span>

#include "gaios/base/check.h"
#include "gaios/paxos/follower_link.h"
#include "gaios/paxos/limits.h"
#include "gaios/paxos/quorum.h"
#include "gaios/paxos/types.h"

namespace gaios::paxos {

class FollowerSet {
 public:
  void Clear() {
    size_ = 0;
    places_ = {};
  }
  // A new follower, as FollowerLink() has it.
  [[nodiscard]] FollowerLink& Add(Member member) {
    GAIOS_CHECK(size_ < links_.size(), "more followers than kMaxReplicas");
    FollowerLink& link = links_[size_++];
    link = {};
    link.member = member;
    places_[member.id.value()] = static_cast<std::uint8_t>(size_);
    return link;
  }

  [[nodiscard]] std::size_t size() const { return size_; }
  [[nodiscard]] std::span<FollowerLink> all() { return {links_.data(), size_}; }
  [[nodiscard]] std::span<const FollowerLink> all() const { return {links_.data(), size_}; }

  [[nodiscard]] FollowerLink* Find(ReplicaId id) {
    const std::size_t place = id.value() < places_.size() ? places_[id.value()] : 0;
    return place == 0 ? nullptr : &links_[place - 1];
  }
  [[nodiscard]] const FollowerLink* Find(ReplicaId id) const {
    const std::size_t place = id.value() < places_.size() ? places_[id.value()] : 0;
    return place == 0 ? nullptr : &links_[place - 1];
  }

  // How many satisfy `predicate`, the leader always being one of them.
  template <typename Predicate>
  [[nodiscard]] std::size_t CountWithLeader(Predicate predicate) const {
    std::size_t count = 1;
    for (const FollowerLink& link : all()) {
      count += predicate(link) ? 1U : 0U;
    }
    return count;
  }

  // The largest value that `majority` have reached: the leader `own`, each follower what `value` says of it.
  template <typename Value, typename Function>
  [[nodiscard]] Value ReachedBy(std::size_t majority, Value own, Function value) const {
    std::array<Value, kMaxReplicas> values;
    std::size_t size = 0;
    values[size++] = own;
    for (const FollowerLink& link : all()) {
      values[size++] = value(link);
    }
    return paxos::ReachedBy<Value>(majority, {values.data(), size});
  }

 private:
  std::array<FollowerLink, kMaxReplicas> links_;
  std::array<std::uint8_t, kMaxReplicas> places_ = {};  // by id: place in links_ plus one, 0 for none
  std::size_t size_ = 0;
};

}  // namespace gaios::paxos

#endif  // GAIOS_PAXOS_FOLLOWER_SET_H_
