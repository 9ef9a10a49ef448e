#include "bench/verbs_floor.h"

#include <algorithm>
#include <cerrno>
#include <cstring>
#include <optional>
#include <string>
#include <system_error>
#include <utility>

#include <absl/strings/str_cat.h>

#include "gaios/base/check.h"
#include "gaios/base/clock.h"
#include "gaios/transport/verbs/options.h"

namespace gaios::bench {
namespace {

using base::Memory;
using transport::verbs::LibverbsDevice;
using transport::verbs::QueuePair;
using transport::verbs::Registration;

constexpr std::uint64_t kMeetingTimeoutNs = 60'000'000'000;
constexpr std::uint64_t kHostsTimeoutNs = 600'000'000'000;
constexpr std::uint64_t kFarewellNs = 10'000'000'000;
constexpr int kCompletionsPerLook = 32;
constexpr std::uint64_t kReadOfWords = std::uint64_t{1} << 32;  // and the peer, of a work request

transport::verbs::ConnectionTimes Times() {
  const transport::verbs::VerbsOptions product;
  return {.ack_timeout = product.ack_timeout,
          .retries = product.retries,
          .traffic_class = product.traffic_class,
          .service_level = product.service_level};
}

absl::StatusOr<Registration> Register(LibverbsDevice& device, void* at, std::size_t bytes, int access) {
  ibv_mr* const region = device.RegisterMemory(at, bytes, access);
  if (region == nullptr) {
    return absl::ResourceExhaustedError(
        absl::StrCat("RDMA device ", device.facts().name,
                     " does not register memory of the floor: ", std::generic_category().message(errno)));
  }
  return Registration(device, region);
}

absl::StatusOr<ibv_cq*> MakeQueue(LibverbsDevice& device, std::size_t depth) {
  ibv_cq* const queue = device.CreateCompletionQueue(static_cast<int>(depth));
  if (queue == nullptr) {
    return absl::UnavailableError(
        absl::StrCat("RDMA device ", device.facts().name,
                     " makes no completion queue for the floor: ", std::generic_category().message(errno)));
  }
  return queue;
}

}  // namespace

VerbsFloor::CompletionQueue::~CompletionQueue() {
  if (queue != nullptr) {
    static_cast<void>(device->DestroyCompletionQueue(queue));
  }
}

absl::StatusOr<std::unique_ptr<VerbsFloor>> VerbsFloor::Fork(const VerbsFloorOptions& options,
                                                             const Placement& placement) {
  GAIOS_CHECK(
      base::IsPowerOfTwo(options.capacity_bytes) && options.peers >= 1 && options.peers < paxos::kMaxReplicas,
      "rings are powers of two, one for each peer");
  auto page = SharedPage<Page>::Create();
  if (!page.ok()) {
    return page.status();
  }
  std::unique_ptr<VerbsFloor> floor(new VerbsFloor(options, *std::move(page)));
  floor->space_end_ = options.capacity_bytes;
  for (std::size_t i = 0; i < options.peers; ++i) {
    auto child = ChildProcess::Fork(placement.follower_cpu, [&floor, i] {
      return RunPeer(floor->options_, floor->page_->peers[i], floor->page_->stop.value);
    });
    if (!child.ok()) {
      return child.status();
    }
    floor->children_.push_back(*std::move(child));
  }
  return floor;
}

VerbsFloor::~VerbsFloor() {
  page_->stop.value.store(true, std::memory_order_relaxed);
  for (ChildProcess& child : children_) {
    child.Join();
  }
}

absl::StatusOr<std::unique_ptr<VerbsFloor>> VerbsFloor::OnHosts(const VerbsFloorOptions& options,
                                                                const rsm::Config& config,
                                                                const base::Clock& clock) {
  auto page = SharedPage<Page>::Create();
  if (!page.ok()) {
    return page.status();
  }
  std::unique_ptr<VerbsFloor> floor(new VerbsFloor(options, *std::move(page)));
  floor->space_end_ = options.capacity_bytes;
  auto channel = MeetingChannel::Open(config, paxos::ReplicaId(0), clock,
                                      std::span(floor->page_->peers).first(options.peers));
  if (!channel.ok()) {
    return channel.status();
  }
  floor->channel_ = *std::move(channel);
  return floor;
}

absl::Status VerbsFloor::AwaitHosts(const std::function<void(const std::string&)>& tell) {
  const base::TscClock clock;
  const std::uint64_t deadline_ns = clock.NowNs() + kHostsTimeoutNs;
  base::Idle idle(base::IdleStrategy::kBackOff);
  for (;;) {
    channel_->Poll();
    for (const std::string& notice : channel_->TakeNotices()) {
      tell(notice);
    }
    std::string missing;
    for (std::size_t i = 0; i < options_.peers; ++i) {
      if (page_->peers[i].step.load(std::memory_order_acquire) == MeetingStep::kNothing) {
        absl::StrAppend(&missing, missing.empty() ? "" : ", ", i + 1);
      }
    }
    if (missing.empty()) {
      return absl::OkStatus();
    }
    if (const std::optional<paxos::ReplicaId> gone = channel_->gone(); gone.has_value()) {
      return absl::UnavailableError(
          absl::StrCat("the host of replica ", gone->value(), " ended before all had come; it says why"));
    }
    if (clock.NowNs() > deadline_ns) {
      return absl::DeadlineExceededError(
          absl::StrCat("replicas that have not come within ten minutes: ", missing));
    }
    idle.OnIdle();
  }
}

void VerbsFloor::Finish() {
  const base::TscClock clock;
  const std::uint64_t deadline_ns = clock.NowNs() + kFarewellNs;
  for (std::size_t i = 0; i < options_.peers; ++i) {
    page_->peers[i].step.store(MeetingStep::kDone, std::memory_order_release);
  }
  const auto any_up = [this] {
    for (std::size_t i = 0; i < options_.peers; ++i) {
      if (channel_->up(paxos::ReplicaId(static_cast<std::uint8_t>(i + 1)))) {
        return true;
      }
    }
    return false;
  };
  base::Idle idle(base::IdleStrategy::kBackOff);
  while (any_up() && clock.NowNs() < deadline_ns) {
    channel_->Poll();
    idle.OnIdle();
  }
}

absl::Status VerbsFloor::RunPeer(const VerbsFloorOptions& options, Meeting& meeting,
                                 const std::atomic<bool>& stop) {
  auto device = LibverbsDevice::Open(options.device, options.port, options.address);
  if (!device.ok()) {
    return device.status();
  }
  auto ring = Memory::Create(options.capacity_bytes);
  if (!ring.ok()) {
    return ring.status();
  }
  auto registration =
      Register(**device, ring->data(), ring->size(), IBV_ACCESS_LOCAL_WRITE | IBV_ACCESS_REMOTE_WRITE);
  if (!registration.ok()) {
    return registration.status();
  }
  auto words = Register(**device, &meeting.words.value, sizeof(PeerWords), IBV_ACCESS_REMOTE_READ);
  if (!words.ok()) {
    return words.status();
  }
  auto queue = MakeQueue(**device, 1);
  if (!queue.ok()) {
    return queue.status();
  }
  const CompletionQueue completions{device->get(), *queue};
  auto pair =
      QueuePair::Create(**device, *queue, {.access = IBV_ACCESS_REMOTE_WRITE | IBV_ACCESS_REMOTE_READ});
  if (!pair.ok()) {
    return pair.status();
  }
  meeting.peer = {.end = pair->end(),
                  .port = (*device)->facts().address,
                  .ring_address = reinterpret_cast<std::uintptr_t>(ring->data()),
                  .words_address = reinterpret_cast<std::uintptr_t>(&meeting.words.value),
                  .ring_key = registration->get()->rkey,
                  .words_key = words->get()->rkey};
  meeting.step.store(MeetingStep::kPeerReady, std::memory_order_release);
  base::Idle idle(base::IdleStrategy::kBackOff);
  while (meeting.step.load(std::memory_order_acquire) != MeetingStep::kWriterReady) {
    if (stop.load(std::memory_order_relaxed)) {
      return absl::OkStatus();
    }
    idle.OnIdle();
  }
  if (absl::Status status = pair->Receive(meeting.writer.port, meeting.writer.end, 1, Times());
      !status.ok()) {
    return status;
  }
  meeting.step.store(MeetingStep::kConnected, std::memory_order_release);
  ReadRing(ring->data(), options.capacity_bytes, options.idle, meeting.words.value.progress, stop);
  return absl::OkStatus();
}

absl::Status VerbsFloor::AwaitPeer(Meeting& meeting, MeetingStep step, std::size_t peer) {
  const base::TscClock clock;
  const std::uint64_t deadline_ns = clock.NowNs() + kMeetingTimeoutNs;
  base::Idle idle(base::IdleStrategy::kBackOff);
  while (meeting.step.load(std::memory_order_acquire) != step) {
    if (channel_ != nullptr) {
      channel_->Poll();
    }
    if (channel_ != nullptr ? channel_->gone().has_value() : children_[peer].Ended()) {
      return absl::UnavailableError("a peer of the floor ended before it was connected");
    }
    if (clock.NowNs() > deadline_ns) {
      return absl::DeadlineExceededError(
          "the floor was not connected within 60 s; is the machine overloaded?");
    }
    idle.OnIdle();
  }
  return absl::OkStatus();
}

absl::Status VerbsFloor::Connect() {
  auto device = LibverbsDevice::Open(options_.device, options_.port, options_.address);
  if (!device.ok()) {
    return device.status();
  }
  device_ = *std::move(device);
  auto source = Memory::Create(options_.capacity_bytes);
  if (!source.ok()) {
    return source.status();
  }
  source_ = *std::move(source);
  auto registration = Register(*device_, source_.data(), source_.size(), 0);
  if (!registration.ok()) {
    return registration.status();
  }
  registration_ = *std::move(registration);
  if (channel_ != nullptr) {
    auto words = Register(*device_, &*page_, sizeof(Page), IBV_ACCESS_LOCAL_WRITE);
    if (!words.ok()) {
      return words.status();
    }
    words_ = *std::move(words);
  }
  auto queue = MakeQueue(*device_, options_.peers * (options_.depth + 1));
  if (!queue.ok()) {
    return queue.status();
  }
  completions_.device = device_.get();
  completions_.queue = *queue;
  for (std::size_t i = 0; i < options_.peers; ++i) {
    if (absl::Status status = ConnectTo(i); !status.ok()) {
      return status;
    }
  }
  return absl::OkStatus();
}

absl::Status VerbsFloor::ConnectTo(std::size_t peer) {
  Meeting& meeting = page_->peers[peer];
  if (absl::Status status = AwaitPeer(meeting, MeetingStep::kPeerReady, peer); !status.ok()) {
    return status;
  }
  // An entry that does not fit before the end of the ring takes two work requests. One more reads words.
  auto pair = QueuePair::Create(*device_, completions_.queue,
                                {.sends = static_cast<std::uint32_t>(2 * options_.depth + 1),
                                 .inline_bytes = transport::verbs::VerbsOptions().inline_bytes});
  if (!pair.ok()) {
    return pair.status();
  }
  meeting.writer = {.end = pair->end(), .port = device_->facts().address};
  meeting.step.store(MeetingStep::kWriterReady, std::memory_order_release);
  if (absl::Status status = AwaitPeer(meeting, MeetingStep::kConnected, peer); !status.ok()) {
    return status;
  }
  absl::Status status = pair->Receive(meeting.peer.port, meeting.peer.end, 1, Times());
  if (status.ok()) {
    status = pair->Transmit(1, Times());
  }
  if (!status.ok()) {
    return status;
  }
  peers_.push_back(
      {.pair = *std::move(pair), .address = meeting.peer.ring_address, .key = meeting.peer.ring_key});
  return absl::OkStatus();
}

const PeerWords& VerbsFloor::WordsOf(std::size_t peer) {
  PeerWords& words = page_->peers[peer].words.value;
  if (channel_ == nullptr || !failure_.empty()) {
    return words;
  }
  Peer& from = peers_[peer];
  const PeerSide& there = page_->peers[peer].peer;
  ibv_sge piece = {
      .addr = reinterpret_cast<std::uintptr_t>(&words), .length = sizeof(words), .lkey = words_.get()->lkey};
  ibv_send_wr work = {};
  work.wr_id = kReadOfWords | peer;
  work.sg_list = &piece;
  work.num_sge = 1;
  work.opcode = IBV_WR_RDMA_READ;
  work.send_flags = IBV_SEND_SIGNALED;
  work.wr.rdma.remote_addr = there.words_address;
  work.wr.rdma.rkey = there.words_key;
  ibv_send_wr* bad = nullptr;
  if (const int error = ibv_post_send(from.pair.handle(), &work, &bad); error != 0) {
    failure_ = absl::StrCat("a read of the floor was not taken: ", std::generic_category().message(error));
    return words;
  }
  base::Idle idle(base::IdleStrategy::kYield);  // as the loop that measures
  for (from.words_asked = true; from.words_asked && failure_.empty();) {
    TakeCompletions();
    idle.OnIdle();
  }
  return words;
}

bool VerbsFloor::Write(std::size_t bytes) {
  GAIOS_CHECK(
      bytes % paxos::kEntryAlignment == 0 && bytes >= sizeof(EntryMark) && bytes <= kMaxFloorEntryBytes,
      "an entry of the floor is of whole cache lines");
  for (const Peer& peer : peers_) {
    if (posted_ - peer.completed >= options_.depth) {
      return false;
    }
  }
  const std::size_t offset = end_ & (options_.capacity_bytes - 1);
  const std::size_t to_end = options_.capacity_bytes - offset;
  const bool wraps = bytes > to_end;
  const std::uint64_t needed = end_ + bytes + (wraps ? to_end : 0);
  if (needed > space_end_) {
    std::uint64_t read = end_;
    for (std::size_t i = 0; i < options_.peers; ++i) {
      read = std::min(read, WordsOf(i).progress.read.load(std::memory_order_acquire));
    }
    space_end_ = read + options_.capacity_bytes;
    if (needed > space_end_) {
      return false;
    }
  }
  if (wraps) {
    const EntryMark mark{end_ + 1, 0};
    std::memcpy(source_.data() + offset, &mark, sizeof(mark));
    end_ += to_end;
  }
  // What else stands in the source is sent as it is.
  const EntryMark mark{end_ + 1, bytes};
  std::memcpy(source_.data() + (end_ & (options_.capacity_bytes - 1)), &mark, sizeof(mark));
  for (std::size_t i = 0; i < options_.peers; ++i) {
    Post(i, offset, wraps ? sizeof(mark) : 0, bytes);
  }
  end_ += bytes;
  ++posted_;
  return failure_.empty();
}

// One write, after one of `mark_bytes` when there are any: then the entry stands at the start of the ring.
void VerbsFloor::Post(std::size_t peer, std::size_t offset, std::size_t mark_bytes, std::size_t bytes) {
  const Peer& to = peers_[peer];
  std::array<ibv_sge, 2> pieces = {};
  std::array<ibv_send_wr, 2> work = {};
  const std::array<std::size_t, 2> offsets = {offset, mark_bytes == 0 ? offset : 0};
  const std::array<std::size_t, 2> lengths = {mark_bytes, bytes};
  const std::size_t first = mark_bytes == 0 ? 1 : 0;
  for (std::size_t i = first; i < work.size(); ++i) {
    pieces[i] = {.addr = reinterpret_cast<std::uintptr_t>(source_.data() + offsets[i]),
                 .length = static_cast<std::uint32_t>(lengths[i]),
                 .lkey = registration_.get()->lkey};
    work[i].wr_id = peer;
    work[i].sg_list = &pieces[i];
    work[i].num_sge = 1;
    work[i].opcode = IBV_WR_RDMA_WRITE;
    work[i].send_flags = lengths[i] <= to.pair.inline_bytes() ? IBV_SEND_INLINE : 0;
    work[i].wr.rdma.remote_addr = to.address + offsets[i];
    work[i].wr.rdma.rkey = to.key;
  }
  work[0].next = &work[1];
  work[1].send_flags |= IBV_SEND_SIGNALED;
  ibv_send_wr* bad = nullptr;
  if (const int error = ibv_post_send(to.pair.handle(), &work[first], &bad); error != 0) {
    failure_ = absl::StrCat("a write of the floor was not taken: ", std::generic_category().message(error));
  }
}

void VerbsFloor::TakeCompletions() {
  std::array<ibv_wc, kCompletionsPerLook> completions;
  const int taken = ibv_poll_cq(completions_.queue, kCompletionsPerLook, completions.data());
  for (int i = 0; i < taken; ++i) {
    const ibv_wc& completion = completions[static_cast<std::size_t>(i)];
    if (completion.status != IBV_WC_SUCCESS) {
      failure_ = absl::StrCat("a write of the floor failed: ", ibv_wc_status_str(completion.status));
      continue;
    }
    if ((completion.wr_id & kReadOfWords) != 0) {
      peers_[completion.wr_id & ~kReadOfWords].words_asked = false;
    } else {
      ++peers_[completion.wr_id].completed;
      completed_ = true;
    }
  }
}

std::size_t VerbsFloor::Poll() {
  TakeCompletions();
  if (!std::exchange(completed_, false)) {
    return 0;
  }
  // The writer and half of the peers are a majority.
  std::array<std::uint64_t, paxos::kMaxReplicas> completed = {};
  for (std::size_t i = 0; i < peers_.size(); ++i) {
    completed[i] = peers_[i].completed;
  }
  const std::size_t needed = (peers_.size() + 1) / 2;
  std::nth_element(completed.begin(), completed.begin() + static_cast<std::ptrdiff_t>(needed - 1),
                   completed.begin() + static_cast<std::ptrdiff_t>(peers_.size()), std::greater<>());
  return completed[needed - 1] - std::exchange(done_, completed[needed - 1]);
}

bool VerbsFloor::ReadByAll() {
  for (std::size_t i = 0; i < peers_.size(); ++i) {
    if (peers_[i].completed != posted_ || WordsOf(i).progress.read.load(std::memory_order_acquire) != end_) {
      return false;
    }
  }
  return true;
}

absl::Status VerbsFloor::Check() {
  if (channel_ != nullptr) {
    channel_->Poll();
    if (const std::optional<paxos::ReplicaId> gone = channel_->gone(); gone.has_value()) {
      return absl::AbortedError(
          absl::StrCat("the host of replica ", gone->value(), " ended its part during the run"));
    }
  }
  if (!failure_.empty()) {
    return absl::AbortedError(failure_);
  }
  for (ChildProcess& child : children_) {
    if (child.Ended()) {
      return absl::AbortedError("a peer of the floor ended during the run");
    }
  }
  return absl::OkStatus();
}

}  // namespace gaios::bench
