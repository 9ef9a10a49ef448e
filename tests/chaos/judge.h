#ifndef GAIOS_TESTS_CHAOS_JUDGE_H_
#define GAIOS_TESTS_CHAOS_JUDGE_H_

// Judges a round from the files that its clients and replicas wrote, and from nothing else.
//
//   history.jsonl                    what all clients asked and were told, in the order in which it happened
//   client-N.acks, client-N.sessions the same by client, with the slots in the log and the sums told
//   replica-R.life-L.journal         what the state machine of a replica's process was made to run
//
// What must hold: the history is linearizable, as a log (tests/linearizability; crowd_client.h says why);
// what the demo's verdict demands of journals (cli/demo/verdict.h): no acknowledged command lost or run
// twice, all journals, those of the dead too, beginnings of the longest; and each answer is the sum that
// stood there.
//
// Pure but for reading; any thread.

#include <cstdint>
#include <string>
#include <vector>

namespace gaios::chaos {

struct Judged {
  std::uint64_t operations = 0;  // in the history
  std::uint64_t applied = 0;     // commands run, as the journals say together
  // What does not hold, a sentence or a counter-example each.
  std::vector<std::string> findings;
};

inline constexpr const char* kHistoryName = "history.jsonl";

[[nodiscard]] std::string JournalPath(const std::string& directory, std::size_t replica, std::size_t life);

[[nodiscard]] Judged JudgeRound(const std::string& directory);

}  // namespace gaios::chaos

#endif  // GAIOS_TESTS_CHAOS_JUDGE_H_
