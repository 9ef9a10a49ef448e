#include "tests/sim/failovers.h"

#include <algorithm>
#include <utility>

#include <absl/strings/str_cat.h>

#include "gaios/paxos/limits.h"

#include "tests/sim/order_flow.h"

namespace gaios::sim {
namespace {

constexpr std::uint64_t kUs = 1'000;
constexpr std::uint64_t kMs = 1'000'000;
constexpr std::uint64_t kPatienceNs = 20'000 * kMs;
constexpr std::uint64_t kClients = 3;
constexpr std::uint32_t kInstruments = 2;

// A hundredth of a percent of a clock: nothing that is a trouble.
GroupOptions GroupOptionsOf(const FailoverOptions& options, Random& random) {
  GroupOptions group;
  group.world.replicas = options.replicas;
  group.world.seed = random.Next();
  group.world.capacity_bytes = paxos::kMinCapacityBytes << 3;
  group.world.min_delay_ns = kUs;
  group.world.max_delay_ns = options.delay_us * kUs;
  group.voters = options.replicas;
  group.protocol.group = paxos::GroupId(42);
  group.protocol.max_batch_bytes = 1024;
  group.protocol.links_come_back = true;
  for (std::size_t i = 0; i < options.replicas; ++i) {
    group.clock_gain_ppm.push_back(static_cast<std::int64_t>(random.Below(200)) - 100);
    group.clock_origin_ns.push_back(random.Between(1, 1'000) * kMs);
  }
  group.make_state_machine = [](paxos::Member) { return MakeOrderBook(kInstruments); };
  return group;
}

ReplicaId IdOf(std::size_t i) {
  return ReplicaId(static_cast<std::uint8_t>(i));
}

}  // namespace

std::string_view TroubleName(Trouble trouble) {
  switch (trouble) {
    case Trouble::kNone:
      return "none";
    case Trouble::kRejoins:
      return "rejoins";
    case Trouble::kLags:
      return "lags";
    case Trouble::kStalled:
      return "stalled";
    case Trouble::kLeaderUnheard:
      return "leader-unheard";
    case Trouble::kPeerUnheard:
      return "peer-unheard";
  }
  return "?";
}

std::optional<Trouble> TroubleNamed(std::string_view name) {
  const auto* const found = std::ranges::find(kTroubles, name, TroubleName);
  return found == std::end(kTroubles) ? std::nullopt : std::optional(*found);
}

void FailoverTally::Add(const FailoverTally& other) {
  failovers += other.failovers;
  begun += other.begun;
  lost += other.lost;
  lost_by_troubled += other.lost_by_troubled;
  begun_for_nothing += other.begun_for_nothing;
  deposed += other.deposed;
  gaps_ns.insert(gaps_ns.end(), other.gaps_ns.begin(), other.gaps_ns.end());
  failures.insert(failures.end(), other.failures.begin(), other.failures.end());
}

Failovers::Failovers(const FailoverOptions& options, Trace& trace)
    : options_(options),
      random_(options.seed * 0x2545f4914f6cdd1dULL + static_cast<std::uint64_t>(options.trouble)),
      mail_(MailOptions(), kClients, options.replicas, random_.Fork()),
      trace_(trace),
      group_(GroupOptionsOf(options, random_), agreed_, mail_, trace),
      seen_(options.replicas) {
  trace_.SetClock([this] { return group_.world().now_ns(); });
  clients_.reserve(kClients);
  for (std::size_t i = 0; i < kClients; ++i) {
    OrderFlowOptions flow;
    flow.client = i + 1;
    flow.instruments = kInstruments;
    ClientOptions client;
    client.index = i;
    client.replicas = options.replicas;
    client.think_ns = 5 * kMs;
    client.retry_ns = 20 * kMs;
    clients_.emplace_back(client, OrderFlow(flow, random_.Fork()), mail_, record_, trace_, random_.Fork());
  }
}

FailoverTally Failovers::Run() {
  while (tally_.failovers < options_.failovers && tally_.failures.empty()) {
    Settle();
    if (tally_.failures.empty()) {
      Round();
    }
  }
  for (const std::string& violation : group_.invariants().violations()) {
    Fail(violation);
  }
  for (const std::string& violation : agreed_.violations()) {
    Fail(violation);
  }
  trace_.SetClock(nullptr);
  return std::move(tally_);
}

// ---- time
// -------------------------------------------------------------------------------------------------------------

void Failovers::Step(std::uint64_t limit_ns) {
  std::uint64_t next_ns = std::min({group_.NextNs(), mail_.NextNs(), limit_ns});
  for (const Client& client : clients_) {
    next_ns = std::min(next_ns, client.NextNs());
  }
  group_.AdvanceTo(std::max(next_ns, group_.world().now_ns()));
  const std::uint64_t now_ns = group_.world().now_ns();
  for (Letter letter; mail_.Take(now_ns, letter);) {
    if (letter.to_replica) {
      group_.Receive(letter.replica, letter.client, std::move(letter.request));
    } else {
      clients_[letter.client].OnResponse(letter.replica, letter.response, now_ns);
    }
  }
  for (Client& client : clients_) {
    if (client.NextNs() <= now_ns) {
      client.Step(now_ns);
    }
  }
  group_.Poll();
}

template <typename Done>
bool Failovers::RunUntil(Done done, std::uint64_t limit_ns) {
  const std::uint64_t end_ns = group_.world().now_ns() + limit_ns;
  while (!done()) {
    if (group_.world().now_ns() >= end_ns) {
      return false;
    }
    Step(end_ns);
  }
  return true;
}

void Failovers::RunFor(std::uint64_t ns) {
  static_cast<void>(RunUntil([] { return false; }, ns));
}

// ---- one failover
// -----------------------------------------------------------------------------------------------------

// Whether all vote, and are in sync with one leader that the group can lose.
bool Failovers::Calm() const {
  const std::optional<ReplicaId> leader = group_.leader();
  if (!leader.has_value() || !group_.MembershipIsCalm() || !group_.EnoughWithout(*leader)) {
    return false;
  }
  for (std::size_t i = 0; i < group_.size(); ++i) {
    const paxos::FollowerLink* const link = group_.core(*leader).follower(IdOf(i));
    if (link != nullptr && !link->in_sync) {
      return false;
    }
  }
  return true;
}

void Failovers::Settle() {
  if (!RunUntil([this] { return Calm(); }, kPatienceNs)) {
    Fail(absl::StrCat("the group did not come to rest after failover ", tally_.failovers));
  }
  RunFor(random_.Between(150, 300) * kMs);
  const Seen since = TakeAll();
  if (tally_.failovers > 0) {  // else a group has begun
    tally_.begun_for_nothing += since.begun;
  }
}

ReplicaId Failovers::Draw(paxos::ReplicaSet without) {
  ReplicaId drawn = IdOf(random_.Below(group_.size()));
  while (without.Contains(drawn)) {
    drawn = IdOf(random_.Below(group_.size()));
  }
  return drawn;
}

void Failovers::Begin(ReplicaId troubled, ReplicaId other) {
  const std::uint64_t suspect_ns = paxos::Options().suspect_timeout_ns;
  switch (options_.trouble) {
    case Trouble::kNone:
      break;
    case Trouble::kRejoins:
      group_.Crash(troubled);
      RunFor(random_.Between(10, 200) * kMs);
      seen_[troubled.value()] = Seen();
      group_.Restart(troubled);
      RunFor(random_.Below(30 * kMs));
      return;
    case Trouble::kLags:
      group_.SlowDown(troubled, random_.Between(1, 20) * kMs);
      break;
    case Trouble::kStalled:
      group_.Pause(troubled, true);
      RunFor(random_.Below(2 * suspect_ns));
      if (random_.Chance(500)) {
        group_.Pause(troubled, false);  // or it wakes when the leader has died
        RunFor(random_.Below(5 * kMs));
      }
      return;
    case Trouble::kLeaderUnheard:
    case Trouble::kPeerUnheard:
      if (random_.Chance(500)) {
        group_.world().Cut(troubled, other);
      } else {
        group_.world().Cut(other, troubled);
      }
      break;
  }
  RunFor(random_.Between(0, 5 * suspect_ns));
}

void Failovers::End(ReplicaId troubled) {
  group_.SlowDown(troubled, 0);
  group_.Pause(troubled, false);
  for (std::size_t i = 0; i < group_.size(); ++i) {
    if (IdOf(i) != troubled) {
      group_.world().Heal(troubled, IdOf(i));
      group_.world().Heal(IdOf(i), troubled);
    }
  }
}

void Failovers::Round() {
  const ReplicaId leader = group_.leader().value_or(ReplicaId());
  paxos::ReplicaSet taken;
  taken.Add(leader);
  const ReplicaId troubled = Draw(taken);
  taken.Add(troubled);
  const ReplicaId other = options_.trouble == Trouble::kLeaderUnheard ? leader : Draw(taken);
  Begin(troubled, other);
  if (!RunUntil([&] { return group_.leader() != leader || group_.EnoughWithout(leader); }, kPatienceNs)) {
    Fail(absl::StrCat("the leader cannot be lost in failover ", tally_.failovers));
    return;
  }
  tally_.begun_for_nothing += TakeAll().begun;
  if (group_.leader() != leader) {
    ++tally_.deposed;
    End(troubled);
    return;
  }

  const std::uint64_t died_ns = group_.world().now_ns();
  // Its links end with it, or it falls silent, and its memory takes what is written.
  const bool silent = random_.Chance(500);
  if (silent) {
    group_.Stop(leader);
  } else {
    group_.Crash(leader);
  }
  const std::uint64_t wakes_ns = died_ns + random_.Below(paxos::Options().suspect_timeout_ns);
  const auto led = [&] {
    if (options_.trouble == Trouble::kStalled && group_.world().now_ns() >= wakes_ns) {
      group_.Pause(troubled, false);
    }
    return group_.leader().has_value();
  };
  if (!RunUntil(led, kPatienceNs)) {
    Fail(absl::StrCat("nobody came to lead after failover ", tally_.failovers));
    return;
  }
  tally_.gaps_ns.push_back(group_.world().now_ns() - died_ns);
  const std::optional<ReplicaId> next = group_.leader();
  // The trouble goes on, and whoever was late gives up.
  RunFor(paxos::Options().suspect_timeout_ns);
  group_.Pause(troubled, false);
  for (std::size_t i = 0; i < group_.size(); ++i) {
    const Seen since = IdOf(i) == leader ? Seen() : Take(IdOf(i));
    const std::uint64_t lost = since.begun - std::min(since.begun, since.won);
    tally_.begun += since.begun;
    tally_.lost += lost;
    tally_.lost_by_troubled += IdOf(i) == troubled ? lost : 0;
    if (lost != 0) {
      trace_.Say("failovers",
                 absl::StrCat("replica ", i, " has begun an election and not won it, since ", died_ns / kUs,
                              " us, beside ", troubled.value(), " with ", other.value()));
    }
  }
  RunFor(2 * paxos::Options().suspect_timeout_ns);
  tally_.begun_for_nothing += TakeAll().begun;
  tally_.deposed += group_.leader() != next ? 1U : 0U;
  ++tally_.failovers;
  End(troubled);
  if (silent) {
    group_.Crash(leader);
  }
  group_.Restart(leader);
  seen_[leader.value()] = Seen();
}

Failovers::Seen Failovers::Take(ReplicaId id) {
  const paxos::ElectionCounts& counts = group_.core(id).elections();
  const Seen before = std::exchange(seen_[id.value()], Seen{.begun = counts.begun, .won = counts.won});
  return {.begun = counts.begun - before.begun, .won = counts.won - before.won};
}

Failovers::Seen Failovers::TakeAll() {
  Seen all;
  for (std::size_t i = 0; i < group_.size(); ++i) {
    if (group_.exists(IdOf(i))) {
      const Seen since = Take(IdOf(i));
      all.begun += since.begun;
      all.won += since.won;
    }
  }
  return all;
}

}  // namespace gaios::sim
