#include "gaios/cli/demo/verdict.h"

#include <algorithm>
#include <cstring>
#include <fstream>
#include <functional>
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

// Which session a command was sent in: each begins with its first command and goes on to the next one's.
class SessionMap {
 public:
  explicit SessionMap(const Records& sessions) {
    for (const Record& session : sessions.records) {
      if (first_.empty() || session.command > first_.back()) {
        first_.push_back(session.command);
      }
    }
  }
  // Below size().
  [[nodiscard]] std::size_t Of(std::uint64_t command) const {
    return static_cast<std::size_t>(std::ranges::upper_bound(first_, command) - first_.begin());
  }
  // What comes before the first session has a place of its own.
  [[nodiscard]] std::size_t size() const { return first_.size() + 1; }

 private:
  std::vector<std::uint64_t> first_;
};

// What is wrong with single journals, each command once.
class JournalFaults {
 public:
  JournalFaults(std::uint64_t submitted, const Records& sessions)
      : sessions_(sessions), times_(submitted + 1), repeated_(submitted + 1), displaced_(submitted + 1) {}

  // Those of a journal that was put together from others are known to be invented.
  void Add(const Records& journal, bool joined = false) {
    std::ranges::fill(times_, std::uint8_t{0});
    std::vector<std::uint64_t> latest(sessions_.size());
    for (const Record& record : journal.records) {
      if (record.command == Record::kRestored) {
        continue;
      }
      if (record.command == 0 || record.command >= times_.size()) {
        if (!joined) {
          invented.Add(record.command);
        }
      } else if (times_[record.command] != 0) {
        times_[record.command] = 2;
        Note(record.command, repeated_, repeats);
      } else {
        times_[record.command] = 1;
        std::uint64_t& before = latest[sessions_.Of(record.command)];
        if (record.command < before) {
          Note(record.command, displaced_, reordered);
        }
        before = std::max(before, record.command);
      }
    }
  }
  // Whether the command was sent, and stands in the journal that was added last.
  [[nodiscard]] bool sent(std::uint64_t command) const { return command != 0 && command < times_.size(); }
  [[nodiscard]] bool stands(std::uint64_t command) const { return times_[command] != 0; }

  Offenders invented;
  Offenders repeats;
  Offenders reordered;

 private:
  static void Note(std::uint64_t command, std::vector<bool>& noted, Offenders& offenders) {
    if (!noted[command]) {
      noted[command] = true;
      offenders.Add(command);
    }
  }

  const SessionMap sessions_;
  std::vector<std::uint8_t> times_;  // in the journal that was added last: 0, 1, or 2 for more
  std::vector<bool> repeated_;
  std::vector<bool> displaced_;
};

// Calls `function` with the place, from 0, of each command in a journal, and its record, until it returns
// false.
template <typename Function>
void ForEachPlace(const Records& journal, Function function) {
  std::uint64_t place = 0;
  for (const Record& record : journal.records) {
    if (record.command == Record::kRestored) {
      place = record.slot;
    } else if (!function(place++, record)) {
      return;
    }
  }
}

std::uint64_t EndOf(const Records& journal) {
  std::uint64_t end = 0;
  ForEachPlace(journal, [&end](std::uint64_t place, const Record&) {
    end = place + 1;
    return true;
  });
  return end;
}

void Compare(const Records& journal, const Records& longest, Verdict& verdict) {
  const auto differs = [](const Record& a, const Record& b) {
    return a.command != b.command || a.slot != b.slot;
  };
  ForEachPlace(journal, [&](std::uint64_t i, const Record& own) {
    if (i >= longest.records.size()) {
      return false;  // behind a gap, which is told elsewhere
    }
    const Record& other = longest.records[i];
    if (differs(own, other)) {
      verdict.orders_equal = false;
      verdict.findings.push_back(absl::StrCat("command ", i + 1, " of ", Name(journal), " is ", own.command,
                                              " in slot ", own.slot, ", of ", Name(longest), " it is ",
                                              other.command, " in slot ", other.slot));
      return false;
    }
    if (own.state_hash != other.state_hash) {
      verdict.hashes_equal = false;
      verdict.findings.push_back(
          absl::StrCat("after ", i + 1, " commands, the last of them ", own.command, ", the state hash of ",
                       Name(journal), " is ", absl::Hex(own.state_hash, absl::kZeroPad16), ", that of ",
                       Name(longest), " is ", absl::Hex(other.state_hash, absl::kZeroPad16)));
      return false;
    }
    return true;
  });
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

Records Joined(const std::vector<Records>& journals) {
  std::vector<const Records*> furthest_first;
  furthest_first.reserve(journals.size());
  for (const Records& journal : journals) {
    furthest_first.push_back(&journal);
  }
  // Of several that go as far, the first.
  std::ranges::sort(furthest_first, [](const Records* one, const Records* other) {
    return EndOf(*one) != EndOf(*other) ? EndOf(*one) > EndOf(*other) : std::less<>()(one, other);
  });
  Records joined;
  if (furthest_first.empty()) {
    return joined;
  }
  joined.header = furthest_first.front()->header;
  std::vector<bool> known(EndOf(*furthest_first.front()));
  joined.records.resize(known.size());
  for (const Records* journal : furthest_first) {
    ForEachPlace(*journal, [&](std::uint64_t place, const Record& record) {
      if (!known[place]) {
        known[place] = true;
        joined.records[place] = record;
      }
      return true;
    });
  }
  joined.records.resize(static_cast<std::size_t>(std::ranges::find(known, false) - known.begin()));
  joined.header.count = joined.records.size();
  return joined;
}

Verdict Judge(const Records& acks, const Records& sessions, const std::vector<Records>& journals) {
  Verdict verdict;
  verdict.acknowledged = acks.records.size();
  if (journals.empty()) {
    verdict.lost = verdict.acknowledged;
    verdict.findings.emplace_back("there is no journal to compare with");
    return verdict;
  }
  const Records joined = Joined(journals);
  const std::uint64_t end = EndOf(*std::ranges::max_element(journals, {}, EndOf));
  if (joined.records.size() < end) {
    verdict.orders_equal = false;
    verdict.findings.push_back(
        absl::StrCat("command ", joined.records.size() + 1, " is in no journal, but commands behind it are"));
  }
  verdict.applied = joined.records.size();
  verdict.state_hash = joined.records.empty() ? 0 : joined.records.back().state_hash;

  JournalFaults faults(acks.header.submitted, sessions);
  for (const Records& journal : journals) {
    faults.Add(journal);
  }
  faults.Add(joined, true);

  Offenders lost;
  Offenders misplaced;
  std::vector<std::uint64_t> slots(acks.header.submitted + 1);
  for (const Record& record : joined.records) {
    if (record.command < slots.size() && slots[record.command] == 0) {
      slots[record.command] = record.slot;
    }
  }
  std::vector<bool> acknowledged(slots.size());
  for (const Record& ack : acks.records) {
    if (!faults.sent(ack.command)) {
      faults.invented.Add(ack.command);
      continue;
    }
    if (acknowledged[ack.command]) {
      faults.repeats.Add(ack.command);
    } else if (!faults.stands(ack.command)) {
      lost.Add(ack.command);
    } else if (ack.slot != 0 && slots[ack.command] != ack.slot) {
      misplaced.Add(ack.command);
    }
    acknowledged[ack.command] = true;
  }
  verdict.lost = lost.count;
  verdict.duplicated = faults.repeats.count;
  verdict.reordered = faults.reordered.count;
  verdict.misplaced = misplaced.count;
  verdict.invented = faults.invented.count;
  lost.Report("acknowledged commands are in no journal", verdict.findings);
  faults.repeats.Report("commands were run, or acknowledged, more than once", verdict.findings);
  faults.reordered.Report("commands were run after a later one of their session", verdict.findings);
  misplaced.Report("acknowledged commands stand under another slot than was acknowledged", verdict.findings);
  faults.invented.Report("commands were run, or acknowledged, that were never sent", verdict.findings);
  for (const Records& journal : journals) {
    Compare(journal, joined, verdict);
  }
  return verdict;
}

std::string Verdict::Line() const {
  std::string line = absl::StrCat("lost ", lost, ", duplicated ", duplicated, ", state hashes ",
                                  hashes_equal ? "equal" : "differ");
  if (reordered != 0) {
    absl::StrAppend(&line, ", reordered ", reordered);
  }
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
