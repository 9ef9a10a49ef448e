#include "gaios/rsm/marker.h"

#include <array>
#include <atomic>
#include <cstdlib>
#include <filesystem>
#include <fstream>
#include <iterator>
#include <string>
#include <thread>
#include <vector>

#include <gtest/gtest.h>

namespace gaios::rsm {
namespace {

using paxos::ReplicaId;

class Marker : public testing::Test {
 protected:
  Marker() {
    std::string name = "/dev/shm/gaios-XXXXXX";  // where syncing takes no time
    EXPECT_NE(::mkdtemp(name.data()), nullptr);
    scratch_ = name;
    config_.group = "book";
    config_.directory = scratch_ + "/groups/book";
    for (std::uint8_t i = 0; i < 3; ++i) {
      config_.replicas.emplace_back().id = ReplicaId(i);
    }
  }
  ~Marker() override {
    std::error_code ignored;
    std::filesystem::remove_all(scratch_, ignored);
  }
  [[nodiscard]] std::string Path(std::uint8_t id) const { return MarkerPath(config_, ReplicaId(id)); }
  [[nodiscard]] static std::string Read(const std::string& path) {
    std::ifstream file(path);
    return {std::istreambuf_iterator<char>(file), std::istreambuf_iterator<char>()};
  }
  static void Write(const std::string& path, const std::string& text) { std::ofstream(path) << text; }
  // A start that goes through.
  [[nodiscard]] absl::StatusOr<Start> Take(std::uint8_t id) const {
    absl::StatusOr<Start> start = PlanStart(config_, ReplicaId(id));
    if (!start.ok()) {
      return start;
    }
    const absl::Status counted = CountStart(config_, ReplicaId(id), *start);
    return counted.ok() ? start : counted;
  }
  [[nodiscard]] std::string GroupPath() const { return config_.directory + "/" + kGroupFile; }
  [[nodiscard]] std::size_t FilesInDirectory() const {
    const std::filesystem::directory_iterator files(config_.directory);
    return static_cast<std::size_t>(std::distance(begin(files), end(files)));
  }

  std::string scratch_;
  Config config_;
};

TEST_F(Marker, OnlyTheFirstStartAfterTheBootstrapVotes) {
  ASSERT_TRUE(Bootstrap(config_).ok());
  for (std::uint8_t id = 0; id < 3; ++id) {
    const absl::StatusOr<Start> first = Take(id);
    ASSERT_TRUE(first.ok()) << first.status();
    EXPECT_EQ(first->incarnation, paxos::Incarnation(1));
    EXPECT_TRUE(first->first_start);
    EXPECT_EQ(first->notice, "");
  }
  for (std::uint32_t start = 2; start <= 4; ++start) {
    const absl::StatusOr<Start> later = Take(1);
    ASSERT_TRUE(later.ok()) << later.status();
    EXPECT_EQ(later->incarnation, paxos::Incarnation(start));
    EXPECT_FALSE(later->first_start);
    EXPECT_NE(later->notice.find("does not vote"), std::string::npos);
  }
  EXPECT_EQ(FilesInDirectory(), 4U) << "three markers, the group file, and nothing unfinished";
}

TEST_F(Marker, AStartThatIsOnlyPlannedCostsNothing) {
  ASSERT_TRUE(Bootstrap(config_).ok());
  const std::string before = Read(Path(0));
  for (int attempt = 0; attempt < 3; ++attempt) {
    const absl::StatusOr<Start> start = PlanStart(config_, ReplicaId(0));
    ASSERT_TRUE(start.ok()) << start.status();
    EXPECT_TRUE(start->first_start);
    EXPECT_EQ(Read(Path(0)), before);
  }
}

TEST_F(Marker, APlanThatIsOutOfDateIsNotCounted) {
  ASSERT_TRUE(Bootstrap(config_).ok());
  const absl::StatusOr<Start> early = PlanStart(config_, ReplicaId(0));
  ASSERT_TRUE(early.ok()) << early.status();
  ASSERT_TRUE(Take(0).ok());
  EXPECT_EQ(CountStart(config_, ReplicaId(0), *early).code(), absl::StatusCode::kAborted);
  EXPECT_EQ(Take(0)->incarnation, paxos::Incarnation(2));
}

TEST_F(Marker, EveryBootstrapMakesAnotherGroup) {
  ASSERT_TRUE(Bootstrap(config_).ok());
  const absl::StatusOr<GroupUuid> first = FindGroupUuid(config_);
  ASSERT_TRUE(first.ok()) << first.status();
  for (std::uint8_t id = 0; id < 3; ++id) {
    EXPECT_NE(Read(Path(id)).find(GroupUuidText(*first)), std::string::npos) << Read(Path(id));
    EXPECT_EQ(Take(id)->uuid, *first);
  }
  std::filesystem::remove_all(config_.directory);
  ASSERT_TRUE(Bootstrap(config_).ok());
  EXPECT_NE(*FindGroupUuid(config_), *first);
  EXPECT_NE(*FindGroup(config_), GroupIdOf(config_, *first));
}

TEST_F(Marker, GroupIdDependsOnNameEpochAndBootstrap) {
  GroupUuid uuid;
  const paxos::GroupId id = GroupIdOf(config_, uuid);
  EXPECT_EQ(GroupIdOf(config_, uuid), id);
  uuid.bytes[15] = 1;
  EXPECT_NE(GroupIdOf(config_, uuid), id);
  uuid = {};
  config_.epoch = 2;
  EXPECT_NE(GroupIdOf(config_, uuid), id);
  config_.epoch = 1;
  config_.group = "book2";
  EXPECT_NE(GroupIdOf(config_, uuid), id);
}

TEST_F(Marker, UuidsAreWrittenAndReadInOneWay) {
  const absl::StatusOr<GroupUuid> uuid = DrawGroupUuid();
  ASSERT_TRUE(uuid.ok()) << uuid.status();
  const std::string text = GroupUuidText(*uuid);
  EXPECT_EQ(text.size(), 32U);
  EXPECT_EQ(ParseGroupUuid(text), *uuid);
  for (const std::string& bad : {text.substr(1), text + "0", std::string(32, 'x'), std::string()}) {
    EXPECT_FALSE(ParseGroupUuid(bad).has_value()) << bad;
  }
}

TEST_F(Marker, OfRacingBootstrapsOneMakesTheGroupAndNoVoteIsGivenBack) {
  for (int round = 0; round < 100; ++round) {
    config_.directory = scratch_ + "/race-" + std::to_string(round);
    std::atomic<int> ready = 0;
    std::atomic<int> made = 0;
    const auto race = [&] {
      ++ready;
      while (ready < 3) {
      }
      if (const absl::Status status = Bootstrap(config_); !status.ok()) {
        EXPECT_EQ(status.code(), absl::StatusCode::kAlreadyExists) << status;
        return;
      }
      ++made;
      for (std::uint8_t id = 0; id < 3; ++id) {
        EXPECT_TRUE(Take(id).ok());
      }
    };
    std::array<std::thread, 3> racers;
    for (std::thread& racer : racers) {
      racer = std::thread(race);
    }
    for (std::thread& racer : racers) {
      racer.join();
    }
    ASSERT_EQ(made, 1) << "round " << round;
    for (std::uint8_t id = 0; id < 3; ++id) {
      const absl::StatusOr<Start> next = Take(id);
      ASSERT_TRUE(next.ok()) << next.status();
      EXPECT_EQ(next->incarnation, paxos::Incarnation(2)) << "round " << round;
    }
    EXPECT_EQ(FilesInDirectory(), 4U);
  }
}

TEST_F(Marker, ABootstrapThatWasCutShortHasMadeNoGroup) {
  ASSERT_TRUE(Bootstrap(config_).ok());
  std::filesystem::remove(GroupPath());
  std::filesystem::remove(Path(2));
  for (std::uint8_t id = 0; id < 3; ++id) {
    const absl::StatusOr<Start> start = PlanStart(config_, ReplicaId(id));
    EXPECT_EQ(start.status().code(), absl::StatusCode::kFailedPrecondition);
    EXPECT_NE(start.status().message().find("cut short"), absl::string_view::npos) << start.status();
  }
  EXPECT_EQ(Bootstrap(config_).code(), absl::StatusCode::kAlreadyExists);
}

TEST_F(Marker, WithoutABootstrapNobodyStarts) {
  const absl::StatusOr<Start> start = PlanStart(config_, ReplicaId(0));
  EXPECT_EQ(start.status().code(), absl::StatusCode::kNotFound);
  EXPECT_NE(start.status().message().find("gaios bootstrap"), absl::string_view::npos) << start.status();
  EXPECT_EQ(FindGroup(config_).status().code(), absl::StatusCode::kNotFound);
}

TEST_F(Marker, AnotherGroupFileIsAnErrorThatSaysWhose) {
  ASSERT_TRUE(Bootstrap(config_).ok());
  const std::string good = Read(GroupPath());
  const auto expect = [&](const std::string& says) {
    const absl::Status status = FindGroup(config_).status();
    EXPECT_EQ(status.code(), absl::StatusCode::kFailedPrecondition);
    EXPECT_NE(status.message().find(says), absl::string_view::npos) << status;
    EXPECT_NE(status.message().find(GroupPath()), absl::string_view::npos) << status;
  };
  for (const std::string text :
       {"", "[]", "\x7f\x45LF", "{\"gaios_group\": 1}", "{\"gaios_group\": 1, \"uuid\": \"12\"}",
        "{\"gaios_group\": 7, \"uuid\": \"00112233445566778899aabbccddeeff\"}"}) {
    Write(GroupPath(), text);
    expect("unreadable");
    EXPECT_FALSE(Take(0).ok());
  }
  Write(GroupPath(), good);
  config_.group = "flow";
  expect("of group \"book\" in epoch 1");
}

TEST_F(Marker, TheCountIsOnDiskWhenTheStartGoesOn) {
  ASSERT_TRUE(Bootstrap(config_).ok());
  EXPECT_NE(Read(Path(0)).find("\"starts\": 0"), std::string::npos);
  ASSERT_TRUE(Take(0).ok());
  EXPECT_NE(Read(Path(0)).find("\"starts\": 1"), std::string::npos);
}

TEST_F(Marker, ASecondBootstrapIsRefusedAndChangesNothing) {
  ASSERT_TRUE(Bootstrap(config_).ok());
  ASSERT_TRUE(Take(2).ok());
  std::filesystem::remove(Path(0));
  const absl::Status again = Bootstrap(config_);
  EXPECT_EQ(again.code(), absl::StatusCode::kAlreadyExists);
  EXPECT_NE(again.message().find(Path(1)), absl::string_view::npos) << again;
  EXPECT_NE(again.message().find("forgotten"), absl::string_view::npos) << again;
  EXPECT_FALSE(std::filesystem::exists(Path(0)));
  EXPECT_EQ(Take(2)->incarnation, paxos::Incarnation(2));
}

TEST_F(Marker, WithoutAMarkerAReplicaIsALearnerNowAndLater) {
  ASSERT_TRUE(Bootstrap(config_).ok());
  std::filesystem::remove(Path(0));
  const absl::StatusOr<Start> start = Take(0);
  ASSERT_TRUE(start.ok()) << start.status();
  EXPECT_GE(start->incarnation.value(), kFirstLearnerIncarnation);
  EXPECT_LE(start->incarnation.value(), paxos::Ballot::kMaxIncarnation);
  EXPECT_FALSE(start->first_start);
  EXPECT_NE(start->notice.find("missing"), std::string::npos);
  const absl::StatusOr<Start> next = Take(0);
  ASSERT_TRUE(next.ok()) << next.status();
  EXPECT_EQ(next->incarnation.value(), start->incarnation.value() + 1);
  EXPECT_FALSE(next->first_start);
  EXPECT_NE(next->notice.find("lost"), std::string::npos);
}

TEST_F(Marker, AnUnreadableMarkerMakesALearnerAndIsKept) {
  ASSERT_TRUE(Bootstrap(config_).ok());
  std::uint8_t id = 0;
  for (const std::string text : {"", "\x7f\x45LF and so on", "{\"gaios_marker\": 2, \"group\": \"book\"}"}) {
    Write(Path(id), text);
    const absl::StatusOr<Start> start = Take(id);
    ASSERT_TRUE(start.ok()) << start.status();
    EXPECT_GE(start->incarnation.value(), kFirstLearnerIncarnation);
    EXPECT_NE(start->notice.find("unreadable"), std::string::npos);
    EXPECT_EQ(Read(Path(id) + ".unreadable"), text);
    ++id;
  }
}

TEST_F(Marker, AnotherGroupsMarkerIsAnErrorThatSaysWhose) {
  ASSERT_TRUE(Bootstrap(config_).ok());
  const std::string good = Read(Path(0));
  const auto expect = [&](const std::string& says) {
    const absl::StatusOr<Start> start = Take(0);
    EXPECT_EQ(start.status().code(), absl::StatusCode::kFailedPrecondition);
    EXPECT_NE(start.status().message().find(says), absl::string_view::npos) << start.status();
    EXPECT_NE(start.status().message().find(Path(0)), absl::string_view::npos) << start.status();
  };
  Config other = config_;
  config_.group = "flow";
  expect("of group \"book\"");
  config_ = other;
  config_.epoch = 2;
  expect("of epoch 1");
  config_ = other;
  Write(Path(0), Read(Path(1)));
  expect("of replica 1");
  Write(Path(0), "{\"gaios_marker\": 9}");
  expect("of version 9");
  Write(Path(0), good);
  const std::string uuid = GroupUuidText(*FindGroupUuid(config_));
  Write(Path(0), std::string(good).replace(good.find(uuid), 1, uuid[0] == 'f' ? "e" : "f"));
  expect("of another bootstrap");
  Write(Path(0), good);
  EXPECT_EQ(Take(0)->incarnation, paxos::Incarnation(1)) << "none of that counted as a start";
}

TEST_F(Marker, ADirectoryThatCannotBeIsNamed) {
  Write(scratch_ + "/file", "");
  config_.directory = scratch_ + "/file/book";
  const absl::Status status = Bootstrap(config_);
  EXPECT_EQ(status.code(), absl::StatusCode::kUnavailable);
  EXPECT_NE(status.message().find(config_.directory), absl::string_view::npos) << status;
}

TEST_F(Marker, TheDirectoryIsPrivate) {
  ASSERT_TRUE(Bootstrap(config_).ok());
  EXPECT_EQ(std::filesystem::status(config_.directory).permissions() & std::filesystem::perms::others_all,
            std::filesystem::perms::none);
}

}  // namespace
}  // namespace gaios::rsm
