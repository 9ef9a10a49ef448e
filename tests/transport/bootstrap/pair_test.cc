// Ends that belong together: they come up, exchange frames, go down and come up again.

#include <poll.h>
#include <sys/wait.h>
#include <unistd.h>

#include <array>
#include <csignal>
#include <set>

#include <gmock/gmock.h>

#include "tests/transport/bootstrap/fixture.h"

namespace gaios::transport::bootstrap {
namespace {

using testing::ElementsAre;

// So that those who dial know the ports.
constexpr std::array<std::uint8_t, 3> kDescending = {2, 1, 0};

class PairTest : public BootstrapTest {
 protected:
  // Sends as long as it is taken.
  int SendUntilFull(std::uint8_t from, std::uint8_t to, std::string_view text) {
    int sent = 0;
    while (end(from).bootstrap->Send(ReplicaId(to), Bytes(text)) == Sent::kTaken) {
      ++sent;
    }
    return sent;
  }
};

TEST_F(PairTest, BothComeUpAndSayWhoTheyAre) {
  BootstrapOptions options = OptionsOf(1);
  options.incarnation = Incarnation(5);
  Open(options);
  Open(OptionsOf(0));
  ASSERT_TRUE(PollUntil([this] { return end(0).Up(1) && end(1).Up(0); }));
  EXPECT_THAT(end(0).seen->log, ElementsAre("up 1"));
  EXPECT_THAT(end(1).seen->log, ElementsAre("up 0"));
  EXPECT_EQ(end(0).seen->hellos.at(0).incarnation, Incarnation(5));
  EXPECT_EQ(end(1).seen->hellos.at(0).incarnation, Incarnation(1));
  EXPECT_NE(end(0).seen->hellos.at(0).instance, end(1).seen->hellos.at(0).instance);
  EXPECT_EQ(end(0).counters().connections_dialled, 1U);
  EXPECT_EQ(end(1).counters().connections_dialled, 0U) << "the lower id dials";
  EXPECT_EQ(end(1).counters().connections_accepted, 1U);
}

TEST_F(PairTest, ThreeEndsComeUpWithOneConnectionForEachPair) {
  for (const std::uint8_t id : kDescending) {
    Open(OptionsOf(id, 3));
  }
  ASSERT_TRUE(PollUntil([this] {
    return end(0).Up(1) && end(0).Up(2) && end(1).Up(0) && end(1).Up(2) && end(2).Up(0) && end(2).Up(1);
  }));
  EXPECT_EQ(end(0).counters().connections_dialled + end(1).counters().connections_dialled, 3U);
  EXPECT_EQ(end(2).counters().connections_dialled, 0U);
  // Each reaches each.
  for (const std::uint8_t from : kDescending) {
    for (const std::uint8_t to : kDescending) {
      if (from != to) {
        const std::string text = std::to_string(from) + " to " + std::to_string(to);
        EXPECT_EQ(end(from).bootstrap->Send(ReplicaId(to), Bytes(text)), Sent::kTaken);
      }
    }
  }
  ASSERT_TRUE(PollUntil([this] {
    return end(0).seen->frames.size() == 2 && end(1).seen->frames.size() == 2 &&
           end(2).seen->frames.size() == 2;
  }));
  EXPECT_THAT(end(0).seen->frames, testing::UnorderedElementsAre("1 to 0", "2 to 0"));
  EXPECT_THAT(end(1).seen->frames, testing::UnorderedElementsAre("0 to 1", "2 to 1"));
  EXPECT_THAT(end(2).seen->frames, testing::UnorderedElementsAre("0 to 2", "1 to 2"));
}

TEST_F(PairTest, FramesOfEverySizeArriveWholeAndInOrderBothWays) {
  OpenPair();
  std::vector<std::string> sent;
  for (std::size_t size = 1; size <= kMaxFrameBytes; size += size < 20 ? 1 : 339) {
    sent.emplace_back(size, static_cast<char>('a' + (sent.size() % 26)));
  }
  sent.emplace_back(kMaxFrameBytes, 'z');
  for (const std::string& frame : sent) {
    const auto taken = [&](std::uint8_t from, std::uint8_t to) {
      return PollUntil(
          [&] { return end(from).bootstrap->Send(ReplicaId(to), Bytes(frame)) == Sent::kTaken; });
    };
    ASSERT_TRUE(taken(0, 1));
    ASSERT_TRUE(taken(1, 0));
  }
  ASSERT_TRUE(PollUntil([&] {
    return end(0).seen->frames.size() == sent.size() && end(1).seen->frames.size() == sent.size();
  }));
  EXPECT_EQ(end(0).seen->frames, sent);
  EXPECT_EQ(end(1).seen->frames, sent);
  EXPECT_EQ(end(0).counters().frames_sent, sent.size());
  EXPECT_EQ(end(0).counters().frames_received, sent.size());
}

TEST_F(PairTest, APeerThatDoesNotReadMakesItFullAndLosesNothing) {
  OpenPair();
  const std::string frame(kMaxFrameBytes, 'x');
  const int sent = SendUntilFull(0, 1, frame);
  EXPECT_GT(sent, 15) << "at least what the buffer holds";
  EXPECT_TRUE(end(0).Up(1));
  ASSERT_TRUE(PollUntil([&] { return end(1).seen->frames.size() == static_cast<std::size_t>(sent); }));
  EXPECT_EQ(end(0).bootstrap->Send(ReplicaId(1), Bytes("again")), Sent::kTaken);
  ASSERT_TRUE(PollUntil([&] { return end(1).seen->frames.back() == "again"; }));
}

TEST_F(PairTest, NothingIsSentToAPeerThatIsNotUp) {
  Open(OptionsOf(1));
  EXPECT_EQ(end(1).bootstrap->Send(ReplicaId(0), Bytes("x")), Sent::kDown);
  EXPECT_EQ(end(1).bootstrap->Send(ReplicaId(200), Bytes("x")), Sent::kDown);
  EXPECT_FALSE(end(1).Up(0));
}

TEST_F(PairTest, HandlersMaySendAndDisconnect) {
  OpenPair();
  end(1).seen->on_frame = [this](ReplicaId peer, std::span<const std::byte> bytes) {
    EXPECT_EQ(end(1).bootstrap->Send(peer, bytes), Sent::kTaken);
    end(1).bootstrap->Disconnect(peer);
    EXPECT_EQ(end(1).bootstrap->Send(peer, bytes), Sent::kDown);
  };
  ASSERT_EQ(end(0).bootstrap->Send(ReplicaId(1), Bytes("once")), Sent::kTaken);
  ASSERT_EQ(end(0).bootstrap->Send(ReplicaId(1), Bytes("never")), Sent::kTaken);
  ASSERT_TRUE(PollUntil([this] {
    return !end(0).seen->log.empty() && end(0).seen->log.back() != "up 1" &&
           end(0).seen->log.back() != "frame 1";
  }));
  EXPECT_THAT(end(1).seen->log, ElementsAre("up 0", "frame 0", "down 0 disconnected"));
  EXPECT_THAT(end(1).seen->frames, ElementsAre("once"));
  // It comes up again, after the backoff.
  ASSERT_TRUE(PollUntilAdvancing(kMs, [this] { return end(0).Up(1) && end(1).Up(0); }));
}

TEST_F(PairTest, ADisconnectedPeerComesUpAgain) {
  OpenPair();
  end(0).bootstrap->Disconnect(ReplicaId(1));
  EXPECT_FALSE(end(0).Up(1));
  ASSERT_TRUE(PollUntil([this] { return end(1).seen->log.size() == 2; }));
  EXPECT_THAT(end(0).seen->log, ElementsAre("up 1", "down 1 disconnected"));
  EXPECT_THAT(end(1).seen->log, ElementsAre("up 0", "down 0 closed"));
  Settle();
  EXPECT_EQ(end(0).counters().connections_dialled, 1U) << "dials at the end of the backoff, not before";
  clock_.AdvanceNs(50 * kMs);
  ASSERT_TRUE(PollUntil([this] { return end(0).Up(1) && end(1).Up(0); }));
  EXPECT_EQ(end(0).counters().connections_dialled, 2U);
}

TEST_F(PairTest, KeysOfAConnectionAreTheSameAtBothEndsAndNowhereElse) {
  OpenPair();
  const auto key_of = [this](std::uint8_t at, std::uint8_t peer, std::string_view label,
                             std::string_view context) {
    std::string key(32, '\0');
    const absl::Status status = end(at).bootstrap->ExportKey(ReplicaId(peer), label, Bytes(context),
                                                             std::as_writable_bytes(std::span(key)));
    return status.ok() ? key : std::string(status.message());
  };
  std::set<std::string> keys;
  for (const char* const label : {"gaios udp", "gaios other"}) {
    for (const char* const context : {"", "0", "1"}) {
      const std::string key = key_of(0, 1, label, context);
      EXPECT_EQ(key.size(), 32U);
      EXPECT_EQ(key, key_of(1, 0, label, context));
      EXPECT_TRUE(keys.insert(key).second);
    }
  }
  // Another connection of the same pair.
  end(0).bootstrap->Disconnect(ReplicaId(1));
  ASSERT_TRUE(PollUntil([this] { return end(1).seen->log.size() == 2; }));
  EXPECT_THAT(key_of(0, 1, "gaios udp", ""), testing::HasSubstr("not up"));
  ASSERT_TRUE(PollUntilAdvancing(kMs, [this] { return end(0).Up(1) && end(1).Up(0); }));
  EXPECT_TRUE(keys.insert(key_of(0, 1, "gaios udp", "")).second);
  EXPECT_THAT(key_of(0, 1, "", ""), testing::HasSubstr("label"));
  EXPECT_THAT(key_of(0, 1, "x", std::string(300, 'x')), testing::HasSubstr("context"));
}

TEST_F(PairTest, TheDiallerBacksOffWithinItsBoundsAndConnectsWhenThePeerIsThere) {
  Open(OptionsOf(1));
  const std::uint16_t port = ports_.at(1);
  Close(1);  // nobody is there
  BootstrapOptions options = OptionsOf(0);
  options.min_backoff_ns = 100 * kMs;
  options.max_backoff_ns = 800 * kMs;
  Open(options);
  // Each failure is followed by a pause of between half the backoff and all of it.
  const std::uint64_t expected_ms[] = {100, 200, 400, 800, 800, 800};
  for (const std::uint64_t backoff_ms : expected_ms) {
    const std::uint64_t failed_before = end(0).counters().dials_failed;
    ASSERT_TRUE(PollUntil([&] { return end(0).counters().dials_failed > failed_before; }));
    const std::uint64_t due_ns = end(0).bootstrap->NextTimeNs() - clock_.NowNs();
    EXPECT_GE(due_ns, backoff_ms * kMs / 2);
    EXPECT_LE(due_ns, backoff_ms * kMs);
    const std::uint64_t dialled = end(0).counters().connections_dialled;
    clock_.AdvanceNs(due_ns - 1);
    Settle();
    EXPECT_EQ(end(0).counters().connections_dialled, dialled);
    clock_.AdvanceNs(1);
    end(0).Poll();
    EXPECT_EQ(end(0).counters().connections_dialled, dialled + 1);
  }
  BootstrapOptions late = OptionsOf(1);
  late.listen_port = port;
  Open(late);
  ASSERT_TRUE(PollUntilAdvancing(10 * kMs, [this] { return end(0).Up(1) && end(1).Up(0); }));
  EXPECT_TRUE(end(0).seen->refusals.empty()) << "nobody there is no refusal";
}

TEST_F(PairTest, QuietEndsPingEachOtherAndStayUp) {
  OpenPair();
  for (int second = 0; second < 30; ++second) {
    clock_.AdvanceNs(500 * kMs);
    Settle();
  }
  EXPECT_THAT(end(0).seen->log, ElementsAre("up 1"));
  EXPECT_THAT(end(1).seen->log, ElementsAre("up 0"));
}

TEST_F(PairTest, APeerThatFallsSilentIsDown) {
  OpenPair();
  // End 1 is not polled any more: a host that is gone without a word.
  clock_.AdvanceNs(3 * kSecond - 1);
  end(0).Poll();
  EXPECT_TRUE(end(0).Up(1));
  clock_.AdvanceNs(1);
  end(0).Poll();
  EXPECT_THAT(end(0).seen->log, ElementsAre("up 1", "down 1 silent"));
}

TEST_F(PairTest, AnEndThatWasPausedHearsWhatWasSentMeanwhileBeforeItJudges) {
  OpenPair();
  for (int turn = 0; turn < 10; ++turn) {
    clock_.AdvanceNs(290 * kMs);
    end(1).Poll();  // pings, while end 0 is paused
  }
  clock_.AdvanceNs(200 * kMs);
  end(0).Poll();
  EXPECT_TRUE(end(0).Up(1));
}

TEST_F(PairTest, ADiallerThatComesAgainReplacesItsOldConnection) {
  OpenPair();
  // The old connection stays open, as when a host has lost its power: end 1 has not heard of its end.
  std::unique_ptr<Bootstrap> old = std::move(end(0).bootstrap);
  BootstrapOptions options = OptionsOf(0);
  options.incarnation = Incarnation(2);
  Open(options);
  ASSERT_TRUE(PollUntil([this] { return end(1).seen->log.size() == 3 && end(0).Up(1); }));
  EXPECT_THAT(end(1).seen->log, ElementsAre("up 0", "down 0 replaced", "up 0"));
  EXPECT_EQ(end(1).seen->hellos.back().incarnation, Incarnation(2));
  EXPECT_TRUE(end(1).Up(0));
  // The earlier life is refused when it comes back, and disturbs nobody.
  Recorder ghost;
  ASSERT_TRUE(PollUntilAdvancing(kMs, [&] {
    old->Poll(ghost);
    return !ghost.refusals.empty();
  }));
  EXPECT_EQ(ghost.refusals.front().refusal, Refusal::kIncarnation);
  EXPECT_FALSE(ghost.refusals.front().by_us);
  EXPECT_EQ(end(1).RefusedByUs(Refusal::kIncarnation), 1U);
  EXPECT_THAT(end(1).seen->log, ElementsAre("up 0", "down 0 replaced", "up 0"));
}

TEST_F(PairTest, AListenerThatStartsAgainIsFoundInItsNewLife) {
  OpenPair();
  Close(1);
  BootstrapOptions options = OptionsOf(1);
  options.listen_port = ports_.at(1);
  options.incarnation = Incarnation(2);
  ASSERT_TRUE(PollUntil([this] { return end(0).seen->log.size() == 2; }));
  EXPECT_EQ(end(0).seen->log.back(), "down 1 closed");
  Open(options);
  ASSERT_TRUE(PollUntilAdvancing(kMs, [this] { return end(0).Up(1) && end(1).Up(0); }));
  EXPECT_EQ(end(0).seen->hellos.back().incarnation, Incarnation(2));
}

TEST_F(PairTest, AProcessThatIsKilledIsDownAtOnceAndItsSuccessorComesUp) {
  Open(OptionsOf(1));
  const pid_t child = ::fork();
  if (child == 0) {
    absl::StatusOr<std::unique_ptr<Bootstrap>> opened = Bootstrap::Open(OptionsOf(0));
    Recorder seen;
    while (opened.ok()) {
      (*opened)->Poll(seen);
      static_cast<void>((*opened)->Send(ReplicaId(1), Bytes("on and on")));
    }
    ::_exit(1);
  }
  ASSERT_GT(child, 0);
  EXPECT_TRUE(PollUntil([this] { return end(1).seen->frames.size() > 100; }));
  ASSERT_EQ(::kill(child, SIGKILL), 0);
  ASSERT_EQ(::waitpid(child, nullptr, 0), child);
  ASSERT_TRUE(PollUntil([this] { return !end(1).Up(0); }));
  EXPECT_EQ(end(1).seen->log.back(), "down 0 lost");
  for (const std::string& frame : end(1).seen->frames) {
    EXPECT_EQ(frame, "on and on");
  }
  BootstrapOptions options = OptionsOf(0);
  options.incarnation = Incarnation(2);
  Open(options);
  ASSERT_TRUE(PollUntil([this] { return end(0).Up(1) && end(1).Up(0); }));
}

TEST_F(PairTest, ItsDescriptorWakesAThreadThatSleeps) {
  OpenPair();
  Settle();
  pollfd waiting = {.fd = end(1).bootstrap->poll_fd(), .events = POLLIN, .revents = 0};
  EXPECT_EQ(::poll(&waiting, 1, 0), 0) << "nothing to do";
  EXPECT_GT(end(1).bootstrap->NextTimeNs(), clock_.NowNs());
  ASSERT_EQ(end(0).bootstrap->Send(ReplicaId(1), Bytes("wake up")), Sent::kTaken);
  ASSERT_EQ(::poll(&waiting, 1, 10'000), 1);
  end(1).Poll();
  EXPECT_THAT(end(1).seen->frames, ElementsAre("wake up"));
}

TEST_F(PairTest, WorksOverIpv6) {
  BootstrapOptions options = OptionsOf(1);
  options.listen_address = "::1";
  absl::StatusOr<std::unique_ptr<Bootstrap>> opened = Bootstrap::Open(options);
  if (!opened.ok()) {
    GTEST_SKIP() << "no IPv6 on this machine: " << opened.status();
  }
  end(1).bootstrap = *std::move(opened);
  BootstrapOptions dialler = OptionsOf(0);
  dialler.peers.front().address = "::1";
  dialler.peers.front().port = end(1).bootstrap->port();
  Open(dialler);
  ASSERT_TRUE(PollUntil([this] { return end(0).Up(1) && end(1).Up(0); }));
}

TEST_F(PairTest, APortThatIsTakenIsAnErrorThatNamesIt) {
  Open(OptionsOf(1));
  BootstrapOptions options = OptionsOf(1);
  options.listen_port = ports_.at(1);
  const absl::StatusOr<std::unique_ptr<Bootstrap>> second = Bootstrap::Open(options);
  ASSERT_EQ(second.status().code(), absl::StatusCode::kUnavailable);
  EXPECT_THAT(std::string(second.status().message()), testing::HasSubstr(std::to_string(ports_.at(1))));
}

}  // namespace
}  // namespace gaios::transport::bootstrap
