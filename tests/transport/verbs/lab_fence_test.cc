// Fences and connections of the verbs transport on the RDMA device of this host, with writers in flight. Runs
// in the lab (tests/lab/verbs_test.py).

#include <sched.h>
#include <signal.h>

#include <atomic>
#include <cstdint>
#include <cstdlib>
#include <cstring>
#include <memory>
#include <string>
#include <vector>

#include <gtest/gtest.h>

#include "gaios/base/clock.h"
#include "gaios/transport/verbs/libverbs_device.h"
#include "gaios/transport/verbs/verbs_transport.h"

#include "tests/transport/verbs/process_backend.h"
#include "tests/transport/verbs/racer.h"
#include "tests/transport/verbs/socket_channel.h"

namespace gaios::transport::verbs {
namespace {

constexpr ReplicaId kWriter{1};
constexpr ReplicaId kRival{2};
constexpr Incarnation kLife{1};

// Replica 0 in the process of the test.
class Acceptor final : public EventHandler {
 public:
  Acceptor(const std::string& directory, std::size_t capacity) {
    VerbsOptions options;
    options.self = kRaceAcceptor;
    options.incarnation = kLife;
    options.capacity = capacity;
    options.clock = &clock_;
    auto channel = std::make_unique<SocketChannel>(SocketChannelOptions{.directory = directory,
                                                                        .self = kRaceAcceptor,
                                                                        .incarnation = kLife,
                                                                        .group = 77,
                                                                        .capacity = capacity,
                                                                        .replicas = 3,
                                                                        .clock = &clock_,
                                                                        .sever = &sever_});
    absl::StatusOr<std::unique_ptr<LibverbsDevice>> device = LibverbsDevice::Open("", 1);
    GAIOS_CHECK(device.ok(), device.status().ToString().c_str());
    absl::StatusOr<std::unique_ptr<VerbsTransport>> opened =
        VerbsTransport::Open(options, *std::move(device), std::move(channel));
    GAIOS_CHECK(opened.ok(), opened.status().ToString().c_str());
    transport_ = *std::move(opened);
  }

  void OnCompletion(const Completion&) override {}
  void OnControl(ReplicaId, Outcome, const ControlView&) override {}
  void OnMessage(ReplicaId, Incarnation, std::span<const std::byte>) override {}
  void OnGranted(Grant grant) override { granted_ = grant; }
  void OnLinkUp(ReplicaId peer, Incarnation) override { links_ |= 1U << peer.value(); }
  void OnLinkDown(ReplicaId peer) override {
    links_ &= ~(1U << peer.value());
    ++losses;
  }
  Range LiveRange(const std::byte*) override { return {}; }

  void Poll() {
    (void)transport_->Poll(*this);
    ::sched_yield();  // the device needs the processor too
  }
  void Give(ReplicaId to, std::uint32_t round, std::uint64_t number = 1) {
    const Grant grant = {.ballot = paxos::Ballot(round, to, kLife), .number = number};
    transport_->GrantTo(to, grant);
    while (granted_ != grant) {
      Poll();
    }
  }
  [[nodiscard]] bool linked(ReplicaId peer) const { return (links_ & (1U << peer.value())) != 0; }
  void Sever() { sever_ = true; }
  [[nodiscard]] VerbsTransport& transport() { return *transport_; }
  [[nodiscard]] std::vector<std::byte> Log() {
    return {transport_->log(), transport_->log() + transport_->capacity()};
  }

  std::uint64_t losses = 0;

 private:
  const base::TscClock clock_{base::TscClock::Source::kKernel};
  std::atomic<bool> sever_ = false;
  std::unique_ptr<VerbsTransport> transport_;
  Grant granted_;
  unsigned links_ = 0;
};

class FenceTest : public testing::Test {
 protected:
  void SetUp() override {
    acceptor_ = std::make_unique<Acceptor>(backend_.directory(), kRaceCapacity);
    for (const ReplicaId id : {kWriter, kRival}) {
      backend_.Start({.id = id, .capacity = kRaceCapacity});
    }
    AwaitLinks();
  }
  void AwaitLinks() {
    while (!acceptor_->linked(kWriter) || !acceptor_->linked(kRival)) {
      acceptor_->Poll();
      (void)backend_.process(kWriter).Poll();
      (void)backend_.process(kRival).Poll();
    }
  }
  [[nodiscard]] std::uint64_t FirstWord(std::uint64_t number) {
    const auto* const word = reinterpret_cast<const std::atomic<std::uint64_t>*>(
        acceptor_->transport().log() + number % kPieces * kPieceBytes);
    return word->load(std::memory_order_relaxed);
  }
  // Whether a piece of `log` is whole and of that write.
  static bool Holds(const std::vector<std::byte>& log, std::uint64_t number) {
    const std::size_t offset = number % kPieces * kPieceBytes;
    for (std::size_t at = offset; at < offset + kPieceBytes; at += sizeof(number)) {
      if (std::memcmp(&log[at], &number, sizeof(number)) != 0) {
        return false;
      }
    }
    return true;
  }

  ProcessBackend backend_;
  std::unique_ptr<Acceptor> acceptor_;
};

// The one that matters: two writers take turns, each with its link full when its grant ends. What it was told
// is done must be in the log when the next grant is given, and from then on the log must not change, for as
// long as the old writer takes to learn of it and beyond.
TEST_F(FenceTest, WritersInFlightAreFencedAndNothingOfTheirsLandsLate) {
  constexpr std::uint32_t kRounds = 300;
  // Of both: a piece that the other has written has a lower number than what is waited for.
  std::uint64_t before = 0;
  std::uint64_t in_flight = 0;
  for (std::uint32_t round = 1; round <= kRounds; ++round) {
    const ReplicaId writer = round % 2 == 0 ? kWriter : kRival;
    const std::uint64_t first = before + 1;
    backend_.process(writer).Ask("skip " + std::to_string(first));
    acceptor_->Give(writer, 2 * round);
    backend_.process(writer).StartAsking("race " + std::to_string(2 * round));
    const std::uint64_t target = first + 1 + round % 31;
    while (FirstWord(target) < target) {
      acceptor_->Poll();
    }
    // To itself: whoever writes now is late.
    acceptor_->Give(kRaceAcceptor, 2 * round + 1);
    const std::vector<std::byte> granted = acceptor_->Log();
    const std::uint64_t completed = std::stoull(backend_.process(writer).TakeAnswer());
    for (std::uint64_t number = completed < first + 40 ? first : completed - 40; number <= completed;
         ++number) {
      ASSERT_TRUE(Holds(granted, number))
          << "write " << number << " was done and is missing, round " << round;
    }
    for (int i = 0; i < 20; ++i) {
      acceptor_->Poll();
    }
    ASSERT_EQ(acceptor_->Log(), granted) << "a late write landed in round " << round;
    before = std::max(completed, first) + 2 * kPieces;
    in_flight += completed >= first ? 1 : 0;
  }
  EXPECT_GT(in_flight, kRounds / 2) << "the writers hardly wrote: this shows nothing";
  EXPECT_GE(acceptor_->transport().counters().fences, kRounds);
  RecordProperty("counters", backend_.process(kWriter).Ask("counters"));
  std::printf("writer: %s\n", backend_.process(kWriter).Ask("counters").c_str());
}

// A process that is stopped has a device that goes on: what it has posted still arrives.
TEST_F(FenceTest, AStoppedWritersDeviceIsFencedToo) {
  for (std::uint32_t round = 1; round <= 30; ++round) {
    const std::uint64_t target = std::uint64_t{round} * 10'000 + 5;
    backend_.process(kWriter).Ask("skip " + std::to_string(target - 5));
    acceptor_->Give(kWriter, 2 * round);
    backend_.process(kWriter).StartAsking("race " + std::to_string(2 * round));
    while (FirstWord(target) < target) {
      acceptor_->Poll();
    }
    ASSERT_EQ(::kill(backend_.process(kWriter).pid(), SIGSTOP), 0);
    acceptor_->Give(kRival, 2 * round + 1);
    const std::vector<std::byte> granted = acceptor_->Log();
    for (int i = 0; i < 100; ++i) {
      acceptor_->Poll();
      ASSERT_EQ(acceptor_->Log(), granted);
    }
    ASSERT_EQ(::kill(backend_.process(kWriter).pid(), SIGCONT), 0);
    (void)backend_.process(kWriter).TakeAnswer();
    ASSERT_EQ(acceptor_->Log(), granted) << "round " << round;
  }
}

// Every grant is a connection of its own.
TEST_F(FenceTest, ThousandsOfGrantsEachWithAQueuePairOfItsOwn) {
  constexpr std::uint32_t kGrants = 2000;
  conformance::ProcessEndpoint& writer = backend_.process(kWriter);
  const Range range = {.from = Position(0), .to = Position(64)};
  for (std::uint32_t number = 1; number <= kGrants; ++number) {
    acceptor_->Give(kWriter, 1, number);
    const Grant grant = {.ballot = paxos::Ballot(1, kWriter, kLife), .number = number};
    const conformance::Bytes bytes(64, static_cast<std::byte>(number));
    writer.FillLog(Position(0), bytes);
    while (writer.Write(kRaceAcceptor, grant, kLife, range, number) == Post::kDown) {
      acceptor_->Poll();
      (void)writer.Poll();
    }
    bool done = false;
    while (!done) {
      acceptor_->Poll();
      for (const conformance::Event& event : writer.Poll()) {
        if (event.kind == conformance::Event::Kind::kCompletion) {
          ASSERT_EQ(event.completion.outcome, Outcome::kDone) << number;
          ASSERT_EQ(event.completion.token, number);
          done = true;
        }
      }
    }
    ASSERT_EQ(std::memcmp(acceptor_->transport().log(), bytes.data(), bytes.size()), 0) << number;
  }
  EXPECT_EQ(acceptor_->transport().counters().fences, kGrants - 1);
  EXPECT_EQ(acceptor_->losses, 0U) << "a grant disturbs no link";
  std::printf("writer: %s\n", writer.Ask("counters").c_str());
}

class ErrorTest : public FenceTest {
 protected:
  // What comes of a write of the writer's under this grant.
  Outcome WriteUnder(Grant grant) {
    conformance::ProcessEndpoint& writer = backend_.process(kWriter);
    const Range range = {.from = Position(0), .to = Position(64)};
    const std::uint64_t token = ++last_token_;
    while (writer.Write(kRaceAcceptor, grant, kLife, range, token) == Post::kDown) {
      acceptor_->Poll();
      (void)writer.Poll();
    }
    for (;;) {
      acceptor_->Poll();
      for (const conformance::Event& event : writer.Poll()) {
        if (event.kind == conformance::Event::Kind::kCompletion && event.completion.token == token) {
          return event.completion.outcome;
        }
      }
    }
  }
  static Grant GrantOf(std::uint64_t number) {
    return {.ballot = paxos::Ballot(1, kWriter, kLife), .number = number};
  }
  // That the writer's device gave that status, and that nothing but the path went down.
  void ExpectPathBrokenBy(const char* status) {
    const std::string counters = backend_.process(kWriter).Ask("counters");
    EXPECT_NE(counters.find(std::string(" ") + status + "="), std::string::npos) << counters;
    EXPECT_NE(counters.find(" paths_broken=1 "), std::string::npos) << counters;
    EXPECT_EQ(acceptor_->losses, 0U);
  }

 private:
  std::uint64_t last_token_ = 0;
};

TEST_F(ErrorTest, AWriteWithAKeyThatThePeerDoesNotHaveIsAPathThatIsDown) {
  acceptor_->Give(kWriter, 1, 1);
  ASSERT_EQ(WriteUnder(GrantOf(1)), Outcome::kDone);
  const std::vector<std::byte> before = acceptor_->Log();
  backend_.process(kWriter).FillLog(Position(0), conformance::Bytes(64, std::byte{9}));
  backend_.process(kWriter).Ask("wrong key");
  EXPECT_EQ(WriteUnder(GrantOf(1)), Outcome::kDown);
  EXPECT_EQ(acceptor_->Log(), before);
  ExpectPathBrokenBy("REM_ACCESS_ERR");
  acceptor_->Give(kWriter, 1, 2);
  EXPECT_EQ(WriteUnder(GrantOf(2)), Outcome::kDone);
  EXPECT_NE(acceptor_->Log(), before);
}

TEST_F(ErrorTest, AQueuePairWhoseOtherEndDoesNotAnswerIsAPathThatIsDownWhenRetriesAreUsedUp) {
  // The pair for the first grant is there already; the one after it is made when that is used.
  backend_.process(kWriter).Ask("wrong number");
  acceptor_->Give(kWriter, 1, 1);
  ASSERT_EQ(WriteUnder(GrantOf(1)), Outcome::kDone);
  acceptor_->Give(kWriter, 1, 2);
  EXPECT_EQ(WriteUnder(GrantOf(2)), Outcome::kDown);
  ExpectPathBrokenBy("RETRY_EXC_ERR");
  acceptor_->Give(kWriter, 1, 3);
  EXPECT_EQ(WriteUnder(GrantOf(3)), Outcome::kDone);
}

// The acceptor's log is granted by whatever other path there is, and so by this one.
TEST_F(ErrorTest, APortThatIsDownHoldsNoGrantUp) {
  acceptor_->Give(kWriter, 1, 1);
  ASSERT_EQ(WriteUnder(GrantOf(1)), Outcome::kDone);
  // NOLINTNEXTLINE(concurrency-mt-unsafe): nobody else asks the shell
  ASSERT_EQ(std::system("ip link set eth0 down"), 0);
  while (acceptor_->transport().counters().port_failures == 0) {
    acceptor_->Poll();
  }
  acceptor_->Give(kRival, 2);
  EXPECT_EQ(acceptor_->transport().counters().fences, 1U);
  EXPECT_EQ(acceptor_->transport().counters().flushes_replaced, 1U);
  // NOLINTNEXTLINE(concurrency-mt-unsafe): as above
  ASSERT_EQ(std::system("ip link set eth0 up"), 0);
  AwaitLinks();
  acceptor_->Give(kWriter, 3);
  EXPECT_EQ(WriteUnder({.ballot = paxos::Ballot(3, kWriter, kLife), .number = 1}), Outcome::kDone);
  EXPECT_EQ(acceptor_->transport().counters().flushes_replaced, 1U) << "nobody was to be fenced";
}

// And links, which come up again by themselves, with all that belongs to them.
TEST_F(FenceTest, HundredsOfLinksThatBreakAndComeBack) {
  constexpr std::uint64_t kTimes = 150;
  for (std::uint64_t times = 1; times <= kTimes; ++times) {
    const std::uint64_t losses = acceptor_->losses;
    acceptor_->Sever();
    while (acceptor_->losses < losses + 2) {
      acceptor_->Poll();
    }
    AwaitLinks();
  }
  acceptor_->Give(kWriter, 7);
  const Grant grant = {.ballot = paxos::Ballot(7, kWriter, kLife), .number = 1};
  const Range range = {.from = Position(0), .to = Position(64)};
  while (backend_.process(kWriter).Write(kRaceAcceptor, grant, kLife, range, 1) == Post::kDown) {
    acceptor_->Poll();
    (void)backend_.process(kWriter).Poll();
  }
}

}  // namespace
}  // namespace gaios::transport::verbs
