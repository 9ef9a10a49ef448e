#include "gaios/rsm/client/network/network_counters.h"
namespace gaios::rsm {
namespace {

constexpr std::array<std::string_view, kNetworkCounters> kNames = {"dropped_truncated",
                                                                   "dropped_oversized",
                                                                   "dropped_foreign",
                                                                   "dropped_other_version",
                                                                   "dropped_reflected",
                                                                   "dropped_misdirected",
                                                                   "dropped_malformed",
                                                                   "dropped_stranger",
                                                                   "dropped_stale",
                                                                   "dropped_forged",
                                                                   "dropped_replayed",
                                                                   "datagrams_taken",
                                                                   "datagrams_again",
                                                                   "datagrams_sent",
                                                                   "datagrams_sent_again",
                                                                   "datagrams_not_sent",
                                                                   "datagrams_missed",
                                                                   "timeouts",
                                                                   "clients_now",
                                                                   "clients_welcomed",
                                                                   "clients_left",
                                                                   "clients_silent",
                                                                   "clients_misbehaved",
                                                                   "refused_key",
                                                                   "refused_version",
                                                                   "refused_cluster",
                                                                   "refused_group",
                                                                   "refused_replica",
                                                                   "refused_no_room",
                                                                   "refused_malformed",
                                                                   "strangers",
                                                                   "dropped_other_seal",
                                                                   "refused_encryption"};

// By Drop.
constexpr std::array<NetworkCounter, transport::udp::kDrops> kDropCounters = {
    NetworkCounter::kDroppedTruncated, NetworkCounter::kDroppedOversized,
    NetworkCounter::kDroppedForeign,   NetworkCounter::kDroppedOtherVersion,
    NetworkCounter::kDroppedReflected, NetworkCounter::kDroppedMisdirected,
    NetworkCounter::kDroppedMalformed, NetworkCounter::kDroppedStranger,
    NetworkCounter::kDroppedStale,     NetworkCounter::kDroppedForged,
    NetworkCounter::kDroppedReplayed,  NetworkCounter::kDroppedOtherSeal};

}  // namespace

NetworkCounter CounterOf(transport::udp::Drop drop) {
  return kDropCounters[static_cast<std::size_t>(drop)];
}

std::string_view NetworkCounterName(NetworkCounter counter) {
  return kNames.at(static_cast<std::size_t>(counter));
}

bool TellsOfTrouble(NetworkCounter counter) {
  switch (counter) {
    case NetworkCounter::kDatagramsTaken:
    case NetworkCounter::kDatagramsAgain:
    case NetworkCounter::kDatagramsSent:
    case NetworkCounter::kDatagramsSentAgain:
    case NetworkCounter::kTimeouts:
    case NetworkCounter::kClientsNow:
    case NetworkCounter::kClientsWelcomed:
    case NetworkCounter::kClientsLeft:
      return false;
    default:
      return true;
  }
}

}  // namespace gaios::rsm
