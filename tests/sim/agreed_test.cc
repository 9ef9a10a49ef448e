// What Agreed finds wrong, one deed of a replica each.

#include "tests/sim/agreed.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

namespace gaios::sim {
namespace {

using ::testing::ElementsAre;
using ::testing::IsEmpty;
using ::testing::StartsWith;

constexpr paxos::Member kOne{paxos::ReplicaId(0), paxos::Incarnation(1)};
constexpr paxos::Member kOther{paxos::ReplicaId(1), paxos::Incarnation(1)};

AppliedCommand Command(std::uint64_t sequence, rsm::Applied how = rsm::Applied::kApplied) {
  AppliedCommand command;
  command.slot = 10;
  command.session = 7;
  command.sequence = sequence;
  command.command_digest = sequence;
  command.how = how;
  command.reply_digest = sequence;
  command.state_hash = sequence;
  return command;
}

TEST(Agreed, TwoThatApplyTheSameAgree) {
  Agreed agreed;
  for (const paxos::Member member : {kOne, kOther}) {
    agreed.OnApplied(member, Command(1));
    agreed.OnApplied(member, Command(2));
    agreed.OnApplied(member, Command(1, rsm::Applied::kDuplicate));
  }
  EXPECT_THAT(agreed.violations(), IsEmpty());
  EXPECT_EQ(agreed.size(), 3);
  EXPECT_EQ(agreed.ran(), 2);
  EXPECT_EQ(agreed.retried(), 1);
  EXPECT_EQ(agreed.Find(7, 2).place, 1);
  EXPECT_FALSE(agreed.Find(7, 3).ran);
}

TEST(Agreed, FindsAnotherCommandAnotherReplyAndAnotherState) {
  for (int what = 0; what < 4; ++what) {
    Agreed agreed;
    agreed.OnApplied(kOne, Command(1));
    AppliedCommand differs = Command(1);
    (what == 0   ? differs.command_digest
     : what == 1 ? differs.reply_digest
     : what == 2 ? differs.state_hash
                 : differs.slot) += 1;
    agreed.OnApplied(kOther, differs);
    EXPECT_THAT(agreed.violations(), ElementsAre(StartsWith("agreement: replica 1.1"))) << what;
  }
}

TEST(Agreed, FindsACommandThatIsRunTwiceOrTooSoon) {
  Agreed twice;
  twice.OnApplied(kOne, Command(1));
  twice.OnApplied(kOne, Command(1));
  EXPECT_THAT(twice.violations(), ElementsAre(StartsWith("exactly once: ")));
  Agreed gap;
  gap.OnApplied(kOne, Command(2));
  EXPECT_THAT(gap.violations(), ElementsAre(StartsWith("exactly once: ")));
}

TEST(Agreed, FindsARetryThatIsToldTheWrongThing) {
  Agreed another_reply;
  another_reply.OnApplied(kOne, Command(1));
  AppliedCommand retry = Command(1, rsm::Applied::kDuplicate);
  retry.reply_digest = 99;
  another_reply.OnApplied(kOne, retry);
  EXPECT_THAT(another_reply.violations(), ElementsAre(StartsWith("exactly once: ")));
  Agreed never_run;
  never_run.OnApplied(kOne, Command(1, rsm::Applied::kDuplicate));
  EXPECT_THAT(never_run.violations(), ElementsAre(StartsWith("exactly once: ")));
  Agreed not_run_again;
  not_run_again.OnApplied(kOne, Command(1));
  not_run_again.OnApplied(kOne, Command(1, rsm::Applied::kOutOfOrder));
  EXPECT_THAT(not_run_again.violations(), ElementsAre(StartsWith("exactly once: ")));
}

}  // namespace
}  // namespace gaios::sim
