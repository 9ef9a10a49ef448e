#ifndef GAIOS_RSM_SNAPSHOT_FETCHER_H_
#define GAIOS_RSM_SNAPSHOT_FETCHER_H_

// Fetches a snapshot from the first of several sources that has one, on a thread of its own. What has come
// of one that was cut off is kept, and the next source, or the next attempt, goes on from there. One thread,
// the replica's; no call blocks but the destructor, which ends what is under way.

#include <atomic>
#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <thread>
#include <vector>

#include <absl/status/status.h>
#include <absl/status/statusor.h>

#include "gaios/paxos/types.h"
#include "gaios/rsm/snapshot/donor_route.h"
#include "gaios/rsm/snapshot/facts.h"
#include "gaios/rsm/snapshot/signal_fd.h"
#include "gaios/rsm/snapshot/transfer.h"

namespace gaios::rsm {

class Fetcher {
 public:
  // Snapshots will be at `path`, are of `own`, and come by `route`.
  [[nodiscard]] static absl::StatusOr<std::unique_ptr<Fetcher>> Create(const std::string& path,
                                                                       const SnapshotOrigin& own,
                                                                       std::unique_ptr<DonorRoute> route);
  Fetcher(const Fetcher&) = delete;
  Fetcher& operator=(const Fetcher&) = delete;
  ~Fetcher();

  // Asks one source after the other for a snapshot of `at_least` or later. Not while it is busy.
  void Start(std::vector<paxos::ReplicaId> sources, std::uint64_t at_least);
  [[nodiscard]] bool busy() const { return thread_.joinable(); }

  struct Failure {
    paxos::ReplicaId replica;
    absl::Status status;
  };
  struct Result {
    bool fetched = false;           // a checked snapshot is at the path
    std::uint64_t resumed_at = 0;   // the chunk from which on it came at last
    std::vector<Failure> failures;  // of the sources that were tried in vain
  };
  // Nothing while it is busy, or has not been started; then what came of it, once.
  [[nodiscard]] std::optional<Result> Poll();

  [[nodiscard]] const std::string& path() const { return incoming_.path(); }

 private:
  Fetcher(const std::string& path, const SnapshotOrigin& own, std::unique_ptr<DonorRoute> route,
          SignalFd stop)
      : stop_(std::move(stop)), route_(std::move(route)), incoming_(path, own) {}
  void Run(const std::vector<paxos::ReplicaId>& sources, std::uint64_t at_least);

  const SignalFd stop_;
  const std::unique_ptr<DonorRoute> route_;
  IncomingSnapshot incoming_;  // the thread's, while it runs
  Result result_;              // likewise
  std::atomic<bool> done_ = false;
  std::thread thread_;
};

}  // namespace gaios::rsm

#endif  // GAIOS_RSM_SNAPSHOT_FETCHER_H_
