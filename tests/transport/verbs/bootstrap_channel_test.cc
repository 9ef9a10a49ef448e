// The verbs transport with the peer channel of production: TLS over loopback, between two replicas on a
// network that is made up.

#include "gaios/transport/bootstrap/bootstrap_channel.h"

#include <sys/stat.h>

#include <cstdlib>
#include <filesystem>
#include <fstream>
#include <memory>
#include <string>
#include <system_error>

#include <gtest/gtest.h>

#include "gaios/base/clock.h"
#include "gaios/transport/bootstrap/bootstrap.h"
#include "gaios/transport/verbs/verbs_transport.h"

#include "tests/conformance/recorder.h"
#include "tests/conformance/suite.h"
#include "tests/transport/verbs/fake_network.h"

namespace gaios::transport::verbs {
namespace {

using conformance::Event;
using conformance::MakeGrant;
using conformance::MakeRange;

class BootstrapChannelTest : public testing::Test {
 protected:
  void SetUp() override {
    std::string pattern = testing::TempDir() + "/gaios-channel-XXXXXX";
    ASSERT_NE(::mkdtemp(pattern.data()), nullptr);
    directory_ = pattern;
    for (const char digit : {'a', 'b'}) {
      const std::string path = directory_ + "/key-" + digit;
      std::ofstream key(path);
      for (int i = 0; i < 32; ++i) {
        key << (i % 10) << digit;
      }
      key.close();
      ASSERT_EQ(::chmod(path.c_str(), 0600), 0);
    }
  }
  void TearDown() override {
    transports_[0].reset();
    transports_[1].reset();
    std::error_code ignored;
    std::filesystem::remove_all(directory_, ignored);
  }

  // Replica 0 dials replica 1, so that one is started first.
  void Start(std::uint8_t id, char key) {
    bootstrap::BootstrapOptions options;
    options.listen_address = "127.0.0.1";
    options.peers = {{.id = ReplicaId(static_cast<std::uint8_t>(1 - id)),
                      .address = id == 0 ? "127.0.0.1" : "",
                      .port = id == 0 ? port_ : std::uint16_t{0}}};
    options.credentials.key_file = directory_ + "/key-" + key;
    options.cluster = "test";
    options.group = paxos::GroupId(77);
    options.capacity_bytes = 4096;
    options.self = ReplicaId(id);
    options.incarnation = Incarnation(1);
    options.clock = &clock_;
    absl::StatusOr<std::unique_ptr<bootstrap::Bootstrap>> opened = bootstrap::Bootstrap::Open(options);
    ASSERT_TRUE(opened.ok()) << opened.status();
    port_ = (*opened)->port();
    VerbsOptions verbs;
    verbs.self = ReplicaId(id);
    verbs.incarnation = Incarnation(1);
    verbs.capacity = 4096;
    verbs.replicas = 2;
    verbs.clock = &clock_;
    absl::StatusOr<std::unique_ptr<VerbsTransport>> transport = VerbsTransport::Open(
        verbs, network_.MakeDevice(), std::make_unique<bootstrap::BootstrapChannel>(*std::move(opened)));
    ASSERT_TRUE(transport.ok()) << transport.status();
    transports_[id] = *std::move(transport);
  }
  // Polls both until an event of that kind has come to replica `id`.
  bool Await(std::size_t id, Event::Kind kind) {
    const std::uint64_t deadline_ns = clock_.NowNs() + 30'000'000'000;
    while (clock_.NowNs() < deadline_ns) {
      for (std::size_t each = 0; each < 2; ++each) {
        (void)transports_[each]->Poll(recorders_[each]);
        for (const Event& event : recorders_[each].Take()) {
          seen_[each][static_cast<std::size_t>(event.kind)] += 1;
        }
      }
      if (seen_[id][static_cast<std::size_t>(kind)] != 0) {
        return true;
      }
    }
    return false;
  }

  const base::TscClock clock_{base::TscClock::Source::kKernel};
  std::string directory_;
  std::uint16_t port_ = 0;
  FakeNetwork network_;
  std::unique_ptr<VerbsTransport> transports_[2];
  conformance::Recorder recorders_[2];
  int seen_[2][8] = {};
};

TEST_F(BootstrapChannelTest, ReplicasMeetOverItAndAGrantIsUsed) {
  Start(1, 'a');
  Start(0, 'a');
  ASSERT_TRUE(Await(0, Event::Kind::kLinkUp));
  ASSERT_TRUE(Await(1, Event::Kind::kLinkUp));
  const Grant grant = MakeGrant(1, ReplicaId(1));
  transports_[0]->GrantTo(ReplicaId(1), grant);
  ASSERT_TRUE(Await(0, Event::Kind::kGranted));
  while (transports_[1]->Write(ReplicaId(0), grant, Incarnation(1), MakeRange(0, 64), 1) == Post::kDown) {
    (void)Await(0, Event::Kind::kGranted);  // one more turn of both
  }
  EXPECT_TRUE(Await(1, Event::Kind::kCompletion));
  // The death of a process is seen by the end of its connection.
  transports_[0].reset();
  const std::uint64_t deadline_ns = clock_.NowNs() + 30'000'000'000;
  bool down = false;
  while (!down && clock_.NowNs() < deadline_ns) {
    (void)transports_[1]->Poll(recorders_[1]);
    for (const Event& event : recorders_[1].Take()) {
      down = down || event.kind == Event::Kind::kLinkDown;
    }
  }
  EXPECT_TRUE(down);
}

TEST_F(BootstrapChannelTest, AWrongKeyIsNoLinkAndTheOneThatDialsIsTold) {
  Start(1, 'a');
  Start(0, 'b');
  std::string told;
  const std::uint64_t deadline_ns = clock_.NowNs() + 30'000'000'000;
  while (told.empty() && clock_.NowNs() < deadline_ns) {
    for (std::size_t each = 0; each < 2; ++each) {
      (void)transports_[each]->Poll(recorders_[each]);
      EXPECT_TRUE(recorders_[each].Take().empty());
    }
    for (const std::string& notice : transports_[0]->TakeNotices()) {
      told += notice;
    }
  }
  EXPECT_FALSE(told.empty());
  // The channel's counters cross to the thread of the replica.
  while (transports_[0]->channel_counters().connections_dialled == 0 && clock_.NowNs() < deadline_ns) {
  }
  EXPECT_GE(transports_[0]->channel_counters().connections_dialled, 1U);
  EXPECT_EQ(transports_[0]->channel_counters().peers_up, 0U);
}

}  // namespace
}  // namespace gaios::transport::verbs
