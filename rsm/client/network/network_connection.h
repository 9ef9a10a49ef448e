#ifndef GAIOS_RSM_CLIENT_NETWORK_NETWORK_CONNECTION_H_
#define GAIOS_RSM_CLIENT_NETWORK_NETWORK_CONNECTION_H_

// A client's way to one replica over the network: the two meet, then the rings are carried by datagrams.
//
// It is lost when the replica lets go of the meeting, when nothing that was sent is acknowledged for
// kSilenceNs, or when the replica sends what no replica does. Every call may make system calls; none waits.
// Connecting allocates the rings; nothing else does. One thread.

#include <cstddef>
#include <cstdint>
#include <memory>
#include <optional>
#include <span>
#include <vector>

#include "gaios/base/clock.h"
#include "gaios/rsm/client/byte_ring.h"
#include "gaios/rsm/client/connection.h"
#include "gaios/rsm/client/network/meeting.h"
#include "gaios/rsm/client/network/ring_stream.h"
#include "gaios/transport/udp/port.h"

namespace gaios::rsm {

class NetworkConnection final : public ClientConnection, private transport::udp::DatagramReceiver {
 public:
  static constexpr std::uint64_t kSilenceNs = 1'000'000'000;

  // `clock` must outlive it.
  NetworkConnection(std::unique_ptr<Meeting> meeting, const base::Clock& clock)
      : meeting_(std::move(meeting)), clock_(clock) {}

  void Advance() override;
  void Close() override;
  void Fetch(std::uint64_t now_ns) override;
  void PassOn(std::uint64_t now_ns) override;
  void PassOnIfIdle(std::uint64_t now_ns) override;

  // Datagrams that came in and were not believed.
  [[nodiscard]] std::uint64_t dropped() const { return dropped_; }
  // Null unless it is connected.
  [[nodiscard]] const RingStream* stream() const {
    if (rings_ == nullptr || !rings_->stream.has_value()) {
      return nullptr;
    }
    return &*rings_->stream;  // NOLINT(bugprone-unchecked-optional-access): it has been looked at
  }

 private:
  struct Rings {
    std::unique_ptr<transport::udp::Port> port;
    transport::udp::Endpoint replica;
    RingIndexes request_indexes;
    RingIndexes response_indexes;
    std::vector<std::byte> requests;
    std::vector<std::byte> responses;
    std::optional<RingStream> stream;  // there once the memory is
  };

  void Begin(Met met);
  void OnDatagram(transport::udp::Endpoint from, std::span<std::byte> payload) override;

  const std::unique_ptr<Meeting> meeting_;
  const base::Clock& clock_;
  std::unique_ptr<Rings> rings_;  // from kReady on
  std::uint64_t fetching_ns_ = 0;
  std::uint64_t dropped_ = 0;
};

}  // namespace gaios::rsm

#endif  // GAIOS_RSM_CLIENT_NETWORK_NETWORK_CONNECTION_H_
