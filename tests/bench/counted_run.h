#ifndef GAIOS_TESTS_BENCH_COUNTED_RUN_H_
#define GAIOS_TESTS_BENCH_COUNTED_RUN_H_

// The leader's own work for a commit, to be counted by callgrind: a real leader, its protocol and its
// transport, and two followers that stand still meanwhile, beside the floor of the same medium. All of it on
// one thread, and nobody waits: every poll that is counted does something. Time goes on by a step with each
// look at the clock, so that as much of what is done now and then is in it as in a group that is not counted,
// however long counting takes. Each side is a function that stands for itself, MeasureCommits, MeasureFloor
// and MeasureLearning, so that one of them is counted and nothing else; own_instructions.py does that. The
// last is a follower's work for the same commands: it finds them in its memory, one to an entry, checks and
// applies them.
//
// One thread.

#include <algorithm>
#include <array>
#include <cstddef>
#include <cstdint>
#include <cstdlib>
#include <iostream>
#include <memory>
#include <string_view>
#include <utility>
#include <vector>

#include "gaios/base/check.h"
#include "gaios/base/clock.h"
#include "gaios/rsm/replica.h"

#include "bench/empty_machine.h"
#include "bench/report.h"
#include "bench/targets.h"

namespace gaios::bench {

inline constexpr std::size_t kCountedReplicas = 3;
inline constexpr std::size_t kCountedCommandBytes = 64;

// Reads the counter as the clock of production does, and says something else.
class SteppedClock final : public base::Clock {
 public:
  [[nodiscard]] std::uint64_t NowNs() const override {
    const std::uint64_t read_ns = clock_.NowNs();
    asm volatile("" : : "r"(read_ns));  // somebody wants it
    now_ns_ += kStepNs;
    return now_ns_;
  }
  [[nodiscard]] const base::TscClock& real() const { return clock_; }

 private:
  // About what a commit takes.
  static constexpr std::uint64_t kStepNs = 150;

  const base::TscClock clock_;
  mutable std::uint64_t now_ns_ = 1'000'000'000;
};

// Three replicas, the first of which leads.
template <typename Transport>
class CountedGroup {
 public:
  // `open` makes the transport of a replica, which it is given as an id, from this clock; it must not fail.
  // `heartbeat_ns`: how often the leader beats, of the stepped clock; 0: as usual.
  template <typename Open>
  explicit CountedGroup(Open open, std::uint64_t heartbeat_ns = 0) {
    for (std::size_t i = 0; i < kCountedReplicas; ++i) {
      const paxos::ReplicaId id(static_cast<std::uint8_t>(i));
      members_[i].transport = open(id, clock_);
      rsm::ReplicaOptions options;
      options.protocol.self = id;
      options.protocol.group = paxos::GroupId(1);
      options.protocol.configuration = paxos::Configuration::Bootstrap(kCountedReplicas);
      options.protocol.capacity_bytes = members_[i].transport->capacity();
      // The leader is given, and followers are seldom polled.
      options.protocol.suspect_timeout_ns = 600'000'000'000;
      options.protocol.drop_timeout_ns = 600'000'000'000;
      if (heartbeat_ns != 0) {
        options.protocol.heartbeat_interval_ns = heartbeat_ns;
      }
      options.protocol.election_timeout_ns = 20'000'000;
      options.protocol.election_jitter_ns = i == 0 ? 0 : 600'000'000'000;
      members_[i].replica =
          std::make_unique<rsm::Replica>(options, *members_[i].transport, clock_, members_[i].machine);
    }
  }

  // That of the machine.
  [[nodiscard]] const base::TscClock& clock() const { return clock_.real(); }
  [[nodiscard]] rsm::Replica& leader() { return *members_[0].replica; }
  [[nodiscard]] rsm::Replica& follower() { return *members_[1].replica; }
  // Until every follower is in sync and has applied all. False when that takes too long.
  [[nodiscard]] bool Settle() {
    const std::uint64_t deadline_ns = clock().NowNs() + kStartTimeoutNs;
    while (!Settled()) {
      for (Member& member : members_) {
        static_cast<void>(member.replica->Poll());
      }
      if (clock().NowNs() > deadline_ns) {
        return false;
      }
    }
    return true;
  }

 private:
  static constexpr std::uint64_t kStartTimeoutNs = 300'000'000'000;
  struct Member {
    EmptyMachine machine;
    std::unique_ptr<Transport> transport;
    std::unique_ptr<rsm::Replica> replica;
  };

  [[nodiscard]] bool Settled() const {
    const rsm::Replica& leader = *members_[0].replica;
    if (!leader.leading() || leader.proposals_under_way() != 0) {
      return false;
    }
    for (std::size_t i = 1; i < kCountedReplicas; ++i) {
      const paxos::FollowerLink* const follower =
          leader.core().follower(paxos::ReplicaId(static_cast<std::uint8_t>(i)));
      if (follower == nullptr || follower->stage != paxos::FollowerLink::Stage::kActive ||
          !follower->in_sync || follower->under_way() != 0 ||
          members_[i].replica->applied_commands() != leader.applied_commands()) {
        return false;
      }
    }
    return true;
  }

  const SteppedClock clock_;
  std::array<Member, kCountedReplicas> members_;
};

// Callgrind is told the names of these two: they stay functions, which g++, that they are counted with, has a
// word for, and clang, which only reads them, has not.
#ifdef __clang__
#define GAIOS_STAYS_A_FUNCTION [[gnu::noinline]]
#else
#define GAIOS_STAYS_A_FUNCTION [[gnu::noipa]]
#endif

GAIOS_STAYS_A_FUNCTION inline void MeasureCommits(ProductTarget& target, std::size_t commands) {
  for (std::size_t i = 0; i < commands; ++i) {
    while (!target.Propose()) {
      static_cast<void>(target.Poll());
    }
    while (target.Poll() == 0) {
    }
  }
}

// The same with a rest after every so many commands: a turn with nothing to do, in which a leader tells
// those who have nothing under way up to where it has committed.
GAIOS_STAYS_A_FUNCTION inline void MeasureCommitsAndRests(ProductTarget& target, std::size_t commands,
                                                          std::size_t between_rests) {
  for (std::size_t i = 0; i < commands; ++i) {
    while (!target.Propose()) {
      static_cast<void>(target.Poll());
    }
    while (target.Poll() == 0) {
    }
    if (i % between_rests == 0) {
      GAIOS_CHECK(target.Poll() == 0, "nothing is committed that was not proposed");
    }
  }
}

// Until the replica has applied so many more, which stand in its memory.
GAIOS_STAYS_A_FUNCTION inline void MeasureLearning(rsm::Replica& follower, std::size_t commands) {
  const std::uint64_t last = follower.applied_commands() + commands;
  while (follower.applied_commands() < last) {
    static_cast<void>(follower.Poll());
  }
}

template <typename Floor>
GAIOS_STAYS_A_FUNCTION void MeasureFloor(Floor& floor, std::size_t commands) {
  for (std::size_t i = 0; i < commands; ++i) {
    floor.Write();
    while (!floor.Done()) {
    }
  }
}

// Runs all in turn, each for so many commands, and prints how long they took, and how often the leader found
// its links anew, as JSON. A floor has `void Write()` and `bool Done()`, and `void Settle()`, which is not
// counted. `between_rests`: commands; 0: the leader has no rest. Returns the exit code of a program.
template <typename Transport, typename Floor>
int RunCounted(std::string_view program, CountedGroup<Transport>& group, Floor& floor, std::size_t commands,
               std::size_t between_rests = 0) {
  // Between two turns of the followers. Within the ring and the replies that a leader keeps.
  constexpr std::size_t kCommandsAtATime = 10'000;
  if (!group.Settle()) {
    std::cerr << program << ": the group is not in sync after five minutes\n";
    return 1;
  }
  ProductTarget target(group.leader(), kCountedCommandBytes);
  std::vector<double> commit_ns;
  std::vector<double> floor_ns;
  std::vector<double> cost_ns;
  std::vector<double> learned_ns;
  std::uint64_t formations = 0;
  // Nanoseconds that each command takes.
  const auto time = [&group](auto measure, std::size_t measured) {
    const std::uint64_t begin_ns = group.clock().NowNs();
    measure(measured);
    return static_cast<double>(group.clock().NowNs() - begin_ns) / static_cast<double>(measured);
  };
  for (std::size_t done = 0; done < commands; done += kCommandsAtATime) {
    const std::size_t now = std::min(kCommandsAtATime, commands - done);
    const std::uint64_t formation = group.leader().core().formation();
    commit_ns.push_back(time(
        [&](std::size_t count) {
          if (between_rests == 0) {
            MeasureCommits(target, count);
          } else {
            MeasureCommitsAndRests(target, count, between_rests);
          }
        },
        now));
    formations += group.leader().core().formation() - formation;
    // The last of them may not be known to be committed there yet.
    const std::size_t learned =
        static_cast<std::size_t>(group.leader().applied_commands() - group.follower().applied_commands()) - 1;
    learned_ns.push_back(
        time([&group](std::size_t count) { MeasureLearning(group.follower(), count); }, learned));
    floor_ns.push_back(time([&floor](std::size_t count) { MeasureFloor(floor, count); }, now));
    cost_ns.push_back(commit_ns.back() - floor_ns.back());
    floor.Settle();
    if (!group.Settle() || !target.clean()) {
      std::cerr << program << ": the group has lost its leader\n";
      return 1;
    }
  }
  std::cout << Json{{"commands", commands},
                    {"formations", formations},
                    {"product_ns", Spread(commit_ns)},
                    {"floor_ns", Spread(floor_ns)},
                    {"own_cost_ns", Spread(cost_ns)},
                    {"learned_ns", Spread(learned_ns)}}
                   .dump()
            << std::endl;
  return 0;
}

// The number of commands that a program was given as its only argument, others apart; 0, and a word on
// stderr, for anything else.
inline std::size_t CommandsOf(std::string_view program, int argc, char** argv) {
  char* end = nullptr;
  const unsigned long long commands = argc == 2 ? std::strtoull(argv[1], &end, 10) : 0;
  if (commands == 0 || *end != '\0') {
    std::cerr << "usage: " << program << " COMMANDS\n";
    return 0;
  }
  return commands;
}

}  // namespace gaios::bench

#endif  // GAIOS_TESTS_BENCH_COUNTED_RUN_H_
