#include "gaios/rsm/marker.h"

#include <cstdlib>
#include <filesystem>
#include <fstream>
#include <iterator>
#include <string>

#include <gtest/gtest.h>

namespace gaios::rsm {
namespace {

using paxos::ReplicaId;

class Marker : public testing::Test {
 protected:
  Marker() {
    std::string name = (std::filesystem::temp_directory_path() / "gaios-XXXXXX").string();
    EXPECT_NE(::mkdtemp(name.data()), nullptr);
    scratch_ = name;
    config_.group = "book";
    config_.directory = scratch_ + "/groups/book";
    for (std::uint8_t i = 0; i < 3; ++i) {
      config_.replicas.push_back({ReplicaId(i), {}});
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
  [[nodiscard]] absl::StatusOr<Start> Take(std::uint8_t id) const {
    return TakeIncarnation(config_, ReplicaId(id));
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
  EXPECT_FALSE(std::filesystem::exists(Path(1) + ".new"));
}

TEST_F(Marker, TheCountIsOnDiskBeforeTheStartGoesOn) {
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
  for (const std::string text : {"", "\x7f\x45LF and so on", "{\"gaios_marker\": 1, \"group\": \"book\"}"}) {
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
  EXPECT_EQ(Take(0)->incarnation, paxos::Incarnation(1)) << "none of that counted as a start";
}

TEST_F(Marker, ADirectoryThatCannotBeIsNamed) {
  Write(scratch_ + "/file", "");
  config_.directory = scratch_ + "/file/book";
  for (const absl::Status& status : {Bootstrap(config_), Take(0).status()}) {
    EXPECT_EQ(status.code(), absl::StatusCode::kUnavailable);
    EXPECT_NE(status.message().find(config_.directory), absl::string_view::npos) << status;
  }
}

TEST_F(Marker, TheDirectoryIsPrivate) {
  ASSERT_TRUE(Bootstrap(config_).ok());
  EXPECT_EQ(std::filesystem::status(config_.directory).permissions() & std::filesystem::perms::others_all,
            std::filesystem::perms::none);
}

}  // namespace
}  // namespace gaios::rsm
