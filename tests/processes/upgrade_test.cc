// A group of three is brought to the next release, one replica after another, and one of it back again, under
// load and without a command that is lost, run twice or unknown.

#include <chrono>
#include <cstdint>
#include <memory>
#include <optional>
#include <string>

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "gaios/cli/demo/child_process.h"
#include "gaios/cli/release.h"
#include "gaios/rsm/counters.h"

#include "tests/processes/group.h"
#include "tests/processes/judged_group.h"

namespace gaios::cli {
namespace {

using ::testing::EndsWith;
using ::testing::HasSubstr;

// As docs/operations.md says: drained, killed, started as that program, waited for until it votes.
void Change(JudgedGroup& judged, std::size_t replica, const std::string& program) {
  Group& group = judged.group();
  const std::string said = group.scratch().Path("drain.log");
  const std::unique_ptr<ChildProcess> drain =
      StartGaios({"drain", "--config", group.config_path(), "--id", std::to_string(replica)}, said);
  std::optional<int> code;
  ASSERT_TRUE(
      judged.UnderLoad([&] { return (code = drain->Wait(std::chrono::milliseconds(0))).has_value(); }));
  ASSERT_EQ(code, 0) << ReadText(said);
  EXPECT_NE(group.Leader(), replica);
  EXPECT_EQ(group.Counters(replica).drained, 1U);
  const std::uint64_t life = group.Counters(replica).incarnation;
  judged.Commit(100);  // of whoever took over
  group.Kill(replica);
  judged.Commit(100);
  judged.Start(replica, program);
  ASSERT_TRUE(judged.UnderLoad([&] {
    return group.Counters(replica).incarnation > life && judged.InSync(replica);
  })) << group.Output(replica);
  EXPECT_EQ(group.Counters(replica).drained, 0U);
}

std::string Version(const Group& group, const std::string& program) {
  const std::string said = group.scratch().Path("version.log");
  EXPECT_EQ(StartGaios({"--version"}, said, {}, program)->Wait(std::chrono::minutes(1)), 0);
  return ReadText(said);
}

TEST(Upgrade, OneReplicaAfterAnotherTheLeaderLastAndOneBackAgain) {
  JudgedGroup judged({.hosts = false});
  Group& group = judged.group();
  ASSERT_TRUE(judged.UnderLoad([&] { return judged.AllInSync(); }));
  EXPECT_THAT(Version(group, "gaios-next-build"), EndsWith("gaios next\n"));
  const std::string ours = "gaios " + std::string(Release()) + "\n";
  EXPECT_THAT(Version(group, "gaios"), EndsWith(ours));

  const std::size_t leader = group.AwaitLeader();
  for (const std::size_t follower : group.Followers(leader)) {
    Change(judged, follower, "gaios-next-build");
    EXPECT_THAT(group.Output(follower), HasSubstr("; gaios next\n"));
  }
  Change(judged, leader, "gaios-next-build");
  EXPECT_THAT(group.Output(leader), HasSubstr("; gaios next\n"));
  judged.Commit(300);                            // all are of the next release
  Change(judged, group.AwaitLeader(), "gaios");  // and one goes back, from the lead
  judged.Commit(300);
  judged.EndAndJudge();
}

}  // namespace
}  // namespace gaios::cli
