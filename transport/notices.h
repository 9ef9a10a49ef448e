#ifndef GAIOS_TRANSPORT_NOTICES_H_
#define GAIOS_TRANSPORT_NOTICES_H_

// What the user should be told about peers that are not talked to: sentences, each at most once per peer and
// cause until a link to that peer comes up. Bounded; allocates, and is used off the fast path only. Not
// thread-safe.

#include <array>
#include <cstddef>
#include <cstdint>
#include <string>
#include <utility>
#include <vector>

#include "gaios/paxos/limits.h"

namespace gaios::transport {

class Notices {
 public:
  // Where to book what cannot be attributed to a replica of the group.
  static constexpr std::size_t kUnknownPeer = paxos::kMaxReplicas;
  static constexpr std::uint32_t kCauses = 32;

  // `cause` is an enumerator of the backend's own, below kCauses.
  template <typename Cause>
  void Add(std::size_t peer, Cause cause, std::string text) {
    std::uint32_t& told = told_[peer];
    const std::uint32_t bit = std::uint32_t{1} << (static_cast<std::uint32_t>(cause) % kCauses);
    if ((told & bit) == 0 && notices_.size() < kMaxNotices) {
      told |= bit;
      notices_.push_back(std::move(text));
    }
  }
  void Forget(std::size_t peer) { told_[peer] = 0; }
  std::vector<std::string> Take() { return std::exchange(notices_, {}); }

 private:
  static constexpr std::size_t kMaxNotices = 64;
  std::array<std::uint32_t, paxos::kMaxReplicas + 1> told_ = {};
  std::vector<std::string> notices_;
};

}  // namespace gaios::transport

#endif  // GAIOS_TRANSPORT_NOTICES_H_
