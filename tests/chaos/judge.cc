#include "tests/chaos/judge.h"

#include <algorithm>
#include <array>
#include <cstddef>
#include <filesystem>
#include <fstream>
#include <optional>
#include <span>
#include <unordered_map>

#include <absl/strings/str_cat.h>

#include "gaios/base/clock.h"
#include "gaios/cli/demo/record_file.h"
#include "gaios/cli/demo/verdict.h"
#include "gaios/cli/replica/counter_machine.h"

#include "tests/chaos/crowd_client.h"
#include "tests/linearizability/check_history.h"
#include "tests/linearizability/json_lines.h"

namespace gaios::chaos {
namespace {

constexpr std::uint64_t kBudgetNs = 60'000'000'000;

// The verdict wants the commands of all clients numbered in one row: those of each client come together.
class Row {
 public:
  void Add(std::uint64_t submitted) {
    firsts_.push_back(end_);
    submitted_.push_back(submitted);
    end_ += submitted;
  }
  [[nodiscard]] std::uint64_t size() const { return end_; }
  // Above size() for a command that nobody sent.
  [[nodiscard]] std::uint64_t Of(std::uint64_t number) const {
    const auto client = static_cast<std::size_t>(number >> kNumberBits);
    const std::uint64_t own = number & ((std::uint64_t{1} << kNumberBits) - 1);
    if (client >= firsts_.size() || own == 0 || own > submitted_[client]) {
      return end_ + 1;
    }
    return firsts_[client] + own;
  }
  void Renumber(std::vector<cli::Record>& records) const {
    for (cli::Record& record : records) {
      if (record.command != cli::Record::kRestored) {
        record.command = Of(record.command);
      }
    }
  }

 private:
  std::vector<std::uint64_t> firsts_;
  std::vector<std::uint64_t> submitted_;
  std::uint64_t end_ = 0;
};

std::uint64_t HashOfSum(std::uint64_t sum) {
  cli::CounterMachine machine;
  std::array<std::byte, sizeof(sum)> memory = {};
  rsm::Reply reply(memory);
  rsm::Command command;
  command.bytes = std::as_bytes(std::span(&sum, 1));
  machine.Apply(command, reply);
  return machine.StateHash();
}

void JudgeHistory(const std::string& directory, Judged& judged) {
  namespace lin = linearizability;
  const std::string path = directory + "/" + kHistoryName;
  std::ifstream file(path);
  lin::History history(lin::Model::kLog);
  if (const absl::Status read = lin::ReadHistory(file, path, history); !read.ok()) {
    judged.findings.emplace_back(read.message());
    return;
  }
  judged.operations = history.operations().size();
  const base::TscClock clock(base::TscClock::Source::kKernel);
  lin::BudgetOptions budget;
  budget.clock = &clock;
  budget.time_ns = kBudgetNs;
  const lin::Judgement judgement = lin::CheckHistory(history, budget);
  if (judgement.verdict == lin::Verdict::kNotLinearizable) {
    judged.findings.push_back("the history is not linearizable: " + judgement.counter_example.text);
  } else if (judgement.verdict == lin::Verdict::kUnknown) {
    judged.findings.emplace_back("whether the history is linearizable could not be decided");
  }
}

// Each answer told the sum that stood behind its command.
void CompareSums(const cli::Records& acks, const std::vector<cli::Records>& journals, Judged& judged) {
  std::unordered_map<std::uint64_t, std::uint64_t> hashes;  // by command
  for (const cli::Record& record : cli::Joined(journals).records) {
    hashes.emplace(record.command, record.state_hash);
  }
  for (const cli::Record& ack : acks.records) {
    const auto stands = hashes.find(ack.command);
    if (ack.state_hash != 0 && stands != hashes.end() && stands->second != HashOfSum(ack.state_hash)) {
      judged.findings.push_back(absl::StrCat("command ", ack.command, " was answered with the sum ",
                                             ack.state_hash,
                                             ", which is not what the journals say the state was"));
      return;
    }
  }
}

// Reads what all clients wrote. False when something is wrong with the files.
bool ReadClients(const std::string& directory, Row& row, cli::Records& acks, cli::Records& sessions,
                 Judged& judged) {
  for (std::size_t client = 0; std::filesystem::exists(AcksPath(directory, client)); ++client) {
    absl::StatusOr<cli::Records> own_acks =
        cli::ReadRecords(AcksPath(directory, client), cli::RecordKind::kAcks);
    absl::StatusOr<cli::Records> own_sessions =
        cli::ReadRecords(SessionsPath(directory, client), cli::RecordKind::kSessions);
    if (!own_acks.ok() || !own_sessions.ok()) {
      judged.findings.emplace_back(own_acks.ok() ? own_sessions.status().message()
                                                 : own_acks.status().message());
      return false;
    }
    row.Add(own_acks->header.submitted);
    const std::uint64_t base = static_cast<std::uint64_t>(client) << kNumberBits;
    for (cli::Record& session : own_sessions->records) {
      session.command += base;
    }
    acks.records.insert(acks.records.end(), own_acks->records.begin(), own_acks->records.end());
    sessions.records.insert(sessions.records.end(), own_sessions->records.begin(),
                            own_sessions->records.end());
  }
  row.Renumber(acks.records);
  row.Renumber(sessions.records);
  acks.header.submitted = row.size();
  return true;
}

std::optional<std::vector<cli::Records>> ReadJournals(const std::string& directory, const Row& row,
                                                      Judged& judged) {
  std::vector<cli::Records> journals;
  for (const auto& entry : std::filesystem::directory_iterator(directory)) {
    if (entry.path().extension() != ".journal") {
      continue;
    }
    absl::StatusOr<cli::Records> journal = cli::ReadRecords(entry.path(), cli::RecordKind::kJournal);
    if (!journal.ok()) {
      judged.findings.emplace_back(journal.status().message());
      return std::nullopt;
    }
    row.Renumber(journal->records);
    journals.push_back(*std::move(journal));
  }
  return journals;
}

}  // namespace

std::string JournalPath(const std::string& directory, std::size_t replica, std::size_t life) {
  return absl::StrCat(directory, "/replica-", replica, ".life-", life, ".journal");
}

Judged JudgeRound(const std::string& directory) {
  Judged judged;
  JudgeHistory(directory, judged);
  Row row;
  cli::Records acks;
  cli::Records sessions;
  if (!ReadClients(directory, row, acks, sessions, judged)) {
    return judged;
  }
  const std::optional<std::vector<cli::Records>> journals = ReadJournals(directory, row, judged);
  if (!journals.has_value()) {
    return judged;
  }
  const cli::Verdict verdict = cli::Judge(acks, sessions, *journals);
  judged.applied = verdict.applied;
  judged.findings.insert(judged.findings.end(), verdict.findings.begin(), verdict.findings.end());
  if (!verdict.Holds() && verdict.findings.empty()) {
    judged.findings.push_back(verdict.Line());
  }
  CompareSums(acks, *journals, judged);
  return judged;
}

}  // namespace gaios::chaos
