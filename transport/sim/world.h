#ifndef GAIOS_TRANSPORT_SIM_WORLD_H_
#define GAIOS_TRANSPORT_SIM_WORLD_H_

// The contract as events in a seeded scheduler: a World holds the memory of all replicas and every operation
// and message under way, on a virtual clock. Any of them can be delayed, dropped, doubled, reordered, torn,
// held back or lost with its path, by chance from the seed or by a test's own hand. One thread; a run is
// repeated by its seed and its calls.
//
// Writes land in pieces, in any order, at times of their own, read from the poster's ring when they land;
// they complete in posting order, and by chance long before or long after their bytes can be seen: at the
// latest a grant makes visible what has completed. What was under way on a path that was given up may land
// all the same, until the next grant. Reads of a log take their bytes in such chunks too, whatever stands
// there at that time, and be it junk in memory that the acceptor has left; all of it lands in the poster's
// ring when the read completes as done, and nothing otherwise. What a read of a control region finds is what
// stood there at some time on its way. A fence takes effect some time after it was asked for, until when
// older writes may still land. A killed replica's memory stays, and what it had posted may still land, as
// with a NIC that outlives its process.

#include <cstddef>
#include <cstdint>
#include <deque>
#include <functional>
#include <memory>
#include <optional>
#include <queue>
#include <set>
#include <span>
#include <string>
#include <utility>
#include <vector>

#include "gaios/paxos/types.h"
#include "gaios/transport/transport.h"

namespace gaios::transport::sim {

enum class Defect : std::uint8_t {
  kNone,
  kNoFence,       // writes land under grants that are over
  kEmptyPromise,  // writes that complete early are forgotten by the next grant
};

struct WorldOptions {
  std::size_t replicas = 3;
  std::size_t capacity_bytes = 4096;
  std::uint64_t seed = 1;
  // Operations and messages take between these, ns of virtual time.
  std::uint64_t min_delay_ns = 1'000;
  std::uint64_t max_delay_ns = 1'000;
  // A fence takes up to this long to become effective, ns.
  std::uint64_t max_fence_ns = 0;
  // Chances in a thousand, for each message.
  std::uint32_t drop_per_mille = 0;
  std::uint32_t duplicate_per_mille = 0;
  // Whether writes land in pieces and out of order.
  bool torn_writes = false;
  // Where a write may be cut: at multiples of so many bytes.
  std::uint64_t tear_bytes = 8;
  // Chances in a thousand that a write completes up to max_lag_ns after its bytes have landed; that its bytes
  // are seen up to max_lag_ns after it has completed; that it lands although its path was given up.
  std::uint32_t late_completion_per_mille = 0;
  std::uint32_t early_completion_per_mille = 0;
  std::uint32_t stray_per_mille = 0;
  std::uint64_t max_lag_ns = 0;
  // How many writes in a thousand that are asked to be done at once are tried so, and how many of these land
  // in part and are said not to be done.
  std::uint32_t at_once_per_mille = 0;
  std::uint32_t in_part_per_mille = 100;
  // How many writes in a thousand that are asked to be posted to all are so. None where some are done at
  // once.
  std::uint32_t to_all_per_mille = 0;
  // Whether a grant moves the log to other memory, as shm does, with junk where no live byte is.
  bool move_log = true;
  // A way in which the contract is broken, for tests that want to see the checkers see it.
  Defect defect = Defect::kNone;
};

// What has happened so far, so that a run can tell what it has met with.
struct WorldCounters {
  std::uint64_t messages_dropped = 0;
  std::uint64_t messages_duplicated = 0;
  std::uint64_t messages_overtaken = 0;
  std::uint64_t messages_held = 0;
  std::uint64_t writes_torn = 0;          // seen in part before the rest was there
  std::uint64_t writes_out_of_order = 0;  // seen in part before bytes in front of that were there
  std::uint64_t writes_held = 0;
  std::uint64_t writes_fenced = 0;
  std::uint64_t writes_lost = 0;  // or a part of them, with the path or the acceptor
  std::uint64_t writes_stray = 0;
  std::uint64_t strays_fenced = 0;   // that came after the next grant
  std::uint64_t writes_at_once = 0;  // done by the time the call returned
  std::uint64_t writes_to_all = 0;   // posted to all in one call
  std::uint64_t completed_late = 0;
  std::uint64_t completed_early = 0;
  std::uint64_t slow_fences = 0;   // that took time
  std::uint64_t paths_broken = 0;  // with the link up

  void Add(const WorldCounters& other);
};

// What a test may hold back.
// kFences: a grant becoming effective, from its replica to itself.
enum class Traffic : std::uint8_t { kWrites, kWords, kReads, kMessages, kControl, kFences };

// What stands in memory that holds nothing any more.
inline constexpr std::byte kJunk{0xee};

// Bytes that own their memory, at an address like that of a log.
struct AlignedCopy {
  std::vector<std::byte> storage;
  std::byte* base = nullptr;
};

class Endpoint;

class World {
 public:
  // The logs are those of `memory_of`, of the same size and number, unless it is null; it must outlive this.
  // Neither moves its logs then.
  explicit World(const WorldOptions& options, World* memory_of = nullptr);
  ~World();
  World(const World&) = delete;
  World& operator=(const World&) = delete;

  [[nodiscard]] std::uint64_t now_ns() const { return now_ns_; }
  // The replica's end of the contract, in its present incarnation. Owned by the world; dead after Kill.
  [[nodiscard]] Transport& transport(ReplicaId id);

  // ---- time
  // -------------------------------------------------------------------------------------------------------

  // Time of the next thing that happens by itself, or the largest number when nothing is under way.
  [[nodiscard]] std::uint64_t NextEventNs() const;
  // Moves the clock forward and lets happen what falls due.
  void AdvanceTo(std::uint64_t now_ns);

  // ---- faults
  // -----------------------------------------------------------------------------------------------------

  // The process dies: its links go down; what it had posted may still land.
  void Kill(ReplicaId id);
  // Started again with empty memory, in the next incarnation.
  void Restart(ReplicaId id);
  [[nodiscard]] bool alive(ReplicaId id) const;
  [[nodiscard]] Incarnation incarnation(ReplicaId id) const;
  // Nothing gets from `from` to `to` any more: messages are lost, operations fail as down. Links go down when
  // both directions are cut.
  void Cut(ReplicaId from, ReplicaId to);
  void Heal(ReplicaId from, ReplicaId to);
  // Holds back traffic posted by `from` to `to`, and lets it go again.
  void Hold(Traffic traffic, ReplicaId from, ReplicaId to);
  void Release(Traffic traffic, ReplicaId from, ReplicaId to);
  // What is posted from `from` to `to` takes up to so much longer from now on, ns.
  void Slow(ReplicaId from, ReplicaId to, std::uint64_t extra_ns) {
    link(from, to).extra_delay_ns = extra_ns;
  }
  // From now on nothing goes wrong by chance.
  void Calm();
  // The granted path from `from` to `to` fails while the link stays up.
  void BreakPath(ReplicaId from, ReplicaId to);
  // Of the held writes from `from` to `to`: lands the first `bytes` bytes of the oldest, or all but these.
  void LandPart(ReplicaId from, ReplicaId to, std::uint64_t bytes, bool first);
  // Loses what is held.
  void DropHeld(Traffic traffic, ReplicaId from, ReplicaId to);

  // ---- for checkers
  // -----------------------------------------------------------------------------------------------

  // A landed write has changed bytes: owner, grant of the write, grant effective at the owner.
  std::function<void(paxos::Member, Grant, Grant)> on_remote_write;
  // Bytes of a posted write have changed at the poster before it completed.
  std::function<void(paxos::Member, Range)> on_posted_bytes_changed;
  // A grant has become effective: owner, grant.
  std::function<void(paxos::Member, Grant)> on_granted;
  [[nodiscard]] const WorldCounters& counters() const { return counters_; }
  // The log of `id` as it will be when what has completed there can be seen, by this way and by another: a
  // copy, aligned like the log. Nothing when the log is that already.
  [[nodiscard]] std::optional<AlignedCopy> LogToBe(ReplicaId id) const;

  // ---- for schedulers
  // -------------------------------------------------------------------------------------------

  // The replicas for which something has happened since this was last asked, a bit each: a Poll of any other
  // has nothing to report.
  [[nodiscard]] std::uint32_t TakeTouched() { return std::exchange(touched_, 0); }

 private:
  friend class Endpoint;

  struct Operation {
    enum class Kind : std::uint8_t { kWrite, kWord, kRead, kControl, kMessage, kFence };
    Kind kind = Kind::kWrite;
    ReplicaId from;
    ReplicaId to;
    Incarnation poster;
    Incarnation acceptor;
    Grant grant;
    Range range;
    LogWord word = LogWord::kCommit;
    std::uint64_t value = 0;
    std::uint64_t token = 0;
    std::vector<std::byte> bytes;  // kWrite: as posted; kRead: as taken; kMessage: the message
    std::vector<Range> pieces;     // kWrite: what has yet to land
    std::uint64_t number = 0;      // of a message on its link
    Outcome outcome = Outcome::kDone;
    ControlView view;
    bool finished = false;
    bool abandoned = false;
    bool early = false;    // completes before it is seen
    bool settled = false;  // has completed, and will be seen
    bool stray = false;    // abandoned, and lands all the same
    bool in_part = false;  // some of it has landed
  };
  using OperationPtr = std::shared_ptr<Operation>;

  struct Due {
    std::uint64_t at_ns = 0;
    std::uint64_t order = 0;
    OperationPtr operation;
    Range piece;
    bool finish = false;
    friend bool operator>(const Due& a, const Due& b) {
      return std::pair(a.at_ns, a.order) > std::pair(b.at_ns, b.order);
    }
  };

  struct Event {
    enum class Kind : std::uint8_t { kCompletion, kControl, kMessage, kGranted, kLinkUp, kLinkDown };
    Kind kind = Kind::kCompletion;
    ReplicaId peer;
    Incarnation incarnation;
    Completion completion;
    Outcome outcome = Outcome::kDone;
    ControlView view;
    std::vector<std::byte> message;
    Grant grant;
  };

  using Memory = AlignedCopy;

  struct Link {
    std::deque<OperationPtr> posted;  // operations that complete in order
    std::vector<Due> held;
    std::set<Traffic> holding;
    bool cut = false;
    bool up = false;
    std::uint64_t last_control_ns = 0;  // when the read of a control region that was posted last is answered
    Grant path;                         // grant that `from` may write `to` under
    bool has_path = false;
    std::uint64_t extra_delay_ns = 0;
    std::uint64_t messages = 0;
    std::uint64_t latest_delivered = 0;
  };

  struct Node {
    bool alive = false;
    Incarnation incarnation;
    Memory log;
    Memory spare;
    std::uint64_t words[kLogWords] = {};
    ControlView control;
    Grant effective;
    bool fencing = false;
    std::uint64_t fenced_at_ns = 0;
    Grant asked;
    ReplicaId holder;
    std::deque<Event> inbox;
    std::vector<OperationPtr> settled;  // writes that have completed and have yet to be seen
    std::unique_ptr<Endpoint> endpoint;
  };

  [[nodiscard]] Node& node(ReplicaId id) { return nodes_.at(id.value()); }
  [[nodiscard]] const Node& node(ReplicaId id) const { return nodes_.at(id.value()); }
  [[nodiscard]] Link& link(ReplicaId from, ReplicaId to) {
    return links_.at(from.value() * options_.replicas + to.value());
  }
  [[nodiscard]] Memory Allocate() const;
  [[nodiscard]] std::uint64_t Random(std::uint64_t bound);
  [[nodiscard]] std::uint64_t Delay(const Link& on);
  [[nodiscard]] bool Chance(std::uint32_t per_mille) { return per_mille != 0 && Random(1000) < per_mille; }
  void Touch(ReplicaId id) { touched_ |= 1U << id.value(); }
  void Tell(ReplicaId id, Event event);
  [[nodiscard]] static Traffic TrafficOf(Operation::Kind kind);

  void Start(ReplicaId id);
  void ConnectAll(ReplicaId id);
  void UpdateLinks();
  void Post(const OperationPtr& operation);
  [[nodiscard]] bool WriteAtOnce(const OperationPtr& operation);
  void Schedule(const Due& due);
  void Happen(const Due& due);
  void CutUp(std::vector<Range>& pieces, std::uint64_t unit_bytes);
  void LandWrite(Operation& operation, Range piece);
  void ShowPiece(Operation& operation, Range piece);
  // Puts what has yet to be seen into a copy of the log, which is made when there is anything.
  void AddWhatComes(ReplicaId id, std::optional<AlignedCopy>& copy) const;
  void Settle(Node& owner);
  void SettleBelow(Node& owner, const Operation& operation, Range piece);
  void TakeRead(Operation& operation, Range piece);
  void CopyRange(std::byte* to, const std::byte* from, Range range) const;
  // Between a ring and bytes that begin at position `begin`.
  void CopyOut(std::byte* to, Position begin, const std::byte* ring, Range range) const;
  void CopyIn(std::byte* ring, const std::byte* from, Position begin, Range range) const;
  [[nodiscard]] bool SameInRing(const std::byte* ring, const std::byte* bytes, Position begin,
                                Range range) const;
  [[nodiscard]] Outcome Check(const Operation& operation);
  void Finish(const OperationPtr& operation);
  void Deliver(Operation& operation);
  void FailPath(ReplicaId from, ReplicaId to, Outcome outcome);

  WorldOptions options_;
  World* const memory_of_;
  const World* other_way_ = nullptr;  // to the memory of this one
  std::vector<Node> nodes_;
  std::vector<Link> links_;
  std::priority_queue<Due, std::vector<Due>, std::greater<>> due_;
  std::uint64_t now_ns_ = 1;
  std::uint64_t order_ = 0;
  std::uint64_t random_;
  std::uint32_t touched_ = 0;
  WorldCounters counters_;
};

}  // namespace gaios::transport::sim

#endif  // GAIOS_TRANSPORT_SIM_WORLD_H_
