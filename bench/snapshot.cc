#include <algorithm>
#include <memory>
#include <string>
#include <vector>

#include "bench/benchmarks.h"
#include "bench/commit_floor.h"
#include "bench/commit_run.h"
#include "bench/environment.h"
#include "bench/group.h"
#include "bench/placement.h"
#include "bench/snapshot_stream.h"
#include "bench/snapshot_taking.h"
#include "bench/table_machine.h"
#include "bench/targets.h"

namespace gaios::bench {
namespace {

constexpr std::uint64_t kPatienceNs = 120'000'000'000;

// Who takes snapshots, and how.
struct Way {
  const char* name;
  bool by_leader;
  bool own_way;  // the state machine's; else by fork
};
constexpr Way kWays[] = {{"follower_fork", false, false},
                         {"follower_own", false, true},
                         {"leader_fork", true, false},
                         {"leader_own", true, true}};

// The leader, which takes snapshots of itself between its turns where it is to.
class Target {
 public:
  Target(Group& group, const Way& way, std::size_t size_bytes, const base::TscClock& clock)
      : group_(group),
        way_(way),
        product_(group.leader(), size_bytes),
        leaders_(group.directory() + "/leaders-snapshot", group.leader(), clock) {}

  bool Propose() { return product_.Propose(); }
  std::size_t Poll() {
    if (status_.ok()) {
      status_ = leaders_.Turn(wanted_ && way_.by_leader);
    }
    return product_.Poll();
  }

  void TakeSnapshots(bool wanted) {
    wanted_ = wanted;
    if (!way_.by_leader) {
      group_.TakeSnapshots(1, wanted);
    }
  }
  [[nodiscard]] bool under_way() const {
    return way_.by_leader ? leaders_.under_way() : group_.TakesSnapshot(1);
  }
  [[nodiscard]] std::uint64_t taken() const {
    return way_.by_leader ? leaders_.taken() : group_.snapshots_taken(1);
  }
  [[nodiscard]] std::uint64_t mean_pause_ns() const { return leaders_.mean_pause_ns(); }
  [[nodiscard]] absl::Status status() const {
    return product_.clean()
               ? status_
               : absl::AbortedError("a command ended unknown: the leader was lost during the run");
  }

 private:
  Group& group_;
  const Way& way_;
  ProductTarget product_;
  SnapshotTaking leaders_;
  bool wanted_ = false;
  absl::Status status_;
};

struct Commits {
  Series with;     // while snapshots were taken, one after another
  Series without;  // when none was
  std::uint64_t snapshots = 0;
  std::uint64_t mean_pause_ns = 0;  // of the leader, where it took them
};

// Until a snapshot is under way, or until none is.
absl::Status Await(Target& target, bool under_way, const base::TscClock& clock) {
  const std::uint64_t deadline_ns = clock.NowNs() + kPatienceNs;
  while (target.under_way() != under_way) {
    static_cast<void>(target.Poll());
    if (absl::Status status = target.status(); !status.ok()) {
      return status;
    }
    if (clock.NowNs() > deadline_ns) {
      return absl::DeadlineExceededError(
          "a snapshot did not begin or end within two minutes; is the machine overloaded, or /dev/shm full?");
    }
  }
  return absl::OkStatus();
}

absl::Status MeasureBlock(bool with, Group& group, Target& target, CommitRun& run, Commits& commits,
                          const base::TscClock& clock) {
  target.TakeSnapshots(with);
  if (absl::Status status = Await(target, with, clock); !status.ok()) {
    return status;
  }
  run.Block(target, with ? commits.with : commits.without);
  if (absl::Status status = target.status(); !status.ok()) {
    return status;
  }
  return group.Check();
}

absl::Status MeasureWay(const Way& way, const Options& options, const Placement& placement,
                        const base::TscClock& clock, Commits& commits) {
  auto group = Group::Start({.replicas = options.replicas,
                             .capacity_bytes = options.capacity_bytes,
                             .idle = options.idle,
                             .make_machine = [&]() -> absl::StatusOr<std::unique_ptr<rsm::StateMachine>> {
                               return std::make_unique<TableMachine>(options.state_bytes, way.own_way);
                             }},
                            placement, clock);
  if (!group.ok()) {
    return group.status();
  }
  Target target(**group, way, options.size_bytes, clock);
  CommitRun run(options, clock);
  for (std::size_t block = 0; block < options.blocks; ++block) {
    // Whoever comes second finds another cache: they take turns.
    const bool with_first = block % 2 == 0;
    for (const bool with : {with_first, !with_first}) {
      if (absl::Status status = MeasureBlock(with, **group, target, run, commits, clock); !status.ok()) {
        return status;
      }
    }
  }
  target.TakeSnapshots(false);
  if (absl::Status status = Await(target, false, clock); !status.ok()) {
    return status;
  }
  commits.snapshots = target.taken();
  commits.mean_pause_ns = target.mean_pause_ns();
  return absl::OkStatus();
}

Json CommitsReport(const Commits& commits) {
  Json json = CompareBlocks(commits.with, commits.without);
  json["snapshots"] = commits.snapshots;
  json["leaders_mean_pause_ns"] = commits.mean_pause_ns;
  return json;
}

Json StreamReport(const StreamRates& rates) {
  Json json;
  json["floor"]["bytes_per_second"] = Spread(rates.raw_per_s);
  json["product"]["bytes_per_second"] = Spread(rates.sent_per_s);
  json["ratio"] = Spread(Ratios(rates.sent_per_s, rates.raw_per_s));
  return json;
}

}  // namespace

absl::Status RunSnapshot(const Options& options) {
  if (options.replicas < 2) {
    return absl::InvalidArgumentError("--replicas must be at least 2: a follower is to take snapshots");
  }
  const Json environment = DescribeEnvironment();
  const Placement placement = ChoosePlacement();
  const base::TscClock clock;
  StreamRates rates;  // before anything is pinned
  if (absl::Status status = MeasureStreams(options, clock, rates); !status.ok()) {
    return status;
  }
  Series floor;
  if (absl::Status status = MeasureCommitFloor(options, placement, clock, floor); !status.ok()) {
    return status;
  }
  Json report;
  report["benchmark"] = "snapshot";
  report["transport"] = TransportName(options);
  report["size_bytes"] = options.size_bytes;
  report["replicas"] = options.replicas;
  report["state_bytes"] = options.state_bytes;
  report["floor"] = DescribeBlocks(floor);
  for (const Way& way : kWays) {
    Commits commits;
    if (absl::Status status = MeasureWay(way, options, placement, clock, commits); !status.ok()) {
      return status;
    }
    report["commit"][way.name] = CommitsReport(commits);
  }
  report["stream"] = StreamReport(rates);
  report["blocks"] = options.blocks;
  report["env"] = environment;
  report["one_core"] = placement.crowded();
  return Emit(options, report);
}

}  // namespace gaios::bench
