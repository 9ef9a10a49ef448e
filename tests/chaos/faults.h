#ifndef GAIOS_TESTS_CHAOS_FAULTS_H_
#define GAIOS_TESTS_CHAOS_FAULTS_H_

// Does to the processes of a group what is planned (fault_plan.h): kill -9, stops of any length, stops in
// quick succession, hogs of the processor, replicas started again.
//
// A replica that was killed and started again votes when it has been filled and readmitted. One that votes is
// killed only while a majority of voters stays that holds what is committed, or can still be brought up to it
// from the leader's ring. Whether that is so is read from the counters of whoever leads; nobody leading,
// nobody is killed. Stops have no such bound: all of the group may stand still at once.
//
// Where members change too, replicas are added, removed and replaced by the operators' own command, one
// change at a time, and what may be lost is judged by every set of voters that may decide meanwhile: the one
// that the leader knows, and those that the change may make of it. Whoever is out of the group is ended.
//
// Nothing here waits: what is to end later (a stop, a hog) is noted and done by a later Turn. One thread;
// times are in nanoseconds of the caller's clock.

#include <cstddef>
#include <cstdint>
#include <functional>
#include <memory>
#include <optional>
#include <queue>
#include <string>
#include <vector>

#include "gaios/cli/demo/child_process.h"
#include "gaios/rsm/counters.h"
#include "gaios/rsm/feeds/random.h"

#include "tests/chaos/fault_plan.h"
#include "tests/processes/group.h"

namespace gaios::chaos {

class Faults {
 public:
  struct Setting {
    FaultPlan plan;
    std::uint32_t slower = 1;  // all times are so many times as long as planned and drawn
    std::uint32_t longest_stop_ms = 2'000;
    bool come_back = true;  // those that were killed
    bool members = false;   // they change
    // Arguments for a process of a replica, by its life, from 1.
    std::function<std::vector<std::string>(std::size_t replica, std::size_t life)> arguments;
    std::function<void(std::uint64_t drawn)> drop_client;  // one of them
  };

  // The replicas of `group` have not been started yet, and are now.
  Faults(cli::Group& group, const Setting& setting);
  Faults(const Faults&) = delete;
  Faults& operator=(const Faults&) = delete;

  // Ends what is due to end; then, if it is time, does the next fault, or finds that it cannot be done.
  void Turn(std::uint64_t now_ns);
  // All that is planned has come.
  [[nodiscard]] bool played() const { return next_ == setting_.plan.size(); }
  // Ends everything, so that the group may recover. Not to be followed by Turn().
  void Heal();

  // The voters that can go on, in the eyes of whoever leads; empty when nobody does, as far as is seen.
  [[nodiscard]] std::vector<std::size_t> Standing() const;
  // How many vote, as far as is known.
  [[nodiscard]] std::size_t voters_of_group() const;
  // A change of the members is under way. LookAtChange is to be called when Turn is not any more.
  [[nodiscard]] bool changing() const { return change_.has_value(); }
  void LookAtChange(std::uint64_t now_ns);
  // Processes that have not been killed, or have been started again.
  [[nodiscard]] std::size_t living() const;
  [[nodiscard]] const FaultCounts& counts() const { return counts_; }
  // What was done when, a line each.
  [[nodiscard]] const std::string& timeline() const { return timeline_; }
  // Processes that ended without being told to, a sentence each. To be asked at the end.
  [[nodiscard]] std::vector<std::string> Deaths();

 private:
  struct Replica {
    std::size_t life = 0;           // 0: not started
    std::uint64_t before = 0;       // the incarnation that its counters named before this life
    bool killed = false;            // this life was
    bool comes_back = false;        // and another is due
    std::size_t stops = 0;          // that have not ended
    std::size_t outside_looks = 0;  // in a row: whoever leads says that it is not in the group
  };
  struct Change {
    FaultKind kind = FaultKind::kAdd;
    std::unique_ptr<cli::ChildProcess> process;  // of the command; null when that has ended
    std::optional<std::size_t> added;
    std::optional<std::size_t> removed;
  };
  struct Due {
    std::uint64_t at_ns = 0;
    std::uint64_t number = 0;  // of equal times the first comes first
    std::function<void()> what;
    bool operator<(const Due& other) const {
      return at_ns != other.at_ns ? at_ns > other.at_ns : number > other.number;
    }
  };

  void Start(std::size_t replica);
  [[nodiscard]] bool Lives(std::size_t replica) const {
    return replicas_[replica].life > 0 && !replicas_[replica].killed;
  }
  // It lives and votes: in its first life, or readmitted, as its counters say.
  [[nodiscard]] bool Votes(std::size_t replica) const;
  void Do(FaultKind kind);
  bool Try(FaultKind kind);
  bool KillVoter(std::optional<std::size_t> victim);
  void Kill(std::size_t replica, std::uint64_t restart_ns);
  void StopFor(std::size_t replica, std::uint64_t duration_ns);
  void Stop(std::size_t replica);
  void GoOn(std::size_t replica, std::size_t life);
  bool Stutter(std::size_t replica);
  bool KillWhileStopped(std::optional<std::size_t> victim);
  bool Hog();
  [[nodiscard]] bool MayLose(std::size_t voter) const;
  [[nodiscard]] std::optional<std::size_t> Leader() const;
  [[nodiscard]] std::optional<rsm::CounterData> LeaderSays() const;
  // The sets of voters of which each may come to decide, a bit per replica; none when that is not known.
  [[nodiscard]] std::vector<std::uint64_t> MayDecide() const;
  // It is no voter, and may be one at any moment for the first time.
  [[nodiscard]] bool MayBeAdmitted(std::size_t replica) const;
  bool BeginChange(FaultKind kind);
  // One of those that run and for which `wanted` holds.
  [[nodiscard]] std::optional<std::size_t> Any(const std::function<bool(std::size_t)>& wanted);
  [[nodiscard]] std::optional<std::size_t> AnyFollower();
  [[nodiscard]] std::uint64_t DrawStopNs();
  [[nodiscard]] std::uint64_t DrawRestartNs();
  void Later(std::uint64_t delay_ns, std::function<void()> what);
  void Note(const std::string& line);

  cli::Group& group_;
  const Setting setting_;
  feeds::Random random_{0};  // of the fault that came last
  const std::size_t began_with_;
  std::vector<Replica> replicas_;  // by id, of all that there may be
  std::optional<Change> change_;
  std::uint64_t next_change_look_ns_ = 0;
  std::priority_queue<Due> due_;
  std::uint64_t due_count_ = 0;
  std::vector<std::unique_ptr<cli::ChildProcess>> hogs_;
  std::uint64_t begin_ns_ = 0;
  std::uint64_t now_ns_ = 0;
  std::size_t next_ = 0;  // of the plan
  FaultCounts counts_ = {};
  std::string timeline_;
};

}  // namespace gaios::chaos

#endif  // GAIOS_TESTS_CHAOS_FAULTS_H_
