#ifndef GAIOS_RSM_SNAPSHOT_DONOR_H_
#define GAIOS_RSM_SNAPSHOT_DONOR_H_

// Gives snapshots of a replica to whoever needs one: other replicas of its group, and `gaios snapshot save`.
// A thread of its own waits for them at a Unix socket and, where replicas are on several hosts, at the queue
// of visitors, whom the bootstrap has let in. It serves one at a time from the kept file, and asks the
// replica's loop for a new one when the kept one will not do. The loop is never waited for by a lock: it
// looks at an atomic, and raises a descriptor when a snapshot has been taken.
//
// Of this host only processes of this user, or root's, are listened to, of others those that have proved to
// be of the cluster; and only for as long as it takes to say what they want. What others send is dropped and
// counted.

#include <array>
#include <atomic>
#include <cstdint>
#include <memory>
#include <mutex>
#include <string>
#include <thread>

#include <absl/status/status.h>
#include <absl/status/statusor.h>

#include "gaios/base/unique_fd.h"
#include "gaios/paxos/limits.h"
#include "gaios/paxos/types.h"
#include "gaios/rsm/snapshot/facts.h"
#include "gaios/rsm/snapshot/file.h"
#include "gaios/rsm/snapshot/signal_fd.h"
#include "gaios/rsm/snapshot/transfer.h"
#include "gaios/rsm/snapshot/transfer_stream.h"
#include "gaios/rsm/snapshot/visitor_queue.h"
#include "gaios/transport/shm/owned_path.h"

namespace gaios::rsm {

struct DonorOptions {
  std::string group_directory;
  std::string socket_path;
  std::string snapshot_path;  // the kept one; there need be none
  std::string last_path;      // what kLastSnapshot asks for; given to nobody else
  SnapshotOrigin origin;      // the group's
  // Sent to all takers together, at most so much; 0 for no bound.
  std::uint64_t bytes_per_second = 0;
  // From other hosts; must outlive the donor. Null: nobody comes.
  VisitorQueue* visitors = nullptr;
  // In which a taker must have taken a chunk; one that is slower is cut off, and may go on later from there.
  int patience_ms = 5'000;
};

// Each only grows.
struct DonorCounters {
  std::uint64_t given = 0;        // whole snapshots, or the rest of one
  std::uint64_t cut_off = 0;      // transfers that ended early
  std::uint64_t refused = 0;      // takers that were told no
  std::uint64_t strangers = 0;    // of another user, or not speaking as a taker
  std::uint64_t damaged = 0;      // kept snapshots that were found to be so, and removed
  std::uint64_t bytes_given = 0;  // of chunks
  std::uint64_t joined = 0;       // who were told which group this is
};

class Donor {
 public:
  // Errors name the socket's path and what to do.
  [[nodiscard]] static absl::StatusOr<std::unique_ptr<Donor>> Open(const DonorOptions& options);
  Donor(const Donor&) = delete;
  Donor& operator=(const Donor&) = delete;
  ~Donor();  // ends transfers under way

  // ---- for the replica's loop

  // How many snapshots have been asked for. One that is begun after this was read answers as many.
  [[nodiscard]] std::uint64_t asked() const { return asked_.load(std::memory_order_acquire); }
  // The position that the latest asks for, or kFreshSnapshot, or kLastSnapshot.
  [[nodiscard]] std::uint64_t at_least() const { return at_least_.load(std::memory_order_acquire); }
  // Those up to number `asked` are answered: the snapshot is at its path, or this is why it is not.
  void Answer(std::uint64_t asked, const absl::Status& outcome);
  // Whether the one who asked for the last snapshot still waits for it, as of now. One system call.
  [[nodiscard]] bool OperatorWaits() const;
  // The latest life of `id` that is known of.
  void SetLife(paxos::ReplicaId id, paxos::Incarnation life) {
    lives_.at(id.value()).store(life.value(), std::memory_order_relaxed);
  }

  [[nodiscard]] DonorCounters counters() const;

 private:
  Donor(const DonorOptions& options, base::UniqueFd listener, SignalFd stop, SignalFd answered);
  void Run();
  void ServeProcess();
  void ServeVisitor(VisitorQueue::Visitor visitor);
  // Serves one that is trusted, from its request on; `here`: a process of this host.
  void Serve(TransferStream& stream, bool here);
  // Serves one that has said what it wants.
  [[nodiscard]] absl::Status Give(TransferStream& stream, const TransferRequest& request);
  void SetOperator(int socket);
  [[nodiscard]] absl::Status GiveLast(TransferStream& stream, const TransferRequest& request);
  [[nodiscard]] absl::Status Pass(TransferStream& stream, const TransferRequest& request,
                                  SnapshotReader& snapshot);
  // The kept snapshot if it will do.
  [[nodiscard]] absl::StatusOr<std::unique_ptr<SnapshotReader>> Kept(std::uint64_t at_least) const;
  // Has a new one taken.
  [[nodiscard]] absl::Status Ask(TransferStream& stream, std::uint64_t at_least);
  [[nodiscard]] bool AwaitAnswer(std::uint64_t number, absl::Status& outcome);
  [[nodiscard]] absl::Status Refuse(TransferStream& stream, const absl::Status& why);
  [[nodiscard]] absl::Status Sent(std::uint64_t bytes);

  const DonorOptions options_;
  const base::UniqueFd listener_;
  const transport::shm::OwnedPath socket_file_;
  const SignalFd stop_;
  const SignalFd answer_ready_;
  std::atomic<std::uint64_t> asked_ = 0;
  std::atomic<std::uint64_t> at_least_ = 0;
  std::array<std::atomic<std::uint32_t>, paxos::kMaxReplicas> lives_ = {};
  mutable std::mutex mutex_;  // of what follows; never held while anything is waited for
  int operator_ = -1;         // socket of the one who waits for the last snapshot; -1: nobody does
  std::uint64_t answered_ = 0;
  absl::Status outcome_;
  DonorCounters counters_;
  std::uint64_t next_send_ns_ = 0;  // the thread's: pace
  std::thread thread_;
};

}  // namespace gaios::rsm

#endif  // GAIOS_RSM_SNAPSHOT_DONOR_H_
