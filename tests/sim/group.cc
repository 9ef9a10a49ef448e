#include "tests/sim/group.h"

#include <algorithm>
#include <utility>

#include <absl/strings/str_cat.h>

#include "gaios/base/check.h"

#include "tests/sim/digest.h"

namespace gaios::sim {
namespace {

// Sessions of a run: more than its clients open, so that none is forgotten. Each reply fits.
constexpr std::size_t kSessions = 96;

ReplicaId IdOf(std::size_t i) {
  return ReplicaId(static_cast<std::uint8_t>(i));
}

}  // namespace

Group::Group(const GroupOptions& options, Agreed& agreed, Mail& mail, Trace& trace)
    : options_(options),
      agreed_(agreed),
      mail_(mail),
      trace_(trace),
      world_(options.world),
      watch_(
          world_, paxos::Configuration::Bootstrap(options.world.replicas),
          [this](ReplicaId id) -> const paxos::Replica& { return core(id); }, trace.on() ? &trace : nullptr),
      members_(options.world.replicas) {
  world_.on_granted = [this](paxos::Member owner, paxos::Grant grant) {
    ++grants_;
    path_switches_ += grant.number > 1 ? 1U : 0U;
    trace_.OnGranted(owner, grant);
  };
  for (std::size_t i = 0; i < members_.size(); ++i) {
    Start(IdOf(i));
  }
}

void Group::Start(ReplicaId id) {
  Member& started = member(id);
  const std::uint64_t earlier_digest = started.earlier_digest;
  started = Member();
  started.earlier_digest = earlier_digest;

  rsm::ReplicaOptions replica;
  replica.protocol = options_.protocol;
  replica.protocol.self = id;
  replica.protocol.incarnation = world_.incarnation(id);
  replica.protocol.configuration = paxos::Configuration::Bootstrap(members_.size());
  replica.protocol.capacity_bytes = options_.world.capacity_bytes;
  replica.protocol.seed = options_.world.seed;
  replica.max_proposals = 1024;
  replica.max_reads = 256;
  replica.sessions.max_sessions = kSessions;
  replica.sessions.reply_bytes = rsm::kMaxReplyBytes;
  replica.hash_interval_commands = options_.hash_interval_commands;

  const paxos::Member self{id, world_.incarnation(id)};
  started.clock = std::make_unique<LocalClock>(world_, options_.clock_origin_ns.at(id.value()),
                                               options_.clock_gain_ppm.at(id.value()));
  started.state_machine = options_.make_state_machine(self);
  started.desk = std::make_unique<Desk>(self, *started.state_machine, agreed_, mail_,
                                        [this] { return world_.now_ns(); });
  started.replica = std::make_unique<rsm::Replica>(replica, world_.transport(id), *started.clock,
                                                   *started.state_machine, &watch_, started.desk.get());
  started.role = core(id).role();
  started.next_turn_ns = world_.now_ns();
}

void Group::Wake(Member& member, std::uint64_t now_ns) {
  const std::uint64_t turn_ns = std::max(options_.turn_ns, member.slow_turn_ns);
  member.next_turn_ns = std::min(member.next_turn_ns, std::max(now_ns, member.last_turn_ns + turn_ns));
}

std::uint64_t Group::NextNs() const {
  std::uint64_t next_ns = world_.NextEventNs();
  for (const Member& each : members_) {
    if (Takes(each)) {
      next_ns = std::min(next_ns, each.next_turn_ns);
    }
  }
  return next_ns;
}

void Group::Receive(ReplicaId id, std::size_t client, Request request) {
  Member& to = member(id);
  if (!runs(id)) {
    return;  // nobody is there
  }
  to.desk->Receive(client, std::move(request));
  Wake(to, world_.now_ns());
}

void Group::Poll() {
  const std::uint64_t now_ns = world_.now_ns();
  const std::uint32_t touched = world_.TakeTouched();
  for (std::size_t i = 0; i < members_.size(); ++i) {
    Member& each = members_[i];
    if (!Takes(each)) {
      continue;
    }
    if ((touched & (1U << i)) != 0) {
      Wake(each, now_ns);
    }
    if (each.next_turn_ns > now_ns) {
      continue;
    }
    each.desk->Serve(*each.replica);
    const bool active = each.replica->Poll();
    each.last_turn_ns = now_ns;
    each.next_turn_ns =
        now_ns + std::max(active ? options_.turn_ns : rsm::Engine::kTickIntervalNs, each.slow_turn_ns);
    Notice(IdOf(i));
  }
}

void Group::Notice(ReplicaId id) {
  Member& each = member(id);
  const paxos::Role role = core(id).role();
  if (role != each.role) {
    each.role = role;
    if (trace_.on()) {
      trace_.Say("replica " + NameOf(core(id).self()),
                 absl::StrCat("is ", std::string(paxos::RoleName(role)), " now"));
    }
  }
  const bool leading = core(id).established() && core(id).has_quorum();
  if (leading && !each.leading && last_leader_ != id) {
    leader_changes_ += last_leader_.has_value() ? 1U : 0U;
    last_leader_ = id;
  }
  each.leading = leading;
}

// ---- faults
// -----------------------------------------------------------------------------------------------------------

void Group::Crash(ReplicaId id) {
  Member& dead = member(id);
  GAIOS_CHECK(dead.replica != nullptr, "only what lives can die");
  dead.earlier_digest = dead.earlier_digest * 31 + dead.desk->digest();
  world_.Kill(id);
  dead.replica.reset();
  dead.desk.reset();
  dead.state_machine.reset();
}

void Group::Stop(ReplicaId id) {
  member(id).stopped = true;
}

void Group::Restart(ReplicaId id) {
  world_.Restart(id);
  Start(id);
}

void Group::Pause(ReplicaId id, bool paused) {
  Member& each = member(id);
  if (each.paused && !paused) {
    each.next_turn_ns = world_.now_ns();
  }
  each.paused = paused;
}

// ---- state
// ------------------------------------------------------------------------------------------------------------

std::optional<ReplicaId> Group::leader() const {
  for (std::size_t i = 0; i < members_.size(); ++i) {
    const ReplicaId id = IdOf(i);
    if (runs(id) && core(id).established() && core(id).has_quorum()) {
      return id;
    }
  }
  return std::nullopt;
}

std::optional<ReplicaId> Group::BestLog() const {
  std::optional<ReplicaId> best;
  const auto end = [this](ReplicaId of) {
    return std::pair(core(of).end_cursor().ballot, core(of).end_cursor().position);
  };
  for (std::size_t i = 0; i < members_.size(); ++i) {
    const ReplicaId id = IdOf(i);
    if (votes(id) && (!best.has_value() || end(id) > end(*best))) {
      best = id;
    }
  }
  return best;
}

bool Group::WithinTheRing(ReplicaId id) const {
  const std::optional<ReplicaId> best = BestLog();
  if (!best.has_value() || !votes(id)) {
    return false;
  }
  // The next leader's ring must also hold its ballot record.
  const paxos::Replica& from = core(*best);
  const std::uint64_t lacks_bytes =
      from.end_cursor().position - std::min(from.end_cursor().position, core(id).commit());
  return core(id).commit() >= from.retained() && lacks_bytes + paxos::EntryBytes(0) <= from.log().capacity();
}

std::size_t Group::CountWithinTheRing() const {
  std::size_t within = 0;
  for (std::size_t i = 0; i < members_.size(); ++i) {
    within += WithinTheRing(IdOf(i)) ? 1U : 0U;
  }
  return within;
}

bool Group::EnoughWithout(ReplicaId id) const {
  paxos::Position end;
  for (std::size_t i = 0; i < members_.size(); ++i) {
    if (votes(IdOf(i))) {
      end = std::max(end, core(IdOf(i)).end_cursor().position);
    }
  }
  std::size_t left = 0;
  for (std::size_t i = 0; i < members_.size(); ++i) {
    const bool close = IdOf(i) != id && WithinTheRing(IdOf(i)) &&
                       core(IdOf(i)).commit() + options_.world.capacity_bytes / 2 >= end;
    left += close ? 1U : 0U;
  }
  return left >= majority();
}

std::uint64_t Group::digest() const {
  Digest digest;
  for (const Member& each : members_) {
    digest.Add(each.earlier_digest);
    digest.Add(each.desk != nullptr ? each.desk->digest() : 0);
  }
  return digest.value();
}

}  // namespace gaios::sim
