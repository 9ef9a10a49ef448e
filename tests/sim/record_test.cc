// What Record finds wrong with what clients were told.

#include "tests/sim/record.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

namespace gaios::sim {
namespace {

using ::testing::Contains;
using ::testing::ElementsAre;
using ::testing::IsEmpty;
using ::testing::StartsWith;

constexpr paxos::Member kReplica{paxos::ReplicaId(0), paxos::Incarnation(1)};
constexpr std::uint64_t kSession = 7;

// One client that sends numbers 1 and 2 of its session, digests 11 and 12, and is told of both.
class RecordTest : public ::testing::Test {
 protected:
  RecordTest() {
    for (std::uint64_t number = 1; number <= 2; ++number) {
      record_.Sent(kSession, number, 10 + number);
      record_.Submit(number, 10 + number, number * 10);
      Apply(number);
      record_.Acknowledged(number, Told(number), number * 10 + 5);
    }
  }
  void Apply(std::uint64_t number) {
    AppliedCommand command;
    command.session = kSession;
    command.sequence = number;
    command.command_digest = 10 + number;
    command.reply_digest = 20 + number;
    agreed_.OnApplied(kReplica, command);
  }
  static Record::Acknowledgement Told(std::uint64_t number) {
    Record::Acknowledgement told;
    told.session = kSession;
    told.sequence = number;
    told.command_digest = 10 + number;
    told.place = number - 1;
    told.reply_digest = 20 + number;
    return told;
  }

  Agreed agreed_;
  Record record_;
};

TEST_F(RecordTest, FindsNothingWrongWithWhatIsRight) {
  record_.Read(3, 40);
  record_.WasRead(3, 2, 99, 50);
  EXPECT_THAT(record_.Judge(agreed_, 2), IsEmpty());
  EXPECT_EQ(record_.acknowledged(), 2);
  EXPECT_EQ(record_.reads(), 1);
}

TEST_F(RecordTest, FindsAnAcknowledgedCommandThatIsLost) {
  EXPECT_THAT(record_.Judge(agreed_, 1), ElementsAre(StartsWith("lost: acknowledged command 7:2")));
  record_.Sent(kSession, 3, 13);
  record_.Submit(3, 13, 40);
  record_.Acknowledged(3, Told(3), 50);
  EXPECT_THAT(record_.Judge(agreed_, 2), ElementsAre(StartsWith("lost: command 7:3")));
}

TEST_F(RecordTest, FindsACommandThatNobodySent) {
  Apply(3);
  EXPECT_THAT(record_.Judge(agreed_, 3), ElementsAre(StartsWith("made up: ")));
}

TEST_F(RecordTest, FindsACommandOfNoSessionThatIsRunTwice) {
  record_.SentOnce(77);
  AppliedCommand command;
  command.command_digest = 77;
  agreed_.OnApplied(kReplica, command);
  EXPECT_THAT(record_.Judge(agreed_, 3), IsEmpty());
  agreed_.OnApplied(kReplica, command);
  EXPECT_THAT(record_.Judge(agreed_, 4), Contains(StartsWith("twice: ")));
}

TEST_F(RecordTest, FindsAWrongReplyAndAWrongPlace) {
  record_.Sent(kSession, 3, 13);
  Apply(3);
  record_.Submit(3, 13, 40);
  Record::Acknowledgement told = Told(3);
  told.reply_digest = 99;
  record_.Acknowledged(3, told, 50);
  EXPECT_THAT(record_.Judge(agreed_, 3), ElementsAre(StartsWith("exactly once: ")));
  Record other;
  other.Sent(kSession, 1, 11);
  other.Sent(kSession, 2, 12);
  other.Sent(kSession, 3, 13);
  other.Submit(1, 11, 1);
  told = Told(1);
  told.place = 1;
  other.Acknowledged(1, told, 2);
  EXPECT_THAT(other.Judge(agreed_, 3), ElementsAre(StartsWith("exactly once: ")));
}

TEST_F(RecordTest, FindsAReadThatMissesWhatWasAcknowledged) {
  record_.Read(3, 40);
  record_.WasRead(3, 1, 99, 50);
  EXPECT_THAT(record_.Judge(agreed_, 2), ElementsAre(StartsWith("linearizability: ")));
}

TEST_F(RecordTest, FindsTwoReadsOfTheSameLengthThatDiffer) {
  record_.Read(3, 40);
  record_.WasRead(3, 2, 99, 50);
  record_.Read(4, 60);
  record_.WasRead(4, 2, 98, 70);
  EXPECT_THAT(record_.Judge(agreed_, 2), ElementsAre(StartsWith("linearizability: ")));
}

}  // namespace
}  // namespace gaios::sim
