#include "gaios/cli/demo/journaled_machine.h"

#include <array>
#include <cstring>
#include <filesystem>
#include <memory>
#include <string>
#include <vector>

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "gaios/cli/demo/order_flow.h"
#include "gaios/cli/demo/verdict.h"
#include "gaios/cli/replica/counter_machine.h"
#include "gaios/cli/replica/machines.h"

namespace gaios::cli {
namespace {

constexpr std::uint64_t kCommands = 30;

class JournaledMachineTest : public ::testing::Test {
 protected:
  JournaledMachineTest() {
    std::string pattern = (std::filesystem::temp_directory_path() / "gaios-journal.XXXXXX").string();
    directory_ = mkdtemp(pattern.data());
  }
  ~JournaledMachineTest() override { std::filesystem::remove_all(directory_); }

  // The journal of a replica that ran a generated flow with this fault.
  Records Run(Fault fault) {
    const std::string path = directory_ + "/journal";
    auto machine = MakeMachine(rsm::StateMachineKind::kOrderBook);
    EXPECT_TRUE(machine.ok());
    auto writer = RecordWriter::Create(path, RecordKind::kJournal, 0);
    EXPECT_TRUE(writer.ok());
    JournaledMachine journaled(std::move(machine->machine), *std::move(writer), fault);
    auto flow = OrderFlow::Generate(1);
    EXPECT_TRUE(flow.ok());
    for (std::uint64_t number = 1; number <= kCommands; ++number) {
      const std::optional<std::span<const std::byte>> command = (*flow)->NextNumbered(number);
      Apply(journaled, command.value_or(std::span<const std::byte>()), number);
    }
    EXPECT_FALSE(journaled.journal_full());
    return *ReadRecords(path, RecordKind::kJournal);
  }
  void Apply(rsm::StateMachine& machine, std::span<const std::byte> bytes, std::uint64_t slot) {
    rsm::Reply reply(memory_);
    rsm::Command command;
    command.slot = slot;
    command.bytes = bytes;
    machine.Apply(command, reply);
  }
  [[nodiscard]] const std::string& directory() const { return directory_; }

 private:
  std::string directory_;
  std::array<std::byte, rsm::kMaxReplyBytes> memory_ = {};
};

// The client that was told of every command in its slot.
Records AllAcknowledged() {
  Records acks;
  acks.header.submitted = kCommands;
  for (std::uint64_t number = 1; number <= kCommands; ++number) {
    acks.records.push_back({number, number, 0});
  }
  return acks;
}

TEST_F(JournaledMachineTest, JournalsWhatIsRun) {
  const Records journal = Run(Fault::kNone);
  ASSERT_EQ(journal.records.size(), kCommands);
  EXPECT_NE(journal.records[0].state_hash, journal.records[1].state_hash);
  EXPECT_TRUE(Judge(AllAcknowledged(), {}, {journal, Run(Fault::kNone)}).Holds());
}

TEST_F(JournaledMachineTest, LosesACommandAndIsFoundOut) {
  const Records journal = Run(Fault::kLose);
  const Verdict verdict = Judge(AllAcknowledged(), {}, {journal, journal});
  EXPECT_EQ(verdict.lost, 1U);
  EXPECT_EQ(verdict.duplicated, 0U);
  EXPECT_TRUE(verdict.hashes_equal);
}

TEST_F(JournaledMachineTest, DuplicatesACommandAndIsFoundOut) {
  const Records journal = Run(Fault::kDuplicate);
  const Verdict verdict = Judge(AllAcknowledged(), {}, {journal, journal});
  EXPECT_EQ(verdict.lost, 0U);
  EXPECT_EQ(verdict.duplicated, 1U);
}

TEST_F(JournaledMachineTest, ReordersACommandAndIsFoundOut) {
  const Records journal = Run(Fault::kReorder);
  ASSERT_EQ(journal.records.size(), kCommands);
  const Verdict verdict = Judge(AllAcknowledged(), {}, {journal, journal});
  EXPECT_EQ(verdict.lost, 0U);
  EXPECT_EQ(verdict.duplicated, 0U);
  EXPECT_EQ(verdict.reordered, 1U);
  EXPECT_TRUE(verdict.orders_equal);
  EXPECT_TRUE(verdict.hashes_equal);
}

TEST_F(JournaledMachineTest, DivergesAndIsFoundOut) {
  const Records good = Run(Fault::kNone);
  const Verdict verdict = Judge(AllAcknowledged(), {}, {good, good, Run(Fault::kDiverge)});
  EXPECT_EQ(verdict.lost, 0U);
  EXPECT_EQ(verdict.duplicated, 0U);
  EXPECT_FALSE(verdict.hashes_equal);
}

TEST_F(JournaledMachineTest, PassesOverWhatHasNoNumber) {
  auto writer = RecordWriter::Create(directory() + "/journal", RecordKind::kJournal, 0);
  ASSERT_TRUE(writer.ok());
  JournaledMachine machine(std::make_unique<CounterMachine>(), *std::move(writer), Fault::kNone);
  Apply(machine, {}, 1);
  EXPECT_EQ(ReadRecords(directory() + "/journal", RecordKind::kJournal)->records.size(), 0U);
}

TEST(Fault, HasFourNames) {
  EXPECT_EQ(ParseFault("lose"), Fault::kLose);
  EXPECT_EQ(ParseFault("duplicate"), Fault::kDuplicate);
  EXPECT_EQ(ParseFault("reorder"), Fault::kReorder);
  EXPECT_EQ(ParseFault("diverge"), Fault::kDiverge);
  EXPECT_EQ(ParseFault(""), std::nullopt);
}

}  // namespace
}  // namespace gaios::cli
