#include "gaios/rsm/node_paths.h"

#include <algorithm>
#include <functional>
#include <optional>
#include <utility>

#include <absl/strings/cord.h>
#include <absl/strings/str_cat.h>

#include "gaios/base/memory.h"
#include "gaios/rsm/node_udp.h"
#include "gaios/rsm/node_verbs.h"
#include "gaios/transport/fallback/fallback_transport.h"

namespace gaios::rsm {
namespace {

using transport::fallback::FallbackOptions;
using transport::fallback::FallbackPath;
using transport::fallback::FallbackTransport;
using transport::fallback::PathGauge;
using transport::fallback::PathReading;

std::string NameOf(LinkPath path) {
  return std::string(LinkPathName(path));
}

// One path, and what it knows of itself.
class Way final : public PathGauge {
 public:
  Way(LinkPath path, std::unique_ptr<NodeTransport> transport)
      : path_(path), transport_(std::move(transport)) {}

  [[nodiscard]] std::string name() const { return NameOf(path_); }
  [[nodiscard]] NodeTransport& transport() const { return *transport_; }
  // RDMA sends again by itself, and tells of none of it.
  [[nodiscard]] bool measures() const { return path_ != LinkPath::kVerbs; }
  [[nodiscard]] PathReading Read(paxos::ReplicaId peer) const override {
    const PathFacts facts = transport_->path(peer);
    return {.sent = facts.sent, .lost = facts.loss, .progress = facts.progress};
  }

 private:
  const LinkPath path_;
  const std::unique_ptr<NodeTransport> transport_;
};
using Ways = std::vector<std::unique_ptr<Way>>;

// The paths that can be opened or waited for, the best first, and what is to be told of those that are not
// there. One that is waited for is fenced like any other (P2). Nothing is granted by one that is left out, to
// anybody and at any time, so it has nothing to fence.
struct Opened {
  Ways ways;
  std::vector<std::string> notices;
};

std::vector<FallbackPath> PathsOf(const Ways& ways) {
  std::vector<FallbackPath> paths;
  for (const auto& way : ways) {
    paths.push_back(
        {.transport = &way->transport().contract(), .gauge = way->measures() ? way.get() : nullptr});
  }
  return paths;
}

class PathsNodeTransport final : public NodeTransport {
 public:
  PathsNodeTransport(transport::shm::IdLock lock, base::Memory ring, Opened opened,
                     const FallbackOptions& options)
      : lock_(std::move(lock)),
        ring_(std::move(ring)),
        ways_(std::move(opened.ways)),
        notices_(std::move(opened.notices)),
        transport_(options, PathsOf(ways_)) {
    for (std::size_t way = 0; way < ways_.size(); ++way) {
      ways_[way]->transport().SetOtherPath(
          [this, way](paxos::ReplicaId peer) { return HasAnother(peer, way); });
    }
  }
  PathsNodeTransport(const PathsNodeTransport&) = delete;
  PathsNodeTransport& operator=(const PathsNodeTransport&) = delete;
  ~PathsNodeTransport() override = default;

  transport::Transport& contract() override { return transport_; }
  absl::Status Begin() override {
    for (const auto& way : ways_) {
      if (absl::Status begun = way->transport().Begin(); !begun.ok()) {
        return begun;
      }
    }
    return absl::OkStatus();
  }
  std::vector<std::string> TakeNotices() override {
    std::vector<std::string> taken = std::exchange(notices_, {});
    for (const auto& way : ways_) {
      for (const std::string& notice : way->transport().TakeNotices()) {
        taken.push_back(absl::StrCat("path ", way->name(), ": ", notice));
      }
    }
    for (const transport::fallback::Switch& change : transport_.TakeSwitches()) {
      const bool down = change.reason == transport::fallback::SwitchReason::kLinkDown;
      const std::string here = down ? ways_[change.from]->transport().WhyDown() : "";
      taken.push_back(absl::StrCat("link to replica ", change.peer.value(), ": from ",
                                   ways_[change.from]->name(), " to ", ways_[change.to]->name(), ": ",
                                   std::string(SwitchReasonName(change.reason)), here.empty() ? "" : ": ",
                                   here));
    }
    return taken;
  }
  [[nodiscard]] std::size_t reserved_bytes() const override {
    std::size_t bytes = ring_.size();
    for (const auto& way : ways_) {
      bytes += way->transport().reserved_bytes();
    }
    return bytes;
  }
  // Of all paths together.
  [[nodiscard]] std::optional<TransportCounters> counters() const override {
    TransportCounters all;
    all[TransportCounter::kHugePageBytes] = ring_.huge_page_bytes();
    for (const auto& way : ways_) {
      const TransportCounters one = way->transport().counters().value_or(TransportCounters());
      std::ranges::transform(all.values, one.values, all.values.begin(), std::plus<>());
    }
    return all;
  }
  void AddDescriptors(std::vector<int>& descriptors) const override {
    for (const auto& way : ways_) {
      way->transport().AddDescriptors(descriptors);
    }
  }
  [[nodiscard]] PathFacts path(paxos::ReplicaId peer) const override {
    PathFacts facts;
    std::uint64_t loss = 0;
    bool counts_loss = false;
    std::uint64_t up = 0;
    for (std::size_t i = 0; i < ways_.size(); ++i) {
      const PathFacts one = ways_[i]->transport().path(peer);
      loss += one.loss;
      counts_loss = counts_loss || one.counts_loss;
      up |= transport_.up(peer, i) ? std::uint64_t{1} << static_cast<std::size_t>(one.kind) : 0;
      if (i == transport_.path(peer)) {
        facts = one;
      }
    }
    facts.loss = loss;
    facts.counts_loss = counts_loss;
    facts.switches = transport_.switches(peer);
    facts.paths_up = up;
    if (const auto reason = transport_.last_switch(peer); reason.has_value()) {
      facts.last_switch = static_cast<std::uint64_t>(*reason) + 1;
    }
    return facts;
  }

 private:
  // Two ports that go down together do not both take the other for a path.
  [[nodiscard]] bool HasAnother(paxos::ReplicaId peer, std::size_t way) const {
    for (std::size_t other = 0; other < ways_.size(); ++other) {
      if (other != way && transport_.up(peer, other) && ways_[other]->transport().WhyDown().empty()) {
        return true;
      }
    }
    return false;
  }

  const transport::shm::IdLock lock_;
  const base::Memory ring_;
  const Ways ways_;
  std::vector<std::string> notices_;  // of its opening
  FallbackTransport transport_;
};

absl::StatusOr<std::unique_ptr<NodeTransport>> OpenWay(const Config& config, LinkPath path,
                                                       const NodeTransportOptions& options) {
  return path == LinkPath::kVerbs ? OpenVerbs(config, options, std::nullopt)
                                  : OpenUdp(config, path, options, std::nullopt);
}

absl::StatusOr<DeviceDescription> DescribeWay(const Config& config, LinkPath path, const DpdkSupport* dpdk) {
  if (path != LinkPath::kVerbs) {
    return DescribeUdp(config, path, dpdk);
  }
  absl::StatusOr<std::string> text = DescribeVerbs(config);
  if (!text.ok()) {
    return text.status();
  }
  return DeviceDescription{.text = *std::move(text), .warnings = {}};
}

absl::Status OfPath(LinkPath path, const absl::Status& status) {
  return {status.code(), absl::StrCat("path ", NameOf(path), ": ", std::string(status.message()))};
}

// What two paths lack, in one sentence after the other.
absl::Status Both(const absl::Status& one, const absl::Status& other) {
  return one.ok() ? other
                  : absl::Status(one.code(), absl::StrCat(std::string(one.message()), "; ",
                                                          std::string(other.message())));
}

constexpr const char* kNotThere = "gaios/not-there";

// A path that is not there, for which there is another: over UDP it is waited for, RDMA is left out.
absl::Status WaitFor(const Config& config, LinkPath path, const absl::Status& missing,
                     const NodeTransportOptions& options, Opened& opened) {
  const bool waits = path != LinkPath::kVerbs;
  opened.notices.push_back(absl::StrCat(
      std::string(missing.message()), ". This replica starts without that path, ",
      waits ? "and links use it once it is there" : "and no link of its uses it before it is started again"));
  if (!waits) {
    return absl::OkStatus();
  }
  NodeTransportOptions waiting = options;
  waiting.wait_for_path = true;
  absl::StatusOr<std::unique_ptr<NodeTransport>> transport = OpenWay(config, path, waiting);
  if (!transport.ok()) {
    return OfPath(path, transport.status());
  }
  opened.ways.push_back(std::make_unique<Way>(path, *std::move(transport)));
  return absl::OkStatus();
}

absl::StatusOr<Opened> OpenWays(const Config& config, const NodeTransportOptions& options) {
  // Those that are there first: without any of them there is nothing to wait by.
  std::vector<absl::StatusOr<std::unique_ptr<NodeTransport>>> tried;
  absl::Status missing;
  bool any = false;
  for (const LinkPath path : config.paths) {
    tried.push_back(OpenWay(config, path, options));
    any = any || tried.back().ok();
    if (const absl::Status& status = tried.back().status(); !status.ok()) {
      if (!status.GetPayload(kNotThere).has_value()) {
        return OfPath(path, status);
      }
      missing = Both(missing, OfPath(path, status));
    }
  }
  if (!any) {
    return missing;
  }
  Opened opened;
  for (std::size_t i = 0; i < tried.size(); ++i) {
    const LinkPath path = config.paths[i];
    if (tried[i].ok()) {
      opened.ways.push_back(std::make_unique<Way>(path, *std::move(tried[i])));
    } else if (absl::Status waited = WaitFor(config, path, OfPath(path, tried[i].status()), options, opened);
               !waited.ok()) {
      return waited;
    }
  }
  return opened;
}

}  // namespace

absl::Status NotThere(absl::Status status) {
  status.SetPayload(kNotThere, absl::Cord());
  return status;
}

absl::StatusOr<std::unique_ptr<NodeTransport>> OpenPaths(const Config& config,
                                                         const NodeTransportOptions& options,
                                                         transport::shm::IdLock lock) {
  absl::StatusOr<base::Memory> ring =
      base::Memory::Create(config.Has(LinkPath::kVerbs) ? SharedLogBytes(config) : config.capacity_bytes);
  if (!ring.ok()) {
    return ring.status();
  }
  NodeTransportOptions sharing = options;
  sharing.ring = ring->data();
  absl::StatusOr<Opened> opened = OpenWays(config, sharing);
  if (!opened.ok()) {
    return opened.status();
  }
  return std::make_unique<PathsNodeTransport>(
      std::move(lock), *std::move(ring), *std::move(opened),
      FallbackOptions{.self = options.self,
                      .clock = options.clock,
                      .stall_timeout_ns = config.fallback.stall_timeout_ns,
                      .settle_ns = config.fallback.settle_ns,
                      .loss_percent = config.fallback.loss_percent});
}

absl::StatusOr<DeviceDescription> DescribePaths(const Config& config, const DpdkSupport* dpdk) {
  DeviceDescription all;
  absl::Status missing;
  for (const LinkPath path : config.paths) {
    absl::StatusOr<DeviceDescription> one = DescribeWay(config, path, dpdk);
    if (!one.ok()) {
      absl::Status failed = OfPath(path, one.status());
      if (!one.status().GetPayload(kNotThere).has_value()) {
        return failed;
      }
      missing = Both(missing, failed);
      all.warnings.push_back(
          absl::StrCat(std::string(failed.message()),
                       ". A replica of this host starts without that path: its links have the others alone, "
                       "and nothing to go on by where those fail, until it is there",
                       path == LinkPath::kVerbs ? " and the replica is started again" : ""));
      continue;
    }
    absl::StrAppend(&all.text, all.text.empty() ? "" : "; when that is down, ", one->text);
    for (const std::string& warning : one->warnings) {
      all.warnings.push_back(absl::StrCat("path ", NameOf(path), ": ", warning));
    }
  }
  if (all.text.empty()) {
    return missing;
  }
  return all;
}

}  // namespace gaios::rsm
