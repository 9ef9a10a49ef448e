// Donors on a real socket of this host: what they give, to whom, and what they do with strangers.

#include "gaios/rsm/snapshot/donor.h"

#include <sys/socket.h>
#include <sys/un.h>

#include <algorithm>
#include <atomic>
#include <cstring>
#include <filesystem>
#include <memory>
#include <optional>
#include <string>
#include <thread>
#include <utility>
#include <vector>

#include <gtest/gtest.h>

#include "gaios/base/clock.h"

#include "tests/rsm/snapshot/givers.h"

namespace gaios::rsm {
namespace {

using paxos::ReplicaId;

TEST_F(Donors, GiveWhatTheyHave) {
  const auto donor = Open(OptionsOf(0));
  WriteSnapshot(OptionsOf(0).snapshot_path, 100);
  const Fetcher::Result result = Fetch({ReplicaId(0)});
  ASSERT_TRUE(result.fetched) << result.failures[0].status;
  EXPECT_TRUE(ReadWhole(target_) == ReadWhole(OptionsOf(0).snapshot_path));
  EXPECT_EQ(donor->asked(), 0U);
}

TEST_F(Donors, HaveOneTakenWhenTheirsIsTooOld) {
  const auto donor = Open(OptionsOf(0));
  WriteSnapshot(OptionsOf(0).snapshot_path, 100);
  std::uint64_t answered = 0;
  const Fetcher::Result result = Fetch({ReplicaId(0)}, 150, [&] {
    if (donor->asked() > answered) {
      EXPECT_EQ(donor->at_least(), 150U);
      WriteSnapshot(OptionsOf(0).snapshot_path, 160);
      donor->Answer(++answered, absl::OkStatus());
    }
  });
  ASSERT_TRUE(result.fetched) << result.failures[0].status;
  EXPECT_EQ((*SnapshotReader::Open(target_))->facts().cursor.position.value(), 160U);
}

TEST_F(Donors, TakeAFreshOneForWhoeverAsksForThat) {
  const auto donor = Open(OptionsOf(0));
  WriteSnapshot(OptionsOf(0).snapshot_path, 100);
  std::uint64_t answered = 0;
  const Fetcher::Result result = Fetch({ReplicaId(0)}, kFreshSnapshot, [&] {
    if (donor->asked() > answered) {
      WriteSnapshot(OptionsOf(0).snapshot_path, 130);
      donor->Answer(++answered, absl::OkStatus());
    }
  });
  ASSERT_TRUE(result.fetched);
  EXPECT_EQ(answered, 1U);
  EXPECT_EQ((*SnapshotReader::Open(target_))->facts().cursor.position.value(), 130U);
}

TEST_F(Donors, SeeWhenAnOperatorHasGone) {
  const DonorOptions options = OptionsOf(0);
  const auto donor = Open(options);
  EXPECT_FALSE(donor->OperatorWaits()) << "nobody has asked";
  const absl::StatusOr<SignalFd> never = SignalFd::Create();
  ASSERT_TRUE(never.ok());
  absl::StatusOr<std::unique_ptr<TransferStream>> asks =
      UnixStream::Connect(options.socket_path, never->fd(), 10'000);
  ASSERT_TRUE(asks.ok()) << asks.status();
  TransferRequest request;
  request.group = options.origin.group.value();
  request.at_least = kLastSnapshot;
  ASSERT_TRUE((*asks)->Send(std::as_bytes(std::span(&request, 1))).ok());
  while (donor->asked() == 0) {
    std::this_thread::yield();
  }
  EXPECT_TRUE(donor->OperatorWaits());
  asks->reset();
  EXPECT_FALSE(donor->OperatorWaits());
  donor->Answer(1, absl::CancelledError("it has gone"));
}

TEST_F(Donors, SayWhyNoneCouldBeTakenAndTheNextIsTried) {
  const auto first = Open(OptionsOf(0));
  const auto second = Open(OptionsOf(1));
  WriteSnapshot(OptionsOf(1).snapshot_path, 100);
  std::uint64_t answered = 0;
  const Fetcher::Result result = Fetch({ReplicaId(2), ReplicaId(0), ReplicaId(1)}, 1, [&] {
    if (first->asked() > answered) {
      first->Answer(++answered, absl::ResourceExhaustedError("the disk is full"));
    }
  });
  ASSERT_TRUE(result.fetched);
  ASSERT_EQ(result.failures.size(), 2U);
  EXPECT_EQ(result.failures[0].replica, ReplicaId(2));
  EXPECT_EQ(result.failures[0].status.code(), absl::StatusCode::kUnavailable);
  EXPECT_EQ(result.failures[1].replica, ReplicaId(0));
  EXPECT_EQ(result.failures[1].status.message(), "the disk is full");
}

TEST_F(Donors, WhoseSnapshotIsDamagedAreLeftForTheNextWhichGoesOn) {
  const auto first = Open(OptionsOf(0));
  const auto second = Open(OptionsOf(1));
  WriteSnapshot(OptionsOf(0).snapshot_path, 100);
  WriteSnapshot(OptionsOf(1).snapshot_path, 100);
  std::string damaged = ReadWhole(OptionsOf(0).snapshot_path);
  damaged[ChunkOffset(3) + 500] ^= 1;
  WriteWhole(OptionsOf(0).snapshot_path, damaged);
  const Fetcher::Result result = Fetch({ReplicaId(0), ReplicaId(1)});
  ASSERT_TRUE(result.fetched);
  ASSERT_EQ(result.failures.size(), 1U);
  EXPECT_EQ(result.resumed_at, 3U) << "three chunks came from the first";
  EXPECT_TRUE(ReadWhole(target_) == ReadWhole(OptionsOf(1).snapshot_path));
  ExpectCount(*first, &DonorCounters::damaged, 1);
  EXPECT_FALSE(std::filesystem::exists(OptionsOf(0).snapshot_path)) << "nobody is given it again";
}

TEST_F(Donors, OfAnotherGroupRefuseByName) {
  DonorOptions options = OptionsOf(0);
  options.origin.group = paxos::GroupId(78);
  const auto donor = Open(options);
  const Fetcher::Result result = Fetch({ReplicaId(0)});
  ASSERT_FALSE(result.fetched);
  EXPECT_NE(result.failures[0].status.message().find("another group"), absl::string_view::npos);
}

TEST_F(Donors, DropStrangersAndServeTheNext) {
  const auto donor = Open(OptionsOf(0));
  WriteSnapshot(OptionsOf(0).snapshot_path, 100);
  const SignalFd never = *SignalFd::Create();
  {
    const auto stranger = UnixStream::Connect(OptionsOf(0).socket_path, never.fd(), 60'000);
    ASSERT_TRUE(stranger.ok()) << stranger.status();
    const std::string noise(sizeof(TransferRequest), 'x');
    ASSERT_TRUE((*stranger)->Send(std::as_bytes(std::span(noise))).ok());
    std::array<std::byte, 1> answer = {};
    EXPECT_EQ((*stranger)->Receive(answer).code(), absl::StatusCode::kUnavailable) << "it is sent away";
  }
  EXPECT_TRUE(Fetch({ReplicaId(0)}).fetched);
  ExpectCount(*donor, &DonorCounters::strangers, 1);
}

TEST_F(Donors, KeepToTheirBandwidth) {
  DonorOptions options = OptionsOf(0);
  options.bytes_per_second = 1;  // for ever
  auto donor = Open(options);
  WriteSnapshot(options.snapshot_path, 100);
  fetcher_->Start({ReplicaId(0)}, 0);
  while (donor->counters().bytes_given == 0) {
    std::this_thread::yield();
  }
  EXPECT_FALSE(fetcher_->Poll().has_value());
  EXPECT_EQ(donor->counters().bytes_given, kChunkSize) << "no more than one chunk";
  // Closing one that waits does not take for ever either.
  donor.reset();
  while (!fetcher_->Poll().has_value()) {
    std::this_thread::yield();
  }
}

TEST_F(Donors, ThatGoAwayMidwayLeaveWhatCame) {
  DonorOptions slow = OptionsOf(0);
  slow.bytes_per_second = 1;
  auto first = Open(slow);
  const auto second = Open(OptionsOf(1));
  WriteSnapshot(slow.snapshot_path, 100);
  WriteSnapshot(OptionsOf(1).snapshot_path, 100);
  fetcher_->Start({ReplicaId(0), ReplicaId(1)}, 0);
  while (first->counters().bytes_given == 0) {
    std::this_thread::yield();
  }
  first.reset();
  std::optional<Fetcher::Result> result;
  while (!(result = fetcher_->Poll()).has_value()) {
    std::this_thread::yield();
  }
  ASSERT_TRUE(result->fetched);
  EXPECT_EQ(result->resumed_at, 1U);
  EXPECT_TRUE(ReadWhole(target_) == ReadWhole(OptionsOf(1).snapshot_path));
}

TEST_F(Donors, ReplaceTheSocketOfALifeThatEndedAndNothingElse) {
  const DonorOptions options = OptionsOf(0);
  {
    const base::UniqueFd left = *ListenForTransfers(options.socket_path);
  }
  ASSERT_TRUE(std::filesystem::exists(options.socket_path));
  EXPECT_TRUE(Donor::Open(options).ok());
  EXPECT_FALSE(std::filesystem::exists(options.socket_path)) << "it goes with its donor";
  std::filesystem::create_directory(options.socket_path);
  const absl::Status status = Donor::Open(options).status();
  EXPECT_EQ(status.code(), absl::StatusCode::kAlreadyExists);
  EXPECT_NE(status.message().find(options.socket_path), absl::string_view::npos);
}

}  // namespace
}  // namespace gaios::rsm
