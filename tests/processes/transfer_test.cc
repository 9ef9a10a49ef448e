// `gaios transfer-leader` on a group that works.

#include <csignal>
#include <cstdint>
#include <string>
#include <vector>

#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <nlohmann/json.hpp>

#include "tests/processes/group.h"

namespace gaios::cli {
namespace {

using ::testing::HasSubstr;

Ran TransferTo(const Group& group, std::size_t to, const std::vector<std::string>& more = {}) {
  std::vector<std::string> arguments = {"transfer-leader", "--config", group.config_path(), "--to",
                                        std::to_string(to)};
  arguments.insert(arguments.end(), more.begin(), more.end());
  return RunGaios(group.scratch(), arguments);
}

TEST(TransferLeader, GoesRoundUnderLoadAndNothingIsLostOrUnknown) {
  Group group;
  std::size_t leader = group.AwaitLeader();
  Counting client(group.config(), {});
  for (std::size_t round = 0; round < 6; ++round) {
    client.Commit(200);
    const std::size_t to = (leader + 1) % group.size();
    const Ran ran = TransferTo(group, to, {"--json", "-"});
    ASSERT_EQ(ran.exit_code, 0) << ran.output;
    const nlohmann::json json = nlohmann::json::parse(ran.output);
    EXPECT_EQ(json["from"], leader);
    EXPECT_EQ(json["to"], to);
    EXPECT_GT(json["gap_us"], 0);
    leader = to;
  }
  client.Commit(200);  // of the last leader
  client.Settle();
  EXPECT_EQ(client.unknown(), 0U);
  EXPECT_EQ(client.sum(), client.submitted());
  EXPECT_TRUE(Await([&] { return group.Agree({0, 1, 2}); }));
}

TEST(TransferLeader, SaysWhyItCannot) {
  Group group;
  const std::size_t leader = group.AwaitLeader();
  const Ran same = TransferTo(group, leader);
  EXPECT_EQ(same.exit_code, 0) << same.output;
  EXPECT_THAT(same.output, HasSubstr("leads already"));
  const Ran nobody = TransferTo(group, 7);
  EXPECT_EQ(nobody.exit_code, 2);
  EXPECT_THAT(nobody.output, HasSubstr("there is no replica 7: ids are 0 to 6"));
  const std::size_t dead = group.Followers(leader)[0];
  group.Kill(dead);
  EXPECT_TRUE(Await([&] { return group.Json(leader)["links"].dump().find("down") != std::string::npos; }));
  const Ran lost = TransferTo(group, dead);
  EXPECT_EQ(lost.exit_code, 1) << lost.output;
  EXPECT_THAT(lost.output, HasSubstr("cannot lead now"));
  EXPECT_EQ(group.Leader(), leader) << "the group goes on";
}

}  // namespace
}  // namespace gaios::cli
