#include "gaios/rsm/replica_thread.h"

#include <cstring>
#include <future>
#include <utility>

#include "gaios/base/pinning.h"

namespace gaios::rsm {

absl::StatusOr<std::unique_ptr<ReplicaThread>> ReplicaThread::Start(std::unique_ptr<Node> node,
                                                                    const ReplicaThreadOptions& options) {
  absl::StatusOr<std::unique_ptr<base::Wakeup>> wakeup = base::Wakeup::Create();
  if (!wakeup.ok()) {
    return wakeup.status();
  }
  std::unique_ptr<ReplicaThread> started(new ReplicaThread(std::move(node), options, *std::move(wakeup)));
  std::promise<absl::Status> pinned;
  std::future<absl::Status> outcome = pinned.get_future();
  started->thread_ = std::thread([thread = started.get(), &pinned] {
    base::SetThisThreadName("gaios-replica");
    const std::optional<int> cpu = thread->options_.cpu;
    const absl::Status status = cpu.has_value() ? base::PinThisThread(*cpu) : absl::OkStatus();
    pinned.set_value(status);
    if (status.ok()) {
      thread->Run();
    }
  });
  absl::Status status = outcome.get();
  if (!status.ok()) {
    return status;
  }
  return started;
}

ReplicaThread::ReplicaThread(std::unique_ptr<Node> node, const ReplicaThreadOptions& options,
                             std::unique_ptr<base::Wakeup> wakeup)
    : options_(options), node_(std::move(node)), wakeup_(std::move(wakeup)), queue_(options.queue_commands) {}

ReplicaThread::~ReplicaThread() {
  stop_.store(true, std::memory_order_release);
  wakeup_->Notify();
  if (thread_.joinable()) {
    thread_.join();
  }
  node_->replica().Close();
  while (held_ || queue_.TryPop(next_)) {
    held_ = false;
    next_.listener->OnRefused(next_.tag, Taken::kNotLeader);
  }
}

Taken ReplicaThread::Submit(std::span<const std::byte> command, ThreadListener& listener, std::uint64_t tag) {
  if (command.size() > kMaxQueuedCommandBytes) {
    return Taken::kTooLarge;
  }
  QueuedCommand place;
  place.listener = &listener;
  place.tag = tag;
  place.length = command.size();
  if (!command.empty()) {
    std::memcpy(place.bytes.data(), command.data(), command.size());
  }
  if (!queue_.TryPush(place)) {
    return Taken::kFull;
  }
  wakeup_->Notify();
  return Taken::kTaken;
}

bool ReplicaThread::TakeCommands() {
  bool took = false;
  while (held_ || queue_.TryPop(next_)) {
    const Taken taken =
        node_->replica().Propose({next_.bytes.data(), next_.length}, *next_.listener, next_.tag);
    held_ = taken == Taken::kFull;
    if (held_) {
      break;  // backpressure: the queue fills, and Submit says so
    }
    took = true;
    if (taken != Taken::kTaken) {
      next_.listener->OnRefused(next_.tag, taken);
    }
  }
  return took;
}

void ReplicaThread::Run() {
  wakeup_->Watch(node_->Descriptors());
  base::Idle idle(options_.idle, {}, wakeup_.get());
  while (!stop_.load(std::memory_order_acquire)) {
    const bool took = TakeCommands();
    const bool worked = node_->Poll();
    leading_.store(node_->replica().leading(), std::memory_order_release);
    applied_commands_.store(node_->replica().applied_commands(), std::memory_order_release);
    if (took || worked) {
      idle.OnWork();
    } else if (node_->awaiting()) {
      idle.OnAwaiting();
    } else {
      idle.OnIdle();
    }
  }
}

}  // namespace gaios::rsm
