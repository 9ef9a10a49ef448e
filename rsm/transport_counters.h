#ifndef GAIOS_RSM_TRANSPORT_COUNTERS_H_
#define GAIOS_RSM_TRANSPORT_COUNTERS_H_

// What a transport over a network counts, as `gaios status` shows it: events since the replica was started,
// each number only grows. Of connections between hosts, then of what travels by RDMA, then of
// datagrams. Plain values; any
// thread.
//
// The numbers of the enumerators are places in the file of counters (counters.h): new ones go to the end.

#include <array>
#include <cstddef>
#include <cstdint>
#include <string_view>

namespace gaios::rsm {

enum class TransportCounter : std::uint8_t {
  // transport/bootstrap/bootstrap.h
  kConnectionsDialled,
  kDialsFailed,
  kConnectionsAccepted,
  kPeersUp,
  kPeersDown,
  kFramesSent,
  kFramesReceived,
  kFramesMalformed,
  kRefusedByUs,
  kRefusedByPeer,
  kStrangersGarbage,
  kStrangersOversized,
  kStrangersSlow,
  kStrangersCrowded,
  kStrangersGone,
  kStrangersUnserved,
  // transport/verbs/options.h
  kMessagesSent,
  kMessagesDropped,
  kMessagesMalformed,
  kLinksUp,
  kLinksDown,
  kGrants,
  kGrantsWithoutSpare,
  kGrantsNotOpened,
  kFences,
  kFencesRetried,
  kFlushesFailed,
  kFlushesReplaced,
  kPathsFenced,
  kPathsBroken,
  kPostsFailed,
  kControlsTorn,
  kLateCompletions,
  kDevicesLost,
  kDeviceEvents,
  kPortFailures,
  kFailedWork,  // of every status together
  // transport/udp/wire.h: why datagrams that came in were dropped; one more stands at the end
  kDroppedTruncated,
  kDroppedOversized,
  kDroppedForeign,
  kDroppedOtherVersion,
  kDroppedReflected,
  kDroppedMisdirected,
  kDroppedMalformed,
  kDroppedStranger,
  kDroppedStale,
  kDroppedForged,
  kDroppedReplayed,
  // transport/udp/options.h
  kWritesTaken,
  kWritesAgain,
  kWritesFenced,
  kWritesOutside,
  kWritesUngranted,
  kPiecesSent,
  kPiecesLost,
  kTimeouts,
  kAcksSent,
  kAnswersLate,
  kLinksSilent,
  // transport/udp/port.h
  kDatagramsSent,
  kDatagramsNotSent,
  kDatagramsReceived,
  kDatagramsMissed,
  kDatagramsUnreachable,
  kDatagramsMalformed,
  kDatagramsForeign,
  // transport/udp/dpdk/options.h
  kChecksumsWrong,
  kArpAsked,
  kArpAnswered,
  kArpConflicts,
  kPortLinksDown,
  kDroppedOtherSeal,  // transport/udp/wire.h
  kDatagramsLent,     // transport/udp/port.h
  kHugePageBytes,     // transport/verbs/options.h; the log of a replica with several paths too. Does not grow
};
inline constexpr std::size_t kTransportCounters =
    static_cast<std::size_t>(TransportCounter::kHugePageBytes) + 1;

// "strangers_garbage"
[[nodiscard]] std::string_view TransportCounterName(TransportCounter counter);
// Whether it tells of something that a person should know of when it is not 0.
[[nodiscard]] bool TellsOfTrouble(TransportCounter counter);

struct TransportCounters {
  std::array<std::uint64_t, kTransportCounters> values = {};

  [[nodiscard]] std::uint64_t& operator[](TransportCounter counter) {
    return values[static_cast<std::size_t>(counter)];
  }
};

}  // namespace gaios::rsm

#endif  // GAIOS_RSM_TRANSPORT_COUNTERS_H_
