// A candidate reads the log it adopts from an acceptor that has meanwhile promised more, and that has left
// the memory it granted. The read is fenced; had it touched the candidate's own log, entries would be gone
// that the candidate had accepted and that a client was told are committed: one death in three, and they are
// lost (P4, P6). The real core on real shared memory, each replica with a clock of its own that the test
// sets, so that a replica which is not polled is one that the system has descheduled.

#include <array>
#include <cstdint>
#include <cstring>
#include <functional>
#include <initializer_list>
#include <memory>
#include <span>
#include <string>
#include <vector>

#include <gtest/gtest.h>

#include "gaios/base/clock.h"
#include "gaios/paxos/invariants.h"
#include "gaios/rsm/engine.h"
#include "gaios/transport/shm/shm_transport.h"

#include "tests/rsm/scratch_group.h"

namespace gaios::rsm {
namespace {

constexpr std::uint64_t kMs = 1'000'000;
constexpr std::uint64_t kTurnNs = 20'000;
constexpr std::size_t kCapacity = std::size_t{1} << 20;

// The first leader, which is the only one to die; a follower, whose log is at stake; and a third replica that
// comes up late.
constexpr std::size_t kFirst = 0;
constexpr std::size_t kSecond = 1;
constexpr std::size_t kLate = 2;

class FencedReadTest : public ::testing::Test {
 protected:
  struct Member {
    base::ManualClock clock{1};
    std::unique_ptr<transport::shm::ShmTransport> transport;
    std::unique_ptr<Engine> engine;
    std::vector<std::string> applied;
  };

  void Start(std::size_t id) {
    Member& started = members_[id];
    started.clock.SetNs(now_ns_);
    transport::shm::ShmOptions shared;
    shared.directory = group_.config.directory;
    shared.self = paxos::ReplicaId(static_cast<std::uint8_t>(id));
    shared.incarnation = paxos::Incarnation(1);
    shared.group_id = paxos::GroupId(7);
    shared.capacity = kCapacity;
    shared.clock = &started.clock;
    shared.poll_interval_ns = 0;
    shared.busy_poll_interval_ns = 0;
    absl::StatusOr<std::unique_ptr<transport::shm::ShmTransport>> opened =
        transport::shm::ShmTransport::Open(shared);
    ASSERT_TRUE(opened.ok()) << opened.status();
    started.transport = *std::move(opened);
    paxos::Options options;
    options.self = shared.self;
    options.group = shared.group_id;
    options.configuration = paxos::Configuration::Bootstrap(members_.size());
    options.capacity_bytes = kCapacity;
    // No two of them would campaign at the same time: the lowest of those that run is the first.
    constexpr std::uint64_t kJitterMs[] = {0, 14, 420};
    options.election_jitter_ns = kJitterMs[id] * kMs;
    started.engine = std::make_unique<Engine>(options, *started.transport, &invariants_);
  }

  // The process is gone, its sockets with it.
  void Kill(std::size_t id) {
    members_[id].engine.reset();
    members_[id].transport.reset();
  }

  void Turn(std::size_t id, std::uint64_t at_ns) {
    Member& member = members_[id];
    member.clock.SetNs(at_ns);
    member.engine->Poll(at_ns);
    while (core(id).HasNextToApply()) {
      const paxos::Entry entry = core(id).NextToApply();
      if (entry.kind() == paxos::EntryKind::kBatch) {
        const auto* const text = reinterpret_cast<const char*>(entry.payload.data());
        member.applied.emplace_back(text, ::strnlen(text, entry.payload.size()));
      }
      core(id).Applied(entry);
    }
    member.engine->CarryOut();
  }

  // Turns of those replicas and of no other.
  bool RunUntil(std::initializer_list<std::size_t> ids, const std::function<bool()>& done,
                std::uint64_t limit_ns) {
    for (const std::uint64_t end_ns = now_ns_ + limit_ns; !done(); now_ns_ += kTurnNs) {
      if (now_ns_ >= end_ns) {
        return false;
      }
      for (const std::size_t id : ids) {
        Turn(id, now_ns_);
      }
    }
    return true;
  }
  void RunFor(std::initializer_list<std::size_t> ids, std::uint64_t ns) {
    RunUntil(ids, [] { return false; }, ns);
  }

  paxos::Slot Propose(std::size_t id, const std::string& text) {
    paxos::Refusal refusal = paxos::Refusal::kNone;
    const std::span<std::byte> space =
        core(id).Claim(static_cast<std::uint32_t>(text.size() + 1), now_ns_, refusal);
    EXPECT_EQ(refusal, paxos::Refusal::kNone);
    std::memcpy(space.data(), text.c_str(), text.size() + 1);
    return core(id).Publish().slot;
  }

  paxos::Replica& core(std::size_t id) { return members_[id].engine->core(); }

  const ScratchGroup group_{3};
  std::array<Member, 3> members_;
  paxos::Invariants invariants_{paxos::Configuration::Bootstrap(3)};
  std::uint64_t now_ns_ = 1;
};

TEST_F(FencedReadTest, ACandidateWhoseReadIsFencedKeepsWhatItHasAccepted) {
  Start(kFirst);
  Start(kSecond);
  ASSERT_TRUE(RunUntil({kFirst, kSecond}, [this] { return core(kFirst).established(); }, 2000 * kMs));
  RunFor({kFirst, kSecond}, 50 * kMs);
  // The late one is known to the second replica; the first has yet to look.
  Start(kLate);
  RunFor({kSecond, kLate}, 5 * kMs);

  // Accepted by the second replica, one-sidedly, and acknowledged: no turn of its own was needed for it.
  const paxos::Slot slot = Propose(kFirst, "acknowledged");
  Turn(kFirst, now_ns_);
  ASSERT_GE(core(kFirst).commit_slot(), slot);
  // The first replica has more in its ring, not yet posted, when it is descheduled: its log is the longer
  // one.
  for (int i = 0; i < 40; ++i) {
    (void)Propose(kFirst, std::string(1000, 'x'));
  }
  ASSERT_TRUE(RunUntil(
      {kSecond, kLate}, [this] { return core(kSecond).role() == paxos::Role::kCandidate; }, 400 * kMs));
  RunFor({kSecond}, kMs);

  // The candidate is descheduled. The first replica promises to it, hears nothing, and campaigns itself: its
  // next promise ends the grant, and the memory of that grant is given back.
  const std::uint64_t descheduled_ns = now_ns_;
  ASSERT_TRUE(RunUntil(
      {kFirst}, [this] { return core(kFirst).promised().ballot.replica() == paxos::ReplicaId(kSecond); },
      50 * kMs));
  RunFor({kFirst}, kMs);
  ASSERT_TRUE(RunUntil(
      {kFirst, kLate}, [this] { return core(kFirst).role() == paxos::Role::kCandidate; }, 600 * kMs));
  RunFor({kFirst}, 20 * kMs);
  Kill(kFirst);

  // The candidate goes on where it was: it finds the promise, and reads.
  Turn(kSecond, descheduled_ns);
  const auto leads = [this](std::size_t id) { return core(id).established(); };
  ASSERT_TRUE(RunUntil({kSecond, kLate}, [&leads] { return leads(kSecond) || leads(kLate); }, 3000 * kMs));
  (void)Propose(leads(kSecond) ? kSecond : kLate, "after");
  RunFor({kSecond, kLate}, 50 * kMs);

  const std::vector<std::string> expected = {"acknowledged", "after"};
  EXPECT_EQ(members_[kSecond].applied, expected);
  EXPECT_EQ(members_[kLate].applied, expected);
  for (const std::string& violation : invariants_.violations()) {
    ADD_FAILURE() << violation;
  }
}

}  // namespace
}  // namespace gaios::rsm
