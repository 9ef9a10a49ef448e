#ifndef GAIOS_TESTS_CONFORMANCE_SUITE_H_
#define GAIOS_TESTS_CONFORMANCE_SUITE_H_

// The fixture of the conformance suite: replicas of one backend, and the means to wait for what they report.
// A test program for a backend lists the suite's sources and instantiates ConformanceTest with a
// BackendFactory:
//
//   INSTANTIATE_TEST_SUITE_P(Shm, ConformanceTest, testing::Values(BackendFactory{"shm", MakeShmBackend}),
//   NameOf);

#include <array>
#include <cstddef>
#include <cstdint>
#include <functional>
#include <memory>
#include <string>
#include <vector>

#include <gtest/gtest.h>

#include "gaios/paxos/limits.h"
#include "gaios/transport/transport.h"

#include "tests/conformance/backend.h"

namespace gaios::transport::conformance {

inline constexpr ReplicaId kAcceptor{0};
inline constexpr ReplicaId kWriter{1};
inline constexpr ReplicaId kRival{2};
inline constexpr Incarnation kFirstLife{1};
inline constexpr Incarnation kSecondLife{2};

[[nodiscard]] Grant MakeGrant(std::uint32_t round, ReplicaId proposer, std::uint64_t number = 1);
[[nodiscard]] Range MakeRange(std::uint64_t from, std::uint64_t to);
// Bytes that differ by `seed` and by place.
[[nodiscard]] Bytes Pattern(std::size_t size, std::uint64_t seed);

class ConformanceTest : public testing::TestWithParam<BackendFactory> {
 public:
  using Matcher = std::function<bool(const Event&)>;

 protected:
  void SetUp() override { backend_ = GetParam().make(); }

  [[nodiscard]] Backend& backend() { return *backend_; }
  Endpoint& at(ReplicaId id) { return *endpoints_[id.value()]; }

  // Starts a life; nothing is waited for.
  Endpoint& Start(const EndpointOptions& options);
  void Kill(ReplicaId id);
  // Starts replicas 0 to 2 and waits until each has a link to each other.
  void StartGroup();

  // One round: time passes, every replica polls once.
  void Pump();
  // Pumps until it holds; false when that takes unreasonably long.
  bool PumpUntil(const std::function<bool()>& holds);
  // Pumps until replica `id` reports an event that matches, and removes it from what it has reported. Fails
  // the test when none comes.
  Event Await(ReplicaId id, const std::string& what, const Matcher& matches);
  // Books the events of a Poll that the test made by itself.
  void Book(ReplicaId id, const std::vector<Event>& events);
  // What has been reported and not been awaited.
  [[nodiscard]] const std::vector<Event>& reported(ReplicaId id) const { return reported_[id.value()]; }
  void Forget(ReplicaId id) { reported_[id.value()].clear(); }

  void AwaitLink(ReplicaId at, ReplicaId peer, Incarnation incarnation);
  // Grants and waits until that is effective at the owner.
  void Give(ReplicaId owner, ReplicaId to, Grant grant);
  // As Give by the acceptor, while no other replica gets a turn.
  void GiveAlone(ReplicaId to, Grant grant);
  // Pumps until posting is no longer refused as down: the writer learns of a grant in its own time.
  Post PostWhenGranted(const std::function<Post()>& post);
  // Writes bytes of the writer's log to the acceptor's and waits for the outcome.
  Outcome WriteAndWait(ReplicaId writer, Grant grant, Range range, Incarnation acceptor = kFirstLife);
  // A write of the writer's to the acceptor's probe word: when it is done, the writer knows its path.
  Outcome ProbeAndWait(Grant grant);
  Completion AwaitCompletion(ReplicaId writer, std::uint64_t token);
  // A control view of `peer` as seen from `reader`.
  Event LookAt(ReplicaId reader, ReplicaId peer);
  std::uint64_t NextToken() { return ++last_token_; }
  // The body of the tests of holding_suite.cc.
  void HoldAndRelease(HoldPoint point);

 private:
  Outcome WriteWhileHeld(ReplicaId writer, Grant grant);

  std::unique_ptr<Backend> backend_;
  std::array<Endpoint*, paxos::kMaxReplicas> endpoints_ = {};
  std::array<std::vector<Event>, paxos::kMaxReplicas> reported_;
  std::uint64_t last_token_ = 0;
};

inline std::string NameOf(const testing::TestParamInfo<BackendFactory>& info) {
  return info.param.name;
}

}  // namespace gaios::transport::conformance

#endif  // GAIOS_TESTS_CONFORMANCE_SUITE_H_
