#ifndef GAIOS_PAXOS_MESSAGE_H_
#define GAIOS_PAXOS_MESSAGE_H_

// The few messages of the protocol; everything else is one-sided. One layout serves them all:
//
// clang-format off
//   PreVote       candidate -> voter   would you agree that there is no leader? (ballot: the one it would use)
//   PreVoteReply  voter -> candidate   yes; a voter that disagrees answers with Reject
//   Prepare       proposer -> acceptor  promise (ballot, number) and grant me your log
//   Promise       acceptor -> proposer  promised and granted: own commit, applied, retained, valid end, last ballot
//   Reject        acceptor -> proposer  no: `promised` is what I have promised, or there is a live leader
//   TakeOver      leader -> follower   you hold all of my log under `grant`, and I take nothing more: campaign now
//   StandBy       leader -> follower   I am about to hand over; what I hold your log under is `grant`
//   StandingBy    follower -> leader   so I do
// clang-format on
//
// Messages may be lost, doubled and late; none is trusted for more than what it says.

#include <cstddef>
#include <cstdint>
#include <optional>
#include <span>

#include "gaios/paxos/entry.h"
#include "gaios/paxos/limits.h"
#include "gaios/paxos/types.h"

namespace gaios::paxos {

enum class MessageKind : std::uint8_t {
  kPreVote = 1,
  kPreVoteReply = 2,
  kPrepare = 3,
  kPromise = 4,
  kReject = 5,
  kTakeOver = 6,
  kStandBy = 7,
  kStandingBy = 8,
};
inline constexpr MessageKind kLastMessageKind = MessageKind::kStandingBy;

struct Message {
  MessageKind kind = MessageKind::kPreVote;
  Grant grant;        // what it is about: ballot and grant number
  Ballot promised;    // Reject: the sender's promised ballot
  Position commit;    // PreVote, Promise: the sender's commit
  Position applied;   // Promise: applied by the sender's state machine
  Position retained;  // Promise: oldest position the sender's log holds
  Cursor valid_end;   // Promise: end of the sender's valid log, with the ballot of its last valid entry

  friend bool operator==(const Message&, const Message&) = default;
};

// Bytes of an encoded message; version and group id are in it.
inline constexpr std::size_t kEncodedMessageBytes = 104;
static_assert(kEncodedMessageBytes <= kMaxMessageBytes);

void EncodeMessage(const Message& message, GroupId group, std::span<std::byte, kEncodedMessageBytes> out);

// Accepts exactly what EncodeMessage makes. Nothing when the bytes are no message of this version and group:
// noise, to be dropped and counted.
[[nodiscard]] std::optional<Message> DecodeMessage(std::span<const std::byte> bytes, GroupId group);

}  // namespace gaios::paxos

#endif  // GAIOS_PAXOS_MESSAGE_H_
