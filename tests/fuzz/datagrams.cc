// What arrives at the UDP port, and what the parts behind the parser do with it: an acceptor's account of
// writes, a writer's of acknowledgements, a reader's of what it asked for. The datagram is taken for one
// whose trailer was right: an end that has the key may say anything.

#include <algorithm>
#include <array>
#include <cstring>
#include <memory>
#include <vector>

#include "gaios/base/check.h"
#include "gaios/transport/udp/connector.h"
#include "gaios/transport/udp/log_read.h"
#include "gaios/transport/udp/receiver.h"
#include "gaios/transport/udp/sender.h"
#include "gaios/transport/udp/wire.h"

#include "tests/fuzz/target.h"

namespace gaios::fuzz {
namespace {

using namespace transport::udp;  // NOLINT(google-build-using-namespace): the whole of it is under test
using paxos::Position;

constexpr std::size_t kCapacity = 4096;
constexpr std::size_t kGuardBytes = 64;
constexpr std::byte kGuard{0xa5};
constexpr Addressee kAddressee = {.group = 77, .self = 0, .replicas = 3};

// Everything that one peer may move.
struct State {
  std::vector<std::byte> memory = std::vector<std::byte>(kCapacity + 2 * kGuardBytes, kGuard);
  std::array<std::uint64_t, transport::kLogWords> words = {};
  Receiver receiver;
  transport::udp::PostedQueue posted;
  Sender sender{1000, 512, RttEstimator(1'000'000, 100'000'000)};
  LogRead read{kCapacity};

  [[nodiscard]] LogMemory log() {
    return {.ring = memory.data() + kGuardBytes, .capacity = kCapacity, .words = &words};
  }
};

void Prepare(State& state) {
  state.posted.Push(paxos::ReplicaId(1), transport::Operation::kWrite, {}, 0).range = {.from = Position(0),
                                                                                       .to = Position(3500)};
  while (state.sender.Next(state.posted, 1000) != nullptr) {
    state.sender.Sent(1000);
  }
  state.read.Reserve(paxos::ReplicaId(1), {}, {.from = Position(64), .to = Position(3000)});
  state.read.Begin(1000);
}

void Take(State& state, const Datagram& datagram) {
  switch (datagram.kind) {
    case Kind::kWrite: {
      const auto body = BodyOf<WriteBody>(datagram);
      const std::span<const std::byte> bytes = BytesOf<WriteBody>(datagram);
      GAIOS_CHECK(bytes.size() == body.bytes, "a write has the bytes that it says");
      const std::uint64_t before = state.receiver.cumulative();
      const Receiver::Taken taken = state.receiver.Take(body, bytes, Position(1024), state.log());
      GAIOS_CHECK(state.receiver.cumulative() >= before, "what was taken stays so");
      if (taken == Receiver::Taken::kPlaced) {
        GAIOS_CHECK(bytes.empty() || body.position + bytes.size() <= 1024 + kCapacity,
                    "P8: nothing lands beyond what may be overwritten");
        std::vector<std::byte> there(bytes.size());
        CopyOut(state.log(), Position(body.position), there);
        GAIOS_CHECK(std::ranges::equal(there, bytes), "what was taken is there");
        GAIOS_CHECK(state.receiver.Take(body, bytes, Position(1024), state.log()) == Receiver::Taken::kAgain,
                    "a write is taken once");
      }
      std::array<std::uint64_t, kMaxBitmapWords> bitmap;
      GAIOS_CHECK(state.receiver.Bitmap(bitmap) <= kMaxBitmapWords, "a bitmap fits");
      return;
    }
    case Kind::kAck: {
      const auto body = BodyOf<AckBody>(datagram);
      const std::uint64_t before = state.sender.cumulative();
      (void)state.sender.OnAck(body, BytesOf<AckBody>(datagram), 2000);
      GAIOS_CHECK(state.sender.cumulative() >= before && state.sender.cumulative() <= state.sender.last(),
                  "no more is done than was sent");
      return;
    }
    case Kind::kLog: {
      const auto body = BodyOf<LogBody>(datagram);
      (void)state.read.Take(Position(body.position), BytesOf<LogBody>(datagram));
      return;
    }
    case Kind::kMessage:
      GAIOS_CHECK(BytesOf<MessageBody>(datagram).size() <= paxos::kMaxMessageBytes, "a message is bounded");
      return;
    default:
      return;
  }
}

}  // namespace

// Datagrams one after another, each behind its length of two bytes. The highest bit of the length says that
// what a sender of the group gets right is made right.
void RunTarget(std::span<const std::byte> input) {
  const auto state = std::make_unique<State>();
  Prepare(*state);
  (void)ParseHelloFrame(input);
  while (input.size() > 2) {
    std::uint16_t length = 0;
    std::memcpy(&length, input.data(), sizeof(length));
    input = input.subspan(2);
    const bool right = (length & 0x8000U) != 0;
    const std::size_t size = std::min<std::size_t>(length & 0x7fffU, input.size());
    std::vector<std::byte> payload(input.begin(), input.begin() + static_cast<std::ptrdiff_t>(size));
    input = input.subspan(size);
    if (right && payload.size() >= sizeof(Header)) {
      const Header header = {.kind = std::to_integer<std::uint8_t>(payload[offsetof(Header, kind)]),
                             .from = 1,
                             .to = 0,
                             .group = kAddressee.group};
      std::memcpy(payload.data(), &header, sizeof(header));
    }
    Datagram datagram;
    if (ParseDatagram(payload, kAddressee, datagram).has_value()) {
      continue;
    }
    GAIOS_CHECK(payload.size() <= kMaxPayloadBytes &&
                    datagram.body.size() + sizeof(Header) + kTrailerBytes == payload.size(),
                "a datagram is header, body and trailer");
    // As if its seal had been right.
    if (datagram.kind == Kind::kEncrypted && ParseDecrypted(datagram).has_value()) {
      continue;
    }
    Take(*state, datagram);
  }
  GAIOS_CHECK(std::all_of(state->memory.begin(), state->memory.begin() + kGuardBytes,
                          [](std::byte byte) { return byte == kGuard; }) &&
                  std::all_of(state->memory.end() - kGuardBytes, state->memory.end(),
                              [](std::byte byte) { return byte == kGuard; }),
              "nothing lands outside of the ring");
}

}  // namespace gaios::fuzz
