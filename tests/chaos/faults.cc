#include "tests/chaos/faults.h"

#include <algorithm>
#include <bit>
#include <csignal>
#include <utility>

#include <absl/strings/str_cat.h>
#include <absl/strings/str_format.h>

#include "gaios/base/check.h"
#include "gaios/paxos/limits.h"
#include "gaios/paxos/state.h"
#include "gaios/rsm/counters.h"

namespace gaios::chaos {
namespace {

constexpr std::uint64_t kNsPerUs = 1'000;
constexpr std::uint64_t kNsPerMs = 1'000'000;

std::string LastLines(const std::string& text) {
  constexpr std::size_t kBytes = 600;
  return text.size() <= kBytes ? text : text.substr(text.size() - kBytes);
}

}  // namespace

Faults::Faults(cli::Group& group, const Setting& setting)
    : group_(group), setting_(setting), began_with_(group.size()), replicas_(paxos::kMaxReplicas) {
  for (std::size_t i = 0; i < began_with_; ++i) {
    Start(i);
  }
}

void Faults::Start(std::size_t replica) {
  Replica& state = replicas_[replica];
  // A life that was killed before it counted in the marker has no incarnation of its own.
  const std::uint64_t before = state.life == 0 ? 0 : group_.Counters(replica).incarnation;
  state = {.life = state.life + 1, .before = before};
  group_.Start(replica, "", setting_.arguments(replica, state.life));
}

void Faults::Turn(std::uint64_t now_ns) {
  now_ns_ = now_ns;
  LookAtChange(now_ns);
  if (begin_ns_ == 0) {
    begin_ns_ = now_ns;
  }
  while (!due_.empty() && due_.top().at_ns <= now_ns_) {
    const std::function<void()> what = due_.top().what;
    due_.pop();
    what();
  }
  if (played() || now_ns_ - begin_ns_ < setting_.plan[next_].at_us * kNsPerUs * setting_.slower) {
    return;
  }
  const PlannedFault& fault = setting_.plan[next_++];
  random_ = feeds::Random(fault.seed);
  Do(fault.kind);
}

void Faults::Do(FaultKind kind) {
  if (kind >= FaultKind::kAdd) {
    BeginChange(kind);
  } else if (Try(kind)) {
    ++counts_[static_cast<std::size_t>(kind)];
  }
}

bool Faults::Try(FaultKind kind) {
  const auto stop = [this](std::optional<std::size_t> victim) {
    if (victim.has_value()) {
      StopFor(*victim, DrawStopNs());
    }
    return victim.has_value();
  };
  switch (kind) {
    case FaultKind::kKillLeader:
      return KillVoter(Leader());
    case FaultKind::kKillFollower:
      return KillVoter(AnyFollower());
    case FaultKind::kKillStopped:
      return KillWhileStopped(random_.Below(2) == 0 ? Leader() : AnyFollower());
    case FaultKind::kKillLearner: {
      const std::optional<std::size_t> learner =
          Any([this](std::size_t i) { return (replicas_[i].life > 1 || i >= began_with_) && !Votes(i); });
      const bool may = learner.has_value() && (!MayBeAdmitted(*learner) || MayLose(*learner));
      if (may) {
        Kill(*learner, DrawRestartNs());
      }
      return may;
    }
    case FaultKind::kStopLeader:
      return stop(Leader());
    case FaultKind::kStopFollower:
      return stop(AnyFollower());
    case FaultKind::kStopSeveral: {
      std::size_t stopped = 0;
      for (std::size_t i = 0; i < replicas_.size(); ++i) {
        if (Lives(i) && random_.Below(2) == 0) {
          StopFor(i, DrawStopNs());
          ++stopped;
        }
      }
      return stopped > 1;
    }
    case FaultKind::kStopAll: {
      // Some go on before others.
      for (std::size_t i = 0; i < replicas_.size(); ++i) {
        if (Lives(i)) {
          StopFor(i, DrawStopNs() / 2);
        }
      }
      return true;
    }
    case FaultKind::kStutter: {
      const std::optional<std::size_t> victim =
          random_.Below(2) == 0 ? Leader() : Any([](std::size_t /*i*/) { return true; });
      return victim.has_value() && Stutter(*victim);
    }
    case FaultKind::kHog:
      return Hog();
    case FaultKind::kClientGone:
      Note("a client is gone, another comes");
      setting_.drop_client(random_.Next());
      return true;
    case FaultKind::kRestart:  // is not drawn
    case FaultKind::kAdd:      // nor tried
    case FaultKind::kRemove:
    case FaultKind::kReplace:
      break;
  }
  return false;
}

// Of those that say so the one with the highest ballot: one that stands still says what it last said.
std::optional<std::size_t> Faults::Leader() const {
  std::optional<std::size_t> leader;
  std::uint64_t ballot = 0;
  for (std::size_t i = 0; i < replicas_.size(); ++i) {
    const rsm::CounterData data = Votes(i) ? group_.Counters(i) : rsm::CounterData{};
    if (data.role == static_cast<std::uint64_t>(paxos::Role::kLeader) && data.no_quorum == 0 &&
        data.ballot > ballot) {
      leader = i;
      ballot = data.ballot;
    }
  }
  return leader;
}

std::optional<std::size_t> Faults::Any(const std::function<bool(std::size_t)>& wanted) {
  std::vector<std::size_t> those;
  for (std::size_t i = 0; i < replicas_.size(); ++i) {
    if (Lives(i) && wanted(i)) {
      those.push_back(i);
    }
  }
  if (those.empty()) {
    return std::nullopt;
  }
  return those[random_.Below(static_cast<std::uint32_t>(those.size()))];
}

std::optional<std::size_t> Faults::AnyFollower() {
  const std::optional<std::size_t> leader = Leader();
  return Any([&](std::size_t i) { return Votes(i) && leader != i; });
}

std::size_t Faults::living() const {
  std::size_t living = 0;
  for (std::size_t i = 0; i < replicas_.size(); ++i) {
    living += Lives(i) ? 1U : 0U;
  }
  return living;
}

bool Faults::Votes(std::size_t replica) const {
  const Replica& state = replicas_[replica];
  if (!Lives(replica)) {
    return false;
  }
  const bool begins = state.life == 1 && replica < began_with_;
  if (begins && !setting_.members) {
    return true;
  }
  const rsm::CounterData data = group_.Counters(replica);
  return begins ? data.incarnation == 0 || data.voter == 1
                : data.incarnation > state.before && data.voter == 1;
}

std::vector<std::size_t> Faults::Standing() const {
  std::vector<std::size_t> standing;
  const std::optional<std::size_t> leader = Leader();
  // What one that stands still has last said may no longer be so.
  if (!leader.has_value() || replicas_[*leader].stops > 0) {
    return standing;
  }
  const rsm::CounterData data = group_.Counters(*leader);
  standing.push_back(*leader);
  for (std::size_t i = 0; i < std::min<std::size_t>(data.links_count, data.links.size()); ++i) {
    const rsm::LinkCounters& link = data.links[i];
    const auto state = static_cast<rsm::LinkState>(link.state);
    if (link.peer < replicas_.size() && Votes(link.peer) &&
        (state == rsm::LinkState::kActive || state == rsm::LinkState::kStalled) &&
        link.lag_bytes < group_.config().capacity_bytes / 2) {
      standing.push_back(link.peer);
    }
  }
  return standing;
}

// While it stays so, no ring passes by what those that are left may yet need: the in-sync set keeps a
// majority, and whoever is outside of it lacks less than half a ring.
bool Faults::MayLose(std::size_t voter) const {
  const std::vector<std::size_t> standing = Standing();
  const std::vector<std::uint64_t> sets = MayDecide();
  return !sets.empty() && std::ranges::all_of(sets, [&](std::uint64_t set) {
    const auto left = std::ranges::count_if(
        standing, [&](std::size_t each) { return each != voter && ((set >> each) & 1U) != 0; });
    return left > std::popcount(set) / 2;
  });
}

bool Faults::KillVoter(std::optional<std::size_t> victim) {
  if (!victim.has_value() || !MayLose(*victim)) {
    return false;
  }
  Kill(*victim, DrawRestartNs());
  return true;
}

bool Faults::KillWhileStopped(std::optional<std::size_t> victim) {
  if (!victim.has_value() || !MayLose(*victim)) {
    return false;
  }
  Stop(*victim);
  const std::size_t life = replicas_[*victim].life;
  const std::uint64_t stop_ns = DrawStopNs();
  Later(stop_ns, [this, victim = *victim, life, restart_ns = DrawRestartNs()] {
    if (replicas_[victim].life != life || replicas_[victim].killed) {
      return;
    }
    if (MayLose(victim)) {
      Kill(victim, restart_ns);
    } else {
      GoOn(victim, life);
    }
  });
  return true;
}

void Faults::Kill(std::size_t replica, std::uint64_t restart_ns) {
  Replica& state = replicas_[replica];
  if (!group_.process(replica).running()) {
    return;  // Deaths() will tell
  }
  Note(absl::StrCat("kill -9 ", replica, Votes(replica) ? "" : ", a learner",
                    state.stops > 0 ? ", which stands still" : ""));
  group_.Kill(replica);
  state.killed = true;
  if (!setting_.come_back) {
    return;
  }
  state.comes_back = true;
  Later(restart_ns, [this, replica] {
    Note(absl::StrCat("start ", replica, " again"));
    Start(replica);
    ++counts_[static_cast<std::size_t>(FaultKind::kRestart)];
  });
}

void Faults::StopFor(std::size_t replica, std::uint64_t duration_ns) {
  Stop(replica);
  Later(duration_ns, [this, replica, life = replicas_[replica].life] { GoOn(replica, life); });
}

void Faults::Stop(std::size_t replica) {
  Note(absl::StrCat("stop ", replica, Votes(replica) ? "" : ", a learner"));
  ++replicas_[replica].stops;
  group_.Signal(replica, SIGSTOP);
}

void Faults::GoOn(std::size_t replica, std::size_t life) {
  Replica& state = replicas_[replica];
  if (state.life != life || state.killed || --state.stops > 0) {
    return;
  }
  Note(absl::StrCat("go on, ", replica));
  group_.Signal(replica, SIGCONT);
}

bool Faults::Stutter(std::size_t replica) {
  Note(absl::StrCat("stutter ", replica));
  const std::size_t life = replicas_[replica].life;
  const std::uint32_t mean_us = 100U << random_.Below(6);
  std::uint64_t at_ns = 0;
  for (std::uint32_t times = 10 + random_.Below(60); times > 0; --times) {
    at_ns += random_.Geometric(mean_us) * kNsPerUs;
    Later(at_ns, [this, replica, life] {
      if (replicas_[replica].life == life && !replicas_[replica].killed) {
        ++replicas_[replica].stops;
        group_.Signal(replica, SIGSTOP);
      }
    });
    at_ns += random_.Geometric(mean_us) * kNsPerUs;
    Later(at_ns, [this, replica, life] {
      Replica& state = replicas_[replica];
      if (state.life == life && !state.killed && --state.stops == 0) {
        group_.Signal(replica, SIGCONT);
      }
    });
  }
  return true;
}

bool Faults::Hog() {
  const std::uint32_t count = 1 + random_.Below(4);
  Note(absl::StrCat(count, " hogs"));
  for (std::uint32_t i = 0; i < count; ++i) {
    auto hog = cli::ChildProcess::Start({"/bin/sh", "-c", "while :; do :; done"}, "/dev/null");
    GAIOS_CHECK(hog.ok(), "a shell can be started");
    hogs_.push_back(*std::move(hog));
  }
  Later(DrawStopNs(), [this] { hogs_.clear(); });
  return true;
}

// From a part of a millisecond to the longest, short ones more often: the logarithm is uniform.
std::uint64_t Faults::DrawStopNs() {
  constexpr std::uint32_t kOctaves = 12;
  const std::uint64_t longest_ns = setting_.longest_stop_ms * kNsPerMs >> random_.Below(kOctaves);
  return longest_ns / 2 + random_.Below(static_cast<std::uint32_t>(longest_ns / 2 / kNsPerUs)) * kNsPerUs;
}

// At once, soon, or after a while.
std::uint64_t Faults::DrawRestartNs() {
  return random_.Below(3) == 0 ? 0 : DrawStopNs();
}

void Faults::Later(std::uint64_t delay_ns, std::function<void()> what) {
  due_.push({.at_ns = now_ns_ + delay_ns * setting_.slower, .number = ++due_count_, .what = std::move(what)});
}

void Faults::Heal() {
  Note("all goes on");
  hogs_.clear();
  due_ = {};
  for (std::size_t i = 0; i < replicas_.size(); ++i) {
    if (Lives(i)) {
      replicas_[i].stops = 0;
      group_.Signal(i, SIGCONT);
    }
  }
}

std::vector<std::string> Faults::Deaths() {
  std::vector<std::string> deaths;
  for (std::size_t i = 0; i < replicas_.size(); ++i) {
    if (Lives(i) && !group_.process(i).running()) {
      deaths.push_back(absl::StrCat("replica ", i, " ended by itself, with ",
                                    group_.process(i).Wait(std::chrono::milliseconds(0)).value_or(0),
                                    "; it had said:\n", LastLines(group_.Output(i))));
    }
  }
  return deaths;
}

void Faults::Note(const std::string& line) {
  absl::StrAppendFormat(&timeline_, "%8.3f ms  %s\n", static_cast<double>(now_ns_ - begin_ns_) / kNsPerMs,
                        line);
}

}  // namespace gaios::chaos
