#include "gaios/rsm/transport_counters.h"

#include "gaios/base/check.h"

namespace gaios::rsm {

std::string_view TransportCounterName(TransportCounter counter) {
  switch (counter) {
    case TransportCounter::kConnectionsDialled:
      return "connections_dialled";
    case TransportCounter::kDialsFailed:
      return "dials_failed";
    case TransportCounter::kConnectionsAccepted:
      return "connections_accepted";
    case TransportCounter::kPeersUp:
      return "peers_up";
    case TransportCounter::kPeersDown:
      return "peers_down";
    case TransportCounter::kFramesSent:
      return "frames_sent";
    case TransportCounter::kFramesReceived:
      return "frames_received";
    case TransportCounter::kFramesMalformed:
      return "frames_malformed";
    case TransportCounter::kRefusedByUs:
      return "refused_by_us";
    case TransportCounter::kRefusedByPeer:
      return "refused_by_peer";
    case TransportCounter::kStrangersGarbage:
      return "strangers_garbage";
    case TransportCounter::kStrangersOversized:
      return "strangers_oversized";
    case TransportCounter::kStrangersSlow:
      return "strangers_slow";
    case TransportCounter::kStrangersCrowded:
      return "strangers_crowded";
    case TransportCounter::kStrangersGone:
      return "strangers_gone";
    case TransportCounter::kStrangersUnserved:
      return "strangers_unserved";
    case TransportCounter::kMessagesSent:
      return "messages_sent";
    case TransportCounter::kMessagesDropped:
      return "messages_dropped";
    case TransportCounter::kMessagesMalformed:
      return "messages_malformed";
    case TransportCounter::kLinksUp:
      return "links_up";
    case TransportCounter::kLinksDown:
      return "links_down";
    case TransportCounter::kGrants:
      return "grants";
    case TransportCounter::kGrantsWithoutSpare:
      return "grants_without_spare";
    case TransportCounter::kGrantsNotOpened:
      return "grants_not_opened";
    case TransportCounter::kFences:
      return "fences";
    case TransportCounter::kFencesRetried:
      return "fences_retried";
    case TransportCounter::kFlushesFailed:
      return "flushes_failed";
    case TransportCounter::kPathsFenced:
      return "paths_fenced";
    case TransportCounter::kPathsBroken:
      return "paths_broken";
    case TransportCounter::kPostsFailed:
      return "posts_failed";
    case TransportCounter::kControlsTorn:
      return "controls_torn";
    case TransportCounter::kLateCompletions:
      return "late_completions";
    case TransportCounter::kDevicesLost:
      return "devices_lost";
    case TransportCounter::kDeviceEvents:
      return "device_events";
    case TransportCounter::kPortFailures:
      return "port_failures";
    case TransportCounter::kFailedWork:
      return "failed_work";
    case TransportCounter::kDroppedTruncated:
      return "dropped_truncated";
    case TransportCounter::kDroppedOversized:
      return "dropped_oversized";
    case TransportCounter::kDroppedForeign:
      return "dropped_foreign";
    case TransportCounter::kDroppedOtherVersion:
      return "dropped_other_version";
    case TransportCounter::kDroppedReflected:
      return "dropped_reflected";
    case TransportCounter::kDroppedMisdirected:
      return "dropped_misdirected";
    case TransportCounter::kDroppedMalformed:
      return "dropped_malformed";
    case TransportCounter::kDroppedStranger:
      return "dropped_stranger";
    case TransportCounter::kDroppedStale:
      return "dropped_stale";
    case TransportCounter::kDroppedForged:
      return "dropped_forged";
    case TransportCounter::kDroppedReplayed:
      return "dropped_replayed";
    case TransportCounter::kWritesTaken:
      return "writes_taken";
    case TransportCounter::kWritesAgain:
      return "writes_again";
    case TransportCounter::kWritesFenced:
      return "writes_fenced";
    case TransportCounter::kWritesOutside:
      return "writes_outside";
    case TransportCounter::kWritesUngranted:
      return "writes_ungranted";
    case TransportCounter::kPiecesSent:
      return "pieces_sent";
    case TransportCounter::kPiecesLost:
      return "pieces_lost";
    case TransportCounter::kTimeouts:
      return "timeouts";
    case TransportCounter::kAcksSent:
      return "acks_sent";
    case TransportCounter::kAnswersLate:
      return "answers_late";
    case TransportCounter::kLinksSilent:
      return "links_silent";
    case TransportCounter::kDatagramsSent:
      return "datagrams_sent";
    case TransportCounter::kDatagramsNotSent:
      return "datagrams_not_sent";
    case TransportCounter::kDatagramsReceived:
      return "datagrams_received";
    case TransportCounter::kDatagramsMissed:
      return "datagrams_missed";
  }
  GAIOS_CHECK(false, "no such counter");
  return "";
}

bool TellsOfTrouble(TransportCounter counter) {
  switch (counter) {
    case TransportCounter::kFramesMalformed:
    case TransportCounter::kRefusedByUs:
    case TransportCounter::kRefusedByPeer:
    case TransportCounter::kStrangersGarbage:
    case TransportCounter::kStrangersOversized:
    case TransportCounter::kStrangersSlow:
    case TransportCounter::kStrangersCrowded:
    case TransportCounter::kStrangersUnserved:
    case TransportCounter::kMessagesMalformed:
    case TransportCounter::kLinksDown:
    case TransportCounter::kGrantsNotOpened:
    case TransportCounter::kFencesRetried:
    case TransportCounter::kFlushesFailed:
    case TransportCounter::kPathsBroken:
    case TransportCounter::kPostsFailed:
    case TransportCounter::kDevicesLost:
    case TransportCounter::kPortFailures:
    case TransportCounter::kDroppedForeign:
    case TransportCounter::kDroppedOtherVersion:
    case TransportCounter::kDroppedReflected:
    case TransportCounter::kDroppedForged:
    case TransportCounter::kLinksSilent:
    case TransportCounter::kDatagramsNotSent:
      return true;
    default:
      return false;
  }
}

}  // namespace gaios::rsm
