// Nothing is allocated between a write and its completion, at either end, once everything is warm.

#include <cstdint>
#include <cstdlib>
#include <new>

#include <gtest/gtest.h>

#include "tests/conformance/suite.h"
#include "tests/transport/udp/udp_backend.h"

namespace {

// Of this thread: connections are made on others.
thread_local std::uint64_t allocations = 0;

}  // namespace

void* operator new(std::size_t bytes) {
  ++allocations;
  void* const memory = std::malloc(bytes);
  if (memory == nullptr) {
    throw std::bad_alloc();
  }
  return memory;
}
void operator delete(void* memory) noexcept {
  std::free(memory);
}
void operator delete(void* memory, std::size_t /*bytes*/) noexcept {
  std::free(memory);
}

namespace gaios::transport::udp {
namespace {

using conformance::kAcceptor;
using conformance::kFirstLife;
using conformance::kRival;
using conformance::kWriter;
using conformance::MakeGrant;
using conformance::MakeRange;

class Counter final : public EventHandler {
 public:
  void OnCompletion(const Completion& completion) override {
    done = completion.token;
    failed = failed || completion.outcome != Outcome::kDone;
  }
  void OnControl(ReplicaId /*peer*/, Outcome outcome, const ControlView& /*view*/) override {
    looks += outcome == Outcome::kDone ? 1U : 0U;
  }
  void OnMessage(ReplicaId /*from*/, Incarnation /*incarnation*/,
                 std::span<const std::byte> /*bytes*/) override {}
  void OnGranted(Grant /*grant*/) override {}
  void OnLinkUp(ReplicaId /*peer*/, Incarnation /*incarnation*/) override { ++links; }
  void OnLinkDown(ReplicaId /*peer*/) override { failed = true; }
  Range LiveRange(const std::byte* /*log*/) override { return {}; }

  std::uint64_t done = 0;
  std::uint64_t looks = 0;
  int links = 0;
  bool failed = false;
};

TEST(UdpAllocationTest, TheFastPathAllocatesNothing) {
  UdpBackend backend({.sockets = true, .own_thread = true});
  for (const ReplicaId id : {kAcceptor, kWriter, kRival}) {
    backend.Start({.id = id, .capacity = std::size_t{1} << 16});
  }
  Counter acceptor;
  Counter writer;
  Counter rival;
  UdpTransport& at_acceptor = backend.transport(kAcceptor);
  UdpTransport& at_writer = backend.transport(kWriter);
  const auto poll = [&] {
    at_acceptor.Poll(acceptor);
    at_writer.Poll(writer);
    backend.transport(kRival).Poll(rival);
  };
  while (acceptor.links + writer.links + rival.links < 6) {
    poll();
  }
  const Grant grant = MakeGrant(1, kWriter);
  at_acceptor.GrantTo(kWriter, grant);
  std::uint64_t before = 0;
  constexpr std::uint64_t kWarm = 100;
  for (std::uint64_t token = 1; token <= 10 * kWarm; ++token) {
    if (token == kWarm) {
      before = allocations;
    }
    // Of several datagrams each, with a word beside them.
    const Range range = MakeRange(0, 5000);
    while (at_writer.Write(kAcceptor, grant, kFirstLife, range, token) != Post::kPosted) {
      poll();
    }
    ASSERT_EQ(at_writer.WriteWord(kAcceptor, grant, kFirstLife, LogWord::kCommit, token, token),
              Post::kPosted);
    ASSERT_EQ(at_writer.ReadControl(kAcceptor), Post::kPosted);
    while ((writer.done != token || writer.looks != token) && !writer.failed) {
      poll();
    }
  }
  EXPECT_EQ(allocations, before);
  EXPECT_FALSE(writer.failed);
}

}  // namespace
}  // namespace gaios::transport::udp
