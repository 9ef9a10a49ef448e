// That the judge judges: a round that passed is damaged in its files, one thing at a time.

#include "tests/chaos/judge.h"

#include <cstdint>
#include <cstdio>
#include <cstring>
#include <filesystem>
#include <fstream>
#include <functional>
#include <optional>
#include <string>
#include <vector>

#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <nlohmann/json.hpp>

#include "gaios/cli/demo/record_file.h"
#include "gaios/cli/demo/verdict.h"

#include "tests/chaos/crowd_client.h"
#include "tests/chaos/round.h"
#include "tests/processes/group.h"

namespace gaios::chaos {
namespace {

using ::testing::Contains;
using ::testing::HasSubstr;
using ::testing::IsEmpty;

class Judging : public ::testing::Test {
 protected:
  // One round for all tests.
  static void SetUpTestSuite() {
    scratch_ = new cli::Scratch;
    const RoundResult round = RunRound({.seed = 5,
                                        .replicas = 3,
                                        .seconds = 1,
                                        .least_acknowledged = 3000,
                                        .fault = {},
                                        .keep = scratch_->Path("good"),
                                        .keep_good = true});
    ASSERT_THAT(round.findings, IsEmpty());
    good_ = round.kept;
  }
  static void TearDownTestSuite() { delete scratch_; }

  Judging() : directory_(scratch_->Path("damaged")) {
    std::filesystem::remove_all(directory_);
    std::filesystem::copy(good_, directory_);
  }

  [[nodiscard]] std::vector<nlohmann::json> History() const {
    std::vector<nlohmann::json> lines;
    std::ifstream file(directory_ + "/" + kHistoryName);
    for (std::string line; std::getline(file, line);) {
      lines.push_back(nlohmann::json::parse(line));
    }
    return lines;
  }
  void SetHistory(const std::vector<nlohmann::json>& lines) const {
    std::ofstream file(directory_ + "/" + kHistoryName);
    for (const nlohmann::json& line : lines) {
      file << line.dump() << "\n";
    }
  }
  [[nodiscard]] std::string LongestJournal() const {
    std::string longest;
    std::uint64_t count = 0;
    for (const auto& entry : std::filesystem::directory_iterator(directory_)) {
      if (entry.path().extension() == ".journal") {
        const auto journal = cli::ReadRecords(entry.path(), cli::RecordKind::kJournal);
        EXPECT_TRUE(journal.ok());
        if (journal.ok() && journal->records.size() >= count) {
          longest = entry.path();
          count = journal->records.size();
        }
      }
    }
    return longest;
  }
  // Of the client that was told the most: others may have been told nothing.
  [[nodiscard]] std::string LongestAcks() const {
    std::string longest;
    std::size_t most = 0;
    for (std::size_t client = 0; std::filesystem::exists(AcksPath(directory_, client)); ++client) {
      const std::string path = AcksPath(directory_, client);
      const auto acks = cli::ReadRecords(path, cli::RecordKind::kAcks);
      EXPECT_TRUE(acks.ok()) << acks.status();
      if (acks.ok() && acks->records.size() > most) {
        longest = path;
        most = acks->records.size();
      }
    }
    return longest;
  }
  // Writes the file anew with records that `change` has changed.
  static void ChangeRecords(const std::string& path, cli::RecordKind kind,
                            const std::function<void(std::vector<cli::Record>&)>& change) {
    auto records = cli::ReadRecords(path, kind);
    ASSERT_TRUE(records.ok()) << records.status();
    change(records->records);
    records->header.count = records->records.size();
    std::ofstream file(path, std::ios::binary);
    file.write(reinterpret_cast<const char*>(&records->header), sizeof(records->header));
    file.write(reinterpret_cast<const char*>(records->records.data()),
               static_cast<std::streamsize>(records->records.size() * sizeof(cli::Record)));
  }
  void ExpectFound(const std::string& what) const {
    EXPECT_THAT(JudgeRound(directory_).findings, Contains(HasSubstr(what)));
  }

  static cli::Scratch* scratch_;
  static std::string good_;
  const std::string directory_;
};
cli::Scratch* Judging::scratch_ = nullptr;
std::string Judging::good_;

TEST_F(Judging, FindsNothingWhereNothingIsWrong) {
  const Judged judged = JudgeRound(directory_);
  EXPECT_THAT(judged.findings, IsEmpty());
  EXPECT_GT(judged.operations, 100U);
  EXPECT_GT(judged.applied, 100U);
}

// Whether a line answers an addition and says where it stands.
bool AnswersAddition(const nlohmann::json& line) {
  return line["type"] == "ok" && line["f"] == "submit" && line["slot"].is_number();
}

TEST_F(Judging, ACommandBehindOneThatWasSentLater) {
  std::vector<nlohmann::json> lines = History();
  // The first answer and the last are not of commands that were under way together.
  const auto first = std::find_if(lines.begin(), lines.end(), AnswersAddition);
  const auto last = std::find_if(lines.rbegin(), lines.rend(), AnswersAddition);
  ASSERT_NE(first, lines.end());
  std::swap((*first)["slot"], (*last)["slot"]);
  SetHistory(lines);
  ExpectFound("the history is not linearizable");
}

TEST_F(Judging, TwoCommandsInOnePlace) {
  std::vector<nlohmann::json> lines = History();
  const auto first = std::find_if(lines.begin(), lines.end(), AnswersAddition);
  ASSERT_NE(first, lines.end());
  const auto second = std::find_if(first + 1, lines.end(), AnswersAddition);
  ASSERT_NE(second, lines.end());
  (*second)["slot"] = (*first)["slot"];
  SetHistory(lines);
  ExpectFound("A place in the log was given to two commands.");
}

TEST_F(Judging, AReadThatMissesWhatWasAcknowledged) {
  std::vector<nlohmann::json> lines = History();
  const auto last = std::find_if(lines.rbegin(), lines.rend(), [](const nlohmann::json& line) {
    return line["f"] == "read" && line["type"] == "ok";
  });
  ASSERT_NE(last, lines.rend());
  ASSERT_GT((*last)["slot"], 1000);
  (*last)["slot"] = (*last)["slot"].get<std::uint64_t>() - 1000;
  SetHistory(lines);
  ExpectFound("the history is not linearizable");
}

TEST_F(Judging, AHistoryThatEndsInTheMiddleOfALine) {
  const std::string path = directory_ + "/" + kHistoryName;
  std::filesystem::resize_file(path, std::filesystem::file_size(path) - 5);
  ExpectFound(kHistoryName);
}

// All journals: what only one lacks is found as a difference between them.
TEST_F(Judging, AnAcknowledgedCommandThatNoJournalHas) {
  ChangeRecords(LongestAcks(), cli::RecordKind::kAcks, [&](std::vector<cli::Record>& acks) {
    ASSERT_FALSE(acks.empty());
    const std::uint64_t lost = acks[acks.size() / 2].command;
    for (const auto& entry : std::filesystem::directory_iterator(directory_)) {
      if (entry.path().extension() == ".journal") {
        ChangeRecords(entry.path(), cli::RecordKind::kJournal, [lost](std::vector<cli::Record>& records) {
          std::erase_if(records, [lost](const cli::Record& record) { return record.command == lost; });
        });
      }
    }
  });
  ExpectFound("1 acknowledged commands are in no journal");
}

TEST_F(Judging, ACommandThatWasRunTwice) {
  ChangeRecords(LongestJournal(), cli::RecordKind::kJournal,
                [](std::vector<cli::Record>& records) { records.push_back(records[records.size() / 2]); });
  ExpectFound("1 commands were run, or acknowledged, more than once");
}

TEST_F(Judging, ACommandThatNobodySent) {
  ChangeRecords(LongestJournal(), cli::RecordKind::kJournal, [](std::vector<cli::Record>& records) {
    cli::Record record = records.back();
    record.command = (std::uint64_t{1} << kNumberBits) - 1;
    records.push_back(record);
  });
  ExpectFound("1 commands were run, or acknowledged, that were never sent");
}

TEST_F(Judging, ReplicasThatRanCommandsInAnotherOrder) {
  ChangeRecords(LongestJournal(), cli::RecordKind::kJournal, [](std::vector<cli::Record>& records) {
    std::swap(records[10].command, records[11].command);
    std::swap(records[10].slot, records[11].slot);
  });
  const Judged judged = JudgeRound(directory_);
  EXPECT_THAT(judged.findings, Contains(HasSubstr("command 11 of replica")));
}

TEST_F(Judging, StatesThatDiffer) {
  ChangeRecords(LongestJournal(), cli::RecordKind::kJournal,
                [](std::vector<cli::Record>& records) { ++records[20].state_hash; });
  ExpectFound("after 21 commands");
}

TEST_F(Judging, AnAnswerThatTellsAnotherSum) {
  ChangeRecords(LongestAcks(), cli::RecordKind::kAcks, [](std::vector<cli::Record>& acks) {
    ASSERT_FALSE(acks.empty());
    ++acks[acks.size() / 2].state_hash;
  });
  ExpectFound("which is not what the journals say the state was");
}

TEST_F(Judging, AnAnswerThatTellsAnotherSlot) {
  ChangeRecords(LongestAcks(), cli::RecordKind::kAcks, [](std::vector<cli::Record>& acks) {
    const auto told = std::ranges::find_if(acks, [](const cli::Record& ack) { return ack.slot != 0; });
    ASSERT_NE(told, acks.end());
    ++told->slot;
  });
  ExpectFound("1 acknowledged commands stand under another slot than was acknowledged");
}

}  // namespace
}  // namespace gaios::chaos
