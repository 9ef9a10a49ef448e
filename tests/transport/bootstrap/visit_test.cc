// Visitors: ends that prove to be of the cluster and do not come to stay as peers. They are received, sent
// away by name, or say where a peer is to be found. And members that come later, move or are removed.

#include <sys/eventfd.h>

#include <array>
#include <atomic>
#include <chrono>
#include <future>
#include <memory>
#include <string>
#include <thread>
#include <utility>
#include <vector>

#include <gmock/gmock.h>

#include "gaios/transport/bootstrap/address_book.h"
#include "gaios/transport/bootstrap/bootstrap_channel.h"
#include "gaios/transport/bootstrap/secure_stream.h"

#include "tests/transport/bootstrap/fixture.h"
#include "tests/transport/bootstrap/stranger.h"

namespace gaios::transport::bootstrap {
namespace {

using testing::HasSubstr;

constexpr Patience kPatient = {.stop_fd = -1, .limit_ms = 10'000};

std::string AddressOf(std::uint16_t port) {
  return "127.0.0.1:" + std::to_string(port);
}

// Takes in as many as it is told to.
class Hall final : public VisitorHandler {
 public:
  bool Welcome() override { return visits.size() < room; }
  void OnVisitor(const Visit& visit, std::unique_ptr<SecureStream> stream) override {
    visits.push_back(visit);
    streams.push_back(std::move(stream));
  }
  std::size_t room = 1;
  std::vector<Visit> visits;
  std::vector<std::unique_ptr<SecureStream>> streams;
};

class VisitTest : public BootstrapTest {
 protected:
  [[nodiscard]] static SocketAddress AddressAt(std::uint16_t port) {
    return ParseAddress("127.0.0.1", port).value();  // NOLINT(bugprone-unchecked-optional-access): it is one
  }
  [[nodiscard]] std::shared_ptr<TlsContext> ContextOf(const std::string& key_file) const {
    Credentials credentials;
    credentials.key_file = key_file;
    return *TlsContext::Load(credentials);
  }
  // One on which `id` could listen a moment ago.
  [[nodiscard]] std::uint16_t FreePort(std::uint8_t id) {
    Open(Alone(id));
    const std::uint16_t free = end(id).bootstrap->port();
    Close(id);
    return free;
  }
  // Opens `id`, which knows where `other` is and is not known to it. Where it listens.
  std::uint16_t OpenAcquaintance(std::uint8_t id, std::uint8_t other) {
    BootstrapOptions options = Alone(id);
    options.listen_port = FreePort(id);
    options.own_address = AddressOf(options.listen_port);
    options.peers = {{ReplicaId(other), "127.0.0.1", end(other).bootstrap->port()}};
    Open(options);
    return options.listen_port;
  }
  using Gone = absl::StatusOr<std::unique_ptr<SecureStream>>;
  // Goes from a thread of its own, while the ends are polled.
  Gone Go(const Visit& visit, const Patience& patience = kPatient, const std::string& key_file = "") {
    std::future<Gone> going = std::async(std::launch::async, [&] {
      return SecureStream::Go(ContextOf(key_file.empty() ? key_file_ : key_file),
                              AddressAt(end(1).bootstrap->port()), visit, patience);
    });
    EXPECT_TRUE(
        PollUntil([&] { return going.wait_for(std::chrono::seconds(0)) == std::future_status::ready; }));
    return going.get();
  }
  void OpenHost() {
    BootstrapOptions options = OptionsOf(1);
    options.visitors = &hall_;
    Open(options);
  }
  [[nodiscard]] static Visit Wanting(VisitPurpose purpose, std::uint64_t group = 77,
                                     const std::string& cluster = "harbour", std::uint8_t from = 0) {
    return MakeVisit(purpose, ReplicaId(from), paxos::GroupId(group), cluster);
  }
  void ExpectRefused(const Visit& visit, Refusal refusal, const char* why) {
    const Gone gone = Go(visit);
    EXPECT_EQ(gone.status().code(), refusal == Refusal::kNoRoom ? absl::StatusCode::kUnavailable
                                                                : absl::StatusCode::kFailedPrecondition)
        << gone.status();
    EXPECT_THAT(std::string(gone.status().message()), HasSubstr(why));
    EXPECT_EQ(end(1).RefusedByUs(refusal), 1U);
    EXPECT_EQ(end(1).seen->refusals.back().reason.find(why) != std::string::npos, true);
  }
  // A replica of a group whose members may change, which knows of nobody.
  BootstrapOptions Alone(std::uint8_t id, std::uint32_t incarnation = 1) const {
    BootstrapOptions options = OptionsOf(id, 1);
    options.peers.clear();
    options.began_with = 3;
    options.incarnation = Incarnation(incarnation);
    return options;
  }

  Hall hall_;
};

TEST_F(VisitTest, OneThatIsReceivedTalksToItsHostBesideTheLoop) {
  OpenHost();
  const Gone gone = Go(Wanting(VisitPurpose::kSnapshot));
  ASSERT_TRUE(gone.ok()) << gone.status();
  ASSERT_EQ(hall_.streams.size(), 1U);
  EXPECT_EQ(hall_.visits[0].from, 0);
  EXPECT_EQ(hall_.visits[0].purpose, static_cast<std::uint8_t>(VisitPurpose::kSnapshot));
  EXPECT_EQ(end(1).counters().visitors, 1U);
  // More than a socket holds, and nobody polls.
  const std::string sent(std::size_t{8} << 20, 'x');
  std::string got(sent.size(), '\0');
  std::future<absl::Status> giving = std::async(
      std::launch::async, [&] { return hall_.streams[0]->Send(std::as_bytes(std::span(sent)), kPatient); });
  ASSERT_TRUE((*gone)->Receive(std::as_writable_bytes(std::span(got)), kPatient).ok());
  EXPECT_TRUE(giving.get().ok());
  EXPECT_TRUE(got == sent);
  // Who ends it is seen to be gone.
  hall_.streams.clear();
  std::array<std::byte, 1> more = {};
  EXPECT_EQ((*gone)->Receive(more, kPatient).code(), absl::StatusCode::kUnavailable);
}

TEST_F(VisitTest, WhoDoesNothingHasAnEnd) {
  OpenHost();
  const Gone gone = Go(Wanting(VisitPurpose::kSnapshot));
  ASSERT_TRUE(gone.ok()) << gone.status();
  std::array<std::byte, 16> bytes = {};
  EXPECT_EQ(hall_.streams[0]->Receive(bytes, {.limit_ms = 1}).code(), absl::StatusCode::kDeadlineExceeded);
  const base::UniqueFd stop(::eventfd(1, EFD_CLOEXEC));
  EXPECT_EQ((*gone)->Receive(bytes, {.stop_fd = stop.get(), .limit_ms = 60'000}).code(),
            absl::StatusCode::kCancelled);
}

TEST_F(VisitTest, WhoTricklesHasAnEndToo) {
  OpenHost();
  const Gone gone = Go(Wanting(VisitPurpose::kSnapshot));
  ASSERT_TRUE(gone.ok()) << gone.status();
  std::atomic<bool> enough = false;
  std::atomic<std::size_t> sent = 0;
  std::thread trickling([&] {
    const std::array<std::byte, 1> little = {};
    while (!enough && (*gone)->Send(little, kPatient).ok()) {
      ++sent;
    }
  });
  std::vector<std::byte> all(std::size_t{64} << 20);  // at a byte each it takes for ever
  EXPECT_EQ(hall_.streams[0]->Receive(all, {.limit_ms = 50}).code(), absl::StatusCode::kDeadlineExceeded);
  EXPECT_LT(sent, all.size() / 4);
  enough = true;
  hall_.streams.clear();
  trickling.join();
}

// However quickly the rest would come: there is no time left to ask for it.
TEST_F(VisitTest, WhoseTimeIsOverIsNotHeardFurther) {
  OpenHost();
  const Gone gone = Go(Wanting(VisitPurpose::kSnapshot));
  ASSERT_TRUE(gone.ok()) << gone.status();
  std::array<std::byte, 1> little = {};
  for (int i = 0; i < 3; ++i) {
    ASSERT_TRUE((*gone)->Send(little, kPatient).ok());
  }
  ASSERT_TRUE(hall_.streams[0]->Receive(little, kPatient).ok());  // so the others are there
  std::array<std::byte, 2> both = {};
  EXPECT_EQ(hall_.streams[0]->Receive(both, {.limit_ms = 0}).code(), absl::StatusCode::kDeadlineExceeded);
}

TEST_F(VisitTest, OneThatGoesWhereNobodyIsHearsSo) {
  OpenHost();
  const std::uint16_t port = end(1).bootstrap->port();
  Close(1);
  const Gone gone =
      SecureStream::Go(ContextOf(key_file_), AddressAt(port), Wanting(VisitPurpose::kSnapshot), kPatient);
  EXPECT_EQ(gone.status().code(), absl::StatusCode::kUnavailable);
  EXPECT_THAT(std::string(gone.status().message()), HasSubstr(AddressOf(port)));
}

TEST_F(VisitTest, AnotherKeyIsNotLetIn) {
  OpenHost();
  const std::string other =
      WriteFile("other.key", "ffffffffffffffff8899aabbccddeeff0123456789abcdef0123456789ABCDEF\n");
  const Gone gone = Go(Wanting(VisitPurpose::kJoin, 0), kPatient, other);
  EXPECT_EQ(gone.status().code(), absl::StatusCode::kPermissionDenied) << gone.status();
  EXPECT_THAT(std::string(gone.status().message()), HasSubstr("cluster key"));
  EXPECT_TRUE(hall_.visits.empty());
}

TEST_F(VisitTest, OfAnotherGroupClusterOrIdAreSentAwayByName) {
  OpenHost();
  ExpectRefused(Wanting(VisitPurpose::kSnapshot, 78), Refusal::kGroup, "different groups");
  ExpectRefused(Wanting(VisitPurpose::kJoin, 0, "port"), Refusal::kCluster, "\"port\"");
  ExpectRefused(Wanting(VisitPurpose::kSnapshot, 77, "harbour", 5), Refusal::kUnknownId, "replica 5");
  Visit later = Wanting(VisitPurpose::kSnapshot);
  later.version = 9;
  ExpectRefused(later, Refusal::kVersion, "version 9");
  Visit strange = Wanting(VisitPurpose::kSnapshot);
  strange.purpose = 200;
  ExpectRefused(strange, Refusal::kMalformed, "not as this protocol has it");
  EXPECT_TRUE(hall_.visits.empty());
  // Who wants to join does not know the group.
  EXPECT_TRUE(Go(Wanting(VisitPurpose::kJoin, 0)).ok());
}

TEST_F(VisitTest, MoreThanThereIsRoomForAreSentAway) {
  OpenHost();
  const Gone first = Go(Wanting(VisitPurpose::kSnapshot));
  ASSERT_TRUE(first.ok());
  ExpectRefused(Wanting(VisitPurpose::kSnapshot), Refusal::kNoRoom, "has others to serve");
}

TEST_F(VisitTest, WhereNobodyReceivesThemTheyAreSentAway) {
  Open(OptionsOf(1));
  ExpectRefused(Wanting(VisitPurpose::kSnapshot), Refusal::kNoRoom, "receives no visitors");
}

TEST_F(VisitTest, WhoSaysMoreBeforeItIsAdmittedIsDropped) {
  OpenHost();
  Credentials credentials;
  credentials.key_file = key_file_;
  Puppet puppet(end(1).bootstrap->port(), credentials);
  const Visit visit = Wanting(VisitPurpose::kSnapshot);
  puppet.Say(FrameType::kVisit, std::as_bytes(std::span(&visit, 1)));
  puppet.Say(FrameType::kPing, {});
  ASSERT_TRUE(PollUntil([&] {
    puppet.Turn();
    return puppet.over();
  }));
  EXPECT_TRUE(hall_.visits.empty());
  EXPECT_EQ(end(1).counters().strangers_garbage, 1U);
}

// ---- members that come and go
// ---------------------------------------------------------------------------------------------

TEST_F(VisitTest, OneThatNoConfigNamesIsDialledWhereTheLogSays) {
  Open(Alone(5));
  Open(Alone(0));
  Settle();
  EXPECT_FALSE(end(0).Up(5));
  end(0).bootstrap->SetAddress(ReplicaId(5), "127.0.0.1", end(5).bootstrap->port());
  EXPECT_TRUE(PollUntil([&] { return end(0).Up(5) && end(5).Up(0); }));
}

TEST_F(VisitTest, OneOfHigherIdIntroducesItselfToThoseWhoDoNotKnowIt) {
  Open(Alone(0));
  OpenAcquaintance(5, 0);
  Settle();
  EXPECT_FALSE(end(0).Up(5)) << "only one that is not dialled for long says a word";
  EXPECT_TRUE(PollUntilAdvancing(10 * kMs, [&] { return end(0).Up(5) && end(5).Up(0); }));
  EXPECT_EQ(end(0).counters().visitors, 1U);
  EXPECT_EQ(end(0).counters().connections_dialled, 1U) << "the lower id dials";
}

TEST_F(VisitTest, AnAddressBookThatStillKnowsNothingTakesNothingAway) {
  Open(Alone(0));
  const std::uint16_t port = OpenAcquaintance(5, 0);
  ASSERT_TRUE(PollUntilAdvancing(10 * kMs, [&] { return end(0).Up(5) && end(5).Up(0); }));
  Close(5);
  end(0).bootstrap->SetAddress(ReplicaId(5), "", 0);
  BootstrapOptions silent = Alone(5, 2);  // knows of nobody to whom it could introduce itself
  silent.listen_port = port;
  Open(silent);
  EXPECT_TRUE(PollUntilAdvancing(kMs, [&] { return end(0).Up(5) && end(5).Up(0); }));
}

TEST_F(VisitTest, OneThatHasMovedIsMetWhereItIsNow) {
  Open(Alone(5));
  Open(Alone(0));
  end(0).bootstrap->SetAddress(ReplicaId(5), "127.0.0.1", end(5).bootstrap->port());
  ASSERT_TRUE(PollUntil([&] { return end(0).Up(5); }));
  Close(5);
  Open(Alone(5, 2));
  end(0).bootstrap->SetAddress(ReplicaId(5), "127.0.0.1", end(5).bootstrap->port());
  EXPECT_TRUE(PollUntilAdvancing(kMs, [&] { return end(0).Up(5) && end(5).Up(0); }));
}

TEST_F(VisitTest, OneThatWasRemovedIsDisconnectedAndRefusedUntilItStartsAnew) {
  Open(Alone(5, 3));
  Open(Alone(0));
  end(0).bootstrap->SetAddress(ReplicaId(5), "127.0.0.1", end(5).bootstrap->port());
  ASSERT_TRUE(PollUntil([&] { return end(0).Up(5) && end(5).Up(0); }));
  end(0).bootstrap->Expel(ReplicaId(5), Incarnation(2));
  Settle();
  EXPECT_TRUE(end(0).Up(5)) << "that was an earlier life";
  end(0).bootstrap->Expel(ReplicaId(5), Incarnation(3));
  ASSERT_TRUE(PollUntilAdvancing(kMs, [&] { return end(0).RefusedByUs(Refusal::kRemoved) > 0; }));
  EXPECT_FALSE(end(0).Up(5));
  EXPECT_THAT(end(0).seen->refusals.back().reason, HasSubstr("was removed from the group as incarnation 3"));
  ASSERT_TRUE(PollUntil([&] { return end(5).RefusedByPeer(Refusal::kRemoved) > 0; }));
  // One that is of lower id, and dials by itself, is not let in either.
  end(5).bootstrap->Expel(ReplicaId(0), Incarnation(1));
  ASSERT_TRUE(PollUntilAdvancing(kMs, [&] {
    return end(5).RefusedByUs(Refusal::kRemoved) + end(0).RefusedByUs(Refusal::kRemoved) > 1;
  }));
  Close(5);
  Open(Alone(5, 4));
  end(0).bootstrap->SetAddress(ReplicaId(5), "127.0.0.1", end(5).bootstrap->port());
  EXPECT_TRUE(PollUntilAdvancing(kMs, [&] { return end(0).Up(5) && end(5).Up(0); }));
}

class Nobody final : public PeerChannelHandler {
 public:
  void OnPeerUp(ReplicaId, Incarnation) override { up = true; }
  void OnFrame(ReplicaId, std::span<const std::byte>) override {}
  void OnPeerDown(ReplicaId) override { up = false; }
  bool up = false;
};

TEST_F(VisitTest, TheChannelFollowsTheAddressBook) {
  Open(Alone(5));
  AddressBook book;
  BootstrapChannel channel(*Bootstrap::Open(Alone(0)), &book);
  Nobody seen;
  const auto turn_until = [&](bool up) {
    return PollUntilAdvancing(kMs, [&] {
      channel.Poll(seen);
      return seen.up == up;
    });
  };
  AddressBookEntries entries;
  entries[5] = {.address = "127.0.0.1", .port = end(5).bootstrap->port(), .expelled = {}};
  book.Set(entries);
  EXPECT_TRUE(turn_until(true));
  entries[5].expelled = Incarnation(1);
  book.Set(entries);
  EXPECT_TRUE(turn_until(false));
  EXPECT_GT(channel.counters().peers_down, 0U);
}

}  // namespace
}  // namespace gaios::transport::bootstrap
