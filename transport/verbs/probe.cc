#include "gaios/transport/verbs/probe.h"

#include <sched.h>

#include <algorithm>
#include <array>
#include <atomic>
#include <cerrno>
#include <chrono>
#include <cstring>
#include <memory>
#include <optional>
#include <string>
#include <system_error>
#include <thread>
#include <utility>

#include <absl/status/status.h>
#include <absl/strings/str_cat.h>

#include "gaios/base/check.h"
#include "gaios/base/memory.h"
#include "gaios/transport/verbs/connector.h"
#include "gaios/transport/verbs/locked_memory.h"
#include "gaios/transport/verbs/queue_pair.h"
#include "gaios/transport/verbs/registration.h"
#include "gaios/transport/verbs/work_status.h"

namespace gaios::transport::verbs {
namespace {

constexpr std::uint32_t kPieces = 32;       // of the log; as many writes are under way at a time
constexpr std::uint64_t kWritesBefore = 4;  // done before a fence, so that the writer is in full flight
// A writer that is fenced finds out by retries, in some 0.1 s; what is asked of a device has more patience.
constexpr ConnectionTimes kWriterTimes = {.ack_timeout = 12, .retries = 3};
constexpr ConnectionTimes kReaderTimes = {.ack_timeout = 13, .retries = 6};
// A trial that came to nothing is made again.
constexpr int kAttempts = 3;
constexpr std::uint64_t kBindId = 1;
constexpr std::uint64_t kInvalidateId = 2;
constexpr std::uint64_t kReadId = 3;

std::uint64_t NowNs() {
  return static_cast<std::uint64_t>(std::chrono::duration_cast<std::chrono::nanoseconds>(
                                        std::chrono::steady_clock::now().time_since_epoch())
                                        .count());
}

struct Queue {
  RdmaDevice* device = nullptr;
  ibv_cq* handle = nullptr;
  explicit Queue(RdmaDevice& of) : device(&of), handle(of.CreateCompletionQueue(4 * kPieces)) {}
  Queue(const Queue&) = delete;
  Queue& operator=(const Queue&) = delete;
  ~Queue() {
    if (handle != nullptr) {
      (void)device->DestroyCompletionQueue(handle);
    }
  }
};

// A window of type 2, freed with this.
struct Window {
  ibv_mw* handle = nullptr;
  // None without a domain.
  explicit Window(ibv_pd* domain)
      : handle(domain == nullptr ? nullptr : ibv_alloc_mw(domain, IBV_MW_TYPE_2)) {}
  Window(const Window&) = delete;
  Window& operator=(const Window&) = delete;
  ~Window() {
    if (handle != nullptr) {
      (void)ibv_dealloc_mw(handle);
    }
  }
};

// The memory and the queue pairs of one round: a writer and an owner, and a pair for the read after the
// fence.
class Round {
 public:
  // `domain`: for a memory window; none where none is tried. What is written are numbers above
  // `first_number`: in no other round of the same memory, or late bytes might look like those before.
  Round(RdmaDevice& device, ibv_pd* domain, const ProbeOptions& options, FenceStrategy strategy,
        std::uint64_t first_number, base::Memory& log, base::Memory& source)
      : device_(device),
        options_(options),
        strategy_(strategy),
        first_number_(first_number),
        log_(log),
        source_(source),
        writer_queue_(device),
        owner_queue_(device),
        window_(strategy == FenceStrategy::kMemoryWindow ? domain : nullptr) {}

  absl::Status Prepare();
  [[nodiscard]] bool lacks_window() const {
    return strategy_ == FenceStrategy::kMemoryWindow && window_.handle == nullptr;
  }
  absl::Status Run(FenceTrial& trial, std::vector<std::uint64_t>& times_ns);

 private:
  absl::Status Connect(QueuePair& asking, Queue& asking_queue, QueuePair& answering, Queue& answering_queue,
                       int access, const ConnectionTimes& times);
  absl::StatusOr<Registration> Register(base::Memory& memory, int access);
  absl::Status Bind();
  absl::Status Fence();
  absl::Status ReadBack();
  absl::Status Await(std::uint64_t id);
  void Write();
  [[nodiscard]] absl::Status AwaitFlight() const;
  [[nodiscard]] absl::Status AwaitEnd(bool& stopped) const;
  [[nodiscard]] std::vector<std::byte> Copy() const { return {log_.data(), log_.data() + log_.size()}; }

  RdmaDevice& device_;
  const ProbeOptions& options_;
  const FenceStrategy strategy_;
  const std::uint64_t first_number_;
  base::Memory& log_;
  base::Memory& source_;
  Queue writer_queue_;
  Queue owner_queue_;
  Registration log_region_;
  Registration read_region_;  // by which the owner reads its own log, whatever becomes of the other
  Registration source_region_;
  Window window_;
  QueuePair writer_;
  QueuePair owner_;
  QueuePair reading_;
  QueuePair answering_;
  std::uint32_t key_ = 0;
  // Of the writer's thread.
  std::atomic<std::uint64_t> begun_ = 0;  // to be posted; the last may not be yet
  std::atomic<std::uint64_t> done_ = 0;   // with success
  std::atomic<bool> failed_ = false;      // no more is posted
  std::atomic<bool> stopped_ = false;     // and all that was has completed
  std::atomic<bool> give_up_ = false;
};

absl::Status Round::Connect(QueuePair& asking, Queue& asking_queue, QueuePair& answering,
                            Queue& answering_queue, int access, const ConnectionTimes& times) {
  absl::StatusOr<QueuePair> one = QueuePair::Create(device_, asking_queue.handle, {.sends = 2 * kPieces});
  if (!one.ok()) {
    return one.status();
  }
  absl::StatusOr<QueuePair> other =
      QueuePair::Create(device_, answering_queue.handle, {.sends = 4, .access = access});
  if (!other.ok()) {
    return other.status();
  }
  asking = *std::move(one);
  answering = *std::move(other);
  for (int end = 0; end < 2; ++end) {
    QueuePair& pair = end == 0 ? asking : answering;
    const QueuePair& peer = end == 0 ? answering : asking;
    absl::Status status = pair.Receive(device_.facts().address, peer.end(), 1, times);
    if (status.ok()) {
      status = pair.Transmit(1, times);
    }
    if (!status.ok()) {
      return status;
    }
  }
  return absl::OkStatus();
}

absl::StatusOr<Registration> Round::Register(base::Memory& memory, int access) {
  ibv_mr* const region = device_.RegisterMemory(memory.data(), memory.size(), access);
  if (region == nullptr) {
    return absl::ResourceExhaustedError(
        absl::StrCat("RDMA device ", device_.facts().name, " does not register ", memory.size(),
                     " bytes: ", std::generic_category().message(errno), LockedMemoryAdvice()));
  }
  return Registration(device_, region);
}

absl::Status Round::Prepare() {
  if (writer_queue_.handle == nullptr || owner_queue_.handle == nullptr) {
    return absl::UnavailableError(
        absl::StrCat("RDMA device ", device_.facts().name,
                     " makes no completion queue: ", std::generic_category().message(errno)));
  }
  const bool window = strategy_ == FenceStrategy::kMemoryWindow;
  struct Wanted {
    Registration* region;
    base::Memory* memory;
    int access;
  };
  for (const Wanted& wanted : {Wanted{&log_region_, &log_, kLogAccess | (window ? IBV_ACCESS_MW_BIND : 0)},
                               Wanted{&read_region_, &log_, IBV_ACCESS_REMOTE_READ},
                               Wanted{&source_region_, &source_, IBV_ACCESS_LOCAL_WRITE}}) {
    absl::StatusOr<Registration> region = Register(*wanted.memory, wanted.access);
    if (!region.ok()) {
      return region.status();
    }
    *wanted.region = *std::move(region);
  }
  absl::Status status = Connect(writer_, writer_queue_, owner_, owner_queue_,
                                IBV_ACCESS_REMOTE_WRITE | IBV_ACCESS_REMOTE_READ, kWriterTimes);
  if (status.ok()) {
    status = Connect(reading_, owner_queue_, answering_, owner_queue_, IBV_ACCESS_REMOTE_READ, kReaderTimes);
  }
  key_ = log_region_.get()->rkey;
  return status.ok() && window ? Bind() : status;
}

// Waits for a completion at the owner.
absl::Status Round::Await(std::uint64_t id) {
  const auto deadline = std::chrono::steady_clock::now() + options_.patience;
  do {
    ibv_wc completion = {};
    const int taken = device_.PollCompletions(owner_queue_.handle, 1, &completion);
    if (taken == 1 && completion.wr_id == id) {
      return completion.status == IBV_WC_SUCCESS
                 ? absl::OkStatus()
                 : absl::UnavailableError(
                       absl::StrCat("the device answers ", std::string(WorkStatusName(completion.status))));
    }
    if (taken == 0) {
      ::sched_yield();
    }
  } while (std::chrono::steady_clock::now() < deadline);
  return absl::UnavailableError("the device does not answer");
}

absl::Status Round::Bind() {
  ibv_send_wr work = {};
  work.wr_id = kBindId;
  work.opcode = IBV_WR_BIND_MW;
  work.send_flags = IBV_SEND_SIGNALED;
  work.bind_mw.mw = window_.handle;
  work.bind_mw.rkey = ibv_inc_rkey(window_.handle->rkey);
  work.bind_mw.bind_info.mr = const_cast<ibv_mr*>(log_region_.get());
  work.bind_mw.bind_info.addr = reinterpret_cast<std::uintptr_t>(log_.data());
  work.bind_mw.bind_info.length = log_.size();
  work.bind_mw.bind_info.mw_access_flags = IBV_ACCESS_REMOTE_WRITE;
  ibv_send_wr* bad = nullptr;
  if (const int error = device_.PostSend(owner_.handle(), &work, &bad); error != 0) {
    return absl::UnavailableError(
        absl::StrCat("binding a memory window: ", std::generic_category().message(error)));
  }
  // The library does not do it for type 2.
  window_.handle->rkey = work.bind_mw.rkey;
  key_ = work.bind_mw.rkey;
  return Await(kBindId);
}

absl::Status Round::Fence() {
  int error = 0;
  switch (strategy_) {
    case FenceStrategy::kQueuePair:
    case FenceStrategy::kDeregistration:
      (void)owner_.Fail();
      error = owner_.Destroy();
      if (error == 0 && strategy_ == FenceStrategy::kDeregistration) {
        error = log_region_.GiveUp();
      }
      break;
    case FenceStrategy::kAccessFlags: {
      ibv_qp_attr attributes = {};
      attributes.qp_access_flags = IBV_ACCESS_REMOTE_READ;
      error = device_.ModifyQueuePair(owner_.handle(), attributes, IBV_QP_ACCESS_FLAGS);
      break;
    }
    case FenceStrategy::kMemoryWindow: {
      ibv_send_wr work = {};
      work.wr_id = kInvalidateId;
      work.opcode = IBV_WR_LOCAL_INV;
      work.send_flags = IBV_SEND_SIGNALED;
      work.invalidate_rkey = key_;
      ibv_send_wr* bad = nullptr;
      error = device_.PostSend(owner_.handle(), &work, &bad);
      if (error == 0) {
        return Await(kInvalidateId);
      }
      break;
    }
  }
  return error == 0 ? absl::OkStatus()
                    : absl::UnavailableError(absl::StrCat("fence ", std::string(FenceName(strategy_)), ": ",
                                                          std::generic_category().message(error)));
}

absl::Status Round::ReadBack() {
  ibv_sge where = {.addr = reinterpret_cast<std::uintptr_t>(source_.data()) + source_.size() - 8,
                   .length = 8,
                   .lkey = source_region_.get()->lkey};
  ibv_send_wr work = {};
  work.wr_id = kReadId;
  work.sg_list = &where;
  work.num_sge = 1;
  work.opcode = IBV_WR_RDMA_READ;
  work.send_flags = IBV_SEND_SIGNALED;
  work.wr.rdma.remote_addr = reinterpret_cast<std::uintptr_t>(log_.data());
  work.wr.rdma.rkey = read_region_.get()->rkey;
  ibv_send_wr* bad = nullptr;
  if (const int error = device_.PostSend(reading_.handle(), &work, &bad); error != 0) {
    return absl::UnavailableError(
        absl::StrCat("the read after the fence: ", std::generic_category().message(error)));
  }
  return Await(kReadId);
}

// The writer's thread: keeps as many writes under way as there are pieces, each of another number, until one
// fails.
void Round::Write() {
  std::uint64_t posted = 0;
  std::uint64_t completed = 0;
  while (!give_up_ && (!failed_ || completed < posted)) {
    std::array<ibv_wc, kPieces> completions;
    const int taken = device_.PollCompletions(writer_queue_.handle, kPieces, completions.data());
    for (int i = 0; i < taken; ++i) {
      ++completed;
      if (completions[static_cast<std::size_t>(i)].status == IBV_WC_SUCCESS) {
        ++done_;
      } else {
        failed_ = true;
      }
    }
    while (!failed_ && posted - completed < kPieces) {
      const std::size_t offset = posted % kPieces * options_.piece_bytes;
      auto* const words = reinterpret_cast<std::uint64_t*>(source_.data() + offset);
      std::fill(words, words + options_.piece_bytes / sizeof(std::uint64_t), first_number_ + posted);
      ibv_sge from = {.addr = reinterpret_cast<std::uintptr_t>(words),
                      .length = static_cast<std::uint32_t>(options_.piece_bytes),
                      .lkey = source_region_.get()->lkey};
      ibv_send_wr work = {};
      work.wr_id = posted;
      work.sg_list = &from;
      work.num_sge = 1;
      work.opcode = IBV_WR_RDMA_WRITE;
      work.send_flags = IBV_SEND_SIGNALED;
      work.wr.rdma.remote_addr = reinterpret_cast<std::uintptr_t>(log_.data() + offset);
      work.wr.rdma.rkey = key_;
      ibv_send_wr* bad = nullptr;
      begun_ = posted + 1;
      if (device_.PostSend(writer_.handle(), &work, &bad) != 0) {
        failed_ = true;
        break;
      }
      ++posted;
    }
    // A device of software needs the processor too, and so does who looks for writes under way: on one
    // processor that is here, where the last have just been posted.
    ::sched_yield();
  }
  stopped_ = failed_.load();
}

// Waits until some writes have got through and others are under way.
absl::Status Round::AwaitFlight() const {
  const auto deadline = std::chrono::steady_clock::now() + options_.patience;
  do {
    if (failed_) {
      return absl::UnavailableError("the writer fails before it is fenced");
    }
    if (const std::uint64_t done = done_; done >= kWritesBefore && begun_ > done + 1) {
      return absl::OkStatus();
    }
    ::sched_yield();
  } while (std::chrono::steady_clock::now() < deadline);
  return absl::UnavailableError("the writer does not get through, so a fence of it would say nothing");
}

// Waits until the writer has found out, or has gone on: then a write that was begun after the fence, as this
// is called, has succeeded.
absl::Status Round::AwaitEnd(bool& stopped) const {
  const std::uint64_t begun = begun_;
  const auto deadline = std::chrono::steady_clock::now() + options_.patience;
  do {
    stopped = stopped_;
    if (stopped || done_ > begun) {
      return absl::OkStatus();
    }
    ::sched_yield();
  } while (std::chrono::steady_clock::now() < deadline);
  return absl::UnavailableError("the writer does not hear what has become of its writes");
}

absl::Status Round::Run(FenceTrial& trial, std::vector<std::uint64_t>& times_ns) {
  std::thread writer([this] { Write(); });
  absl::Status status = AwaitFlight();
  if (status.ok()) {
    const std::uint64_t begin_ns = NowNs();
    status = Fence();
    times_ns.push_back(NowNs() - begin_ns);
  }
  if (status.ok()) {
    status = ReadBack();
  }
  const std::vector<std::byte> fenced = Copy();
  // Until the writer has found out, it goes on; what lands now is late.
  bool stopped = false;
  if (status.ok()) {
    status = AwaitEnd(stopped);
  }
  give_up_ = true;
  writer.join();
  if (!status.ok()) {
    return status;
  }
  if (const int error = writer_.Destroy(); error != 0) {
    return absl::UnavailableError(
        absl::StrCat("destroying a queue pair: ", std::generic_category().message(error)));
  }
  if (absl::Status again = ReadBack(); !again.ok()) {
    return again;
  }
  ++trial.rounds;
  trial.writes += done_;
  trial.not_stopped += stopped ? 0 : 1;
  trial.late_writes += Copy() == fenced ? 0 : 1;
  return absl::OkStatus();
}

// The memory of trials, and the number that the next round begins with.
struct Ground {
  base::Memory log;
  base::Memory source;
  std::uint64_t next_number = 1;
};
constexpr std::uint64_t kNumbersOfARound = std::uint64_t{1} << 40;

absl::StatusOr<Ground> MakeGround(const ProbeOptions& options) {
  GAIOS_CHECK(options.rounds > 0 && options.piece_bytes % sizeof(std::uint64_t) == 0,
              "at least one round, of whole words");
  absl::StatusOr<base::Memory> log = base::Memory::Create(kPieces * options.piece_bytes);
  if (!log.ok()) {
    return log.status();
  }
  absl::StatusOr<base::Memory> source = base::Memory::Create(kPieces * options.piece_bytes + kPageBytes);
  if (!source.ok()) {
    return source.status();
  }
  return Ground{.log = *std::move(log), .source = *std::move(source)};
}

// A trial of an available strategy; of a window, where no more is had, one that is not available.
absl::StatusOr<FenceTrial> Try(RdmaDevice& device, ibv_pd* domain, FenceStrategy strategy,
                               const ProbeOptions& options, Ground& ground) {
  FenceTrial trial = {.strategy = strategy, .available = true};
  std::vector<std::uint64_t> times_ns;
  for (std::uint32_t round = 0; round < options.rounds; ++round) {
    Round one(device, domain, options, strategy, ground.next_number, ground.log, ground.source);
    ground.next_number += kNumbersOfARound;
    if (one.lacks_window()) {
      trial.available = false;
      break;
    }
    absl::Status status = one.Prepare();
    if (status.ok()) {
      status = one.Run(trial, times_ns);
    }
    if (!status.ok() && trial.late_writes + trial.not_stopped != 0) {
      break;  // what has been seen is not to be forgotten for another attempt
    }
    if (!status.ok()) {
      return absl::Status(status.code(),
                          absl::StrCat("trying ", std::string(FenceName(strategy)), ": ", status.message()));
    }
  }
  if (!times_ns.empty()) {
    const auto middle = times_ns.begin() + static_cast<std::ptrdiff_t>(times_ns.size() / 2);
    std::nth_element(times_ns.begin(), middle, times_ns.end());
    trial.time_ns = *middle;
  }
  trial.held = trial.available && trial.late_writes == 0 && trial.not_stopped == 0;
  return trial;
}

std::uint32_t MaxInline(LibverbsDevice& device, ibv_cq* queue) {
  std::uint32_t good = 0;
  std::uint32_t bad = 1U << 14;
  while (bad - good > 1) {
    const std::uint32_t middle = good + (bad - good) / 2;
    ibv_qp_init_attr attributes = {};
    attributes.send_cq = attributes.recv_cq = queue;
    attributes.qp_type = IBV_QPT_RC;
    attributes.cap = {
        .max_send_wr = 1, .max_recv_wr = 1, .max_send_sge = 1, .max_recv_sge = 1, .max_inline_data = middle};
    ibv_qp* const pair = device.CreateQueuePair(attributes);
    if (pair == nullptr) {
      bad = middle;
      continue;
    }
    good = std::max(middle, std::min(attributes.cap.max_inline_data, bad - 1));
    if (device.DestroyQueuePair(pair) != 0) {
      break;
    }
  }
  return good;
}

}  // namespace

absl::StatusOr<ProbeReport> Probe(LibverbsDevice& device, const ProbeOptions& options) {
  absl::StatusOr<Ground> ground = MakeGround(options);
  if (!ground.ok()) {
    return ground.status();
  }
  ProbeReport report;
  {
    const Queue queue(device);
    report.max_inline_bytes = queue.handle == nullptr ? 0 : MaxInline(device, queue.handle);
  }
  for (int index = 0; index < kFenceStrategies; ++index) {
    const auto strategy = static_cast<FenceStrategy>(index);
    if (strategy == FenceStrategy::kMemoryWindow && !device.facts().memory_windows) {
      report.fences.push_back({.strategy = strategy});
      continue;
    }
    const absl::StatusOr<FenceTrial> trial =
        Try(device, device.protection_domain(), strategy, options, *ground);
    if (!trial.ok()) {
      return trial.status();
    }
    report.fences.push_back(*trial);
  }
  return report;
}

absl::StatusOr<FenceTrial> CheckFence(RdmaDevice& device, FenceStrategy strategy,
                                      const ProbeOptions& options) {
  GAIOS_CHECK(strategy == FenceStrategy::kQueuePair || strategy == FenceStrategy::kDeregistration,
              "one that the transport uses");
  absl::StatusOr<Ground> ground = MakeGround(options);
  if (!ground.ok()) {
    return ground.status();
  }
  absl::StatusOr<FenceTrial> trial = Try(device, nullptr, strategy, options, *ground);
  for (int attempt = 1; attempt < kAttempts && absl::IsUnavailable(trial.status()); ++attempt) {
    trial = Try(device, nullptr, strategy, options, *ground);
  }
  if (!trial.ok()) {
    return absl::Status(trial.status().code(), absl::StrCat("RDMA device ", device.facts().name,
                                                            " is not used, as its fence cannot be tried: ",
                                                            trial.status().message()));
  }
  if (!trial->held) {
    return absl::FailedPreconditionError(absl::StrCat(
        "fence ", std::string(FenceName(strategy)), " does not hold on RDMA device ", device.facts().name,
        ": of ", trial->rounds, " writers that were fenced ", trial->not_stopped, " wrote on, and bytes of ",
        trial->late_writes, " landed late. ",
        strategy == FenceStrategy::kQueuePair ? "Take fence = \"mr_deregistration\", or another device"
                                              : "Take another device",
        "; `gaios rdma-probe` shows what this one does"));
  }
  return trial;
}

}  // namespace gaios::transport::verbs
