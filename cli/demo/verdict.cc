#include "gaios/cli/demo/verdict.h"

#include <algorithm>
#include <cstring>
#include <fstream>
#include <map>

#include <absl/strings/str_cat.h>
#include <absl/strings/str_join.h>

namespace gaios::cli {
namespace {

constexpr std::size_t kNamed = 5;  // commands named in one finding

// Collects commands that something is wrong with.
struct Offenders {
  std::uint64_t count = 0;
  std::vector<std::uint64_t> first;

  void Add(std::uint64_t command) {
    ++count;
    if (first.size() < kNamed) {
      first.push_back(command);
    }
  }
  void Report(const char* what, std::vector<std::string>& findings) const {
    if (count > 0) {
      findings.push_back(absl::StrCat(count, " ", what, ": ", absl::StrJoin(first, ", "),
                                      count > first.size() ? ", ..." : ""));
    }
  }
};

std::string Name(const Records& journal) {
  return absl::StrCat("replica ", journal.header.replica);
}

// Counts how often each command stands in the journal. `times` has a place for every command that was sent.
void Count(const Records& journal, std::vector<std::uint8_t>& times, Offenders& invented) {
  std::ranges::fill(times, std::uint8_t{0});
  for (const Record& record : journal.records) {
    if (record.command == 0 || record.command >= times.size()) {
      invented.Add(record.command);
    } else if (times[record.command] < 255) {
      ++times[record.command];
    }
  }
}

void Compare(const Records& journal, const Records& longest, Verdict& verdict) {
  const auto differs = [](const Record& a, const Record& b) {
    return a.command != b.command || a.slot != b.slot;
  };
  for (std::size_t i = 0; i < journal.records.size(); ++i) {
    const Record& own = journal.records[i];
    const Record& other = longest.records[i];
    if (differs(own, other)) {
      verdict.orders_equal = false;
      verdict.findings.push_back(absl::StrCat("command ", i + 1, " of ", Name(journal), " is ", own.command,
                                              " in slot ", own.slot, ", of ", Name(longest), " it is ",
                                              other.command, " in slot ", other.slot));
      return;
    }
    if (own.state_hash != other.state_hash) {
      verdict.hashes_equal = false;
      verdict.findings.push_back(
          absl::StrCat("after ", i + 1, " commands, the last of them ", own.command, ", the state hash of ",
                       Name(journal), " is ", absl::Hex(own.state_hash, absl::kZeroPad16), ", that of ",
                       Name(longest), " is ", absl::Hex(other.state_hash, absl::kZeroPad16)));
      return;
    }
  }
}

}  // namespace

absl::StatusOr<Records> ReadRecords(const std::string& path, RecordKind kind) {
  std::ifstream file(path, std::ios::binary);
  Records result;
  std::vector<char> head(sizeof(RecordHeader));
  if (!file.read(head.data(), static_cast<std::streamsize>(head.size()))) {
    return absl::DataLossError(absl::StrCat("cannot read ", path, ": it is missing or has no header"));
  }
  std::memcpy(&result.header, head.data(), sizeof(RecordHeader));
  if (result.header.magic != RecordHeader::kMagic || result.header.version != RecordHeader::kVersion ||
      result.header.kind != kind) {
    return absl::DataLossError(absl::StrCat(path, " is not a file of the kind that is needed"));
  }
  file.seekg(0, std::ios::end);
  const std::uint64_t there =
      (static_cast<std::uint64_t>(file.tellg()) - sizeof(RecordHeader)) / sizeof(Record);
  if (result.header.count > there) {
    return absl::DataLossError(
        absl::StrCat(path, " ends after ", there, " of ", result.header.count, " records"));
  }
  file.seekg(sizeof(RecordHeader));
  result.records.resize(result.header.count);
  std::vector<char> bytes(result.header.count * sizeof(Record));
  if (!file.read(bytes.data(), static_cast<std::streamsize>(bytes.size()))) {
    return absl::DataLossError(absl::StrCat("cannot read the records of ", path));
  }
  if (!bytes.empty()) {
    std::memcpy(result.records.data(), bytes.data(), bytes.size());
  }
  return result;
}

Verdict Judge(const Records& acks, const std::vector<Records>& journals) {
  Verdict verdict;
  verdict.acknowledged = acks.records.size();
  const auto longest =
      std::ranges::max_element(journals, {}, [](const Records& journal) { return journal.records.size(); });
  if (longest == journals.end()) {
    verdict.lost = verdict.acknowledged;
    verdict.findings.emplace_back("there is no journal to compare with");
    return verdict;
  }
  verdict.applied = longest->records.size();
  verdict.state_hash = longest->records.empty() ? 0 : longest->records.back().state_hash;

  // Of each command: how often it stands in a journal, and whether that was too often in any.
  std::vector<std::uint8_t> times(acks.header.submitted + 1);
  std::vector<bool> repeated(times.size());
  Offenders duplicated;
  Offenders invented;
  const auto note_repeated = [&] {
    for (std::uint64_t command = 1; command < times.size(); ++command) {
      if (times[command] > 1 && !repeated[command]) {
        repeated[command] = true;
        duplicated.Add(command);
      }
    }
  };
  for (const Records& journal : journals) {
    if (&journal != &*longest) {
      Count(journal, times, invented);
      note_repeated();
    }
  }
  Count(*longest, times, invented);
  note_repeated();

  Offenders lost;
  Offenders misplaced;
  std::vector<std::uint64_t> slots(times.size());
  for (const Record& record : longest->records) {
    if (record.command < slots.size() && slots[record.command] == 0) {
      slots[record.command] = record.slot;
    }
  }
  std::vector<bool> acknowledged(times.size());
  for (const Record& ack : acks.records) {
    if (ack.command == 0 || ack.command >= times.size()) {
      invented.Add(ack.command);
    } else if (acknowledged[ack.command]) {
      duplicated.Add(ack.command);
    } else if (times[ack.command] == 0) {
      lost.Add(ack.command);
    } else if (ack.slot != 0 && slots[ack.command] != ack.slot) {
      misplaced.Add(ack.command);
    }
    if (ack.command < acknowledged.size()) {
      acknowledged[ack.command] = true;
    }
  }
  verdict.lost = lost.count;
  verdict.duplicated = duplicated.count;
  verdict.misplaced = misplaced.count;
  verdict.invented = invented.count;
  lost.Report("acknowledged commands are in no place of the longest journal", verdict.findings);
  duplicated.Report("commands were run, or acknowledged, more than once", verdict.findings);
  misplaced.Report("acknowledged commands stand under another slot than was acknowledged", verdict.findings);
  invented.Report("commands were run, or acknowledged, that were never sent", verdict.findings);
  for (const Records& journal : journals) {
    if (&journal != &*longest) {
      Compare(journal, *longest, verdict);
    }
  }
  return verdict;
}

std::string Verdict::Line() const {
  std::string line = absl::StrCat("lost ", lost, ", duplicated ", duplicated, ", state hashes ",
                                  hashes_equal ? "equal" : "differ");
  if (misplaced != 0) {
    absl::StrAppend(&line, ", misplaced ", misplaced);
  }
  if (invented != 0) {
    absl::StrAppend(&line, ", invented ", invented);
  }
  if (!orders_equal) {
    absl::StrAppend(&line, ", orders differ");
  }
  return line;
}

}  // namespace gaios::cli
