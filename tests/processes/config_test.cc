// What a user may get wrong, and how he is told.

#include <string>
#include <vector>

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "tests/processes/group.h"

namespace gaios::cli {
namespace {

using ::testing::AllOf;
using ::testing::HasSubstr;

class Config : public ::testing::Test {
 protected:
  // Runs a replica with a config that is refused.
  [[nodiscard]] Ran Replica(const std::string& text, const std::string& id = "0") const {
    return RunGaios(scratch_, {"replica", "--config", scratch_.Write("bad.toml", text), "--id", id});
  }
  [[nodiscard]] std::string Good(const std::string& extra = "") const {
    return ConfigText(scratch_.Path("group"), {}, extra);
  }
  [[nodiscard]] const Scratch& scratch() const { return scratch_; }

 private:
  Scratch scratch_;
};

TEST_F(Config, AnUnknownKeyIsNamed) {
  const Ran ran = Replica(Good("colour = \"blue\"\n"));
  EXPECT_EQ(ran.exit_code, 2);
  EXPECT_THAT(ran.output, AllOf(HasSubstr("bad.toml"), HasSubstr("colour")));
}

TEST_F(Config, ADuplicateIdIsNamed) {
  const Ran ran = Replica(Good() + "\n[[replica]]\nid = 1\n");
  EXPECT_EQ(ran.exit_code, 2);
  EXPECT_THAT(ran.output, AllOf(HasSubstr("bad.toml"), HasSubstr("id"), HasSubstr("1")));
}

TEST_F(Config, AFileThatIsNotThereIsNamed) {
  const Ran ran = RunGaios(scratch(), {"status", "--config", "/nowhere/group.toml"});
  EXPECT_EQ(ran.exit_code, 2);
  EXPECT_THAT(ran.output, HasSubstr("/nowhere/group.toml"));
}

TEST_F(Config, AnIdOutsideOfTheGroupIsNamed) {
  const Ran ran = Replica(Good(), "7");
  EXPECT_EQ(ran.exit_code, 2);
  EXPECT_THAT(ran.output, AllOf(HasSubstr("--id 7"), HasSubstr("0 to 6")));
}

TEST_F(Config, AGroupThatWasNotMadeIsToBeMade) {
  const Ran ran = Replica(Good());
  EXPECT_EQ(ran.exit_code, 2);
  EXPECT_THAT(ran.output, HasSubstr("gaios bootstrap --config"));
}

TEST_F(Config, AGroupIsMadeOnce) {
  const std::string config = scratch().Write("group.toml", Good());
  EXPECT_EQ(RunGaios(scratch(), {"bootstrap", "--config", config}).exit_code, 0);
  const Ran again = RunGaios(scratch(), {"bootstrap", "--config", config});
  EXPECT_EQ(again.exit_code, 2);
  EXPECT_THAT(again.output, HasSubstr("has been bootstrapped"));
}

TEST_F(Config, ASocketPathThatIsTooLongIsNamed) {
  const std::string directory = scratch().Path(std::string(100, 'x'));
  const std::string config = scratch().Write("long.toml", ConfigText(directory, {}));
  EXPECT_EQ(RunGaios(scratch(), {"bootstrap", "--config", config}).exit_code, 0);
  const Ran ran = RunGaios(scratch(), {"replica", "--config", config, "--id", "0"});
  EXPECT_EQ(ran.exit_code, 2);
  EXPECT_THAT(ran.output, AllOf(HasSubstr("shorter directory"), HasSubstr(directory)));
}

TEST_F(Config, AnUnknownFlagAndAMissingOneAreNamed) {
  const Ran unknown = RunGaios(scratch(), {"status", "--colour"});
  EXPECT_EQ(unknown.exit_code, 2);
  const Ran missing = RunGaios(scratch(), {"replica", "--id", "0"});
  EXPECT_EQ(missing.exit_code, 2);
  EXPECT_THAT(missing.output, HasSubstr("--config"));
  EXPECT_EQ(RunGaios(scratch(), {"no-such-command"}).exit_code, 2);
  EXPECT_EQ(RunGaios(scratch(), {"--help"}).exit_code, 0);
}

TEST(ConfigOfAGroup, OfEvenSizeWorksWithAWarning) {
  const Group group({.replicas = 2});
  const std::size_t leader = group.AwaitLeader();
  EXPECT_THAT(group.Output(leader), AllOf(HasSubstr("warning"), HasSubstr("group of 2")));
  Counting client(group.config(), {});
  EXPECT_TRUE(Await([&] {
    client.Turn();
    return client.committed() > 10;
  }));
}

TEST(ConfigOfAGroup, OfOneWorks) {
  const Group group({.replicas = 1});
  EXPECT_EQ(group.AwaitLeader(), 0U);
  Counting client(group.config(), {});
  EXPECT_TRUE(Await([&] {
    client.Turn();
    return client.committed() > 10;
  }));
  EXPECT_TRUE(Await([&] {
    client.Poll();
    return client.client().outstanding() == 0;
  }));
  EXPECT_EQ(client.sum(), client.submitted());
}

TEST(ConfigOfAGroup, AReplicaOfAnotherCapacityIsRefusedByItsPeers) {
  Group group;
  static_cast<void>(group.AwaitLeader());
  group.Kill(2);
  const std::string other = group.scratch().Write(
      "other.toml",
      ConfigText(group.config().directory, {.replicas = 3, .capacity_bytes = std::uint64_t{2} << 20}));
  group.Start(2, other);
  EXPECT_TRUE(Await([&] { return group.Output(2).find("capacity") != std::string::npos; }))
      << group.Output(2);
  EXPECT_NE(group.AwaitLeader(), 2U);
}

TEST_F(Config, AnRdmaDeviceThatIsNotThereIsNamed) {
  const Ran ran = RunGaios(scratch(), {"rdma-probe", "--device", "no-such-device0"});
  EXPECT_EQ(ran.exit_code, 2);
  EXPECT_THAT(ran.output, HasSubstr("no RDMA device"));
  const Ran rounds = RunGaios(scratch(), {"rdma-probe", "--rounds", "0"});
  EXPECT_EQ(rounds.exit_code, 2);
  EXPECT_THAT(rounds.output, HasSubstr("--rounds"));
}

}  // namespace
}  // namespace gaios::cli
