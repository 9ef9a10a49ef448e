#include <poll.h>

#include <atomic>
#include <iostream>
#include <memory>
#include <optional>
#include <span>
#include <string>
#include <utility>
#include <vector>

#include <absl/strings/str_cat.h>

#include "gaios/base/idle.h"
#include "gaios/paxos/entry.h"
#include "gaios/paxos/message.h"
#include "gaios/rsm/config.h"
#include "gaios/transport/verbs/libverbs_device.h"

#include "bench/child_process.h"
#include "bench/empty_machine.h"
#include "bench/environment.h"
#include "bench/group.h"
#include "bench/placement.h"
#include "bench/posted_round_trip.h"
#include "bench/posted_run.h"
#include "bench/scratch_directory.h"
#include "bench/shared_page.h"
#include "bench/verbs.h"
#include "bench/verbs_floor.h"
#include "bench/verbs_meeting.h"

namespace gaios::bench {
namespace {

using Sides = PostedSides<VerbsFloor>;

// The config of a group whose replicas are on several hosts, as far as the options name one.
absl::StatusOr<rsm::Config> HostsOf(const Options& options) {
  absl::StatusOr<rsm::Config> config = rsm::LoadConfig(options.config_path);
  if (!config.ok()) {
    return config.status();
  }
  if (config->transport != rsm::TransportKind::kVerbs || config->paths.size() > 1) {
    return absl::InvalidArgumentError(
        absl::StrCat(options.config_path,
                     ": only groups over RDMA alone are measured on several hosts; write transport = "
                     "\"verbs\" and no `paths`"));
  }
  if (config->replicas.size() < 3 || options.id >= config->replicas.size()) {
    return absl::InvalidArgumentError(
        absl::StrCat("--id ", options.id, ": ", options.config_path, " has ", config->replicas.size(),
                     " replicas; at least three are measured, from 0 on, and 0 measures"));
  }
  for (const rsm::ReplicaConfig& replica : config->replicas) {
    if (replica.port == 65'535) {
      return absl::InvalidArgumentError(
          absl::StrCat(options.config_path, ": replica ", replica.id.value(),
                       " has port 65535; the benchmark meets at the port above: write a lower one"));
    }
    for (const rsm::ReplicaConfig& other : config->replicas) {
      if (other.address == replica.address && other.port == replica.port + 1) {
        return absl::InvalidArgumentError(absl::StrCat(
            options.config_path, ": the port above that of replica ", replica.id.value(), " is replica ",
            other.id.value(), "'s, and the benchmark meets there: leave one free between them"));
      }
    }
  }
  return config;
}

VerbsFloorOptions FloorOptions(const Options& options, const rsm::Config* hosts) {
  VerbsFloorOptions floor{.device = options.device,
                          .peers = options.replicas - 1,
                          .capacity_bytes = options.capacity_bytes,
                          .depth = paxos::Options().pipeline_depth,
                          .idle = options.idle};
  if (hosts != nullptr) {
    floor.device = hosts->verbs.device;
    floor.port = hosts->verbs.port;
    floor.address = hosts->replicas[options.id].rdma_address;
    floor.peers = hosts->replicas.size() - 1;
    floor.capacity_bytes = hosts->capacity_bytes;
  }
  return floor;
}

GroupOptions GroupOf(const Options& options, const rsm::Config* hosts) {
  return {.replicas = hosts == nullptr ? options.replicas : hosts->replicas.size(),
          .capacity_bytes = hosts == nullptr ? options.capacity_bytes : hosts->capacity_bytes,
          .idle = options.idle,
          .transport = options.transport,
          .device = options.device,
          .hosts = hosts,
          .make_machine = [] { return std::make_unique<EmptyMachine>(); }};
}

void Tell(const std::string& what) {
  std::cerr << "gaios-bench: " << what << '\n';
}

absl::StatusOr<Sides> Start(const Options& options, const rsm::Config* hosts, const Placement& placement,
                            const base::TscClock& clock) {
  const VerbsFloorOptions floor = FloorOptions(options, hosts);
  if (hosts == nullptr) {
    return StartPosted(VerbsFloor::Fork(floor, placement), GroupOf(options, nullptr), placement, clock);
  }
  absl::StatusOr<std::unique_ptr<VerbsFloor>> peers = VerbsFloor::OnHosts(floor, *hosts, clock);
  if (!peers.ok()) {
    return peers.status();
  }
  Tell("waiting for the other hosts: on each run the same with --id of its replica");
  if (absl::Status status = (*peers)->AwaitHosts(Tell); !status.ok()) {
    return status;
  }
  absl::StatusOr<Sides> sides = StartPosted(std::move(peers), GroupOf(options, hosts), placement, clock);
  if (sides.ok()) {
    sides->group->SetApplied(
        [floor = sides->floor.get()](std::size_t follower) { return floor->AppliedBy(follower - 1); });
  }
  return sides;
}

// What a host other than the first does: its replica and the floor's peer run until the first has ended.
absl::Status Serve(const Options& options, const rsm::Config& hosts, const Placement& placement,
                   const base::TscClock& clock) {
  struct Page {
    std::atomic<bool> stop{false};
    std::atomic<bool> begin{false};  // the first is there: until it is, there is nobody to follow
    Meeting meeting;
  };
  auto page = SharedPage<Page>::Create();
  if (!page.ok()) {
    return page.status();
  }
  auto directory = ScratchDirectory::Create();
  if (!directory.ok()) {
    return directory.status();
  }
  std::vector<ChildProcess> children;
  for (const bool floor : {true, false}) {
    auto child = ChildProcess::Fork(placement.follower_cpu, [&]() -> absl::Status {
      if (floor) {
        return VerbsFloor::RunPeer(FloorOptions(options, &hosts), (*page)->meeting, (*page)->stop);
      }
      base::Idle idle(base::IdleStrategy::kBackOff);
      while (!(*page)->begin.load(std::memory_order_acquire)) {
        if ((*page)->stop.load(std::memory_order_relaxed)) {
          return absl::OkStatus();
        }
        idle.OnIdle();
      }
      return Group::RunOnHost(GroupOf(options, &hosts), directory->path(), clock, options.id,
                              (*page)->meeting.words.value.applied, (*page)->stop);
    });
    if (!child.ok()) {
      return child.status();
    }
    children.push_back(*std::move(child));
  }
  auto channel = MeetingChannel::Open(hosts, paxos::ReplicaId(options.id), clock,
                                      std::span<Meeting>(&(*page)->meeting, 1));
  if (!channel.ok()) {
    return channel.status();
  }
  absl::Status status;
  const auto step = [&page] { return (*page)->meeting.step.load(std::memory_order_acquire); };
  while (step() != MeetingStep::kDone && status.ok()) {
    (*channel)->Poll();
    for (const std::string& notice : (*channel)->TakeNotices()) {
      Tell(notice);
    }
    if ((*channel)->up(paxos::ReplicaId(0))) {
      (*page)->begin.store(true, std::memory_order_release);
    }
    if ((*channel)->gone().has_value() && step() != MeetingStep::kDone) {
      status = absl::AbortedError("the host that measures ended before it was done; it says why");
    }
    for (ChildProcess& child : children) {
      if (child.Ended()) {
        status = absl::AbortedError("a process of this host ended before the run did");
      }
    }
    // What the floor's peer tells comes through memory, and wakes nobody.
    constexpr int kLookMs = 10;
    pollfd readable = {.fd = (*channel)->poll_fd(), .events = POLLIN, .revents = 0};
    static_cast<void>(::poll(&readable, 1, kLookMs));
  }
  (*page)->stop.store(true, std::memory_order_relaxed);
  for (ChildProcess& child : children) {
    child.Join();
  }
  return status;
}

absl::Status EmitReport(const Options& options, const Placement& placement, const VerbsFloor& floor,
                        absl::StatusOr<Json> report) {
  if (!report.ok()) {
    return report.status();
  }
  Json device;
  device["name"] = floor.facts().name;
  device["driver"] = floor.facts().driver;
  device["inline_bytes"] = floor.inline_bytes();
  (*report)["device"] = std::move(device);
  const bool one_host = options.config_path.empty();
  (*report)["hosts"] = one_host ? 1 : options.replicas;
  (*report)["one_core"] = one_host && placement.crowded();
  return Emit(options, *report);
}

// Measures with both sides at hand, on this host or on those of a config; or serves the host that does.
template <typename Measure>
absl::Status Run(const Options& asked, const Measure& measure) {
  const Json environment = DescribeEnvironment();
  const Placement placement = ChoosePlacement();
  const base::TscClock clock;
  Options options = asked;
  std::optional<rsm::Config> hosts;
  if (!options.config_path.empty()) {
    absl::StatusOr<rsm::Config> config = HostsOf(options);
    if (!config.ok()) {
      return config.status();
    }
    hosts = *std::move(config);
    options.replicas = hosts->replicas.size();
    options.capacity_bytes = hosts->capacity_bytes;
    if (options.id != 0) {
      return Serve(options, *hosts, placement, clock);
    }
  }
  absl::StatusOr<Sides> sides = Start(options, hosts.has_value() ? &*hosts : nullptr, placement, clock);
  if (!sides.ok()) {
    return sides.status();
  }
  const absl::Status status =
      EmitReport(options, placement, *sides->floor, measure(options, *sides, clock, environment));
  if (hosts.has_value() && status.ok()) {
    sides->floor->Finish();
  }
  return status;
}

}  // namespace

absl::Status CheckVerbsDevice(const std::string& device) {
  return transport::verbs::LibverbsDevice::Open(device, 1).status();
}

absl::StatusOr<RoundTrips> MeasureVerbsRoundTrips(const Options& options, const Placement& placement,
                                                  const base::TscClock& clock) {
  // Entries of the floor are whole cache lines.
  constexpr std::size_t kBytes = (paxos::kEncodedMessageBytes + paxos::kEntryAlignment - 1) /
                                 paxos::kEntryAlignment * paxos::kEntryAlignment;
  auto floor = VerbsFloor::Fork({.device = options.device,
                                 .peers = 1,
                                 .capacity_bytes = options.capacity_bytes,
                                 .idle = AwaitingIdle(options)},
                                placement);
  return floor.ok() ? PostedRoundTrips(**floor, kBytes, options, placement, clock) : floor.status();
}

absl::Status RunVerbsCommit(const Options& options) {
  return Run(options,
             [](const Options& of, Sides& sides, const base::TscClock& clock, const Json& environment) {
               return MeasurePostedCommit(of, sides, clock, environment);
             });
}

absl::Status RunVerbsThroughput(const Options& options) {
  return Run(options, [](const Options& of, Sides& sides, const base::TscClock& clock,
                         const Json& environment) {
    return MeasurePostedThroughput(of, sides, clock, environment, [&] { return sides.floor->ReadByAll(); });
  });
}

}  // namespace gaios::bench
