#ifndef GAIOS_TRANSPORT_VERBS_CONNECTOR_H_
#define GAIOS_TRANSPORT_VERBS_CONNECTOR_H_

// Everything that takes long: the channel to each peer, and making, connecting and destroying queue pairs,
// and registering memory. It runs on a thread of its own (Start), or a step at a time where its owner calls
// Step, and exchanges letters with the transport: tasks come in, news go out.
//
// For each peer, once the channel to it is up: a control queue pair, connected, with its receives posted;
// then pairs to the log, one offered ahead of time for each that was used, so that a grant finds its queue
// pair ready at both ends.
//
// Threads: Ask, Lose, Tell, any_news, TakeNews, TakeNotices and channel_counters may be called from one other
// thread than the one that steps. Ownership: queue pairs belong to the letter that carries them, then to who
// takes it. The device, the completion queue and the memory must outlive the connector.

#include <algorithm>
#include <array>
#include <atomic>
#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include <absl/status/status.h>

#include "gaios/base/clock.h"
#include "gaios/base/mailbox.h"
#include "gaios/paxos/limits.h"
#include "gaios/transport/bootstrap/channel_thread.h"
#include "gaios/transport/bootstrap/peer_channel.h"
#include "gaios/transport/transport.h"
#include "gaios/transport/verbs/device.h"
#include "gaios/transport/verbs/local_memory.h"
#include "gaios/transport/verbs/queue_pair.h"
#include "gaios/transport/verbs/registration.h"
#include "gaios/transport/verbs/wire.h"

namespace gaios::transport::verbs {

// NOLINTBEGIN(readability-redundant-member-init): or g++ wants them in every initialiser

// What the transport asks for.
struct Task {
  enum class Kind : std::uint8_t {
    kTellReady,     // the link `life` to `peer` takes messages
    kUp,            // the peer has answered by it
    kClose,         // that link is over: destroy `pair`, its control queue pair, and end the connection
    kMakePair,      // another pair for grants to `peer`
    kRegister,      // the log once more
    kMakeLoopback,  // a pair of this device with itself
    kDestroy,       // `pair`
  };
  Kind kind = Kind::kDestroy;
  ReplicaId peer = {};
  std::uint16_t life = 0;
  bool unanswered = false;  // the link that is over has never been up: its peer does not answer by it
  bool refused = false;     // nor that, because the own device takes no work request for it
  QueuePair pair = {};
};

// What has become of it.
struct News {
  enum class Kind : std::uint8_t {
    kConnected,     // link `life` to `peer`: its control queue pair is `pair`
    kReady,         // the peer's end of it takes messages
    kLost,          // the channel has gone down under it
    kOwnPair,       // `pair`, number `id`: ready for the peer to write to the own log by
    kPeerPair,      // `pair`, number `id` of the peer: for writing to the peer's log, once it grants
    kRegistration,  // `region` is the log
    kDeviceEvent,   // of no consequence
    kDeviceLost,    // the device works no more
    kPortDown,      // no link is made until the port is up
    kPortUp,
    kLoopback,    // what is posted to `pair` is answered by `answering`
    kNoLoopback,  // there is none to be had at present; it is tried again
  };
  Kind kind = Kind::kLost;
  ReplicaId peer = {};
  std::uint16_t life = 0;
  Incarnation incarnation = {};
  std::uint32_t id = 0;
  QueuePair pair = {};
  QueuePair answering = {};
  Registration region = {};
  Hello hello = {};
};

// NOLINTEND(readability-redundant-member-init)

struct ConnectorOptions {
  ReplicaId self;
  std::size_t replicas = 0;
  const base::Clock* clock = nullptr;
  ConnectionTimes times;
  std::uint32_t inline_bytes = 0;
  std::uint32_t path_sends = 0;     // work requests under way on a path
  std::uint32_t control_sends = 0;  // and on a control queue pair
  ibv_cq* completions = nullptr;
  const LocalMemory* local = nullptr;
  std::uint32_t local_key = 0;
  std::byte* log = nullptr;
  std::size_t log_bytes = 0;
  const ibv_mr* control = nullptr;
};

// What a registration of the log allows its peers.
inline constexpr int kLogAccess = IBV_ACCESS_LOCAL_WRITE | IBV_ACCESS_REMOTE_WRITE | IBV_ACCESS_REMOTE_READ;

class Connector final : private bootstrap::PeerChannelHandler {
 public:
  Connector(const ConnectorOptions& options, RdmaDevice& device,
            std::unique_ptr<bootstrap::PeerChannel> channel);
  Connector(const Connector&) = delete;
  Connector& operator=(const Connector&) = delete;
  // Ends the thread.
  ~Connector() override { thread_.Stop(); }

  // Everything that may fail for want of something, the first pair of the device with itself included, which
  // is news then; with `own_thread`, makes the thread, which waits. Once. ResourceExhausted: the system has
  // no descriptor or no thread left. Unavailable: the device makes no queue pairs.
  [[nodiscard]] absl::Status Prepare(bool own_thread);
  // The thread, if there is one, steps from now on.
  void Begin() { thread_.Begin(); }
  // Does what is to be done; returns when nothing is left that need not wait.
  void Step();

  // The device is of no use any more: no link is made from now on. `why` is told to the user.
  void Lose(const std::string& why);
  // Tells the user.
  void Tell(std::string text) { thread_.Tell(std::move(text)); }

  void Ask(Task task);
  [[nodiscard]] bool any_news() const { return news_.any(); }
  [[nodiscard]] std::vector<News> TakeNews() { return news_.TakeAll(); }
  // Sentences for the user.
  [[nodiscard]] std::vector<std::string> TakeNotices() { return thread_.TakeNotices(); }
  // Of the channel, each as it was when the connector stepped last.
  [[nodiscard]] bootstrap::ChannelCounters channel_counters() const { return thread_.counters(); }

 private:
  struct Peer {
    bool up = false;          // the channel
    bool connecting = false;  // `control` and `life` are of the channel's present connection
    bool connected = false;   // and connected
    bool lent = false;        // the transport has a link, or is about to hear of one
    Incarnation incarnation;
    std::uint16_t life = 0;
    QueuePair control;           // until it is connected
    bool greeted = false;        // the other end has said hello,
    std::optional<Hello> hello;  // in a way that can be understood
    std::uint64_t pause_ns = 0;  // after the latest time that it was given up; 0 once it was ready
    std::uint64_t not_before_ns = 0;
    std::string told;  // why it was given up, as the user has been told
    std::uint32_t pairs_wanted = 0;
    std::uint32_t last_id = 0;
    QueuePair offered;
  };

  void OnPeerUp(ReplicaId peer, Incarnation incarnation) override;
  void OnFrame(ReplicaId peer, std::span<const std::byte> bytes) override;
  void OnPeerDown(ReplicaId peer) override;

  void Perform(Task task);
  void Connect(ReplicaId peer);
  void TakeHello(ReplicaId peer);
  void TakeOffer(ReplicaId peer, const LogPair& offer);
  void TakeAnswer(ReplicaId peer, const LogPair& answer);
  void Offer(ReplicaId peer);
  bool PostReceives(ReplicaId peer);
  void Register();
  void LookAtDevice(std::uint64_t now_ns);
  void EndHalfConnected();
  absl::Status MakeLoopback();
  void Give(News news) { news_.Post(std::move(news)); }
  // Ends the connection to a peer because something about it has failed; it is made again after a pause,
  // which grows from time to time until the peer is ready. Told once for each reason until then.
  void GiveUp(ReplicaId peer, const std::string& why);
  void TryLater() { RetryAt(options_.clock->NowNs() + kRetryNs); }
  void RetryAt(std::uint64_t at_ns) {
    retry_at_ns_ = retry_at_ns_ == 0 ? at_ns : std::min(retry_at_ns_, at_ns);
  }
  [[nodiscard]] std::uint8_t ReadsTo(const Peer& peer) const;

  static constexpr std::uint64_t kRetryNs = 20'000'000;
  static constexpr std::uint64_t kEventIntervalNs = 50'000'000;
  static constexpr std::uint64_t kShortestPauseNs = 50'000'000;
  static constexpr std::uint64_t kLongestPauseNs = 5'000'000'000;

  const ConnectorOptions options_;
  RdmaDevice& device_;
  const std::unique_ptr<bootstrap::PeerChannel> channel_;
  std::array<Peer, paxos::kMaxReplicas> peers_;
  std::uint32_t registrations_wanted_ = 0;
  bool told_of_registration_ = false;  // that it fails, and of the loopback
  bool loopback_wanted_ = false;
  bool told_of_loopback_ = false;
  std::uint64_t retry_at_ns_ = 0;  // when something that failed is tried again; 0 when nothing is

  base::Mailbox<Task> tasks_;
  base::Mailbox<News> news_;
  std::atomic<bool> lost_ = false;
  std::uint64_t events_at_ns_ = 0;  // when the device is asked for events next
  bool port_down_ = false;
  bootstrap::ChannelThread thread_;
};

}  // namespace gaios::transport::verbs

#endif  // GAIOS_TRANSPORT_VERBS_CONNECTOR_H_
