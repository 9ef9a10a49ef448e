// Groups over UDP whose replicas fetch snapshots from each other over the network, and whose members come, go
// and move, under load; some of them by kill -9. And groups that are forced on from their last replica.

#include <algorithm>
#include <chrono>
#include <csignal>
#include <cstddef>
#include <cstdint>
#include <filesystem>
#include <string>
#include <vector>

#include <absl/strings/str_cat.h>
#include <absl/strings/str_replace.h>
#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <nlohmann/json.hpp>

#include "gaios/cli/demo/loopback_network.h"

#include "tests/processes/group.h"
#include "tests/processes/load.h"
#include "tests/processes/member_command.h"

namespace gaios::cli {
namespace {

using ::testing::HasSubstr;

// A small ring, and patience, so that a busy machine does not change the leader.
GroupSettings OverUdp() {
  return {.replicas = 3,
          .capacity_bytes = std::uint64_t{1} << 18,
          .start = true,
          .transport = rsm::TransportKind::kUdp};
}
constexpr const char* kPatient =
    "[timing]\nsuspect_timeout_ms = 1000\nelection_timeout_ms = 1000\ndrop_timeout_ms = 300\n";

bool Says(const Group& group, std::size_t replica, const std::string& what) {
  return group.Output(replica).find(what) != std::string::npos;
}

// An address of this host that nobody has just now.
std::string FreeAddress() {
  const Scratch scratch;
  const auto network = LoopbackNetwork::Make(std::filesystem::path(scratch.Path("")).parent_path(), 1);
  const std::string line = network->Address(0);
  const std::size_t from = line.find('"') + 1;
  return line.substr(from, line.rfind('"') - from);
}

// The group's config with replicas more, at `addresses`, and another directory if one is given.
std::string Grown(const Group& group, const std::string& name, const std::vector<std::string>& addresses,
                  const std::string& directory = "") {
  std::string text = ReadText(group.config_path());
  for (std::size_t i = 0; i < addresses.size(); ++i) {
    absl::StrAppend(&text, "\n[[replica]]\nid = ", 3 + i, "\naddress = \"", addresses[i], "\"\n");
  }
  if (!directory.empty()) {
    text = absl::StrReplaceAll(text, {{absl::StrCat("directory = \"", group.config().directory),
                                       absl::StrCat("directory = \"", directory)}});
  }
  return group.scratch().Write(name, text);
}

// A follower stands still until the leader's ring has passed it by.
std::size_t LeaveBehind(Group& group, Load& load, std::size_t leader) {
  const std::size_t follower = group.Followers(leader)[0];
  group.Stop(follower);
  const std::uint64_t from = group.Counters(leader).applied;
  EXPECT_TRUE(Await([&] {
    load.Await(100);
    return group.Counters(leader).applied > from + 2 * group.config().capacity_bytes;
  })) << group.Json(leader);
  return follower;
}

TEST(Hosts, AReplicaThatWasPassedByComesBackThroughASnapshotOverTheNetworkUnderLoad) {
  Group group(OverUdp(), kPatient);
  const std::size_t leader = group.AwaitLeader();
  Load load(group.config());
  const std::size_t follower = LeaveBehind(group, load, leader);
  group.Signal(follower, SIGCONT);
  EXPECT_TRUE(Await([&] { return Says(group, follower, "it goes on from a snapshot"); }))
      << group.Output(follower);
  load.Await(100);
  load.Settle();
  EXPECT_TRUE(Await([&] { return group.Agree({0, 1, 2}); })) << group.Output(follower);
}

TEST(Hosts, TheDonorDiesInTheMiddleAndTheNextOneGoesOn) {
  // Whoever gives pauses for long behind the first chunk.
  Group group(OverUdp(), absl::StrCat(kPatient, "[snapshot]\nfill_bytes_per_second = 1000\n"));
  const std::size_t leader = group.AwaitLeader();
  Load load(group.config());
  const std::size_t follower = LeaveBehind(group, load, leader);
  load.Settle();
  const std::size_t donor = 3 - leader - follower;
  // The leader cannot take one before the other has begun to give.
  const std::string obstacle =
      absl::StrCat(group.config().directory, "/replica-", leader, ".snapshot.unfinished");
  ASSERT_TRUE(std::filesystem::create_directory(obstacle));
  group.Signal(follower, SIGCONT);
  const std::string incoming =
      absl::StrCat(group.config().directory, "/replica-", follower, ".incoming.unfinished");
  // It has begun to come.
  EXPECT_TRUE(Await([&] { return std::filesystem::exists(incoming); })) << group.Output(follower);
  std::filesystem::remove(obstacle);
  group.Kill(donor);
  EXPECT_TRUE(Await([&] { return Says(group, follower, absl::StrCat("could be had from replica ", donor)); }))
      << group.Output(follower);
  EXPECT_TRUE(Await([&] { return Says(group, follower, "it goes on from a snapshot"); }))
      << group.Output(follower);
  EXPECT_TRUE(Await([&] { return group.Agree({leader, follower}); })) << group.Output(follower);
}

TEST(Hosts, AGroupOverUdpGrowsAndIsReplacedUnderLoadAndNothingIsLostOrDoubled) {
  Group group(OverUdp(), kPatient);
  const std::size_t first = group.AwaitLeader();
  Load load(group.config());
  load.Await(100);
  // A fourth, of which the configs of the others do not speak.
  const std::vector<std::string> addresses = {FreeAddress(), FreeAddress()};
  const std::string config = Grown(group, "grown.toml", addresses);
  group.Start(3, config);
  nlohmann::json members = Members(group, {"add", "--id", "3", "--address", addresses[0]});
  EXPECT_EQ(members["voters"], nlohmann::json({0, 1, 2, 3}));
  EXPECT_EQ(members["members"][3]["address"], addresses[0]);
  load.Await(100);
  // The leader dies, and is replaced by a fifth.
  group.Kill(first);
  static_cast<void>(group.AwaitLeader(first));
  load.Await(100);
  group.Start(4, config);
  members =
      Members(group, {"replace", "--id", std::to_string(first), "--with", "4", "--address", addresses[1]});
  EXPECT_EQ(members["voters"].size(), 4U);
  load.Await(100);
  // The one that leads now is removed while it works, and is talked to no more.
  const std::size_t leads = group.AwaitLeader(first);
  members = Members(group, {"remove", "--id", std::to_string(leads)});
  EXPECT_EQ(members["voters"].size(), 3U);
  EXPECT_TRUE(Await([&] { return group.Leader(leads).has_value(); }));
  EXPECT_TRUE(Await([&] { return Says(group, leads, "was removed from the group as incarnation"); }))
      << group.Output(leads);
  load.Await(100);
  load.Settle();
  const std::vector<std::size_t> voters = members["voters"];
  EXPECT_TRUE(Await([&] { return group.Agree(voters); }));
}

TEST(Hosts, AReplicaJoinsFromAnotherDirectoryAndMovesToAThird) {
  Group group(OverUdp(), kPatient);
  const std::size_t leader = group.AwaitLeader();
  Load load(group.config());
  load.Await(100);
  const std::vector<std::string> addresses = {FreeAddress(), FreeAddress()};
  // It knows nothing of the group but key and addresses.
  const std::string here = Grown(group, "here.toml", {addresses[0]}, group.scratch().Path("here"));
  const Ran early = RunGaios(group.scratch(), {"replica", "--config", here, "--id", "3"});
  EXPECT_EQ(early.exit_code, 2);
  EXPECT_THAT(early.output, HasSubstr("has not been bootstrapped"));
  const Ran joined = RunGaios(group.scratch(), {"bootstrap", "--config", here, "--join", "--id", "3"});
  ASSERT_EQ(joined.exit_code, 0) << joined.output;
  EXPECT_EQ(ReadText(group.scratch().Path("here/group.id")),
            ReadText(absl::StrCat(group.config().directory, "/group.id")));
  const Ran twice = RunGaios(group.scratch(), {"bootstrap", "--config", here, "--join", "--id", "3"});
  EXPECT_EQ(twice.exit_code, 2);
  EXPECT_THAT(twice.output, HasSubstr("knows of its group already"));
  group.Start(3, here);
  nlohmann::json members = Members(group, {"add", "--id", "3", "--address", addresses[0]});
  EXPECT_EQ(members["voters"], nlohmann::json({0, 1, 2, 3}));
  const std::uint64_t before = members["members"][3]["incarnation"];
  load.Await(100);
  // Its host is lost. On another it is another life, later than the one that votes.
  group.Kill(3);
  const std::string there = Grown(group, "there.toml", {addresses[1]}, group.scratch().Path("there"));
  const Ran moved = RunGaios(group.scratch(), {"bootstrap", "--config", there, "--join", "--id", "3"});
  ASSERT_EQ(moved.exit_code, 0) << moved.output;
  group.Start(3, there);
  members = Members(group, {"address", "--id", "3", "--address", addresses[1]});
  EXPECT_EQ(members["members"][3]["address"], addresses[1]);
  EXPECT_TRUE(Await([&] { return Members(group, {"list"})["members"][3]["incarnation"] > before; }))
      << group.Output(3);
  load.Await(100);
  // Status tells where it is now.
  const Ran status = RunGaios(group.scratch(), {"status", "--config", group.config_path()});
  EXPECT_THAT(status.output, HasSubstr(absl::StrCat("3 at ", addresses[1])));
  load.Settle();
  EXPECT_TRUE(Await([&] { return group.Agree({0, 1, 2}); }));
  EXPECT_EQ(group.AwaitLeader(), leader);
}

// Each replica has a directory of its own, as on a host of its own: nobody sees the counters of another.
TEST(Hosts, TheLeadGoesToAReplicaOfAnotherHost) {
  GroupSettings settings = OverUdp();
  settings.start = false;
  Group group(settings, kPatient);
  std::vector<std::string> configs;
  for (std::size_t replica = 0; replica < settings.replicas; ++replica) {
    const std::string directory = group.scratch().Path(absl::StrCat("host-", replica));
    std::filesystem::copy(group.config().directory, directory, std::filesystem::copy_options::recursive);
    configs.push_back(Grown(group, absl::StrCat("host-", replica, ".toml"), {}, directory));
    group.Start(replica, configs.back());
  }
  const auto leads = [&](std::size_t replica) {
    const Ran ran = RunGaios(group.scratch(), {"status", "--config", configs[replica], "--json", "-"});
    const nlohmann::json status = nlohmann::json::parse(ran.output, nullptr, false);
    return status.is_array() && status[replica].value("role", "") == "leader";
  };
  std::size_t leader = 0;
  ASSERT_TRUE(Await([&] {
    leader = leads(0) ? 0 : leads(1) ? 1 : 2;
    return leads(leader);
  }));
  const auto transfer = [&](std::size_t host, std::size_t to, const std::vector<std::string>& more = {}) {
    std::vector<std::string> arguments = {"transfer-leader", "--config", configs[host], "--to",
                                          std::to_string(to)};
    arguments.insert(arguments.end(), more.begin(), more.end());
    return RunGaios(group.scratch(), arguments);
  };
  const std::size_t next = (leader + 1) % settings.replicas;
  const std::size_t third = (leader + 2) % settings.replicas;
  const Ran elsewhere = transfer(next, third);
  EXPECT_EQ(elsewhere.exit_code, 2) << elsewhere.output;
  EXPECT_THAT(elsewhere.output, HasSubstr(absl::StrCat("replica ", leader, " leads, and not on this host")));
  Ran ran;
  // It may not be in sync yet.
  ASSERT_TRUE(Await([&] { return (ran = transfer(leader, next, {"--json", "-"})).exit_code == 0; }))
      << ran.output;
  const nlohmann::json said = nlohmann::json::parse(ran.output);
  EXPECT_EQ(said["from"], leader);
  EXPECT_EQ(said["to"], next);
  EXPECT_TRUE(said["drain_us"].is_number()) << ran.output;
  EXPECT_TRUE(said["take_over_us"].is_null() && said["gap_us"].is_null()) << "told on its own host";
  EXPECT_TRUE(Await([&] { return leads(next); }));
  ran = transfer(next, third);
  EXPECT_EQ(ran.exit_code, 0) << ran.output;
  EXPECT_THAT(ran.output, HasSubstr("`gaios status` tells on its host"));
  EXPECT_TRUE(Await([&] { return leads(third); }));
  // And when it is drained, to one of the others.
  ASSERT_TRUE(Await([&] {
    ran = RunGaios(group.scratch(), {"drain", "--config", configs[third], "--id", std::to_string(third)});
    return ran.exit_code == 0;
  })) << ran.output;
  EXPECT_THAT(ran.output, HasSubstr("and has handed over"));
  EXPECT_TRUE(Await([&] { return leads(leader) || leads(next); }));
}

TEST(Hosts, WhatCannotBeIsRefusedByName) {
  Group group(OverUdp(), kPatient);
  static_cast<void>(group.AwaitLeader());
  const auto refused = [&group](const std::vector<std::string>& more, const char* why) {
    const Ran ran = Member(group, more);
    EXPECT_EQ(ran.exit_code, 2) << ran.output;
    EXPECT_THAT(ran.output, HasSubstr(why));
  };
  refused({"add", "--id", "3"}, "it is not known where replica 3 is: give --address");
  refused({"add", "--id", "3", "--address", "somewhere:7400"}, "\"somewhere:7400\" is no address");
  const rsm::ReplicaConfig& other = group.config().replicas[1];
  refused({"add", "--id", "3", "--address", absl::StrCat(other.address, ":", other.port)}, "replica 1 is at");
  refused({"address", "--id", "5", "--address", "10.0.0.1:7400"}, "replica 5 is not in the group");
  // Where nobody of the group can be asked.
  const std::string alone = group.scratch().Write(
      "alone.toml",
      absl::StrReplaceAll(ReadText(Grown(group, "x.toml", {FreeAddress()}, group.scratch().Path("x"))),
                          {{"\"127.0.0.1:", "\"127.0.0.2:"}}));
  const Ran nobody = RunGaios(group.scratch(), {"bootstrap", "--config", alone, "--join", "--id", "3"});
  EXPECT_EQ(nobody.exit_code, 1) << nobody.output;
  EXPECT_THAT(nobody.output, HasSubstr("no other replica could be asked"));
}

// Of three one dies, and one stands still, as if behind a cut; on one host, where that one could be reached,
// it dies too. The third goes on as another group by the operator's word, and not without. Returns the
// second.
std::size_t ForceOn(Group& group) {
  const std::size_t leader = group.AwaitLeader();
  Counting client(group.config(), {});
  client.Commit(500);
  client.Settle();
  const std::size_t dead = leader;
  const std::size_t late = group.Followers(leader)[0];
  const std::size_t named = group.Followers(leader)[1];
  EXPECT_TRUE(Await([&] { return group.Agree({0, 1, 2}); }));
  const std::string next = group.scratch().Write(
      "next.toml",
      absl::StrCat("epoch = 2\n",
                   absl::StrReplaceAll(ReadText(group.config_path()),
                                       {{group.config().directory, group.scratch().Path("next")}})));
  const std::string json = group.scratch().Path("forced.json");
  const auto force = [&](const std::vector<std::string>& more) {
    std::vector<std::string> arguments = {"force",  "--id", std::to_string(named), "--new-config", next,
                                          "--json", json};
    arguments.insert(arguments.end(), more.begin(), more.end());
    return Member(group, arguments);
  };
  // Not without the word, and not while a majority lives.
  const Ran unsaid = force({});
  EXPECT_EQ(unsaid.exit_code, 2);
  EXPECT_THAT(unsaid.output, HasSubstr("--data-may-be-lost"));
  const Ran alive = force({"--data-may-be-lost"});
  EXPECT_EQ(alive.exit_code, 2);
  EXPECT_THAT(alive.output, HasSubstr("reaches a majority"));
  group.Kill(dead);
  group.Stop(late);
  if (group.config().transport == rsm::TransportKind::kShm) {
    const Ran reached = force({"--data-may-be-lost"});
    EXPECT_EQ(reached.exit_code, 2);
    EXPECT_THAT(reached.output, HasSubstr("reaches a majority"));
    group.Kill(late);
  }
  Ran forced;
  EXPECT_TRUE(Await([&] { return (forced = force({"--data-may-be-lost"})).exit_code == 0; }))
      << forced.output;
  EXPECT_THAT(forced.output, HasSubstr("goes on in epoch 2"));
  const nlohmann::json told = nlohmann::json::parse(ReadText(json), nullptr, false);
  EXPECT_EQ(told["bytes_known_to_be_lost"], 0);
  EXPECT_EQ(group.process(named).Wait(std::chrono::minutes(1)), 0) << "it takes part no more";
  // The new group goes on with what was acknowledged.
  for (const std::size_t replica : {dead, named}) {
    group.Start(replica, next);
  }
  const absl::StatusOr<rsm::Config> config = rsm::LoadConfig(next);
  if (!config.ok()) {
    ADD_FAILURE() << config.status();
    return late;
  }
  EXPECT_TRUE(Await([&] { return LeaderOf(ReadGroupStatus(*config)).has_value(); })) << group.Output(named);
  Counting after(*config, {});
  after.Commit(1);
  after.Settle();
  EXPECT_EQ(after.sum() - after.submitted(), client.sum());
  return late;
}

TEST(Hosts, AGroupThatHasLostItsMajorityIsForcedOnAndALateSurvivorIsRefused) {
  Group group(OverUdp(), kPatient);
  const std::size_t late = ForceOn(group);
  // The one that stood still is of another group now, and can do nothing.
  group.Signal(late, SIGCONT);
  EXPECT_TRUE(Await([&] { return Says(group, late, "are of different groups"); })) << group.Output(late);
  EXPECT_FALSE(group.Leader().has_value());
}

TEST(Hosts, AGroupOverSharedMemoryIsForcedOnWhenTheOthersAreDead) {
  Group group;
  const std::size_t dead = ForceOn(group);
  // Started again it is of the old group, and alone there.
  group.Start(dead);
  EXPECT_TRUE(Await([&] { return group.Counters(dead).no_quorum == 1; })) << group.Output(dead);
  EXPECT_FALSE(group.Leader().has_value());
}

}  // namespace
}  // namespace gaios::cli
