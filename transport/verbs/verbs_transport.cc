#include "gaios/transport/verbs/verbs_transport.h"

#include <algorithm>
#include <cerrno>
#include <new>
#include <string>
#include <system_error>
#include <utility>

#include <absl/status/status.h>
#include <absl/strings/str_cat.h>

#include "gaios/base/align.h"
#include "gaios/transport/verbs/locked_memory.h"

namespace gaios::transport::verbs {
namespace {

// Looks, messages and the flush of those that failed.
constexpr std::uint32_t kControlSends = kControlSlots + kSendSlots;

absl::Status CheckOptions(const VerbsOptions& options) {
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
  if (reinterpret_cast<std::uintptr_t>(options.ring) % kPageBytes != 0) {
    return absl::InvalidArgumentError(
        absl::StrCat("the memory given for the log does not begin on a page of ", kPageBytes, " bytes"));
  }
  if (options.clock == nullptr) {
    return absl::InvalidArgumentError("no clock is given");
  }
  if (options.ack_timeout < 1 || options.ack_timeout > 31) {
    return absl::InvalidArgumentError(absl::StrCat("ack_timeout ", int{options.ack_timeout},
                                                   " is not from 1 to 31; it is an exponent of 2"));
  }
  if (options.retries > 6) {
    return absl::InvalidArgumentError(absl::StrCat("retries ", int{options.retries},
                                                   " is more than 6, and 7 is without end on some devices"));
  }
  if (options.fence.has_value() && *options.fence != FenceStrategy::kQueuePair &&
      *options.fence != FenceStrategy::kDeregistration) {
    return absl::InvalidArgumentError(absl::StrCat("fence ", std::string(FenceName(*options.fence)),
                                                   " is not used: take ",
                                                   std::string(FenceName(FenceStrategy::kQueuePair)), " or ",
                                                   std::string(FenceName(FenceStrategy::kDeregistration))));
  }
  return absl::OkStatus();
}

}  // namespace

absl::StatusOr<std::unique_ptr<VerbsTransport>> VerbsTransport::Open(
    const VerbsOptions& options, std::unique_ptr<RdmaDevice> device,
    std::unique_ptr<bootstrap::PeerChannel> channel) {
  absl::StatusOr<std::unique_ptr<VerbsTransport>> transport =
      Reserve(options, std::move(device), std::move(channel));
  if (transport.ok()) {
    (*transport)->Begin();
  }
  return transport;
}

absl::StatusOr<std::unique_ptr<VerbsTransport>> VerbsTransport::Reserve(
    const VerbsOptions& options, std::unique_ptr<RdmaDevice> device,
    std::unique_ptr<bootstrap::PeerChannel> channel) {
  if (absl::Status status = CheckOptions(options); !status.ok()) {
    return status;
  }
  const absl::StatusOr<FenceStrategy> fence = FenceFor(device->facts(), options.fence);
  if (!fence.ok()) {
    return fence.status();
  }
  std::unique_ptr<VerbsTransport> transport(new VerbsTransport(options, std::move(device), *fence));
  if (absl::Status status = transport->Prepare(std::move(channel)); !status.ok()) {
    return status;
  }
  return transport;
}

VerbsTransport::VerbsTransport(const VerbsOptions& options, std::unique_ptr<RdmaDevice> device,
                               FenceStrategy fence)
    : options_(options), device_(std::move(device)), fence_(fence), log_(options.ring) {
  for (std::size_t id = 0; id < links_.size(); ++id) {
    links_[id].peer = ReplicaId(static_cast<std::uint8_t>(id));
    links_[id].bit = std::uint32_t{1} << id;
  }
}

absl::StatusOr<Registration> VerbsTransport::Register(void* at, std::size_t bytes, int access,
                                                      const char* what) {
  ibv_mr* const region = device_->RegisterMemory(at, bytes, access);
  if (region == nullptr) {
    const int error = errno;
    return absl::ResourceExhaustedError(
        absl::StrCat("RDMA device ", device_->facts().name, " does not register ", what, " of ", bytes,
                     " bytes: ", std::generic_category().message(error), LockedMemoryAdvice()));
  }
  return Registration(*device_, region);
}

absl::Status VerbsTransport::Prepare(std::unique_ptr<bootstrap::PeerChannel> channel) {
  const DeviceFacts& facts = device_->facts();
  if (facts.max_queue_pair_depth < static_cast<int>(std::max(kPathSends, kControlSends))) {
    return absl::FailedPreconditionError(absl::StrCat(
        "RDMA device ", facts.name, " has queue pairs of ", facts.max_queue_pair_depth,
        " work requests, and ", std::max(kPathSends, kControlSends), " are needed; use another device"));
  }
  const std::size_t log_bytes = LogRegionBytes(options_.capacity);
  if (log_ == nullptr) {
    absl::StatusOr<base::Memory> log = base::Memory::Create(log_bytes);
    if (!log.ok()) {
      return log.status();
    }
    log_memory_ = *std::move(log);
    log_ = log_memory_.data();
  }
  ::new (log_ + options_.capacity) LogWords;
  const std::size_t staging_bytes = std::min(options_.capacity, paxos::kMaxWriteBytes);
  absl::StatusOr<base::Memory> local = base::Memory::Create(LocalMemory::Bytes(staging_bytes));
  if (!local.ok()) {
    return local.status();
  }
  local_ = LocalMemory(*std::move(local), staging_bytes);
  control_ = ::new (local_.control_page()) ControlRegion;
  control_->incarnation.value.store(options_.incarnation.value(), std::memory_order_release);
  counters_.huge_page_bytes = log_memory_.huge_page_bytes() + local_.memory().huge_page_bytes();

  // What is left of queue pairs that are gone may still stand there when their successors work.
  const int depth = static_cast<int>(options_.replicas * (3 * kPathSends + 2 * (kControlSends + kReceives)));
  if (facts.max_completions < depth) {
    return absl::FailedPreconditionError(
        absl::StrCat("RDMA device ", facts.name, " has completion queues of ", facts.max_completions,
                     " entries, and ", depth, " are needed; use another device or fewer replicas"));
  }
  ibv_cq* const queue = device_->CreateCompletionQueue(depth);
  if (queue == nullptr) {
    return absl::UnavailableError(absl::StrCat("RDMA device ", facts.name, " makes no completion queue of ",
                                               depth, " entries: ", std::generic_category().message(errno)));
  }
  completions_ = CompletionQueue(*device_, queue);

  struct Wanted {
    Registration* registration;
    void* at;
    std::size_t bytes;
    int access;
    const char* what;
  };
  for (const Wanted& wanted : {Wanted{&own_log_, log_, log_bytes, 0, "the log"},
                               Wanted{&registration_, log_, log_bytes, kLogAccess, "the log"},
                               Wanted{&control_registration_, control_, sizeof(ControlRegion),
                                      IBV_ACCESS_REMOTE_READ, "the control region"},
                               Wanted{&local_registration_, local_.buffers(), local_.buffers_bytes(),
                                      IBV_ACCESS_LOCAL_WRITE, "the buffers"}}) {
    absl::StatusOr<Registration> registered = Register(wanted.at, wanted.bytes, wanted.access, wanted.what);
    if (!registered.ok()) {
      return registered.status();
    }
    *wanted.registration = *std::move(registered);
  }
  if (fence_ == FenceStrategy::kDeregistration) {
    absl::StatusOr<Registration> spare = Register(log_, log_bytes, kLogAccess, "the log");
    if (!spare.ok()) {
      return spare.status();
    }
    spare_ = *std::move(spare);
  }

  ConnectorOptions connector;
  connector.self = options_.self;
  connector.replicas = options_.replicas;
  connector.clock = options_.clock;
  connector.times = Times();
  connector.inline_bytes = options_.inline_bytes;
  connector.path_sends = kPathSends;
  connector.control_sends = kControlSends;
  connector.completions = completions_.get();
  connector.local = &local_;
  connector.local_key = local_registration_.get()->lkey;
  connector.log = log_;
  connector.log_bytes = log_bytes;
  connector.control = control_registration_.get();
  connector_ = std::make_unique<Connector>(connector, *device_, std::move(channel));
  if (absl::Status status = connector_->Prepare(options_.own_thread); !status.ok()) {
    return status;
  }
  return absl::OkStatus();
}

ConnectionTimes VerbsTransport::Times() const {
  return {.ack_timeout = options_.ack_timeout,
          .retries = options_.retries,
          .traffic_class = options_.traffic_class,
          .service_level = options_.service_level};
}

void VerbsTransport::Begin() {
  GAIOS_CHECK(!begun_, "a life begins once");
  begun_ = true;
  connector_->Begin();
}

std::uint64_t VerbsTransport::ReadLogWord(LogWord which) const {
  const auto* const words = reinterpret_cast<const LogWords*>(log_ + options_.capacity);
  return words->words[static_cast<std::size_t>(which)].value.load(std::memory_order_acquire);
}

void VerbsTransport::Publish(ControlWord which, std::uint64_t value) {
  control_->words[static_cast<std::size_t>(which)].value.store(value, std::memory_order_release);
}

}  // namespace gaios::transport::verbs
