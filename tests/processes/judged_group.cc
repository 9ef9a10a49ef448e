#include "tests/processes/judged_group.h"

#include <chrono>
#include <csignal>
#include <filesystem>
#include <optional>
#include <utility>

#include <absl/strings/str_cat.h>
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "gaios/base/check.h"

#include "tests/chaos/judge.h"

namespace gaios::cli {
namespace {

GroupSettings SettingsOf(const JudgedSettings& settings, const SwitchedNetwork* network,
                         const std::string& program) {
  GroupSettings group;
  group.replicas = JudgedGroup::kReplicas;
  group.start = false;
  group.program = [&program](std::size_t) { return program; };
  if (network != nullptr) {
    group.transport = rsm::TransportKind::kUdp;
    group.addresses = settings.addresses;
    group.before = [network](std::size_t replica) { return network->Enter(replica); };
  }
  return group;
}

}  // namespace

JudgedGroup::JudgedGroup(const JudgedSettings& settings)
    : settings_(settings),
      network_(settings.hosts
                   ? std::make_unique<SwitchedNetwork>(kReplicas + settings.other_hosts, settings.networks)
                   : nullptr),
      group_(SettingsOf(settings, network_.get(), program_), settings.sections),
      directory_(std::filesystem::path(group_.config_path()).parent_path()),
      lives_(kReplicas) {
  const std::string text = ReadText(group_.config_path());
  for (std::size_t replica = 0; replica < kReplicas; ++replica) {
    configs_.push_back(settings_.config_of ? group_.scratch().Write(absl::StrCat("host-", replica, ".toml"),
                                                                    settings_.config_of(replica, text))
                                           : group_.config_path());
  }
  absl::StatusOr<std::unique_ptr<History>> history = History::Create(directory_ + "/" + chaos::kHistoryName);
  GAIOS_CHECK(history.ok(), "a scratch directory takes the history");
  history_ = *std::move(history);
  for (std::size_t replica = 0; replica < kReplicas; ++replica) {
    Start(replica, settings_.program);
  }
  for (const std::size_t window : {1U, 8U}) {
    const chaos::Habits habits{.window = window, .reads_percent = 20, .mean_gap_us = 300};
    clients_.push_back(std::make_unique<chaos::CrowdClient>(group_.config(), clients_.size(), habits,
                                                            *history_, clock_, directory_));
  }
}

void JudgedGroup::Start(std::size_t replica, const std::string& program) {
  program_ = program;
  group_.Start(replica, configs_[replica],
               {"--journal", chaos::JournalPath(directory_, replica, ++lives_[replica])});
}

void JudgedGroup::Turn(bool sends) {
  for (const auto& client : clients_) {
    client->Turn(sends, random_.Next());
  }
}

bool JudgedGroup::UnderLoad(const std::function<bool()>& holds) {
  return Await([&] {
    for (int i = 0; i < 50; ++i) {
      Turn(true);
    }
    return holds();
  });
}

std::uint64_t JudgedGroup::Acknowledged() const {
  std::uint64_t sum = 0;
  for (const auto& client : clients_) {
    sum += client->acknowledged();
  }
  return sum;
}

void JudgedGroup::Commit(std::uint64_t more) {
  const std::uint64_t target = Acknowledged() + more;
  EXPECT_TRUE(UnderLoad([&] { return Acknowledged() >= target; })) << Acknowledged() << " of " << target;
}

bool JudgedGroup::InSync(std::size_t replica) const {
  const std::optional<std::size_t> leader = group_.Leader();
  return leader.has_value() && group_.Counters(replica).voter == 1 &&
         (group_.Counters(*leader).in_sync & (std::uint64_t{1} << replica)) != 0;
}

bool JudgedGroup::Answered() const {
  for (const auto& client : clients_) {
    if (client->outstanding() != 0) {
      return false;
    }
  }
  return true;
}

void JudgedGroup::EndAndJudge() {
  EXPECT_TRUE(Await([this] {
    Turn(false);
    return Answered();
  }));
  EXPECT_TRUE(Await([this] { return group_.Agree({0, 1, 2}); }));
  const std::uint64_t acknowledged = Acknowledged();
  for (const auto& client : clients_) {
    EXPECT_EQ(client->unknown(), 0U);
    EXPECT_EQ(client->absurd(), 0U);
    EXPECT_TRUE(client->written());
  }
  clients_.clear();
  for (std::size_t replica = 0; replica < kReplicas; ++replica) {
    group_.Signal(replica, SIGTERM);
    EXPECT_EQ(group_.process(replica).Wait(std::chrono::minutes(1)), 0) << group_.Output(replica);
  }
  history_.reset();
  const chaos::Judged judged = chaos::JudgeRound(directory_);
  EXPECT_THAT(judged.findings, ::testing::IsEmpty());
  EXPECT_GE(judged.operations, acknowledged);
  EXPECT_GT(judged.applied, 0U);
}

}  // namespace gaios::cli
