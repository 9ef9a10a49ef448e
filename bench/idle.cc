#include <algorithm>
#include <vector>

#include "bench/benchmarks.h"
#include "bench/empty_machine.h"
#include "bench/environment.h"
#include "bench/group.h"
#include "bench/placement.h"
#include "bench/report.h"

namespace gaios::bench {

absl::Status RunIdle(const Options& options) {
  const Json environment = DescribeEnvironment();
  const Placement placement = ChoosePlacement();
  const base::TscClock clock;
  auto group = Group::Start({.replicas = options.replicas,
                             .capacity_bytes = options.capacity_bytes,
                             .idle = options.idle,
                             .transport = options.transport,
                             .payload_bytes = options.payload_bytes,
                             .make_machine = [] { return std::make_unique<EmptyMachine>(); }},
                            placement, clock);
  if (!group.ok()) {
    return group.status();
  }
  auto wakeup = base::Wakeup::Create();
  if (!wakeup.ok()) {
    return wakeup.status();
  }
  std::vector<int> descriptors;
  (*group)->leader_transport().AddDescriptors(descriptors);
  (*wakeup)->Watch(descriptors);
  base::Idle idle(options.idle, {}, wakeup->get());
  const auto run_for = [&group, &clock, &idle](double seconds) {
    const std::uint64_t end_ns = clock.NowNs() + static_cast<std::uint64_t>(seconds * 1e9);
    while (clock.NowNs() < end_ns) {
      if ((*group)->leader().Poll()) {
        idle.OnWork();
      } else {
        idle.OnIdle();
      }
    }
  };
  run_for(0.5);  // what is done once, at the start, is done
  std::vector<std::uint64_t> before_ns;
  for (const ChildProcess& follower : (*group)->followers()) {
    before_ns.push_back(follower.ProcessorTimeNs());
  }
  const std::uint64_t begin_ns = clock.NowNs();
  run_for(options.seconds);
  const auto elapsed_ns = static_cast<double>(clock.NowNs() - begin_ns);
  std::vector<double> percents;
  for (std::size_t i = 0; i < before_ns.size(); ++i) {
    const std::uint64_t used_ns = (*group)->followers()[i].ProcessorTimeNs() - before_ns[i];
    percents.push_back(100.0 * static_cast<double>(used_ns) / elapsed_ns);
  }
  if (absl::Status status = (*group)->Check(); !status.ok()) {
    return status;
  }
  Json report;
  report["benchmark"] = "idle";
  report["transport"] = TransportName(options);
  report["idle"] = std::string(base::IdleStrategyName(options.idle));
  report["replicas"] = options.replicas;
  report["follower_core_percent"] = Spread(percents);
  report["seconds"] = options.seconds;
  report["env"] = environment;
  report["one_core"] = placement.crowded();
  return Emit(options, report);
}

}  // namespace gaios::bench
