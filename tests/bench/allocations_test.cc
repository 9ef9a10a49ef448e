// The fast path allocates nothing once it is warm: the processes of a group count what they ask of malloc and
// mmap while they commit, apply, and serve a client. All of it is counted, the standard library's share too.

#include <sys/mman.h>
#include <sys/syscall.h>
#include <unistd.h>

#include <array>
#include <atomic>
#include <cerrno>
#include <cstdlib>
#include <cstring>
#include <memory>
#include <optional>
#include <utility>

#include <gtest/gtest.h>

#include "gaios/rsm/client/client.h"
#include "gaios/rsm/client/client_port.h"
#include "gaios/rsm/order_book/order_book_machine.h"

#include "bench/book_flow.h"
#include "bench/group.h"
#include "bench/placement.h"
#include "bench/shared_page.h"
#include "bench/targets.h"

namespace {

std::atomic<std::uint64_t> allocations{0};

void Count() {
  allocations.fetch_add(1, std::memory_order_relaxed);
}

}  // namespace

// The C library takes these for its own wherever a program has them, and still has its own by other names.
// NOLINTBEGIN(bugprone-reserved-identifier,cert-dcl37-c,cert-dcl51-cpp)
extern "C" {
void* __libc_malloc(std::size_t bytes);
void* __libc_calloc(std::size_t count, std::size_t bytes);
void* __libc_realloc(void* memory, std::size_t bytes);
void* __libc_memalign(std::size_t alignment, std::size_t bytes);

void* malloc(std::size_t bytes) noexcept {
  Count();
  return __libc_malloc(bytes);
}
void* calloc(std::size_t count, std::size_t bytes) noexcept {
  Count();
  return __libc_calloc(count, bytes);
}
void* realloc(void* memory, std::size_t bytes) noexcept {
  Count();
  return __libc_realloc(memory, bytes);
}
void* memalign(std::size_t alignment, std::size_t bytes) noexcept {
  Count();
  return __libc_memalign(alignment, bytes);
}
void* aligned_alloc(std::size_t alignment, std::size_t bytes) noexcept {
  Count();
  return __libc_memalign(alignment, bytes);
}
int posix_memalign(void** memory, std::size_t alignment, std::size_t bytes) noexcept {
  Count();
  *memory = __libc_memalign(alignment, bytes);
  return *memory == nullptr ? ENOMEM : 0;
}
void* mmap(void* address, std::size_t bytes, int protection, int flags, int fd, off_t offset) noexcept {
  Count();
  // NOLINTNEXTLINE(performance-no-int-to-ptr,cppcoreguidelines-pro-type-vararg)
  return reinterpret_cast<void*>(syscall(SYS_mmap, address, bytes, protection, flags, fd, offset));
}
}
// NOLINTEND(bugprone-reserved-identifier,cert-dcl37-c,cert-dcl51-cpp)

namespace gaios::bench {
namespace {

constexpr std::size_t kReplicas = 3;
// Several wraps of the ring, and several comparisons of state hashes.
constexpr std::size_t kCommands = 50'000;
constexpr std::size_t kRestingOrders = 1'000;
constexpr std::size_t kUnderWay = 8;  // so that some batches hold more than one

// What each follower's process has allocated, as of the last command that it applied.
struct Counts {
  std::atomic<std::size_t> followers{0};
  std::array<std::atomic<std::uint64_t>, paxos::kMaxReplicas> allocations = {};
};

// An order book that tells what its process has allocated, unless that is the test's own.
class Watched final : public rsm::StateMachine {
 public:
  Watched(std::unique_ptr<rsm::StateMachine> book, std::atomic<std::uint64_t>* count)
      : book_(std::move(book)), count_(count) {}
  void Apply(const rsm::Command& command, rsm::Reply& reply) override {
    book_->Apply(command, reply);
    if (count_ != nullptr) {
      count_->store(allocations.load(std::memory_order_relaxed), std::memory_order_relaxed);
    }
  }
  [[nodiscard]] std::uint32_t PrefetchDistance() const override { return book_->PrefetchDistance(); }
  void Prefetch(std::span<const std::byte> command) override { book_->Prefetch(command); }
  [[nodiscard]] std::uint64_t StateHash() const override { return book_->StateHash(); }
  [[nodiscard]] absl::Status Save(rsm::SnapshotSink& sink) const override { return book_->Save(sink); }
  [[nodiscard]] absl::Status Restore(rsm::SnapshotSource& source) override { return book_->Restore(source); }

 private:
  const std::unique_ptr<rsm::StateMachine> book_;
  std::atomic<std::uint64_t>* const count_;
};

class Allocations : public ::testing::Test {
 protected:
  void SetUp() override {
    auto counts = SharedPage<Counts>::Create();
    ASSERT_TRUE(counts.ok()) << counts.status();
    counts_.emplace(*std::move(counts));
    auto flow = BookFlow::Generated(10, kRestingOrders, 2 * kCommands);
    ASSERT_TRUE(flow.ok()) << flow.status();
    flow_ = *std::move(flow);
    const pid_t own = getpid();
    auto group =
        Group::Start({.replicas = kReplicas,
                      .capacity_bytes = std::size_t{1} << 20,
                      .make_machine = [this, own]() -> absl::StatusOr<std::unique_ptr<rsm::StateMachine>> {
                        auto book = order_book::OrderBookMachine::Make(flow_.book);
                        if (!book.ok()) {
                          return book.status();
                        }
                        std::atomic<std::uint64_t>* const count =
                            getpid() == own ? nullptr : &(*counts_)->allocations.at((*counts_)->followers++);
                        return std::make_unique<Watched>(*std::move(book), count);
                      }},
                     ChoosePlacement(), clock_);
    ASSERT_TRUE(group.ok()) << group.status();
    group_ = *std::move(group);
  }

  [[nodiscard]] rsm::Replica& leader() { return group_->leader(); }
  [[nodiscard]] const base::Clock& clock() const { return clock_; }
  // The next command of the flow; used up once it was taken.
  [[nodiscard]] std::span<const std::byte> Next() const {
    return next_ < flow_.preparation.size() ? flow_.preparation[next_].command()
                                            : flow_.messages[next_ - flow_.preparation.size()].command();
  }
  void Used() { ++next_; }

  // `commit` commits so many commands. When it is called again, nobody allocates anything.
  template <typename Commit>
  void ExpectNoneOnceWarm(Commit commit) {
    ASSERT_TRUE(commit(flow_.preparation.size() + kCommands));
    AwaitFollowers();
    const Snapshot before = Take();
    for (std::size_t i = 0; i < kReplicas; ++i) {
      ASSERT_GT(before.at(i), 0U) << "the count counts";
    }
    ASSERT_TRUE(commit(kCommands));
    AwaitFollowers();
    const Snapshot after = Take();
    EXPECT_EQ(after[0] - before[0], 0U) << "by the leader";
    EXPECT_EQ(after[1] - before[1], 0U) << "by a follower";
    EXPECT_EQ(after[2] - before[2], 0U) << "by a follower";
    EXPECT_TRUE(group_->Check().ok());
  }

 private:
  using Snapshot = std::array<std::uint64_t, kReplicas>;

  void AwaitFollowers() {
    while (group_->applied_by_all() < leader().applied_commands() && group_->Check().ok()) {
      static_cast<void>(leader().Poll());
    }
  }
  [[nodiscard]] Snapshot Take() const {
    return {allocations.load(std::memory_order_relaxed), (*counts_)->allocations[0],
            (*counts_)->allocations[1]};
  }

  const base::TscClock clock_;
  std::optional<SharedPage<Counts>> counts_;
  BookFlow flow_;
  std::size_t next_ = 0;
  std::unique_ptr<Group> group_;
};

// The id of a session that was opened.
class Session final : public rsm::ProposalListener {
 public:
  void OnCommitted(std::uint64_t /*tag*/, std::uint64_t /*slot*/, rsm::Applied /*how*/,
                   std::span<const std::byte> reply) override {
    if (reply.size() == sizeof(id_)) {
      std::memcpy(&id_, reply.data(), sizeof(id_));
    }
  }
  void OnUnknown(std::uint64_t /*tag*/) override {}
  [[nodiscard]] std::uint64_t id() const { return id_; }

 private:
  std::uint64_t id_ = 0;
};

TEST_F(Allocations, NoneByTheReplicasOnceTheyAreWarm) {
  CompletionCount completions;
  ExpectNoneOnceWarm([&](std::size_t commands) {
    std::size_t proposed = 0;
    for (std::size_t committed = 0; committed < commands && completions.clean();) {
      while (proposed < commands && proposed < committed + kUnderWay &&
             leader().Propose(Next(), completions, 0) == rsm::Taken::kTaken) {
        ++proposed;
        Used();
      }
      static_cast<void>(leader().Poll());
      committed += completions.Take();
    }
    return completions.clean();
  });
}

TEST_F(Allocations, NoneByTheReplicasInASession) {
  Session session;
  ASSERT_EQ(leader().OpenSession(session, 0), rsm::Taken::kTaken);
  while (session.id() == 0 && leader().leading()) {
    static_cast<void>(leader().Poll());
  }
  CompletionCount completions;
  std::uint64_t sequence = 0;
  ExpectNoneOnceWarm([&](std::size_t commands) {
    std::size_t proposed = 0;
    for (std::size_t committed = 0; committed < commands && completions.clean();) {
      while (proposed < commands && proposed < committed + kUnderWay &&
             leader().ProposeIn({session.id(), sequence + 1}, Next(), completions, 0) == rsm::Taken::kTaken) {
        ++proposed;
        ++sequence;
        Used();
      }
      static_cast<void>(leader().Poll());
      committed += completions.Take();
    }
    return completions.clean();
  });
}

// Counts what a client is told.
class Told final : public rsm::ClientListener {
 public:
  void OnCommitted(std::uint64_t /*tag*/, std::uint64_t /*slot*/, rsm::Applied how,
                   std::span<const std::byte> /*reply*/) override {
    ++committed_;
    clean_ = clean_ && how == rsm::Applied::kApplied;
  }
  void OnUnknown(std::uint64_t /*tag*/) override { clean_ = false; }
  [[nodiscard]] std::size_t committed() const { return committed_; }
  [[nodiscard]] bool clean() const { return clean_; }

 private:
  std::size_t committed_ = 0;
  bool clean_ = true;
};

TEST_F(Allocations, NoneByThePortAndItsClient) {
  const auto directory = ScratchDirectory::Create();
  ASSERT_TRUE(directory.ok()) << directory.status();
  const auto port =
      rsm::ClientPort::Open(directory->path(), paxos::ReplicaId(0), paxos::GroupId(1), {}, clock());
  ASSERT_TRUE(port.ok()) << port.status();
  rsm::ClientOptions options;
  options.directory = directory->path();
  options.replicas = 1;
  options.group = paxos::GroupId(1);
  options.window = kUnderWay;
  const auto client = rsm::Client::Open(options, clock());
  ASSERT_TRUE(client.ok()) << client.status();
  Told told;
  ExpectNoneOnceWarm([&](std::size_t commands) {
    const std::size_t until = told.committed() + commands;
    for (std::size_t submitted = 0; told.committed() < until && told.clean();) {
      while (submitted < commands && (*client)->Submit(Next(), submitted) == rsm::Submitted::kSubmitted) {
        ++submitted;
        Used();
      }
      static_cast<void>((*client)->Poll(told));
      static_cast<void>((*port)->Poll(leader()));
      static_cast<void>(leader().Poll());
    }
    return told.clean();
  });
}

}  // namespace
}  // namespace gaios::bench
