#include "gaios/rsm/node_udp.h"

#include <algorithm>
#include <array>
#include <functional>
#include <optional>
#include <utility>

#include <absl/status/status.h>
#include <absl/strings/str_cat.h>
#include <absl/strings/str_join.h>

#include "gaios/rsm/node_bootstrap.h"
#include "gaios/rsm/node_paths.h"
#include "gaios/rsm/node_port.h"
#include "gaios/transport/udp/socket_port.h"
#include "gaios/transport/udp/udp_transport.h"

namespace gaios::rsm {
namespace {

// By Drop.
constexpr std::array<TransportCounter, transport::udp::kDrops> kDropCounters = {
    TransportCounter::kDroppedTruncated, TransportCounter::kDroppedOversized,
    TransportCounter::kDroppedForeign,   TransportCounter::kDroppedOtherVersion,
    TransportCounter::kDroppedReflected, TransportCounter::kDroppedMisdirected,
    TransportCounter::kDroppedMalformed, TransportCounter::kDroppedStranger,
    TransportCounter::kDroppedStale,     TransportCounter::kDroppedForged,
    TransportCounter::kDroppedReplayed,  TransportCounter::kDroppedOtherSeal};

TransportCounters CountersOf(const transport::udp::UdpTransport& transport) {
  using enum TransportCounter;
  TransportCounters all;
  CountChannel(transport.channel_counters(), all);
  const transport::udp::UdpCounters udp = transport.counters();
  for (std::size_t drop = 0; drop < transport::udp::kDrops; ++drop) {
    all[kDropCounters[drop]] = udp.dropped[drop];
  }
  all[kMessagesSent] = udp.messages_sent;
  all[kMessagesDropped] = udp.messages_dropped;
  all[kLinksUp] = udp.links_up;
  all[kLinksDown] = udp.links_down;
  all[kGrants] = udp.grants;
  all[kPathsFenced] = udp.paths_fenced;
  all[kWritesTaken] = udp.writes_taken;
  all[kWritesAgain] = udp.writes_again;
  all[kWritesFenced] = udp.writes_fenced;
  all[kWritesOutside] = udp.writes_outside;
  all[kWritesUngranted] = udp.writes_ungranted;
  all[kPiecesSent] = udp.pieces_sent;
  all[kPiecesLost] = udp.pieces_lost;
  all[kTimeouts] = udp.timeouts;
  all[kAcksSent] = udp.acks_sent;
  all[kAnswersLate] = udp.answers_late;
  all[kLinksSilent] = udp.links_silent;
  const transport::udp::PortCounters& port = transport.port().counters();
  all[kDatagramsSent] = port.sent;
  all[kDatagramsNotSent] = port.not_sent;
  all[kDatagramsUnreachable] = port.unreachable;
  all[kDatagramsReceived] = port.received;
  all[kDatagramsMissed] = port.missed;
  all[kDatagramsMalformed] = port.malformed;
  all[kDatagramsForeign] = port.foreign;
  all[kChecksumsWrong] = port.wrong_checksums;
  all[kArpAsked] = port.arp_asked;
  all[kArpAnswered] = port.arp_answered;
  all[kArpConflicts] = port.arp_conflicts;
  all[kPortLinksDown] = port.links_down;
  all[kDatagramsLent] = port.lent;
  return all;
}

class UdpNodeTransport final : public NodeTransport {
 public:
  // `facts`: of the port, which the transport has.
  UdpNodeTransport(std::unique_ptr<transport::udp::UdpTransport> transport, PortFacts facts, LinkPath path,
                   std::optional<transport::shm::IdLock> lock, bool authenticate)
      : lock_(std::move(lock)),
        facts_(std::move(facts)),
        transport_(std::move(transport)),
        notices_(std::exchange(facts_.notices, {})) {
    if (!authenticate) {
      notices_.push_back(absl::StrCat("datagrams are not authenticated (authenticate = false in the [",
                                      std::string(LinkPathName(path)),
                                      "] section): whoever can send to the UDP ports of the group can change "
                                      "its log"));
    }
  }

  transport::Transport& contract() override { return *transport_; }
  absl::Status Begin() override {
    transport_->Begin();
    return absl::OkStatus();
  }
  std::vector<std::string> TakeNotices() override {
    std::vector<std::string> taken = std::exchange(notices_, {});
    for (std::string& notice : transport_->TakeNotices()) {
      taken.push_back(std::move(notice));
    }
    return taken;
  }
  [[nodiscard]] std::size_t reserved_bytes() const override {
    return transport_->reserved_bytes() + facts_.reserved_bytes;
  }
  [[nodiscard]] std::optional<TransportCounters> counters() const override { return CountersOf(*transport_); }
  [[nodiscard]] PathFacts path(paxos::ReplicaId peer) const override {
    const transport::udp::UdpLinkState link = transport_->link_state(peer);
    return {.kind = facts_.path,
            .rtt_ns = link.rtt_ns,
            .sent = link.pieces_sent,
            .loss = link.pieces_lost,
            .progress = link.progress};
  }
  void SetOtherPath(const std::function<bool(paxos::ReplicaId)>& other) override {
    transport_->SetOtherPath(other);
  }
  [[nodiscard]] std::string WhyDown() const override { return transport_->port().WhyDown(); }

  void AddDescriptors(std::vector<int>& descriptors) const override {
    if (const int descriptor = transport_->port().poll_fd(); descriptor >= 0) {
      descriptors.push_back(descriptor);
    }
  }

 private:
  const std::optional<transport::shm::IdLock> lock_;
  PortFacts facts_;
  const std::unique_ptr<transport::udp::UdpTransport> transport_;
  std::vector<std::string> notices_;
};

// What a config says of one of its networks of datagrams.
struct Datagrams {
  const UdpConfig& udp;
  LinkPath path;

  Datagrams(const Config& config, LinkPath of)
      : udp(of == LinkPath::kUdp2 ? config.udp2 : config.udp), path(of) {}
  [[nodiscard]] const std::string& AddressOf(const ReplicaConfig& replica) const {
    return path == LinkPath::kUdp2 ? replica.udp2_address : replica.udp_address;
  }
  [[nodiscard]] std::uint16_t PortOf(const ReplicaConfig& replica) const {
    return path == LinkPath::kUdp2 ? replica.udp2_port : replica.udp_port;
  }
  [[nodiscard]] std::string text() const {
    return absl::StrCat("datagrams of up to ", udp.payload_bytes, " bytes, ",
                        !udp.authenticate ? "not authenticated"
                        : udp.encrypt     ? "encrypted"
                                          : "authenticated",
                        busy_polled());
  }
  [[nodiscard]] std::string busy_polled() const {
    return udp.busy_poll_us == 0 ? ""
                                 : absl::StrCat(
                                       ", for which the kernel asks the card once at each look "
                                       "(busy_poll_us = ",
                                       udp.busy_poll_us, ")");
  }
};

absl::StatusOr<std::unique_ptr<transport::udp::SocketPort>> OpenSocket(const Datagrams& datagrams,
                                                                       const ReplicaConfig& replica,
                                                                       std::uint16_t port,
                                                                       bool wait_for_address = false) {
  return transport::udp::SocketPort::Open({.address = datagrams.AddressOf(replica),
                                           .port = port,
                                           .max_payload = datagrams.udp.payload_bytes,
                                           .busy_poll_us = datagrams.udp.busy_poll_us,
                                           .wait_for_address = wait_for_address});
}

}  // namespace

TransportCounter TransportCounterOf(transport::udp::Drop drop) {
  return kDropCounters[static_cast<std::size_t>(drop)];
}

absl::Status WithoutDpdk() {
  return absl::FailedPreconditionError(
      "the config says port = \"dpdk\" in the [udp] section, and this program is without DPDK: install "
      "libdpdk-dev and build again (a program of your own gives rsm::Dpdk() in NodeOptions::dpdk), or use "
      "\"socket\"");
}

namespace {

absl::StatusOr<NodePort> OpenPort(const Config& config, const Datagrams& datagrams, const ReplicaConfig& own,
                                  const NodeTransportOptions& options) {
  if (datagrams.udp.port == PortKind::kDpdk) {
    return options.dpdk == nullptr ? WithoutDpdk() : options.dpdk->open(config, own, options);
  }
  absl::StatusOr<std::unique_ptr<transport::udp::SocketPort>> port =
      OpenSocket(datagrams, own, datagrams.PortOf(own), options.wait_for_path);
  if (!port.ok()) {
    return absl::IsFailedPrecondition(port.status()) ? NotThere(port.status()) : port.status();
  }
  NodePort opened{.port = *std::move(port), .facts = {}};
  if (datagrams.udp.busy_poll_us != 0) {
    opened.facts.notices.push_back(
        absl::StrCat(datagrams.text(), " in the [", std::string(LinkPathName(datagrams.path)), "] section"));
  }
  opened.facts.path = datagrams.path == LinkPath::kUdp2 ? PathKind::kUdp2Socket : PathKind::kUdpSocket;
  return opened;
}

absl::StatusOr<DeviceDescription> DescribeSockets(const Config& config, const Datagrams& datagrams) {
  std::vector<std::string> here;
  for (const ReplicaConfig& replica : config.replicas) {
    // Any port: that of a replica that runs is in use.
    absl::Status opened = OpenSocket(datagrams, replica, 0).status();
    if (opened.ok()) {
      here.push_back(absl::StrCat(datagrams.AddressOf(replica), " port ", datagrams.PortOf(replica)));
    } else if (!absl::IsFailedPrecondition(opened)) {
      return opened;
    }
  }
  if (here.empty()) {
    return NotThere(absl::FailedPreconditionError(absl::StrCat(
        "this host has none of the addresses to which the config sends datagrams; see `ip addr`, and the "
        "replicas' ",
        datagrams.path == LinkPath::kUdp2 ? "udp2_address" : "address or udp_address")));
  }
  return DeviceDescription{
      .text = absl::StrCat("UDP over kernel sockets at ", absl::StrJoin(here, ", "), ", ", datagrams.text()),
      .warnings = {}};
}

}  // namespace

absl::StatusOr<DeviceDescription> DescribeUdp(const Config& config, LinkPath path, const DpdkSupport* dpdk) {
  const Datagrams datagrams(config, path);
  if (datagrams.udp.port == PortKind::kSocket) {
    return DescribeSockets(config, datagrams);
  }
  if (dpdk == nullptr) {
    return WithoutDpdk();
  }
  absl::StatusOr<DeviceDescription> described = dpdk->describe(config);
  if (described.ok()) {
    absl::StrAppend(&described->text, "; ", datagrams.text());
  }
  return described;
}

absl::StatusOr<std::unique_ptr<NodeTransport>> OpenUdp(const Config& config, LinkPath path,
                                                       const NodeTransportOptions& options,
                                                       std::optional<transport::shm::IdLock> lock) {
  const ReplicaConfig& own = config.replicas[options.self.value()];
  const Datagrams datagrams(config, path);
  absl::StatusOr<NodePort> port = OpenPort(config, datagrams, own, options);
  if (!port.ok()) {
    return port.status();
  }
  absl::StatusOr<std::unique_ptr<transport::bootstrap::PeerChannel>> channel =
      OpenPeerChannel(config, path, options);
  if (!channel.ok()) {
    return channel.status();
  }
  transport::udp::UdpOptions udp;
  udp.self = options.self;
  udp.incarnation = options.incarnation;
  udp.group = options.group;
  udp.capacity = config.capacity_bytes;
  udp.ring = options.ring;
  udp.replicas = options.fixed_members ? config.replicas.size() : paxos::kMaxReplicas;
  udp.expected = std::max(config.replicas.size(), options.replicas);
  udp.clock = options.clock;
  udp.authenticate = datagrams.udp.authenticate;
  udp.encrypt = datagrams.udp.encrypt;
  udp.section = std::string(LinkPathName(path));
  absl::StatusOr<std::unique_ptr<transport::udp::UdpTransport>> transport =
      transport::udp::UdpTransport::Reserve(udp, std::move(port->port), *std::move(channel));
  if (!transport.ok()) {
    return transport.status();
  }
  return std::make_unique<UdpNodeTransport>(*std::move(transport), std::move(port->facts), path,
                                            std::move(lock), datagrams.udp.authenticate);
}

}  // namespace gaios::rsm
