// The argument of the fence under real concurrency: a writer in another process stores, fences and looks as
// fast as it can while this one promises, fences and copies. Whatever the writer was told is done must be in
// what was copied.

#include <cstdint>
#include <memory>
#include <string>
#include <thread>

#include <gtest/gtest.h>

#include "gaios/base/clock.h"
#include "gaios/transport/shm/shm_transport.h"

#include "tests/transport/shm/process_backend.h"

namespace gaios::transport::shm {
namespace {

constexpr std::uint32_t kRounds = 1000;
constexpr std::uint64_t kLine = 64;
constexpr std::uint64_t kLong = 8192;  // is copied past the caches

// Replica 0, in the test's own process: keeps the first bytes of its log across grants.
class Acceptor final : public EventHandler {
 public:
  void OnCompletion(const Completion&) override {}
  void OnControl(ReplicaId, Outcome, const ControlView&) override {}
  void OnMessage(ReplicaId, Incarnation, std::span<const std::byte>) override {}
  void OnGranted(Grant grant) override { granted = grant; }
  void OnLinkUp(ReplicaId, Incarnation) override { linked = true; }
  void OnLinkDown(ReplicaId) override {}
  Range LiveRange(const std::byte*) override { return {.from = Position(0), .to = Position(live_bytes)}; }

  std::uint64_t live_bytes = 0;
  Grant granted;
  bool linked = false;
};

std::uint64_t FirstNumber(ShmTransport& transport) {
  return reinterpret_cast<const SharedWord*>(transport.log())->load(std::memory_order_relaxed);
}
std::uint64_t LastNumber(ShmTransport& transport, std::uint64_t bytes) {
  return (reinterpret_cast<const SharedWord*>(transport.log() + bytes) - 1)->load(std::memory_order_relaxed);
}

class Race : public ::testing::TestWithParam<std::uint64_t> {};

TEST_P(Race, WhatCompletedIsInTheLogThatTheNextGrantCopies) {
  const std::uint64_t bytes = GetParam();
  const base::TscClock clock(base::TscClock::Source::kKernel);
  ProcessBackend backend;
  ShmOptions options;
  options.directory = backend.directory();
  options.incarnation = Incarnation(1);
  options.group_id = paxos::GroupId(77);
  options.capacity = 2 * kLong;
  options.replicas = 2;
  options.clock = &clock;
  options.poll_interval_ns = 0;
  options.busy_poll_interval_ns = 0;
  const absl::StatusOr<std::unique_ptr<ShmTransport>> opened = ShmTransport::Open(options);
  ASSERT_TRUE(opened.ok()) << opened.status();
  ShmTransport& transport = **opened;
  Acceptor acceptor;
  acceptor.live_bytes = bytes;
  conformance::Endpoint& writer = backend.Start({.id = ReplicaId(1), .capacity = 2 * kLong, .replicas = 2});
  while (!acceptor.linked) {
    transport.Poll(acceptor);
    (void)writer.Poll();
  }
  // The first number as it is when the promise has just been given, before anything is copied.
  const auto grant = [&](ReplicaId to, Grant next) {
    transport.GrantTo(to, next);
    const std::uint64_t promised = FirstNumber(transport);
    while (acceptor.granted != next) {
      transport.Poll(acceptor);
    }
    return promised;
  };
  std::uint64_t writes = 0;
  std::uint64_t first = 1;    // number that the writer begins with in this round
  std::uint64_t earlier = 0;  // the last that had completed before it
  for (std::uint32_t round = 1; round <= kRounds; ++round) {
    const std::uint64_t before = FirstNumber(transport);
    static_cast<void>(
        grant(ReplicaId(1), {.ballot = paxos::Ballot(2 * round, ReplicaId(1), Incarnation(1)), .number = 1}));
    backend.process(ReplicaId(1))
        .StartAsking("race " + std::to_string(2 * round) + " " + std::to_string(bytes));
    // Let it run for a while that differs from round to round.
    while (FirstNumber(transport) == before) {
      transport.Poll(acceptor);
      std::this_thread::yield();  // the writer may be waiting for this very core
    }
    const std::uint64_t until = FirstNumber(transport) + round % 97;
    while (FirstNumber(transport) < until) {
    }
    const std::uint64_t promised = grant(
        ReplicaId(0), {.ballot = paxos::Ballot(2 * round + 1, ReplicaId(0), Incarnation(1)), .number = 1});
    const std::uint64_t kept = FirstNumber(transport);
    const std::uint64_t completed = std::stoull(backend.process(ReplicaId(1)).TakeAnswer());
    const std::uint64_t kept_last = LastNumber(transport, bytes);
    ASSERT_GE(promised, completed) << "a completed write came after the promise in round " << round;
    ASSERT_GE(kept, completed) << "a completed write is missing after round " << round;
    // Where not even the first of this round has completed, the end is that of an earlier one.
    ASSERT_GE(kept_last, completed == first - 1 ? earlier : completed)
        << "the end of a completed write is missing after round " << round;
    earlier = completed == first - 1 ? earlier : completed;
    first = completed + 1000;
    // At most the one write that was under way may be there without having completed.
    ASSERT_LE(kept, completed + 1) << "a write came after the grant in round " << round;
    ASSERT_LE(kept_last, completed + 1) << "a write came after the grant in round " << round;
    ASSERT_EQ(FirstNumber(transport), kept);
    ASSERT_EQ(LastNumber(transport, bytes), kept_last);
    writes += completed - before;
  }
  EXPECT_GT(writes, 0U);
}
INSTANTIATE_TEST_SUITE_P(Shm, Race, ::testing::Values(kLine, kLong));

}  // namespace
}  // namespace gaios::transport::shm
