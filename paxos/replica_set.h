#ifndef GAIOS_PAXOS_REPLICA_SET_H_
#define GAIOS_PAXOS_REPLICA_SET_H_

// A set of replicas by their ids, in one word. A plain value; any thread.

#include <bit>
#include <cstddef>
#include <cstdint>

#include "gaios/paxos/limits.h"
#include "gaios/paxos/types.h"

namespace gaios::paxos {

class ReplicaSet {
 public:
  constexpr void Add(ReplicaId id) { bits_ |= Bit(id); }
  constexpr void Remove(ReplicaId id) { bits_ &= ~Bit(id); }
  constexpr void Clear() { bits_ = 0; }
  [[nodiscard]] constexpr bool Contains(ReplicaId id) const { return (bits_ & Bit(id)) != 0; }
  [[nodiscard]] constexpr std::size_t size() const { return static_cast<std::size_t>(std::popcount(bits_)); }
  [[nodiscard]] constexpr bool empty() const { return bits_ == 0; }
  friend constexpr bool operator==(ReplicaSet, ReplicaSet) = default;
  friend constexpr ReplicaSet operator|(ReplicaSet a, ReplicaSet b) { return ReplicaSet(a.bits_ | b.bits_); }
  friend constexpr ReplicaSet operator&(ReplicaSet a, ReplicaSet b) { return ReplicaSet(a.bits_ & b.bits_); }
  friend constexpr ReplicaSet operator-(ReplicaSet a, ReplicaSet b) { return ReplicaSet(a.bits_ & ~b.bits_); }
  constexpr ReplicaSet() = default;

  // In the order of their ids.
  class Iterator {
   public:
    explicit constexpr Iterator(std::uint32_t left) : left_(left) {}
    constexpr ReplicaId operator*() const {
      return ReplicaId(static_cast<std::uint8_t>(std::countr_zero(left_)));
    }
    constexpr Iterator& operator++() {
      left_ &= left_ - 1;
      return *this;
    }
    friend constexpr bool operator==(Iterator, Iterator) = default;

   private:
    std::uint32_t left_;
  };
  [[nodiscard]] constexpr Iterator begin() const { return Iterator(bits_); }
  [[nodiscard]] constexpr Iterator end() const { return Iterator(0); }

 private:
  static_assert(kMaxReplicas <= 32);
  explicit constexpr ReplicaSet(std::uint32_t bits) : bits_(bits) {}
  // An id that no replica may have is in no set.
  static constexpr std::uint32_t Bit(ReplicaId id) {
    return id.value() < 32 ? std::uint32_t{1} << id.value() : 0;
  }

  std::uint32_t bits_ = 0;
};

}  // namespace gaios::paxos

#endif  // GAIOS_PAXOS_REPLICA_SET_H_
