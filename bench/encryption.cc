#include <algorithm>
#include <array>
#include <vector>

#include "bench/benchmarks.h"
#include "bench/commit_run.h"
#include "bench/environment.h"
#include "bench/placement.h"
#include "bench/posted_run.h"
#include "bench/report.h"
#include "bench/throughput_run.h"
#include "bench/udp.h"

namespace gaios::bench {
namespace {

// A block of latencies is so much shorter than one of throughput.
constexpr std::uint64_t kShorter = 50;

// A round in which the leader is lost, as happens on a busy machine, is made again so often, for each that
// was asked for.
constexpr std::size_t kMostRepeated = 3;

// What one side has in each round.
struct Side {
  std::vector<double> p50_ns;
  std::vector<double> per_second;

  void Append(const Side& other) {
    p50_ns.insert(p50_ns.end(), other.p50_ns.begin(), other.p50_ns.end());
    per_second.insert(per_second.end(), other.per_second.begin(), other.per_second.end());
  }
};

struct Beside {
  Side product;
  Side floor;
};

// Rounds of a group whose datagrams carry a MAC, and of one whose datagrams are encrypted, each beside a
// floor of its own.
class EncryptionRun {
 public:
  EncryptionRun(const Options& options, const Placement& placement, const base::TscClock& clock)
      : options_(options), placement_(placement), clock_(clock) {}

  // One of each; the encrypted first, or last. What fails leaves nothing.
  absl::Status Round(bool encrypted_first) {
    std::array<Beside, 2> found;
    for (const bool encrypt : {encrypted_first, !encrypted_first}) {
      if (absl::Status status = Measure(encrypt, found.at(encrypt ? 1 : 0)); !status.ok()) {
        return status;
      }
    }
    for (std::size_t side = 0; side < found.size(); ++side) {
      product_.at(side).Append(found.at(side).product);
      floor_.at(side).Append(found.at(side).floor);
    }
    return absl::OkStatus();
  }

  [[nodiscard]] Json Report() const {
    Json report;
    report["commit_p50_ns"] = Compare(&Side::p50_ns);
    report["throughput_per_second"] = Compare(&Side::per_second);
    return report;
  }

 private:
  absl::Status Measure(bool encrypt, Beside& found) {
    Options options = options_;
    options.encrypt = encrypt;
    absl::StatusOr<UdpSides> sides = StartUdp(options, placement_, clock_);
    if (!sides.ok()) {
      return sides.status();
    }
    const absl::Status status = Commit(options, *sides, found.product, found.floor);
    return status.ok() ? Throughput(options, *sides, found.product, found.floor) : status;
  }
  absl::Status Commit(Options options, UdpSides& sides, Side& product, Side& floor) {
    options.block_commits = std::max<std::uint64_t>(options.block_commits / kShorter, 1);
    options.blocks = 2;  // so that either comes first once
    PostedFloorTarget floor_target(*sides.floor, options.size_bytes);
    ProductTarget product_target(sides.group->leader(), options.size_bytes);
    Idling<PostedFloorTarget<UdpFloor>> idling_floor(floor_target, options.leader_idle);
    Idling<ProductTarget> idling_product(product_target, options.leader_idle);
    Series floor_series;
    Series product_series;
    absl::Status status = RunBlocks(options, clock_, idling_floor, idling_product, floor_series,
                                    product_series, [&sides] { return sides.Check(); });
    if (!status.ok()) {
      return status;
    }
    if (!product_target.clean()) {
      return absl::AbortedError("a command ended unknown: the leader was lost during the run");
    }
    product.p50_ns.push_back(static_cast<double>(product_series.all.ValueAtPercentile(50)));
    floor.p50_ns.push_back(static_cast<double>(floor_series.all.ValueAtPercentile(50)));
    return absl::OkStatus();
  }

  absl::Status Throughput(const Options& options, UdpSides& sides, Side& product, Side& floor) {
    const Load load = LoadOf(options, options.block_commits);
    auto sessions = SessionPool::Open(sides.group->leader(), options.sessions, clock_);
    if (!sessions.ok()) {
      return sessions.status();
    }
    // The first block of each warms everything up and does not count.
    for (const bool counts : {false, true}) {
      const absl::StatusOr<double> floor_s =
          PostedFloorBlock(*sides.floor, options, load, clock_, [&] { return sides.floor->TakenByAll(); });
      if (!floor_s.ok()) {
        return floor_s.status();
      }
      const absl::StatusOr<double> product_s =
          ProductBlock(*sides.group, *sessions, options, load.commands, clock_);
      if (!product_s.ok()) {
        return product_s.status();
      }
      if (counts) {
        product.per_second.push_back(static_cast<double>(load.commands) / *product_s);
        floor.per_second.push_back(static_cast<double>(load.commands) / *floor_s);
      }
    }
    return sides.Check();
  }

  [[nodiscard]] Json Compare(std::vector<double> Side::* figures) const {
    const std::vector<double>& mac = product_[0].*figures;
    const std::vector<double>& encrypted = product_[1].*figures;
    std::vector<double> floor = floor_[0].*figures;
    floor.insert(floor.end(), (floor_[1].*figures).begin(), (floor_[1].*figures).end());
    std::array<std::vector<double>, 2> of_floor;
    std::vector<double> of_mac;
    for (std::size_t round = 0; round < mac.size(); ++round) {
      of_floor[0].push_back(mac[round] / (floor_[0].*figures)[round]);
      of_floor[1].push_back(encrypted[round] / (floor_[1].*figures)[round]);
      of_mac.push_back(encrypted[round] / mac[round]);
    }
    return {{"floor", Spread(floor)},
            {"mac", Spread(mac)},
            {"encrypted", Spread(encrypted)},
            {"mac_of_floor", Spread(of_floor[0])},
            {"encrypted_of_floor", Spread(of_floor[1])},
            {"encrypted_of_mac", Spread(of_mac)}};
  }

  const Options& options_;
  const Placement& placement_;
  const base::TscClock& clock_;
  std::array<Side, 2> product_;  // with a MAC, encrypted
  std::array<Side, 2> floor_;    // beside each
};

}  // namespace

absl::Status RunEncryption(const Options& options) {
  const Json environment = DescribeEnvironment();
  const Placement placement = ChoosePlacement();
  const base::TscClock clock;
  EncryptionRun run(options, placement, clock);
  std::size_t repeated = 0;
  for (std::size_t round = 0; round < options.blocks;) {
    const absl::Status status = run.Round(round % 2 != 0);  // they take turns in coming first
    if (status.ok()) {
      ++round;
    } else if (!absl::IsAborted(status) || ++repeated > kMostRepeated * options.blocks) {
      return status;
    }
  }
  Json report = run.Report();
  report["benchmark"] = "encryption";
  report["transport"] = TransportName(options);
  report["size_bytes"] = options.size_bytes;
  report["replicas"] = options.replicas;
  report["payload_bytes"] = options.payload_bytes;
  report["commands_a_block"] = options.block_commits;
  report["rounds"] = options.blocks;
  report["rounds_repeated"] = repeated;
  report["env"] = environment;
  report["one_core"] = placement.crowded();
  return Emit(options, report);
}

}  // namespace gaios::bench
