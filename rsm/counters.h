#ifndef GAIOS_RSM_COUNTERS_H_
#define GAIOS_RSM_COUNTERS_H_

// What a replica tells of itself while it runs: a page of numbers in a file beside its socket, which anybody
// who may read the file can look at without the replica noticing. `gaios status` does.
//
// The layout is fixed and versioned; every number is one 64-bit word, little-endian. The writer, the
// replica's own loop, refreshes it at most every kIntervalNs with plain relaxed stores between two generation
// words; a reader that finds the generations equal around its copy has numbers of one moment (a sequence
// lock). A process that dies leaves its file behind: readers tell by the process id and the time at which
// that process was started. The next life of the replica replaces the file.
//
// Threads: a Counters belongs to the thread of its replica; ReadCounters is for anybody. Update makes no
// system call and allocates nothing. Times are in nanoseconds, positions in bytes of the log.

#include <array>
#include <cstddef>
#include <cstdint>
#include <memory>
#include <string>
#include <string_view>
#include <type_traits>

#include <absl/status/status.h>
#include <absl/status/statusor.h>

#include "gaios/paxos/limits.h"
#include "gaios/paxos/types.h"
#include "gaios/rsm/client/network/network_counters.h"
#include "gaios/rsm/client/network/network_port.h"
#include "gaios/rsm/node_transport.h"
#include "gaios/rsm/replica.h"
#include "gaios/rsm/transport_counters.h"

namespace gaios::rsm {

// How the link to a peer looks from here.
enum class LinkState : std::uint64_t {
  kDown = 0,     // its process cannot be reached
  kUp = 1,       // reachable; not leading, or nothing granted yet
  kAsked = 2,    // leader: a grant was asked for
  kActive = 3,   // leader: writing to it, its acknowledgements count
  kStalled = 4,  // leader: writing to it, but it applies nothing and has left the in-sync set
  kFenced = 5,   // leader: it has promised another leader
  kBehind = 6,   // leader: the ring no longer holds what it lacks
};
[[nodiscard]] std::string_view LinkStateName(LinkState state);

struct LinkCounters {
  std::uint64_t peer = 0;
  std::uint64_t state = 0;        // a LinkState
  std::uint64_t acked = 0;        // leader: position it has accepted; else 0
  std::uint64_t applied = 0;      // position it has applied, as last read
  std::uint64_t lag_bytes = 0;    // from what it has applied to the end of our log
  std::uint64_t rtt_ns = 0;       // 0: this path does not measure it
  std::uint64_t loss = 0;         // packets known to be lost; see loss_unknown
  std::uint64_t switches = 0;     // changes of path; 0 with one path
  std::uint64_t path = 0;         // a PathKind: what carries the writes, or carried them last
  std::uint64_t paths_up = 0;     // a bit for each PathKind that is up; 0 with one path
  std::uint64_t last_switch = 0;  // why the path was changed last, as in PathFacts; 0: it never was
};

// A fail-over that this replica won, by its steps; each is the time since the end of the step before.
struct FailoverCounters {
  std::uint64_t ballot = 0;  // packed, that it leads under since
  std::uint64_t detect_ns =
      0;  // the old leader's last sign of life to suspicion; 0 when there was no old leader
  std::uint64_t fence_ns = 0;         // to a majority of promises
  std::uint64_t recover_ns = 0;       // to a log adopted, with the ballot record in it
  std::uint64_t first_commit_ns = 0;  // to the ballot record committed
  std::uint64_t total_ns = 0;
};

struct CounterData {
  static constexpr std::size_t kFailovers = 8;
  static constexpr std::size_t kTransportPlaces = 95;
  static constexpr std::size_t kNetworkPlaces = 36;

  std::uint64_t incarnation = 0;
  std::uint64_t role = 0;  // a paxos::Role; kLeader once it can commit
  std::uint64_t voter =
      0;  // 0: this incarnation counts nowhere: it has forgotten what it promised, or is no voter
  std::uint64_t ballot = 0;           // packed; the highest promised
  std::uint64_t leader_plus_one = 0;  // 0: not known
  std::uint64_t commit = 0;           // position
  std::uint64_t commit_slot = 0;
  std::uint64_t applied = 0;  // position
  std::uint64_t applied_slot = 0;
  std::uint64_t durable = 0;         // position; 0 in memory mode
  std::uint64_t in_sync = 0;         // leader: bit per replica of the in-sync set, itself included; else 0
  std::uint64_t no_quorum = 0;       // it cannot reach a majority, or leads and hears of none
  std::uint64_t reserved_bytes = 0;  // of memory, the transport's included
  std::uint64_t applied_commands = 0;
  std::uint64_t state_hash = 0;       // of the state machine,
  std::uint64_t hashed_commands = 0;  // after so many commands
  std::uint64_t diverged = 0;         // its state is not the leader's, and it has stopped:
  std::uint64_t divergence_commands = 0;
  std::uint64_t divergence_own_hash = 0;
  std::uint64_t divergence_leader_hash = 0;
  std::uint64_t updated_ns = 0;  // the replica's monotonic clock
  std::uint64_t links_count = 0;
  std::array<LinkCounters, paxos::kMaxReplicas - 1> links;
  std::uint64_t failovers_count = 0;  // in all; the latest kFailovers are kept, number i at i % kFailovers
  std::array<FailoverCounters, kFailovers> failovers;
  std::uint64_t hand_overs = 0;  // planned, from this replica to another, that were carried through here
  std::uint64_t hand_over_drain_ns =
      0;                              // of the last: from the first refusal until the other was to take over
  std::uint64_t transport_count = 0;  // of `transport`; 0 where replicas share a host
  std::array<std::uint64_t, kTransportPlaces> transport = {};  // by TransportCounter
  // Who is in the group, as this replica knows it to be committed; a bit per replica.
  std::uint64_t voters = 0;
  std::uint64_t learners = 0;          // those that are to vote included
  std::uint64_t joining = 0;           // of the learners, those that are to vote
  std::uint64_t change_undecided = 0;  // a change of that stands in its log
  std::uint64_t change_settled = 0;  // leader: none is under way, and a majority of the voters knows the last
  // How often this replica, in this life, asked whether it should lead, began phase 1, and led.
  std::uint64_t elections_asked = 0;
  std::uint64_t elections_begun = 0;
  std::uint64_t elections_won = 0;
  std::uint64_t silence_limit_ns = 0;  // after so much silence it suspects its leader
  std::uint64_t network_count = 0;     // of `network`; 0 where there are no clients of the network
  std::array<std::uint64_t, kNetworkPlaces> network = {};  // by NetworkCounter
  // Words that were places of `network` once: an earlier release leaves them 0, and a later one may use them,
  // without another version. They stay where they are: those that are taken next stand before them.
  std::array<std::uint64_t, kFailovers> agree_ns =
      {};  // of the fence_ns of each of `failovers`, until a majority had found out too; 0: not told
  std::uint64_t loss_unknown = 0;       // a bit per peer, of whose link nobody can tell what is lost: RDMA
  std::uint64_t drained = 0;            // its operator has taken it out of leading
  std::uint64_t priority_plus_one = 0;  // as leader; 0: not told
};
static_assert(kNetworkCounters <= CounterData::kNetworkPlaces);
static_assert(kTransportCounters <= CounterData::kTransportPlaces);
static_assert(std::is_trivially_copyable_v<CounterData> && sizeof(CounterData) % sizeof(std::uint64_t) == 0);
static_assert(sizeof(LinkCounters) == 88 && sizeof(FailoverCounters) == 48);
static_assert(offsetof(CounterData, loss_unknown) == offsetof(CounterData, network) + std::size_t{44} * 8 &&
              sizeof(CounterData) == offsetof(CounterData, loss_unknown) + std::size_t{3} * 8);
static_assert(offsetof(CounterData, links) == std::size_t{22} * 8 &&
              offsetof(CounterData, failovers) == std::size_t{23} * 8 + sizeof(LinkCounters) * 6);

// What does not change in the life of a process.
struct CounterIdentity {
  std::string group;  // at most kMaxGroupBytes
  paxos::ReplicaId replica;
  std::uint64_t reserved_bytes = 0;
};

struct CounterSnapshot {
  CounterIdentity identity;
  std::uint64_t pid = 0;
  bool running = false;  // the process that wrote this still is
  bool consistent =
      false;  // the numbers are of one moment; false only when the process died or stopped amid an update
  CounterData data;
};

class Counters {
 public:
  static constexpr std::uint32_t kVersion = 7;
  static constexpr std::uint64_t kIntervalNs = 1'000'000;
  static constexpr std::size_t kMaxGroupBytes = 63;

  // The file of a replica in the group's directory.
  [[nodiscard]] static std::string Path(const std::string& directory, paxos::ReplicaId replica);

  // Replaces the file of an earlier life at `path`. The error names the path and what the system said.
  [[nodiscard]] static absl::StatusOr<std::unique_ptr<Counters>> Create(const std::string& path,
                                                                        const CounterIdentity& identity);
  Counters(const Counters&) = delete;
  Counters& operator=(const Counters&) = delete;
  // Unmaps; the file stays, for those who look after the end.
  ~Counters();

  // What is counted of the clients of the network, from now on; null: there are none. It must outlive the
  // updates.
  void ShowNetwork(const NetworkPort* port) { network_ = port; }

  // To be called on every turn of the loop; does something when kIntervalNs have passed, or `at_once`.
  void Update(const Replica& replica, const NodeTransport& transport, std::uint64_t now_ns,
              bool at_once = false) {
    if (now_ns < next_ns_ && !at_once) {
      return;
    }
    Write(replica, transport, now_ns);
  }

 private:
  // How often the state is hashed: a machine may take its time for that.
  static constexpr std::uint64_t kHashIntervalNs = 10'000'000;

  Counters(void* memory, std::uint64_t reserved_bytes) : memory_(memory), reserved_bytes_(reserved_bytes) {}
  void Write(const Replica& replica, const NodeTransport& transport, std::uint64_t now_ns);
  void NoteFailover(const paxos::Replica& core);
  void NoteHash(const Replica& replica, std::uint64_t now_ns);

  void* const memory_;
  const std::uint64_t reserved_bytes_;
  const NetworkPort* network_ = nullptr;
  CounterData data_;
  std::uint64_t generation_ = 0;
  std::uint64_t next_ns_ = 0;
  std::uint64_t next_hash_ns_ = 0;
  std::uint64_t noted_commit_ns_ = 0;  // first commit of the latest fail-over that was noted
};

// NotFound: there is no such file, so the replica has not been started. DataLoss: the file is not one of
// counters, or of another version.
[[nodiscard]] absl::StatusOr<CounterSnapshot> ReadCounters(const std::string& path);

}  // namespace gaios::rsm

#endif  // GAIOS_RSM_COUNTERS_H_
