#ifndef GAIOS_RSM_CLIENT_NETWORK_NETWORK_COUNTERS_H_
#define GAIOS_RSM_CLIENT_NETWORK_NETWORK_COUNTERS_H_

// What a replica counts of the clients of its network, as `gaios status` shows it: events since it was
// started, but for the clients that are there now. Plain values; any thread.
//
// The numbers of the enumerators are places in the file of counters (rsm/counters.h): new ones go to the end.

#include <array>
#include <cstddef>
#include <cstdint>
#include <string_view>

#include "gaios/transport/udp/wire.h"

namespace gaios::rsm {

enum class NetworkCounter : std::uint8_t {
  // Why datagrams that came in were dropped (transport::udp::Drop); one more stands below.
  kDroppedTruncated,
  kDroppedOversized,
  kDroppedForeign,
  kDroppedOtherVersion,
  kDroppedReflected,
  kDroppedMisdirected,
  kDroppedMalformed,
  kDroppedStranger,  // of a place that nobody has, or not from where its client is
  kDroppedStale,     // of an earlier client of the place
  kDroppedForged,
  kDroppedReplayed,
  kDatagramsTaken,
  kDatagramsAgain,  // of these, with bytes that were here already
  kDatagramsSent,
  kDatagramsSentAgain,  // of these, with bytes that had been sent before
  kDatagramsNotSent,    // the system had no room, or no way
  kDatagramsMissed,     // lost before this program saw them, as far as the system counts it
  kTimeouts,
  kClientsNow,
  kClientsWelcomed,
  kClientsLeft,        // closed by them
  kClientsSilent,      // forgotten after a silence
  kClientsMisbehaved,  // closed for what they sent
  kRefusedKey,         // of another key, or without a certificate that holds
  kRefusedVersion,
  kRefusedCluster,
  kRefusedGroup,
  kRefusedReplica,    // meant another replica
  kRefusedNoRoom,     // there were [clients] max already
  kRefusedMalformed,  // what came was no greeting
  kStrangers,         // came by TCP and left, or were closed, before they had said anything of use
  kDroppedOtherSeal,  // encrypted where the client is not, or the reverse
  kRefusedEncryption,
};
inline constexpr std::size_t kNetworkCounters =
    static_cast<std::size_t>(NetworkCounter::kRefusedEncryption) + 1;

[[nodiscard]] NetworkCounter CounterOf(transport::udp::Drop drop);
// "dropped_forged"
[[nodiscard]] std::string_view NetworkCounterName(NetworkCounter counter);
// Whether it tells of something that a person should know of when it is not 0.
[[nodiscard]] bool TellsOfTrouble(NetworkCounter counter);

struct NetworkCounters {
  std::array<std::uint64_t, kNetworkCounters> values = {};

  [[nodiscard]] std::uint64_t& operator[](NetworkCounter counter) {
    return values[static_cast<std::size_t>(counter)];
  }
  [[nodiscard]] std::uint64_t operator[](NetworkCounter counter) const {
    return values[static_cast<std::size_t>(counter)];
  }
};

}  // namespace gaios::rsm

#endif  // GAIOS_RSM_CLIENT_NETWORK_NETWORK_COUNTERS_H_
