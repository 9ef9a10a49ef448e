#ifndef GAIOS_BENCH_GROUP_H_
#define GAIOS_BENCH_GROUP_H_

// A group of replicas to be measured: the leader in the calling process, each follower a process of its own
// that runs the loop users run, of this host or of others. The product, nothing of it left out.
//
// One thread. The calling thread is pinned to the leader's cpu. At most one group at a time, made while the
// process holds no other sockets.

#include <array>
#include <atomic>
#include <cstddef>
#include <cstdint>
#include <functional>
#include <memory>
#include <string>
#include <utility>
#include <vector>

#include <absl/status/status.h>
#include <absl/status/statusor.h>

#include "gaios/base/align.h"
#include "gaios/base/clock.h"
#include "gaios/base/idle.h"
#include "gaios/rsm/config.h"
#include "gaios/rsm/node_transport.h"
#include "gaios/rsm/replica.h"

#include "bench/child_process.h"
#include "bench/lossy_port.h"
#include "bench/placement.h"
#include "bench/scratch_directory.h"
#include "bench/shared_page.h"

namespace gaios::bench {

using MachineFactory = std::function<absl::StatusOr<std::unique_ptr<rsm::StateMachine>>()>;

struct GroupOptions {
  std::size_t replicas = 3;
  std::size_t capacity_bytes = std::size_t{16} << 20;
  base::IdleStrategy idle = base::IdleStrategy::kBackOff;
  rsm::TransportKind transport = rsm::TransportKind::kShm;
  std::string device = {};                                                       // as in options.h
  rsm::PortKind port = rsm::PortKind::kSocket;                                   // udp
  std::size_t payload_bytes = 1400;                                              // udp
  bool authenticate = true;                                                      // udp
  bool encrypt = false;                                                          // udp
  bool zero_copy = true;                                                         // by DPDK
  bool two_paths = false;                                                        // udp: and udp2
  std::uint64_t fill_bytes_per_second = paxos::Options().fill_bytes_per_second;  // 0: no bound
  const LossRate* loss = nullptr;  // udp: at which datagrams are lost; null: none is
  // The followers are on its hosts, and begun there: what they have in common is as it says, but for the
  // directory. Null: they are processes of this host.
  const rsm::Config* hosts = nullptr;
  MachineFactory make_machine;
};

class Group {
 public:
  // Returns once the first replica leads and every other one is in sync. `clock` must outlive the group.
  [[nodiscard]] static absl::StatusOr<std::unique_ptr<Group>> Start(const GroupOptions& options,
                                                                    const Placement& placement,
                                                                    const base::TscClock& clock);
  // The two halves of Start, where another group is to be forked between them: what is forked later would
  // keep the sockets of a leader that is open.
  [[nodiscard]] static absl::StatusOr<std::unique_ptr<Group>> Fork(const GroupOptions& options,
                                                                   const Placement& placement,
                                                                   const base::TscClock& clock);
  // A follower of a group on several hosts, in the calling process, until `stop` is set. What it has applied
  // goes to `applied`.
  [[nodiscard]] static absl::Status RunOnHost(const GroupOptions& options, const std::string& directory,
                                              const base::TscClock& clock, std::uint8_t id,
                                              std::atomic<std::uint64_t>& applied,
                                              const std::atomic<bool>& stop);
  [[nodiscard]] absl::Status Open(const GroupOptions& options, const Placement& placement,
                                  const base::TscClock& clock);
  Group(const Group&) = delete;
  Group& operator=(const Group&) = delete;
  // Stops the followers.
  ~Group();

  [[nodiscard]] rsm::Replica& leader() { return *leader_; }
  // As it was made for this group.
  [[nodiscard]] const rsm::Config& config() const { return config_; }
  [[nodiscard]] const rsm::NodeTransport& leader_transport() const { return *transport_; }
  // The fewest commands that any replica has applied.
  [[nodiscard]] std::uint64_t applied_by_all() const;
  // Where the followers are on other hosts: what tells how many commands a follower, from 1 on, has applied.
  void SetApplied(std::function<std::uint64_t(std::size_t follower)> applied) {
    applied_by_ = std::move(applied);
  }
  [[nodiscard]] const std::vector<ChildProcess>& followers() const { return followers_; }
  // That follower loses all that it holds and comes back as its next incarnation, a learner. Returns before
  // it does: poll the leader. Over shm only.
  void Restart(std::size_t follower);
  // Whether that follower is to take snapshots of itself, one after another. One that is under way then is
  // finished all the same.
  void TakeSnapshots(std::size_t follower, bool wanted);
  [[nodiscard]] bool TakesSnapshot(std::size_t follower) const;
  [[nodiscard]] std::uint64_t snapshots_taken(std::size_t follower) const;
  // Where the replicas keep what they keep.
  [[nodiscard]] const std::string& directory() const { return directory_.path(); }
  // Polls the leader until it leads and everybody else counts and is in sync.
  [[nodiscard]] absl::Status AwaitInSync(const base::TscClock& clock, std::uint64_t timeout_ns);
  // Whether everything is as Start, or AwaitInSync, left it: the leader leads, nobody was dropped, ended or
  // has diverged.
  [[nodiscard]] absl::Status Check();

 private:
  struct alignas(base::kCacheLineBytes) FollowerWord {
    std::atomic<std::uint64_t> applied{0};
    std::atomic<std::uint32_t> lives{1};  // the one that it is to be in
    std::atomic<bool> snapshots_wanted{false};
    std::atomic<bool> takes_snapshot{false};
    std::atomic<std::uint64_t> snapshots_taken{0};
  };
  struct Page {
    base::CacheLinePadded<std::atomic<bool>> stop;
    std::array<FollowerWord, paxos::kMaxReplicas> followers;
  };

  // Where a follower is told what to do, and tells what it has done.
  struct Seat {
    FollowerWord& word;
    std::atomic<std::uint64_t>& applied;
    const std::atomic<bool>& stop;
  };

  Group(SharedPage<Page> page, ScratchDirectory directory)
      : page_(std::move(page)), directory_(std::move(directory)) {}
  static absl::Status RunFollower(const GroupOptions& options, const rsm::Config& config,
                                  const base::TscClock& clock, std::uint8_t id, Page& page);
  static absl::Status RunLife(const GroupOptions& options, const rsm::Config& config,
                              const base::TscClock& clock, std::uint8_t id, std::uint32_t life,
                              const Seat& seat);
  absl::Status CheckMembers();

  SharedPage<Page> page_;
  ScratchDirectory directory_;
  rsm::Config config_;
  std::vector<ChildProcess> followers_;                   // none where they are on other hosts
  std::function<std::uint64_t(std::size_t)> applied_by_;  // empty where they are not
  std::unique_ptr<rsm::StateMachine> machine_;
  std::unique_ptr<rsm::NodeTransport> transport_;
  std::unique_ptr<rsm::Replica> leader_;
  std::size_t replicas_ = 0;
  std::vector<paxos::Grant>
      grants_;  // held by the leader at the start: a follower that is dropped gives another
};

}  // namespace gaios::bench

#endif  // GAIOS_BENCH_GROUP_H_
