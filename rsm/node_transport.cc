#include "gaios/rsm/node_transport.h"

#include <utility>

#include "gaios/rsm/node_paths.h"
#include "gaios/rsm/node_udp.h"
#include "gaios/rsm/node_verbs.h"
#include "gaios/transport/fallback/fallback_transport.h"
#include "gaios/transport/shm/shm_transport.h"

namespace gaios::rsm {
namespace {

class ShmNodeTransport final : public NodeTransport {
 public:
  explicit ShmNodeTransport(std::unique_ptr<transport::shm::ShmTransport> transport)
      : transport_(std::move(transport)) {}

  transport::Transport& contract() override { return *transport_; }
  absl::Status Begin() override { return transport_->Begin(); }
  std::vector<std::string> TakeNotices() override { return transport_->TakeNotices(); }
  [[nodiscard]] std::size_t reserved_bytes() const override { return transport_->reserved_bytes(); }
  [[nodiscard]] std::optional<TransportCounters> counters() const override { return std::nullopt; }
  [[nodiscard]] PathFacts path(paxos::ReplicaId /*peer*/) const override { return {.kind = PathKind::kShm}; }

 private:
  const std::unique_ptr<transport::shm::ShmTransport> transport_;
};

absl::StatusOr<std::unique_ptr<NodeTransport>> OpenShm(const Config& config,
                                                       const NodeTransportOptions& options,
                                                       transport::shm::IdLock lock) {
  transport::shm::ShmOptions shm;
  shm.directory = config.directory;
  shm.self = options.self;
  shm.incarnation = options.incarnation;
  shm.group_id = options.group;
  shm.group_name = options.group_name;
  shm.capacity = config.capacity_bytes;
  shm.replicas = options.replicas;
  shm.max_replicas = paxos::kMaxReplicas;
  shm.clock = options.clock;
  absl::StatusOr<std::unique_ptr<transport::shm::ShmTransport>> transport =
      transport::shm::ShmTransport::Reserve(shm, std::move(lock));
  if (!transport.ok()) {
    return transport.status();
  }
  return std::make_unique<ShmNodeTransport>(*std::move(transport));
}

}  // namespace

std::string_view PathKindName(PathKind kind) {
  switch (kind) {
    case PathKind::kShm:
      return "shm";
    case PathKind::kVerbs:
      return "verbs";
    case PathKind::kUdpSocket:
      return "udp-socket";
    case PathKind::kUdpDpdk:
      return "udp-dpdk";
    case PathKind::kUdp2Socket:
      return "udp2-socket";
  }
  return "unknown";
}

std::string_view LastSwitchText(std::uint64_t last_switch) {
  return last_switch == 0 ? ""
                          : SwitchReasonName(static_cast<transport::fallback::SwitchReason>(last_switch - 1));
}

absl::StatusOr<std::unique_ptr<NodeTransport>> OpenNodeTransport(const Config& config,
                                                                 const NodeTransportOptions& options,
                                                                 transport::shm::IdLock lock) {
  if (!config.paths.empty()) {
    return OpenPaths(config, options, std::move(lock));
  }
  switch (config.transport) {
    case TransportKind::kShm:
      return OpenShm(config, options, std::move(lock));
    case TransportKind::kVerbs:
      return OpenVerbs(config, options, std::move(lock));
    case TransportKind::kUdp:
      return OpenUdp(config, LinkPath::kUdp, options, std::move(lock));
  }
  return absl::InternalError("a config of no transport");
}

absl::StatusOr<std::optional<DeviceDescription>> DescribeDevice(const Config& config,
                                                                const DpdkSupport* dpdk) {
  if (!config.paths.empty()) {
    return DescribePaths(config, dpdk);
  }
  switch (config.transport) {
    case TransportKind::kShm:
      return std::nullopt;
    case TransportKind::kVerbs: {
      absl::StatusOr<std::string> text = DescribeVerbs(config);
      if (!text.ok()) {
        return text.status();
      }
      return DeviceDescription{.text = *std::move(text), .warnings = {}};
    }
    case TransportKind::kUdp: {
      absl::StatusOr<DeviceDescription> described = DescribeUdp(config, LinkPath::kUdp, dpdk);
      if (!described.ok()) {
        return described.status();
      }
      return *std::move(described);
    }
  }
  return absl::InternalError("a config of no transport");
}

}  // namespace gaios::rsm
