// What a client sees while who leads is changed as planned, replicas come back, and who is in the group
// changes: a command is sent once more at most. (One whose leader is killed asks those who have not found
// that out yet.)

#include <algorithm>
#include <atomic>
#include <cstddef>
#include <cstdint>
#include <string>
#include <thread>
#include <vector>

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "tests/processes/group.h"
#include "tests/processes/member_command.h"

namespace gaios::cli {
namespace {

// One command at a time, without an end, in a thread of its own: so one is under way in each change.
class OneByOne {
 public:
  explicit OneByOne(const Group& group)
      : client_(group.config(), {.answer_timeout_ns = 1'000'000'000, .window = 1}),
        thread_([this] { Run(); }) {}
  OneByOne(const OneByOne&) = delete;
  OneByOne& operator=(const OneByOne&) = delete;
  ~OneByOne() { Stop(); }

  // Waits until so many more are committed.
  void Await(std::uint64_t more) {
    const std::uint64_t until = committed_ + more;
    EXPECT_TRUE(gaios::cli::Await([&] { return committed_ >= until; }));
  }
  // How many commands were sent so often: once, twice, ...; the last for all that is more. Ends it, and
  // expects that everything was run once.
  [[nodiscard]] std::vector<std::uint64_t> Sent() {
    Stop();
    client_.Settle();
    EXPECT_EQ(client_.unknown(), 0U);
    EXPECT_EQ(client_.sum(), client_.submitted()) << "nothing lost, nothing doubled";
    return sent_;
  }

 private:
  void Run() {
    client_.Commit(1);  // its session is open
    while (!stop_) {
      const std::uint64_t before = client_.client().counters().sent;
      client_.Commit(1);
      const std::uint64_t times = client_.client().counters().sent - before;
      ++sent_[std::clamp<std::uint64_t>(times, 1, sent_.size()) - 1];
      committed_ = client_.committed();
    }
  }
  void Stop() {
    stop_ = true;
    if (thread_.joinable()) {
      thread_.join();
    }
  }

  Counting client_;
  std::vector<std::uint64_t> sent_ = std::vector<std::uint64_t>(4);
  std::atomic<bool> stop_ = false;
  std::atomic<std::uint64_t> committed_ = 0;
  std::thread thread_;
};

TEST(Retries, AHandOverCostsOneAtMost) {
  Group group;
  std::size_t leader = group.AwaitLeader();
  OneByOne client(group);
  for (std::size_t round = 0; round < 20; ++round) {
    client.Await(200);
    leader = (leader + 1) % group.size();
    const Ran ran = RunGaios(group.scratch(), {"transfer-leader", "--config", group.config_path(), "--to",
                                               std::to_string(leader)});
    ASSERT_EQ(ran.exit_code, 0) << ran.output;
  }
  const std::vector<std::uint64_t> sent = client.Sent();
  EXPECT_THAT(sent, ::testing::ElementsAre(::testing::Gt(20U * 200), ::testing::Le(20U), 0U, 0U));
}

TEST(Retries, FollowersThatAreLostAndComeBackCostNone) {
  Group group;
  OneByOne client(group);
  for (std::size_t round = 0; round < 6; ++round) {
    client.Await(200);
    const std::size_t victim = group.Followers(group.AwaitLeader())[round % 2];
    const std::uint64_t starts = group.Counters(victim).incarnation;
    group.Kill(victim);
    client.Await(200);
    group.Start(victim);
    ASSERT_TRUE(Await([&] {
      const rsm::CounterData data = group.Counters(victim);
      return data.incarnation == starts + 1 && data.voter == 1;
    })) << group.Output(victim);
  }
  const std::vector<std::uint64_t> sent = client.Sent();
  EXPECT_THAT(sent, ::testing::ElementsAre(::testing::Gt(6U * 200), 0U, 0U, 0U));
}

TEST(Retries, ChangesOfTheGroupCostOneAtMost) {
  GroupSettings settings;
  settings.replicas = 5;
  Group group(settings);
  OneByOne client(group);
  for (std::size_t round = 0; round < 2; ++round) {
    client.Await(200);
    const std::size_t leader = group.AwaitLeader();
    std::vector<std::size_t> followers = group.Followers(leader);
    std::erase_if(followers, [&](std::size_t replica) { return group.Counters(replica).voter == 0; });
    const std::size_t removed = round == 0 ? leader : followers.at(0);
    static_cast<void>(Members(group, {"remove", "--id", std::to_string(removed)}));
    client.Await(200);
    ASSERT_TRUE(Await([&] { return group.Counters(removed).voter == 0; }));
  }
  const std::vector<std::uint64_t> sent = client.Sent();
  EXPECT_THAT(sent, ::testing::ElementsAre(::testing::Gt(2U * 200), ::testing::Le(1U), 0U, 0U));
}

}  // namespace
}  // namespace gaios::cli
