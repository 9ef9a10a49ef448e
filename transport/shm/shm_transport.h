#ifndef GAIOS_TRANSPORT_SHM_SHM_TRANSPORT_H_
#define GAIOS_TRANSPORT_SHM_SHM_TRANSPORT_H_

// The transport contract between processes of one host, over shared memory.
//
// A write is a store into the memory that the acceptor has granted, a full fence, and a look at what the
// acceptor promises. Fencing has two halves, and neither is enough alone:
//
//   - The acceptor stores its promise, fences, and only then reads its log to copy the live bytes into the
//   memory of
//     the next grant. The writer stores its bytes, fences, and only then reads the promise. Whatever the
//     interleaving, at least one of them sees the other (Dekker): a writer that still reads its own grant has
//     its bytes in what the acceptor copies. That makes a completion true.
//   - Each grant is a fresh memory, shared with its one writer. A store by an earlier writer, however late,
//   goes to a
//     memory that is no longer the log. That makes the promise true.
//
// Connections (Unix sockets) carry the descriptors and the news of a peer's death; they are looked at when a
// peer rings, and at intervals of ShmOptions::poll_interval_ns, so that the fast path makes no system call.
// Messages, and grants of memory that the peer has already, go through a page of memory (inbox.h), in one
// order with the packets of the socket.
//
// Files: this header; shm_transport.cc (opening and granting), datapath.cc (everything between Write and its
// completion), connections.cc (sockets, handshake, packets), messages.cc (packets in one order, by sockets
// and through memory). Thread safety, ownership and errors are the contract's, in
// gaios/transport/transport.h. README.md in this folder has the argument at length.

#include <algorithm>
#include <array>
#include <atomic>
#include <cstddef>
#include <cstdint>
#include <memory>
#include <optional>
#include <span>
#include <string>
#include <vector>

#include <absl/status/statusor.h>

#include "gaios/base/check.h"
#include "gaios/transport/notices.h"
#include "gaios/transport/shm/claim.h"
#include "gaios/transport/shm/hold_back.h"
#include "gaios/transport/shm/id_lock.h"
#include "gaios/transport/shm/link.h"
#include "gaios/transport/shm/log_store.h"
#include "gaios/transport/shm/options.h"
#include "gaios/transport/shm/retired_regions.h"
#include "gaios/transport/shm/socket.h"
#include "gaios/transport/shm/wire.h"
#include "gaios/transport/transport.h"

namespace gaios::transport::shm {

class ShmTransport final : public Transport {
 public:
  // Ends any earlier life of this id, reserves and touches all memory, and listens. Peers are connected to
  // from Poll. InvalidArgument: the options do not make sense, or the socket path is too long. AlreadyExists:
  // the id is in use. FailedPrecondition: the incarnation is not new. ResourceExhausted: too little memory.
  static absl::StatusOr<std::unique_ptr<ShmTransport>> Open(const ShmOptions& options);
  // The same in two steps, for who has something to do between them: Reserve does all that may fail for want
  // of something, and nothing that another life could ever notice. Begin then begins the life; it is called
  // once, before the first Poll. `lock` is that of the replica and directory of the options.
  static absl::StatusOr<std::unique_ptr<ShmTransport>> Reserve(const ShmOptions& options, IdLock lock);
  [[nodiscard]] absl::Status Begin() { return claim_.Begin(); }

  ShmTransport(const ShmTransport&) = delete;
  ShmTransport& operator=(const ShmTransport&) = delete;
  // Poisons the control region, so that what is stored to this replica from now on does not complete, and
  // removes the files. A process that dies without this leaves them to its next life.
  ~ShmTransport() override = default;

  [[nodiscard]] std::size_t capacity() const override { return options_.capacity; }
  [[nodiscard]] std::byte* log() override { return store_.log(); }
  [[nodiscard]] std::uint64_t ReadLogWord(LogWord which) const override;
  void Publish(ControlWord which, std::uint64_t value) override;
  [[nodiscard]] std::atomic<std::uint64_t>* PublishedWord(ControlWord which) override {
    return &published_[static_cast<std::size_t>(which)].value;
  }
  void GrantTo(ReplicaId to, Grant grant) override;

  Post Write(ReplicaId peer, Grant grant, Incarnation acceptor, Range range, std::uint64_t token) override;
  [[nodiscard]] std::size_t WriteMany(std::span<const RangeWrite> writes) override;
  [[nodiscard]] bool WriteToAll(std::span<const WriteTarget> targets, std::uint64_t formation,
                                Range range) override;
  [[nodiscard]] bool writes_at_once() const override { return true; }
  Post WriteWord(ReplicaId peer, Grant grant, Incarnation acceptor, LogWord which, std::uint64_t value,
                 std::uint64_t token) override;
  Post ReadLog(ReplicaId peer, Grant grant, Incarnation acceptor, Range range, std::uint64_t token) override;
  Post ReadControl(ReplicaId peer) override;
  void Send(ReplicaId peer, std::span<const std::byte> message) override;
  void Abandon(ReplicaId peer) override;
  void StandBy() override;

  std::size_t Poll(EventHandler& handler) override;

  // Bytes set aside for this replica's log, its spares, and what it reads of another's.
  [[nodiscard]] std::size_t reserved_bytes() const { return store_.reserved_bytes() + staging_.size(); }
  [[nodiscard]] const ShmCounters& counters() const { return counters_; }
  // Sentences for the user about peers that were refused or that refuse us, since the last call.
  [[nodiscard]] std::vector<std::string> TakeNotices() { return notices_.Take(); }

 private:
  enum class Granting : std::uint8_t {
    kNothing,
    kMove,      // promised; the log has to move to fresh memory
    kAnnounce,  // asked again for the grant that is held
  };
  // Of a path in a link: what writing there takes.
  struct KeptPath {
    Link* link = nullptr;
    std::byte* ring = nullptr;
    const FenceLine* fence = nullptr;
    std::uint64_t promise = 0;
    std::uint64_t acceptor = 0;
  };
  // Before a link that has ended is tried again: usually at first, and after a refusal or a malformed packet.
  // What is wrong then will not mend itself at once.
  static constexpr std::uint64_t kFirstBackoffNs = 1'000'000;
  static constexpr std::uint64_t kRefusedBackoffNs = 1'000'000'000;
  static constexpr std::uint64_t kNoFormation = ~std::uint64_t{0};
  static constexpr std::size_t kOfThree = 2;  // followers of a group of three
  // For WriteToAll: the paths to the targets of a formation. Kept until any path ends.
  struct KeptPaths {
    std::uint64_t formation = kNoFormation;
    std::uint64_t of_three = kNoFormation;  // the same when they are two
    std::size_t size = 0;
    std::array<KeptPath, paxos::kMaxReplicas> paths;
  };
  // A connection whose HELLO has not come yet.
  struct Candidate {
    base::UniqueFd socket;
    std::uint64_t deadline_ns = 0;
  };

  ShmTransport(const ShmOptions& options, Claim claim, LogStore store, Region doorbell);

  // shm_transport.cc
  std::size_t AdvanceGrant(EventHandler& handler);
  bool SendGrant(Link& link);
  void SendSpare(Link& link);

  // Ids of replicas are below this.
  [[nodiscard]] std::size_t ids() const { return ids_; }

  // datapath.cc
  Link& LinkTo(ReplicaId peer) {
    GAIOS_CHECK(peer.value() < ids() && peer != options_.self, "operations go to another replica");
    return links_[peer.value()];
  }
  Post Admit(Link& link, Operation operation, const Grant& grant, Incarnation acceptor, std::uint64_t token);
  void Enqueue(Link& link, Operation operation, const Grant& grant, std::uint64_t token, Outcome outcome);
  Post WriteOne(const RangeWrite& write);
  [[nodiscard]] bool Watched() const;
  [[nodiscard]] bool IsFew(Range range) const;
  [[nodiscard]] bool KeepPaths(std::span<const WriteTarget> targets, std::uint64_t formation);
  // From now on no paths are kept.
  void EndKept() {
    kept_.formation = kNoFormation;
    kept_.of_three = kNoFormation;
    kept_.size = 0;
  }
  template <std::size_t kCount>
  [[nodiscard]] bool WriteLinesToAll(std::size_t offset, std::size_t bytes);
  template <std::size_t kCount>
  [[nodiscard]] bool FenceAndLook();
  [[nodiscard]] bool WriteToAllSlowly(std::span<const WriteTarget> targets, std::uint64_t formation,
                                      Range range);
  [[nodiscard]] bool WriteMuchToAll(Range range);
  void StoreFew(Link& link, Range range) const;
  void StoreMany(Link& link, Range range) const;
  std::size_t CompletePosted(EventHandler& handler);
  std::size_t CompleteOneByOne(Link& link, std::size_t count, Outcome judged, EventHandler& handler);
  std::size_t AnswerControlReads(Link& link, EventHandler& handler);
  void DropPath(Link& link, Outcome outcome);
  void EndRead(Outcome outcome);

  // connections.cc
  std::size_t PollConnections(std::uint64_t now_ns, EventHandler& handler);
  std::size_t HandlePacket(Link& link, std::span<const std::byte> packet, Received& received,
                           std::uint64_t now_ns, EventHandler& handler);
  std::size_t BringUp(Link& link, Region control, Region doorbell, EventHandler& handler);
  bool TakeSpare(Link& link, std::uint64_t region_id, base::UniqueFd fd);
  bool TakeGrant(Link& link, const Granted& granted);
  void ReadCandidate(Candidate& candidate, std::uint64_t now_ns);
  void AcceptConnections(std::uint64_t now_ns);
  void ConnectTo(Link& link, std::uint64_t now_ns);
  std::size_t CloseLink(Link& link, std::uint64_t retry_at_ns, EventHandler& handler);
  bool CheckHello(const Hello& hello, std::optional<ReplicaId> expected, int socket);
  void RefusePeer(int socket, std::size_t peer, Refusal cause, const std::string& text);
  bool SendHello(int socket);
  bool SendRegions(int socket);
  void Maintain();

  // messages.cc
  void PassInbox(Link& link);
  bool TakeOutbox(Link& link, const Inbox& inbox, base::UniqueFd fd);
  SendResult SendBySocket(Link& link, const Packet& packet, std::span<const int> fds = {});
  SendResult SendInOrder(Link& link, const Packet& packet);
  static void Ring(const Link& link, std::uint64_t by);
  std::size_t ReadInboxes(EventHandler& handler);
  std::size_t ReadLink(Link& link, std::uint64_t now_ns, EventHandler& handler);
  std::size_t ReadInbox(Link& link, std::uint64_t now_ns, EventHandler& handler);
  std::size_t TakeFrames(Link& link, std::uint64_t now_ns, EventHandler& handler, bool& waits);
  std::size_t Malformed(Link& link, std::uint64_t now_ns, EventHandler& handler);
  void NotePacket(std::uint64_t now_ns);

  ShmOptions options_;
  const std::size_t ids_ = std::max(options_.replicas, options_.max_replicas);
  Claim claim_;
  LogStore store_;

  // ---- datapath
  std::uint32_t pending_links_ = 0;  // bit per peer with something to complete
  bool wrote_ = false;               // since the last Poll, what needs no completion
  std::uint32_t busy_polls_ = 0;
  PaddedWord* published_;  // of the own control region
  std::uint64_t bell_seen_ = 0;
  const SharedWord* bell_;
  std::uint64_t next_poll_ns_ = 0;
  std::array<Link, paxos::kMaxReplicas> links_;
  KeptPaths kept_;
  std::vector<std::byte> staging_;   // bytes of the read under way, from its posting to its completion
  const Link* read_from_ = nullptr;  // the link of the read under way; null when nothing is staged
  Range read_range_;

  // ---- granting
  Granting granting_ = Granting::kNothing;
  Grant latest_grant_;
  ReplicaId latest_to_;

  // ---- connections
  Region doorbell_;
  std::array<Candidate, paxos::kMaxReplicas> candidates_;
  std::uint64_t busy_until_ns_ = 0;   // sockets are looked at more often
  std::uint64_t quiet_until_ns_ = 0;  // another packet is expected
  std::uint64_t ended_until_ns_ = 0;  // peers may not have seen yet that a link has ended, as of ...
  bool link_has_ended_ = false;       // ... the last look at the sockets
  HoldBack hold_back_;
  RetiredRegions left_paths_;  // mappings of peers' memory that is no longer granted
  ShmCounters counters_;
  Notices notices_;
};

}  // namespace gaios::transport::shm

#endif  // GAIOS_TRANSPORT_SHM_SHM_TRANSPORT_H_
