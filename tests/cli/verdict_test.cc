#include "gaios/cli/demo/verdict.h"

#include <cstdlib>
#include <filesystem>
#include <fstream>
#include <string>
#include <vector>

#include <gmock/gmock.h>
#include <gtest/gtest.h>

namespace gaios::cli {
namespace {

using ::testing::ElementsAre;
using ::testing::HasSubstr;
using ::testing::IsEmpty;

Records Acks(std::uint64_t submitted, std::vector<Record> records) {
  Records acks;
  acks.header.kind = RecordKind::kAcks;
  acks.header.submitted = submitted;
  acks.header.count = records.size();
  acks.records = std::move(records);
  return acks;
}

Records Journal(std::uint64_t replica, std::vector<Record> records) {
  Records journal;
  journal.header.replica = replica;
  journal.header.count = records.size();
  journal.records = std::move(records);
  return journal;
}

Records Sessions(const std::vector<std::uint64_t>& first_commands) {
  Records sessions;
  sessions.header.kind = RecordKind::kSessions;
  for (const std::uint64_t command : first_commands) {
    sessions.records.push_back({command, 0, 0});
  }
  sessions.header.count = sessions.records.size();
  return sessions;
}

Verdict JudgeOneSession(const Records& acks, const std::vector<Records>& journals) {
  return Judge(acks, Sessions({1}), journals);
}

// Commands 1 to 4; two of them share a slot, as commands of one batch do.
const std::vector<Record> kRun = {{1, 2, 11}, {2, 3, 22}, {3, 3, 33}, {4, 5, 44}};

TEST(Verdict, HoldsForEqualJournalsAndOneThatStoppedEarly) {
  const Verdict verdict =
      JudgeOneSession(Acks(4, {{1, 2, 0}, {2, 3, 0}, {4, 5, 0}, {3, 3, 0}}),
                      {Journal(0, {kRun[0], kRun[1]}), Journal(1, kRun), Journal(2, kRun), Journal(3, {})});
  EXPECT_TRUE(verdict.Holds());
  EXPECT_THAT(verdict.findings, IsEmpty());
  EXPECT_EQ(verdict.acknowledged, 4U);
  EXPECT_EQ(verdict.applied, 4U);
  EXPECT_EQ(verdict.state_hash, 44U);
  EXPECT_EQ(verdict.Line(), "lost 0, duplicated 0, state hashes equal");
}

TEST(Verdict, HoldsForCommandsThatWereRunButNotAcknowledged) {
  EXPECT_TRUE(JudgeOneSession(Acks(9, {{1, 2, 0}}), {Journal(0, kRun), Journal(1, kRun)}).Holds());
}

TEST(Verdict, HoldsForNothing) {
  EXPECT_TRUE(JudgeOneSession(Acks(0, {}), {Journal(0, {}), Journal(1, {})}).Holds());
}

TEST(Verdict, NamesLostCommands) {
  const Verdict verdict =
      JudgeOneSession(Acks(6, {{1, 2, 0}, {5, 6, 0}, {6, 6, 0}}), {Journal(0, kRun), Journal(1, kRun)});
  EXPECT_FALSE(verdict.Holds());
  EXPECT_EQ(verdict.lost, 2U);
  EXPECT_THAT(verdict.findings, ElementsAre(HasSubstr("no journal: 5, 6")));
  EXPECT_EQ(verdict.Line(), "lost 2, duplicated 0, state hashes equal");
}

TEST(Verdict, FindsACommandThatRanTwiceEverywhere) {
  const std::vector<Record> twice = {{1, 2, 11}, {2, 3, 22}, {2, 4, 23}};
  const Verdict verdict =
      JudgeOneSession(Acks(2, {{1, 2, 0}, {2, 3, 0}}), {Journal(0, twice), Journal(1, twice)});
  EXPECT_FALSE(verdict.Holds());
  EXPECT_EQ(verdict.duplicated, 1U);
  EXPECT_THAT(verdict.findings, ElementsAre(HasSubstr("more than once: 2")));
}

TEST(Verdict, FindsACommandThatRanTwiceOnOneReplica) {
  const Verdict verdict =
      JudgeOneSession(Acks(4, {}), {Journal(0, kRun), Journal(1, {kRun[0], kRun[1], {2, 3, 22}})});
  EXPECT_EQ(verdict.duplicated, 1U);
  EXPECT_FALSE(verdict.orders_equal);
  EXPECT_FALSE(verdict.Holds());
}

TEST(Verdict, FindsAnAcknowledgementGivenTwice) {
  const Verdict verdict = JudgeOneSession(Acks(4, {{1, 2, 0}, {1, 2, 0}}), {Journal(0, kRun)});
  EXPECT_EQ(verdict.duplicated, 1U);
}

TEST(Verdict, FindsAnotherSlotThanWasAcknowledged) {
  const Verdict verdict = JudgeOneSession(Acks(4, {{3, 4, 0}}), {Journal(0, kRun), Journal(1, kRun)});
  EXPECT_FALSE(verdict.Holds());
  EXPECT_EQ(verdict.misplaced, 1U);
  EXPECT_EQ(verdict.Line(), "lost 0, duplicated 0, state hashes equal, misplaced 1");
}

TEST(Verdict, HoldsForAnAcknowledgementOfAnEarlierSending) {
  EXPECT_TRUE(JudgeOneSession(Acks(4, {{3, 0, 0}}), {Journal(0, kRun)}).Holds());
}

TEST(Verdict, FindsCommandsThatWereNeverSent) {
  const Verdict verdict = JudgeOneSession(Acks(3, {}), {Journal(0, kRun), Journal(1, {})});
  EXPECT_FALSE(verdict.Holds());
  EXPECT_EQ(verdict.invented, 1U);
  EXPECT_EQ(JudgeOneSession(Acks(4, {{7, 9, 0}}), {Journal(0, kRun)}).invented, 1U);
}

TEST(Verdict, FindsAnotherOrder) {
  const Verdict verdict =
      JudgeOneSession(Acks(4, {}), {Journal(0, kRun), Journal(1, {kRun[0], {3, 3, 33}, {2, 3, 22}})});
  EXPECT_FALSE(verdict.Holds());
  EXPECT_FALSE(verdict.orders_equal);
  EXPECT_EQ(verdict.reordered, 1U);
  EXPECT_THAT(verdict.findings,
              ElementsAre(HasSubstr("later one of their session: 2"),
                          "command 2 of replica 1 is 3 in slot 3, of replica 0 it is 2 in slot 3"));
  EXPECT_THAT(verdict.Line(), HasSubstr("orders differ"));
}

TEST(Verdict, FindsAnotherOrderThanTheClientsAlikeEverywhere) {
  const std::vector<Record> other = {{1, 2, 11}, {3, 3, 33}, {2, 3, 22}, {4, 5, 44}};
  const Verdict verdict = JudgeOneSession(Acks(4, {{1, 2, 0}, {2, 3, 0}, {3, 3, 0}, {4, 5, 0}}),
                                          {Journal(0, other), Journal(1, other)});
  EXPECT_FALSE(verdict.Holds());
  EXPECT_TRUE(verdict.orders_equal);
  EXPECT_TRUE(verdict.hashes_equal);
  EXPECT_EQ(verdict.reordered, 1U);
  EXPECT_THAT(verdict.findings, ElementsAre("1 commands were run after a later one of their session: 2"));
  EXPECT_EQ(verdict.Line(), "lost 0, duplicated 0, state hashes equal, reordered 1");
}

TEST(Verdict, HoldsForCommandsOfAnEarlierSessionThatRanLate) {
  // 1 and 2 were reported as unknown, 3 and 4 went into the next session and came first.
  const std::vector<Record> late = {{3, 2, 33}, {1, 3, 11}, {4, 3, 44}, {2, 4, 22}};
  const Records acks = Acks(4, {{3, 2, 0}, {4, 3, 0}});
  EXPECT_TRUE(Judge(acks, Sessions({1, 3}), {Journal(0, late), Journal(1, late)}).Holds());
  EXPECT_EQ(Judge(acks, Sessions({1}), {Journal(0, late), Journal(1, late)}).reordered, 2U);
}

TEST(Verdict, CountsACommandOutOfOrderOnceAndARepeatedOneAsDuplicated) {
  const std::vector<Record> run = {{2, 2, 22}, {1, 3, 11}, {2, 4, 22}};
  const Verdict verdict = JudgeOneSession(Acks(2, {}), {Journal(0, run), Journal(1, run), Journal(2, run)});
  EXPECT_EQ(verdict.reordered, 1U);
  EXPECT_EQ(verdict.duplicated, 1U);
}

TEST(Verdict, FindsAStateThatDiffersForAWhile) {
  std::vector<Record> other = kRun;
  other[1].state_hash = 23;
  const Verdict verdict =
      JudgeOneSession(Acks(4, {}), {Journal(0, kRun), Journal(1, kRun), Journal(2, other)});
  EXPECT_FALSE(verdict.Holds());
  EXPECT_FALSE(verdict.hashes_equal);
  EXPECT_THAT(verdict.findings,
              ElementsAre(HasSubstr("after 2 commands, the last of them 2, the state hash of "
                                    "replica 2 is 0000000000000017")));
  EXPECT_EQ(verdict.Line(), "lost 0, duplicated 0, state hashes differ");
}

TEST(Verdict, NamesAFewOfMany) {
  std::vector<Record> acks;
  for (std::uint64_t command = 1; command <= 100; ++command) {
    acks.push_back({command, 1, 0});
  }
  const Verdict verdict = JudgeOneSession(Acks(100, acks), {Journal(0, {})});
  EXPECT_EQ(verdict.lost, 100U);
  EXPECT_THAT(verdict.findings, ElementsAre(HasSubstr(": 1, 2, 3, 4, 5, ...")));
}

TEST(Verdict, DoesNotHoldWithoutJournals) {
  EXPECT_FALSE(JudgeOneSession(Acks(1, {{1, 1, 0}}), {}).Holds());
}

class RecordFile : public ::testing::Test {
 protected:
  RecordFile() {
    std::string pattern = (std::filesystem::temp_directory_path() / "gaios-records.XXXXXX").string();
    directory_ = mkdtemp(pattern.data());
  }
  ~RecordFile() override { std::filesystem::remove_all(directory_); }
  [[nodiscard]] std::string Path() const { return directory_ + "/records"; }

 private:
  std::string directory_;
};

TEST_F(RecordFile, ReadsWhatWasWrittenWhileItIsStillOpen) {
  auto writer = RecordWriter::Create(Path(), RecordKind::kJournal, 2);
  ASSERT_TRUE(writer.ok()) << writer.status();
  constexpr std::uint64_t kRecords = 200'000;  // several windows
  for (std::uint64_t i = 1; i <= kRecords; ++i) {
    ASSERT_TRUE((*writer)->Append({i, i / 3, i * i}));
  }
  (*writer)->SetSubmitted(7);
  const auto records = ReadRecords(Path(), RecordKind::kJournal);
  ASSERT_TRUE(records.ok()) << records.status();
  EXPECT_EQ(records->header.replica, 2U);
  EXPECT_EQ(records->header.submitted, 7U);
  ASSERT_EQ(records->records.size(), kRecords);
  for (std::uint64_t i = 1; i <= kRecords; ++i) {
    ASSERT_EQ(records->records[i - 1].command, i);
    ASSERT_EQ(records->records[i - 1].slot, i / 3);
    ASSERT_EQ(records->records[i - 1].state_hash, i * i);
  }
}

TEST_F(RecordFile, ReadsAnEmptyOne) {
  {
    ASSERT_TRUE(RecordWriter::Create(Path(), RecordKind::kAcks, 0).ok());
  }
  const auto records = ReadRecords(Path(), RecordKind::kAcks);
  ASSERT_TRUE(records.ok()) << records.status();
  EXPECT_THAT(records->records, IsEmpty());
}

TEST_F(RecordFile, NamesAFileThatIsMissingForeignOrCutShort) {
  EXPECT_THAT(ReadRecords(Path(), RecordKind::kAcks).status().message(), HasSubstr(Path()));
  std::ofstream(Path()) << std::string(200, 'x');
  EXPECT_THAT(ReadRecords(Path(), RecordKind::kAcks).status().message(), HasSubstr("not a file of the kind"));
  {
    ASSERT_TRUE((*RecordWriter::Create(Path(), RecordKind::kAcks, 0))->Append({1, 1, 0}));
  }
  EXPECT_THAT(ReadRecords(Path(), RecordKind::kJournal).status().message(),
              HasSubstr("not a file of the kind"));
  std::filesystem::resize_file(Path(), 70);
  EXPECT_THAT(ReadRecords(Path(), RecordKind::kAcks).status().message(),
              HasSubstr("ends after 0 of 1 records"));
}

TEST_F(RecordFile, NamesADirectoryThatIsNotThere) {
  EXPECT_THAT(RecordWriter::Create("/nowhere/at/all", RecordKind::kAcks, 0).status().message(),
              HasSubstr("/nowhere/at/all"));
}

}  // namespace
}  // namespace gaios::cli
