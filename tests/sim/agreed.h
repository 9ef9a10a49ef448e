#ifndef GAIOS_TESTS_SIM_AGREED_H_
#define GAIOS_TESTS_SIM_AGREED_H_

// The one sequence of commands that all replicas of a group apply. The first to apply a command extends it,
// every other must find the same there, with the same outcome, reply and state after it. Judges what the
// replicas do; what the clients are told is compared with it by Record. One thread.

#include <cstddef>
#include <cstdint>
#include <map>
#include <string>
#include <unordered_map>
#include <utility>
#include <vector>

#include "gaios/paxos/types.h"
#include "gaios/rsm/replica.h"

namespace gaios::sim {

// One command as one replica applied it.
struct AppliedCommand {
  std::uint64_t slot = 0;
  std::uint64_t session = 0;  // 0: of no session
  std::uint64_t sequence = 0;
  std::uint64_t command_digest = 0;
  rsm::Applied how = rsm::Applied::kApplied;
  std::uint64_t reply_digest = 0;
  std::uint64_t state_hash = 0;  // after it

  friend bool operator==(const AppliedCommand&, const AppliedCommand&) = default;
};

class Agreed {
 public:
  // `replica` has applied its next command.
  void OnApplied(paxos::Member replica, const AppliedCommand& command);

  // `replica` goes on from a snapshot, whose replica had applied so many.
  void OnInstalled(paxos::Member replica, std::size_t applied) { applied_[replica] = applied; }

  // How many commands `replica` has applied, and how many of these the state machine has run.
  [[nodiscard]] std::size_t applied(paxos::Member replica) const;
  [[nodiscard]] std::size_t size() const { return commands_.size(); }
  [[nodiscard]] const AppliedCommand& operator[](std::size_t i) const { return commands_[i]; }

  // Where the state machine ran a command of a session, counted from 0 over what it has run. `ran` is false
  // when nobody has.
  struct Place {
    bool ran = false;
    std::uint64_t place = 0;
    std::size_t index = 0;  // in the sequence
  };
  [[nodiscard]] Place Find(std::uint64_t session, std::uint64_t sequence) const;
  // How often a command of no session was run.
  [[nodiscard]] std::size_t Runs(std::uint64_t command_digest) const;
  [[nodiscard]] std::uint64_t ran() const { return ran_; }
  // Commands that were proposed again, and found to have been run before.
  [[nodiscard]] std::uint64_t retried() const { return retried_; }

  // What does not hold, in words.
  [[nodiscard]] const std::vector<std::string>& violations() const { return violations_; }

 private:
  void Extend(const AppliedCommand& command);
  void Fail(std::string what);

  std::vector<AppliedCommand> commands_;
  std::uint64_t ran_ = 0;
  std::uint64_t retried_ = 0;
  std::map<paxos::Member, std::size_t> applied_;
  std::unordered_map<std::uint64_t, std::vector<std::size_t>> sessions_;  // index of each number that was run
  std::unordered_map<std::uint64_t, std::size_t> sessionless_;
  std::vector<std::uint64_t> place_of_;  // by index: how many were run before
  std::vector<std::string> violations_;
};

}  // namespace gaios::sim

#endif  // GAIOS_TESTS_SIM_AGREED_H_
