// Backups of a real group by the command line, while it is loaded; and a new group of one.

#include <array>
#include <csignal>
#include <fstream>
#include <string>

#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <nlohmann/json.hpp>

#include "tests/processes/group.h"

namespace gaios::cli {
namespace {

using ::testing::HasSubstr;

Ran Save(const Group& group, std::size_t replica, const std::string& out, const std::string& json) {
  return RunGaios(group.scratch(), {"snapshot", "save", "--config", group.config_path(), "--replica",
                                    std::to_string(replica), "--out", out, "--json", json});
}

TEST(Snapshot, OfAGroupUnderLoadBeginsAnother) {
  const Group group;
  const std::size_t leader = group.AwaitLeader();
  const std::size_t follower = group.Followers(leader)[0];
  const auto load = StartGaios(
      {"load", "--config", group.config_path(), "--clients", "2", "--mode", "closed", "--seconds", "600"},
      group.scratch().Path("load.txt"));
  ASSERT_TRUE(Await([&] { return group.Counters(follower).applied_commands > 100; }));
  const std::string file = group.scratch().Path("backup");
  const std::string json_file = group.scratch().Path("saved.json");
  const std::uint64_t before = group.Counters(follower).applied_commands;
  const Ran saved = Save(group, follower, file, json_file);
  ASSERT_EQ(saved.exit_code, 0) << saved.output;
  const auto json = nlohmann::json::parse(ReadText(json_file));
  EXPECT_GE(json["applied_commands"], before) << "taken after it was asked for";
  EXPECT_EQ(json["group"], group.config().group);
  EXPECT_EQ(json["voters"].size(), 3U);
  // It goes on.
  const std::uint64_t at = json["applied_commands"];
  EXPECT_TRUE(Await([&] { return group.Counters(leader).applied_commands > at + 100; }));
  load->Signal(SIGKILL);

  const Ran verified = RunGaios(group.scratch(), {"snapshot", "verify", file});
  EXPECT_EQ(verified.exit_code, 0) << verified.output;
  EXPECT_THAT(verified.output, HasSubstr("whole"));
  const Ran shown = RunGaios(group.scratch(), {"snapshot", "show", file});
  EXPECT_EQ(shown.exit_code, 0);
  EXPECT_THAT(shown.output, HasSubstr("epoch 1"));

  // A new group of it, and one that refuses to be.
  const Scratch scratch;
  const auto bootstrap = [&](const std::string& extra) {
    const std::string config =
        scratch.Write("group.toml", ConfigText(scratch.Path("group"), {.replicas = 1}, extra));
    return RunGaios(scratch, {"bootstrap", "--config", config, "--from-snapshot", file});
  };
  const Ran same_epoch = bootstrap("");
  EXPECT_EQ(same_epoch.exit_code, 2);
  EXPECT_THAT(same_epoch.output, HasSubstr("raise epoch to 2"));
  const Ran made = bootstrap("epoch = 2\n");
  ASSERT_EQ(made.exit_code, 0) << made.output;
  const auto replica = StartGaios({"replica", "--config", scratch.Path("group.toml"), "--id", "0"},
                                  scratch.Path("replica.txt"));
  ASSERT_TRUE(Await([&] {
    return ReadText(scratch.Path("replica.txt")).find("leader of") != std::string::npos;
  })) << ReadText(scratch.Path("replica.txt"));
  const std::string again = scratch.Path("again");
  const Ran second = RunGaios(scratch, {"snapshot", "save", "--config", scratch.Path("group.toml"),
                                        "--replica", "0", "--out", again, "--json", json_file});
  ASSERT_EQ(second.exit_code, 0) << second.output;
  const auto json_again = nlohmann::json::parse(ReadText(json_file));
  EXPECT_EQ(json_again["state_hash"], json["state_hash"]);
  EXPECT_EQ(json_again["applied_commands"], json["applied_commands"]);
  EXPECT_EQ(json_again["epoch"], 2);
  replica->Signal(SIGKILL);
}

TEST(Snapshot, WhatIsWrongIsSaidWithItsExitCode) {
  const Group group({.replicas = 1});
  static_cast<void>(group.AwaitLeader());
  const std::string file = group.scratch().Path("backup");
  const std::string json = group.scratch().Path("json");
  ASSERT_EQ(Save(group, 0, file, json).exit_code, 0);

  const Ran nobody = Save(group, 7, file, json);
  EXPECT_EQ(nobody.exit_code, 2);
  EXPECT_THAT(nobody.output, HasSubstr("--replica 7"));
  const Ran nowhere = Save(group, 0, group.scratch().Path("no/where"), json);
  EXPECT_EQ(nowhere.exit_code, 1);
  EXPECT_THAT(nowhere.output, HasSubstr("no/where"));

  const Ran none = RunGaios(group.scratch(), {"snapshot", "show", group.scratch().Path("nothing")});
  EXPECT_EQ(none.exit_code, 2);
  const Ran config = RunGaios(group.scratch(), {"snapshot", "show", group.config_path()});
  EXPECT_EQ(config.exit_code, 2);
  EXPECT_THAT(config.output, HasSubstr("no snapshot"));

  std::fstream damage(file, std::ios::in | std::ios::out | std::ios::binary);
  damage.seekp(300);
  damage.put('\x55').put('\x55');
  damage.close();
  const Ran damaged = RunGaios(group.scratch(), {"snapshot", "verify", file});
  EXPECT_EQ(damaged.exit_code, 1);
  EXPECT_THAT(damaged.output, HasSubstr("damaged"));
}

}  // namespace
}  // namespace gaios::cli
