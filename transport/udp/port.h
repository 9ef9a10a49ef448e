#ifndef GAIOS_TRANSPORT_UDP_PORT_H_
#define GAIOS_TRANSPORT_UDP_PORT_H_

// A way to send and receive UDP datagrams over IPv4: kernel sockets, DPDK, or a test's wire. It knows nothing
// of what is in them. What stands above it decides what is acknowledged, repeated, paced and trusted.
//
// Threads: a Port belongs to one thread. No call blocks. Nothing allocates after the port was opened.

#include <compare>
#include <cstddef>
#include <cstdint>
#include <limits>
#include <span>
#include <string>
#include <vector>

namespace gaios::transport::udp {

// An IPv4 address and a UDP port, both in host byte order.
struct Endpoint {
  std::uint32_t address = 0;
  std::uint16_t port = 0;
  friend constexpr auto operator<=>(const Endpoint&, const Endpoint&) = default;
};

// Counts since the port was opened. Whatever is sent or arrives is in exactly one of its direction.
struct PortCounters {
  std::uint64_t sent = 0;        // datagrams handed to the system or device
  std::uint64_t sent_bytes = 0;  // of their payload
  std::uint64_t not_sent = 0;    // dropped here: no room in the queue, or the system or device refused
  std::uint64_t unreachable =
      0;  // dropped here: nobody has answered for the address (yet), or there is no route
  std::uint64_t received = 0;  // datagrams given to the receiver
  std::uint64_t received_bytes = 0;
  std::uint64_t malformed = 0;  // dropped: truncated, oversized, fragmented, or a wrong checksum
  std::uint64_t foreign = 0;    // dropped by a port that sees a whole link: not for this address and port
  std::uint64_t missed = 0;     // lost before this program saw them, as far as the device or system counts it
  // Beside these:
  std::uint64_t lent = 0;             // part of sent: datagrams of which a part was sent from a loan
  std::uint64_t links_down = 0;       // how often the link below went down
  std::uint64_t wrong_checksums = 0;  // part of malformed; of a port that looks at checksums itself
  std::uint64_t arp_asked = 0;        // of a port that resolves addresses itself
  std::uint64_t arp_answered = 0;
  std::uint64_t arp_conflicts = 0;  // somebody else says that this port's address is theirs
};

// A port's least_loan() where it takes none.
inline constexpr std::size_t kNoLoans = std::numeric_limits<std::size_t>::max();

// Called from within Port::Receive only. May send; must not call Receive.
class DatagramReceiver {
 public:
  virtual ~DatagramReceiver() = default;
  // `payload` belongs to the port and is valid for the call; the receiver may change it in place.
  virtual void OnDatagram(Endpoint from, std::span<std::byte> payload) = 0;
};

class Port {
 public:
  virtual ~Port() = default;

  // The endpoint that peers send to.
  [[nodiscard]] virtual Endpoint local() const = 0;
  // The largest payload of a datagram, in bytes, both ways; fixed when the port was opened.
  [[nodiscard]] virtual std::size_t max_payload() const = 0;
  // Datagrams of any length that can wait to be received without one being lost; what peers are told.
  [[nodiscard]] virtual std::size_t receive_room() const { return 256; }
  // Readable when Receive has something to give; -1: nobody can wait for that, only look. The port's own.
  [[nodiscard]] virtual int poll_fd() const { return -1; }
  // Whether the link below is there, as it was when the port looked last. False: what is sent is lost.
  [[nodiscard]] virtual bool up() const = 0;
  // Why not, a clause: "the interface v0 is down". Empty while it is up. Allocates.
  [[nodiscard]] virtual std::string WhyDown() const { return up() ? "" : "the link of its port is down"; }
  // Whether it will never be up again, because what it was opened on is not there any more.
  [[nodiscard]] virtual bool gone() const { return false; }
  // Looks at what is below, if it is time; to be called at least every millisecond or so. No datagram is
  // claimed meanwhile.
  virtual void Look(std::uint64_t /*now_ns*/) {}
  // Sentences for the user, since the last call. Allocates.
  [[nodiscard]] virtual std::vector<std::string> TakeNotices() { return {}; }

  // A buffer for the next datagram, max_payload() bytes, at least 8-byte aligned, of unspecified content.
  // Empty when the queue is full: Flush, and try again after a Receive. The buffer is given up by Send, or by
  // the next Claim.
  [[nodiscard]] virtual std::span<std::byte> Claim() = 0;
  // Queues the first `bytes` of the buffer of the last Claim as one datagram to `to`. It is on its way at the
  // latest after Flush. A datagram can be lost; that it was queued says nothing.
  virtual void Send(std::size_t bytes, Endpoint to) = 0;
  // Sends what is queued. What the system or device does not take is dropped and counted.
  virtual void Flush() = 0;

  // ---- loans: the port may send a part of a datagram from its user's memory, without a copy, and reads that
  // until the loan is over. Loans are numbered 1, 2, ...; what is read of them must not change meanwhile.

  // Memory that SendLent may be given parts of, for as long as the port lives. Once at most, before the first
  // of them. May take its time, as opening does. A port that takes no loans does nothing.
  virtual void Lend(std::span<std::byte> /*memory*/) {}
  // The fewest bytes for which SendLent is worth more than a copy; kNoLoans: it must not be called. May
  // change.
  [[nodiscard]] virtual std::size_t least_loan() const { return kNoLoans; }
  // As Send, of `head_bytes` of the buffer, then `lent`, then the `tail_bytes` of the buffer that follow its
  // head. Returns the number of the loan; 0 when there is none: the port has made a copy, or sends nothing.
  virtual std::uint64_t SendLent(std::size_t /*head_bytes*/, std::span<const std::byte> /*lent*/,
                                 std::size_t /*tail_bytes*/, Endpoint /*to*/) {
    return 0;
  }
  // Every loan up to this number is over.
  [[nodiscard]] virtual std::uint64_t loans_over() { return 0; }
  // When it returns, every loan up to `loan` is over. Costs nothing when they are; else what is queued is
  // sent first, and a device that keeps what it has is made to give it up, which takes milliseconds.
  virtual void EndLoans(std::uint64_t /*loan*/) {}

  // Gives `receiver` what has arrived, at most `limit` datagrams. Returns how many. Also does what the port
  // has to do from time to time (address resolution), so it must be called while nothing is expected, too.
  virtual std::size_t Receive(DatagramReceiver& receiver, std::size_t limit) = 0;

  [[nodiscard]] virtual const PortCounters& counters() const = 0;
};

}  // namespace gaios::transport::udp

#endif  // GAIOS_TRANSPORT_UDP_PORT_H_
