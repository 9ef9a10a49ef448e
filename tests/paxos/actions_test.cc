#include "gaios/paxos/actions.h"

#include <gtest/gtest.h>

namespace gaios::paxos {
namespace {

TEST(Actions, KeepOrderAndFindTheirMessages) {
  Actions actions;
  EXPECT_TRUE(actions.empty());
  actions.Add(ActionKind::kWriteCommit, ReplicaId(2)).token = 7;
  for (std::uint64_t number = 1; number <= 3; ++number) {
    Message message;
    message.grant.number = number;
    actions.PushMessage(ReplicaId(static_cast<std::uint8_t>(number)), message);
  }
  ASSERT_EQ(actions.list().size(), 4U);
  EXPECT_EQ(actions.list()[0].kind, ActionKind::kWriteCommit);
  EXPECT_EQ(actions.list()[0].peer, ReplicaId(2));
  EXPECT_EQ(actions.list()[0].token, 7U);
  for (std::uint64_t number = 1; number <= 3; ++number) {
    const Action& action = actions.list()[number];
    EXPECT_EQ(action.peer.value(), number);
    EXPECT_EQ(actions.message(action).grant.number, number);
  }
  actions.Clear();
  EXPECT_TRUE(actions.empty());
}

TEST(Actions, KeepWritesOfTheLogApart) {
  Actions actions;
  for (std::uint64_t token = 1; token <= kMaxReplicas; ++token) {
    actions.AddWrite().token = token;
  }
  EXPECT_FALSE(actions.empty());
  EXPECT_TRUE(actions.list().empty());
  ASSERT_EQ(actions.writes().size(), kMaxReplicas);
  for (std::uint64_t token = 1; token <= kMaxReplicas; ++token) {
    EXPECT_EQ(actions.writes()[token - 1].token, token);
  }
  actions.Clear();
  EXPECT_TRUE(actions.empty());
  EXPECT_TRUE(actions.writes().empty());
}

TEST(ActionsDeath, WritesAreBounded) {
  Actions actions;
  EXPECT_DEATH(
      {
        for (std::size_t i = 0; i <= kMaxReplicas; ++i) {
          static_cast<void>(actions.AddWrite());
        }
      },
      "more writes");
}

TEST(ActionsDeath, AreBounded) {
  Actions actions;
  EXPECT_DEATH(
      {
        for (std::size_t i = 0; i <= Actions::kCapacity; ++i) {
          static_cast<void>(actions.Add(ActionKind::kReadControl, ReplicaId(0)));
        }
      },
      "more actions");
}

}  // namespace
}  // namespace gaios::paxos
