// Clients and replicas as processes of their own, killed by the system: a replica with commands under way,
// and a client with commands under way. Real clock, real memory, real sockets.

#include <sys/prctl.h>
#include <sys/wait.h>
#include <unistd.h>

#include <array>
#include <atomic>
#include <csignal>
#include <cstring>
#include <functional>
#include <memory>
#include <new>
#include <string>

#include <gtest/gtest.h>

#include "gaios/base/clock.h"
#include "gaios/base/idle.h"
#include "gaios/rsm/client/client.h"
#include "gaios/rsm/client/client_port.h"
#include "gaios/transport/shm/region.h"

#include "tests/rsm/client/local_group.h"

namespace gaios::rsm {
namespace {

using test::Answers;
using test::Bytes;
using test::kMs;

// A forked process that runs `main` until it is killed.
class Process {
 public:
  explicit Process(const std::function<void()>& main) : pid_(::fork()) {
    GAIOS_CHECK(pid_ >= 0, "a process can be forked");
    if (pid_ == 0) {
      ::prctl(PR_SET_PDEATHSIG, SIGKILL);
      main();
      ::_exit(0);
    }
  }
  Process(const Process&) = delete;
  Process& operator=(const Process&) = delete;
  ~Process() { Kill(); }
  void Kill() {
    if (pid_ > 0) {
      ::kill(pid_, SIGKILL);
      ::waitpid(pid_, nullptr, 0);
      pid_ = -1;
    }
  }
  void Signal(int signal) const { ::kill(pid_, signal); }

 private:
  pid_t pid_;
};

// A replica that is a group of its own and commits alone.
class Replicated {
 public:
  Replicated(const std::string& directory, const base::Clock& clock) : clock_(clock), world_(WorldOf()) {
    ReplicaOptions options;
    options.protocol.group = test::kGroup;
    options.protocol.configuration = paxos::Configuration::Bootstrap(1);
    options.protocol.capacity_bytes = WorldOf().capacity_bytes;
    options.protocol.suspect_timeout_ns = 20 * kMs;
    options.hash_interval_commands = 0;
    replica_ = std::make_unique<Replica>(options, world_.transport(paxos::ReplicaId(0)), clock_, machine_);
    absl::StatusOr<std::unique_ptr<ClientPort>> port =
        ClientPort::Open(directory, paxos::ReplicaId(0), test::kGroup, {}, clock);
    GAIOS_CHECK(port.ok(), port.status().ToString().c_str());
    port_ = *std::move(port);
  }
  bool Poll() {
    // The simulated world keeps the time of this one.
    world_.AdvanceTo(std::max(world_.now_ns(), clock_.NowNs()));
    const bool active = replica_->Poll();
    return port_->Poll(*replica_) || active;
  }
  [[nodiscard]] const Replica& replica() const { return *replica_; }
  [[nodiscard]] const ClientPort& port() const { return *port_; }
  [[nodiscard]] const test::Journal& machine() const { return machine_; }

 private:
  static transport::sim::WorldOptions WorldOf() {
    transport::sim::WorldOptions options;
    options.replicas = 1;
    options.capacity_bytes = std::size_t{1} << 20;
    return options;
  }

  const base::Clock& clock_;
  test::Journal machine_;
  transport::sim::World world_;
  std::unique_ptr<ClientPort> port_;
  std::unique_ptr<Replica> replica_;
};

std::function<void()> ReplicaMain(const std::string& directory) {
  return [directory] {
    const base::TscClock clock;
    Replicated replica(directory, clock);
    for (base::Idle idle(base::IdleStrategy::kYield);;) {
      if (replica.Poll()) {
        idle.OnWork();
      } else {
        idle.OnIdle();
      }
    }
  };
}

ClientOptions OptionsFor(const std::string& directory) {
  ClientOptions options;
  options.directory = directory;
  options.replicas = 1;
  options.group = test::kGroup;
  return options;
}

std::unique_ptr<Client> Open(const ClientOptions& options, const base::Clock& clock) {
  absl::StatusOr<std::unique_ptr<Client>> client = Client::Open(options, clock);
  GAIOS_CHECK(client.ok(), client.status().ToString().c_str());
  return *std::move(client);
}

template <typename Done>
bool PollUntil(Client& client, Answers& answers, const base::Clock& clock, Done done) {
  base::Idle idle(base::IdleStrategy::kYield);
  for (const std::uint64_t end_ns = clock.NowNs() + 30'000 * kMs; !done();) {
    if (clock.NowNs() >= end_ns) {
      return false;
    }
    if (client.Poll(answers)) {
      idle.OnWork();
    } else {
      idle.OnIdle();
    }
  }
  return true;
}

TEST(ClientProcesses, CallsAReplicaInAnotherProcess) {
  const ScratchDirectory directory;
  Process replica(ReplicaMain(directory.path()));
  const base::TscClock clock;
  const auto client = Open(OptionsFor(directory.path()), clock);
  for (int i = 0; i < 2000; ++i) {
    const std::string command = "call " + std::to_string(i);
    const absl::StatusOr<std::vector<std::byte>> reply = client->Call(Bytes(command));
    ASSERT_TRUE(reply.ok()) << reply.status();
    ASSERT_EQ(test::Text(*reply), "re " + command);
  }
  EXPECT_EQ(client->Call(Bytes(std::string(1 << 20, 'x'))).status().code(),
            absl::StatusCode::kInvalidArgument);
}

TEST(ClientProcesses, CallWithoutAReplicaIsUnavailableAndSaysWhy) {
  const ScratchDirectory directory;
  const base::TscClock clock;
  ClientOptions options = OptionsFor(directory.path());
  options.operation_timeout_ns = 20 * kMs;
  const auto client = Open(options, clock);
  const absl::Status status = client->Call(Bytes("anybody?")).status();
  EXPECT_EQ(status.code(), absl::StatusCode::kUnavailable);
  EXPECT_NE(status.message().find("replica-0.client"), absl::string_view::npos) << status;
}

TEST(ClientProcesses, KilledReplicaLeavesCommandsUnknownAndTheNextOneServes) {
  const ScratchDirectory directory;
  auto replica = std::make_unique<Process>(ReplicaMain(directory.path()));
  const base::TscClock clock;
  ClientOptions options = OptionsFor(directory.path());
  options.operation_timeout_ns = 300 * kMs;
  const auto client = Open(options, clock);
  Answers answers;
  std::uint64_t next = 1;
  ASSERT_TRUE(PollUntil(*client, answers, clock, [&] {
    while (client->Submit(Bytes("command " + std::to_string(next)), next) == Submitted::kSubmitted) {
      ++next;
    }
    return answers.order.size() >= 5000;
  }));
  replica->Kill();
  // It may have answered all that it was sent; this one comes too late for that.
  ASSERT_TRUE(PollUntil(*client, answers, clock,
                        [&] { return client->Submit(Bytes("late"), next) == Submitted::kSubmitted; }));
  ++next;
  ASSERT_TRUE(PollUntil(*client, answers, clock, [&] { return client->outstanding() == 0; }));
  EXPECT_TRUE(answers.EachOnce(1, next - 1));
  EXPECT_TRUE(answers.unknown.contains(next - 1));
  EXPECT_EQ(client->counters().lost_connections, 1U);
  EXPECT_EQ(client->session(), 0U);
  // It left its socket behind, and the next life replaces it.
  replica = std::make_unique<Process>(ReplicaMain(directory.path()));
  const absl::StatusOr<std::vector<std::byte>> reply = [&] {
    // Until that is up a call may still find nobody.
    absl::StatusOr<std::vector<std::byte>> got = client->Call(Bytes("after"));
    for (int i = 0; i < 50 && absl::IsUnavailable(got.status()); ++i) {
      got = client->Call(Bytes("after"));
    }
    return got;
  }();
  ASSERT_TRUE(reply.ok()) << reply.status();
  EXPECT_EQ(test::Text(*reply), "re after");
}

TEST(ClientProcesses, StoppedReplicaAnswersWhenItGoesOn) {
  const ScratchDirectory directory;
  Process replica(ReplicaMain(directory.path()));
  const base::TscClock clock;
  const auto client = Open(OptionsFor(directory.path()), clock);
  Answers answers;
  ASSERT_TRUE(PollUntil(*client, answers, clock, [&] { return client->ready(); }));
  replica.Signal(SIGSTOP);
  for (std::uint64_t tag = 1; tag <= 10; ++tag) {
    ASSERT_EQ(client->Submit(Bytes("command " + std::to_string(tag)), tag), Submitted::kSubmitted);
  }
  const std::uint64_t until_ns = clock.NowNs() + 150 * kMs;
  ASSERT_TRUE(PollUntil(*client, answers, clock, [&] { return clock.NowNs() >= until_ns; }));
  EXPECT_EQ(client->outstanding(), 10U);
  replica.Signal(SIGCONT);
  ASSERT_TRUE(PollUntil(*client, answers, clock, [&] { return client->outstanding() == 0; }));
  EXPECT_TRUE(answers.EachOnce(1, 10));
  EXPECT_TRUE(answers.unknown.empty());
}

TEST(ClientProcesses, KilledClientsCostTheReplicaNothing) {
  const ScratchDirectory directory;
  const base::TscClock clock;
  // Where each client counts what it was told is committed, for when it is gone.
  absl::StatusOr<transport::shm::Region> shared = transport::shm::Region::Create("counts", 4096);
  ASSERT_TRUE(shared.ok());
  auto& acknowledged = *::new (shared->data()) std::array<std::atomic<std::uint64_t>, 3>{};
  std::vector<std::unique_ptr<Process>> clients;
  for (std::size_t i = 0; i < acknowledged.size(); ++i) {
    clients.push_back(std::make_unique<Process>([&directory, &acknowledged, i] {
      const base::TscClock own_clock;
      const auto client = Open(OptionsFor(directory.path()), own_clock);
      Answers answers;
      answers.then = [&](std::uint64_t tag) {
        if (!answers.unknown.contains(tag)) {
          acknowledged.at(i).fetch_add(1, std::memory_order_release);
        }
      };
      for (std::uint64_t tag = 0;;) {
        const std::string command = "client " + std::to_string(i) + " command " + std::to_string(tag);
        if (client->Submit(Bytes(command), tag) == Submitted::kSubmitted) {
          ++tag;
        }
        client->Poll(answers);
      }
    }));
  }
  Replicated replica(directory.path(), clock);
  const auto run_until = [&](const std::function<bool()>& done) {
    base::Idle idle(base::IdleStrategy::kYield);
    for (const std::uint64_t end_ns = clock.NowNs() + 30'000 * kMs; !done();) {
      if (clock.NowNs() >= end_ns) {
        return false;
      }
      if (replica.Poll()) {
        idle.OnWork();
      } else {
        idle.OnIdle();
      }
    }
    return true;
  };
  ASSERT_TRUE(run_until([&] {
    return std::all_of(acknowledged.begin(), acknowledged.end(),
                       [](const auto& count) { return count.load(std::memory_order_acquire) >= 2000; });
  }));
  clients.clear();  // killed, with windows full
  ASSERT_TRUE(run_until([&] { return replica.port().connections() == 0; }));
  EXPECT_EQ(replica.port().counters().left, acknowledged.size());
  EXPECT_EQ(replica.replica().proposals_under_way(), 0U);
  // Each got what it was told, once and in order.
  std::array<std::uint64_t, 3> applied = {};
  for (const std::string& command : replica.machine().commands) {
    const auto i = static_cast<std::size_t>(command.at(7) - '0');
    ASSERT_EQ(command, "client " + std::to_string(i) + " command " + std::to_string(applied.at(i)));
    ++applied.at(i);
  }
  for (std::size_t i = 0; i < applied.size(); ++i) {
    EXPECT_GE(applied.at(i), acknowledged.at(i).load(std::memory_order_acquire));
  }
}

}  // namespace
}  // namespace gaios::rsm
