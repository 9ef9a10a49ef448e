#include "tests/sim/group.h"

#include <algorithm>
#include <array>
#include <utility>

#include <absl/strings/str_cat.h>

#include "gaios/base/check.h"

#include "tests/sim/digest.h"

namespace gaios::sim {
namespace {

// Sessions of a run: more than its clients open, so that none is forgotten. Each reply fits.
constexpr std::size_t kSessions = 96;

// The calendar of all replicas when they start.
std::uint64_t StartOfTime() {
  return 1'700'000'000'000'000'000;
}

ReplicaId IdOf(std::size_t i) {
  return ReplicaId(static_cast<std::uint8_t>(i));
}

// Of the same kind, with chances of its own.
transport::sim::WorldOptions SecondOf(transport::sim::WorldOptions options) {
  options.seed ^= 0x6a09e667f3bcc909ULL;
  return options;
}

}  // namespace

Group::Group(const GroupOptions& options, Agreed& agreed, Mail& mail, Trace& trace)
    : options_(options),
      agreed_(agreed),
      mail_(mail),
      trace_(trace),
      world_(options.world),
      second_(options.fallback.has_value()
                  ? std::make_unique<transport::sim::World>(SecondOf(options.world), &world_)
                  : nullptr),
      watch_(
          world_, paxos::Configuration::Bootstrap(options.voters),
          [this](ReplicaId id) -> const paxos::Replica& { return core(id); }, trace.on() ? &trace : nullptr),
      members_(options.world.replicas),
      random_(options.world.seed ^ 0x2b992ddfa23249d6ULL) {
  world_.on_granted = [this](paxos::Member owner, paxos::Grant grant) {
    ++grants_;
    path_switches_ += grant.number > 1 ? 1U : 0U;
    trace_.OnGranted(owner, grant);
  };
  if (second_ != nullptr) {
    second_->on_posted_bytes_changed = world_.on_posted_bytes_changed;
    WatchWritesOf(world_);
    WatchWritesOf(*second_);
  }
  for (std::size_t i = 0; i < members_.size(); ++i) {
    Start(IdOf(i));
  }
}

// P2 across the ways: once a grant is effective on all of them no write under another lands by any.
void Group::WatchWritesOf(transport::sim::World& world) {
  world.on_remote_write = [this](paxos::Member owner, paxos::Grant grant, paxos::Grant effective) {
    const auto& links = member(owner.id).links;
    watch_.invariants().OnRemoteWrite(
        owner, grant, links == nullptr ? effective : links->effective_grant().value_or(effective));
  };
}

transport::Transport& Group::LinksOf(ReplicaId id) {
  Member& started = member(id);
  if (second_ == nullptr) {
    return world_.transport(id);
  }
  transport::fallback::FallbackOptions fallback =
      options_.fallback.value_or(transport::fallback::FallbackOptions());
  fallback.self = id;
  fallback.clock = started.clock.get();
  const std::array<transport::Transport*, 2> paths = {&world_.transport(id), &second_->transport(id)};
  started.links = std::make_unique<transport::fallback::FallbackTransport>(fallback, paths);
  return *started.links;
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
  replica.protocol.configuration = paxos::Configuration::Bootstrap(options_.voters);
  replica.protocol.capacity_bytes = options_.world.capacity_bytes;
  replica.protocol.seed = options_.world.seed;
  replica.max_proposals = 1024;
  replica.max_reads = 256;
  replica.sessions.max_sessions = kSessions;
  replica.sessions.reply_bytes = rsm::kMaxReplyBytes;
  replica.wall_clock_ns = StartOfTime;
  replica.busy_look_interval_ns = 2 * rsm::Engine::kTickIntervalNs;  // so that turns do nothing but write
  replica.hash_interval_commands = options_.hash_interval_commands;

  const paxos::Member self{id, world_.incarnation(id)};
  started.clock = std::make_unique<LocalClock>(world_, options_.clock_origin_ns.at(id.value()),
                                               options_.clock_gain_ppm.at(id.value()));
  started.state_machine = options_.make_state_machine(self);
  started.desk = std::make_unique<Desk>(self, *started.state_machine, agreed_, mail_,
                                        [this] { return world_.now_ns(); });
  started.replica = std::make_unique<rsm::Replica>(replica, LinksOf(id), *started.clock,
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
  if (second_ != nullptr) {
    next_ns = std::min(next_ns, second_->NextEventNs());
  }
  for (const Member& each : members_) {
    if (Takes(each)) {
      next_ns = std::min(next_ns, each.next_turn_ns);
      if (each.transfer.has_value()) {
        next_ns = std::min(next_ns, each.transfer->due_ns);
      }
    }
  }
  return next_ns;
}

void Group::AdvanceTo(std::uint64_t now_ns) {
  world_.AdvanceTo(now_ns);
  if (second_ != nullptr) {
    second_->AdvanceTo(now_ns);
  }
}

transport::sim::WorldCounters Group::counters() const {
  transport::sim::WorldCounters all = world_.counters();
  if (second_ != nullptr) {
    all.Add(second_->counters());
  }
  return all;
}

std::uint64_t Group::path_changes() const {
  std::uint64_t changes = earlier_path_changes_;
  for (const Member& each : members_) {
    changes += each.links == nullptr ? 0 : each.links->switches();
  }
  return changes;
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
  const std::uint32_t touched = world_.TakeTouched() | (second_ == nullptr ? 0 : second_->TakeTouched());
  for (std::size_t i = 0; i < members_.size(); ++i) {
    Member& each = members_[i];
    if (!Takes(each)) {
      continue;
    }
    if ((touched & (1U << i)) != 0) {
      Wake(each, now_ns);
    }
    MoveSnapshots(IdOf(i));
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
    readmissions_ += each.role == paxos::Role::kLearner ? 1U : 0U;
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

// ---- snapshots
// --------------------------------------------------------------------------------------------------------

namespace {

class BytesSink final : public rsm::SnapshotSink {
 public:
  explicit BytesSink(std::vector<std::byte>& bytes) : bytes_(bytes) {}
  [[nodiscard]] absl::Status Append(std::span<const std::byte> bytes) override {
    bytes_.insert(bytes_.end(), bytes.begin(), bytes.end());
    return absl::OkStatus();
  }

 private:
  std::vector<std::byte>& bytes_;
};

class BytesSource final : public rsm::SnapshotSource {
 public:
  explicit BytesSource(std::span<const std::byte> bytes) : left_(bytes) {}
  [[nodiscard]] absl::Status Read(std::span<std::byte> bytes) override {
    if (bytes.size() > left_.size()) {
      return absl::OutOfRangeError("the snapshot ends");
    }
    std::copy_n(left_.begin(), bytes.size(), bytes.begin());
    left_ = left_.subspan(bytes.size());
    return absl::OkStatus();
  }

 private:
  std::span<const std::byte> left_;
};

}  // namespace

// A replica that the ring has passed by is sent what some other one has come to, and meanwhile the group goes
// on.
void Group::MoveSnapshots(ReplicaId id) {
  Member& each = member(id);
  if (each.transfer.has_value()) {
    if (each.transfer->due_ns <= world_.now_ns()) {
      Install(id);
      each.transfer.reset();
    }
    return;
  }
  const std::optional<paxos::Position> wanted = each.replica->SnapshotWanted();
  if (!wanted.has_value()) {
    return;
  }
  const ReplicaId from = IdOf((id.value() + random_.Between(1, members_.size() - 1)) % members_.size());
  if (Takes(member(from)) && core(from).applied() >= *wanted) {
    TakeSnapshot(from, id);
  }
}

void Group::TakeSnapshot(ReplicaId from, ReplicaId to) {
  const Member& donor = member(from);
  Transfer transfer;
  transfer.to = core(to).self().incarnation;
  transfer.facts = donor.replica->DescribeState();
  BytesSink sink(transfer.bytes);
  GAIOS_CHECK(donor.replica->SaveSnapshot(sink).ok(), "memory takes a snapshot");
  transfer.applied = agreed_.applied(core(from).self());
  transfer.ran = donor.desk->ran();
  transfer.leader_changes = leader_changes_;
  transfer.due_ns = world_.now_ns() + random_.Between(100'000, options_.max_snapshot_ns);
  if (trace_.on()) {
    trace_.Say("snapshot", absl::StrCat("of slot ", transfer.facts.cursor.slot.value(), " from replica ",
                                        from.value(), " to ", to.value()));
  }
  member(to).transfer = std::move(transfer);
}

void Group::Install(ReplicaId id) {
  Member& taker = member(id);
  GAIOS_CHECK(taker.transfer.has_value(), "what is installed has been sent");
  const Transfer& transfer = *taker.transfer;
  BytesSource source(transfer.bytes);
  // It may be of no use any more, or not be possible now.
  if (!taker.replica->InstallSnapshot(transfer.facts, source).ok()) {
    return;
  }
  ++snapshots_installed_;
  snapshots_across_leaders_ += leader_changes_ != transfer.leader_changes ? 1U : 0U;
  taker.desk->OnInstalled(transfer.ran);
  agreed_.OnInstalled(core(id).self(), transfer.applied);
  Wake(taker, world_.now_ns());
}

// ---- faults
// -----------------------------------------------------------------------------------------------------------

void Group::Crash(ReplicaId id) {
  Member& dead = member(id);
  GAIOS_CHECK(dead.replica != nullptr, "only what lives can die");
  dead.earlier_digest = dead.earlier_digest * 31 + dead.desk->digest();
  world_.Kill(id);
  if (second_ != nullptr) {
    second_->Kill(id);
    earlier_path_changes_ += dead.links->switches();
  }
  dead.replica.reset();
  dead.links.reset();
  dead.desk.reset();
  dead.state_machine.reset();
}

void Group::Stop(ReplicaId id) {
  member(id).stopped = true;
}

void Group::Restart(ReplicaId id) {
  world_.Restart(id);
  if (second_ != nullptr) {
    second_->Restart(id);
  }
  Start(id);
}

bool Group::HandOver(ReplicaId id, ReplicaId to) {
  const bool begun = member(id).replica->HandOver(to) == rsm::HandOverAnswer::kBegun;
  Wake(member(id), world_.now_ns());
  return begun;
}

bool Group::Drain(ReplicaId id, bool drained) {
  const bool done = member(id).replica->Drain(drained);
  Wake(member(id), world_.now_ns());
  return done;
}

bool Group::ChangeMembership(ReplicaId id, const paxos::ConfigurationChange& change) {
  const bool taken = member(id).replica->ChangeMembership(change) == paxos::ChangeRefusal::kNone;
  Wake(member(id), world_.now_ns());
  return taken;
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

bool Group::snapshot_on_its_way() const {
  return std::ranges::any_of(members_, [](const Member& each) { return each.transfer.has_value(); });
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
  // Who leads does not always vouch for as much of its ring as another could.
  const std::optional<ReplicaId> led_by = leader();
  const std::optional<ReplicaId> best = led_by.has_value() ? led_by : BestLog();
  if (!best.has_value() || !votes(id)) {
    return false;
  }
  // The next leader's ring must also hold its ballot record.
  const paxos::Replica& from = core(*best);
  const std::uint64_t lacks_bytes =
      from.end_cursor().position - std::min(from.end_cursor().position, core(id).commit());
  return core(id).commit() >= from.retained() && lacks_bytes + paxos::EntryBytes(0) <= from.log().capacity();
}

bool Group::CountsSomewhere(ReplicaId id) const {
  if (!runs(id)) {
    return false;
  }
  bool counts = votes(id);
  for (std::size_t i = 0; i < members_.size(); ++i) {
    counts = counts || (runs(IdOf(i)) && (core(IdOf(i)).configuration().IsVoter(core(id).self()) ||
                                          core(IdOf(i)).next_configuration().IsVoter(core(id).self())));
  }
  return counts;
}

bool Group::CanGoOn() const {
  const std::optional<ReplicaId> led_by = leader();
  const std::optional<ReplicaId> best = led_by.has_value() ? led_by : BestLog();
  paxos::ReplicaSet within;
  for (std::size_t i = 0; i < members_.size(); ++i) {
    if (WithinTheRing(IdOf(i))) {
      within.Add(IdOf(i));
    }
  }
  return best.has_value() && core(*best).configuration().HasMajority(within) &&
         core(*best).next_configuration().HasMajority(within);
}

paxos::Configuration Group::configuration() const {
  const std::optional<ReplicaId> led_by = leader();
  const std::optional<ReplicaId> best = led_by.has_value() ? led_by : BestLog();
  return best.has_value() ? core(*best).configuration() : paxos::Configuration::Bootstrap(options_.voters);
}

bool Group::MembershipIsCalm() const {
  const std::optional<ReplicaId> led_by = leader();
  if (!led_by.has_value() || !core(*led_by).change_settled()) {
    return false;
  }
  const paxos::Configuration& configuration = core(*led_by).configuration();
  for (const ReplicaId id : configuration.everybody()) {
    const paxos::Standing standing = configuration.StandingOf(id);
    if (standing == paxos::Standing::kJoining || (standing == paxos::Standing::kVoter && !votes(id))) {
      return false;
    }
  }
  return true;
}

bool Group::DecideForAll(paxos::ReplicaSet ids) const {
  for (std::size_t i = 0; i < members_.size(); ++i) {
    if (!runs(IdOf(i))) {
      continue;
    }
    const paxos::Replica& each = core(IdOf(i));
    if (!each.configuration().HasMajority(ids) || !each.next_configuration().HasMajority(ids)) {
      return false;
    }
  }
  return true;
}

bool Group::EnoughWithout(ReplicaId id) const {
  // While a vote passes from one incarnation to the next it is nobody's: a crash more could be one too many.
  for (std::size_t i = 0; i < members_.size(); ++i) {
    if (runs(IdOf(i)) && core(IdOf(i)).change_undecided() &&
        core(IdOf(i)).configuration().everybody() == core(IdOf(i)).next_configuration().everybody()) {
      return false;
    }
  }
  paxos::Position end;
  for (std::size_t i = 0; i < members_.size(); ++i) {
    if (votes(IdOf(i))) {
      end = std::max(end, core(IdOf(i)).end_cursor().position);
    }
  }
  const std::optional<ReplicaId> led_by = leader();
  const auto in_sync = [this, &led_by](ReplicaId other) {
    const paxos::FollowerLink* const link = led_by.has_value() ? core(*led_by).follower(other) : nullptr;
    return !led_by.has_value() || other == *led_by || (link != nullptr && link->in_sync);
  };
  paxos::ReplicaSet left;
  for (std::size_t i = 0; i < members_.size(); ++i) {
    const bool close = IdOf(i) != id && WithinTheRing(IdOf(i)) && in_sync(IdOf(i)) &&
                       core(IdOf(i)).commit() + options_.world.capacity_bytes / 2 >= end;
    if (close) {
      left.Add(IdOf(i));
    }
  }
  return DecideForAll(left);
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
