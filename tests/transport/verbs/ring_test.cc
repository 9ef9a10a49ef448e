// A log in memory that is given to the transport, as where it is one of several paths.

#include <cstdint>
#include <memory>
#include <utility>

#include <gtest/gtest.h>

#include "gaios/base/memory.h"

#include "tests/transport/verbs/fixture.h"

namespace gaios::transport::verbs {
namespace {

const Range kRange = MakeRange(256, 512);

class RingTest : public VerbsTest {
 protected:
  void SetUp() override { StartGroup("rdma_rxe", /*gives_rings=*/true); }
};

TEST_F(RingTest, WritesLandInTheMemoryThatIsGivenAndWordsBehindIt) {
  const base::Memory& ring = backend_->ring(kAcceptor);
  ASSERT_EQ(transport(kAcceptor).log(), ring.data());
  const Grant grant = MakeGrant(1, kWriter);
  Give(kWriter, grant);
  at(kWriter).FillLog(kRange.from, Pattern(kRange.size(), 1));
  ASSERT_EQ(WriteAndWait(kWriter, grant, kRange), Outcome::kDone);
  const std::uint64_t token = NextToken();
  ASSERT_EQ(at(kWriter).WriteWord(kAcceptor, grant, kFirstLife, LogWord::kCommit, 512, token), Post::kPosted);
  ASSERT_EQ(AwaitOutcome(kWriter, token), Outcome::kDone);
  EXPECT_EQ(Bytes(ring.data() + 256, ring.data() + 512), Pattern(kRange.size(), 1));
  EXPECT_EQ(transport(kAcceptor).ReadLogWord(LogWord::kCommit), 512U);
}

TEST_F(RingTest, IsReadThereByPeersAndWrittenByOwnReads) {
  const Grant grant = MakeGrant(1, kWriter);
  Give(kWriter, grant);
  at(kAcceptor).FillLog(kRange.from, Pattern(kRange.size(), 2));
  const std::uint64_t token = NextToken();
  ASSERT_EQ(at(kWriter).ReadLog(kAcceptor, grant, kFirstLife, kRange, token), Post::kPosted);
  ASSERT_EQ(AwaitOutcome(kWriter, token), Outcome::kDone);
  const base::Memory& ring = backend_->ring(kWriter);
  EXPECT_EQ(Bytes(ring.data() + 256, ring.data() + 512), Pattern(kRange.size(), 2));
}

TEST_F(RingTest, StaysWhenTheTransportGoes) {
  at(kAcceptor).FillLog(kRange.from, Pattern(kRange.size(), 3));
  const base::Memory& ring = backend_->ring(kAcceptor);
  backend_->Kill(kAcceptor);
  EXPECT_EQ(Bytes(ring.data() + 256, ring.data() + 512), Pattern(kRange.size(), 3));
}

TEST_F(RingTest, IsNotCountedAsTheTransportsOwn) {
  const std::size_t given = transport(kAcceptor).reserved_bytes();
  const std::size_t ring = transport(kAcceptor).capacity();
  StartGroup("rdma_rxe");
  EXPECT_EQ(transport(kAcceptor).reserved_bytes(), given + LogRegionBytes(ring));
}

TEST(GivenRing, BeginsOnAPage) {
  const base::TscClock clock(base::TscClock::Source::kKernel);
  absl::StatusOr<base::Memory> ring = base::Memory::Create(4 * kPageBytes);
  ASSERT_TRUE(ring.ok());
  bootstrap::ChannelHub hub;
  FakeNetwork network;
  VerbsOptions options;
  options.incarnation = Incarnation(1);
  options.capacity = kPageBytes;
  options.clock = &clock;
  options.own_thread = false;
  for (const std::size_t offset : {std::size_t{64}, std::size_t{0}}) {
    options.ring = ring->data() + offset;
    const absl::Status status =
        VerbsTransport::Open(options, network.MakeDevice(),
                             hub.Join({.id = options.self, .incarnation = options.incarnation}))
            .status();
    EXPECT_EQ(status.code(), offset == 0 ? absl::StatusCode::kOk : absl::StatusCode::kInvalidArgument);
  }
}

}  // namespace
}  // namespace gaios::transport::verbs
