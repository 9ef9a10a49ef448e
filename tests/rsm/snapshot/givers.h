#ifndef GAIOS_TESTS_RSM_SNAPSHOT_GIVERS_H_
#define GAIOS_TESTS_RSM_SNAPSHOT_GIVERS_H_

// Snapshots to be given, and donors that give them, of this host.

#include <cstddef>
#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <thread>
#include <utility>
#include <vector>

#include <gtest/gtest.h>

#include "gaios/rsm/snapshot/donor.h"
#include "gaios/rsm/snapshot/donor_route.h"
#include "gaios/rsm/snapshot/fetcher.h"

#include "tests/support/scratch_directory.h"

namespace gaios::rsm {

inline constexpr std::size_t kContentBytes = 5 * kChunkBytes + 1000;
inline constexpr std::size_t kChunkSize = sizeof(ChunkHeader) + kChunkBytes;  // as it travels
inline const SnapshotOrigin kOrigin = {paxos::GroupId(77), "orders", 3, "order-book"};

inline void WriteSnapshot(const std::string& path, std::uint64_t position, std::size_t bytes = kContentBytes,
                          const SnapshotOrigin& origin = kOrigin) {
  SnapshotFacts facts;
  facts.origin = origin;
  facts.cursor.position = paxos::Position(position);
  const auto writer = SnapshotWriter::Create(path, facts);
  ASSERT_TRUE(writer.ok()) << writer.status();
  std::string content(bytes, '\0');
  for (std::size_t i = 0; i < bytes; ++i) {
    content[i] = static_cast<char>(i * 2654435761U >> 13);
  }
  ASSERT_TRUE((*writer)->Append(std::as_bytes(std::span(content))).ok());
  ASSERT_TRUE((*writer)->Finish().ok());
}

class Donors : public ::testing::Test {
 protected:
  [[nodiscard]] DonorOptions OptionsOf(std::uint8_t id) const {
    DonorOptions options;
    options.socket_path = DonorPath(directory_.PathOf("."), paxos::ReplicaId(id));
    options.snapshot_path = directory_.PathOf("kept-" + std::to_string(id));
    options.origin = kOrigin;
    return options;
  }
  std::unique_ptr<Donor> Open(const DonorOptions& options) {
    absl::StatusOr<std::unique_ptr<Donor>> donor = Donor::Open(options);
    EXPECT_TRUE(donor.ok()) << donor.status();
    return *std::move(donor);
  }
  // Answers what the donors ask for by `take` until the fetch is done.
  template <typename TakeOne>
  Fetcher::Result Fetch(std::vector<paxos::ReplicaId> sources, std::uint64_t at_least, TakeOne take) {
    fetcher_->Start(std::move(sources), at_least);
    for (;;) {
      take();
      if (std::optional<Fetcher::Result> result = fetcher_->Poll(); result.has_value()) {
        return *std::move(result);
      }
      std::this_thread::yield();
    }
  }
  Fetcher::Result Fetch(std::vector<paxos::ReplicaId> sources, std::uint64_t at_least = 0) {
    return Fetch(std::move(sources), at_least, [] {});
  }

  // A donor counts when it is done, which whoever it gave to may know before. For ever, if it never comes to
  // that.
  static void ExpectCount(const Donor& donor, std::uint64_t DonorCounters::* counter, std::uint64_t count) {
    while (donor.counters().*counter < count) {
      std::this_thread::yield();
    }
    EXPECT_EQ(donor.counters().*counter, count);
  }

  ScratchDirectory directory_;
  const std::string target_ = directory_.PathOf("target");
  std::unique_ptr<Fetcher> fetcher_ =
      *Fetcher::Create(target_, kOrigin, std::make_unique<HostRoute>(directory_.PathOf(".")));
};

}  // namespace gaios::rsm

#endif  // GAIOS_TESTS_RSM_SNAPSHOT_GIVERS_H_
