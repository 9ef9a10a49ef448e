#include "tests/sim/cluster.h"

#include <algorithm>
#include <cstring>

namespace gaios::sim {
namespace {

constexpr std::uint64_t kMs = 1'000'000;

// A candidate's wait is between rank / 14 and rank / 14 + 1 / 2 of its jitter: with these no two of them
// overlap.
constexpr std::uint64_t kOrderlyJitterMs[] = {0, 14, 56, 168, 420, 980, 2'240};

paxos::Configuration Bootstrapped(const ClusterOptions& options) {
  return paxos::Configuration::Bootstrap(options.voters != 0 ? options.voters : options.world.replicas);
}

}  // namespace

Cluster::Cluster(const ClusterOptions& options)
    : options_(options),
      world_(options.world),
      watch_(world_, Bootstrapped(options),
             [this](ReplicaId id) -> const paxos::Replica& { return core(id); }),
      members_(options.world.replicas) {
  for (std::size_t i = 0; i < members_.size(); ++i) {
    Start(ReplicaId(static_cast<std::uint8_t>(i)));
  }
}

void Cluster::Start(ReplicaId id) {
  paxos::Options options;
  options.self = id;
  options.incarnation = world_.incarnation(id);
  options.group = paxos::GroupId(42);
  options.configuration = Bootstrapped(options_);
  options.capacity_bytes = options_.world.capacity_bytes;
  options.max_batch_bytes = options_.max_batch_bytes;
  options.pipeline_depth = options_.pipeline_depth;
  options.links_come_back = options_.links_come_back;
  options.fill_bytes_per_second = options_.fill_bytes_per_second;
  options.priorities = options_.priorities;
  options.preferred_after_ns = options_.preferred_after_ns;
  options.stand_by_ns = options_.stand_by_ns;
  // Later replicas wait longer, so that scripts can tell who will campaign first.
  options.election_jitter_ns = 20 * kMs * id.value();
  if (options_.orderly_elections) {
    options.election_jitter_ns = kOrderlyJitterMs[options.Rank()] * kMs;
  }
  options.seed = options_.world.seed;
  Member& started = member(id);
  started = Member();
  started.engine = std::make_unique<rsm::Engine>(options, world_.transport(id), &watch_);
}

void Cluster::Kill(ReplicaId id) {
  world_.Kill(id);
}

void Cluster::Restart(ReplicaId id) {
  world_.Restart(id);
  Start(id);
}

bool Cluster::Install(ReplicaId from, ReplicaId to) {
  Member& taker = member(to);
  if (!taker.engine->core().InstallSnapshot(core(from).snapshot_point())) {
    return false;
  }
  taker.applied = member(from).applied;
  taker.engine->CarryOut();
  return true;
}

namespace {

void AppendCommands(const paxos::Entry& entry, std::vector<std::string>& to) {
  if (entry.kind() != paxos::EntryKind::kBatch) {
    return;
  }
  std::size_t at = 0;
  for (int i = 0; i < entry.header.commands; ++i) {
    std::uint32_t length = 0;
    std::memcpy(&length, entry.payload.data() + at, sizeof(length));
    to.emplace_back(reinterpret_cast<const char*>(entry.payload.data() + at + sizeof(length)), length);
    at += (sizeof(length) + length + 7) / 8 * 8;
  }
}

}  // namespace

void Cluster::Apply(Member& member) {
  while (member.engine->core().HasNextToApply()) {
    const paxos::Entry entry = member.engine->core().NextToApply();
    AppendCommands(entry, member.applied);
    member.engine->core().Applied(entry);
  }
  member.engine->CarryOut();
}

std::vector<std::string> Cluster::NotYetApplied(ReplicaId id) const {
  std::vector<std::string> commands;
  paxos::Cursor at = core(id).applied_cursor();
  while (at.position < core(id).end_cursor().position) {
    const paxos::Entry entry = core(id).log().Known(at);
    AppendCommands(entry, commands);
    at = paxos::Log::After(entry);
  }
  return commands;
}

void Cluster::Step(std::uint64_t limit_ns) {
  bool active = false;
  for (std::size_t i = 0; i < members_.size(); ++i) {
    const ReplicaId id(static_cast<std::uint8_t>(i));
    if (!world_.alive(id) || members_[i].paused) {
      continue;
    }
    active = members_[i].engine->Poll(world_.now_ns()) || active;
    if (!members_[i].frozen) {
      Apply(members_[i]);
    }
  }
  if (active) {
    return;  // something happened: let it be answered before time goes on
  }
  const std::uint64_t tick = world_.now_ns() + rsm::Engine::kTickIntervalNs;
  world_.AdvanceTo(std::max(world_.now_ns(), std::min({tick, world_.NextEventNs(), limit_ns})));
}

void Cluster::RunFor(std::uint64_t ns) {
  RunUntil([] { return false; }, ns);
}

Cluster::Proposed Cluster::Propose(ReplicaId id, std::string_view command) {
  Proposed result;
  paxos::Replica& core = member(id).engine->core();
  const auto length = static_cast<std::uint32_t>(command.size());
  const auto bytes = static_cast<std::uint32_t>(sizeof(length) + length);
  const std::span<std::byte> space = core.Claim(bytes, world_.now_ns(), result.refusal);
  result.epoch = core.leadership_epoch();
  if (result.refusal != paxos::Refusal::kNone) {
    return result;
  }
  std::memcpy(space.data(), &length, sizeof(length));
  std::memcpy(space.data() + sizeof(length), command.data(), length);
  result.proposal = core.Publish();
  return result;
}

bool Cluster::Committed(ReplicaId id, const Proposed& proposed) const {
  return proposed.refusal == paxos::Refusal::kNone && core(id).leadership_epoch() == proposed.epoch &&
         core(id).established() && core(id).commit_slot() >= proposed.proposal.slot;
}

bool Cluster::Unknown(ReplicaId id, const Proposed& proposed) const {
  return proposed.refusal == paxos::Refusal::kNone && core(id).leadership_epoch() != proposed.epoch;
}

std::optional<ReplicaId> Cluster::leader() const {
  for (std::size_t i = 0; i < members_.size(); ++i) {
    const ReplicaId id(static_cast<std::uint8_t>(i));
    if (world_.alive(id) && core(id).established() && core(id).has_quorum()) {
      return id;
    }
  }
  return std::nullopt;
}

}  // namespace gaios::sim
