#ifndef GAIOS_BENCH_VERBS_MEETING_H_
#define GAIOS_BENCH_VERBS_MEETING_H_

// How the writer of the floor over RDMA and each of its peers meet, and the words of a peer that say how far
// it has got. Where both are processes of one host a meeting is in memory that they share. Where they are on
// several each host has one of its own, and a channel keeps them alike: the authenticated one by which
// replicas meet.

#include <array>
#include <atomic>
#include <cstddef>
#include <cstdint>
#include <memory>
#include <optional>
#include <span>
#include <string>
#include <vector>

#include <absl/status/status.h>
#include <absl/status/statusor.h>

#include "gaios/base/align.h"
#include "gaios/base/clock.h"
#include "gaios/paxos/limits.h"
#include "gaios/rsm/config.h"
#include "gaios/transport/bootstrap/peer_channel.h"
#include "gaios/transport/verbs/device.h"
#include "gaios/transport/verbs/queue_pair.h"

#include "bench/ring_reader.h"

namespace gaios::bench {

// In this order. The peer takes the first and the third step, the writer the others.
enum class MeetingStep : std::uint32_t {
  kNothing,
  kPeerReady,    // memory and queue pair of the peer are there
  kWriterReady,  // the queue pair of the writer is there
  kConnected,    // the peer's queue pair takes what arrives
  kDone,         // all is measured; between hosts alone
};

// What each end tells the other.
struct PeerSide {
  transport::verbs::QueuePairEnd end;
  transport::verbs::PortAddress port;
  std::uint64_t ring_address = 0;
  std::uint64_t words_address = 0;  // of PeerWords
  std::uint32_t ring_key = 0;
  std::uint32_t words_key = 0;
};
struct WriterSide {
  transport::verbs::QueuePairEnd end;
  transport::verbs::PortAddress port;
};

// How far a host has got. The writer of another host reads them by RDMA.
struct PeerWords {
  RingProgress progress;                  // of the floor's peer
  std::atomic<std::uint64_t> applied{0};  // commands, by the replica of that host
};

struct alignas(base::kCacheLineBytes) Meeting {
  std::atomic<MeetingStep> step{MeetingStep::kNothing};
  PeerSide peer;
  WriterSide writer;
  base::CacheLinePadded<PeerWords> words;
};

// A meeting as it travels, between two ends of the same build.
struct MeetingFrame {
  std::uint32_t version = 0;
  MeetingStep step = MeetingStep::kNothing;
  PeerSide peer;
  WriterSide writer;
};
// Nothing of what is no frame of this version.
[[nodiscard]] std::optional<MeetingFrame> DecodeMeeting(std::span<const std::byte> bytes);
// Takes a step of the other end's. False of one that is not its to take, or not the next.
[[nodiscard]] bool TakeStep(Meeting& meeting, const MeetingFrame& frame, bool from_peer);

// Keeps the meetings of this host and of others alike. Replica 0 of the config is the writer. One thread.
class MeetingChannel final : public transport::bootstrap::PeerChannelHandler {
 public:
  // Replicas meet one port above that of their address. `clock` must outlive the channel, and so must the
  // meetings: of the writer one with each of the others, else the one with the writer. Errors are those of
  // Bootstrap::Open.
  [[nodiscard]] static absl::StatusOr<std::unique_ptr<MeetingChannel>> Open(const rsm::Config& config,
                                                                            paxos::ReplicaId self,
                                                                            const base::Clock& clock,
                                                                            std::span<Meeting> meetings);

  // Tells what is new here, and takes what is new there.
  void Poll();
  // Readable when Poll has something to do.
  [[nodiscard]] int poll_fd() const { return channel_->poll_fd(); }
  // Sentences for the user about those that are refused, since the last call.
  [[nodiscard]] std::vector<std::string> TakeNotices() { return channel_->TakeNotices(); }
  [[nodiscard]] bool up(paxos::ReplicaId peer) const { return up_[peer.value()]; }
  // One that had come has gone; of those beside the writer, the writer.
  [[nodiscard]] std::optional<paxos::ReplicaId> gone() const { return gone_; }

  void OnPeerUp(paxos::ReplicaId peer, paxos::Incarnation incarnation) override;
  void OnFrame(paxos::ReplicaId peer, std::span<const std::byte> bytes) override;
  void OnPeerDown(paxos::ReplicaId peer) override;

 private:
  MeetingChannel(std::unique_ptr<transport::bootstrap::PeerChannel> channel, paxos::ReplicaId self,
                 std::span<Meeting> meetings)
      : channel_(std::move(channel)), self_(self), meetings_(meetings) {}
  [[nodiscard]] bool IsWriter() const { return self_.value() == 0; }
  // The meeting with that replica; null where there is none.
  [[nodiscard]] Meeting* With(paxos::ReplicaId peer);

  std::unique_ptr<transport::bootstrap::PeerChannel> channel_;
  const paxos::ReplicaId self_;
  const std::span<Meeting> meetings_;
  std::array<bool, paxos::kMaxReplicas> up_ = {};
  std::array<MeetingStep, paxos::kMaxReplicas> told_ = {};
  std::optional<paxos::ReplicaId> gone_;
};

}  // namespace gaios::bench

#endif  // GAIOS_BENCH_VERBS_MEETING_H_
