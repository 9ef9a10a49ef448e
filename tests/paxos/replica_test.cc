#include "gaios/paxos/replica.h"

#include <array>

#include <gtest/gtest.h>

#include "gaios/paxos/message.h"

#include "tests/paxos/ring.h"

namespace gaios::paxos {
namespace {

class ReplicaTest : public ::testing::Test {
 protected:
  ReplicaTest() : replica_(MakeOptions(), ring_.memory.data(), nullptr) {}

  static Options MakeOptions() {
    Options options;
    options.self = ReplicaId(0);
    options.group = kGroup;
    options.configuration = Configuration::Bootstrap(3);
    options.capacity_bytes = kRingBytes;
    return options;
  }

  // A Prepare of replica 1 in its first life reaches us.
  void ReceivePrepare() {
    Message prepare;
    prepare.kind = MessageKind::kPrepare;
    prepare.grant = {MakeBallot(3, 1), 1};
    std::array<std::byte, kEncodedMessageBytes> bytes;
    EncodeMessage(prepare, kGroup, bytes);
    replica_.OnMessage(ReplicaId(1), Incarnation(1), bytes);
  }

  Ring ring_;
  Replica replica_;
};

TEST_F(ReplicaTest, APrepareIsPromised) {
  replica_.OnLinkUp(ReplicaId(1), Incarnation(1));
  ReceivePrepare();
  EXPECT_EQ(replica_.promised(), (Grant{MakeBallot(3, 1), 1}));
}

// Transports do not bring such a message. If one comes, it is noise.
TEST_F(ReplicaTest, P7WhatAnEarlierLifeSaidIsNoiseOnceAnotherHasBeenSeen) {
  replica_.OnLinkUp(ReplicaId(1), Incarnation(2));
  ReceivePrepare();
  EXPECT_TRUE(replica_.promised().ballot.none());
  EXPECT_TRUE(replica_.actions().empty());
}

}  // namespace
}  // namespace gaios::paxos
