// The client's end against a replica that no program of ours is: welcomes that promise what cannot be.

#include "gaios/rsm/client/shm_connection.h"

#include <array>
#include <limits>
#include <string>
#include <utility>

#include <gtest/gtest.h>

#include "gaios/transport/shm/region.h"
#include "gaios/transport/shm/socket.h"
#include "gaios/transport/shm/wire.h"

#include "tests/rsm/client/local_group.h"

namespace gaios::rsm {
namespace {

using base::UniqueFd;
using transport::shm::Packet;
using transport::shm::Region;
using State = ShmConnection::State;

constexpr paxos::ReplicaId kReplica{0};

Welcome GoodWelcome() {
  Welcome welcome;
  welcome.request_ring_bytes = kMinRingBytes;
  welcome.response_ring_bytes = kMinRingBytes;
  welcome.max_command_bytes = MaxRecordBytes(kMinRingBytes) - sizeof(RequestHeader);
  return welcome;
}

// The state of a connection that is welcomed so, with memory for two of the smallest rings.
State StateAfter(const Welcome& welcome) {
  const ScratchDirectory directory;
  const absl::StatusOr<UniqueFd> listener =
      transport::shm::Listen(ClientSocketPath(directory.path(), kReplica));
  EXPECT_TRUE(listener.ok()) << listener.status();
  ShmConnection connection(directory.path(), kReplica, test::kGroup);
  connection.Advance();
  EXPECT_EQ(connection.state(), State::kGreeting) << connection.failure();
  const UniqueFd socket = transport::shm::Accept(listener->get());
  const absl::StatusOr<Region> memory = Region::Create("rings", kRingsOffset + 2 * kMinRingBytes);
  EXPECT_TRUE(memory.ok()) << memory.status();
  const std::array<int, 1> fds = {memory->fd()};
  EXPECT_EQ(transport::shm::SendPacket(socket.get(), Packet::Message(BytesOf(welcome)), fds),
            transport::shm::SendResult::kSent);
  connection.Advance();
  EXPECT_EQ(connection.failure().empty(), connection.ready());
  return connection.state();
}

TEST(ShmConnection, IsReadyOnceWelcomed) {
  EXPECT_EQ(StateAfter(GoodWelcome()), State::kReady);
}

TEST(ShmConnection, RefusesRingsOfImpossibleSizes) {
  for (const std::uint64_t bytes :
       {std::uint64_t{0}, std::uint64_t{kMinRingBytes / 2}, std::uint64_t{kMinRingBytes + 8},
        std::uint64_t{2 * kMaxRingBytes}, std::numeric_limits<std::uint64_t>::max()}) {
    Welcome welcome = GoodWelcome();
    welcome.request_ring_bytes = bytes;
    EXPECT_EQ(StateAfter(welcome), State::kDown) << bytes;
    welcome = GoodWelcome();
    welcome.response_ring_bytes = bytes;
    EXPECT_EQ(StateAfter(welcome), State::kDown) << bytes;
  }
  Welcome larger = GoodWelcome();
  larger.response_ring_bytes *= 2;  // than the memory that came with it
  EXPECT_EQ(StateAfter(larger), State::kDown);
}

// A command that never fits would wait for room until its time is over.
TEST(ShmConnection, RefusesCommandsLargerThanTheRingTakes) {
  const std::uint64_t largest = GoodWelcome().max_command_bytes;
  for (const std::uint64_t bytes : {largest + 1, std::numeric_limits<std::uint64_t>::max(),
                                    std::numeric_limits<std::uint64_t>::max() - sizeof(RequestHeader) + 1}) {
    Welcome welcome = GoodWelcome();
    welcome.max_command_bytes = bytes;
    EXPECT_EQ(StateAfter(welcome), State::kDown) << bytes;
  }
}

}  // namespace
}  // namespace gaios::rsm
