#include <algorithm>
#include <memory>
#include <utility>
#include <vector>

#include "bench/benchmarks.h"
#include "bench/commit_floor.h"
#include "bench/commit_run.h"
#include "bench/environment.h"
#include "bench/group.h"
#include "bench/hand_over_report.h"
#include "bench/placement.h"
#include "bench/raw_copy.h"
#include "bench/targets.h"
#include "bench/udp.h"

namespace gaios::bench {
namespace {

constexpr std::uint64_t kPatienceNs = 60'000'000'000;
constexpr std::size_t kMostPassedBy = 10;
constexpr std::size_t kFills = 10;  // without a bound

// A group of which one follower has lost all that it had, with three quarters of a ring in the log: the
// leader still holds everything from the start on, and goes on holding what is lacking while commands are
// committed.
class Refill {
 public:
  static absl::StatusOr<Refill> Start(const Options& options, const Placement& placement,
                                      const base::TscClock& clock, std::uint64_t fill_bytes_per_second) {
    GroupOptions group_options = UdpGroupOptions(options);
    group_options.fill_bytes_per_second = fill_bytes_per_second;
    auto group = Group::Start(group_options, placement, clock);
    if (!group.ok()) {
      return group.status();
    }
    Refill refill(*std::move(group), options, clock);
    if (absl::Status status = refill.FallBehind(options); !status.ok()) {
      return status;
    }
    return refill;
  }

  [[nodiscard]] Group& group() { return *group_; }
  [[nodiscard]] ProductTarget& target() { return *target_; }
  [[nodiscard]] std::uint64_t lacking_bytes() const { return lacking_bytes_; }
  // When the turn began in which the leader was granted the follower's memory.
  [[nodiscard]] std::uint64_t granted_ns() const { return granted_ns_; }
  // The log has gone on for a ring while the follower stood still: now only a snapshot would help.
  [[nodiscard]] bool PassedBy() const { return Link().stage == paxos::FollowerLink::Stage::kBehind; }
  // Whether the leader gives it what it lacks piece by piece.
  [[nodiscard]] bool Filling() const { return Link().filling; }

  // Polls until the leader has written all that was lacking. When, on the clock.
  absl::StatusOr<std::uint64_t> AwaitWritten() {
    return Await([this] { return Link().acked.value() >= lacking_bytes_; });
  }
  // ... and until the follower has applied it.
  absl::StatusOr<std::uint64_t> AwaitApplied() {
    return Await([this] { return group_->applied_by_all() == group_->leader().applied_commands(); });
  }
  // ... and until it counts again.
  absl::Status AwaitReadmitted() {
    const absl::Status status = Await([this] { return Link().counts && Link().in_sync; }).status();
    return status.ok() ? group_->AwaitInSync(clock_, kPatienceNs) : status;
  }

 private:
  Refill(std::unique_ptr<Group> group, const Options& options, const base::TscClock& clock)
      : clock_(clock),
        group_(std::move(group)),
        target_(std::make_unique<ProductTarget>(group_->leader(), options.size_bytes)),
        last_(options.replicas - 1) {}

  [[nodiscard]] const paxos::FollowerLink& Link() const {
    return *group_->leader().core().follower(paxos::ReplicaId(static_cast<std::uint8_t>(last_)));
  }

  template <typename Condition>
  absl::StatusOr<std::uint64_t> Await(Condition condition) {
    const std::uint64_t deadline_ns = clock_.NowNs() + kPatienceNs;
    while (!condition()) {
      static_cast<void>(target_->Poll());
      if (!group_->leader().leading()) {
        return absl::AbortedError("the leader lost its leadership while a replica was filled");
      }
      if (PassedBy()) {
        return absl::UnavailableError("the ring has passed by a replica that was filled");
      }
      if (clock_.NowNs() > deadline_ns) {
        return absl::DeadlineExceededError(
            "a replica that came back was not filled within 60 s; is the machine overloaded?");
      }
    }
    return clock_.NowNs();
  }

  absl::Status FallBehind(const Options& options) {
    const paxos::Replica& core = group_->leader().core();
    while (core.end_cursor().position.value() < options.capacity_bytes / 4 * 3) {
      static_cast<void>(target_->Propose());
      static_cast<void>(target_->Poll());
    }
    if (absl::Status status = AwaitReadmitted(); !status.ok()) {
      return status;
    }
    group_->Restart(last_);
    const paxos::Incarnation former = Link().member.incarnation;
    const absl::StatusOr<std::uint64_t> granted = Await([this, former] {
      const bool active =
          Link().member.incarnation != former && Link().stage == paxos::FollowerLink::Stage::kActive;
      granted_ns_ = active ? granted_ns_ : clock_.NowNs();
      return active;
    });
    lacking_bytes_ = core.end_cursor().position.value();
    return granted.status();
  }

  const base::TscClock& clock_;
  std::unique_ptr<Group> group_;
  std::unique_ptr<ProductTarget> target_;
  std::size_t last_;
  std::uint64_t lacking_bytes_ = 0;
  std::uint64_t granted_ns_ = 0;
};

struct Commits {
  Series floor;
  Series with;     // while a replica was filled
  Series without;  // when it was not
  std::size_t fills = 0;
  std::size_t passed_by = 0;  // fills that did not end, and are not in the figures
};

void Append(Series& to, const Series& block) {
  to.all.Add(block.all);
  to.p50_ns.push_back(block.p50_ns.front());
  to.p99_ns.push_back(block.p99_ns.front());
  to.run_p50_ns.push_back(block.run_p50_ns.front());
  to.commands += block.commands;
  to.elapsed_ns += block.elapsed_ns;
}

// Blocks during one fill, as many as fit, and as many when it is over, with the same group. Unavailable: the
// replica was passed by, and nothing counts.
absl::Status MeasureOneFill(const Options& options, const Placement& placement, const base::TscClock& clock,
                            CommitRun& run, Commits& commits) {
  absl::StatusOr<Refill> refill =
      Refill::Start(options, placement, clock, paxos::Options().fill_bytes_per_second);
  if (!refill.ok()) {
    return refill.status();
  }
  std::vector<Series> with;
  while (commits.with.p50_ns.size() + with.size() < options.blocks) {
    Series block;
    run.Block(refill->target(), block);
    if (!refill->Filling()) {
      break;  // it ended within the block
    }
    with.push_back(std::move(block));
  }
  if (absl::Status status = refill->AwaitReadmitted(); !status.ok()) {
    return status;
  }
  if (with.empty()) {
    return absl::InvalidArgumentError(
        "a replica was filled before a block had ended: raise --capacity, or lower --seconds or raise "
        "--blocks, which share it");
  }
  std::vector<Series> without(with.size());
  for (Series& block : without) {
    run.Block(refill->target(), block);
  }
  if (absl::Status status = refill->group().Check(); !status.ok()) {
    return status;
  }
  if (!refill->target().clean()) {
    return absl::AbortedError("a command ended unknown: the leader was lost during the run");
  }
  for (std::size_t i = 0; i < with.size(); ++i) {
    Append(commits.with, with[i]);
    Append(commits.without, without[i]);
  }
  ++commits.fills;
  return absl::OkStatus();
}

// Fills as often as it takes.
absl::Status MeasureCommits(const Options& options, const Placement& placement, const base::TscClock& clock,
                            Commits& commits) {
  CommitRun run(options, clock);
  while (commits.with.p50_ns.size() < options.blocks) {
    const absl::Status status = MeasureOneFill(options, placement, clock, run, commits);
    if (absl::IsUnavailable(status) && commits.passed_by < kMostPassedBy) {
      ++commits.passed_by;
    } else if (!status.ok()) {
      return status;
    }
  }
  return absl::OkStatus();
}

struct Fills {
  std::uint64_t bytes = 0;
  std::vector<double> written_per_s;  // bytes, until the leader had written all
  std::vector<double> applied_per_s;  // ... until the replica had applied all
  std::vector<double> copied_per_s;   // the floor
};

// The floor of a fill: as many bytes by the same path, with no protocol.
absl::StatusOr<double> RawBytesPerSecond(const Options& options, const Placement& placement,
                                         std::uint64_t bytes, const base::TscClock& clock) {
  return options.transport == rsm::TransportKind::kShm
             ? RawCopyBytesPerSecond(bytes, paxos::kMaxWriteBytes, clock)
             : UdpRawBytesPerSecond(options, placement, bytes, clock);
}

absl::Status MeasureOneUnboundedFill(const Options& options, const Placement& placement,
                                     const base::TscClock& clock, Fills& fills) {
  absl::StatusOr<Refill> refill = Refill::Start(options, placement, clock, 0);
  if (!refill.ok()) {
    return refill.status();
  }
  const absl::StatusOr<std::uint64_t> written_ns = refill->AwaitWritten();
  const absl::StatusOr<std::uint64_t> applied_ns = refill->AwaitApplied();
  if (!written_ns.ok() || !applied_ns.ok()) {
    return written_ns.ok() ? applied_ns.status() : written_ns.status();
  }
  if (absl::Status status = refill->AwaitReadmitted(); !status.ok()) {
    return status;
  }
  const auto per_second = [&refill](std::uint64_t until_ns) {
    return static_cast<double>(refill->lacking_bytes()) * 1e9 /
           static_cast<double>(std::max<std::uint64_t>(until_ns - refill->granted_ns(), 1));
  };
  fills.bytes = refill->lacking_bytes();
  fills.written_per_s.push_back(per_second(*written_ns));
  fills.applied_per_s.push_back(per_second(*applied_ns));
  return absl::OkStatus();
}

absl::Status MeasureFills(const Options& options, const Placement& placement, const base::TscClock& clock,
                          Fills& fills) {
  const std::size_t rounds = std::min(kFills, options.blocks);
  for (std::size_t round = 0; round < rounds; ++round) {
    if (absl::Status status = MeasureOneUnboundedFill(options, placement, clock, fills); !status.ok()) {
      return status;
    }
    const absl::StatusOr<double> copied = RawBytesPerSecond(options, placement, fills.bytes, clock);
    if (!copied.ok()) {
      return copied.status();
    }
    fills.copied_per_s.push_back(*copied);
  }
  return absl::OkStatus();
}

Json CommitsReport(const Commits& commits) {
  Json json = CompareBlocks(commits.with, commits.without);
  json["fills"] = commits.fills;
  json["passed_by"] = commits.passed_by;
  return json;
}

Json FillsReport(const Options& options, const Fills& fills) {
  Json json;
  json["bytes"] = fills.bytes;
  json["piece_bytes"] =
      options.transport == rsm::TransportKind::kShm ? paxos::kMaxWriteBytes : options.payload_bytes;
  json["floor"]["bytes_per_second"] = Spread(fills.copied_per_s);
  json["product"]["bytes_per_second"] = Spread(fills.written_per_s);
  json["product"]["applied_bytes_per_second"] = Spread(fills.applied_per_s);
  json["ratio"] = Spread(Ratios(fills.written_per_s, fills.copied_per_s));
  json["applied_ratio"] = Spread(Ratios(fills.applied_per_s, fills.copied_per_s));
  return json;
}

}  // namespace

absl::Status RunCatchup(const Options& options) {
  if (options.replicas < 3) {
    return absl::InvalidArgumentError(
        "--replicas must be at least 3: fewer cannot commit while one of them is filled");
  }
  const Json environment = DescribeEnvironment();
  const Placement placement = ChoosePlacement();
  const base::TscClock clock;
  const bool shm = options.transport == rsm::TransportKind::kShm;
  Commits commits;
  Fills fills;
  if (absl::Status status =
          shm ? MeasureCommitFloor(options, placement, clock, commits.floor) : absl::OkStatus();
      !status.ok()) {
    return status;
  }
  if (absl::Status status = MeasureCommits(options, placement, clock, commits); !status.ok()) {
    return status;
  }
  if (absl::Status status = MeasureFills(options, placement, clock, fills); !status.ok()) {
    return status;
  }
  Json report;
  report["benchmark"] = "catchup";
  report["transport"] = TransportName(options);
  report["size_bytes"] = options.size_bytes;
  report["replicas"] = options.replicas;
  report["capacity_bytes"] = options.capacity_bytes;
  report["fill_bytes_per_second"] = paxos::Options().fill_bytes_per_second;
  report["commit"] = CommitsReport(commits);
  report["fill"] = FillsReport(options, fills);
  if (shm) {
    const absl::StatusOr<Json> hand_overs = MeasureHandOversBesideFloor(options, placement, clock);
    if (!hand_overs.ok()) {
      return hand_overs.status();
    }
    report["floor"] = DescribeBlocks(commits.floor);
    report["hand_over"] = *hand_overs;
  }
  report["blocks"] = options.blocks;
  report["env"] = environment;
  report["one_core"] = placement.crowded();
  return Emit(options, report);
}

}  // namespace gaios::bench
