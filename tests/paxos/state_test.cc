#include "gaios/paxos/state.h"

#include <gtest/gtest.h>

#include "tests/paxos/ring.h"

namespace gaios::paxos {
namespace {

Options MakeOptions() {
  Options options;
  options.self = ReplicaId(1);
  options.group = kGroup;
  options.configuration = Configuration::Bootstrap(3);
  options.capacity_bytes = kRingBytes;
  return options;
}

// What stands there may have been accepted: it may be what a majority rests on.
TEST(State, ASnapshotKeepsWhatContinuesIt) {
  Ring ring;
  State state(MakeOptions(), ring.memory.data(), nullptr);
  const Ballot ballot = MakeBallot(1, 0);
  const Cursor taken_at = ring.Append("in the snapshot", ballot);
  ring.Append("above it", ballot);
  const Cursor end = ring.Append("and this", ballot);
  state.InstallSnapshot({taken_at, Configuration::Bootstrap(3), {}});
  EXPECT_EQ(state.commit, taken_at);
  EXPECT_EQ(state.end, end);
}

}  // namespace
}  // namespace gaios::paxos
