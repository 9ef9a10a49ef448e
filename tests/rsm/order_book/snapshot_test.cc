// Snapshots: a snapshot that is cut off, damaged or somebody else's is refused by name, and the machine stays
// as it was.

#include <cstddef>
#include <cstdint>
#include <cstring>
#include <string>
#include <vector>

#include <gtest/gtest.h>
#include <xxhash.h>

#include "tests/rsm/order_book/harness.h"
#include "tests/rsm/order_book/random_commands.h"

namespace gaios::order_book {
namespace {

constexpr OrderBookOptions kOptions{.instruments = 3, .max_orders = 500};
constexpr std::size_t kHeaderBytes = 32;
constexpr std::size_t kCountersBytes = 24;
constexpr std::size_t kOrderBytes = 48;
constexpr std::size_t kFirstOrder = kHeaderBytes + kOptions.instruments * kCountersBytes;

void ApplyRandom(TestMachine& machine, std::uint64_t seed, int commands) {
  RandomCommands random(seed, {});
  for (int i = 0; i < commands; ++i) {
    machine.ApplyBytes(random.Next());
  }
}

// Makes the checksum that of the bytes, so that what is behind it is looked at.
void Seal(std::vector<std::byte>& snapshot) {
  const std::size_t covered = snapshot.size() - sizeof(std::uint64_t);
  const std::uint64_t checksum = XXH3_64bits(snapshot.data(), covered);
  std::memcpy(snapshot.data() + covered, &checksum, sizeof(checksum));
}

class Snapshots : public testing::Test {
 protected:
  Snapshots() : saved_(kOptions), machine_(kOptions) {
    ApplyRandom(saved_, 1, 3'000);
    ApplyRandom(machine_, 2, 500);
    snapshot_ = saved_.Save();
  }

  void ExpectRefused(const std::vector<std::byte>& snapshot, const std::string& word) {
    const std::vector<std::byte> before = machine_.Save();
    const std::uint64_t hash = machine_->StateHash();
    const absl::Status status = machine_.Restore(snapshot);
    EXPECT_FALSE(status.ok());
    EXPECT_NE(std::string(status.message()).find(word), std::string::npos) << status;
    EXPECT_EQ(machine_->StateHash(), hash);
    EXPECT_TRUE(machine_.Save() == before);
  }
  template <typename T>
  void Put(std::size_t at, T value) {
    std::memcpy(snapshot_.data() + at, &value, sizeof(value));
    Seal(snapshot_);
  }

  TestMachine saved_;
  TestMachine machine_;
  std::vector<std::byte> snapshot_;
};

TEST_F(Snapshots, RestoreReplacesTheState) {
  ASSERT_GT(saved_->resting_orders(), 10U);
  ASSERT_TRUE(machine_.Restore(snapshot_).ok());
  EXPECT_EQ(machine_->StateHash(), saved_->StateHash());
  EXPECT_EQ(machine_->resting_orders(), saved_->resting_orders());
  EXPECT_TRUE(machine_.Save() == snapshot_);
}

TEST_F(Snapshots, AnEmptyBookCanBeSavedAndRestored) {
  const TestMachine empty(kOptions);
  ASSERT_TRUE(machine_.Restore(empty.Save()).ok());
  EXPECT_EQ(machine_->StateHash(), empty->StateHash());
  EXPECT_EQ(machine_->resting_orders(), 0U);
}

TEST_F(Snapshots, CutOffAnywhereIsRefused) {
  for (std::size_t size = 0; size < snapshot_.size(); size += size < 200 ? 1 : 97) {
    ExpectRefused({snapshot_.begin(), snapshot_.begin() + static_cast<std::ptrdiff_t>(size)},
                  "cannot be read");
  }
}

TEST_F(Snapshots, AnyFlippedBitIsRefused) {
  for (std::size_t at = 0; at < snapshot_.size(); at += at < 200 ? 1 : 31) {
    std::vector<std::byte> damaged = snapshot_;
    damaged[at] ^= std::byte{0x10};
    ExpectRefused(damaged, "order book snapshot");
  }
}

TEST_F(Snapshots, ForeignBytesAreRefused) {
  ExpectRefused(std::vector<std::byte>(1000, std::byte{'x'}), "not a snapshot of an order book");
}

TEST_F(Snapshots, AnotherVersionIsRefused) {
  Put(8, std::uint32_t{2});
  ExpectRefused(snapshot_, "version 2");
}

TEST_F(Snapshots, OtherOptionsAreRefused) {
  TestMachine larger({.instruments = kOptions.instruments, .max_orders = kOptions.max_orders + 1});
  const absl::Status status = larger.Restore(snapshot_);
  EXPECT_EQ(status.code(), absl::StatusCode::kFailedPrecondition);
  EXPECT_NE(std::string(status.message()).find("max_orders = 500"), std::string::npos) << status;
}

TEST_F(Snapshots, ContentsThatCannotBeAreRefusedEvenWhenSealed) {
  const std::vector<std::byte> good = snapshot_;
  Put(kFirstOrder + 8, Price{-5});
  ExpectRefused(snapshot_, "out of range");
  snapshot_ = good;
  Put(kFirstOrder + 16, Quantity{0});
  ExpectRefused(snapshot_, "out of range");
  snapshot_ = good;
  Put(kFirstOrder + 24, std::uint64_t{1} << 60);
  ExpectRefused(snapshot_, "newer");
  snapshot_ = good;
  Put(kFirstOrder + 32, std::uint32_t{99});
  ExpectRefused(snapshot_, "out of range");
  snapshot_ = good;
  Put(kFirstOrder + 40, std::uint8_t{2});
  ExpectRefused(snapshot_, "out of range");
  snapshot_ = good;
  Put(kFirstOrder + 8, kMaxPrice);  // a bid above every ask
  ExpectRefused(snapshot_, "crosses");
  snapshot_ = good;
  OrderId first = 0;
  std::memcpy(&first, snapshot_.data() + kFirstOrder, sizeof(first));
  Put(kFirstOrder + kOrderBytes, first);
  ExpectRefused(snapshot_, "twice");
  snapshot_ = good;
  std::vector<std::byte> order(snapshot_.begin() + kFirstOrder,
                               snapshot_.begin() + kFirstOrder + kOrderBytes);
  std::memmove(snapshot_.data() + kFirstOrder, snapshot_.data() + kFirstOrder + kOrderBytes, kOrderBytes);
  std::memcpy(snapshot_.data() + kFirstOrder + kOrderBytes, order.data(), kOrderBytes);
  Seal(snapshot_);
  ExpectRefused(snapshot_, "out of its order");
  snapshot_ = good;
  Put(20, std::uint32_t{501});
  ExpectRefused(snapshot_, "more than max_orders");
}

TEST_F(Snapshots, AStateHashThatIsNotThatOfTheContentsIsRefused) {
  Put(24, saved_->StateHash() + 1);
  ExpectRefused(snapshot_, "state hash");
}

TEST_F(Snapshots, AFailingSinkIsReported) {
  class FullSink final : public rsm::SnapshotSink {
   public:
    absl::Status Append(std::span<const std::byte> /*bytes*/) override {
      return absl::ResourceExhaustedError("the disk is full");
    }
  };
  FullSink sink;
  EXPECT_EQ(saved_->Save(sink).code(), absl::StatusCode::kResourceExhausted);
}

}  // namespace
}  // namespace gaios::order_book
