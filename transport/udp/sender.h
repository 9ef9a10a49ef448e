#ifndef GAIOS_TRANSPORT_UDP_SENDER_H_
#define GAIOS_TRANSPORT_UDP_SENDER_H_

// The writes of one path under way: operations cut into pieces that each fit a datagram, in flight until they
// are acknowledged, and sent again when they are lost. A piece holds bytes of one range of positions and may
// hold log words beside it; operations that follow one another share pieces.
//
// A piece is lost when several that were sent after it have been taken, or when nothing has come back for a
// timeout. It is read from the ring each time that it is sent. One thread; nothing allocates; no I/O.

#include <array>
#include <cstddef>
#include <cstdint>
#include <span>

#include "gaios/transport/transport.h"
#include "gaios/transport/udp/posted_queue.h"
#include "gaios/transport/udp/rtt_estimator.h"
#include "gaios/transport/udp/send_window.h"
#include "gaios/transport/udp/wire.h"

namespace gaios::transport::udp {

struct Piece {
  enum class State : std::uint8_t { kNone, kInFlight, kLost, kTaken };
  Position position;
  std::uint32_t bytes = 0;
  std::uint8_t word_set = 0;
  State state = State::kNone;
  std::array<std::uint64_t, kLogWords> words = {};
  std::uint64_t order = 0;  // of the latest time that it was sent, among all sendings of the path
  std::uint64_t loan = 0;   // the latest by which a port may read it; 0: none
};

struct SenderCounters {
  std::uint64_t sent = 0;          // pieces, each sending counted
  std::uint64_t lost = 0;          // of these, taken for lost because later ones arrived
  std::uint64_t timeouts = 0;      // nothing came back for a timeout
  std::uint64_t acks = 0;          // that brought something
  std::uint64_t acks_refused = 0;  // for what was never sent
};

class Sender {
 public:
  // `piece_bytes` of the log go into a datagram; `room` datagrams into the peer's receive queue.
  Sender(std::size_t piece_bytes, std::uint32_t room, const RttEstimator& fresh)
      : piece_bytes_(piece_bytes), rtt_(fresh), window_(room) {}

  // Another path begins: sequences count from 1 again, and what was under way is forgotten, with its loans,
  // which must be over. What is known of the way stays.
  void Restart();
  // The way is another one.
  void Rewire(std::size_t piece_bytes, std::uint32_t room, const RttEstimator& fresh);

  // The next piece that is to go out now, or null. The same until Sent is called.
  [[nodiscard]] const Piece* Next(PostedQueue& posted, std::uint64_t now_ns);
  [[nodiscard]] std::uint64_t next_sequence() const { return offered_; }
  // The piece that Next has given was handed to the port; `loan`: by that, 0 by a copy.
  void Sent(std::uint64_t now_ns, std::uint64_t loan = 0);

  // Takes in an acknowledgement. Returns whether anything that was not known to be taken is now.
  bool OnAck(const AckBody& ack, std::span<const std::byte> bitmap, std::uint64_t now_ns);
  // Takes pieces for lost when it is time for that.
  void RunTimer(std::uint64_t now_ns);
  void SampleRtt(std::uint64_t rtt_ns) { rtt_.Sample(rtt_ns); }

  // Every piece up to here has been taken.
  [[nodiscard]] std::uint64_t cumulative() const { return cumulative_; }
  // And no port reads one up to here any more (P8).
  [[nodiscard]] std::uint64_t settled() const { return settled_; }
  // Takes in that all loans up to `loans_over` are over. Returns whether more is settled by that.
  bool Settle(std::uint64_t loans_over) {
    const std::uint64_t before = settled_;
    while (settled_ != cumulative_ && At(settled_ + 1).loan <= loans_over) {
      ++settled_;
    }
    return settled_ != before;
  }
  // The latest loan of this path; 0: none.
  [[nodiscard]] std::uint64_t latest_loan() const { return latest_loan_; }
  // The latest piece that there is.
  [[nodiscard]] std::uint64_t last() const { return last_; }
  // Whether there are pieces that have not been taken.
  [[nodiscard]] bool busy() const { return cumulative_ != last_; }
  // While busy: since when nothing has been taken.
  [[nodiscard]] std::uint64_t stalled_since_ns() const { return progress_ns_; }
  [[nodiscard]] const RttEstimator& rtt() const { return rtt_; }
  [[nodiscard]] const SenderCounters& counters() const { return counters_; }

 private:
  // A piece counts as lost when this many that were sent later have been taken.
  static constexpr std::uint64_t kReordering = 3;
  // So many are sent again at a timeout, however much is under way; what comes back for them tells of the
  // rest.
  static constexpr std::uint32_t kProbes = 2;

  [[nodiscard]] Piece& At(std::uint64_t sequence) { return pieces_[sequence % kWindow]; }
  bool Cut(PostedQueue& posted);
  void Take(std::uint64_t sequence, std::uint64_t latest_order);
  void FindLost(std::uint64_t highest);

  std::size_t piece_bytes_;
  RttEstimator rtt_;
  SendWindow window_;
  SenderCounters counters_;
  std::uint64_t cumulative_ = 0;
  std::uint64_t settled_ = 0;
  std::uint64_t latest_loan_ = 0;
  std::uint64_t last_ = 0;     // the latest that is cut
  std::uint64_t offered_ = 0;  // what Next has given and Sent has not taken; 0 when nothing
  std::uint64_t orders_ = 0;   // sendings
  std::uint64_t newest_ = 0;   // the latest sending of which the piece was taken
  std::uint32_t in_flight_ = 0;
  std::uint32_t lost_ = 0;    // pieces that wait to be sent again, or for the first time
  std::uint32_t probes_ = 0;  // of these, what a timeout sends whatever the window says
  // The latest timeout: when, the latest piece and the latest sending before it.
  std::uint64_t timed_out_ns_ = 0;
  std::uint64_t timed_out_last_ = 0;
  std::uint64_t timed_out_order_ = 0;
  std::uint64_t progress_ns_ = 0;
  std::uint64_t timer_ns_ = 0;
  std::array<Piece, kWindow> pieces_;
};

}  // namespace gaios::transport::udp

#endif  // GAIOS_TRANSPORT_UDP_SENDER_H_
