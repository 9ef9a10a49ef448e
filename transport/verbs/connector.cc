#include "gaios/transport/verbs/connector.h"

#include <algorithm>
#include <cerrno>
#include <system_error>
#include <utility>

#include <absl/strings/str_cat.h>

#include "gaios/base/check.h"
#include "gaios/transport/verbs/work_id.h"

namespace gaios::transport::verbs {
namespace {

constexpr std::uint8_t kMostReads = 16;  // asked of a device that has more

}  // namespace

Connector::Connector(const ConnectorOptions& options, RdmaDevice& device,
                     std::unique_ptr<bootstrap::PeerChannel> channel)
    : options_(options),
      device_(device),
      channel_(std::move(channel)),
      thread_(*channel_, *options.clock, [this] {
        Step();
        return retry_at_ns_;
      }) {}

absl::Status Connector::Prepare(bool own_thread) {
  if (const absl::Status made = MakeLoopback(); !made.ok()) {
    return absl::Status(made.code(), absl::StrCat(std::string(made.message()),
                                                  "; with no queue pair of the device with itself a replica "
                                                  "could grant nothing. See whether others "
                                                  "use the device up, or take another"));
  }
  return thread_.Prepare(own_thread, "the RDMA transport");
}

void Connector::Lose(const std::string& why) {
  lost_.store(true, std::memory_order_relaxed);
  Tell(why);
}

void Connector::Ask(Task task) {
  tasks_.Post(std::move(task));
  thread_.Wake();
}

void Connector::Step() {
  for (Task& task : tasks_.TakeAll()) {
    Perform(std::move(task));
  }
  channel_->Poll(*this);
  const std::uint64_t now_ns = options_.clock->NowNs();
  retry_at_ns_ = 0;
  LookAtDevice(now_ns);
  const bool lost = lost_.load(std::memory_order_relaxed);
  if (lost) {
    registrations_wanted_ = 0;
    loopback_wanted_ = false;
  }
  if (registrations_wanted_ != 0) {
    Register();
  }
  if (loopback_wanted_) {
    if (const absl::Status made = MakeLoopback(); made.ok()) {
      loopback_wanted_ = told_of_loopback_ = false;
    } else {
      if (!std::exchange(told_of_loopback_, true)) {
        Tell(
            absl::StrCat(std::string(made.message()),
                         "; grants go without it, and take longer. It is tried again: see whether others use "
                         "the device up"));
      }
      Give({.kind = News::Kind::kNoLoopback});
      TryLater();
    }
  }
  for (std::size_t id = 0; id < options_.replicas; ++id) {
    const ReplicaId peer(static_cast<std::uint8_t>(id));
    if (peers_[id].up && !peers_[id].connecting && !peers_[id].lent && !port_down_ && !lost) {
      if (now_ns >= peers_[id].not_before_ns) {
        Connect(peer);
      } else {
        RetryAt(peers_[id].not_before_ns);
      }
    }
    if (peers_[id].connected && peers_[id].pairs_wanted != 0 && !peers_[id].offered) {
      Offer(peer);
    }
  }
  for (std::string& notice : channel_->TakeNotices()) {
    Tell(std::move(notice));
  }
  thread_.Count();
}

void Connector::LookAtDevice(std::uint64_t now_ns) {
  if (now_ns < events_at_ns_) {
    RetryAt(events_at_ns_);
    return;
  }
  events_at_ns_ = now_ns + kEventIntervalNs;
  RetryAt(events_at_ns_);
  const DeviceFacts& facts = device_.facts();
  const std::string port = absl::StrCat("port ", int{facts.port}, " of RDMA device ", facts.name);
  while (const std::optional<DeviceEvent> event = device_.NextEvent()) {
    const bool of_ours = event->port == 0 || event->port == facts.port;
    switch (of_ours ? JudgeEvent(event->type) : EventVerdict::kNothing) {
      case EventVerdict::kNothing:
        break;
      case EventVerdict::kChanged:
        Tell(absl::StrCat(
            port, " tells of ", std::string(DeviceEventName(event->type)),
            ": its address or its fabric has changed. Links that break come back by themselves if the peers "
            "can still be reached; if not, start this replica again"));
        break;
      case EventVerdict::kDeviceLost:
        Give({.kind = News::Kind::kDeviceLost});
        break;
      case EventVerdict::kPortDown:
        port_down_ = true;
        Tell(absl::StrCat(port, " has gone down: no link until it is up; see whether the cable is in"));
        EndHalfConnected();
        Give({.kind = News::Kind::kPortDown});
        break;
      case EventVerdict::kPortUp:
        port_down_ = false;
        Give({.kind = News::Kind::kPortUp});
        Tell(absl::StrCat(port, " is up again"));
        break;
    }
    Give({.kind = News::Kind::kDeviceEvent});
  }
}

// Nothing is connected while the port is down, what has been begun neither.
void Connector::EndHalfConnected() {
  for (std::size_t id = 0; id < options_.replicas; ++id) {
    if (peers_[id].connecting && !peers_[id].connected) {
      channel_->Disconnect(ReplicaId(static_cast<std::uint8_t>(id)));
    }
  }
}

void Connector::Perform(Task task) {
  Peer& peer = peers_[task.peer.value()];
  const bool current = peer.connected && peer.life == task.life;
  switch (task.kind) {
    case Task::Kind::kTellReady:
      if (current && !channel_->Send(task.peer, EncodeFrame(Ready{}))) {
        GiveUp(task.peer, "the channel takes no frame");
      }
      return;
    case Task::Kind::kUp:
      if (current) {
        peer.pause_ns = 0;
        peer.told.clear();
      }
      return;
    case Task::Kind::kClose:
      // Only now may the memory of its messages serve another connection.
      if (task.pair.Destroy() != 0) {
        (void)task.pair.Fail();
      }
      if (peer.life == task.life) {
        peer.lent = false;
        if (current && task.refused) {
          GiveUp(task.peer,
                 absl::StrCat("RDMA device ", device_.facts().name, " takes no work request for it"));
        } else if (current && task.unanswered) {
          GiveUp(
              task.peer,
              "it can be met, and does not answer by RDMA: see whether the network between the devices lets "
              "RDMA through, which RoCEv2 sends to UDP port 4791");
        } else if (current) {
          channel_->Disconnect(task.peer);
        }
      }
      return;
    case Task::Kind::kMakePair:
      if (current) {
        ++peer.pairs_wanted;
      }
      return;
    case Task::Kind::kRegister:
      ++registrations_wanted_;
      return;
    case Task::Kind::kMakeLoopback:
      loopback_wanted_ = true;
      return;
    case Task::Kind::kDestroy:
      return;  // with the task
  }
}

void Connector::OnPeerUp(ReplicaId id, Incarnation incarnation) {
  Peer& peer = peers_[id.value()];
  peer.up = true;
  if (peer.incarnation != incarnation) {  // what was wrong with its last life may be right in this one
    peer.pause_ns = 0;
    peer.not_before_ns = 0;
    peer.told.clear();
  }
  peer.incarnation = incarnation;
}

void Connector::OnPeerDown(ReplicaId id) {
  Peer& peer = peers_[id.value()];
  if (peer.lent && peer.connecting) {
    Give({.kind = News::Kind::kLost, .peer = id, .life = peer.life});
  }
  peer.up = false;
  peer.connecting = false;
  peer.connected = false;
  peer.control = {};
  peer.hello.reset();
  peer.greeted = false;
  peer.offered = {};
  peer.pairs_wanted = 0;
}

void Connector::GiveUp(ReplicaId id, const std::string& why) {
  Peer& peer = peers_[id.value()];
  peer.pause_ns = std::clamp(2 * peer.pause_ns, kShortestPauseNs, kLongestPauseNs);
  peer.not_before_ns = options_.clock->NowNs() + peer.pause_ns;
  if (peer.told != why) {
    peer.told = why;
    Tell(absl::StrCat("the connection to replica ", int{id.value()}, " is given up, and tried again: ", why));
  }
  channel_->Disconnect(id);
}

// A frame is dropped when it is no frame, or not to be expected now; a peer that passed the channel's checks
// and sends such a thing has a defect, and the connection is made again.
void Connector::OnFrame(ReplicaId id, std::span<const std::byte> bytes) {
  Peer& peer = peers_[id.value()];
  const std::optional<FrameType> type = DecodeFrameType(bytes);
  if (!type.has_value()) {
    GiveUp(id, "it has sent something that is no frame");
    return;
  }
  switch (*type) {
    case FrameType::kHello:
      if (!peer.connected) {
        peer.hello = DecodeHello(bytes);
        peer.greeted = true;
        TakeHello(id);
      }
      return;
    case FrameType::kReady:
      if (peer.connected) {
        Give({.kind = News::Kind::kReady, .peer = id, .life = peer.life});
      }
      return;
    case FrameType::kOffer:
      if (const std::optional<LogPair> offer = DecodeFrame<LogPair>(bytes); offer && peer.connected) {
        TakeOffer(id, *offer);
      }
      return;
    case FrameType::kAnswer:
      if (const std::optional<LogPair> answer = DecodeFrame<LogPair>(bytes); answer && peer.connected) {
        TakeAnswer(id, *answer);
      }
      return;
  }
}

std::uint8_t Connector::ReadsTo(const Peer& peer) const {
  GAIOS_CHECK(peer.hello.has_value(), "who is connected has said where it is");
  return static_cast<std::uint8_t>(std::clamp<int>(
      std::min<int>(device_.facts().max_reads_as_requester, peer.hello->reads), 1, kMostReads));
}

// The first half: the own end. What the peer has said may be here already.
void Connector::Connect(ReplicaId id) {
  Peer& peer = peers_[id.value()];
  ++peer.life;
  peer.connecting = true;
  absl::StatusOr<QueuePair> control = QueuePair::Create(device_, options_.completions,
                                                        {.sends = options_.control_sends,
                                                         .receives = kReceives,
                                                         .inline_bytes = options_.inline_bytes,
                                                         .access = IBV_ACCESS_REMOTE_READ});
  if (!control.ok()) {
    GiveUp(id, std::string(control.status().message()));
    return;
  }
  peer.control = *std::move(control);
  if (!PostReceives(id)) {
    GiveUp(id, "the device takes no receives");
    return;
  }
  const DeviceFacts& facts = device_.facts();
  Hello hello;
  hello.gid = facts.address.gid;
  hello.lid = facts.address.lid;
  hello.link_layer = facts.address.link_layer;
  hello.mtu = facts.address.mtu;
  hello.reads = static_cast<std::uint8_t>(std::clamp<int>(facts.max_reads_as_responder, 1, kMostReads));
  hello.control_number = peer.control.end().number;
  hello.control_first_packet = peer.control.end().first_packet;
  hello.control_key = options_.control->rkey;
  hello.control_address = reinterpret_cast<std::uintptr_t>(options_.control->addr);
  hello.log_address = reinterpret_cast<std::uintptr_t>(options_.log);
  if (!channel_->Send(id, EncodeFrame(hello))) {
    GiveUp(id, "the channel takes no frame");
    return;
  }
  TakeHello(id);
}

bool Connector::PostReceives(ReplicaId id) {
  const Peer& peer = peers_[id.value()];
  for (std::uint32_t slot = 0; slot < kReceives; ++slot) {
    ibv_sge where = {.addr = reinterpret_cast<std::uintptr_t>(options_.local->receive_slot(id.value(), slot)),
                     .length = kMessageSlotBytes,
                     .lkey = options_.local_key};
    ibv_recv_wr work = {};
    work.wr_id =
        WorkId{.kind = WorkKind::kReceive, .peer = id.value(), .life = peer.life, .number = slot}.Packed();
    work.sg_list = &where;
    work.num_sge = 1;
    ibv_recv_wr* bad = nullptr;
    if (device_.PostReceive(peer.control.handle(), &work, &bad) != 0) {
      return false;
    }
  }
  return true;
}

// The second half, when both ends have said where they are.
void Connector::TakeHello(ReplicaId id) {
  Peer& peer = peers_[id.value()];
  if (!peer.connecting || peer.connected || !peer.control || !peer.greeted) {
    return;
  }
  if (!peer.hello.has_value()) {
    GiveUp(id, "it speaks another version of the verbs transport; run the same release everywhere");
    return;
  }
  const Hello& hello = *peer.hello;
  if (hello.link_layer != device_.facts().address.link_layer) {
    GiveUp(id, "one end is on Ethernet and the other on InfiniBand");
    return;
  }
  const auto answered =
      static_cast<std::uint8_t>(std::clamp<int>(device_.facts().max_reads_as_responder, 1, kMostReads));
  absl::Status status = peer.control.Receive(
      {.gid = hello.gid, .lid = hello.lid, .link_layer = hello.link_layer, .mtu = hello.mtu},
      {.number = hello.control_number, .first_packet = hello.control_first_packet}, answered, options_.times);
  if (status.ok()) {
    status = peer.control.Transmit(ReadsTo(peer), options_.times);
  }
  if (!status.ok()) {
    GiveUp(id, std::string(status.message()));
    return;
  }
  peer.connected = true;
  peer.lent = true;
  peer.pairs_wanted = 1;
  Give({.kind = News::Kind::kConnected,
        .peer = id,
        .life = peer.life,
        .incarnation = peer.incarnation,
        .pair = std::move(peer.control),
        .hello = hello});
}

void Connector::Offer(ReplicaId id) {
  Peer& peer = peers_[id.value()];
  // Without rights: they come with the grant that names it (P2).
  absl::StatusOr<QueuePair> pair = QueuePair::Create(device_, options_.completions, {});
  if (!pair.ok()) {
    Tell(std::string(pair.status().message()));
    TryLater();
    return;
  }
  peer.offered = *std::move(pair);
  ++peer.last_id;
  const LogPair offer = {.type = FrameType::kOffer,
                         .id = peer.last_id,
                         .number = peer.offered.end().number,
                         .first_packet = peer.offered.end().first_packet};
  if (!channel_->Send(id, EncodeFrame(offer))) {
    GiveUp(id, "the channel takes no frame");
  }
}

void Connector::TakeOffer(ReplicaId id, const LogPair& offer) {
  const Peer& peer = peers_[id.value()];
  GAIOS_CHECK(peer.hello.has_value(), "who is connected has said where it is");
  const PortAddress address = {.gid = peer.hello->gid,
                               .lid = peer.hello->lid,
                               .link_layer = peer.hello->link_layer,
                               .mtu = peer.hello->mtu};
  absl::StatusOr<QueuePair> pair = QueuePair::Create(
      device_, options_.completions, {.sends = options_.path_sends, .inline_bytes = options_.inline_bytes});
  absl::Status status = pair.status();
  if (status.ok()) {
    status = pair->Receive(address, {.number = offer.number, .first_packet = offer.first_packet}, 1,
                           options_.times);
  }
  if (status.ok()) {
    status = pair->Transmit(ReadsTo(peer), options_.times);
  }
  if (!status.ok()) {
    GiveUp(id, std::string(status.message()));
    return;
  }
  const LogPair answer = {.type = FrameType::kAnswer,
                          .id = offer.id,
                          .number = pair->end().number,
                          .first_packet = pair->end().first_packet};
  // Before the answer, so that the transport has it when a grant names it.
  Give({.kind = News::Kind::kPeerPair,
        .peer = id,
        .life = peer.life,
        .id = offer.id,
        .pair = *std::move(pair)});
  if (!channel_->Send(id, EncodeFrame(answer))) {
    GiveUp(id, "the channel takes no frame");
  }
}

void Connector::TakeAnswer(ReplicaId id, const LogPair& answer) {
  Peer& peer = peers_[id.value()];
  if (!peer.offered || answer.id != peer.last_id) {
    return;
  }
  GAIOS_CHECK(peer.hello.has_value(), "who is connected has said where it is");
  const auto answered =
      static_cast<std::uint8_t>(std::clamp<int>(device_.facts().max_reads_as_responder, 1, kMostReads));
  const absl::Status status = peer.offered.Receive(
      {.gid = peer.hello->gid,
       .lid = peer.hello->lid,
       .link_layer = peer.hello->link_layer,
       .mtu = peer.hello->mtu},
      {.number = answer.number, .first_packet = answer.first_packet}, answered, options_.times);
  if (!status.ok()) {
    GiveUp(id, std::string(status.message()));
    return;
  }
  --peer.pairs_wanted;
  Give({.kind = News::Kind::kOwnPair,
        .peer = id,
        .life = peer.life,
        .id = answer.id,
        .pair = std::exchange(peer.offered, QueuePair())});
}

void Connector::Register() {
  while (registrations_wanted_ != 0) {
    ibv_mr* const region = device_.RegisterMemory(options_.log, options_.log_bytes, kLogAccess);
    if (region == nullptr) {
      const int error = errno;
      if (!std::exchange(told_of_registration_, true)) {
        Tell(
            absl::StrCat("registering the log of ", options_.log_bytes,
                         " bytes again failed: ", std::generic_category().message(error),
                         "; nobody writes here by RDMA until it succeeds. It is tried again: raise the limit "
                         "of locked memory"));
      }
      TryLater();
      return;
    }
    told_of_registration_ = false;
    --registrations_wanted_;
    Give({.kind = News::Kind::kRegistration, .region = Registration(device_, region)});
  }
}

absl::Status Connector::MakeLoopback() {
  const QueuePairNeeds needs = {.sends = 4, .access = IBV_ACCESS_REMOTE_READ};
  absl::StatusOr<QueuePair> asking = QueuePair::Create(device_, options_.completions, needs);
  absl::StatusOr<QueuePair> answering = QueuePair::Create(device_, options_.completions, needs);
  absl::Status status = asking.ok() ? answering.status() : asking.status();
  const PortAddress& here = device_.facts().address;
  for (int end = 0; status.ok() && end < 2; ++end) {
    QueuePair& pair = end == 0 ? *asking : *answering;
    status = pair.Receive(here, (end == 0 ? *answering : *asking).end(), 1, options_.times);
    if (status.ok()) {
      status = pair.Transmit(1, options_.times);
    }
  }
  if (status.ok()) {
    Give({.kind = News::Kind::kLoopback, .pair = *std::move(asking), .answering = *std::move(answering)});
  }
  return status;
}

}  // namespace gaios::transport::verbs
