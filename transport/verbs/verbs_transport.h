#ifndef GAIOS_TRANSPORT_VERBS_VERBS_TRANSPORT_H_
#define GAIOS_TRANSPORT_VERBS_VERBS_TRANSPORT_H_

// The transport contract over RDMA: InfiniBand, RoCEv2, Soft-RoCE.
//
// A write is an RDMA WRITE from the own ring into the acceptor's, by a queue pair (RC) that exists for this
// one grant. To fence is to destroy that queue pair and, where the device needs it, the registration of the
// log; then a read through the device brings what it still had on its way into memory, and only then is the
// next grant given. docs/verbs.md has the argument.
//
//   Accept.  A completion says that the acceptor's device has taken the write while the queue pair was there,
//            so before the fence; the read after the fence is behind it.
//   Promise. The queue pair that an earlier writer holds has no other end any more, and its key is void.
//
// A queue pair that fails does not say whether it was fenced. The acceptor publishes its promise before it
// fences, and tells the writer by message after; a writer that has heard nothing reads the promise.
//
// Files: this header; verbs_transport.cc (opening), granting.cc (the owner's side), datapath.cc (everything
// between Write and its completion), posting_to_all.cc (writes to many in one call), links.cc (links,
// messages, looks at control regions). Connections are made by the Connector, on a thread of its own. Thread
// safety, ownership and errors are the contract's, in gaios/transport/transport.h. A device that loses its
// completions, as one that was pulled out, ends all links for good, and a notice tells the user. For the
// other paths of the replica grants are then given on Soft-RoCE when nobody can write by it any more, and on
// no other device: there nobody can know.

#include <array>
#include <atomic>
#include <cstddef>
#include <cstdint>
#include <memory>
#include <span>
#include <string>
#include <vector>

#include <absl/status/statusor.h>

#include "gaios/base/check.h"
#include "gaios/base/memory.h"
#include "gaios/transport/bootstrap/peer_channel.h"
#include "gaios/transport/transport.h"
#include "gaios/transport/verbs/connector.h"
#include "gaios/transport/verbs/device.h"
#include "gaios/transport/verbs/kept_paths.h"
#include "gaios/transport/verbs/layout.h"
#include "gaios/transport/verbs/link.h"
#include "gaios/transport/verbs/local_memory.h"
#include "gaios/transport/verbs/options.h"
#include "gaios/transport/verbs/registration.h"
#include "gaios/transport/verbs/work_id.h"

namespace gaios::transport::verbs {

class VerbsTransport final : public Transport {
 public:
  // Registers all memory: all that may fail for want of something, and nothing that a peer could notice,
  // since the channel is not polled yet. InvalidArgument: the options do not make sense. FailedPrecondition:
  // no fence is known to hold on this device. ResourceExhausted: too little memory, or the limit of locked
  // memory is too small. Unavailable: the device refuses.
  static absl::StatusOr<std::unique_ptr<VerbsTransport>> Reserve(
      const VerbsOptions& options, std::unique_ptr<RdmaDevice> device,
      std::unique_ptr<bootstrap::PeerChannel> channel);
  // Begins the life: peers come and go by the channel from now on. Called once, before the first Poll.
  void Begin();
  // The two in one.
  static absl::StatusOr<std::unique_ptr<VerbsTransport>> Open(
      const VerbsOptions& options, std::unique_ptr<RdmaDevice> device,
      std::unique_ptr<bootstrap::PeerChannel> channel);

  VerbsTransport(const VerbsTransport&) = delete;
  VerbsTransport& operator=(const VerbsTransport&) = delete;
  ~VerbsTransport() override = default;

  [[nodiscard]] std::size_t capacity() const override { return options_.capacity; }
  [[nodiscard]] std::byte* log() override { return log_; }
  [[nodiscard]] std::uint64_t ReadLogWord(LogWord which) const override;
  void Publish(ControlWord which, std::uint64_t value) override;
  [[nodiscard]] std::atomic<std::uint64_t>* PublishedWord(ControlWord which) override {
    return &control_->words[static_cast<std::size_t>(which)].value;
  }
  void GrantTo(ReplicaId to, Grant grant) override;

  Post Write(ReplicaId peer, Grant grant, Incarnation acceptor, Range range, std::uint64_t token) override;
  [[nodiscard]] std::size_t WriteMany(std::span<const RangeWrite> writes) override;
  [[nodiscard]] bool PostToAll(std::span<const WriteTarget> targets, std::uint64_t formation,
                               Range range) override;
  [[nodiscard]] bool posts_to_all() const override { return true; }
  Post WriteWord(ReplicaId peer, Grant grant, Incarnation acceptor, LogWord which, std::uint64_t value,
                 std::uint64_t token) override;
  Post ReadLog(ReplicaId peer, Grant grant, Incarnation acceptor, Range range, std::uint64_t token) override;
  Post ReadControl(ReplicaId peer) override;
  void Send(ReplicaId peer, std::span<const std::byte> message) override;
  void Abandon(ReplicaId peer) override;

  std::size_t Poll(EventHandler& handler) override;
  // Makes connections, as far as that need not wait. Where they are not made by a thread of the transport's
  // own Poll does so, and its user may do so beside.
  void StepConnections();

  // Bytes of memory set aside, each counted once however often it is registered; not of a ring that was
  // given.
  [[nodiscard]] std::size_t reserved_bytes() const { return log_memory_.size() + local_.memory().size(); }
  [[nodiscard]] const DeviceFacts& facts() const { return device_->facts(); }
  [[nodiscard]] FenceStrategy fence() const { return fence_; }
  [[nodiscard]] const VerbsCounters& counters() const { return counters_; }
  // Of the looks at the peer's control region, which are RDMA reads: smoothed, from the posting to the Poll
  // that finds it done. 0: not measured since the link was made.
  [[nodiscard]] std::uint64_t rtt_ns(ReplicaId peer) const { return links_[peer.value()].rtt_ns; }
  [[nodiscard]] bootstrap::ChannelCounters channel_counters() const { return connector_->channel_counters(); }
  // Sentences for the user, since the last call.
  [[nodiscard]] std::vector<std::string> TakeNotices() { return connector_->TakeNotices(); }

 private:
  enum class Granting : std::uint8_t {
    kNothing,
    kFence,     // promised; whoever had access is to lose it
    kFlush,     // fenced; a read through the device has to come back
    kOpen,      // the new holder gets its queue pair
    kAnnounce,  // asked again for the grant that is held
  };
  class CompletionQueue {
   public:
    CompletionQueue() = default;
    CompletionQueue(RdmaDevice& device, ibv_cq* queue) : device_(&device), queue_(queue) {}
    CompletionQueue(CompletionQueue&& other) noexcept { *this = std::move(other); }
    CompletionQueue& operator=(CompletionQueue&& other) noexcept {
      std::swap(device_, other.device_);
      std::swap(queue_, other.queue_);
      return *this;
    }
    ~CompletionQueue() {
      if (queue_ != nullptr) {
        (void)device_->DestroyCompletionQueue(queue_);
      }
    }
    [[nodiscard]] ibv_cq* get() const { return queue_; }

   private:
    RdmaDevice* device_ = nullptr;
    ibv_cq* queue_ = nullptr;
  };
  // Who may write to the own log.
  struct Holder {
    ReplicaId peer;
    std::uint16_t link_life = 0;
    Grant grant;
    std::uint32_t pair_id = 0;
    QueuePair pair;  // none: nobody
  };

  VerbsTransport(const VerbsOptions& options, std::unique_ptr<RdmaDevice> device, FenceStrategy fence);
  absl::Status Prepare(std::unique_ptr<bootstrap::PeerChannel> channel);
  [[nodiscard]] ConnectionTimes Times() const;
  absl::StatusOr<Registration> Register(void* at, std::size_t bytes, int access, const char* what);

  // granting.cc
  std::size_t AdvanceGrant(EventHandler& handler);
  std::size_t GrantWithoutDevice(EventHandler& handler);
  bool FenceHolder();
  bool GiveUpRegistration();
  void TakeRegistration();
  void Flush();
  void ClearLogWords();
  bool PostFlush();
  void OnFlush(std::uint32_t number, ibv_wc_status status);
  void OpenToHolder();

  // datapath.cc
  Link& LinkTo(ReplicaId peer) {
    GAIOS_CHECK(peer.value() < options_.replicas && peer != options_.self,
                "operations go to another replica");
    return links_[peer.value()];
  }
  Post Admit(Link& link, Operation operation, const Grant& grant, Incarnation acceptor, std::uint64_t token);
  void Enqueue(Link& link, Operation operation, const Grant& grant, std::uint64_t token);
  Post WriteOne(const RangeWrite& write);
  void PutWork(Link& link, ibv_wr_opcode opcode, const void* local, std::uint32_t key, std::uint64_t remote,
               std::size_t bytes);
  void AddWork(Link& link, ibv_wr_opcode opcode, const void* local, std::uint32_t key, std::uint64_t remote,
               std::size_t bytes);
  void FlushChain(Link& link);
  void FlushChains();
  bool BeforeLook(EventHandler& handler, std::size_t& events);
  std::size_t AfterLook(EventHandler& handler);
  std::size_t TellWritten(EventHandler& handler);
  std::size_t CloseLinks(EventHandler& handler);
  std::size_t LoseDevice(std::string_view what, EventHandler& handler);
  void RefuseNews();
  std::size_t OnWork(const ibv_wc& work, EventHandler& handler);
  std::size_t OnPathWork(Link& link, std::uint32_t number, EventHandler& handler);
  std::size_t ReportDecided(Link& link, EventHandler& handler);
  void BreakPath(Link& link);
  void DropPath(Link& link, Outcome outcome, PathState state);
  void EndRead(Outcome outcome);
  void GiveUpPair(Link& link);

  // Of those for which something is posted by itself.
  Link& LoneLinkTo(ReplicaId peer) {
    Link& link = LinkTo(peer);
    if (link.kept) [[unlikely]] {
      LetGo();
    }
    return link;
  }

  // posting_to_all.cc
  bool KeepPaths(std::span<const WriteTarget> targets, std::uint64_t formation);
  void Keep(Link& link, const WriteTarget& target);
  void LetGo();
  void BreakRefused();
  void TakeOver(Link& link, std::uint32_t number);

  // links.cc
  std::size_t TakeNews(EventHandler& handler);
  std::size_t Attend(EventHandler& handler);
  std::size_t BringUp(Link& link, EventHandler& handler);
  std::size_t CloseLink(Link& link, EventHandler& handler);
  void Connected(News news);
  bool PostControl(Link& link, std::uint32_t slot);
  bool StartControl(Link& link, Look look);
  void SampleRtt(Link& link, std::uint32_t slot);
  std::size_t OnControlWork(Link& link, std::uint32_t slot, EventHandler& handler);
  void OnAsked(Link& link, const ControlView& view);
  void Greet(Link& link);
  std::size_t OnReceive(Link& link, std::uint32_t slot, std::uint32_t bytes, EventHandler& handler);
  std::size_t OnMessage(Link& link, const DecodedMessage& message, EventHandler& handler);
  bool TakeGrant(Link& link, const Granted& granted);
  void DropPrepared(Link& link, std::uint32_t id);
  [[nodiscard]] static bool CanSend(const Link& link);
  bool SendMessage(Link& link, MessageType type, std::span<const std::byte> body);
  void SendWaiting(Link& link);

  VerbsOptions options_;
  // Members are destroyed from the last to the first: what the device has made goes before the device, and
  // before the memory that it reads and writes.
  std::unique_ptr<RdmaDevice> device_;
  FenceStrategy fence_;
  VerbsCounters counters_;
  base::Memory log_memory_;  // none where the ring is given
  std::byte* log_;           // the ring, and the page with the log words
  LocalMemory local_;
  CompletionQueue completions_;
  Registration own_log_;  // what the own writes are read from: no remote rights
  Registration control_registration_;
  Registration local_registration_;

  // ---- datapath
  ControlRegion* control_ = nullptr;
  std::uint32_t chained_ = 0;    // bit per peer with work requests to be given to the device
  std::uint32_t attention_ = 0;  // bit per peer with something to be done that is not of the fast path
  std::array<Link, paxos::kMaxReplicas> links_;
  const Link* read_from_ = nullptr;  // the link of the read under way; null when nothing is staged
  Range read_range_;
  KeptPaths kept_;

  // ---- granting
  Granting granting_ = Granting::kNothing;
  Grant latest_grant_;
  ReplicaId latest_to_;
  std::uint64_t promises_ = 0;
  Registration registration_;  // of the log, with remote rights; none: the device lets nobody in
  bool key_known_ = false;     // to somebody else
  bool flush_needed_ = false;  // somebody could write since the last one
  bool flush_fails_ = false;   // for the latest grant
  Registration spare_;         // nobody knows its key
  bool spare_asked_ = false;
  Holder holder_;
  QueuePair loopback_;
  QueuePair loopback_answering_;
  bool loopback_asked_ = false;
  bool flushing_ = false;
  std::uint32_t flushes_ = 0;

  bool begun_ = false;
  bool port_down_ = false;
  bool device_fails_ = false;      // it was found out where nobody can be told; see Attend
  bool lost_ = false;              // the device is of no use any more
  bool told_of_no_fence_ = false;  // by it
  std::unique_ptr<Connector> connector_;
};

}  // namespace gaios::transport::verbs

#endif  // GAIOS_TRANSPORT_VERBS_VERBS_TRANSPORT_H_
