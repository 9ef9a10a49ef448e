#ifndef GAIOS_TRANSPORT_UDP_OPTIONS_H_
#define GAIOS_TRANSPORT_UDP_OPTIONS_H_

// What a UdpTransport is opened with, and what it counts. Plain values.

#include <array>
#include <cstddef>
#include <cstdint>
#include <string>

#include "gaios/base/clock.h"
#include "gaios/transport/transport.h"
#include "gaios/transport/udp/port.h"
#include "gaios/transport/udp/wire.h"

namespace gaios::transport::udp {

struct UdpOptions {
  ReplicaId self;
  // Larger than in every earlier life of this replica; at least 1.
  Incarnation incarnation;
  paxos::GroupId group;
  // Bytes of the ring, a power of two, the same on all replicas.
  std::size_t capacity = std::size_t{16} << 20;
  // Memory of the ring, page-aligned, of `capacity` bytes and zero, where other transports of this replica
  // have the same; it must outlive the transport. Null: its own.
  std::byte* ring = nullptr;
  // Ids of replicas are below this.
  std::size_t replicas = 3;
  // Replicas that are there at once, as a rule, this one included: they share the room for what comes in. 0:
  // as many as there are ids.
  std::size_t expected = 0;
  // Must outlive the transport.
  const base::Clock* clock = nullptr;

  // Whether each datagram carries a MAC. Without, a checksum: whoever can send to the port can then write
  // into the log.
  bool authenticate = true;
  // Whether what is in each is encrypted, so that only who has the key can read it. Goes with authenticate.
  bool encrypt = false;
  // Of the config that says all this, for what a user is told to change in it.
  std::string section = "udp";
  // How long an answer is waited for before something is sent again, at least and at most.
  std::uint64_t min_timeout_ns = 1'000'000;
  std::uint64_t max_timeout_ns = 100'000'000;
  // A peer that has not been heard of for so long, or does not take what is sent, has no link.
  std::uint64_t silence_timeout_ns = 1'000'000'000;
  // Whether connections are made by a thread of the transport's own. Otherwise Poll makes them; for tests.
  bool own_thread = true;
};

// What has happened since the transport was opened. Each only grows.
struct UdpCounters {
  std::array<std::uint64_t, kDrops> dropped = {};  // datagrams that came in, by Drop
  std::uint64_t writes_taken = 0;                  // datagrams of writes, into the own log
  std::uint64_t writes_again = 0;                  // that had been taken
  std::uint64_t writes_fenced = 0;                 // under a grant that is over
  std::uint64_t writes_outside = 0;    // of bytes that must not be overwritten yet, or too far ahead
  std::uint64_t writes_ungranted = 0;  // under a grant that is another's, or that was never given
  std::uint64_t pieces_sent = 0;       // datagrams of writes, to peers' logs
  std::uint64_t pieces_lost = 0;       // of these, known to be lost: later ones arrived
  std::uint64_t timeouts = 0;          // nothing came back in time; sent again
  std::uint64_t acks_sent = 0;
  std::uint64_t messages_sent = 0;
  std::uint64_t messages_dropped = 0;  // no link, or no room in the port's queue
  std::uint64_t answers_late = 0;      // to what was not asked, or not any more
  std::uint64_t links_up = 0;
  std::uint64_t links_down = 0;
  std::uint64_t links_silent = 0;     // of these, because nothing was heard
  std::uint64_t links_unplugged = 0;  // of these, because the port is down, and another path has the peer
  std::uint64_t grants = 0;
  std::uint64_t paths_fenced = 0;  // of ours at peers
};

// What is known of the way to one peer.
struct UdpLinkState {
  bool up = false;
  Endpoint endpoint;
  std::size_t payload_bytes = 0;  // of a datagram
  std::uint64_t rtt_ns = 0;       // smoothed; 0 when not measured yet
  std::uint64_t pieces_sent = 0;  // datagrams of writes to it, since the transport was opened
  std::uint64_t pieces_lost = 0;  // of these, known to be lost
  // Changes whenever the next of the datagrams under way has been taken, or one of a log that is read has
  // come.
  std::uint64_t progress = 0;
};

}  // namespace gaios::transport::udp

#endif  // GAIOS_TRANSPORT_UDP_OPTIONS_H_
