#include "tests/chaos/round.h"

#include <algorithm>
#include <chrono>
#include <csignal>
#include <exception>
#include <filesystem>
#include <fstream>
#include <memory>
#include <optional>
#include <system_error>
#include <utility>

#include <absl/strings/str_cat.h>
#include <absl/strings/str_format.h>

#include "gaios/base/check.h"
#include "gaios/base/clock.h"
#include "gaios/base/idle.h"
#include "gaios/cli/demo/loopback_network.h"
#include "gaios/cli/load/history.h"
#include "gaios/paxos/limits.h"
#include "gaios/rsm/feeds/random.h"

#include "tests/chaos/crowd_client.h"
#include "tests/chaos/faults.h"
#include "tests/chaos/judge.h"

namespace gaios::chaos {
namespace {

constexpr double kUsPerS = 1e6;
constexpr std::uint64_t kNsPerUs = 1'000;
constexpr std::uint64_t kNsPerMs = 1'000'000;
// Beyond what any recovery should need on a busy machine.
constexpr std::uint64_t kPatienceNs = 60'000'000'000;
// Bounds what the checker of histories has to read.
constexpr std::uint64_t kMaxOperations = 150'000;

template <typename T, std::size_t N>
T OneOf(feeds::Random& random, const T (&values)[N]) {
  return values[random.Below(N)];
}

// What a seed stands for. The timing suits the transport, and nothing else depends on that.
struct Plan {
  explicit Plan(const RoundOptions& options) : random(options.seed) {
    const std::size_t drawn_replicas = OneOf<std::size_t>(random, {3, 5});
    replicas = options.replicas == 0 ? drawn_replicas : options.replicas;
    const double drawn_seconds = 2 + random.Below(3000) / 1000.0;
    seconds = options.seconds == 0 ? drawn_seconds : options.seconds;
    ring_bytes = OneOf<std::uint64_t>(random, {1U << 16, 1U << 18, 1U << 20, 1U << 24});
    timing = OneOf<const char*>(
        random, {"", "[timing]\nheartbeat_interval_ms = 2\nsuspect_timeout_ms = 20\nelection_jitter_ms = 5\n",
                 "[timing]\ndrop_timeout_ms = 20\n"});
    if (options.transport != rsm::TransportKind::kShm) {
      timing = cli::kPatientTiming;
    }
    mean_fault_gap_us = OneOf<std::uint32_t>(random, {20'000, 60'000, 150'000, 400'000});
    longest_stop_ms = OneOf<std::uint32_t>(random, {100, 500, 2000});
    const std::uint64_t clients = 2 + random.Below(6);
    for (std::uint64_t i = 0; i < clients; ++i) {
      habits.push_back({.window = OneOf<std::size_t>(random, {1, 1, 4, 32}),
                        .reads_percent = OneOf<std::uint32_t>(random, {0, 20, 80}),
                        .mean_gap_us = OneOf<std::uint32_t>(random, {50, 400, 2000}),
                        .operation_timeout_ns = OneOf<std::uint64_t>(random, {200, 2000, 60'000}) * kNsPerMs,
                        // Of those that the group began with perhaps none is left.
                        .ids = options.members ? paxos::kMaxReplicas : 0});
    }
    faults = PlanFaults({.mean_gap_us = mean_fault_gap_us,
                         .length_us = static_cast<std::uint64_t>(seconds * kUsPerS),
                         .members = options.members},
                        random.Next());
  }

  feeds::Random random;
  std::size_t replicas = 0;
  double seconds = 0;
  std::uint64_t ring_bytes = 0;
  std::string timing;
  std::uint32_t mean_fault_gap_us = 0;
  std::uint32_t longest_stop_ms = 0;
  std::vector<Habits> habits;
  FaultPlan faults;
};

class Round {
 public:
  explicit Round(const RoundOptions& options)
      : options_(options),
        plan_(options),
        group_({.replicas = plan_.replicas,
                .capacity_bytes = plan_.ring_bytes,
                .start = false,
                .transport = options.transport},
               plan_.timing),
        directory_(std::filesystem::path(group_.config_path()).parent_path()),
        faults_(group_, FaultSetting()) {
    absl::StatusOr<std::unique_ptr<cli::History>> history =
        cli::History::Create(directory_ + "/" + kHistoryName);
    GAIOS_CHECK(history.ok(), "a scratch directory takes the history");
    history_ = *std::move(history);
    for (const Habits& habits : plan_.habits) {
      AddClient(habits);
    }
  }

  RoundResult Run() {
    if (!Until([this] { return LeaderSeen(); })) {
      result_.findings.emplace_back("nobody led a group that had just been started");
    } else {
      const auto length_us = static_cast<std::uint64_t>(plan_.seconds * kUsPerS);
      const std::uint64_t end_ns = clock_.NowNs() + length_us * kNsPerUs * options_.slower;
      while (clock_.NowNs() < end_ns || !faults_.played()) {
        faults_.Turn(clock_.NowNs());
        Turn(operations_ < kMaxOperations);
        NoteLeader();
      }
      faults_.Heal();
      Recover();
    }
    Finish();
    return std::move(result_);
  }

 private:
  struct Member {
    Habits habits;
    std::unique_ptr<CrowdClient> client;
  };

  Faults::Setting FaultSetting() {
    Faults::Setting setting;
    setting.plan = plan_.faults;
    setting.slower = options_.slower;
    setting.longest_stop_ms = plan_.longest_stop_ms;
    // Damage that is done on purpose is done once: a later life would do it again, at another place.
    setting.come_back = options_.fault.empty();
    setting.members = options_.members;
    setting.arguments = [this](std::size_t replica, std::size_t life) {
      std::vector<std::string> arguments = {"--journal", JournalPath(directory_, replica, life)};
      if (!options_.fault.empty()) {
        arguments.insert(arguments.end(), {"--inject-fault", options_.fault});
      }
      return arguments;
    };
    setting.drop_client = [this](std::uint64_t drawn) {
      Member& member = crowd_[drawn % crowd_.size()];
      Dismiss(*member.client);
      member.client.reset();
      member.client = MakeClient(member.habits);
    };
    return setting;
  }

  std::unique_ptr<CrowdClient> MakeClient(const Habits& habits) {
    return std::make_unique<CrowdClient>(group_.config(), clients_++, habits, *history_, clock_, directory_);
  }
  void AddClient(const Habits& habits) { crowd_.push_back({habits, MakeClient(habits)}); }
  void Dismiss(const CrowdClient& client) {
    result_.acknowledged += client.acknowledged();
    result_.unknown += client.unknown() + client.outstanding();
    if (client.absurd() > 0) {
      result_.findings.push_back(
          absl::StrCat(client.absurd(), " answers to a client were not those of a counter"));
    }
    if (!client.written()) {
      result_.findings.emplace_back("what a client was told could not be written down");
    }
  }

  void Turn(bool sends) {
    bool worked = false;
    for (const Member& member : crowd_) {
      const std::size_t before = member.client->outstanding();
      worked = member.client->Turn(sends, plan_.random.Next()) || worked;
      operations_ += member.client->outstanding() > before ? 1 : 0;
    }
    if (worked) {
      idle_.OnWork();
    } else {
      idle_.OnIdle();
    }
  }
  // Goes on, with clients that send nothing unless `sends`, until it holds. False when that takes too long.
  bool Until(const std::function<bool()>& holds, bool sends = false) {
    const std::uint64_t deadline_ns = clock_.NowNs() + kPatienceNs * options_.slower;
    std::uint64_t next_look_ns = 0;
    for (std::uint64_t now_ns = clock_.NowNs(); now_ns < deadline_ns; now_ns = clock_.NowNs()) {
      if (now_ns >= next_look_ns) {
        if (holds()) {
          return true;
        }
        next_look_ns = now_ns + kNsPerMs;
      }
      Turn(sends);
    }
    return false;
  }

  [[nodiscard]] bool LeaderSeen() const { return !faults_.Standing().empty(); }

  void NoteLeader() {
    const std::uint64_t now_ns = clock_.NowNs();
    if (now_ns < next_leader_look_ns_) {
      return;
    }
    next_leader_look_ns_ = now_ns + 2 * kNsPerMs;
    std::uint64_t ballot = 0;
    for (std::size_t i = 0; i < group_.size(); ++i) {
      const rsm::CounterData data = group_.Counters(i);
      if (data.role == static_cast<std::uint64_t>(paxos::Role::kLeader)) {
        ballot = std::max(ballot, data.ballot);
      }
      highest_commit_ = std::max(highest_commit_, data.commit);
    }
    if (ballot > ballot_) {
      result_.leader_changes += ballot_ == 0 ? 0 : 1;
      ballot_ = ballot;
    }
  }

  // With no more faults, everybody who asks is answered, and all who can go on come to the same.
  void Recover() {
    const auto committed = [this] {
      std::uint64_t sum = result_.acknowledged;
      for (const Member& member : crowd_) {
        sum += member.client->acknowledged();
      }
      return sum;
    };
    const std::uint64_t enough = std::max(committed() + crowd_.size() + 1, options_.least_acknowledged);
    if (!Until([this] { return LeaderSeen(); }) || !Until([&] { return committed() >= enough; }, true)) {
      result_.findings.push_back("the faults had ended, but nothing was committed any more:\n" + Standing());
    }
    const auto quiet = [this] {
      return std::ranges::all_of(crowd_, [](const Member& each) { return each.client->outstanding() == 0; });
    };
    if (!Until(quiet)) {
      result_.findings.emplace_back("the faults had ended, but a client was not answered");
    }
    const auto agree = [this] {
      faults_.LookAtChange(clock_.NowNs());
      const std::vector<std::size_t> standing = faults_.Standing();
      // Whoever lives has been filled, and votes: unless it finds that its state is not that of the others,
      // as it should where damage was done on purpose.
      const bool all = standing.size() == faults_.living() || !options_.fault.empty();
      return !faults_.changing() && standing.size() > faults_.voters_of_group() / 2 && all &&
             group_.Agree(standing);
    };
    if (!Until(agree)) {
      result_.findings.push_back("the faults had ended, but the replicas did not come to the same:\n" +
                                 Standing());
    }
    for (std::size_t i = 0; i < group_.size(); ++i) {
      if (group_.Counters(i).diverged != 0) {
        result_.findings.push_back(absl::StrCat("replica ", i, " says that its state has diverged"));
      }
    }
    NoteLeader();
  }
  [[nodiscard]] std::string Standing() const {
    std::string text;
    for (std::size_t i = 0; i < group_.size(); ++i) {
      absl::StrAppend(&text, group_.Json(i).dump(), "\n");
    }
    return text;
  }

  void Finish() {
    std::vector<std::string> deaths = faults_.Deaths();
    std::ranges::move(deaths, std::back_inserter(result_.findings));
    for (std::size_t i = 0; i < group_.size(); ++i) {
      if (group_.process(i).running()) {
        group_.Kill(i);
      }
    }
    for (Member& member : crowd_) {
      Dismiss(*member.client);
      member.client.reset();
    }
    if (!history_->Finish()) {
      result_.findings.emplace_back("the history could not be written to the end");
    }
    Judged judged = JudgeRound(directory_);
    std::ranges::move(judged.findings, std::back_inserter(result_.findings));
    result_.replicas = plan_.replicas;
    result_.ring_bytes = plan_.ring_bytes;
    result_.clients = clients_;
    result_.operations = judged.operations;
    result_.ring_wraps = highest_commit_ / plan_.ring_bytes;
    result_.planned = plan_.faults.size();
    result_.plan_digest = PlanDigest(plan_.faults);
    result_.faults = faults_.counts();
    if (!options_.keep.empty() && (options_.keep_good || !result_.passed())) {
      Keep();
    }
  }

  // Only files that hold something: not the sockets and pages of processes that are gone.
  void Keep() {
    namespace fs = std::filesystem;
    result_.kept = absl::StrCat(options_.keep, "/chaos-", options_.seed, "-", plan_.replicas);
    std::ofstream(directory_ + "/plan.txt") << RoundText(options_);
    std::ofstream(directory_ + "/faults.txt") << faults_.timeline();
    std::ofstream findings(directory_ + "/findings.txt");
    for (const std::string& finding : result_.findings) {
      findings << finding << "\n";
    }
    findings.close();
    std::error_code error;
    fs::remove_all(result_.kept, error);
    fs::create_directories(result_.kept, error);
    for (const auto& entry : fs::directory_iterator(directory_)) {
      if (entry.is_regular_file()) {
        fs::copy_file(entry.path(), result_.kept / entry.path().filename(), error);
      }
    }
    if (error) {
      result_.kept += " (not all of it: " + error.message() + ")";
    }
  }

  const RoundOptions& options_;
  Plan plan_;
  const base::TscClock clock_{base::TscClock::Source::kKernel};
  base::Idle idle_{base::IdleStrategy::kBackOff};
  RoundResult result_;
  cli::Group group_;
  const std::string directory_;
  Faults faults_;
  std::unique_ptr<cli::History> history_;
  std::vector<Member> crowd_;
  std::size_t clients_ = 0;
  std::uint64_t operations_ = 0;
  std::uint64_t ballot_ = 0;
  std::uint64_t highest_commit_ = 0;
  std::uint64_t next_leader_look_ns_ = 0;
};

}  // namespace

std::string RoundText(const RoundOptions& options) {
  const Plan plan(options);
  return absl::StrFormat(
      "seed %d: %d replicas, rings of %d KiB, %d clients; plan %s, %d faults in %.3f s, stops of at most %d "
      "ms\n%s",
      options.seed, plan.replicas, plan.ring_bytes >> 10, plan.habits.size(), PlanDigest(plan.faults),
      plan.faults.size(), plan.seconds, plan.longest_stop_ms, PlanText(plan.faults));
}

RoundResult RunRound(const RoundOptions& options) {
  const auto begin = std::chrono::steady_clock::now();
  RoundResult result;
  try {
    result = std::make_unique<Round>(options)->Run();
  } catch (const std::exception& error) {
    // A helper of the tests that found that something does not hold throws here.
    result.findings.emplace_back(error.what());
  }
  result.seconds = std::chrono::duration<double>(std::chrono::steady_clock::now() - begin).count();
  return result;
}

}  // namespace gaios::chaos
