#include "gaios/rsm/node_verbs.h"

#include <algorithm>
#include <iterator>
#include <numeric>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include <absl/strings/str_cat.h>

#include "gaios/rsm/node_bootstrap.h"
#include "gaios/rsm/node_paths.h"
#include "gaios/transport/bootstrap/peer_channel.h"
#include "gaios/transport/verbs/fencing.h"
#include "gaios/transport/verbs/layout.h"
#include "gaios/transport/verbs/libverbs_device.h"
#include "gaios/transport/verbs/probe.h"
#include "gaios/transport/verbs/verbs_transport.h"

namespace gaios::rsm {
namespace {

TransportCounters CountersOf(const transport::bootstrap::ChannelCounters& channel,
                             const transport::verbs::VerbsCounters& verbs) {
  using enum TransportCounter;
  TransportCounters all;
  CountChannel(channel, all);
  all[kHugePageBytes] = verbs.huge_page_bytes;
  all[kMessagesSent] = verbs.messages_sent;
  all[kMessagesDropped] = verbs.messages_dropped;
  all[kMessagesMalformed] = verbs.messages_malformed;
  all[kLinksUp] = verbs.links_up;
  all[kLinksDown] = verbs.links_down;
  all[kGrants] = verbs.grants;
  all[kGrantsWithoutSpare] = verbs.grants_without_spare;
  all[kGrantsNotOpened] = verbs.grants_not_opened;
  all[kFences] = verbs.fences;
  all[kFencesRetried] = verbs.fences_retried;
  all[kFlushesFailed] = verbs.flushes_failed;
  all[kFlushesReplaced] = verbs.flushes_replaced;
  all[kPathsFenced] = verbs.paths_fenced;
  all[kPathsBroken] = verbs.paths_broken;
  all[kPostsFailed] = verbs.posts_failed;
  all[kControlsTorn] = verbs.controls_torn;
  all[kLateCompletions] = verbs.late_completions;
  all[kDevicesLost] = verbs.devices_lost;
  all[kDeviceEvents] = verbs.device_events;
  all[kPortFailures] = verbs.port_failures;
  all[kFailedWork] = std::accumulate(verbs.failed_work.begin(), verbs.failed_work.end(), std::uint64_t{0});
  return all;
}

class VerbsNodeTransport final : public NodeTransport {
 public:
  VerbsNodeTransport(std::unique_ptr<transport::verbs::VerbsTransport> transport,
                     std::optional<transport::shm::IdLock> lock, std::string notice)
      : lock_(std::move(lock)), transport_(std::move(transport)), notices_{std::move(notice)} {}

  transport::Transport& contract() override { return *transport_; }
  absl::Status Begin() override {
    transport_->Begin();
    return absl::OkStatus();
  }
  std::vector<std::string> TakeNotices() override {
    std::vector<std::string> taken = std::exchange(notices_, {});
    std::ranges::move(transport_->TakeNotices(), std::back_inserter(taken));
    return taken;
  }
  [[nodiscard]] std::size_t reserved_bytes() const override { return transport_->reserved_bytes(); }
  [[nodiscard]] std::optional<TransportCounters> counters() const override {
    return CountersOf(transport_->channel_counters(), transport_->counters());
  }
  // What is lost on the way the device sends again, and tells nobody.
  [[nodiscard]] PathFacts path(paxos::ReplicaId peer) const override {
    return {.kind = PathKind::kVerbs, .rtt_ns = transport_->rtt_ns(peer), .counts_loss = false};
  }

 private:
  const std::optional<transport::shm::IdLock> lock_;
  const std::unique_ptr<transport::verbs::VerbsTransport> transport_;
  std::vector<std::string> notices_;  // of the start
};

std::string RdmaAddressOf(const Config& config, paxos::ReplicaId self) {
  for (const ReplicaConfig& replica : config.replicas) {
    if (replica.id == self) {
      return replica.rdma_address;
    }
  }
  return "";
}

// The strategy that the config names, if any.
std::optional<transport::verbs::FenceStrategy> NamedFence(const Config& config) {
  for (const transport::verbs::FenceStrategy strategy :
       {transport::verbs::FenceStrategy::kQueuePair, transport::verbs::FenceStrategy::kDeregistration}) {
    if (config.verbs.fence == transport::verbs::FenceName(strategy)) {
      return strategy;
    }
  }
  return std::nullopt;
}

// No fence is taken on trust: that which will be used has to hold here, with writers in flight. Takes some
// tenths of a second. What was seen, for the log.
absl::StatusOr<std::string> TryFence(const Config& config, transport::verbs::LibverbsDevice& device) {
  const absl::StatusOr<transport::verbs::FenceStrategy> fence =
      transport::verbs::FenceFor(device.facts(), NamedFence(config));
  if (!fence.ok()) {
    return fence.status();
  }
  const absl::StatusOr<transport::verbs::FenceTrial> trial =
      transport::verbs::CheckFence(device, *fence, {.rounds = transport::verbs::kFenceTrialRounds});
  if (!trial.ok()) {
    return absl::IsUnavailable(trial.status()) ? NotThere(trial.status()) : trial.status();
  }
  return absl::StrCat("fence ", std::string(transport::verbs::FenceName(*fence)), " has held on RDMA device ",
                      device.facts().name, " in ", trial->rounds, " trials with a writer in flight");
}

}  // namespace

absl::StatusOr<std::string> DescribeVerbs(const Config& config) {
  const absl::StatusOr<std::unique_ptr<transport::verbs::LibverbsDevice>> device =
      transport::verbs::LibverbsDevice::Open(config.verbs.device, config.verbs.port);
  if (!device.ok()) {
    return absl::IsInvalidArgument(device.status()) ? device.status() : NotThere(device.status());
  }
  const transport::verbs::DeviceFacts& facts = (*device)->facts();
  const absl::StatusOr<transport::verbs::FenceStrategy> fence =
      transport::verbs::FenceFor(facts, NamedFence(config));
  if (!fence.ok()) {
    return fence.status();
  }
  return absl::StrCat("RDMA device ", facts.name, facts.driver.empty() ? "" : " (" + facts.driver + ")",
                      " port ", facts.port, ", fenced by ", std::string(transport::verbs::FenceName(*fence)));
}

std::size_t SharedLogBytes(const Config& config) {
  return transport::verbs::LogRegionBytes(config.capacity_bytes);
}

absl::StatusOr<std::unique_ptr<NodeTransport>> OpenVerbs(const Config& config,
                                                         const NodeTransportOptions& options,
                                                         std::optional<transport::shm::IdLock> lock) {
  absl::StatusOr<std::unique_ptr<transport::verbs::LibverbsDevice>> device =
      transport::verbs::LibverbsDevice::Open(config.verbs.device, config.verbs.port,
                                             RdmaAddressOf(config, options.self));
  if (!device.ok()) {
    return absl::IsInvalidArgument(device.status()) ? device.status() : NotThere(device.status());
  }
  absl::StatusOr<std::string> tried = TryFence(config, **device);
  if (!tried.ok()) {
    return tried.status();
  }
  absl::StatusOr<std::unique_ptr<transport::bootstrap::PeerChannel>> channel =
      OpenPeerChannel(config, LinkPath::kVerbs, options);
  if (!channel.ok()) {
    return channel.status();
  }

  transport::verbs::VerbsOptions verbs;
  verbs.self = options.self;
  verbs.incarnation = options.incarnation;
  verbs.capacity = config.capacity_bytes;
  verbs.ring = options.ring;
  verbs.replicas = options.fixed_members ? config.replicas.size() : paxos::kMaxReplicas;
  verbs.clock = options.clock;
  verbs.ack_timeout = config.verbs.ack_timeout;
  verbs.retries = config.verbs.retries;
  verbs.traffic_class = config.verbs.traffic_class;
  verbs.service_level = config.verbs.service_level;
  verbs.fence = NamedFence(config);
  absl::StatusOr<std::unique_ptr<transport::verbs::VerbsTransport>> transport =
      transport::verbs::VerbsTransport::Reserve(verbs, *std::move(device), *std::move(channel));
  if (!transport.ok()) {
    return transport.status();
  }
  return std::make_unique<VerbsNodeTransport>(*std::move(transport), std::move(lock), *std::move(tried));
}

std::vector<DeviceDescription> DescribeRdmaDevices() {
  std::vector<DeviceDescription> all;
  for (const transport::verbs::DeviceFacts& facts : transport::verbs::RdmaDevices()) {
    DeviceDescription& one = all.emplace_back();
    const absl::StatusOr<transport::verbs::FenceStrategy> fence = transport::verbs::ChooseFence(facts);
    if (fence.ok()) {
      one.text =
          absl::StrCat("RDMA device ", facts.name, facts.driver.empty() ? "" : " (" + facts.driver + ")",
                       " is fenced by ", std::string(transport::verbs::FenceName(*fence)),
                       ", unless a config asks for another; a replica tries its fence when it starts, `gaios "
                       "rdma-probe` each at any time");
    } else {
      one.warnings.emplace_back(fence.status().message());
    }
  }
  return all;
}

bool BuiltWith(TransportKind /*kind*/) {
  return true;
}

}  // namespace gaios::rsm
