#include "gaios/transport/udp/udp_transport.h"

#include <algorithm>
#include <utility>

#include <absl/strings/str_cat.h>

#include "gaios/base/align.h"

namespace gaios::transport::udp {
namespace {

// Datagrams taken in at a look: more would keep the caller for as long as peers please.
constexpr std::size_t kReceiveBatch = 64;

absl::Status CheckOptions(const UdpOptions& options, const Port& port) {
  if (options.replicas == 0 || options.replicas > paxos::kMaxReplicas) {
    return absl::InvalidArgumentError(
        absl::StrCat("a group has 1 to ", paxos::kMaxReplicas, " replicas, not ", options.replicas));
  }
  if (options.self.value() >= options.replicas) {
    return absl::InvalidArgumentError(absl::StrCat("replica id ", int{options.self.value()},
                                                   " is not one of a group of ", options.replicas,
                                                   "; ids count from 0"));
  }
  if (options.incarnation.value() == 0 || options.incarnation.value() > paxos::Ballot::kMaxIncarnation) {
    return absl::InvalidArgumentError(
        absl::StrCat("incarnation ", options.incarnation.value(), " is out of range; it counts from 1"));
  }
  if (!base::IsPowerOfTwo(options.capacity) || options.capacity < paxos::kMinCapacityBytes ||
      options.capacity > paxos::kMaxCapacityBytes) {
    return absl::InvalidArgumentError(absl::StrCat("capacity ", options.capacity,
                                                   " is not a power of two from ", paxos::kMinCapacityBytes,
                                                   " to ", paxos::kMaxCapacityBytes, " bytes"));
  }
  if (options.clock == nullptr) {
    return absl::InvalidArgumentError("no clock is given");
  }
  if (options.encrypt && !options.authenticate) {
    return absl::InvalidArgumentError(
        "datagrams that are encrypted are authenticated by that: `encrypt` does not go without "
        "`authenticate`");
  }
  if (port.max_payload() < kMinPayloadBytes || port.max_payload() > kMaxPayloadBytes) {
    return absl::InvalidArgumentError(absl::StrCat("datagrams of ", port.max_payload(),
                                                   " bytes are not from ", kMinPayloadBytes, " to ",
                                                   kMaxPayloadBytes, " bytes"));
  }
  if (options.min_timeout_ns == 0 || options.max_timeout_ns < options.min_timeout_ns ||
      options.silence_timeout_ns < options.max_timeout_ns) {
    return absl::InvalidArgumentError(
        "the shortest timeout must be at least 1 ns, and no longer than the longest, and that no longer than "
        "the silence after which a peer has no link");
  }
  return absl::OkStatus();
}

Protection ProtectionOf(const UdpOptions& options) {
  if (!options.authenticate) {
    return Protection::kChecksum;
  }
  return options.encrypt ? Protection::kEncrypted : Protection::kMac;
}

}  // namespace

absl::StatusOr<std::unique_ptr<UdpTransport>> UdpTransport::Reserve(
    const UdpOptions& options, std::unique_ptr<Port> port, std::unique_ptr<bootstrap::PeerChannel> channel) {
  if (absl::Status status = CheckOptions(options, *port); !status.ok()) {
    return status;
  }
  absl::StatusOr<base::Memory> memory =
      options.ring == nullptr ? base::Memory::Create(options.capacity) : base::Memory();
  if (!memory.ok()) {
    return memory.status();
  }
  const std::size_t expected = options.expected == 0 ? options.replicas : options.expected;
  HelloFrame hello = {
      .port = port->local().port,
      .address = port->local().address,
      .payload_bytes = static_cast<std::uint32_t>(port->max_payload()),
      .room = static_cast<std::uint32_t>(port->receive_room() / std::max<std::size_t>(expected - 1, 1))};
  SetProtection(ProtectionOf(options), hello);
  std::unique_ptr<UdpTransport> transport(new UdpTransport(options, std::move(port), *std::move(memory)));
  transport->connector_ = std::make_unique<Connector>(ConnectorOptions{.self = options.self,
                                                                       .replicas = options.replicas,
                                                                       .clock = options.clock,
                                                                       .hello = hello,
                                                                       .section = options.section},
                                                      std::move(channel));
  if (absl::Status status = transport->connector_->Prepare(options.own_thread); !status.ok()) {
    return status;
  }
  return transport;
}

UdpTransport::UdpTransport(const UdpOptions& options, std::unique_ptr<Port> port, base::Memory memory)
    : options_(options),
      port_(std::move(port)),
      port_up_(port_->up()),
      memory_(std::move(memory)),
      addressee_{.group = options.group.value(),
                 .self = options.self.value(),
                 .replicas = static_cast<std::uint8_t>(options.replicas)},
      log_{.ring = options.ring == nullptr ? memory_.data() : options.ring,
           .capacity = options.capacity,
           .words = &log_words_},
      read_(std::min(options.capacity, paxos::kMaxWriteBytes)) {
  port_->Lend({log_.ring, log_.capacity});
  const RttEstimator fresh(options.min_timeout_ns, options.max_timeout_ns);
  links_.reserve(options.replicas);
  for (std::size_t id = 0; id < options.replicas; ++id) {
    links_.emplace_back(ReplicaId(static_cast<std::uint8_t>(id)), fresh);
  }
}

void UdpTransport::Begin() {
  GAIOS_CHECK(!begun_, "a life begins once");
  begun_ = true;
  connector_->Begin();
}

void UdpTransport::StepConnections() {
  if (!options_.own_thread) {
    connector_->Step();
  }
}

std::size_t UdpTransport::Poll(EventHandler& handler) {
  handler_ = &handler;
  events_ = 0;
  now_ns_ = options_.clock->NowNs();
  if (!options_.own_thread) [[unlikely]] {
    StepConnections();
  }
  if (connector_->any_news()) [[unlikely]] {
    events_ += TakeNews(handler);
  }
  if (grant_unreported_) [[unlikely]] {
    events_ += ReportGrant(handler);
  }
  TransmitAll();
  port_->Flush();
  port_->Receive(*this, kReceiveBatch);
  now_ns_ = options_.clock->NowNs();
  const std::uint64_t loans_over = port_->loans_over();
  for (Link& link : used_) {
    if (link.sender.Settle(loans_over) || link.report_due) {
      events_ += Report(link, handler);
    }
  }
  if (now_ns_ >= next_timers_ns_) {
    next_timers_ns_ = now_ns_ + kTimerIntervalNs;
    events_ += RunTimers(handler);
  }
  // What handlers have posted goes out now, not with the next look.
  TransmitAll();
  for (Link& link : used_) {
    SendOwed(link);
  }
  port_->Flush();
  handler_ = nullptr;
  return events_;
}

std::vector<std::string> UdpTransport::TakeNotices() {
  std::vector<std::string> all = connector_->TakeNotices();
  for (std::string& notice : port_->TakeNotices()) {
    all.push_back(std::move(notice));
  }
  return all;
}

UdpCounters UdpTransport::counters() const {
  UdpCounters all = counters_;
  for (const Link& link : links_) {
    const SenderCounters& sender = link.sender.counters();
    all.pieces_sent += sender.sent;
    all.pieces_lost += sender.lost;
    all.timeouts += sender.timeouts;
  }
  return all;
}

UdpLinkState UdpTransport::link_state(ReplicaId peer) const {
  const Link& link = links_[peer.value()];
  return {.up = link.up(),
          .endpoint = link.endpoint,
          .payload_bytes = link.payload_bytes,
          .rtt_ns = link.sender.rtt().smoothed_ns(),
          .pieces_sent = link.sender.counters().sent,
          .pieces_lost = link.sender.counters().lost,
          .progress = link.sender.cumulative() + link.log_pieces};
}

}  // namespace gaios::transport::udp
