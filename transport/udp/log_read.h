#ifndef GAIOS_TRANSPORT_UDP_LOG_READ_H_
#define GAIOS_TRANSPORT_UDP_LOG_READ_H_

// The one read of a peer's log that a replica has under way. It is asked for a stretch at a time, and what is
// missing is asked for again. Its bytes wait here until the read is known to be good: where they would land
// may stand what the replica has accepted (P4). One thread; allocates when it is made.

#include <cstddef>
#include <cstdint>
#include <optional>
#include <span>
#include <vector>

#include "gaios/transport/transport.h"
#include "gaios/transport/udp/receiver.h"
#include "gaios/transport/udp/wire.h"

namespace gaios::transport::udp {

class LogRead {
 public:
  // Pieces of a stretch, at most: what the peer sends at once.
  static constexpr std::size_t kStretch = 32;

  explicit LogRead(std::size_t max_bytes);

  [[nodiscard]] bool active() const { return active_; }
  [[nodiscard]] ReplicaId peer() const { return peer_; }
  [[nodiscard]] const Grant& grant() const { return grant_; }
  [[nodiscard]] std::uint64_t number() const { return number_; }

  // The peer is not asked before Begin.
  void Reserve(ReplicaId peer, const Grant& grant, Range range);
  void Begin(std::size_t piece_bytes);
  [[nodiscard]] bool begun() const { return piece_bytes_ != 0; }
  void End() { active_ = false; }

  // What is to be asked for now, if anything: when the stretch before has come, or `timeout_ns` has passed.
  [[nodiscard]] std::optional<Range> ToAsk(std::uint64_t now_ns, std::uint64_t timeout_ns);
  // Bytes that have come. False when they are none that were asked for. A piece may come again.
  bool Take(Position at, std::span<const std::byte> bytes);
  // Once it has begun and been asked for: since when nothing of it has come.
  [[nodiscard]] std::uint64_t stalled_since_ns() const { return progress_ns_; }
  [[nodiscard]] bool complete() const { return begun() && missing_ == 0; }
  void Land(const LogMemory& log) const;

 private:
  [[nodiscard]] std::size_t Pieces() const { return (range_.size() + piece_bytes_ - 1) / piece_bytes_; }

  std::vector<std::byte> bytes_;
  std::vector<bool> come_;  // by piece
  bool active_ = false;
  ReplicaId peer_;
  Grant grant_;
  std::uint64_t number_ = 0;
  Range range_;
  std::size_t piece_bytes_ = 0;
  std::size_t missing_ = 0;  // pieces
  std::size_t awaited_ = 0;  // of those that were asked for last
  std::size_t first_missing_ = 0;
  std::size_t missing_when_asked_ = 0;
  std::uint64_t asked_ns_ = 0;
  std::uint64_t progress_ns_ = 0;
};

}  // namespace gaios::transport::udp

#endif  // GAIOS_TRANSPORT_UDP_LOG_READ_H_
