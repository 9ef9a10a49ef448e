#include <algorithm>
#include <atomic>
#include <cmath>
#include <memory>
#include <utility>

#include "gaios/transport/udp/options.h"

#include "bench/benchmarks.h"
#include "bench/commit_run.h"
#include "bench/dpdk_network.h"
#include "bench/empty_machine.h"
#include "bench/environment.h"
#include "bench/group.h"
#include "bench/lossy_port.h"
#include "bench/placement.h"
#include "bench/posted_targets.h"
#include "bench/report.h"
#include "bench/throughput_run.h"
#include "bench/udp.h"

namespace gaios::bench {
namespace {

// A block of latencies is so much shorter than one of throughput.
constexpr std::uint64_t kShorter = 50;

std::uint32_t PerMillion(const Options& options) {
  return static_cast<std::uint32_t>(std::lround(options.loss_percent * 10'000));
}

// What the leader's transport has counted while datagrams were lost.
struct Counted {
  std::uint64_t sent = 0;
  std::uint64_t lost = 0;
  std::uint64_t timeouts = 0;

  static Counted Of(const rsm::NodeTransport& transport) {
    rsm::TransportCounters all = transport.counters().value_or(rsm::TransportCounters());
    return {.sent = all[rsm::TransportCounter::kPiecesSent],
            .lost = all[rsm::TransportCounter::kPiecesLost],
            .timeouts = all[rsm::TransportCounter::kTimeouts]};
  }
  void AddSince(const Counted& before, const rsm::NodeTransport& transport) {
    const Counted now = Of(transport);
    sent += now.sent - before.sent;
    lost += now.lost - before.lost;
    timeouts += now.timeouts - before.timeouts;
  }
  [[nodiscard]] Json Describe() const {
    return {{"datagrams_sent", sent}, {"known_to_be_lost", lost}, {"timeouts", timeouts}};
  }
};

// One group, whose network loses datagrams in every other block.
class LossRun {
 public:
  LossRun(const Options& options, const base::TscClock& clock, SharedPage<LossRate> rate,
          std::unique_ptr<Group> group)
      : options_(options), clock_(clock), rate_(std::move(rate)), group_(std::move(group)) {}

  absl::StatusOr<Json> Commit() {
    Options options = options_;
    options.block_commits = std::max<std::uint64_t>(options_.block_commits / kShorter, 1);
    ProductTarget product(group_->leader(), options.size_bytes);
    Idling<ProductTarget> target(product, options.leader_idle);
    CommitRun run(options, clock_);
    Series lossless;
    Series lossy;
    Counted counted;
    for (std::size_t block = 0; block < options.blocks; ++block) {
      run.Block(target, lossless);
      const Counted before = Counted::Of(group_->leader_transport());
      *rate_ = PerMillion(options);
      run.Block(target, lossy);
      *rate_ = 0;
      counted.AddSince(before, group_->leader_transport());
      if (absl::Status status = group_->Check(); !status.ok()) {
        return status;
      }
    }
    if (!product.clean()) {
      return absl::AbortedError("a command ended unknown: the leader was lost during the run");
    }
    return Json{{"outstanding", options.outstanding},
                {"lossless", Describe(lossless)},
                {"lossy", Describe(lossy)},
                {"leader_under_loss", counted.Describe()}};
  }

  absl::StatusOr<Json> Throughput() {
    auto sessions = SessionPool::Open(group_->leader(), 0, clock_);
    if (!sessions.ok()) {
      return sessions.status();
    }
    std::vector<double> lossless;
    std::vector<double> lossy;
    std::vector<double> ratios;
    Counted counted;
    const auto measure = [&]() { return Rate(*sessions); };
    // One block more: the first warms everything up and does not count.
    for (std::size_t block = 0; block <= options_.blocks; ++block) {
      const absl::StatusOr<double> without = measure();
      const Counted before = Counted::Of(group_->leader_transport());
      *rate_ = PerMillion(options_);
      const absl::StatusOr<double> with = measure();
      *rate_ = 0;
      if (!without.ok() || !with.ok()) {
        return without.ok() ? with.status() : without.status();
      }
      if (block != 0) {
        counted.AddSince(before, group_->leader_transport());
        lossless.push_back(*without);
        lossy.push_back(*with);
        ratios.push_back(*with / *without);
      }
    }
    return Json{{"lossless", {{"per_second", Median(lossless)}, {"blocks_per_second", Spread(lossless)}}},
                {"lossy", {{"per_second", Median(lossy)}, {"blocks_per_second", Spread(lossy)}}},
                {"ratio", Spread(ratios)},
                {"leader_under_loss", counted.Describe()}};
  }

  [[nodiscard]] std::uint64_t rtt_ns() const {
    return group_->leader_transport().path(paxos::ReplicaId(1)).rtt_ns;
  }

 private:
  static Json Describe(const Series& series) {
    Json json =
        Distribution(series.all, static_cast<double>(series.commands) * 1e9 /
                                     static_cast<double>(std::max<std::uint64_t>(series.elapsed_ns, 1)));
    json["block_p50_ns"] = Spread(series.p50_ns);
    json["block_p99_ns"] = Spread(series.p99_ns);
    json["commands"] = series.commands;
    return json;
  }
  // Commands a second of a block.
  absl::StatusOr<double> Rate(SessionPool& sessions) {
    const absl::StatusOr<double> seconds =
        ProductBlock(*group_, sessions, options_, options_.block_commits, clock_);
    if (!seconds.ok()) {
      return seconds.status();
    }
    return static_cast<double>(options_.block_commits) / *seconds;
  }

  const Options& options_;
  const base::TscClock& clock_;
  SharedPage<LossRate> rate_;
  std::unique_ptr<Group> group_;
};

}  // namespace

absl::Status RunLoss(const Options& options) {
  const Json environment = DescribeEnvironment();
  const Placement placement = ChoosePlacement();
  const base::TscClock clock;
  auto rate = SharedPage<LossRate>::Create();
  if (!rate.ok()) {
    return rate.status();
  }
  if (options.port == rsm::PortKind::kDpdk) {
    if (absl::Status status = EnterDpdkNetwork(options.replicas, options.payload_bytes); !status.ok()) {
      return status;
    }
  }
  GroupOptions group_options = UdpGroupOptions(options);
  group_options.loss = &**rate;
  auto group = Group::Start(group_options, placement, clock);
  if (!group.ok()) {
    return group.status();
  }
  LossRun run(options, clock, *std::move(rate), *std::move(group));
  const absl::StatusOr<Json> commit = run.Commit();
  const absl::StatusOr<Json> throughput = commit.ok() ? run.Throughput() : commit;
  if (!throughput.ok()) {
    return throughput.status();
  }
  Json report;
  report["benchmark"] = "loss";
  report["transport"] = TransportName(options);
  report["loss_percent"] = options.loss_percent;
  report["size_bytes"] = options.size_bytes;
  report["replicas"] = options.replicas;
  report["payload_bytes"] = options.payload_bytes;
  report["authenticate"] = options.authenticate;
  report["commands_a_block"] = options.block_commits;
  report["commit"] = *commit;
  report["throughput"] = *throughput;
  report["rtt_ns"] = run.rtt_ns();
  report["least_timeout_ns"] = transport::udp::UdpOptions().min_timeout_ns;
  report["blocks"] = options.blocks;
  report["env"] = environment;
  report["one_core"] = placement.crowded();
  return Emit(options, report);
}

}  // namespace gaios::bench
