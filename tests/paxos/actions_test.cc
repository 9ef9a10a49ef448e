#include "gaios/paxos/actions.h"

#include <gtest/gtest.h>

namespace gaios::paxos {
namespace {

TEST(Actions, KeepOrderAndFindTheirMessages) {
  Actions actions;
  EXPECT_TRUE(actions.empty());
  Action write;
  write.kind = ActionKind::kWrite;
  actions.Push(write);
  for (std::uint64_t number = 1; number <= 3; ++number) {
    Message message;
    message.grant.number = number;
    actions.PushMessage(ReplicaId(static_cast<std::uint8_t>(number)), message);
  }
  ASSERT_EQ(actions.list().size(), 4U);
  EXPECT_EQ(actions.list()[0].kind, ActionKind::kWrite);
  for (std::uint64_t number = 1; number <= 3; ++number) {
    const Action& action = actions.list()[number];
    EXPECT_EQ(action.peer.value(), number);
    EXPECT_EQ(actions.message(action).grant.number, number);
  }
  actions.Clear();
  EXPECT_TRUE(actions.empty());
}

TEST(ActionsDeath, AreBounded) {
  Actions actions;
  EXPECT_DEATH(
      {
        for (std::size_t i = 0; i <= Actions::kCapacity; ++i) {
          actions.Push({});
        }
      },
      "more actions");
}

}  // namespace
}  // namespace gaios::paxos
