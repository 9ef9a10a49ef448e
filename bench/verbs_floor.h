#ifndef GAIOS_BENCH_VERBS_FLOOR_H_
#define GAIOS_BENCH_VERBS_FLOOR_H_

// What the product is measured against over RDMA: the same bytes written to the same number of peers by
// queue pairs of the same kind (RC), and nothing else. For each entry the writer posts one RDMA WRITE to each
// peer, inline where the device takes it, each signalled; an entry counts as done when as many completions
// are in as a majority needs beside the writer. Each peer is a process with a device context, a ring and a
// queue pair of its own; it polls its ring and reads every byte of what has landed, with the idle strategy
// and on the cpu of the product's followers. There is no log, no checksum, no batching, nothing is applied.
//
// Devices are opened and queue pairs connected by the transport's own code, so that they are set as the
// product's are; from there on it is ibv_post_send and ibv_poll_cq.
//
// One thread. How far peers have read is seen in memory that they share with the writer; where they are on
// other hosts the writer reads it there by RDMA, when it has to know.

#include <array>
#include <atomic>
#include <cstddef>
#include <cstdint>
#include <functional>
#include <memory>
#include <string>
#include <vector>

#include <absl/status/status.h>
#include <absl/status/statusor.h>

#include "gaios/base/align.h"
#include "gaios/base/idle.h"
#include "gaios/base/memory.h"
#include "gaios/paxos/limits.h"
#include "gaios/rsm/config.h"
#include "gaios/transport/verbs/libverbs_device.h"
#include "gaios/transport/verbs/queue_pair.h"
#include "gaios/transport/verbs/registration.h"

#include "bench/child_process.h"
#include "bench/placement.h"
#include "bench/shared_page.h"
#include "bench/verbs_meeting.h"

namespace gaios::bench {

struct VerbsFloorOptions {
  std::string device = {};  // empty: the only one
  int port = 1;
  std::string address = {};  // of the port, as LibverbsDevice::Open has it
  std::size_t peers = 2;
  std::size_t capacity_bytes = std::size_t{16} << 20;  // of each ring, a power of two
  std::size_t depth = 16;  // entries under way to one peer; the product's pipeline depth
  base::IdleStrategy idle = base::IdleStrategy::kBackOff;
};

class VerbsFloor {
 public:
  // Starts the peers. `options` is copied.
  [[nodiscard]] static absl::StatusOr<std::unique_ptr<VerbsFloor>> Fork(const VerbsFloorOptions& options,
                                                                        const Placement& placement);
  // Its peers are on the hosts of `config`, whose first replica this is. `clock` must outlive the floor.
  [[nodiscard]] static absl::StatusOr<std::unique_ptr<VerbsFloor>> OnHosts(const VerbsFloorOptions& options,
                                                                           const rsm::Config& config,
                                                                           const base::Clock& clock);
  // On hosts: waits until all of them have come, and tells the user of those that are refused meanwhile.
  // DeadlineExceeded after ten minutes, naming who is missing.
  [[nodiscard]] absl::Status AwaitHosts(const std::function<void(const std::string&)>& tell);
  // On hosts: tells them that all went well, and waits until they have ended, for some seconds.
  void Finish();
  // A peer, in the calling process, until `stop` is set.
  [[nodiscard]] static absl::Status RunPeer(const VerbsFloorOptions& options, Meeting& meeting,
                                            const std::atomic<bool>& stop);
  VerbsFloor(const VerbsFloor&) = delete;
  VerbsFloor& operator=(const VerbsFloor&) = delete;
  ~VerbsFloor();

  // Opens the device here and connects to the peers, once. What forks has to have forked before: registered
  // memory is not for children.
  [[nodiscard]] absl::Status Connect();

  // Posts an entry of `bytes`, a multiple of 64, to all peers; false when there is no room at one of them, or
  // something has failed.
  [[nodiscard]] bool Write(std::size_t bytes);
  // Takes completions. Returns how many entries a majority now has that it had not at the last call.
  std::size_t Poll();

  // Whether every entry has completed everywhere, and every peer has read it.
  [[nodiscard]] bool ReadByAll();
  // What the replica on the host of a peer has applied, where that is another host. All there could be when
  // that can no longer be read, so that nobody waits for it: Check tells of it.
  [[nodiscard]] std::uint64_t AppliedBy(std::size_t peer) {
    const PeerWords& words = WordsOf(peer);
    return failed() ? ~std::uint64_t{0} : words.applied.load(std::memory_order_relaxed);
  }
  // A write was not taken or has failed: nothing will complete any more.
  [[nodiscard]] bool failed() const { return !failure_.empty(); }
  // Whether all has gone well so far.
  [[nodiscard]] absl::Status Check();
  [[nodiscard]] const transport::verbs::DeviceFacts& facts() const { return device_->facts(); }
  // Of its queue pairs: the longest write that travels within its work request.
  [[nodiscard]] std::uint32_t inline_bytes() const { return peers_.front().pair.inline_bytes(); }

 private:
  struct Page {
    base::CacheLinePadded<std::atomic<bool>> stop;
    std::array<Meeting, paxos::kMaxReplicas> peers;
  };
  // A peer as the writer sees it.
  struct Peer {
    transport::verbs::QueuePair pair;
    std::uint64_t address = 0;
    std::uint32_t key = 0;
    std::uint64_t completed = 0;  // entries
    bool words_asked = false;     // a read of its words is under way
  };
  struct CompletionQueue {
    transport::verbs::LibverbsDevice* device = nullptr;
    ibv_cq* queue = nullptr;
    ~CompletionQueue();
  };

  VerbsFloor(const VerbsFloorOptions& options, SharedPage<Page> page)
      : options_(options), page_(std::move(page)) {}
  absl::Status AwaitPeer(Meeting& meeting, MeetingStep step, std::size_t peer);
  absl::Status ConnectTo(std::size_t peer);
  // As they are now.
  const PeerWords& WordsOf(std::size_t peer);
  void TakeCompletions();
  void Post(std::size_t peer, std::size_t offset, std::size_t mark_bytes, std::size_t bytes);

  const VerbsFloorOptions options_;
  SharedPage<Page> page_;
  std::vector<ChildProcess> children_;       // none where the peers are on other hosts
  std::unique_ptr<MeetingChannel> channel_;  // null where they are not
  std::unique_ptr<transport::verbs::LibverbsDevice> device_;
  base::Memory source_;  // the entries, at their places
  transport::verbs::Registration registration_;
  transport::verbs::Registration words_;  // where words of other hosts are read to
  CompletionQueue completions_;
  std::vector<Peer> peers_;
  std::uint64_t end_ = 0;
  std::uint64_t space_end_ = 0;  // positions below may be written without asking the peers
  std::uint64_t posted_ = 0;     // entries
  std::uint64_t done_ = 0;       // entries that a majority has
  bool completed_ = false;       // something has, since the last look at how many a majority has
  std::string failure_;
};

}  // namespace gaios::bench

#endif  // GAIOS_BENCH_VERBS_FLOOR_H_
