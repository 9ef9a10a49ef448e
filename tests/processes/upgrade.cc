#include "tests/processes/upgrade.h"

#include <chrono>
#include <cstdint>
#include <memory>
#include <optional>

#include <absl/strings/str_cat.h>
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "gaios/cli/demo/child_process.h"
#include "gaios/rsm/counters.h"

#include "tests/processes/group.h"
#include "tests/processes/judged_group.h"
#include "tests/support/paths.h"
#include "tests/support/scratch_directory.h"

namespace gaios::cli {
namespace {

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
  EXPECT_THAT(group.Output(replica), HasSubstr(absl::StrCat("; gaios ", VersionOf(program), "\n")));
}

}  // namespace

std::string VersionOf(const std::string& program) {
  const rsm::ScratchDirectory scratch;
  const std::string said = scratch.PathOf("version.log");
  EXPECT_EQ(StartGaios({"--version"}, said, {}, program)->Wait(std::chrono::minutes(1)), 0);
  const std::string text = ReadText(said);
  const std::string version = text.substr(text.rfind(' ') + 1);
  return version.substr(0, version.find('\n'));
}

void UpgradeAndGoBack(const std::string& from, const std::string& to) {
  JudgedGroup judged({.hosts = false, .program = from});
  const Group& group = judged.group();
  ASSERT_TRUE(judged.UnderLoad([&] { return judged.AllInSync(); }));
  EXPECT_NE(ReadText(BinDirectory() + "/" + from), ReadText(BinDirectory() + "/" + to)) << "two builds";

  const std::size_t leader = group.AwaitLeader();
  for (const std::size_t follower : group.Followers(leader)) {
    Change(judged, follower, to);
  }
  Change(judged, leader, to);
  judged.Commit(300);                         // all are of the other build
  Change(judged, group.AwaitLeader(), from);  // and one goes back, from the lead
  judged.Commit(300);
  judged.EndAndJudge();
}

}  // namespace gaios::cli
