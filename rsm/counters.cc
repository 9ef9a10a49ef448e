#include "gaios/rsm/counters.h"

#include <fcntl.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <atomic>
#include <cerrno>
#include <cstring>
#include <fstream>
#include <iterator>
#include <utility>

#include <absl/strings/str_cat.h>

#include "gaios/base/check.h"

namespace gaios::rsm {
namespace {

using Word = std::atomic<std::uint64_t>;
static_assert(sizeof(Word) == 8 && Word::is_always_lock_free, "a word of the file is an atomic of ours");

constexpr std::uint64_t kMagic = 0x746e63736f696167;  // "gaioscnt", as the bytes stand

constexpr std::size_t kWords = sizeof(CounterData) / sizeof(std::uint64_t);

struct CounterFile {
  std::uint64_t magic;
  std::uint32_t version;
  std::uint32_t size;  // of all of it
  std::uint64_t pid;
  std::uint64_t started;  // when that process was, in the kernel's ticks since boot
  std::uint64_t replica;
  char group[Counters::kMaxGroupBytes + 1];
  Word ended;  // generation of the last update that is complete
  Word begun;  // generation of the last update that was begun
  Word words[kWords];
};
static_assert(offsetof(CounterFile, ended) == 104 && offsetof(CounterFile, words) == 120);
static_assert(sizeof(CounterFile) == 120 + sizeof(CounterData));

// Attempts to find the generations equal, before a reader takes what is there: the writer is stopped amid an
// update.
constexpr int kAttempts = 10'000;

absl::Status Failure(const char* what, const std::string& path) {
  return absl::ErrnoToStatus(errno, absl::StrCat("cannot ", what, " the counters file ", path));
}

// When a process was started; 0 when there is none. Ids are used again, but not with the same start.
std::uint64_t StartOf(std::uint64_t pid) {
  std::ifstream stat(absl::StrCat("/proc/", pid, "/stat"));
  const std::string text{std::istreambuf_iterator<char>(stat), std::istreambuf_iterator<char>()};
  // The name in parentheses may hold anything; the state, third, follows the last of them, the start is the
  // 22nd.
  std::size_t at = text.rfind(')');
  if (at == std::string::npos || at + 2 >= text.size() || text[at + 2] == 'Z') {
    return 0;
  }
  for (int field = 3; field <= 22; ++field) {
    at = text.find(' ', at + (field == 3 ? 0 : 1));
    if (at == std::string::npos) {
      return 0;
    }
  }
  return std::strtoull(text.c_str() + at + 1, nullptr, 10);
}

LinkState StateOf(const paxos::FollowerLink* follower, bool link_up) {
  if (!link_up) {
    return LinkState::kDown;
  }
  if (follower == nullptr) {
    return LinkState::kUp;
  }
  switch (follower->stage) {
    case paxos::FollowerLink::Stage::kAbsent:
      return LinkState::kUp;
    case paxos::FollowerLink::Stage::kAsked:
      return LinkState::kAsked;
    case paxos::FollowerLink::Stage::kActive:
      return follower->stalled ? LinkState::kStalled : LinkState::kActive;
    case paxos::FollowerLink::Stage::kFenced:
      return LinkState::kFenced;
    case paxos::FollowerLink::Stage::kBehind:
      return LinkState::kBehind;
  }
  GAIOS_CHECK(false, "no such stage");
  return LinkState::kDown;
}

std::uint64_t Since(paxos::TimeNs earlier, paxos::TimeNs later) {
  return earlier == 0 || later < earlier ? 0 : later - earlier;
}

// Unmaps and closes at the end of a scope.
class Mapping {
 public:
  Mapping() = default;
  Mapping(const Mapping&) = delete;
  Mapping& operator=(const Mapping&) = delete;
  ~Mapping() {
    if (memory != MAP_FAILED) {
      munmap(memory, sizeof(CounterFile));
    }
    if (fd >= 0) {
      close(fd);
    }
  }
  int fd = -1;
  void* memory = MAP_FAILED;
};

}  // namespace

std::string_view LinkStateName(LinkState state) {
  switch (state) {
    case LinkState::kDown:
      return "down";
    case LinkState::kUp:
      return "up";
    case LinkState::kAsked:
      return "asked";
    case LinkState::kActive:
      return "active";
    case LinkState::kStalled:
      return "stalled";
    case LinkState::kFenced:
      return "fenced";
    case LinkState::kBehind:
      return "behind";
  }
  return "unknown";
}

std::string Counters::Path(const std::string& directory, paxos::ReplicaId replica) {
  return absl::StrCat(directory, "/replica-", static_cast<unsigned>(replica.value()), ".counters");
}

absl::StatusOr<std::unique_ptr<Counters>> Counters::Create(const std::string& path,
                                                           const CounterIdentity& identity) {
  if (identity.group.size() > kMaxGroupBytes) {
    return absl::InvalidArgumentError(absl::StrCat("the group's name \"", identity.group,
                                                   "\" is too long: use at most ", kMaxGroupBytes, " bytes"));
  }
  // Made aside and moved into place, so that a reader finds a whole file, of this life or of an earlier one.
  const std::string fresh = absl::StrCat(path, ".new");
  Mapping mapping;
  mapping.fd = open(fresh.c_str(), O_CREAT | O_TRUNC | O_RDWR | O_CLOEXEC | O_NOFOLLOW, 0600);
  if (mapping.fd < 0 || ftruncate(mapping.fd, sizeof(CounterFile)) != 0) {
    return Failure("create", fresh);
  }
  mapping.memory = mmap(nullptr, sizeof(CounterFile), PROT_READ | PROT_WRITE, MAP_SHARED, mapping.fd, 0);
  if (mapping.memory == MAP_FAILED) {
    return Failure("map", fresh);
  }
  auto* file = static_cast<CounterFile*>(mapping.memory);
  file->magic = kMagic;
  file->version = kVersion;
  file->size = sizeof(CounterFile);
  file->pid = static_cast<std::uint64_t>(getpid());
  file->started = StartOf(file->pid);
  file->replica = identity.replica.value();
  std::memcpy(file->group, identity.group.data(), identity.group.size());
  if (rename(fresh.c_str(), path.c_str()) != 0) {
    return Failure("put into place", path);
  }
  return std::unique_ptr<Counters>(
      new Counters(std::exchange(mapping.memory, MAP_FAILED), identity.reserved_bytes));
}

Counters::~Counters() {
  munmap(memory_, sizeof(CounterFile));
}

void Counters::Write(const Replica& replica, const NodeTransport& transport, std::uint64_t now_ns) {
  next_ns_ = now_ns + kIntervalNs;
  const paxos::Replica& core = replica.core();
  const std::uint64_t end = core.end_cursor().position.value();
  data_.incarnation = core.self().incarnation.value();
  // Until its ballot record is committed a leader cannot commit anything else: to the outside it is a
  // candidate.
  const bool winning = core.role() == paxos::Role::kLeader && !core.established();
  data_.role = static_cast<std::uint64_t>(winning ? paxos::Role::kCandidate : core.role());
  data_.voter = core.voter() ? 1 : 0;
  data_.ballot = core.promised().ballot.packed();
  const std::optional<paxos::ReplicaId> leader = core.leader();
  data_.leader_plus_one = leader.has_value() ? std::uint64_t{leader->value()} + 1 : 0;
  data_.commit = core.commit().value();
  data_.commit_slot = core.commit_slot().value();
  data_.applied = core.applied().value();
  data_.applied_slot = core.applied_slot().value();
  data_.reserved_bytes = reserved_bytes_;
  data_.applied_commands = replica.applied_commands();
  data_.updated_ns = now_ns;

  data_.in_sync = core.role() == paxos::Role::kLeader ? std::uint64_t{1} << core.self().id.value() : 0;
  const paxos::Configuration& configuration = core.configuration();
  paxos::ReplicaSet reachable;
  reachable.Add(core.self().id);
  data_.links_count = 0;
  data_.voters = data_.learners = data_.joining = data_.loss_unknown = 0;
  data_.change_undecided = core.change_undecided() ? 1 : 0;
  data_.change_settled = core.change_settled() ? 1 : 0;
  for (const paxos::ReplicaId id : configuration.everybody()) {
    const paxos::Standing standing = configuration.StandingOf(id);
    const std::uint64_t bit = std::uint64_t{1} << id.value();
    (standing == paxos::Standing::kVoter ? data_.voters : data_.learners) |= bit;
    data_.joining |= standing == paxos::Standing::kJoining ? bit : 0;
    if (id == core.self().id) {
      continue;
    }
    const paxos::PeerView& peer = core.peer(id);
    const paxos::FollowerLink* follower = core.follower(id);
    if (peer.link_up && configuration.IsVoter({id, peer.incarnation})) {
      reachable.Add(id);
    }
    LinkCounters& link = data_.links[data_.links_count++];
    link.peer = id.value();
    link.state = static_cast<std::uint64_t>(StateOf(follower, peer.link_up));
    link.acked = follower != nullptr ? follower->acked.value() : 0;
    link.applied = peer.applied.value();
    const PathFacts path = transport.path(id);
    link.rtt_ns = path.rtt_ns;
    link.loss = path.loss;
    data_.loss_unknown |= path.counts_loss ? 0 : bit;
    link.switches = path.switches;
    link.path = static_cast<std::uint64_t>(path.kind);
    link.paths_up = path.paths_up;
    link.last_switch = path.last_switch;
    link.lag_bytes = end > link.applied ? end - link.applied : 0;
    if (follower != nullptr && follower->in_sync) {
      data_.in_sync |= bit;
    }
  }
  data_.no_quorum =
      !configuration.HasMajority(reachable) || (core.established() && !core.has_quorum()) ? 1 : 0;
  if (const std::optional<Divergence>& divergence = replica.divergence(); divergence.has_value()) {
    data_.diverged = 1;
    data_.divergence_commands = divergence->commands;
    data_.divergence_own_hash = divergence->own_hash;
    data_.divergence_leader_hash = divergence->leader_hash;
  }
  NoteHash(replica, now_ns);
  NoteFailover(core);
  data_.elections_asked = core.elections().asked;
  data_.elections_begun = core.elections().begun;
  data_.elections_won = core.elections().won;
  data_.silence_limit_ns = core.silence_limit();
  data_.drained = core.drained() ? 1 : 0;
  data_.priority_plus_one = std::uint64_t{core.options().priorities.at(core.self().id.value())} + 1;
  data_.hand_overs = core.hand_overs();
  data_.hand_over_drain_ns = core.hand_over_drain_ns();
  if (const std::optional<TransportCounters> counted = transport.counters(); counted.has_value()) {
    data_.transport_count = counted->values.size();
    std::copy(counted->values.begin(), counted->values.end(), data_.transport.begin());
  }
  if (network_ != nullptr) {
    const NetworkCounters counted = network_->counters();
    data_.network_count = counted.values.size();
    std::copy(counted.values.begin(), counted.values.end(), data_.network.begin());
  }

  auto* file = static_cast<CounterFile*>(memory_);
  std::uint64_t words[kWords];
  std::memcpy(words, &data_, sizeof(data_));
  file->begun.store(++generation_, std::memory_order_relaxed);
  std::atomic_thread_fence(std::memory_order_release);
  for (std::size_t i = 0; i < kWords; ++i) {
    file->words[i].store(words[i], std::memory_order_relaxed);
  }
  file->ended.store(generation_, std::memory_order_release);
}

void Counters::NoteHash(const Replica& replica, std::uint64_t now_ns) {
  if (now_ns < next_hash_ns_ || (data_.hashed_commands == data_.applied_commands && next_hash_ns_ != 0)) {
    return;
  }
  next_hash_ns_ = now_ns + kHashIntervalNs;
  data_.state_hash = replica.state_hash();
  data_.hashed_commands = data_.applied_commands;
}

void Counters::NoteFailover(const paxos::Replica& core) {
  const paxos::FailoverTimes& times = core.failover();
  if (!core.established() || times.first_commit_ns == 0 || times.first_commit_ns == noted_commit_ns_) {
    return;
  }
  noted_commit_ns_ = times.first_commit_ns;
  const std::size_t place = data_.failovers_count++ % CounterData::kFailovers;
  FailoverCounters& failover = data_.failovers[place];
  failover.ballot = core.promised().ballot.packed();
  failover.detect_ns = Since(times.leader_last_alive_ns, times.suspected_ns);
  failover.fence_ns = Since(times.suspected_ns, times.promised_ns);
  data_.agree_ns[place] = Since(times.suspected_ns, times.agreed_ns);
  failover.recover_ns = Since(times.promised_ns, times.leading_ns);
  failover.first_commit_ns = Since(times.leading_ns, times.first_commit_ns);
  failover.total_ns = failover.detect_ns + failover.fence_ns + failover.recover_ns + failover.first_commit_ns;
}

absl::StatusOr<CounterSnapshot> ReadCounters(const std::string& path) {
  Mapping mapping;
  mapping.fd = open(path.c_str(), O_RDONLY | O_CLOEXEC);
  if (mapping.fd < 0) {
    if (errno == ENOENT) {
      return absl::NotFoundError(
          absl::StrCat("there is no ", path, ": the replica has not been started in this directory"));
    }
    return Failure("open", path);
  }
  struct stat status = {};
  if (fstat(mapping.fd, &status) != 0) {
    return Failure("examine", path);
  }
  absl::Status foreign =
      absl::DataLossError(absl::StrCat(path, " is not a counters file of version ", Counters::kVersion,
                                       ": it was written by another version of gaios, or by something else; "
                                       "use the gaios that the replica runs"));
  if (status.st_size != static_cast<off_t>(sizeof(CounterFile))) {
    return foreign;
  }
  mapping.memory = mmap(nullptr, sizeof(CounterFile), PROT_READ, MAP_SHARED, mapping.fd, 0);
  if (mapping.memory == MAP_FAILED) {
    return Failure("map", path);
  }
  const auto* file = static_cast<const CounterFile*>(mapping.memory);
  if (file->magic != kMagic || file->version != Counters::kVersion || file->size != sizeof(CounterFile)) {
    return foreign;
  }
  CounterSnapshot snapshot;
  snapshot.identity.group = std::string(file->group, strnlen(file->group, sizeof(file->group)));
  snapshot.identity.replica = paxos::ReplicaId(static_cast<std::uint8_t>(file->replica));
  snapshot.pid = file->pid;
  const std::uint64_t started = StartOf(file->pid);
  snapshot.running = started != 0 && started == file->started;
  std::uint64_t words[kWords];
  for (int attempt = 0; attempt < kAttempts && !snapshot.consistent; ++attempt) {
    const std::uint64_t ended = file->ended.load(std::memory_order_acquire);
    for (std::size_t i = 0; i < kWords; ++i) {
      words[i] = file->words[i].load(std::memory_order_relaxed);
    }
    std::atomic_thread_fence(std::memory_order_acquire);
    snapshot.consistent = file->begun.load(std::memory_order_relaxed) == ended;
  }
  std::memcpy(&snapshot.data, words, sizeof(snapshot.data));
  snapshot.identity.reserved_bytes = snapshot.data.reserved_bytes;
  return snapshot;
}

}  // namespace gaios::rsm
