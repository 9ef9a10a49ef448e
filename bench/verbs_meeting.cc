#include "bench/verbs_meeting.h"

#include <cstring>
#include <type_traits>
#include <utility>

#include <absl/strings/str_cat.h>

#include "gaios/rsm/address_text.h"
#include "gaios/rsm/node_network.h"
#include "gaios/transport/bootstrap/bootstrap.h"
#include "gaios/transport/bootstrap/bootstrap_channel.h"

namespace gaios::bench {
namespace {

using paxos::ReplicaId;

constexpr std::uint32_t kVersion = 1;  // of MeetingFrame
static_assert(std::is_trivially_copyable_v<MeetingFrame>);
// Nobody answers a ping while a block is measured. The end of a process closes its connections.
constexpr std::uint64_t kSilenceNs = 600'000'000'000;
// Not that of a group that was bootstrapped: a replica of one that runs there is refused by name.
constexpr paxos::GroupId kMeetings = paxos::GroupId(2);

// Whether the writer takes that step.
bool WritersStep(MeetingStep step) {
  return step == MeetingStep::kWriterReady || step == MeetingStep::kDone;
}

}  // namespace

std::optional<MeetingFrame> DecodeMeeting(std::span<const std::byte> bytes) {
  MeetingFrame frame;
  if (bytes.size() != sizeof(frame)) {
    return std::nullopt;
  }
  std::memcpy(&frame, bytes.data(), sizeof(frame));
  if (frame.version != kVersion || frame.step > MeetingStep::kDone) {
    return std::nullopt;
  }
  return frame;
}

bool TakeStep(Meeting& meeting, const MeetingFrame& frame, bool from_peer) {
  const auto done = static_cast<std::uint32_t>(meeting.step.load(std::memory_order_relaxed));
  if (static_cast<std::uint32_t>(frame.step) != done + 1 || WritersStep(frame.step) == from_peer) {
    return false;
  }
  if (frame.step == MeetingStep::kPeerReady) {
    meeting.peer = frame.peer;
  } else if (frame.step == MeetingStep::kWriterReady) {
    meeting.writer = frame.writer;
  }
  meeting.step.store(frame.step, std::memory_order_release);
  return true;
}

absl::StatusOr<std::unique_ptr<MeetingChannel>> MeetingChannel::Open(const rsm::Config& config,
                                                                     ReplicaId self, const base::Clock& clock,
                                                                     std::span<Meeting> meetings) {
  transport::bootstrap::BootstrapOptions options;
  for (const rsm::ReplicaConfig& replica : config.replicas) {
    const auto port = static_cast<std::uint16_t>(replica.port + 1);
    if (replica.id == self) {
      options.listen_address = replica.address;
      options.listen_port = port;
      options.own_address = rsm::AddressText(replica.address, port);
    } else {
      options.peers.push_back({replica.id, replica.address, port});
    }
  }
  options.credentials = rsm::CredentialsOf(config);
  options.cluster = config.group;
  options.group = kMeetings;
  options.group_name = absl::StrCat("benchmark of ", config.group);
  options.capacity_bytes = config.capacity_bytes;
  options.self = self;
  options.incarnation = paxos::Incarnation(1);
  options.clock = &clock;
  options.silence_timeout_ns = kSilenceNs;
  auto connections = transport::bootstrap::Bootstrap::Open(options);
  if (!connections.ok()) {
    return connections.status();
  }
  return std::unique_ptr<MeetingChannel>(new MeetingChannel(
      std::make_unique<transport::bootstrap::BootstrapChannel>(*std::move(connections)), self, meetings));
}

Meeting* MeetingChannel::With(ReplicaId peer) {
  if (!IsWriter()) {
    return peer.value() == 0 ? &meetings_[0] : nullptr;
  }
  const std::size_t at = std::size_t{peer.value()} - 1;
  return at < meetings_.size() ? &meetings_[at] : nullptr;
}

void MeetingChannel::Poll() {
  static_cast<void>(channel_->Poll(*this));
  for (std::size_t i = 0; i < paxos::kMaxReplicas; ++i) {
    const ReplicaId peer(static_cast<std::uint8_t>(i));
    const Meeting* const meeting = With(peer);
    if (!up_[i] || peer == self_ || meeting == nullptr) {
      continue;
    }
    const MeetingStep step = meeting->step.load(std::memory_order_acquire);
    if (step == MeetingStep::kNothing || step == told_[i] || WritersStep(step) != IsWriter()) {
      continue;
    }
    const MeetingFrame frame{kVersion, step, meeting->peer, meeting->writer};
    if (channel_->Send(peer, std::as_bytes(std::span(&frame, 1)))) {
      told_[i] = step;
    }
  }
}

void MeetingChannel::OnPeerUp(ReplicaId peer, paxos::Incarnation /*incarnation*/) {
  up_[peer.value()] = true;
}

void MeetingChannel::OnFrame(ReplicaId peer, std::span<const std::byte> bytes) {
  Meeting* const meeting = With(peer);
  const std::optional<MeetingFrame> frame = DecodeMeeting(bytes);
  // Of another build, or out of order: the connection ends, and the run with it.
  if (meeting == nullptr || !frame.has_value() || !TakeStep(*meeting, *frame, IsWriter())) {
    channel_->Disconnect(peer);
  }
}

void MeetingChannel::OnPeerDown(ReplicaId peer) {
  up_[peer.value()] = false;
  if (With(peer) != nullptr) {
    gone_ = peer;
  }
}

}  // namespace gaios::bench
