// Opening a replica: bad options, an id that is in use, and what a crashed life has left.

#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include <array>
#include <cstdio>
#include <fstream>
#include <string>

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "tests/transport/shm/fixture.h"

namespace gaios::transport::shm {
namespace {

using testing::HasSubstr;

class OpenTest : public ShmTest {
 protected:
  static absl::Status StatusOf(const ShmOptions& options) { return ShmTransport::Open(options).status(); }
  static bool Exists(const std::string& path) {
    struct stat facts = {};
    return ::lstat(path.c_str(), &facts) == 0;
  }
};

TEST_F(OpenTest, OptionsThatMakeNoSenseAreRefused) {
  const auto refused = [&](const std::function<void(ShmOptions&)>& spoil, const char* said) {
    ShmOptions options = OptionsOf(ReplicaId(0));
    spoil(options);
    const absl::Status status = StatusOf(options);
    EXPECT_EQ(status.code(), absl::StatusCode::kInvalidArgument) << status;
    EXPECT_THAT(std::string(status.message()), HasSubstr(said));
  };
  refused([](ShmOptions& options) { options.directory.clear(); }, "directory");
  refused([](ShmOptions& options) { options.replicas = 0; }, "1 to 7");
  refused([](ShmOptions& options) { options.replicas = 8; }, "1 to 7");
  refused([](ShmOptions& options) { options.self = ReplicaId(3); }, "replica id 3");
  refused([](ShmOptions& options) { options.incarnation = Incarnation(0); }, "incarnation 0");
  refused([](ShmOptions& options) { options.capacity = 5000; }, "capacity 5000");
  refused([](ShmOptions& options) { options.capacity = 2048; }, "capacity 2048");
  refused([](ShmOptions& options) { options.clock = nullptr; }, "clock");
}

TEST_F(OpenTest, ASocketPathThatIsTooLongIsNamedWithItsLengthAndTheLimit) {
  ShmOptions options = OptionsOf(ReplicaId(0));
  options.directory = "/dev/shm/" + std::string(100, 'd');
  const absl::Status status = StatusOf(options);
  EXPECT_EQ(status.code(), absl::StatusCode::kInvalidArgument);
  EXPECT_THAT(std::string(status.message()), HasSubstr(options.directory + "/replica-0.sock"));
  EXPECT_THAT(std::string(status.message()), HasSubstr("124 characters"));
  EXPECT_THAT(std::string(status.message()), HasSubstr("limit is 107"));
}

TEST_F(OpenTest, AMissingDirectoryIsNamed) {
  ShmOptions options = OptionsOf(ReplicaId(0));
  options.directory += "/missing";
  const absl::Status status = StatusOf(options);
  EXPECT_EQ(status.code(), absl::StatusCode::kUnavailable);
  EXPECT_THAT(std::string(status.message()), HasSubstr(options.directory));
}

TEST_F(OpenTest, AnIdThatALiveProcessHasIsRefusedAndTheProcessIsNamed) {
  backend_.Start({.id = ReplicaId(0)});
  const absl::Status status = StatusOf(OptionsOf(ReplicaId(0)));
  EXPECT_EQ(status.code(), absl::StatusCode::kAlreadyExists);
  EXPECT_THAT(std::string(status.message()), HasSubstr(std::to_string(backend_.process(ReplicaId(0)).pid())));
  EXPECT_THAT(std::string(status.message()), HasSubstr(LockPath(backend_.directory(), ReplicaId(0))));
  // And the attempt has not disturbed it.
  EXPECT_EQ(backend_.process(ReplicaId(0)).Ask("ready"), "ok");
  OpenSelf(OptionsOf(ReplicaId(1)));
  EXPECT_TRUE(PollUntil([&] { return LinkedTo(ReplicaId(0), Incarnation(1)); }, {ReplicaId(0)}));
}

TEST_F(OpenTest, WhatACrashedLifeLeftIsCleanedUp) {
  backend_.Start({.id = ReplicaId(0)});
  backend_.Kill(ReplicaId(0));
  ASSERT_TRUE(Exists(SocketPath(backend_.directory(), ReplicaId(0))));
  ASSERT_TRUE(Exists(ControlPath(backend_.directory(), ReplicaId(0))));
  ShmOptions options = OptionsOf(ReplicaId(0));
  options.incarnation = Incarnation(2);
  OpenSelf(options);
  backend_.Start({.id = ReplicaId(1)});
  EXPECT_TRUE(PollUntil([&] { return LinkedTo(ReplicaId(1), Incarnation(1)); }, {ReplicaId(1)}));
}

TEST_F(OpenTest, AnIncarnationThatIsNotNewIsRefused) {
  backend_.Start({.id = ReplicaId(0), .incarnation = Incarnation(4)});
  backend_.Kill(ReplicaId(0));
  for (const std::uint32_t old : {3U, 4U}) {
    ShmOptions options = OptionsOf(ReplicaId(0));
    options.incarnation = Incarnation(old);
    const absl::Status status = StatusOf(options);
    EXPECT_EQ(status.code(), absl::StatusCode::kFailedPrecondition);
    EXPECT_THAT(std::string(status.message()), HasSubstr("incarnation 4"));
  }
  // Another group in the same place has nothing to do with it.
  ShmOptions options = OptionsOf(ReplicaId(0));
  options.group_id = paxos::GroupId(5);
  EXPECT_TRUE(StatusOf(options).ok());
}

TEST_F(OpenTest, ALifeThatCrashedBeforeItBeganHasNeverBeen) {
  ShmOptions options = OptionsOf(ReplicaId(0));
  options.incarnation = Incarnation(4);
  const pid_t child = ::fork();
  if (child == 0) {
    absl::StatusOr<IdLock> lock = IdLock::Take(options.directory, options.self);
    const auto reserved = ShmTransport::Reserve(options, *std::move(lock));
    ::_exit(reserved.ok() ? 0 : 1);  // its files stay
  }
  int result = -1;
  ASSERT_EQ(::waitpid(child, &result, 0), child);
  ASSERT_EQ(result, 0);
  ASSERT_TRUE(Exists(SocketPath(backend_.directory(), ReplicaId(0))));
  OpenSelf(options);
  backend_.Start({.id = ReplicaId(1)});
  EXPECT_TRUE(PollUntil([&] { return LinkedTo(ReplicaId(1), Incarnation(1)); }, {ReplicaId(1)}));
}

TEST_F(OpenTest, ALifeThatHasNotBegunPromisesNothing) {
  absl::StatusOr<IdLock> lock = IdLock::Take(backend_.directory(), ReplicaId(0));
  ASSERT_TRUE(lock.ok()) << lock.status();
  const auto reserved = ShmTransport::Reserve(OptionsOf(ReplicaId(0)), *std::move(lock));
  ASSERT_TRUE(reserved.ok()) << reserved.status();
  const Grant grant{.ballot = paxos::Ballot(1, ReplicaId(0), Incarnation(1)), .number = 1};
  EXPECT_DEATH((*reserved)->GrantTo(ReplicaId(0), grant), "P7");
}

TEST_F(OpenTest, ClosingLeavesWhatALaterLifeHasPutInItsPlace) {
  OpenSelf(OptionsOf(ReplicaId(0)));
  std::unique_ptr<ShmTransport> old = std::move(self_);
  const std::array<std::string, 3> paths = {SocketPath(backend_.directory(), ReplicaId(0)),
                                            ControlPath(backend_.directory(), ReplicaId(0)),
                                            LockPath(backend_.directory(), ReplicaId(0))};
  for (const std::string& path : paths) {
    ASSERT_EQ(std::remove(path.c_str()), 0) << path;  // the directory was cleared
  }
  OpenSelf(OptionsOf(ReplicaId(0)));
  old.reset();
  for (const std::string& path : paths) {
    EXPECT_TRUE(Exists(path)) << path;
  }
}

TEST_F(OpenTest, ForeignFilesAreNotTouched) {
  for (const std::string& path :
       {SocketPath(backend_.directory(), ReplicaId(0)), ControlPath(backend_.directory(), ReplicaId(0))}) {
    std::ofstream(path) << "something else";
    const absl::Status status = StatusOf(OptionsOf(ReplicaId(0)));
    EXPECT_EQ(status.code(), absl::StatusCode::kFailedPrecondition);
    EXPECT_THAT(std::string(status.message()), HasSubstr(path));
    ASSERT_TRUE(Exists(path));
    std::remove(path.c_str());
  }
}

TEST_F(OpenTest, ClosingRemovesEveryFile) {
  OpenSelf(OptionsOf(ReplicaId(0)));
  self_.reset();
  for (const std::string& path :
       {SocketPath(backend_.directory(), ReplicaId(0)), ControlPath(backend_.directory(), ReplicaId(0)),
        LockPath(backend_.directory(), ReplicaId(0))}) {
    EXPECT_FALSE(Exists(path)) << path;
  }
}

TEST_F(OpenTest, ReservedMemoryCountsTheLogASpareForEachReplicaAndWhatReadsGoThrough) {
  OpenSelf(OptionsOf(ReplicaId(0)));
  EXPECT_EQ(self_->reserved_bytes(), 4 * (4096U + 4096U) + 4096U);
}

TEST_F(OpenTest, AGroupOfOneGrantsToItself) {
  ShmOptions options = OptionsOf(ReplicaId(0));
  options.replicas = 1;
  OpenSelf(options);
  self_->GrantTo(ReplicaId(0), {.ballot = paxos::Ballot(1, ReplicaId(0), Incarnation(1)), .number = 1});
  PollSelf();
  EXPECT_EQ(CountOf(conformance::Event::Kind::kGranted), 1U);
}

}  // namespace
}  // namespace gaios::transport::shm
