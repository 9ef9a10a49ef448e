#include "bench/hand_over.h"

#include <array>
#include <atomic>
#include <cstdint>
#include <string>
#include <utility>
#include <vector>

#include <absl/strings/str_cat.h>

#include "gaios/base/check.h"
#include "gaios/base/idle.h"
#include "gaios/rsm/replica.h"

#include "bench/child_process.h"
#include "bench/empty_machine.h"
#include "bench/scratch_directory.h"
#include "bench/shared_page.h"
#include "bench/signals.h"
#include "bench/targets.h"
#include "bench/transports.h"

namespace gaios::bench {
namespace {

// Before each hand-over. Where each waits for a datagram or for a device, fewer are as good.
constexpr std::uint64_t kCommandsBetween = 2'000;
constexpr std::uint64_t kPostedCommandsBetween = 200;
constexpr std::uint64_t kPatienceMs = 60'000;
constexpr char kDone = 'd';

// The first two hand the leadership to and fro. What each writes the others read once it is `done`.
struct HandOverWord {
  std::atomic<std::uint64_t> asked_ns{0};  // of the old leader
  std::atomic<std::uint64_t> begun_ns{0};  // when it has begun to refuse commands
  std::atomic<std::uint64_t> drain_ns{0};  // the old leader's
  std::atomic<std::uint64_t> fence_ns{0};  // the new leader's, as those that follow
  std::atomic<std::uint64_t> recover_ns{0};
  std::atomic<std::uint64_t> first_commit_ns{0};
  std::atomic<std::uint64_t> first_command_ns{0};
  std::atomic<std::uint64_t> to{0};
};

struct Page {
  std::atomic<bool> stop{false};
  std::atomic<std::uint64_t> done{0};
  std::atomic<std::uint64_t> failed{0};
  std::atomic<std::uint64_t> unknown{0};
  std::array<HandOverWord, kMaxHandOvers + 1> words;  // the last is never begun
};

bool AllFollow(const rsm::Replica& leader, std::size_t replicas) {
  for (std::size_t id = 0; id < replicas; ++id) {
    const paxos::FollowerLink* const follower =
        leader.core().follower(paxos::ReplicaId(static_cast<std::uint8_t>(id)));
    if (follower != nullptr && (follower->stage != paxos::FollowerLink::Stage::kActive ||
                                !follower->in_sync || follower->under_way() != 0)) {
      return false;
    }
  }
  return true;
}

rsm::ReplicaOptions OptionsFor(const Options& options, std::uint8_t id) {
  rsm::ReplicaOptions replica;
  replica.protocol.self = paxos::ReplicaId(id);
  replica.protocol.group = paxos::GroupId(1);
  replica.protocol.configuration = paxos::Configuration::Bootstrap(options.replicas);
  replica.protocol.capacity_bytes = options.capacity_bytes;
  // Nobody is to take over unasked because the system has kept a leader from its processor.
  replica.protocol.suspect_timeout_ns = 2'000'000'000;
  replica.protocol.drop_timeout_ns = 2'000'000'000;
  replica.protocol.seed = id + 1;
  return replica;
}

// One replica: proposes one command after another while it leads, and hands over after some.
class Member {
 public:
  Member(const Options& options, rsm::Replica& replica, const base::TscClock& clock, std::uint8_t id,
         Page& page, const Signals& signals)
      : options_(options),
        replica_(replica),
        clock_(clock),
        id_(id),
        page_(page),
        signals_(signals),
        command_(options.size_bytes),
        commands_between_(options.transport == rsm::TransportKind::kShm ? kCommandsBetween
                                                                        : kPostedCommandsBetween) {}

  // One turn. Whether there was anything to do.
  bool Turn() {
    bool active = false;
    // A new leader takes commands with its ballot record, before that is committed.
    const bool leads = replica_.core().role() == paxos::Role::kLeader;
    if (leads && replica_.proposals_under_way() == 0 && !ended_) {
      active = LeadOn(clock_.NowNs());
    }
    active = replica_.Poll() || active;
    const std::size_t done = completions_.Take();
    if (done > 0 && replica_.leading()) {
      led_since_ns_ = committed_ == 0 ? clock_.NowNs() : led_since_ns_;
      committed_ += done;
      if (committed_ == done) {
        NoteFirstCommand();
      }
    }
    if (begun_) {
      NoteProgress();
    }
    return active;
  }
  // Commands that it proposed and lost sight of.
  [[nodiscard]] std::size_t unknown() const { return completions_.misapplied(); }

 private:
  bool LeadOn(std::uint64_t now_ns) {
    if (begun_ && replica_.core().handing_over()) {
      return ProposeWhenDue(now_ns);  // as any client would: while all stand by it is taken
    }
    const std::uint64_t at = page_.done.load(std::memory_order_acquire);
    const bool rested = now_ns - led_since_ns_ >= options_.rest_ms * 1'000'000;
    if (committed_ >= commands_between_ && rested && at < options_.trials) {
      if (!AllFollow(replica_, options_.replicas)) {
        return false;  // with nothing under way
      }
      const std::uint64_t before = replica_.core().hand_overs();
      page_.words[at].asked_ns.store(now_ns, std::memory_order_relaxed);
      page_.words[at].begun_ns.store(now_ns, std::memory_order_relaxed);
      if (replica_.HandOver(paxos::ReplicaId(id_ == 0 ? 1 : 0)) == rsm::HandOverAnswer::kBegun) {
        if (begun_) {
          page_.failed.fetch_add(1, std::memory_order_relaxed);  // the one before it
        }
        at_ = at;
        begun_ = true;
        hand_overs_ = before;
        return true;
      }
      page_.words[at].begun_ns.store(0, std::memory_order_relaxed);
    }
    return ProposeWhenDue(now_ns);
  }

  bool ProposeWhenDue(std::uint64_t now_ns) {
    if (now_ns < next_ns_) {
      return false;
    }
    next_ns_ = now_ns + 1'000'000'000 / options_.rate_per_s;
    return replica_.Propose(command_, completions_, 0) == rsm::Taken::kTaken;
  }

  // By one that was handed the leadership; a first leader has nothing to say.
  void NoteFirstCommand() {
    const paxos::FailoverTimes& times = replica_.core().failover();
    if (times.leader_last_alive_ns == 0) {
      return;
    }
    const std::uint64_t at = page_.done.load(std::memory_order_acquire);
    HandOverWord& word = page_.words[at];
    if (word.begun_ns.load(std::memory_order_relaxed) == 0) {
      return;  // elected, and not asked to lead
    }
    word.first_command_ns.store(clock_.NowNs(), std::memory_order_relaxed);
    word.fence_ns.store(times.promised_ns - times.suspected_ns, std::memory_order_relaxed);
    word.recover_ns.store(times.leading_ns - times.promised_ns, std::memory_order_relaxed);
    word.first_commit_ns.store(times.first_commit_ns - times.leading_ns, std::memory_order_relaxed);
    word.to.store(id_, std::memory_order_relaxed);
    page_.done.store(at + 1, std::memory_order_release);
    if (at + 1 == options_.trials) {
      ended_ = true;
      static_cast<void>(signals_.Send(kDone));
    }
  }

  // Of the hand-over that was begun here.
  void NoteProgress() {
    const paxos::Replica& core = replica_.core();
    if (core.hand_overs() > hand_overs_) {
      // What was proposed until then was committed.
      page_.words[at_].begun_ns.store(core.hand_over_refused_ns(), std::memory_order_relaxed);
      page_.words[at_].drain_ns.store(core.hand_over_drain_ns(), std::memory_order_relaxed);
    }
    if (!replica_.leading()) {
      begun_ = false;
      committed_ = 0;
    }
  }

  const Options& options_;
  rsm::Replica& replica_;
  const base::TscClock& clock_;
  const std::uint8_t id_;
  Page& page_;
  const Signals& signals_;
  const std::vector<std::byte> command_;
  const std::uint64_t commands_between_;
  CompletionCount completions_;
  std::uint64_t committed_ = 0;  // since it leads
  std::uint64_t led_since_ns_ = 0;
  std::uint64_t next_ns_ = 0;  // when the next command is due
  // The last hand-over begun here: which it is, and how many had been carried through before.
  std::uint64_t at_ = 0;
  std::uint64_t hand_overs_ = 0;
  bool begun_ = false;
  bool ended_ = false;
};

double Microseconds(const std::atomic<std::uint64_t>& ns) {
  return static_cast<double>(ns.load()) / 1000;
}

absl::Status RunMember(const Options& options, const rsm::Config& config, const base::TscClock& clock,
                       std::uint8_t id, Page& page, const Signals& signals) {
  auto transport = OpenTransport(config, id, clock);
  if (!transport.ok()) {
    return transport.status();
  }
  EmptyMachine machine;
  rsm::Replica replica(OptionsFor(options, id), (*transport)->contract(), clock, machine);
  Member member(options, replica, clock, id, page, signals);
  base::Idle idle(options.idle);
  while (!page.stop.load(std::memory_order_relaxed)) {
    if (member.Turn()) {
      idle.OnWork();
    } else if (replica.awaiting()) {
      idle.OnAwaiting();
    } else {
      idle.OnIdle();
    }
  }
  page.unknown.fetch_add(member.unknown(), std::memory_order_relaxed);
  return absl::OkStatus();
}

}  // namespace

absl::StatusOr<HandOvers> MeasureHandOvers(const Options& options, const Placement& placement,
                                           const base::TscClock& clock) {
  GAIOS_CHECK(options.trials <= kMaxHandOvers, "as many as there are words for");
  auto page = SharedPage<Page>::Create();
  auto directory = ScratchDirectory::Create();
  if (!page.ok() || !directory.ok()) {
    return page.ok() ? directory.status() : page.status();
  }
  const auto config = MakeConfig(options, directory->path());
  if (!config.ok()) {
    return config.status();
  }
  const Signals signals;
  std::vector<ChildProcess> members;
  for (std::size_t i = 0; i < options.replicas; ++i) {
    auto child = ChildProcess::Fork(i == 0 ? placement.leader_cpu : placement.follower_cpu,
                                    [&options, &config, &clock, i, &page, &signals] {
                                      return RunMember(options, *config, clock, static_cast<std::uint8_t>(i),
                                                       **page, signals);
                                    });
    if (!child.ok()) {
      return child.status();
    }
    members.push_back(*std::move(child));
  }
  const std::uint64_t rests_ms = options.rest_ms * options.trials;
  if (!signals.Await(kDone, static_cast<int>(kPatienceMs + 2 * rests_ms))) {
    return absl::DeadlineExceededError(absl::StrCat(
        "only ", (*page)->done.load(), " of ", options.trials, " planned hand-overs came about in ",
        (kPatienceMs + 2 * rests_ms) / 1000, " s; is the machine overloaded?"));
  }
  (*page)->stop.store(true, std::memory_order_relaxed);
  for (ChildProcess& member : members) {
    member.Join();
  }
  HandOvers result;
  result.failed = (*page)->failed.load();
  result.unknown = (*page)->unknown.load();
  for (std::size_t i = 0; i < options.trials; ++i) {
    const HandOverWord& word = (*page)->words[i];
    const double begun_ns = static_cast<double>(word.begun_ns.load());
    result.times.push_back({.to_leader_cpu = word.to.load() == 0,
                            .gap_us = (static_cast<double>(word.first_command_ns.load()) - begun_ns) / 1000,
                            .stand_by_us = (begun_ns - static_cast<double>(word.asked_ns.load())) / 1000,
                            .drain_us = Microseconds(word.drain_ns),
                            .fence_us = Microseconds(word.fence_ns),
                            .recover_us = Microseconds(word.recover_ns),
                            .first_commit_us = Microseconds(word.first_commit_ns)});
  }
  return result;
}

}  // namespace gaios::bench
