#include "gaios/cli/demo/run_demo.h"

#include <poll.h>

#include <algorithm>
#include <chrono>
#include <cmath>
#include <csignal>
#include <cstdio>
#include <future>
#include <iterator>
#include <memory>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include <absl/status/status.h>
#include <absl/status/statusor.h>
#include <absl/strings/str_cat.h>
#include <absl/strings/str_format.h>

#include "gaios/base/clock.h"
#include "gaios/base/idle.h"
#include "gaios/cli/complain.h"
#include "gaios/cli/demo/demo_result.h"
#include "gaios/cli/demo/flow_client.h"
#include "gaios/cli/demo/live_line.h"
#include "gaios/cli/demo/order_flow.h"
#include "gaios/cli/demo/replica_group.h"
#include "gaios/cli/demo/verdict.h"
#include "gaios/cli/latency.h"
#include "gaios/cli/transfer/run_transfer_leader.h"
#include "gaios/cli/write_json.h"
#include "gaios/paxos/limits.h"
#include "gaios/rsm/config.h"
#include "gaios/rsm/node_transport.h"

namespace gaios::cli {
namespace {

using std::chrono::seconds;

constexpr double kDefaultRate = 100'000;
constexpr double kMaxRate = 10'000'000;
constexpr double kNsPerS = 1e9;
// For those under way when sending ends: more than the client's own patience.
constexpr std::uint64_t kDrainNs = 15'000'000'000;
// The longest time between two looks at the group while commands are sent.
constexpr std::uint64_t kLookIntervalNs = 10'000'000;

// The client shares its core with replicas: it rests, but not for long.
constexpr base::IdleOptions kClientIdle = {
    .spins = 32, .yields = 8, .min_park_ns = 20'000, .max_park_ns = 100'000, .max_block_ns = 1'000'000};

volatile std::sig_atomic_t interrupted = 0;

void Interrupt(int /*signal*/) {
  interrupted = 1;
}

// The flags, with what follows from them.
struct Plan {
  rsm::TransportKind transport = rsm::TransportKind::kShm;
  double rate_per_s = kDefaultRate;
  double kill_at_s = 0;  // 0: never
};

const char* MediumText(rsm::TransportKind transport) {
  switch (transport) {
    case rsm::TransportKind::kShm:
      return "shared memory";
    case rsm::TransportKind::kVerbs:
      return "RDMA, on one host";
    case rsm::TransportKind::kUdp:
      return "UDP, on one host";
  }
  return "an unknown medium";
}

absl::StatusOr<Plan> MakePlan(const DemoFlags& flags) {
  Plan plan;
  const auto* const kind = std::ranges::find(rsm::kTransportKinds, flags.transport, rsm::TransportKindName);
  if (kind == std::end(rsm::kTransportKinds)) {
    return absl::InvalidArgumentError(
        absl::StrCat("--transport is \"", flags.transport, "\": say shm, verbs or udp"));
  }
  if (!rsm::BuiltWith(*kind)) {
    return absl::InvalidArgumentError(absl::StrCat(
        "--transport ", flags.transport,
        ": this build is without it; install libibverbs-dev and build again, or say --transport shm"));
  }
  plan.transport = *kind;
  if (flags.replicas < 1 || flags.replicas > paxos::kMaxReplicas) {
    return absl::InvalidArgumentError(absl::StrCat("--replicas is ", flags.replicas, ": give it 1 to ",
                                                   paxos::kMaxReplicas, "; 3 survive one death"));
  }
  if (!std::isfinite(flags.seconds) || flags.seconds <= 0 || flags.seconds > 86'400) {
    return absl::InvalidArgumentError(
        absl::StrCat("--seconds is ", flags.seconds, ": give it more than 0, at most a day"));
  }
  if (!flags.fault.empty() && !ParseFault(flags.fault).has_value()) {
    return absl::InvalidArgumentError(
        absl::StrCat("--inject-fault is \"", flags.fault, "\": say lose, duplicate, reorder or diverge"));
  }
  if (flags.rate_per_s.has_value()) {
    plan.rate_per_s = *flags.rate_per_s;
    if (!std::isfinite(plan.rate_per_s) || plan.rate_per_s < 1 || plan.rate_per_s > kMaxRate) {
      return absl::InvalidArgumentError(
          absl::StrCat("--rate is ", plan.rate_per_s, ": give it 1 to ", kMaxRate, " commands per second"));
    }
  }
  double lasts_s = flags.seconds;
  if (!flags.feed.empty()) {
    const double wanted = plan.rate_per_s * flags.seconds;
    const absl::StatusOr<std::uint64_t> events =
        CountEvents(flags.feed, static_cast<std::uint64_t>(wanted) + 1);
    if (!events.ok()) {
      return absl::InvalidArgumentError(absl::StrCat("--feed: ", events.status().message()));
    }
    if (*events == 0) {
      return absl::InvalidArgumentError(
          absl::StrCat("--feed ", flags.feed, ": there is no order event in it"));
    }
    const auto there = static_cast<double>(*events);
    if (there < wanted && !flags.rate_per_s.has_value()) {
      plan.rate_per_s = std::max(1.0, there / flags.seconds);
    }
    lasts_s = std::min(lasts_s, there / plan.rate_per_s);
  }
  // Two replicas do not survive a death, so theirs is not the default.
  plan.kill_at_s = flags.kill_leader_at_s.value_or(flags.replicas >= 3 ? lasts_s / 2 : 0);
  if (!std::isfinite(plan.kill_at_s) || plan.kill_at_s < 0 || plan.kill_at_s >= lasts_s) {
    return absl::InvalidArgumentError(absl::StrFormat(
        "--kill-leader-at is %g, but commands are sent for %g s: give it less than that, or 0 for never",
        plan.kill_at_s, lasts_s));
  }
  if (plan.kill_at_s > 0 && flags.replicas < 3) {
    return absl::InvalidArgumentError(
        absl::StrCat("--kill-leader-at: a group of ", flags.replicas,
                     " does not survive a death; use --replicas 3, or 0 for never"));
  }
  const double need = plan.rate_per_s * lasts_s * static_cast<double>(sizeof(Record) * (flags.replicas + 1));
  if (const auto room = static_cast<double>(RoomForGroup()); need > 0.8 * room) {
    return absl::InvalidArgumentError(absl::StrFormat(
        "the journals of this run would take %.0f MiB, and the temporary directory has room for %.0f: "
        "give --seconds or --rate a smaller value",
        need / (1 << 20), room / (1 << 20)));
  }
  return plan;
}

class Demo {
 public:
  Demo(const DemoFlags& flags, const Plan& plan)
      : flags_(flags), plan_(plan), live_(TextStream(flags.json)) {}

  // The result, or why there is none.
  absl::StatusOr<DemoResult> Run() {
    if (absl::Status started = Start(); !started.ok()) {
      return started;
    }
    Stream();
    Drain();
    FinishLastAct();
    if (const absl::Status applied = group_->AwaitApplied(seconds(10)); !applied.ok()) {
      Trouble(std::string(applied.message()));
    }
    NoteFailover();
    if (const absl::Status stopped = group_->Stop(seconds(10)); !stopped.ok()) {
      Trouble(std::string(stopped.message()));
    }
    if (absl::Status judged = Decide(); !judged.ok()) {
      return judged;
    }
    return std::move(result_);
  }

 private:
  absl::Status Start() {
    absl::StatusOr<std::unique_ptr<OrderFlow>> flow =
        flags_.feed.empty() ? OrderFlow::Generate(flags_.seed) : OrderFlow::Open(flags_.feed);
    if (!flow.ok()) {
      return flow.status();
    }
    absl::StatusOr<std::unique_ptr<ReplicaGroup>> group = ReplicaGroup::Create(
        {.replicas = flags_.replicas, .fault = flags_.fault, .transport = plan_.transport});
    if (!group.ok()) {
      return group.status();
    }
    group_ = *std::move(group);
    live_.Event(absl::StrFormat("gaios demo: %d replicas of an order book over %s", flags_.replicas,
                                MediumText(plan_.transport)));
    if (const absl::Status launched = group_->Launch(); !launched.ok()) {
      return launched;
    }
    // Over RDMA a host may be an emulated one, where the processes alone take tens of seconds to come up.
    const seconds patience(plan_.transport == rsm::TransportKind::kVerbs ? 120 : 20);
    if (const absl::Status led = group_->AwaitLeader(patience); !led.ok()) {
      return led;
    }
    placed_ = group_->Leader();
    live_.Event(group_->Place(placed_.value_or(0)));
    live_.Event(absl::StrCat("each ", group_->Reservation()));
    live_.Event(absl::StrFormat("sending %s commands/s for %g s%s",
                                NumberText(static_cast<std::uint64_t>(plan_.rate_per_s)), flags_.seconds,
                                plan_.kill_at_s > 0
                                    ? absl::StrFormat(", killing the leader after %g s", plan_.kill_at_s)
                                    : std::string()));
    absl::StatusOr<std::unique_ptr<FlowClient>> client = FlowClient::Open(
        group_->config(), {.acks = AcksPath(), .sessions = SessionsPath()}, *std::move(flow), clock_);
    if (!client.ok()) {
      return client.status();
    }
    client_ = *std::move(client);
    return absl::OkStatus();
  }

  // Sends until the time is over, killing the leader on the way.
  void Stream() {
    base::Idle idle(base::IdleStrategy::kBackOff, kClientIdle);
    client_->Begin(plan_.rate_per_s);
    begin_ns_ = clock_.NowNs();
    const std::uint64_t end_ns = begin_ns_ + Nanoseconds(flags_.seconds);
    std::uint64_t kill_ns = plan_.kill_at_s > 0 ? begin_ns_ + Nanoseconds(plan_.kill_at_s) : UINT64_MAX;
    std::uint64_t look_ns = begin_ns_ + kLookIntervalNs;
    next_show_ns_ = begin_ns_ + live_.interval_ns();
    std::uint64_t now_ns = begin_ns_;
    while (!client_->ended()) {
      Turn(idle);
      now_ns = clock_.NowNs();
      if (now_ns >= kill_ns) {
        kill_ns = KillLeader() ? UINT64_MAX : now_ns + kLookIntervalNs;
      }
      if (now_ns >= look_ns) {
        look_ns = now_ns + kLookIntervalNs;
        Look(now_ns);
      }
      if (now_ns >= end_ns || interrupted != 0) {
        client_->End();
      }
    }
    result_.seconds = static_cast<double>(now_ns - begin_ns_) / kNsPerS;
    if (plan_.kill_at_s > 0 && !result_.killed.has_value() && interrupted == 0 && !stopped_early_) {
      Trouble("there was no leader to kill");
    }
  }

  void Drain() {
    base::Idle idle(base::IdleStrategy::kBackOff, kClientIdle);
    const std::uint64_t deadline_ns = clock_.NowNs() + kDrainNs;
    std::uint64_t look_ns = 0;
    while (!client_->finished()) {
      Turn(idle);
      const std::uint64_t now_ns = clock_.NowNs();
      if (now_ns >= look_ns) {
        look_ns = now_ns + kLookIntervalNs;
        Look(now_ns);
      }
      if (now_ns > deadline_ns) {
        Trouble(absl::StrCat("the group left ", client_->outstanding(), " commands without an answer"));
        return;
      }
    }
  }

  void Turn(base::Idle& idle) {
    if (client_->Turn()) {
      idle.OnWork();
    } else {
      idle.OnIdle();
    }
  }

  // The act after the kill: the dead replica is started again, is filled and readmitted beside the commits,
  // and then leads again, by a planned hand-over. Times are shares of what was left at the kill.
  void GoOnWithLastAct(std::uint64_t now_ns) {
    if (!result_.killed.has_value() || stopped_early_) {
      return;
    }
    const std::size_t replica = *result_.killed;
    const double second = static_cast<double>(now_ns - begin_ns_) / kNsPerS;
    if (restarted_ns_ == 0) {
      if (now_ns < killed_ns_ + left_ns_ / 5 || !group_->Leader().has_value()) {
        return;
      }
      if (const absl::Status restarted = group_->Restart(replica); !restarted.ok()) {
        StopEarly(std::string(restarted.message()));
        return;
      }
      restarted_ns_ = now_ns;
      static_cast<void>(group_->Place(placed_.value_or(0)));  // it begins beside the followers
      live_.Event(absl::StrFormat("%5.1f s   replica %d is started again, and has forgotten everything",
                                  second, replica));
      return;
    }
    if (!result_.readmitted_ms.has_value()) {
      if (group_->Votes(replica)) {
        result_.readmitted_ms = static_cast<double>(now_ns - restarted_ns_) / 1e6;
        live_.Event(
            absl::StrFormat("%5.1f s   replica %d has been filled, and votes again", second, replica));
        placed_ = group_->Leader();
        static_cast<void>(group_->Place(placed_.value_or(replica)));
      }
      return;
    }
    if (!hand_over_.valid() && !handed_over_ && now_ns >= killed_ns_ + left_ns_ / 2) {
      handed_over_ = true;
      hand_over_ = std::async(std::launch::async, [config = group_->config(), replica] {
        return TransferLeader(config, replica);
      });
    }
    if (hand_over_.valid() && hand_over_.wait_for(seconds(0)) == std::future_status::ready) {
      NoteHandOver();
    }
  }

  void NoteHandOver() {
    const absl::StatusOr<Transfer> transfer = hand_over_.get();
    if (!result_.killed.has_value()) {
      return;
    }
    const std::size_t to = *result_.killed;
    if (!transfer.ok()) {
      Trouble(absl::StrCat("the hand-over to replica ", to, ": ", transfer.status().message()));
      return;
    }
    result_.hand_over_gap_us = transfer->gap_us();
    live_.Event(absl::StrFormat("%5.1f s   replica %d leads again, handed over as planned; %s",
                                static_cast<double>(clock_.NowNs() - begin_ns_) / kNsPerS, to,
                                group_->Place(to)));
  }

  // At the end of a short run the act may still be on.
  void FinishLastAct() {
    if (hand_over_.valid()) {
      NoteHandOver();
    }
    if (!result_.killed.has_value() || stopped_early_ || interrupted != 0) {
      return;
    }
    if (restarted_ns_ == 0) {
      return;  // the leader was killed so late that nobody else led before the end
    }
    if (!result_.readmitted_ms.has_value()) {
      const std::uint64_t deadline_ns = clock_.NowNs() + kDrainNs;
      while (!group_->Votes(*result_.killed) && clock_.NowNs() < deadline_ns) {
        poll(nullptr, 0, 1);  // counters are renewed as often
      }
      if (!group_->Votes(*result_.killed)) {
        Trouble("the killed replica was started again, and has not been readmitted");
        return;
      }
      result_.readmitted_ms = static_cast<double>(clock_.NowNs() - restarted_ns_) / 1e6;
    }
  }

  // What is due now and then: a new leader's core, the live line, and whether all is well.
  void Look(std::uint64_t now_ns) {
    GoOnWithLastAct(now_ns);
    if (result_.killed.has_value() && placed_ == result_.killed) {
      if (const std::optional<std::size_t> leader = group_->Leader(); leader.has_value()) {
        placed_ = leader;
        live_.Event(absl::StrFormat("%5.1f s   %s", static_cast<double>(now_ns - begin_ns_) / kNsPerS,
                                    group_->Place(*leader)));
      }
    }
    if (now_ns < next_show_ns_) {
      return;
    }
    next_show_ns_ = now_ns + live_.interval_ns();
    const GroupStatus status = group_->Status();
    std::uint64_t commit = 0;
    for (const ReplicaStatus& replica : status.replicas) {
      if (const rsm::CounterData* const data = replica.Live(); data != nullptr) {
        commit = std::max(commit, data->commit);
        if (data->diverged != 0 && !stopped_early_) {
          StopEarly(
              absl::StrCat("replica ", replica.id.value(),
                           " found that its state differs from the leader's, and has stopped applying"));
        }
      }
    }
    if (const absl::Status alive = group_->CheckAlive(); !alive.ok() && !stopped_early_) {
      StopEarly(std::string(alive.message()));
    }
    if (client_->records_full() && !stopped_early_) {
      StopEarly("acknowledgements cannot be written down: the temporary directory is full");
    }
    const std::optional<std::size_t> leader = group_->Leader();
    const double window_s = static_cast<double>(now_ns - shown_ns_) / kNsPerS;
    const std::uint64_t since = client_->acknowledged() - shown_acknowledged_;
    live_.Show(absl::StrFormat(
        "%5.1f s   %11s/s   p50 %9s   p99 %9s   leader %s   commit %s",
        static_cast<double>(now_ns - begin_ns_) / kNsPerS,
        shown_ns_ == 0 ? "-" : NumberText(static_cast<std::uint64_t>(static_cast<double>(since) / window_s)),
        DurationText(client_->recent().ValueAtPercentile(50)),
        DurationText(client_->recent().ValueAtPercentile(99)),
        leader.has_value() ? absl::StrCat(*leader) : "-", NumberText(commit)));
    client_->ResetRecent();
    shown_ns_ = now_ns;
    shown_acknowledged_ = client_->acknowledged();
  }

  bool KillLeader() {
    const std::optional<std::size_t> leader = group_->Leader();
    if (!leader.has_value()) {
      return false;
    }
    client_->ResetGap();
    const GroupStatus status = group_->Status();
    if (const rsm::CounterData* const data = status.replicas[*leader].Live(); data != nullptr) {
      won_by_the_killed_ = data->failovers_count;
    }
    group_->Kill(*leader);
    result_.killed = leader;
    killed_ns_ = clock_.NowNs();
    left_ns_ = begin_ns_ + Nanoseconds(flags_.seconds) -
               std::min(killed_ns_, begin_ns_ + Nanoseconds(flags_.seconds));
    live_.Event(absl::StrFormat("%5.1f s   killed replica %d, the leader",
                                static_cast<double>(clock_.NowNs() - begin_ns_) / kNsPerS, *leader));
    return true;
  }

  void StopEarly(const std::string& why) {
    stopped_early_ = true;
    client_->End();
    Trouble(why);
  }

  void Trouble(const std::string& what) {
    result_.troubles.push_back(what);
    live_.Event(what);
  }

  // From the counters of the replica that leads now, and of all for the number of changes.
  void NoteFailover() {
    std::uint64_t won = won_by_the_killed_;
    std::uint64_t latest = 0;
    for (const ReplicaStatus& replica : group_->Status().replicas) {
      if (!replica.counters.has_value()) {
        continue;
      }
      const rsm::CounterData& data = replica.counters->data;
      won += data.failovers_count;
      // That of whoever took over when the leader died; what the killed one did in its next life was planned.
      if (result_.killed.has_value() && *result_.killed != replica.id.value() && data.failovers_count > 0) {
        const rsm::FailoverCounters& last =
            data.failovers[(data.failovers_count - 1) % rsm::CounterData::kFailovers];
        if (last.ballot > latest) {
          latest = last.ballot;
          result_.failover = last;
        }
      }
    }
    result_.leader_changes = won > 0 ? won - 1 : 0;
    if (result_.killed.has_value()) {
      result_.client_gap_ns = client_->gap_ns();
    }
  }

  absl::Status Decide() {
    result_.replicas = flags_.replicas;
    result_.rate_per_s = plan_.rate_per_s;
    result_.submitted = client_->submitted();
    result_.unknown = client_->unknown() + client_->outstanding();
    result_.latencies.Add(client_->latencies());
    result_.feed = client_->flow().report();
    result_.book_rejects = client_->book().rejects();
    result_.unfilled_executions = client_->book().unfilled_executions();
    const absl::StatusOr<Records> acks = ReadRecords(AcksPath(), RecordKind::kAcks);
    if (!acks.ok()) {
      return acks.status();
    }
    const absl::StatusOr<Records> sessions = ReadRecords(SessionsPath(), RecordKind::kSessions);
    if (!sessions.ok()) {
      return sessions.status();
    }
    std::vector<Records> journals;
    for (const std::string& path : group_->JournalPaths()) {
      absl::StatusOr<Records> journal = ReadRecords(path, RecordKind::kJournal);
      if (!journal.ok()) {
        return journal.status();
      }
      journals.push_back(*std::move(journal));
    }
    result_.verdict = Judge(*acks, *sessions, journals);
    if (!flags_.fault.empty() && result_.verdict.Holds()) {
      Trouble(absl::StrCat("--inject-fault ", flags_.fault, " came to nothing: send more commands"));
    }
    return absl::OkStatus();
  }

  [[nodiscard]] std::string AcksPath() const { return absl::StrCat(group_->directory(), "/client.acks"); }
  [[nodiscard]] std::string SessionsPath() const {
    return absl::StrCat(group_->directory(), "/client.sessions");
  }
  static std::uint64_t Nanoseconds(double value_s) { return static_cast<std::uint64_t>(value_s * kNsPerS); }

  const DemoFlags& flags_;
  const Plan plan_;
  const base::TscClock clock_;
  LiveLine live_;
  std::unique_ptr<ReplicaGroup> group_;
  std::unique_ptr<FlowClient> client_;
  DemoResult result_;
  std::uint64_t begin_ns_ = 0;
  std::uint64_t next_show_ns_ = 0;
  std::uint64_t shown_ns_ = 0;
  std::uint64_t shown_acknowledged_ = 0;
  bool stopped_early_ = false;
  std::uint64_t killed_ns_ = 0;
  std::uint64_t won_by_the_killed_ = 0;  // elections, before it was
  std::uint64_t left_ns_ = 0;            // of sending, at the kill
  std::uint64_t restarted_ns_ = 0;       // 0: not yet
  bool handed_over_ = false;
  std::future<absl::StatusOr<Transfer>> hand_over_;
  std::optional<std::size_t> placed_;  // the leader that the cores were dealt out for
};

}  // namespace

int RunDemo(const DemoFlags& flags) {
  const absl::StatusOr<Plan> plan = MakePlan(flags);
  if (!plan.ok()) {
    return Complain(std::string(plan.status().message()), kExitUsage);
  }
  struct sigaction action = {};
  action.sa_handler = Interrupt;
  sigemptyset(&action.sa_mask);
  sigaction(SIGINT, &action, nullptr);
  sigaction(SIGTERM, &action, nullptr);
  Demo demo(flags, *plan);
  const absl::StatusOr<DemoResult> result = demo.Run();
  if (!result.ok()) {
    return Complain(std::string(result.status().message()), kExitDoesNotHold);
  }
  std::fputs(DemoSummary(*result).c_str(), TextStream(flags.json));
  std::fflush(TextStream(flags.json));
  if (const absl::Status written = WriteJson(DemoJson(*result), flags.json); !written.ok()) {
    return Complain(written);
  }
  return result->good() ? kExitGood : kExitDoesNotHold;
}

}  // namespace gaios::cli
