// Which processes are of one group, and which are not: another bootstrap under the same name in the same
// place, bootstraps that race, starts that fail, another release.

#include <csignal>
#include <filesystem>
#include <memory>
#include <string>
#include <vector>

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "gaios/rsm/marker.h"

#include "tests/processes/group.h"
#include "tests/support/paths.h"
#include "tests/support/sanitized.h"

namespace gaios::cli {
namespace {

using ::testing::AllOf;
using ::testing::HasSubstr;

std::string MarkerOf(const rsm::Config& config, std::size_t replica) {
  return ReadText(rsm::MarkerPath(config, paxos::ReplicaId(static_cast<std::uint8_t>(replica))));
}

bool Says(const Group& group, std::size_t replica, const std::string& what) {
  return group.Output(replica).find(what) != std::string::npos;
}

void Commit(Counting& client, std::uint64_t more) {
  const std::uint64_t target = client.committed() + more;
  EXPECT_TRUE(Await([&] {
    client.Turn();
    return client.committed() >= target;
  })) << client.client().trouble();
}

// A group of which replicas 0 and 1 were killed and started again after the directory was cleared and
// bootstrapped anew, with the same config. Replica 2 still runs, and is of the old group.
class Reborn {
 public:
  Reborn() : old_client_(group_.config(), {.operation_timeout_ns = 2'000'000'000}) {
    static_cast<void>(group_.AwaitLeader());
    Commit(old_client_, 1000);
    group_.Kill(0);
    group_.Kill(1);
    std::filesystem::remove_all(group_.config().directory);
    const Ran made = RunGaios(group_.scratch(), {"bootstrap", "--config", group_.config_path()});
    EXPECT_EQ(made.exit_code, 0) << made.output;
    group_.Start(0);
    group_.Start(1);
    leader_ = group_.AwaitLeader();
  }
  [[nodiscard]] Group& group() { return group_; }
  [[nodiscard]] Counting& old_client() { return old_client_; }
  [[nodiscard]] std::size_t leader() const { return leader_; }
  [[nodiscard]] std::size_t follower() const { return 1 - leader_; }

 private:
  Group group_;
  Counting old_client_;
  std::size_t leader_ = 0;
};

TEST(Identity, ASurvivorOfAnOldGroupIsNotOfTheNewOne) {
  Reborn reborn;
  Group& group = reborn.group();
  Counting client(group.config(), {});
  Commit(client, 1000);
  EXPECT_TRUE(Await([&] { return Says(group, 2, "replica 0 refuses this one"); })) << group.Output(2);
  EXPECT_THAT(group.Output(2), AllOf(HasSubstr("replica 2 is not of the group of replica 0, bootstrap "),
                                     HasSubstr(" of \"test\"")));
  EXPECT_TRUE(Await([&] { return Says(group, 0, "refused a peer: replica 2 is not of the group"); }));
  EXPECT_EQ(group.Counters(reborn.leader()).in_sync, 3U);
  // It does not help to form a majority.
  group.Kill(reborn.follower());
  EXPECT_TRUE(Await([&] { return group.Counters(reborn.leader()).no_quorum == 1; }))
      << group.Json(reborn.leader());
  EXPECT_TRUE(group.process(reborn.leader()).running()) << group.Output(reborn.leader());
  EXPECT_TRUE(group.process(2).running());
}

TEST(Identity, ASurvivorThatEndsTakesNothingOfTheNewGroupAlong) {
  Reborn reborn;
  Group& group = reborn.group();
  const auto next =
      StartGaios({"replica", "--config", group.config_path(), "--id", "2"}, group.scratch().Path("next.log"));
  const auto in_sync = [&] { return group.Counters(reborn.leader()).in_sync == 7; };
  EXPECT_TRUE(Await(in_sync)) << group.Json(reborn.leader());
  group.Signal(2, SIGTERM);
  EXPECT_EQ(group.process(2).Wait(std::chrono::minutes(1)), 0);
  for (const char* file : {".sock", ".control", ".lock", ".client"}) {
    EXPECT_TRUE(std::filesystem::exists(group.config().directory + "/replica-2" + file)) << file;
  }
}

TEST(Identity, AClientOfAnOldGroupIsToldSoAndServedByNobody) {
  Reborn reborn;
  Counting& client = reborn.old_client();
  // What the old leader had answered before it was killed may still be on its way to the client.
  const std::uint64_t committed = client.committed() + client.client().outstanding();
  const std::uint64_t unknown = client.client().outstanding() + client.unknown() + 1;
  EXPECT_TRUE(Await([&] {
    static_cast<void>(client.Submit());
    client.Poll();
    return client.unknown() >= unknown;
  }));
  EXPECT_LE(client.committed(), committed);
  EXPECT_THAT(client.client().trouble(), AllOf(HasSubstr("refused: another group: bootstrap "),
                                               HasSubstr("of \"test\""), HasSubstr("open a new client")));
  EXPECT_EQ(reborn.group().Counters(reborn.leader()).applied_commands, 0U);
}

TEST(Identity, OfRacingBootstrapsOneMakesTheGroup) {
  const Scratch scratch;
  for (int round = 0; round < 10; ++round) {
    const std::string name = std::to_string(round);
    const std::string config = scratch.Write(name + ".toml", ConfigText(scratch.Path(name), {}));
    std::vector<std::unique_ptr<ChildProcess>> racers;
    racers.reserve(4);
    for (int i = 0; i < 4; ++i) {
      racers.push_back(StartGaios({"bootstrap", "--config", config}, scratch.Path("race.log")));
    }
    int made = 0;
    for (const auto& racer : racers) {
      const std::optional<int> code = racer->Wait(std::chrono::minutes(1));
      EXPECT_THAT(code, ::testing::AnyOf(0, 2));
      made += code == 0 ? 1 : 0;
    }
    EXPECT_EQ(made, 1) << ReadText(scratch.Path("race.log"));
  }
}

// A group that was made and not started.
class Failing : public ::testing::Test {
 protected:
  Failing() {
    path_ = scratch_.Write("group.toml", ConfigText(scratch_.Path("group"), {}));
    config_ = *rsm::LoadConfig(path_);
    EXPECT_EQ(RunGaios(scratch_, {"bootstrap", "--config", path_}).exit_code, 0);
    marker_ = MarkerOf(config_, 0);
  }
  [[nodiscard]] Ran Start(const std::string& config) const {
    return RunGaios(scratch_, {"replica", "--config", config, "--id", "0"});
  }
  // The start that comes after is still the first one.
  void ExpectTheVoteIsThere() {
    EXPECT_EQ(MarkerOf(config_, 0), marker_);
    const std::string log = scratch_.Path("0.log");
    const auto replica = StartGaios({"replica", "--config", path_, "--id", "0"}, log);
    EXPECT_TRUE(Await([&] { return ReadText(log).find("incarnation 1,") != std::string::npos; }))
        << ReadText(log);
  }

  Scratch scratch_;
  std::string path_;
  rsm::Config config_;
  std::string marker_;
};

TEST_F(Failing, ForAFileInTheWayKeepsTheVote) {
  for (const char* name : {"replica-0.client", "replica-0.sock", "replica-0.control"}) {
    const std::string file = scratch_.Write(std::string("group/") + name, "not what belongs here");
    const Ran ran = Start(path_);
    EXPECT_EQ(ran.exit_code, 2) << ran.output;
    EXPECT_THAT(ran.output, HasSubstr(file));
    EXPECT_EQ(MarkerOf(config_, 0), marker_) << name;
    std::filesystem::remove(file);
  }
  ExpectTheVoteIsThere();
}

// The sanitizers' own reservations leave no room under a limit.
#if !GAIOS_SANITIZED
TEST_F(Failing, ForWantOfMemoryKeepsTheVoteAndSaysWhatWasReserved) {
  const auto start = [&](const std::string& config) {
    const std::string log = scratch_.Path("limited.log");
    std::filesystem::remove(log);
    const auto process = ChildProcess::Start({"/bin/sh", "-c",
                                              std::string("ulimit -v 400000; exec ") + BinDirectory() +
                                                  "/gaios replica --config " + config + " --id 0"},
                                             log);
    EXPECT_TRUE(process.ok()) << process.status();
    EXPECT_EQ((*process)->Wait(std::chrono::minutes(1)), 1);
    return ReadText(log);
  };
  const std::string sessions =
      scratch_.Write("sessions.toml",
                     ConfigText(config_.directory, {}, "[sessions]\nmax_sessions = 16384\nreply_kib = 64\n"));
  EXPECT_THAT(start(sessions), AllOf(HasSubstr("1024 MiB for 16384 sessions of 64 KiB"),
                                     HasSubstr("lower sessions.max_sessions")));
  const std::string log =
      scratch_.Write("log.toml", ConfigText(config_.directory, {.capacity_bytes = std::uint64_t{256} << 20}));
  EXPECT_THAT(start(log), AllOf(HasSubstr("bytes of shared memory"), HasSubstr("lower the log capacity")));
  ExpectTheVoteIsThere();
}
#endif

// `next` is of another release, which is told apart by the version of the wire; the others are of ours.
void ExpectToldApart(std::size_t next) {
  Group group({.replicas = 3, .capacity_bytes = std::uint64_t{1} << 20, .start = false});
  const std::string log = group.scratch().Path("next.log");
  absl::StatusOr<std::unique_ptr<ChildProcess>> other = ChildProcess::Start(
      {BinDirectory() + "/gaios-next-release", group.config_path(), std::to_string(next)}, log);
  ASSERT_TRUE(other.ok()) << other.status();
  std::vector<std::size_t> ours;
  for (std::size_t i = 0; i < 3; ++i) {
    if (i != next) {
      group.Start(i);
      ours.push_back(i);
    }
  }
  const std::size_t leader = group.AwaitLeader();
  Counting client(group.config(), {});
  Commit(client, 100);
  // The higher id connects to the lower, and whoever is connected to looks first and refuses.
  const auto said = [&](const std::string& text, const std::string& what) {
    return text.find(what) != std::string::npos;
  };
  for (const std::size_t i : ours) {
    const std::string lower = std::to_string(std::min(i, next));
    const std::string reason = "replica " + lower + " speaks version " +
                               (next < i ? "1001, the peer version 1;" : "1, the peer version 1001;");
    EXPECT_TRUE(Await([&] { return said(group.Output(i), reason) && said(ReadText(log), reason); }))
        << reason << "\n"
        << group.Output(i) << "\n"
        << ReadText(log);
    std::string refusal = "replica ";
    refusal.append(lower).append(" refuses this one: ").append(reason);
    EXPECT_THAT(i < next ? ReadText(log) : group.Output(i), HasSubstr(refusal));
    EXPECT_THAT(i < next ? group.Output(i) : ReadText(log), HasSubstr("refused a peer: " + reason));
  }
  EXPECT_THAT(group.Output(ours[0]), HasSubstr("run the same release everywhere"));
  EXPECT_TRUE((*other)->running()) << ReadText(log);
  Commit(client, 100);
  EXPECT_EQ(group.Leader(), leader);
  EXPECT_TRUE(group.process(ours[0]).running());
  EXPECT_TRUE(group.process(ours[1]).running());
}

TEST(Release, AnotherOneThatConnectsIsToldAndTheGroupGoesOn) {
  ExpectToldApart(2);
}

TEST(Release, AnotherOneThatIsConnectedToTellsAndTheGroupGoesOn) {
  ExpectToldApart(0);
}

}  // namespace
}  // namespace gaios::cli
