#ifndef GAIOS_TESTS_SIM_RECORD_H_
#define GAIOS_TESTS_SIM_RECORD_H_

// What the clients asked for and what they were told, as a history for the linearizability checker, and the
// comparison of that with what the replicas did: nothing acknowledged is lost or made up, nothing is done
// that nobody asked for, nothing is done twice.
//
// In the history the group is one log. The place of a command is its number among those that the state
// machine ran, as the replica that answered counted them; a read saw so many of them, and the state. One
// thread.

#include <cstddef>
#include <cstdint>
#include <string>
#include <unordered_map>
#include <vector>

#include "tests/linearizability/check_history.h"
#include "tests/linearizability/history.h"
#include "tests/sim/agreed.h"

namespace gaios::sim {

class Record {
 public:
  using Process = std::uint64_t;

  Record() : history_(linearizability::Model::kLog) {}

  // A process asks for a command. It has been asked nothing else that is open.
  void Submit(Process process, std::uint64_t command_digest, std::uint64_t time_ns);
  void Read(Process process, std::uint64_t time_ns);
  // What a client sends, once for each number; `command_digest` may be sent under it and nothing else.
  void Sent(std::uint64_t session, std::uint64_t sequence, std::uint64_t command_digest);
  // The same for a command of no session.
  void SentOnce(std::uint64_t command_digest);

  struct Acknowledgement {
    std::uint64_t session = 0;  // 0: of no session
    std::uint64_t sequence = 0;
    std::uint64_t command_digest = 0;
    std::uint64_t place = 0;
    bool place_known = true;  // not of one whose reply was forgotten
    bool reply_known = true;
    std::uint64_t reply_digest = 0;
  };
  void Acknowledged(Process process, const Acknowledgement& acknowledgement, std::uint64_t time_ns);
  void WasRead(Process process, std::uint64_t commands, std::uint64_t state_hash, std::uint64_t time_ns);
  // Nobody will hear what became of it.
  void Unknown(Process process, std::uint64_t time_ns);

  [[nodiscard]] std::size_t acknowledged() const { return acknowledgements_.size(); }
  [[nodiscard]] std::size_t reads() const { return reads_; }

  // Compares with what was applied, of which `final_ran` commands are in the state of the group at the end;
  // then judges the history. What does not hold, in words.
  [[nodiscard]] std::vector<std::string> Judge(const Agreed& agreed, std::uint64_t final_ran) const;

 private:
  void Add(Process process, linearizability::EventType type, linearizability::Function function,
           std::uint64_t time_ns, linearizability::Event event);

  linearizability::History history_;
  std::uint64_t line_ = 0;
  std::size_t reads_ = 0;
  std::vector<Acknowledgement> acknowledgements_;
  std::unordered_map<std::uint64_t, std::vector<std::uint64_t>>
      sent_;  // by session, the digest of each number
  std::unordered_map<std::uint64_t, std::size_t> sent_once_;
  std::vector<std::string> violations_;
};

}  // namespace gaios::sim

#endif  // GAIOS_TESTS_SIM_RECORD_H_
