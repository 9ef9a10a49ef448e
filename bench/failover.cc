#include <array>
#include <atomic>
#include <memory>
#include <vector>

#include "bench/benchmarks.h"
#include "bench/dpdk_network.h"
#include "bench/empty_machine.h"
#include "bench/environment.h"
#include "bench/group.h"
#include "bench/placement.h"
#include "bench/report.h"
#include "bench/signals.h"
#include "bench/targets.h"
#include "bench/transports.h"

namespace gaios::bench {
namespace {

// Where each waits for a datagram and for processes that may sleep, fewer are as good.
constexpr std::uint64_t kCommandsBeforeKill = 20'000;
constexpr std::uint64_t kDatagramCommandsBeforeKill = 2'000;

// What a replica tells the process that does the killing.
struct alignas(base::kCacheLineBytes) ReplicaWord {
  std::atomic<std::uint64_t> first_commit_ns{0};  // of a user's command, as the second
  paxos::FailoverTimes times;                     // complete once first_commit_ns is set
  std::atomic<std::uint64_t> asked{0};            // of its elections, as of its last turn
  std::atomic<std::uint64_t> begun{0};
};

struct Page {
  std::array<ReplicaWord, paxos::kMaxReplicas> replicas;
  // Which one has committed its commands as the first leader, and which one has died; until then none.
  std::atomic<std::size_t> warm = paxos::kMaxReplicas;
  std::atomic<std::size_t> dead = paxos::kMaxReplicas;
};

constexpr char kWarm = 'w';       // has committed its commands as the first leader
constexpr char kTakenOver = 't';  // has committed a first command as the second

bool AllInSync(const rsm::Replica& leader, std::size_t replicas) {
  for (std::size_t id = 0; id < replicas; ++id) {
    const paxos::FollowerLink* const follower =
        leader.core().follower(paxos::ReplicaId(static_cast<std::uint8_t>(id)));
    if (follower != nullptr && !follower->in_sync) {
      return false;
    }
  }
  return true;
}

// A replica that proposes one command after another whenever it leads.
absl::Status RunReplica(const Options& options, const rsm::Config& config, const base::TscClock& clock,
                        std::uint8_t id, Page& page, const Signals& signals) {
  ReplicaWord& word = page.replicas[id];
  auto transport = OpenTransport(config, id, clock);
  if (!transport.ok()) {
    return transport.status();
  }
  EmptyMachine machine;
  rsm::ReplicaOptions replica_options;
  replica_options.protocol.self = paxos::ReplicaId(id);
  replica_options.protocol.group = paxos::GroupId(1);
  replica_options.protocol.configuration = paxos::Configuration::Bootstrap(options.replicas);
  replica_options.protocol.capacity_bytes = options.capacity_bytes;
  replica_options.protocol.seed = clock.NowNs();
  rsm::Replica replica(replica_options, (*transport)->contract(), clock, machine);
  base::Idle idle(options.idle);
  CompletionCount completions;
  const std::vector<std::byte> command(options.size_bytes);
  const std::uint64_t warm =
      options.transport == rsm::TransportKind::kShm ? kCommandsBeforeKill : kDatagramCommandsBeforeKill;
  std::uint64_t committed = 0;
  // The first replica is to be the one that dies, alone on its core: the others stand aside until it leads.
  // The core of one that dies is busy taking it apart, and a survivor that shares it cannot answer.
  static_cast<void>(replica.Drain(id != 0));
  for (;;) {
    bool active = false;
    if (replica.core().drained() && replica.core().leader().has_value()) {
      static_cast<void>(replica.Drain(false));
    }
    // The first leader waits for everybody: a replica that the ring has passed by before it came up would
    // leave the successor without a majority.
    const std::size_t dead = page.dead.load(std::memory_order_acquire);
    const bool first = dead == paxos::kMaxReplicas;
    if (replica.leading() && replica.proposals_under_way() == 0 &&
        (!first || AllInSync(replica, options.replicas))) {
      active = replica.Propose(command, completions, 0) == rsm::Taken::kTaken;
    }
    active = replica.Poll() || active;
    word.asked.store(replica.core().elections().asked, std::memory_order_relaxed);
    word.begun.store(replica.core().elections().begun, std::memory_order_relaxed);
    if (const std::size_t done = completions.Take(); done > 0 && completions.clean()) {
      committed += done;
      std::size_t none = paxos::kMaxReplicas;
      if (first && committed >= warm && page.warm.compare_exchange_strong(none, id) && !signals.Send(kWarm)) {
        return absl::InternalError("the pipe to the parent is gone");
      }
      if (!first && dead != id && word.first_commit_ns.load(std::memory_order_relaxed) == 0) {
        word.times = replica.core().failover();
        word.first_commit_ns.store(clock.NowNs(), std::memory_order_release);
        if (!signals.Send(kTakenOver)) {
          return absl::InternalError("the pipe to the parent is gone");
        }
      }
    }
    if (active) {
      idle.OnWork();
    } else if (replica.awaiting()) {
      idle.OnAwaiting();
    } else {
      idle.OnIdle();
    }
  }
}

struct Trial {
  double detect_us = 0;
  double agree_us = 0;  // from its suspicion until a majority suspects too; within fence
  double fence_us = 0;
  double recover_us = 0;
  double first_commit_us = 0;
  double total_us = 0;
  double gone_us = 0;  // from the kill until the system has taken the process apart
  bool alone = false;  // a survivor had the dead one's core before anybody suspected
  // Elections since the kill: how often somebody asked, and began.
  std::uint64_t asked = 0;
  std::uint64_t begun = 0;
};

struct Elections {
  std::uint64_t asked = 0;
  std::uint64_t begun = 0;
};

Elections ElectionsOf(const Page& page, std::size_t but) {
  Elections all;
  for (std::size_t i = 0; i < page.replicas.size(); ++i) {
    if (i != but) {
      all.asked += page.replicas[i].asked.load(std::memory_order_relaxed);
      all.begun += page.replicas[i].begun.load(std::memory_order_relaxed);
    }
  }
  return all;
}

double Microseconds(std::uint64_t from_ns, std::uint64_t to_ns) {
  return (static_cast<double>(to_ns) - static_cast<double>(from_ns)) / 1000;
}

absl::StatusOr<Trial> RunTrial(const Options& options, const Placement& placement,
                               const base::TscClock& clock) {
  auto page = SharedPage<Page>::Create();
  auto directory = ScratchDirectory::Create();
  if (!page.ok() || !directory.ok()) {
    return page.ok() ? directory.status() : page.status();
  }
  const auto config = MakeConfig(options, directory->path());
  if (!config.ok()) {
    return config.status();
  }
  const Signals signals;
  std::vector<ChildProcess> replicas;
  for (std::size_t i = 0; i < options.replicas; ++i) {
    auto child = ChildProcess::Fork(
        placement.CpuOf(i, options.replicas), [&options, &config, &clock, i, &page, &signals] {
          return RunReplica(options, *config, clock, static_cast<std::uint8_t>(i), **page, signals);
        });
    if (!child.ok()) {
      return child.status();
    }
    replicas.push_back(*std::move(child));
  }
  if (!signals.Await(kWarm)) {
    return absl::DeadlineExceededError("no leader has committed its commands within 20 s");
  }
  const std::size_t first = (*page)->warm.load(std::memory_order_acquire);
  const Elections before = ElectionsOf(**page, first);
  (*page)->dead.store(first, std::memory_order_release);
  const std::uint64_t killed_ns = clock.NowNs();
  if (!options.silent) {
    replicas[first].Kill();
  } else if (absl::Status status = replicas[first].Stop(); !status.ok()) {
    return status;
  }
  const std::uint64_t gone_ns = clock.NowNs();
  // Its core is free now, as that of a host that died is nobody's: one that shares a core gets it.
  const int freed = placement.CpuOf(first, options.replicas);
  const std::size_t last = first + 1 < replicas.size() ? replicas.size() - 1 : first - 1;
  const bool moves =
      placement.frees_one(options.replicas) && placement.CpuOf(last, options.replicas) != freed;
  if (moves) {
    if (absl::Status status = replicas[last].MoveTo(freed); !status.ok()) {
      return status;
    }
  }
  const std::uint64_t moved_ns = clock.NowNs();
  if (!signals.Await(kTakenOver)) {
    return absl::DeadlineExceededError("no successor has committed within 20 s");
  }
  const ReplicaWord* successor = nullptr;
  for (std::size_t i = 0; i < replicas.size(); ++i) {
    const ReplicaWord& word = (*page)->replicas[i];
    const std::uint64_t at_ns = word.first_commit_ns.load(std::memory_order_acquire);
    if (i != first && at_ns != 0 &&
        (successor == nullptr || at_ns < successor->first_commit_ns.load(std::memory_order_relaxed))) {
      successor = &word;
    }
  }
  if (successor == nullptr) {
    return absl::InternalError("a successor signalled and has committed nothing");
  }
  const paxos::FailoverTimes& times = successor->times;
  if (times.suspected_ns < killed_ns) {
    return absl::InternalError("the leadership had changed before the leader was killed: run it again");
  }
  const std::uint64_t first_commit_ns = successor->first_commit_ns.load(std::memory_order_relaxed);
  const Elections after = ElectionsOf(**page, first);
  return Trial{.detect_us = Microseconds(killed_ns, times.suspected_ns),
               .agree_us = Microseconds(times.suspected_ns, times.agreed_ns),
               .fence_us = Microseconds(times.suspected_ns, times.promised_ns),
               .recover_us = Microseconds(times.promised_ns, times.leading_ns),
               .first_commit_us = Microseconds(times.leading_ns, first_commit_ns),
               .total_us = Microseconds(killed_ns, first_commit_ns),
               .gone_us = Microseconds(killed_ns, gone_ns),
               .alone = moves && moved_ns < times.suspected_ns,
               .asked = after.asked - before.asked,
               .begun = after.begun - before.begun};
}

}  // namespace

absl::Status RunFailover(const Options& options) {
  if (options.replicas < 3) {
    return absl::InvalidArgumentError(
        "--replicas must be at least 3: fewer cannot lose their leader and go on");
  }
  const Json environment = DescribeEnvironment();
  const Placement placement = ChoosePlacement();
  const base::TscClock clock;
  if (options.port == rsm::PortKind::kDpdk) {
    if (absl::Status status = EnterDpdkNetwork(options.replicas, options.payload_bytes); !status.ok()) {
      return status;
    }
  }
  std::array<std::vector<double>, 9> parts;
  std::uint64_t asked = 0;
  std::uint64_t begun = 0;
  std::uint64_t alone = 0;
  for (std::size_t trial = 0; trial < options.trials; ++trial) {
    const absl::StatusOr<Trial> times = RunTrial(options, placement, clock);
    if (!times.ok()) {
      return times.status();
    }
    parts[0].push_back(times->detect_us);
    parts[1].push_back(times->fence_us);
    parts[2].push_back(times->recover_us);
    parts[3].push_back(times->first_commit_us);
    parts[4].push_back(times->total_us);
    parts[5].push_back(times->gone_us);
    parts[6].push_back(times->total_us - times->detect_us);
    parts[7].push_back(times->agree_us);
    parts[8].push_back(times->total_us - times->detect_us - times->agree_us);
    asked += times->asked;
    begun += times->begun;
    alone += times->alone ? 1U : 0U;
  }
  Json report;
  report["benchmark"] = "failover";
  report["transport"] = TransportName(options);
  if (options.port == rsm::PortKind::kDpdk) {
    report["driver"] = options.device;
  }
  report["replicas"] = options.replicas;
  report["trials"] = options.trials;
  const std::array<const char*, 5> names = {"detect", "fence", "recover", "first_commit", "total"};
  report["death"] = options.silent ? "silent" : "killed";
  if (!options.silent) {
    report["process_gone_us"] = Spread(parts[5]);
  }
  report["after_detection_us"] = Spread(parts[6]);
  report["agree_us"] = Spread(parts[7]);
  report["after_agreement_us"] = Spread(parts[8]);
  for (std::size_t i = 0; i < names.size(); ++i) {
    report["failover_us"][names[i]] = Spread(parts[i]);
  }
  // One wins in each trial.
  report["elections"] = {{"asked", asked}, {"begun", begun}, {"failed", begun - options.trials}};
  report["env"] = environment;
  report["one_core"] = placement.crowded();
  report["core_each"] = placement.one_each(options.replicas);
  report["survivor_alone_in_time"] = alone;  // of the trials
  return Emit(options, report);
}

}  // namespace gaios::bench
