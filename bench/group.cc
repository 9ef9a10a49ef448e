#include "bench/group.h"

#include <algorithm>
#include <utility>

#include <absl/strings/str_cat.h>

#include "bench/snapshot_taking.h"
#include "bench/transports.h"

namespace gaios::bench {
namespace {

// To get in sync. Over verbs there are connections to make, and in a virtual machine that takes its time.
std::uint64_t StartTimeoutNs(const GroupOptions& group) {
  return group.transport == rsm::TransportKind::kVerbs ? 120'000'000'000 : 20'000'000'000;
}

rsm::ReplicaOptions OptionsFor(const GroupOptions& group, std::uint8_t id, std::uint32_t life = 1) {
  rsm::ReplicaOptions options;
  options.protocol.incarnation = paxos::Incarnation(life);
  options.protocol.fill_bytes_per_second = group.fill_bytes_per_second;
  options.protocol.self = paxos::ReplicaId(id);
  options.protocol.group = paxos::GroupId(1);
  options.protocol.configuration = paxos::Configuration::Bootstrap(group.replicas);
  options.protocol.capacity_bytes = group.capacity_bytes;
  // The leader is given: while the floor is measured it is silent, and nobody is to take over.
  options.protocol.suspect_timeout_ns = 10'000'000'000;
  options.protocol.drop_timeout_ns = 10'000'000'000;
  options.protocol.election_jitter_ns = id == 0 ? 0 : 60'000'000'000;
  if (group.transport != rsm::TransportKind::kShm) {
    // A block of the floor may take long where the device is of software, and a grant may take a device some
    // time. A first leader that fails lets others try for as long as this.
    options.protocol.suspect_timeout_ns = 25'000'000'000;
    options.protocol.drop_timeout_ns = 25'000'000'000;
    options.protocol.heartbeat_interval_ns = 20'000'000;
    options.protocol.election_timeout_ns = 5'000'000'000;
  }
  return options;
}

}  // namespace

absl::Status Group::RunFollower(const GroupOptions& options, const rsm::Config& config,
                                const base::TscClock& clock, std::uint8_t id, Page& page) {
  absl::Status status;
  for (std::uint32_t life = 1; status.ok() && !page.stop.value.load(std::memory_order_relaxed); ++life) {
    FollowerWord& word = page.followers[id];
    status = RunLife(options, config, clock, id, life, {word, word.applied, page.stop.value});
  }
  return status;
}

absl::Status Group::RunOnHost(const GroupOptions& options, const std::string& directory,
                              const base::TscClock& clock, std::uint8_t id,
                              std::atomic<std::uint64_t>& applied, const std::atomic<bool>& stop) {
  rsm::Config config = *options.hosts;
  config.directory = directory;
  FollowerWord word;  // nobody tells it anything
  return RunLife(options, config, clock, id, 1, {word, applied, stop});
}

absl::Status Group::RunLife(const GroupOptions& options, const rsm::Config& config,
                            const base::TscClock& clock, std::uint8_t id, std::uint32_t life,
                            const Seat& seat) {
  FollowerWord& word = seat.word;
  seat.applied.store(0, std::memory_order_release);
  auto machine = options.make_machine();
  if (!machine.ok()) {
    return machine.status();
  }
  auto transport = OpenTransport(config, id, clock, paxos::Incarnation(life), options.loss);
  if (!transport.ok()) {
    return transport.status();
  }
  rsm::Replica replica(OptionsFor(options, id, life), (*transport)->contract(), clock, **machine);
  auto wakeup = base::Wakeup::Create();
  if (!wakeup.ok()) {
    return wakeup.status();
  }
  std::vector<int> descriptors;
  (*transport)->AddDescriptors(descriptors);
  (*wakeup)->Watch(descriptors);
  base::Idle idle(options.idle, {}, wakeup->get());
  SnapshotTaking snapshots(absl::StrCat(config.directory, "/bench-snapshot-", id), replica, clock);
  while (!seat.stop.load(std::memory_order_relaxed) && word.lives.load(std::memory_order_relaxed) == life) {
    if (replica.Poll()) {
      seat.applied.store(replica.applied_commands(), std::memory_order_release);
      idle.OnWork();
    } else if (replica.awaiting()) {
      idle.OnAwaiting();
    } else {
      idle.OnIdle();
    }
    if (absl::Status status = snapshots.Turn(word.snapshots_wanted.load(std::memory_order_relaxed));
        !status.ok()) {
      return status;
    }
    word.takes_snapshot.store(snapshots.under_way(), std::memory_order_relaxed);
    word.snapshots_taken.store(snapshots.taken(), std::memory_order_relaxed);
    if (replica.divergence().has_value()) {
      return absl::InternalError("a follower's state has diverged from the leader's");
    }
  }
  return absl::OkStatus();
}

absl::StatusOr<std::unique_ptr<Group>> Group::Start(const GroupOptions& options, const Placement& placement,
                                                    const base::TscClock& clock) {
  auto group = Fork(options, placement, clock);
  if (!group.ok()) {
    return group.status();
  }
  if (absl::Status opened = (*group)->Open(options, placement, clock); !opened.ok()) {
    return opened;
  }
  return group;
}

absl::StatusOr<std::unique_ptr<Group>> Group::Fork(const GroupOptions& options, const Placement& placement,
                                                   const base::TscClock& clock) {
  auto page = SharedPage<Page>::Create();
  if (!page.ok()) {
    return page.status();
  }
  auto directory = ScratchDirectory::Create();
  if (!directory.ok()) {
    return directory.status();
  }
  std::unique_ptr<Group> group(new Group(*std::move(page), *std::move(directory)));
  group->replicas_ = options.replicas;
  if (options.hosts != nullptr) {
    group->config_ = *options.hosts;
    group->config_.directory = group->directory_.path();
    return group;
  }
  auto config = MakeConfig({.replicas = options.replicas,
                            .capacity_bytes = options.capacity_bytes,
                            .transport = options.transport,
                            .device = options.device,
                            .port = options.port,
                            .payload_bytes = options.payload_bytes,
                            .authenticate = options.authenticate,
                            .encrypt = options.encrypt,
                            .zero_copy = options.zero_copy,
                            .two_paths = options.two_paths},
                           group->directory_.path());
  if (!config.ok()) {
    return config.status();
  }
  group->config_ = *std::move(config);
  // Followers first: a process forked later would keep the leader's sockets open.
  for (std::size_t i = 1; i < options.replicas; ++i) {
    auto child = ChildProcess::Fork(placement.follower_cpu, [&options, &clock, &group, i] {
      return RunFollower(options, group->config_, clock, static_cast<std::uint8_t>(i), *group->page_);
    });
    if (!child.ok()) {
      return child.status();
    }
    group->followers_.push_back(*std::move(child));
  }
  return group;
}

absl::Status Group::Open(const GroupOptions& options, const Placement& placement,
                         const base::TscClock& clock) {
  if (absl::Status status = base::PinThisThread(placement.leader_cpu); !status.ok()) {
    return status;
  }
  auto machine = options.make_machine();
  if (!machine.ok()) {
    return machine.status();
  }
  machine_ = *std::move(machine);
  auto transport = OpenTransport(config_, 0, clock, paxos::Incarnation(1), options.loss);
  if (!transport.ok()) {
    return transport.status();
  }
  transport_ = *std::move(transport);
  leader_ = std::make_unique<rsm::Replica>(OptionsFor(options, 0), transport_->contract(), clock, *machine_);
  return AwaitInSync(clock, StartTimeoutNs(options));
}

absl::Status Group::AwaitInSync(const base::TscClock& clock, std::uint64_t timeout_ns) {
  const std::uint64_t deadline_ns = clock.NowNs() + timeout_ns;
  base::Idle idle(base::IdleStrategy::kBackOff);
  for (;;) {
    if (leader_->Poll()) {
      idle.OnWork();
    } else {
      idle.OnIdle();
    }
    grants_.clear();
    for (std::size_t i = 1; i < replicas_ && leader_->leading(); ++i) {
      const paxos::FollowerLink* const follower =
          leader_->core().follower(paxos::ReplicaId(static_cast<std::uint8_t>(i)));
      if (follower != nullptr && follower->stage == paxos::FollowerLink::Stage::kActive && follower->counts &&
          follower->in_sync && follower->under_way() == 0) {
        grants_.push_back(follower->grant);
      }
    }
    if (leader_->leading() && grants_.size() + 1 == replicas_) {
      return absl::OkStatus();
    }
    for (ChildProcess& follower : followers_) {
      if (follower.Ended()) {
        return absl::UnavailableError("a follower ended before the group was complete");
      }
    }
    if (clock.NowNs() > deadline_ns) {
      std::string why = absl::StrCat("the group did not get in sync within ", timeout_ns / 1'000'000'000,
                                     " s; is the machine overloaded?");
      for (const std::string& notice : transport_->TakeNotices()) {
        absl::StrAppend(&why, "; ", notice);
      }
      return absl::DeadlineExceededError(why);
    }
  }
}

Group::~Group() {
  page_->stop.value.store(true, std::memory_order_relaxed);
  for (ChildProcess& follower : followers_) {
    follower.Join();
  }
}

void Group::Restart(std::size_t follower) {
  page_->followers[follower].lives.fetch_add(1, std::memory_order_relaxed);
}

void Group::TakeSnapshots(std::size_t follower, bool wanted) {
  page_->followers[follower].snapshots_wanted.store(wanted, std::memory_order_relaxed);
}

bool Group::TakesSnapshot(std::size_t follower) const {
  return page_->followers[follower].takes_snapshot.load(std::memory_order_relaxed);
}

std::uint64_t Group::snapshots_taken(std::size_t follower) const {
  return page_->followers[follower].snapshots_taken.load(std::memory_order_relaxed);
}

std::uint64_t Group::applied_by_all() const {
  std::uint64_t least = leader_->applied_commands();
  for (std::size_t i = 1; i < replicas_; ++i) {
    least = std::min(
        least, applied_by_ ? applied_by_(i) : page_->followers[i].applied.load(std::memory_order_acquire));
  }
  return least;
}

absl::Status Group::Check() {
  absl::Status status = CheckMembers();
  if (!status.ok()) {
    // What the transport has to say of it.
    for (const std::string& notice : transport_->TakeNotices()) {
      status = absl::Status(status.code(), absl::StrCat(std::string(status.message()), "; ", notice));
    }
  }
  return status;
}

absl::Status Group::CheckMembers() {
  if (!leader_->leading()) {
    return absl::AbortedError("the leader lost its leadership during the run; is the machine overloaded?");
  }
  if (leader_->divergence().has_value()) {
    return absl::InternalError("the leader's state has diverged");
  }
  for (std::size_t i = 1; i < replicas_; ++i) {
    const paxos::FollowerLink* const follower =
        leader_->core().follower(paxos::ReplicaId(static_cast<std::uint8_t>(i)));
    if (follower == nullptr || !follower->in_sync || follower->grant != grants_[i - 1]) {
      return absl::AbortedError("a follower was dropped from the in-sync set during the run");
    }
  }
  for (ChildProcess& follower : followers_) {
    if (follower.Ended()) {
      return absl::AbortedError("a follower ended during the run");
    }
  }
  return absl::OkStatus();
}

}  // namespace gaios::bench
