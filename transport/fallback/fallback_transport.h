#ifndef GAIOS_TRANSPORT_FALLBACK_FALLBACK_TRANSPORT_H_
#define GAIOS_TRANSPORT_FALLBACK_FALLBACK_TRANSPORT_H_

// The transport contract over several ways to each peer, of which one carries its writes: when that fails the
// next one does, and the better one again when it is back. docs/decisions/0020-a-link-of-several-paths.md
// says why that is safe.
//
// A path is a transport of its own. All paths of a replica work on the same memory: log() of each is the same
// and stays where it is. A grant is given on every path, and used by its holder on one; to change the path
// takes another grant, for which the holder's core asks because its posts are refused as down.
//
// Thread safety, ownership and errors are the contract's, in gaios/transport/transport.h. Allocates nothing
// after it was made.

#include <array>
#include <cstddef>
#include <cstdint>
#include <numeric>
#include <optional>
#include <span>
#include <string_view>
#include <vector>

#include "gaios/base/clock.h"
#include "gaios/paxos/limits.h"
#include "gaios/transport/fallback/looks.h"
#include "gaios/transport/transport.h"

namespace gaios::transport::fallback {

struct FallbackOptions {
  ReplicaId self;
  // Must outlive the transport.
  const base::Clock* clock = nullptr;
  // A path on which writes or a read are under way and nothing has been done for so long is given up, if
  // another is up and the peer is heard of by that all the while: one that stands still itself is heard of by
  // none, and cannot grant either. Shorter than the time after which a leader is suspected, twice as long as
  // the pause between looks at least, and longer than what a write takes; without a gauge, than the longest
  // write or read.
  std::uint64_t stall_timeout_ns = 50'000'000;
  // A better path is gone back to when it has been up for so long without a break. Doubled, up to the
  // largest, after each return that did not last for ten times as long. Not amid phase 1: a grant under which
  // nothing has been written yet stays on its path. One link at a time: not while the grant of another has
  // ended, for so long at most, and the next one is not in use.
  std::uint64_t settle_ns = 2'000'000'000;
  std::uint64_t max_settle_ns = 60'000'000'000;
  // A path that loses so many packets of writes in a hundred is given up, if another is up that has done
  // nothing wrong of late. 0: however many it loses. Where a path has a gauge.
  std::uint32_t loss_percent = 10;
};

// What has become of what is written to a peer, and read of it, by one path.
struct PathReading {
  std::uint64_t sent = 0;      // packets of writes; only grows
  std::uint64_t lost = 0;      // of these, known to be lost; only grows
  std::uint64_t progress = 0;  // changes whenever some of what is under way has got there
};

// Tells it, for a path that knows. Thread safety is the contract's.
class PathGauge {
 public:
  virtual ~PathGauge() = default;
  [[nodiscard]] virtual PathReading Read(ReplicaId peer) const = 0;
};

struct FallbackPath {
  Transport* transport = nullptr;
  const PathGauge* gauge = nullptr;  // null: of this path nobody knows
};

// Why the writes to a peer left a path.
enum class SwitchReason : std::uint8_t {
  kLinkDown,     // the path has no link to it any more
  kFailed,       // the path's grant was lost, and the link was not
  kStalled,      // something was under way, and none of it was done
  kLossy,        // too many packets were lost
  kBetterAgain,  // a better path is back
};
inline constexpr std::size_t kSwitchReasons = 5;
[[nodiscard]] std::string_view SwitchReasonName(SwitchReason reason);

struct Switch {
  ReplicaId peer;
  std::size_t from = 0;  // paths, by their place in the order of preference
  std::size_t to = 0;
  SwitchReason reason = SwitchReason::kFailed;
};

class FallbackTransport final : public Transport {
 public:
  // `paths`: 1 to kMaxPaths, the best first; they must outlive this.
  FallbackTransport(const FallbackOptions& options, std::span<const FallbackPath> paths);
  // The same without gauges.
  FallbackTransport(const FallbackOptions& options, std::span<Transport* const> paths)
      : FallbackTransport(options, WithoutGauges(paths)) {}
  FallbackTransport(const FallbackTransport&) = delete;
  FallbackTransport& operator=(const FallbackTransport&) = delete;
  ~FallbackTransport() override = default;

  [[nodiscard]] std::size_t capacity() const override { return paths_.front().transport->capacity(); }
  [[nodiscard]] std::byte* log() override { return paths_.front().transport->log(); }
  [[nodiscard]] std::uint64_t ReadLogWord(LogWord which) const override;
  void Publish(ControlWord which, std::uint64_t value) override;
  void GrantTo(ReplicaId to, Grant grant) override;

  Post Write(ReplicaId peer, Grant grant, Incarnation acceptor, Range range, std::uint64_t token) override;
  Post WriteWord(ReplicaId peer, Grant grant, Incarnation acceptor, LogWord which, std::uint64_t value,
                 std::uint64_t token) override;
  Post ReadLog(ReplicaId peer, Grant grant, Incarnation acceptor, Range range, std::uint64_t token) override;
  Post ReadControl(ReplicaId peer) override;
  void Send(ReplicaId peer, std::span<const std::byte> message) override;
  void Abandon(ReplicaId peer) override;
  void StandBy() override;

  std::size_t Poll(EventHandler& handler) override;

  // The grant under which the own log was given last, once every path has fenced all before it.
  [[nodiscard]] std::optional<Grant> effective_grant() const {
    return grant_pending_ == 0 ? std::optional(granted_) : std::nullopt;
  }
  // The path that carries the writes to a peer, or carried them last; when that is down, the best that is up.
  [[nodiscard]] std::size_t path(ReplicaId peer) const;
  // Whether a path has a link to that peer, as it lives now.
  [[nodiscard]] bool up(ReplicaId peer, std::size_t path) const { return Usable(links_[peer.value()], path); }
  // How often that has changed, by reason, over all peers; and for one peer.
  [[nodiscard]] std::uint64_t switches(SwitchReason reason) const {
    return switches_[static_cast<std::size_t>(reason)];
  }
  [[nodiscard]] std::uint64_t switches(ReplicaId peer) const { return links_[peer.value()].switches; }
  [[nodiscard]] std::uint64_t switches() const {
    return std::accumulate(switches_.begin(), switches_.end(), std::uint64_t{0});
  }
  // Why the path to a peer was changed last; nothing when it never was.
  [[nodiscard]] std::optional<SwitchReason> last_switch(ReplicaId peer) const {
    const Link& link = links_[peer.value()];
    return link.switches == 0 ? std::nullopt : std::optional(link.switched_for);
  }
  // The latest changes since the last call, at most kKeptSwitches, in order.
  [[nodiscard]] std::vector<Switch> TakeSwitches();
  static constexpr std::size_t kKeptSwitches = 32;

 private:
  // Hears one path.
  class Listener final : public EventHandler {
   public:
    Listener(FallbackTransport& transport, std::size_t path) : transport_(transport), path_(path) {}
    void OnCompletion(const Completion& completion) override;
    void OnControl(ReplicaId peer, Outcome outcome, const ControlView& view) override;
    void OnMessage(ReplicaId from, Incarnation incarnation, std::span<const std::byte> bytes) override;
    void OnGranted(Grant grant) override;
    void OnLinkUp(ReplicaId peer, Incarnation incarnation) override;
    void OnLinkDown(ReplicaId peer) override;
    Range LiveRange(const std::byte* log) override;

   private:
    FallbackTransport& transport_;
    const std::size_t path_;
  };

  struct Way {
    bool up = false;
    Incarnation incarnation;
    std::uint64_t well_since_ns = 0;  // up, and not found standing still
    bool tarnished = false;           // it has been down, or has stood still
    std::uint64_t heard_ns = 0;       // when something of the peer came by it last
  };

  struct Link {
    bool up = false;  // any way is, to this incarnation
    Incarnation incarnation;
    std::array<Way, kMaxPaths> ways;

    // ---- the grant that is used
    Grant grant;
    Incarnation acceptor;
    std::optional<std::size_t> bound;  // to this path
    bool over = false;                 // it may not be used any more
    SwitchReason why_over = SwitchReason::kFailed;
    std::uint64_t ended_ns = 0;    // when one was over last; 0: never
    bool written = false;          // under it: phase 1 is over
    bool waiting = false;          // for what was posted last to be told
    bool awaited_read = false;     // that is a read,
    std::uint64_t awaited = 0;     // with this token
    std::uint64_t waited_ns = 0;   // since anything was told
    std::uint64_t progress = 0;    // of the gauge, when it was looked at
    PathReading loss_from;         // loss is counted from here on
    std::uint64_t loss_at_ns = 0;  // when it is looked at again

    // ---- which path
    std::size_t last = 0;
    std::uint64_t switches = 0;
    SwitchReason switched_for = SwitchReason::kFailed;  // last
    std::uint64_t settle_ns = 0;
    std::uint64_t returned_ns = 0;  // to a better path, last

    Looks looks;
  };

  [[nodiscard]] static std::vector<FallbackPath> WithoutGauges(std::span<Transport* const> paths) {
    std::vector<FallbackPath> all;
    for (Transport* const path : paths) {
      all.push_back({.transport = path, .gauge = nullptr});
    }
    return all;
  }
  [[nodiscard]] bool Usable(const Link& link, std::size_t path) const {
    return link.ways[path].up && link.ways[path].incarnation == link.incarnation;
  }
  template <typename PostOn>
  Post PostOnPath(ReplicaId peer, const Grant& grant, Incarnation acceptor, std::uint64_t token, bool read,
                  PostOn post_on);
  [[nodiscard]] bool Trusted(const Link& link, std::size_t path) const {
    const Way& way = link.ways[path];
    return !way.tarnished || now_ns_ - way.well_since_ns >= link.settle_ns;
  }
  void Bind(Link& link, ReplicaId peer, std::size_t path);
  void End(Link& link, SwitchReason reason) const;
  void Watch(Link& link, ReplicaId peer, std::uint64_t passed_ns);
  [[nodiscard]] bool StandsStill(Link& link, ReplicaId peer, std::size_t bound, std::uint64_t passed_ns);
  [[nodiscard]] bool LosesTooMuch(Link& link, ReplicaId peer, std::size_t bound);
  [[nodiscard]] bool MayGoBack(const Link& link, ReplicaId peer, std::size_t bound) const;
  [[nodiscard]] bool AnotherChanges(ReplicaId peer) const;
  void GiveUpPath(Link& link, ReplicaId peer, std::size_t bound, SwitchReason reason);
  void Count(const Switch& what);

  void HandleControl(std::size_t path, ReplicaId peer, Outcome outcome, const ControlView& view);
  void HandleLinkUp(std::size_t path, ReplicaId peer, Incarnation incarnation);
  void HandleLinkDown(std::size_t path, ReplicaId peer);

  const FallbackOptions options_;
  const std::vector<FallbackPath> paths_;
  std::vector<Listener> listeners_;
  std::array<Link, paxos::kMaxReplicas> links_;
  Grant granted_;
  std::uint32_t grant_pending_ = 0;  // paths that have not said yet that it is effective
  std::uint64_t now_ns_ = 0;         // of the last Poll
  // The read of a log that is under way, on whichever path: all of them land in the same ring.
  bool reading_ = false;
  ReplicaId read_peer_;
  std::uint64_t read_token_ = 0;
  EventHandler* handler_ = nullptr;  // during Poll
  std::size_t events_ = 0;
  std::array<std::uint64_t, kSwitchReasons> switches_ = {};
  std::array<Switch, kKeptSwitches> latest_;
  std::size_t kept_ = 0;
};

}  // namespace gaios::transport::fallback

#endif  // GAIOS_TRANSPORT_FALLBACK_FALLBACK_TRANSPORT_H_
