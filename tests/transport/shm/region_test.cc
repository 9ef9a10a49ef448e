// Memory that is passed between processes: what is present can be written to without a fault.

#include "gaios/transport/shm/region.h"

#include <fcntl.h>
#include <sys/resource.h>
#include <sys/syscall.h>
#include <unistd.h>

#include <cstddef>
#include <utility>

#include <gtest/gtest.h>

#include "gaios/base/unique_fd.h"
#include "gaios/transport/shm/retired_regions.h"

namespace gaios::transport::shm {
namespace {

constexpr std::size_t kBytes = std::size_t{1} << 20;

void Prepare(Region& region) {
  while (!region.ready()) {
    ASSERT_TRUE(region.PrepareStep().ok());
  }
}

// Faults of this thread while the system writes zeros to all of it. The system, so that nothing is counted of
// what a sanitizer does beside a store.
long FaultsOfWriting(const Region& region) {
  const base::UniqueFd zeros(::open("/dev/zero", O_RDONLY | O_CLOEXEC));
  rusage before = {};
  rusage after = {};
  ::getrusage(RUSAGE_THREAD, &before);
  const long written = ::syscall(SYS_read, zeros.get(), region.data(), region.size());
  ::getrusage(RUSAGE_THREAD, &after);
  EXPECT_EQ(written, static_cast<long>(region.size()));
  return after.ru_minflt - before.ru_minflt;
}

class RegionTest : public testing::Test {
 protected:
  RegionTest() {
    owner_ = *Region::Create("gaios-test", kBytes);
    peer_ = *Region::Adopt(base::UniqueFd(::fcntl(owner_.fd(), F_DUPFD_CLOEXEC, 0)), kBytes);
  }
  Region owner_;
  Region peer_;
};

TEST_F(RegionTest, IsPresentForItsOwnerOnceItIsReady) {
  EXPECT_GT(FaultsOfWriting(peer_), 0);  // that they are counted at all
  Prepare(owner_);
  EXPECT_EQ(FaultsOfWriting(owner_), 0);
}

TEST_F(RegionTest, IsPresentForThePeerOnceItIsReady) {
  Prepare(owner_);
  Prepare(peer_);
  EXPECT_EQ(FaultsOfWriting(peer_), 0);
}

TEST_F(RegionTest, WhatALongCopyIsAboutToTouchIsPresent) {
  Prepare(owner_);
  peer_.Expect(0, kBytes);
  EXPECT_EQ(FaultsOfWriting(peer_), 0);
}

TEST(RetiredRegions, SayThatTheyAreHalfFull) {
  RetiredRegions retired;
  for (int i = 0; i < 4; ++i) {
    EXPECT_FALSE(retired.HalfFull()) << i;
    retired.Add(*Region::Create("gaios-test", 4096));
  }
  EXPECT_TRUE(retired.HalfFull());
  while (retired.Step()) {
  }
  EXPECT_FALSE(retired.HalfFull());
}

}  // namespace
}  // namespace gaios::transport::shm
