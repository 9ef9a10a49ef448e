#include "bench/benchmarks.h"
#include "bench/empty_machine.h"
#include "bench/environment.h"
#include "bench/floor.h"
#include "bench/group.h"
#include "bench/placement.h"
#include "bench/targets.h"
#include "bench/throughput_run.h"
#include "bench/udp.h"
#include "bench/verbs.h"

namespace gaios::bench {
namespace {

constexpr std::uint64_t kWraps = 10;  // of the ring, in each block, unless told otherwise

// The same bytes in entries of the same size, until both peers have read every one of them.
double FloorBlock(Floor& floor, std::size_t entry_bytes, std::uint64_t bytes, const base::TscClock& clock) {
  const std::uint64_t begin_ns = clock.NowNs();
  for (std::uint64_t written = 0; written < bytes;) {
    if (floor.Write(entry_bytes)) {
      floor.Confirm();
      written += entry_bytes;
    }
  }
  while (!floor.ReadByAll()) {
  }
  return static_cast<double>(clock.NowNs() - begin_ns) / 1e9;
}

}  // namespace

absl::Status RunThroughput(const Options& options) {
  if (options.transport == rsm::TransportKind::kVerbs) {
    return RunVerbsThroughput(options);
  }
  if (options.transport == rsm::TransportKind::kUdp) {
    return RunUdpThroughput(options);
  }
  const Json environment = DescribeEnvironment();
  const Placement placement = ChoosePlacement();
  const base::TscClock clock;
  const std::size_t command_bytes = CommandBytes(options.size_bytes, options.sessions > 0);
  const Load load =
      LoadOf(options, options.block_commits != 0 ? options.block_commits
                                                 : kWraps * options.capacity_bytes / command_bytes + 1);

  auto floor = Floor::Start(
      {.peers = options.replicas - 1, .capacity_bytes = options.capacity_bytes, .idle = options.idle},
      placement);
  if (!floor.ok()) {
    return floor.status();
  }
  auto group = Group::Start({.replicas = options.replicas,
                             .capacity_bytes = options.capacity_bytes,
                             .idle = options.idle,
                             .make_machine = [] { return std::make_unique<EmptyMachine>(); }},
                            placement, clock);
  if (!group.ok()) {
    return group.status();
  }
  auto sessions = SessionPool::Open((*group)->leader(), options.sessions, clock);
  if (!sessions.ok()) {
    return sessions.status();
  }
  Blocks blocks;
  // One block of each more than asked for: the first touches every page of the rings and does not count.
  for (std::size_t block = 0; block <= options.blocks; ++block) {
    const double floor_s = FloorBlock(**floor, load.entry_bytes, load.floor_bytes, clock);
    const absl::StatusOr<double> product_s = ProductBlock(**group, *sessions, options, load.commands, clock);
    if (!product_s.ok()) {
      return product_s.status();
    }
    if (block != 0) {
      blocks.product_s.push_back(*product_s);
      blocks.floor_s.push_back(floor_s);
    }
  }
  Json report = ThroughputReport(options, load, blocks, environment);
  report["ring_wraps_a_block"] = load.commands * command_bytes / options.capacity_bytes;
  report["one_core"] = placement.crowded();
  return Emit(options, report);
}

}  // namespace gaios::bench
