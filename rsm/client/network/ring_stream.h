#ifndef GAIOS_RSM_CLIENT_NETWORK_RING_STREAM_H_
#define GAIOS_RSM_CLIENT_NETWORK_RING_STREAM_H_

// One end of a connection between a client and a replica of another host. Each end has two rings as those
// that a client and a replica of one host share (byte_ring.h), in memory of its own: one that it fills and
// one that it empties. The stream carries the bytes of the first to where the other end has its second, by
// position: so records of any size travel, each byte has one place, and what comes twice, late or out of
// order is where it belongs or changes nothing.
//
// What is in flight is bounded by the ring: its room is free when the other end has taken the record out. A
// datagram that is lost is sent again when three that were sent later have come, or when nothing has come
// back for a timeout (RttEstimator, SendWindow of transport/udp). An acknowledgement rides on what goes the
// other way; alone it goes after kAckDelayNs.
//
// The other end is believed as far as its key: what it says is checked against what was sent, and a record
// that is none makes the stream broken. The memory belongs to the owner. One thread; nothing allocates.

#include <array>
#include <cstddef>
#include <cstdint>
#include <optional>
#include <span>

#include "gaios/rsm/client/byte_ring.h"
#include "gaios/rsm/client/network/wire.h"
#include "gaios/transport/udp/port.h"
#include "gaios/transport/udp/rtt_estimator.h"
#include "gaios/transport/udp/seal.h"
#include "gaios/transport/udp/send_window.h"

namespace gaios::rsm {

struct StreamRings {
  RingIndexes* out_indexes = nullptr;
  std::span<const std::byte> out;  // filled here, emptied at the other end
  RingIndexes* in_indexes = nullptr;
  std::span<std::byte> in;  // filled at the other end, emptied here
};

// What both ends have agreed on.
struct StreamTerms {
  std::uint64_t group = 0;
  std::uint16_t place = 0;
  std::uint64_t tag_out = 0;
  std::uint64_t tag_in = 0;
  std::size_t payload_bytes = 0;
};

struct StreamCounters {
  std::uint64_t sent = 0;        // datagrams
  std::uint64_t sent_again = 0;  // of these, with bytes that had been sent before
  std::uint64_t timeouts = 0;
  std::uint64_t taken = 0;  // datagrams that were believed
  std::uint64_t again = 0;  // of these, with bytes that were here already
};

class RingStream {
 public:
  static constexpr std::uint64_t kAckDelayNs = 200'000;
  static constexpr std::uint64_t kMinTimeoutNs = 1'000'000;
  static constexpr std::uint64_t kMaxTimeoutNs = 100'000'000;
  // Of an end that keeps the connection alive: it asks when it has heard nothing for so long.
  static constexpr std::uint64_t kKeepAliveNs = 1'000'000'000;

  // `sends` is what this end sends; a client's keeps the connection alive. The rings are fresh.
  RingStream(NetworkKind sends, const StreamRings& rings, const StreamTerms& terms, transport::udp::Seal seal,
             std::uint64_t now_ns);

  // Takes in a datagram that was found right in form, `payload` being all of it, which is decrypted in place.
  // Why it is not believed, if so; nothing but the payload is changed then.
  [[nodiscard]] std::optional<transport::udp::Drop> Take(NetworkDatagram& datagram,
                                                         std::span<std::byte> payload, std::uint64_t now_ns);
  // Hands the port what is to be sent now. Returns whether there was anything; it is not flushed.
  bool SendDue(transport::udp::Port& port, transport::udp::Endpoint to, std::uint64_t now_ns);
  // Whether SendDue has anything to do that is not a matter of time.
  [[nodiscard]] bool has_more() const { return ack_now_ || next_ != Published() || repair_ != repair_end_; }

  // Nothing that was sent is without an acknowledgement.
  [[nodiscard]] bool idle() const { return acked_ == sent_; }
  // The other end has sent what no end sends, or nothing may be sent any more.
  [[nodiscard]] bool broken() const { return broken_; }
  [[nodiscard]] std::uint64_t heard_ns() const { return heard_ns_; }
  // For how long an answer has been waited for in vain.
  [[nodiscard]] std::uint64_t SilentNs(std::uint64_t now_ns) const;
  [[nodiscard]] std::uint64_t rtt_ns() const { return rtt_.smoothed_ns(); }  // 0: not measured
  [[nodiscard]] const StreamCounters& counters() const { return counters_; }
  [[nodiscard]] const StreamTerms& terms() const { return terms_; }

 private:
  struct Range {
    std::uint64_t begin = 0;
    std::uint64_t end = 0;
  };
  static constexpr std::size_t kMostRanges = 16;
  // Datagrams that were sent later and have come, before one is taken for lost.
  static constexpr std::uint8_t kReordering = 3;
  // Of asking how much room there is, when the other end has said that it has not taken everything out: the
  // first time; doubled each time up to kKeepAliveNs.
  static constexpr std::uint64_t kAskRoomNs = 10'000'000;

  [[nodiscard]] std::uint64_t Published() const {
    return rings_.out_indexes->tail.load(std::memory_order_acquire);
  }
  [[nodiscard]] std::uint64_t Consumed() const {
    return rings_.in_indexes->head.load(std::memory_order_acquire);
  }
  [[nodiscard]] bool Plausible(const NetworkDatagram& datagram) const;
  void TakeTimes(const NetworkHeader& header, std::uint64_t now_ns);
  void TakeAck(const NetworkHeader& header, std::uint64_t now_ns);
  void TakeBytes(std::uint64_t position, std::span<const std::byte> bytes);
  bool KeepRange(Range range);
  void Publish();
  void CopyIn(std::uint64_t position, std::span<const std::byte> bytes);
  void CopyOut(std::uint64_t position, std::span<std::byte> bytes) const;
  void RunTimer(std::uint64_t now_ns);
  [[nodiscard]] bool AckIsDue(std::uint64_t now_ns);
  [[nodiscard]] bool AnswerIsWanted(std::uint64_t now_ns);
  bool SendPiece(transport::udp::Port& port, transport::udp::Endpoint to, std::uint64_t now_ns,
                 std::uint64_t position, std::uint64_t end, bool answer);

  const NetworkKind sends_;
  const StreamRings rings_;
  const StreamTerms terms_;
  const std::size_t piece_bytes_;  // of the ring in a datagram, at most
  transport::udp::Seal seal_;
  transport::udp::RttEstimator rtt_{kMinTimeoutNs, kMaxTimeoutNs};
  transport::udp::SendWindow window_{transport::udp::SendWindow::kFirst * 4};
  StreamCounters counters_;
  bool broken_ = false;

  // Sending. consumed <= acked_ <= next_ <= sent_ <= published.
  std::uint64_t acked_ = 0;  // it is there
  std::uint64_t next_ = 0;   // what goes out next; behind sent_ after a timeout
  std::uint64_t sent_ = 0;   // it has been sent at least once
  std::uint64_t peer_consumed_ = 0;
  std::uint64_t repair_ = 0;  // to be sent again, up to ...
  std::uint64_t repair_end_ = 0;
  std::uint64_t timer_ns_ = 0;    // since when nothing was acknowledged
  std::uint64_t waiting_ns_ = 0;  // since when an answer is waited for, while not idle
  std::uint64_t asked_ns_ = 0;    // last time that an answer was asked for
  std::uint64_t ask_after_ns_ = kAskRoomNs;

  // Receiving.
  std::uint64_t received_ = 0;                  // everything before is here
  std::uint64_t published_ = 0;                 // whole records, of which the reader knows
  std::uint64_t walked_ = 0;                    // where the next record begins that was not looked at
  std::array<Range, kMostRanges> ranges_ = {};  // beyond received_, in order, apart from each other
  std::size_t range_count_ = 0;
  std::uint8_t beyond_ = 0;  // datagrams that have come there, 255 for more
  bool ack_now_ = false;
  std::uint64_t ack_at_ns_ = 0;  // 0: nothing is to be told
  std::uint64_t told_received_ = 0;
  std::uint64_t told_consumed_ = 0;
  std::uint64_t heard_ns_;
  std::uint64_t echo_ns_ = 0;       // stamp of the latest that came
  std::uint64_t echo_came_ns_ = 0;  // when that was
  std::uint64_t echoed_ns_ = 0;     // the latest stamp of ours that came back
};

}  // namespace gaios::rsm

#endif  // GAIOS_RSM_CLIENT_NETWORK_RING_STREAM_H_
