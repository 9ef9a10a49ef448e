// The replica's end against clients that no program of ours is: wrong greetings, garbage in the rings,
// indices that go anywhere, clients that never read, and clients that die with requests under way. The
// replica serves the others on.

#include "gaios/rsm/client/client_port.h"

#include <sys/socket.h>
#include <sys/un.h>

#include <array>
#include <cstring>
#include <fstream>
#include <functional>
#include <random>
#include <string>
#include <utility>
#include <vector>

#include <gtest/gtest.h>

#include "gaios/rsm/client/shm_connection.h"
#include "gaios/transport/shm/region.h"
#include "gaios/transport/shm/socket.h"
#include "gaios/transport/shm/wire.h"

#include "tests/rsm/client/local_group.h"

namespace gaios::rsm {
namespace {

using base::UniqueFd;
using test::Answers;
using test::Bytes;
using test::LocalGroup;
using transport::shm::Packet;
using transport::shm::Received;
using transport::shm::Region;

// A client made by hand, which keeps no rule.
class RawClient {
 public:
  explicit RawClient(const std::string& directory)
      : socket_(transport::shm::Connect(ClientSocketPath(directory, LocalGroup::Id(0)))) {}

  void Send(std::span<const std::byte> bytes) {
    EXPECT_EQ(transport::shm::SendPacket(socket_.get(), Packet::Message(bytes)),
              transport::shm::SendResult::kSent);
  }
  void Greet() {
    Greeting greeting;
    greeting.group = test::kGroup.value();
    Send(BytesOf(greeting));
  }
  // What the replica has sent: "<nothing>", "<closed>", "<welcome>", or the text of a refusal.
  std::string Receive() {
    std::array<std::byte, transport::shm::kMaxPacketBytes> buffer;
    Received received = transport::shm::ReceivePacket(socket_.get(), buffer);
    if (received.kind == Received::Kind::kNothing) {
      return "<nothing>";
    }
    if (received.kind != Received::Kind::kPacket) {
      return "<closed>";
    }
    const auto body = std::span<const std::byte>(buffer.data(), received.size)
                          .subspan(sizeof(transport::shm::PacketHeader));
    if (const auto refusal = DecodePacket<Refusal>(body); refusal.has_value()) {
      return TextOf(*refusal);
    }
    const auto welcome = DecodePacket<Welcome>(body);
    if (!welcome.has_value() || received.fd_count != 1) {
      return "<garbage>";
    }
    request_bytes_ = welcome->request_ring_bytes;
    absl::StatusOr<Region> memory =
        Region::Adopt(std::move(received.fds[0]),
                      kRingsOffset + welcome->request_ring_bytes + welcome->response_ring_bytes);
    GAIOS_CHECK(memory.ok(), "the memory is as announced");
    memory_ = *std::move(memory);
    return "<welcome>";
  }
  [[nodiscard]] ClientRings& rings() { return *reinterpret_cast<ClientRings*>(memory_.data()); }
  [[nodiscard]] std::span<std::byte> requests() { return {memory_.data() + kRingsOffset, request_bytes_}; }
  void Leave() { socket_.Close(); }

 private:
  UniqueFd socket_;
  Region memory_;
  std::size_t request_bytes_ = 0;
};

std::string Await(LocalGroup& group, RawClient& client) {
  std::string got = "<nothing>";
  static_cast<void>(group.Run([&] {
    got = client.Receive();
    return got != "<nothing>";
  }));
  return got;
}

// A client of ours is served as ever.
void ExpectServes(LocalGroup& group) {
  Answers answers;
  const auto client = group.NewClient();
  ASSERT_EQ(client->Submit(Bytes("after all that"), 1), Submitted::kSubmitted);
  ASSERT_TRUE(group.Run(*client, answers, [&] { return client->outstanding() == 0; }));
  EXPECT_EQ(answers.hows[1], Applied::kApplied);
}

bool Misbehaved(LocalGroup& group, std::uint64_t count) {
  return group.Run([&] { return group.ports[0]->counters().misbehaved == count; });
}

TEST(ClientPort, RefusesWrongGreetingsAndSaysWhy) {
  LocalGroup group({});
  struct Case {
    Greeting greeting;
    std::string says;
  };
  Greeting good;
  good.group = test::kGroup.value();
  Greeting version = good;
  version.version = 99;
  Greeting other_group = good;
  other_group.group = 1;
  Greeting other_replica = good;
  other_replica.replica = 2;
  for (const Case& wrong : {Case{version, "version 99"}, Case{other_group, "another group"},
                            Case{other_replica, "this is replica 0, not 2"}}) {
    RawClient client(group.directory.path());
    client.Send(BytesOf(wrong.greeting));
    EXPECT_NE(Await(group, client).find(wrong.says), std::string::npos);
    EXPECT_EQ(Await(group, client), "<closed>");
  }
  EXPECT_TRUE(group.Run([&] { return group.ports[0]->counters().refused == 3; }));
  EXPECT_EQ(group.ports[0]->connections(), 0U);
  ExpectServes(group);
}

TEST(ClientPort, ClosesThoseThatGreetWithGarbageOrTwiceOrNever) {
  LocalGroup group({});
  RawClient garbage(group.directory.path());
  garbage.Send(Bytes("hello there"));
  EXPECT_EQ(Await(group, garbage), "<closed>");
  RawClient twice(group.directory.path());
  twice.Greet();
  EXPECT_EQ(Await(group, twice), "<welcome>");
  twice.Greet();
  EXPECT_EQ(Await(group, twice), "<closed>");
  RawClient never(group.directory.path());
  EXPECT_EQ(Await(group, never), "<closed>");
  EXPECT_TRUE(Misbehaved(group, 3));
  ExpectServes(group);
}

TEST(ClientPort, ClosesThoseThatStoreWhatNoClientStores) {
  using Deed = std::function<void(RawClient&)>;
  const auto put = [](RawClient& client, std::uint32_t bytes, std::uint32_t filler,
                      const RequestHeader& request, std::uint64_t tail) {
    const RecordHeader record{bytes, filler};
    std::memcpy(client.requests().data(), &record, sizeof(record));
    std::memcpy(client.requests().data() + sizeof(record), &request, sizeof(request));
    client.rings().requests.tail = tail;
  };
  RequestHeader command;
  command.session = 1;
  command.sequence = 1;
  const std::array<Deed, 10> deeds = {
      [](RawClient& client) { client.rings().requests.tail = 3; },
      [](RawClient& client) { client.rings().requests.tail = std::uint64_t{1} << 50; },
      [](RawClient& client) { client.rings().requests.tail = ~std::uint64_t{7}; },
      [&](RawClient& client) { put(client, 0xffffffff, 0, command, 64); },
      [&](RawClient& client) { put(client, 8, 0, command, 16); },  // shorter than a request
      [&](RawClient& client) { put(client, 8, 1, command, 64); },  // a filler that does not reach the end
      [&](RawClient& client) {
        RequestHeader request = command;
        request.kind = static_cast<RequestKind>(77);
        put(client, sizeof(request), 0, request, 40);
      },
      [&](RawClient& client) {
        RequestHeader request = command;
        request.session = 0;
        put(client, sizeof(request), 0, request, 40);
      },
      [&](RawClient& client) {
        RequestHeader request = command;
        request.kind = RequestKind::kOpenSession;
        put(client, sizeof(request) + 8, 0, request, 48);  // with a command in it
      },
      [&](RawClient& client) {
        client.rings().responses.head = std::uint64_t{1} << 40;
        RequestHeader request = command;
        request.kind = RequestKind::kOpenSession;
        // More than there is room for at once, so that the replica looks at the index.
        std::size_t tail = 0;
        for (; tail < 8 * std::size_t{40}; tail += 40) {
          const RecordHeader record{sizeof(request), 0};
          std::memcpy(client.requests().data() + tail, &record, sizeof(record));
          std::memcpy(client.requests().data() + tail + sizeof(record), &request, sizeof(request));
        }
        client.rings().requests.tail = tail;
      }};
  LocalGroup::Options options;
  options.port.response_ring_bytes = 64U << 10;
  LocalGroup group(options);
  ASSERT_TRUE(group.WaitLeader());
  std::uint64_t expected = 0;
  for (const Deed& deed : deeds) {
    RawClient client(group.directory.path());
    client.Greet();
    ASSERT_EQ(Await(group, client), "<welcome>");
    deed(client);
    EXPECT_EQ(Await(group, client), "<closed>") << "deed " << expected;
    ++expected;
    EXPECT_TRUE(Misbehaved(group, expected));
  }
  ExpectServes(group);
}

TEST(ClientPort, AnswersInTheOrderOfTheRequests) {
  LocalGroup::Options options;
  options.capacity_bytes = 16384;  // so that a command that is too large fits into the ring of requests
  LocalGroup group(options);
  ASSERT_TRUE(group.WaitLeader());
  ShmConnection connection(group.directory.path(), LocalGroup::Id(0), test::kGroup);
  ASSERT_TRUE(group.Run([&] {
    connection.Advance();
    return connection.ready();
  }));
  RequestHeader request;
  const auto send = [&](RequestKind kind, std::size_t bytes) {
    ++request.request;
    request.kind = kind;
    return connection.Send(request, Bytes(std::string(bytes, 'x')));
  };
  std::vector<ResponseHeader> answers;
  const auto answered = [&] {
    for (auto response = connection.FrontResponse(); response.has_value();
         response = connection.FrontResponse()) {
      answers.push_back(response->header);
      if (response->reply.size() == sizeof(request.session)) {
        std::memcpy(&request.session, response->reply.data(), sizeof(request.session));
      }
      connection.PopResponse();
    }
    return answers.size() == request.request;
  };
  ASSERT_TRUE(send(RequestKind::kOpenSession, 0));
  ASSERT_TRUE(group.Run(answered));
  const std::size_t too_large = group.replicas[0]->max_command_bytes() + 1;
  request.sequence = 1;
  ASSERT_TRUE(send(RequestKind::kCommand, 20));
  ASSERT_TRUE(send(RequestKind::kCommand, too_large));
  ASSERT_TRUE(send(RequestKind::kCommand, too_large));
  request.sequence = 2;
  ASSERT_TRUE(send(RequestKind::kCommand, 20));
  ASSERT_TRUE(group.Run(answered));
  const std::array<ResponseStatus, 5> expected = {ResponseStatus::kCommitted, ResponseStatus::kCommitted,
                                                  ResponseStatus::kTooLarge, ResponseStatus::kTooLarge,
                                                  ResponseStatus::kCommitted};
  for (std::size_t i = 0; i < expected.size(); ++i) {
    EXPECT_EQ(answers[i].request, i + 1);
    EXPECT_EQ(answers[i].status, expected.at(i)) << "answer " << i + 1;
  }
  EXPECT_EQ(group.machines[0]->commands.size(), 2U);
}

TEST(ClientPort, OutlivesRandomRingContents) {
  LocalGroup group({});
  ASSERT_TRUE(group.WaitLeader());
  std::mt19937_64 random(7);
  for (int round = 0; round < 60; ++round) {
    RawClient client(group.directory.path());
    client.Greet();
    ASSERT_EQ(Await(group, client), "<welcome>");
    for (std::size_t i = 0; i < 2048; i += 8) {
      // Often small numbers: those pass for lengths and kinds.
      const std::uint64_t value = random() % 3 == 0 ? random() : random() % 64;
      std::memcpy(client.requests().data() + i, &value, sizeof(value));
    }
    client.rings().requests.tail = random() % 256 * 8;
    client.rings().responses.head = random() % 4 == 0 ? random() : 0;
    for (int turn = 0; turn < 200; ++turn) {
      group.Turn();
    }
  }
  ExpectServes(group);
}

TEST(ClientPort, ClientThatNeverReadsStopsItsOwnRequestsOnly) {
  LocalGroup::Options options;
  options.port.response_ring_bytes = 64U << 10;
  LocalGroup group(options);
  ASSERT_TRUE(group.WaitLeader());
  RawClient greedy(group.directory.path());
  greedy.Greet();
  ASSERT_EQ(Await(group, greedy), "<welcome>");
  RequestHeader request;
  request.kind = RequestKind::kOpenSession;
  RingWriter writer(greedy.rings().requests, greedy.requests());
  std::size_t asked = 0;
  for (int turn = 0; turn < 3000; ++turn) {
    if (std::byte* const place = writer.Claim(sizeof(request)); place != nullptr) {
      std::memcpy(place, &request, sizeof(request));
      writer.Commit();
      ++asked;
    }
    group.Turn();
  }
  // Answers of 40 bytes fill the ring up to where the largest one would no longer fit.
  EXPECT_GT(asked, 2000U);
  EXPECT_LT(greedy.rings().requests.head / 40, asked);
  EXPECT_EQ(group.ports[0]->counters().misbehaved, 0U);
  EXPECT_EQ(group.ports[0]->connections(), 1U);
}

TEST(ClientPort, ClientThatDiesWithRequestsUnderWayIsForgottenOnceTheyAreAnswered) {
  LocalGroup::Options options;
  options.replicas = 3;
  LocalGroup group(options);
  ASSERT_TRUE(group.WaitLeader());
  Answers answers;
  auto client = group.NewClient();
  ASSERT_TRUE(group.Run(*client, answers, [&] { return client->ready(); }));
  const std::size_t leader = group.Leader();
  for (std::uint64_t tag = 1; tag <= 40; ++tag) {
    ASSERT_EQ(client->Submit(Bytes("command " + std::to_string(tag)), tag), Submitted::kSubmitted);
  }
  // Taken, and kept from being committed.
  for (std::size_t i = 0; i < 3; ++i) {
    if (i != leader) {
      group.world().Hold(transport::sim::Traffic::kWrites, LocalGroup::Id(leader), LocalGroup::Id(i));
    }
  }
  ASSERT_TRUE(group.Run([&] { return group.replicas[leader]->proposals_under_way() == 40; }));
  client.reset();
  for (int turn = 0; turn < 300; ++turn) {
    group.Turn(10'000);
  }
  EXPECT_EQ(group.ports[leader]->connections(), 1U) << "the replica still has to answer to it";
  EXPECT_EQ(group.ports[leader]->counters().left, 0U);
  for (std::size_t i = 0; i < 3; ++i) {
    if (i != leader) {
      group.world().Release(transport::sim::Traffic::kWrites, LocalGroup::Id(leader), LocalGroup::Id(i));
    }
  }
  EXPECT_TRUE(group.Run([&] { return group.ports[leader]->connections() == 0; }));
  EXPECT_EQ(group.ports[leader]->counters().left, 1U);
  EXPECT_EQ(group.machines[leader]->commands.size(), 40U);
  ExpectServes(group);
}

TEST(ClientPort, MoreClientsThanThereIsRoomForWait) {
  LocalGroup::Options options;
  options.port.max_clients = 2;
  LocalGroup group(options);
  Answers answers;
  auto first = group.NewClient();
  auto second = group.NewClient();
  ASSERT_TRUE(group.Run(*first, answers, [&] { return first->ready(); }));
  ASSERT_TRUE(group.Run(*second, answers, [&] { return second->ready(); }));
  auto third = group.NewClient();
  ASSERT_FALSE(group.Run(*third, answers, [&] { return third->ready(); }, 200));
  first.reset();
  ASSERT_TRUE(group.Run(*third, answers, [&] { return third->ready(); }));
}

TEST(ClientPort, ReplacesTheSocketOfACrashedLifeOnly) {
  LocalGroup group({});
  const std::string path = ClientSocketPath(group.directory.path(), LocalGroup::Id(0));
  const auto open = [&] {
    return ClientPort::Open(group.directory.path(), LocalGroup::Id(0), test::kGroup, {}, group.clock());
  };
  EXPECT_EQ(open().status().code(), absl::StatusCode::kAlreadyExists) << "a live one listens";
  group.ports[0].reset();
  {
    // What a killed process leaves: a socket file that nobody listens at.
    const absl::StatusOr<UniqueFd> listener = transport::shm::Listen(path);
    ASSERT_TRUE(listener.ok());
  }
  EXPECT_TRUE(open().ok());
  std::ofstream(path) << "somebody's notes";
  EXPECT_EQ(open().status().code(), absl::StatusCode::kFailedPrecondition);
  EXPECT_TRUE(std::ifstream(path).good());
  EXPECT_EQ(ClientPort::Open(std::string(200, 'x'), LocalGroup::Id(0), test::kGroup, {}, group.clock())
                .status()
                .code(),
            absl::StatusCode::kInvalidArgument);
}

}  // namespace
}  // namespace gaios::rsm
