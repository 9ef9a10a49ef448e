#ifndef GAIOS_TRANSPORT_UDP_LINK_H_
#define GAIOS_TRANSPORT_UDP_LINK_H_

// One peer as a replica sees it: the connection, the path that it has granted and what is under way on that,
// and what it is owed. Passive state; the transport works on it. Belongs to the transport's thread.

#include <cstdint>

#include "gaios/transport/transport.h"
#include "gaios/transport/udp/control_reads.h"
#include "gaios/transport/udp/port.h"
#include "gaios/transport/udp/posted_queue.h"
#include "gaios/transport/udp/seal.h"
#include "gaios/transport/udp/sender.h"

namespace gaios::transport::udp {

enum class LinkState : std::uint8_t {
  kClosed,
  kTrying,  // the channel is there; whether datagrams come through, both ways and as long as they may be, is
            // not known
  kUp,
};

enum class PathState : std::uint8_t {
  kNone,  // nothing is granted, as far as is known
  kOpen,
  kFenced,  // over; known so that what is posted under it still can be told so
};

// Write access to a peer's log.
struct Path {
  PathState state = PathState::kNone;
  Grant grant;
  Incarnation acceptor;

  [[nodiscard]] bool Is(const Grant& other, Incarnation other_acceptor) const {
    return state == PathState::kOpen && grant == other && acceptor == other_acceptor;
  }
};

// Something that is said until it is answered, ever more rarely.
struct Repeated {
  bool due = false;
  std::uint64_t at_ns = 0;
  std::uint64_t pause_ns = 0;

  void Start(std::uint64_t first_pause_ns) {
    due = true;
    at_ns = 0;
    pause_ns = first_pause_ns;
  }
  void Stop() { due = false; }
  // Whether it is time; counts as said then.
  bool Ring(std::uint64_t now_ns, std::uint64_t longest_pause_ns) {
    if (!due || now_ns < at_ns) {
      return false;
    }
    at_ns = now_ns + pause_ns;
    pause_ns = pause_ns * 2 < longest_pause_ns ? pause_ns * 2 : longest_pause_ns;
    return true;
  }
};

struct Link {
  Link(ReplicaId id, const RttEstimator& fresh)
      : peer(id), fresh_rtt(fresh), sender(kMinPayloadBytes - kOverheadBytes, SendWindow::kFirst, fresh) {}

  // ---- connection
  ReplicaId peer;
  LinkState state = LinkState::kClosed;
  std::uint32_t life = 0;
  Incarnation incarnation;
  Endpoint endpoint;
  std::size_t payload_bytes = 0;  // of a datagram, to and from it
  std::uint64_t tag_out = 0;
  std::uint64_t tag_in = 0;
  Seal seal;
  std::uint64_t heard_ns = 0;   // when something of it came in last
  std::uint64_t trying_ns = 0;  // since when it is tried
  Repeated ping;
  std::uint32_t pings = 0;  // while trying
  bool short_pong = false;  // a datagram of the smallest length has come back
  bool told = false;        // the user knows that it does not come up
  bool unplugged = false;   // it was ended because the port is down, which still is
  RttEstimator fresh_rtt;   // of a way that nothing is known of

  // ---- what is under way to it
  Path path;
  Grant last_grant;  // the latest that a path was opened by, of this incarnation: none is opened twice
  PostedQueue posted;
  Sender sender;
  ControlReads controls;
  std::uint64_t log_pieces = 0;  // of its log, that were asked for and have come

  // ---- what it is owed
  Repeated grant;           // the latest grant is the peer's, and it may not know
  bool fenced_due = false;  // it has written under a grant that is over, or may be about to
  bool ack_due = false;
  std::uint64_t ack_stamp_ns = 0;
  std::uint64_t ack_since_ns = 0;
  bool report_due = false;  // the front of `posted` may have been decided

  [[nodiscard]] bool up() const { return state == LinkState::kUp; }
};

}  // namespace gaios::transport::udp

#endif  // GAIOS_TRANSPORT_UDP_LINK_H_
