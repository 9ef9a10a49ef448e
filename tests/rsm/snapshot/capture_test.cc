// Snapshots of a replica that goes on: what is written is the state of the moment at which it was begun; and
// the child that writes it is never taken for its parent, nor outlives it.

#include "gaios/rsm/snapshot/capture.h"

#include <fcntl.h>
#include <poll.h>
#include <sched.h>
#include <sys/file.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#include <array>
#include <cerrno>
#include <chrono>
#include <csignal>
#include <filesystem>
#include <numeric>
#include <string>
#include <thread>
#include <vector>

#include <gtest/gtest.h>

#include "gaios/base/background.h"
#include "gaios/base/unique_fd.h"
#include "gaios/rsm/snapshot/file.h"
#include "gaios/transport/sim/world.h"

#include "tests/support/scratch_directory.h"

namespace gaios::rsm {
namespace {

constexpr std::size_t kCells = std::size_t{1} << 19;  // 4 MiB

// Many cells; each command adds to a few of them.
class Cells final : public StateMachine {
 public:
  void Apply(const Command& /*command*/, Reply& /*reply*/) override {
    for (int i = 0; i < 16; ++i) {
      at = at * 6364136223846793005U + 1442695040888963407U;
      cells[at >> 45] += at;
      hash += at;
    }
  }
  [[nodiscard]] std::uint64_t StateHash() const override { return hash + at; }
  [[nodiscard]] absl::Status Save(SnapshotSink& sink) const override {
    if (hangs) {
      for (;;) {
        ::pause();
      }
    }
    if (fails) {
      return absl::InternalError("it would not be saved");
    }
    return SaveCells(cells, hash, at, sink);
  }
  [[nodiscard]] std::unique_ptr<FrozenState> Freeze() const override;
  [[nodiscard]] absl::Status Restore(SnapshotSource& source) override {
    for (std::uint64_t* const number : {&hash, &at}) {
      if (absl::Status status = source.Read(std::as_writable_bytes(std::span(number, 1))); !status.ok()) {
        return status;
      }
    }
    return source.Read(std::as_writable_bytes(std::span(cells)));
  }
  static absl::Status SaveCells(const std::vector<std::uint64_t>& cells, std::uint64_t hash, std::uint64_t at,
                                SnapshotSink& sink) {
    for (const std::uint64_t& number : {hash, at}) {
      if (absl::Status status = sink.Append(std::as_bytes(std::span(&number, 1))); !status.ok()) {
        return status;
      }
    }
    return sink.Append(std::as_bytes(std::span(cells)));
  }

  std::vector<std::uint64_t> cells = std::vector<std::uint64_t>(kCells);
  std::uint64_t hash = 0;
  std::uint64_t at = 1;
  bool hangs = false;
  bool fails = false;
  bool freezes = false;
  std::atomic<bool>* frozen_may_end = nullptr;
};

class FrozenCells final : public FrozenState {
 public:
  explicit FrozenCells(const Cells& cells) : cells_(cells) {}
  [[nodiscard]] absl::Status Save(SnapshotSink& sink) const override {
    while (cells_.frozen_may_end != nullptr && !cells_.frozen_may_end->load()) {
      if (absl::Status status = sink.Append({}); !status.ok()) {
        return status;
      }
    }
    return Cells::SaveCells(cells_.cells, cells_.hash, cells_.at, sink);
  }

 private:
  const Cells cells_;  // a copy
};

std::unique_ptr<FrozenState> Cells::Freeze() const {
  return freezes ? std::make_unique<FrozenCells>(*this) : nullptr;
}

class Captures : public ::testing::Test, private ProposalListener {
 protected:
  Captures()
      : world_(WorldOf()), replica_(OptionsOf(), world_.transport(paxos::ReplicaId(0)), clock_, cells_) {
    while (!replica_.leading()) {
      Turn();
    }
    Commit(50);
  }
  static transport::sim::WorldOptions WorldOf() {
    transport::sim::WorldOptions options;
    options.replicas = 1;
    options.capacity_bytes = 1 << 16;
    return options;
  }
  static ReplicaOptions OptionsOf() {
    ReplicaOptions options;
    options.protocol.group = paxos::GroupId(7);
    options.protocol.configuration = paxos::Configuration::Bootstrap(1);
    options.protocol.capacity_bytes = 1 << 16;
    return options;
  }
  void Turn() {
    clock_.SetNs(world_.now_ns());
    if (!replica_.Poll()) {
      world_.AdvanceTo(world_.now_ns() + 1'000'000);
    }
  }
  void Commit(std::uint64_t commands) {
    const std::uint64_t until = replica_.applied_commands() + commands;
    while (replica_.applied_commands() < until) {
      static_cast<void>(replica_.Propose({}, *this, 0));
      Turn();
    }
  }
  void OnCommitted(std::uint64_t, std::uint64_t, Applied, std::span<const std::byte>) override {}
  void OnUnknown(std::uint64_t) override {}

  [[nodiscard]] absl::StatusOr<std::unique_ptr<Capture>> Start() {
    return Capture::Start(path_, origin_, replica_);
  }
  // Commands go on until it is done.
  absl::Status Finish(Capture& capture) {
    for (;;) {
      if (const std::optional<absl::Status> outcome = capture.Poll(); outcome.has_value()) {
        return *outcome;
      }
      Commit(1);
    }
  }
  void ExpectHolds(const SnapshotFacts& facts) {
    const auto reader = SnapshotReader::Open(path_);
    ASSERT_TRUE(reader.ok()) << reader.status();
    ASSERT_TRUE((*reader)->Verify().ok());
    EXPECT_EQ((*reader)->facts().applied_commands, facts.applied_commands);
    EXPECT_EQ((*reader)->facts().cursor, facts.cursor);
    Cells restored;
    ASSERT_TRUE((*reader)->Skip(facts.sessions_bytes).ok());
    ASSERT_TRUE(restored.Restore(**reader).ok());
    EXPECT_EQ((*reader)->left(), 0U);
    EXPECT_EQ(restored.StateHash(), facts.state_hash);
    // Not by the hash alone: what commands that came later have changed is not there.
    Cells anew;
    for (std::uint64_t i = 0; i < facts.applied_commands; ++i) {
      std::array<std::byte, 8> memory;
      Reply reply(memory);
      anew.Apply({}, reply);
    }
    EXPECT_TRUE(anew.cells == restored.cells);
  }

  ScratchDirectory directory_;
  const std::string path_ = directory_.PathOf("snapshot");
  const SnapshotOrigin origin_{paxos::GroupId(7), "cells", 1, "cells"};
  transport::sim::World world_;
  base::ManualClock clock_;
  Cells cells_;
  Replica replica_;
};

TEST_F(Captures, HoldTheStateOfTheirMomentWhileCommandsGoOn) {
  const std::uint64_t before = replica_.applied_commands();
  const auto capture = Start();
  ASSERT_TRUE(capture.ok()) << capture.status();
  EXPECT_EQ((*capture)->facts().applied_commands, before);
  Commit(100);
  const absl::Status outcome = Finish(**capture);
  ASSERT_TRUE(outcome.ok()) << outcome;
  EXPECT_GE(replica_.applied_commands(), before + 100);
  ExpectHolds((*capture)->facts());
  EXPECT_EQ(directory_.files(), 1U);
}

TEST_F(Captures, OfAFrozenStateNeedNoChild) {
  std::atomic<bool> may_end = false;
  cells_.freezes = true;
  cells_.frozen_may_end = &may_end;
  const auto capture = Start();
  ASSERT_TRUE(capture.ok()) << capture.status();
  EXPECT_FALSE((*capture)->child().has_value());
  Commit(100);
  EXPECT_FALSE((*capture)->Poll().has_value());
  may_end = true;
  ASSERT_TRUE(Finish(**capture).ok());
  ExpectHolds((*capture)->facts());
}

TEST_F(Captures, OfAFrozenStateCanBeGivenUp) {
  std::atomic<bool> may_end = false;
  cells_.freezes = true;
  cells_.frozen_may_end = &may_end;
  auto capture = Start();
  ASSERT_TRUE(capture.ok()) << capture.status();
  capture->reset();
  EXPECT_EQ(directory_.files(), 0U);
}

TEST_F(Captures, ThatFailSayWhyAndLeaveTheFormerOne) {
  const auto first = Start();
  ASSERT_TRUE(Finish(**first).ok());
  const std::string former = ReadWhole(path_);
  cells_.fails = true;
  const auto second = Start();
  ASSERT_TRUE(second.ok()) << second.status();
  const absl::Status outcome = Finish(**second);
  EXPECT_EQ(outcome.code(), absl::StatusCode::kInternal);
  EXPECT_EQ(outcome.message(), "it would not be saved");
  EXPECT_TRUE(ReadWhole(path_) == former);
  EXPECT_EQ(directory_.files(), 1U);
}

TEST_F(Captures, WhoseChildIsKilledSaySoAndLeaveTheFormerOne) {
  const auto first = Start();
  ASSERT_TRUE(Finish(**first).ok());
  const std::string former = ReadWhole(path_);
  cells_.hangs = true;
  const auto second = Start();
  ASSERT_TRUE(second.ok()) << second.status();
  Commit(10);
  EXPECT_FALSE((*second)->Poll().has_value());
  ASSERT_EQ(::kill(*(*second)->child(), SIGKILL), 0);
  const absl::Status outcome = Finish(**second);
  EXPECT_EQ(outcome.code(), absl::StatusCode::kAborted);
  EXPECT_NE(outcome.message().find("signal 9"), absl::string_view::npos) << outcome;
  EXPECT_TRUE(ReadWhole(path_) == former);
  EXPECT_EQ(directory_.files(), 1U) << "and nothing unfinished";
}

TEST_F(Captures, GivenUpEndTheirChild) {
  cells_.hangs = true;
  auto capture = Start();
  ASSERT_TRUE(capture.ok()) << capture.status();
  const pid_t child = *(*capture)->child();
  capture->reset();
  EXPECT_EQ(::kill(child, 0), -1);
  EXPECT_EQ(errno, ESRCH);
  EXPECT_EQ(directory_.files(), 0U);
}

TEST_F(Captures, OnAFullDiskSaySo) {
  rlimit former = {};
  ASSERT_EQ(::getrlimit(RLIMIT_FSIZE, &former), 0);
  const rlimit small{1 << 20, former.rlim_max};
  ASSERT_EQ(::setrlimit(RLIMIT_FSIZE, &small), 0);
  const auto capture = Start();
  ASSERT_EQ(::setrlimit(RLIMIT_FSIZE, &former), 0);
  ASSERT_TRUE(capture.ok()) << capture.status();
  const absl::Status outcome = Finish(**capture);
  EXPECT_EQ(outcome.code(), absl::StatusCode::kResourceExhausted) << outcome;
  EXPECT_NE(outcome.message().find("make room"), absl::string_view::npos) << outcome;
  EXPECT_EQ(directory_.files(), 0U);
}

// ---- the child
// --------------------------------------------------------------------------------------------------------

// Works until it is ended, and says when it has begun by making a file.
std::function<absl::Status()> WorkForEver(const std::string& begun) {
  return [begun]() -> absl::Status {
    ::close(::open(begun.c_str(), O_CREAT | O_WRONLY | O_CLOEXEC, 0600));
    for (;;) {
      ::pause();
    }
  };
}

void AwaitFile(const std::string& path) {
  const auto deadline = std::chrono::steady_clock::now() + std::chrono::seconds(60);
  while (!std::filesystem::exists(path)) {
    ASSERT_LT(std::chrono::steady_clock::now(), deadline);
    ::sched_yield();
  }
}

TEST(ForkedWork, BringsBackWhatCameOfIt) {
  for (const absl::Status& status :
       {absl::OkStatus(), absl::NotFoundError("not there"), absl::InternalError(std::string(5000, 'x'))}) {
    const auto work = ForkedWork::Start([&] { return status; });
    ASSERT_TRUE(work.ok()) << work.status();
    std::optional<absl::Status> outcome;
    while (!outcome.has_value()) {
      outcome = (*work)->Poll();
    }
    EXPECT_EQ(outcome->code(), status.code());
    EXPECT_EQ(outcome->message(), status.message().substr(0, 2048));
    EXPECT_EQ((*work)->Poll()->code(), status.code()) << "however often it is asked";
  }
}

TEST(ForkedWork, LeavesNothingOpenThatOthersWaitFor) {
  const ScratchDirectory directory;
  // The lowest free one is what the child takes for its report, whoever had it.
  const base::UniqueFd lowest(::open("/dev/null", O_RDONLY | O_CLOEXEC));
  std::array<int, 2> ends = {};
  ASSERT_EQ(::socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0, ends.data()), 0);
  base::UniqueFd parents(ends[0]);
  const base::UniqueFd peers(ends[1]);
  const auto work = ForkedWork::Start(WorkForEver(directory.PathOf("begun")));
  ASSERT_TRUE(work.ok()) << work.status();
  AwaitFile(directory.PathOf("begun"));
  // As when the parent dies, and the child lives.
  parents.Close();
  pollfd peer{.fd = peers.get(), .events = POLLIN, .revents = 0};
  EXPECT_EQ(::poll(&peer, 1, 0), 1);
  EXPECT_NE(peer.revents & POLLHUP, 0);
  EXPECT_FALSE((*work)->Poll().has_value());
}

TEST(ForkedWork, DoesNotGiveUpTheLocksOfItsParent) {
  const ScratchDirectory directory;
  const std::string path = directory.PathOf("lock");
  const base::UniqueFd held(::open(path.c_str(), O_CREAT | O_RDWR | O_CLOEXEC, 0600));
  ASSERT_EQ(::flock(held.get(), LOCK_EX | LOCK_NB), 0);
  {
    const auto work = ForkedWork::Start(WorkForEver(directory.PathOf("begun")));
    ASSERT_TRUE(work.ok()) << work.status();
    AwaitFile(directory.PathOf("begun"));
  }
  const base::UniqueFd other(::open(path.c_str(), O_RDWR | O_CLOEXEC));
  EXPECT_NE(::flock(other.get(), LOCK_EX | LOCK_NB), 0);
}

TEST(ForkedWork, HasTheLowestPriorityAndEveryCpu) {
  cpu_set_t before;
  ASSERT_EQ(::sched_getaffinity(0, sizeof(before), &before), 0);
  const auto work = ForkedWork::Start([&before] {
    cpu_set_t cpus;
    ::sched_getaffinity(0, sizeof(cpus), &cpus);
    const bool low = ::getpriority(PRIO_PROCESS, 0) == 19 && ::sched_getscheduler(0) == SCHED_BATCH;
    return low && CPU_COUNT(&cpus) >= CPU_COUNT(&before) ? absl::OkStatus() : absl::InternalError("not low");
  });
  ASSERT_TRUE(work.ok()) << work.status();
  std::optional<absl::Status> outcome;
  while (!outcome.has_value()) {
    outcome = (*work)->Poll();
  }
  EXPECT_TRUE(outcome->ok()) << *outcome;
}

// A thread that was pinned starts others: they do not stay there.
TEST(Background, LeavesTheCpuThatWasInherited) {
  cpu_set_t before;
  ASSERT_EQ(::sched_getaffinity(0, sizeof(before), &before), 0);
  int seen = 0;
  std::thread pinned([&] {
    cpu_set_t one;
    CPU_ZERO(&one);
    for (int cpu = 0; cpu < CPU_SETSIZE; ++cpu) {
      if (CPU_ISSET(cpu, &before)) {
        CPU_SET(cpu, &one);
        break;
      }
    }
    ASSERT_EQ(::sched_setaffinity(0, sizeof(one), &one), 0);
    std::thread background([&] {
      base::GoToBackground(base::BackgroundPriority::kOrdinary);
      cpu_set_t after;
      ASSERT_EQ(::sched_getaffinity(0, sizeof(after), &after), 0);
      seen = CPU_COUNT(&after);
    });
    background.join();
  });
  pinned.join();
  EXPECT_GE(seen, CPU_COUNT(&before));
}

TEST(ForkedWork, DiesWithItsParent) {
  const ScratchDirectory directory;
  std::array<int, 2> pipe = {};
  ASSERT_EQ(::pipe2(pipe.data(), O_CLOEXEC), 0);
  const base::UniqueFd from(pipe[0]);
  const base::UniqueFd to(pipe[1]);
  const pid_t parent = ::fork();
  ASSERT_GE(parent, 0);
  if (parent == 0) {
    const auto work = ForkedWork::Start(WorkForEver(directory.PathOf("begun")));
    const pid_t child = work.ok() ? (*work)->pid() : -1;
    static_cast<void>(::write(to.get(), &child, sizeof(child)));
    for (;;) {
      ::pause();
    }
  }
  pid_t child = -1;
  ASSERT_EQ(::read(from.get(), &child, sizeof(child)), static_cast<ssize_t>(sizeof(child)));
  ASSERT_GT(child, 0);
  AwaitFile(directory.PathOf("begun"));
  const base::UniqueFd watched(static_cast<int>(::syscall(SYS_pidfd_open, child, 0)));
  ASSERT_TRUE(watched.valid());
  ASSERT_EQ(::kill(parent, SIGKILL), 0);
  ASSERT_EQ(::waitpid(parent, nullptr, 0), parent);
  pollfd ended{.fd = watched.get(), .events = POLLIN, .revents = 0};
  EXPECT_EQ(::poll(&ended, 1, 60'000), 1) << "its child lives on";
}

}  // namespace
}  // namespace gaios::rsm
