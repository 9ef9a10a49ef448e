#ifndef GAIOS_PAXOS_TYPES_H_
#define GAIOS_PAXOS_TYPES_H_

// The nouns of the protocol as types that do not convert into each other: replica ids, incarnations, ballots,
// grants, slots and positions. All are plain values, free to copy, and safe to use from any thread.

#include <compare>
#include <cstddef>
#include <cstdint>

namespace gaios::paxos {

// A number with a name: compares with its own kind only, converts only when asked.
template <typename Tag, typename Number>
class Named {
 public:
  using Rep = Number;
  constexpr Named() = default;
  explicit constexpr Named(Number value) : value_(value) {}
  [[nodiscard]] constexpr Number value() const { return value_; }
  friend constexpr auto operator<=>(Named, Named) = default;

 private:
  Number value_ = 0;
};

// Index of a replica in its group, from 0.
using ReplicaId = Named<struct ReplicaIdTag, std::uint8_t>;

// The life of a replica's process: 1 at bootstrap, larger at each later start, 0 for none. 24 bits are used.
using Incarnation = Named<struct IncarnationTag, std::uint32_t>;

// Identity of a group and its epoch; entries and messages of another group are never taken for ours.
using GroupId = Named<struct GroupIdTag, std::uint64_t>;

// The number of an entry in the log, from 1. A slot holds one entry: a batch of commands, or a record of the
// protocol.
using Slot = Named<struct SlotTag, std::uint64_t>;

// A byte offset in the log; only grows. Position p lives at p % capacity of the ring.
class Position {
 public:
  constexpr Position() = default;
  explicit constexpr Position(std::uint64_t value) : value_(value) {}
  [[nodiscard]] constexpr std::uint64_t value() const { return value_; }
  friend constexpr auto operator<=>(Position, Position) = default;
  friend constexpr Position operator+(Position p, std::uint64_t bytes) { return Position(p.value_ + bytes); }
  // Distance in bytes; `a` must not be before `b`.
  friend constexpr std::uint64_t operator-(Position a, Position b) { return a.value_ - b.value_; }

 private:
  std::uint64_t value_ = 0;
};

// Bytes [from, to) of the log.
struct Range {
  Position from;
  Position to;
  [[nodiscard]] constexpr std::uint64_t size() const { return to - from; }
  [[nodiscard]] constexpr bool empty() const { return from == to; }
  friend constexpr bool operator==(const Range&, const Range&) = default;
};

// (round, replica, incarnation) packed into 64 bits, compared in that order: unique to one life of one
// proposer, totally ordered, and small enough to be stored and read as one word. Zero is "none".
class Ballot {
 public:
  static constexpr std::uint32_t kMaxIncarnation = (1U << 24) - 1;

  constexpr Ballot() = default;
  constexpr Ballot(std::uint32_t round, ReplicaId replica, Incarnation incarnation)
      : packed_((static_cast<std::uint64_t>(round) << 32) |
                (static_cast<std::uint64_t>(replica.value()) << 24) |
                (incarnation.value() & kMaxIncarnation)) {}
  static constexpr Ballot FromPacked(std::uint64_t packed) {
    Ballot ballot;
    ballot.packed_ = packed;
    return ballot;
  }
  [[nodiscard]] constexpr std::uint64_t packed() const { return packed_; }
  [[nodiscard]] constexpr std::uint32_t round() const { return static_cast<std::uint32_t>(packed_ >> 32); }
  [[nodiscard]] constexpr ReplicaId replica() const {
    return ReplicaId(static_cast<std::uint8_t>((packed_ >> 24) & 0xff));
  }
  [[nodiscard]] constexpr Incarnation incarnation() const {
    return Incarnation(static_cast<std::uint32_t>(packed_ & kMaxIncarnation));
  }
  [[nodiscard]] constexpr bool none() const { return packed_ == 0; }
  friend constexpr auto operator<=>(Ballot, Ballot) = default;

 private:
  std::uint64_t packed_ = 0;
};

// Write access to one acceptor's log: the promise of `ballot` made physical. Grants of an acceptor are
// ordered by (ballot, number); a re-grant under one ballot (a new path, a link that came back) is the next
// number.
struct Grant {
  Ballot ballot;
  std::uint64_t number = 0;
  friend constexpr auto operator<=>(const Grant&, const Grant&) = default;
};

// One life of one replica: what quorums are counted over.
struct Member {
  ReplicaId id;
  Incarnation incarnation;
  friend constexpr auto operator<=>(const Member&, const Member&) = default;
};

// Nanoseconds of a monotonic clock whose zero means nothing. The core is told the time, it never asks.
using TimeNs = std::uint64_t;

static_assert(sizeof(Ballot) == 8 && sizeof(Position) == 8 && sizeof(Slot) == 8);
static_assert(Ballot(1, ReplicaId(0), Incarnation(0)) > Ballot(0, ReplicaId(255), Incarnation(7)));

}  // namespace gaios::paxos

#endif  // GAIOS_PAXOS_TYPES_H_
