// Control messages: the bytes that a peer's datagram may hold.
//
// What is accepted is encoded to the same bytes again, and any message comes back as it was sent. Then the
// same bytes go to a replica of the core, between ticks and grants, as if a member of its group had sent
// them: it must drop what is noise, never lower its promise, and never go past what the log holds. Promises
// alone are left out there: they say what is in another's log, and a member that lies about that is beyond
// what the protocol promises to survive.

#include <array>
#include <cstring>

#include "gaios/base/check.h"
#include "gaios/paxos/message.h"
#include "gaios/paxos/replica.h"

#include "tests/fuzz/choices.h"
#include "tests/fuzz/log_ring.h"
#include "tests/fuzz/target.h"

namespace gaios::fuzz {
namespace {

using paxos::Ballot;
using paxos::DecodeMessage;
using paxos::Message;
using paxos::MessageKind;
using paxos::Position;

constexpr std::uint64_t kMs = 1'000'000;
using Encoded = std::array<std::byte, paxos::kEncodedMessageBytes>;

Encoded EncodedOf(const Message& message) {
  Encoded bytes;
  paxos::EncodeMessage(message, kGroup, bytes);
  return bytes;
}

void CheckBytes(std::span<const std::byte> bytes) {
  const std::optional<Message> message = DecodeMessage(bytes, kGroup);
  if (message.has_value()) {
    const Encoded again = EncodedOf(*message);
    GAIOS_CHECK(bytes.size() == again.size() && std::memcmp(bytes.data(), again.data(), again.size()) == 0,
                "what is accepted is what would be sent");
  }
}

Ballot TakeBallot(Choices& choices) {
  return {choices.Take<std::uint16_t>(), paxos::ReplicaId(choices.Below(4)),
          paxos::Incarnation(choices.Below(3))};
}

Message TakeMessage(Choices& choices) {
  Message message;
  message.kind =
      static_cast<MessageKind>(1 + choices.Below(static_cast<std::uint8_t>(paxos::kLastMessageKind)));
  message.grant = {TakeBallot(choices), choices.Below(4)};
  message.promised = TakeBallot(choices);
  message.commit = Position(choices.Take<std::uint64_t>());
  message.applied = Position(choices.Take<std::uint64_t>());
  message.retained = Position(choices.Take<std::uint64_t>());
  message.valid_end = {Position(choices.Take<std::uint64_t>()), paxos::Slot(choices.Take<std::uint64_t>()),
                       TakeBallot(choices), choices.Take<std::uint64_t>()};
  GAIOS_CHECK(DecodeMessage(EncodedOf(message), kGroup) == message, "a message comes back as it was sent");
  return message;
}

Encoded Damaged(Encoded bytes, Choices& choices) {
  for (std::uint8_t left = choices.Below(4); left > 0; --left) {
    bytes.at(choices.Below(bytes.size())) ^= choices.Take<std::byte>();
  }
  return bytes;
}

// A replica of a group of three without a transport. Grants are given when the input says so.
class Member {
 public:
  Member() : core_(OptionsOfMember(), ring_.bytes().data(), nullptr) {
    core_.SetTime(now_ns_);
    for (const std::uint8_t peer : {std::uint8_t{1}, std::uint8_t{2}}) {
      core_.OnLinkUp(paxos::ReplicaId(peer), paxos::Incarnation(1));
    }
  }

  void Hear(std::uint8_t from, std::span<const std::byte> bytes) {
    core_.OnMessage(paxos::ReplicaId(from), paxos::Incarnation(1), bytes);
    Act();
    if (core_.OnAllHeard()) {
      Act();
    }
  }
  void Tick(std::uint64_t ms) {
    now_ns_ += ms * kMs;
    core_.SetTime(now_ns_);
    core_.Tick();
    Act();
  }
  void Grant() {
    if (asked_.has_value()) {
      const paxos::Grant grant = *asked_;
      asked_.reset();
      static_cast<void>(core_.LiveRange(ring_.bytes().data()));
      core_.OnGranted(grant, ring_.bytes().data());
      Act();
    }
  }

 private:
  static paxos::Options OptionsOfMember() {
    paxos::Options options;
    options.group = kGroup;
    options.configuration = paxos::Configuration::Bootstrap(3);
    options.capacity_bytes = kRingBytes;
    return options;
  }

  void Act() {
    for (const paxos::Action& action : core_.actions().list()) {
      if (action.kind == paxos::ActionKind::kGrantTo) {
        GAIOS_CHECK(!asked_.has_value(), "one grant at a time");
        asked_ = action.grant;
      } else if (action.kind == paxos::ActionKind::kSend) {
        CheckBytes(EncodedOf(core_.actions().message(action)));
      }
    }
    core_.actions().Clear();
    GAIOS_CHECK(core_.promised() >= promised_, "P1: a promise never decreases");
    promised_ = core_.promised();
    GAIOS_CHECK(core_.commit() == Position(), "messages alone commit nothing");
  }

  LogRing ring_;
  paxos::Replica core_;
  paxos::TimeNs now_ns_ = kMs;
  std::optional<paxos::Grant> asked_;
  paxos::Grant promised_;
};

}  // namespace

void RunTarget(std::span<const std::byte> input) {
  CheckBytes(input);
  Choices choices(input);
  Member member;
  while (!choices.empty()) {
    switch (choices.Below(5)) {
      case 0:
        member.Tick(choices.Take<std::uint8_t>());
        break;
      case 1:
        member.Grant();
        break;
      case 2: {
        const Encoded bytes = Damaged(EncodedOf(TakeMessage(choices)), choices);
        CheckBytes(bytes);
        if (!DecodeMessage(bytes, kGroup).has_value()) {
          member.Hear(1, bytes);
        }
        break;
      }
      default: {
        const std::uint8_t from = choices.Below(4);
        const Message message = TakeMessage(choices);
        if (message.kind != MessageKind::kPromise) {
          member.Hear(from, EncodedOf(message));
        }
        break;
      }
    }
  }
}

}  // namespace gaios::fuzz
