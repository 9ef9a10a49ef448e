#ifndef GAIOS_RSM_REPLICA_THREAD_H_
#define GAIOS_RSM_REPLICA_THREAD_H_

// Runs a node on a thread of its own, pinned if asked, for applications that have no loop to call Poll from.
// Commands come in through a bounded lock-free queue from any number of threads. For the lowest latency call
// Node::Poll from your own loop instead: then there is no hop between threads.

#include <array>
#include <atomic>
#include <cstddef>
#include <cstdint>
#include <memory>
#include <optional>
#include <span>
#include <thread>

#include <absl/status/status.h>
#include <absl/status/statusor.h>

#include "gaios/base/idle.h"
#include "gaios/base/mpsc_ring.h"
#include "gaios/base/wakeup.h"
#include "gaios/rsm/node.h"
#include "gaios/rsm/replica.h"

namespace gaios::rsm {

// Called on the replica's thread. Every command that Submit took is answered by exactly one of the three.
class ThreadListener : public ProposalListener {
 public:
  // The replica did not take it: nothing of it is in the log.
  virtual void OnRefused(std::uint64_t tag, Taken why) = 0;
};

// Largest command that goes through the queue of a ReplicaThread; larger ones need a loop of your own.
inline constexpr std::size_t kMaxQueuedCommandBytes = 1024;

struct ReplicaThreadOptions {
  std::optional<int> cpu;
  // Under kBlock, Submit and datagrams at kernel sockets wake the thread at once; what else peers and clients
  // of other processes do is found within base::IdleOptions::max_block_ns, 1 ms.
  base::IdleStrategy idle = base::IdleStrategy::kBackOff;
  std::size_t queue_commands = 4096;  // a power of two; each reserves kMaxQueuedCommandBytes
};

// A command on its way to the replica's thread.
struct QueuedCommand {
  ThreadListener* listener = nullptr;
  std::uint64_t tag = 0;
  std::size_t length = 0;
  std::array<std::byte, kMaxQueuedCommandBytes> bytes;
};

class ReplicaThread {
 public:
  // Starts the thread; the node is its own from now on. Fails when the cpu cannot be had.
  [[nodiscard]] static absl::StatusOr<std::unique_ptr<ReplicaThread>> Start(
      std::unique_ptr<Node> node, const ReplicaThreadOptions& options);
  ReplicaThread(const ReplicaThread&) = delete;
  ReplicaThread& operator=(const ReplicaThread&) = delete;
  // Stops and joins the thread. Commands still in the queue are refused; those under way in the log are
  // unknown.
  ~ReplicaThread();

  // Any thread. kFull: the queue is full, try again. kTooLarge: over kMaxQueuedCommandBytes. Whether this
  // replica leads is found out by its thread, which tells `listener`.
  Taken Submit(std::span<const std::byte> command, ThreadListener& listener, std::uint64_t tag);

  // Any thread: as of a moment ago.
  [[nodiscard]] bool leading() const { return leading_.load(std::memory_order_acquire); }
  [[nodiscard]] std::uint64_t applied_commands() const {
    return applied_commands_.load(std::memory_order_acquire);
  }

 private:
  ReplicaThread(std::unique_ptr<Node> node, const ReplicaThreadOptions& options,
                std::unique_ptr<base::Wakeup> wakeup);
  void Run();
  bool TakeCommands();

  const ReplicaThreadOptions options_;
  std::unique_ptr<Node> node_;
  std::unique_ptr<base::Wakeup> wakeup_;
  base::MpscRing<QueuedCommand> queue_;
  QueuedCommand next_;  // taken off the queue
  bool held_ = false;   // `next_` was refused as full and is tried again
  std::atomic<bool> stop_ = false;
  std::atomic<bool> leading_ = false;
  std::atomic<std::uint64_t> applied_commands_ = 0;
  std::thread thread_;
};

}  // namespace gaios::rsm

#endif  // GAIOS_RSM_REPLICA_THREAD_H_
