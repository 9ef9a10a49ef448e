#ifndef GAIOS_CLI_DEMO_VERDICT_H_
#define GAIOS_CLI_DEMO_VERDICT_H_

// Judges a run of the demo from what its parties wrote down, and from nothing else: the client's record of
// what it was told is committed and of its sessions, and each replica's journal of the commands that its
// state machine ran (record_file.h has the format). Shares no code with the library that is judged.
//
// clang-format off
// What must hold:
//   - every acknowledged command stands exactly once in what the journals say together, under the slot it was
//     acknowledged with where there was one; a replica that went on from a snapshot has no records of what that
//     stands for, but some other has;
//   - no command stands twice in any journal, and none that the client never sent;
//   - in each journal the commands of a session come in the order in which the client sent them;
//   - all journals, those of dead replicas too, agree on which command comes at each place;
//   - after the same number of commands all replicas had the same state hash.
// clang-format on
//
// Pure but for reading the files; any thread.

#include <cstdint>
#include <string>
#include <vector>

#include <absl/status/status.h>
#include <absl/status/statusor.h>

#include "gaios/cli/demo/record_file.h"

namespace gaios::cli {

// One file, read.
struct Records {
  RecordHeader header;
  std::vector<Record> records;
};

// The error names the file and what is wrong with it.
[[nodiscard]] absl::StatusOr<Records> ReadRecords(const std::string& path, RecordKind kind);

// What all journals together say was run: the command at each place, from the journals that have it, as far
// as there is no gap. Without records of kRestored. Of the replica whose journal reaches furthest.
[[nodiscard]] Records Joined(const std::vector<Records>& journals);

struct Verdict {
  std::uint64_t acknowledged = 0;
  std::uint64_t applied = 0;     // commands run
  std::uint64_t lost = 0;        // acknowledged, and in no journal
  std::uint64_t duplicated = 0;  // commands that stand more than once in a journal
  std::uint64_t reordered = 0;   // commands that stand behind a later one of their session in a journal
  std::uint64_t misplaced = 0;   // acknowledged under another slot than they stand under
  std::uint64_t invented = 0;    // in a journal, but never sent
  bool orders_equal = true;
  bool hashes_equal = true;
  std::uint64_t state_hash = 0;  // after the last of them
  // What is wrong, one sentence each; of many alike the first few and their number.
  std::vector<std::string> findings;

  [[nodiscard]] bool Holds() const {
    return lost == 0 && duplicated == 0 && reordered == 0 && misplaced == 0 && invented == 0 &&
           orders_equal && hashes_equal;
  }
  // "lost 0, duplicated 0, state hashes equal", and what else is wrong.
  [[nodiscard]] std::string Line() const;
};

[[nodiscard]] Verdict Judge(const Records& acks, const Records& sessions,
                            const std::vector<Records>& journals);

}  // namespace gaios::cli

#endif  // GAIOS_CLI_DEMO_VERDICT_H_
