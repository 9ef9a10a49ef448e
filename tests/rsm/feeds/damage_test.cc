// Fixtures cut at every byte and with bits turned over: whatever is read, the feed ends, says so, and its
// counts add up.

#include <algorithm>
#include <optional>

#include <gtest/gtest.h>

#include "gaios/rsm/feeds/open.h"
#include "gaios/rsm/feeds/random.h"

#include "tests/rsm/feeds/fixtures.h"
#include "tests/rsm/feeds/writers.h"
#include "tests/support/paths.h"

namespace gaios::feeds {
namespace {

class Damage : public testing::TestWithParam<std::string> {
 protected:
  void SetUp() override {
    bytes_ = ReadFile(SourceDirectory() + "/tests/rsm/feeds/fixtures/" + GetParam());
    std::optional<FeedRun> whole = ReadAll(bytes_);
    ASSERT_TRUE(whole.has_value());
    whole_ = std::move(whole).value_or(FeedRun{});
    ASSERT_EQ(whole_.end, FeedState::kEnd);
  }

  // nullopt if the file is refused, which needs a reason.
  std::optional<FeedRun> ReadAll(const std::string& bytes) {
    const std::string path = TemporaryFile(GetParam(), bytes);
    const absl::StatusOr<std::unique_ptr<Feed>> feed = OpenFeed(path);
    if (!feed.ok()) {
      EXPECT_NE(std::string(feed.status().message()).find(path), std::string::npos) << feed.status();
      return std::nullopt;
    }
    return RunToEnd(**feed);
  }

  std::string bytes_;
  FeedRun whole_;
};

TEST_P(Damage, CutAnywhereGivesTheEventsBefore) {
  const bool compressed = GetParam().ends_with("z");
  std::size_t most = 0;
  for (std::size_t size = 0; size < bytes_.size(); ++size) {
    const std::optional<FeedRun> run = ReadAll(bytes_.substr(0, size));
    if (!run.has_value()) {
      EXPECT_LT(size, compressed ? 200 : 61) << "refused though there was something to read";
      continue;
    }
    ASSERT_LE(run->events.size(), whole_.events.size());
    EXPECT_TRUE(std::equal(run->events.begin(), run->events.end(), whole_.events.begin())) << size;
    EXPECT_EQ(run->report.malformed, 0U) << size;
    EXPECT_GE(run->events.size(), most) << "a longer file gave fewer events";
    most = std::max(most, run->events.size());
    if (compressed) {
      EXPECT_EQ(run->end, FeedState::kDamaged) << size;
    } else if (run->end == FeedState::kDamaged) {
      EXPECT_LT(run->report.end_offset, size);
    } else {
      EXPECT_EQ(run->report.end_offset, size);
    }
  }
  EXPECT_GE(most + 1, whole_.events.size());
}

TEST_P(Damage, TurnedBitsNeverCrash) {
  Random random(2024);
  for (std::size_t i = 0; i < bytes_.size(); ++i) {
    std::string damaged = bytes_;
    const std::uint64_t bits = random.Next();
    damaged[i] = static_cast<char>(damaged[i] ^ (1 << (bits % 8)));
    if ((bits >> 8) % 4 == 0) {  // now and then more than one
      damaged[(bits >> 32) % bytes_.size()] ^= 0x55;
    }
    static_cast<void>(ReadAll(damaged));
    ASSERT_FALSE(HasFailure()) << "at byte " << i;
  }
}

TEST_P(Damage, ABlockOfZerosCostsFewEvents) {
  if (GetParam().ends_with("z")) {
    // A compressed stream cannot be read past a damaged block.
    std::string damaged = bytes_;
    std::fill_n(damaged.begin() + static_cast<std::ptrdiff_t>(bytes_.size() / 2), 64, '\0');
    const std::optional<FeedRun> run = ReadAll(damaged);
    EXPECT_TRUE(!run.has_value() || run->end == FeedState::kDamaged);
    return;
  }
  std::string damaged = bytes_;
  std::fill_n(damaged.begin() + static_cast<std::ptrdiff_t>(bytes_.size() / 2), 64, '\0');
  const std::optional<FeedRun> read = ReadAll(damaged);
  ASSERT_TRUE(read.has_value());
  const FeedRun run = read.value_or(FeedRun{});
  EXPECT_EQ(run.end, FeedState::kEnd);
  EXPECT_GT(run.report.malformed, 0U);
  // The messages that were hit, and those about their orders.
  EXPECT_GT(run.events.size(), whole_.events.size() - 15);
}

INSTANTIATE_TEST_SUITE_P(Fixtures, Damage,
                         testing::Values("small.itch50", "small_zero_lengths.itch50.gz", "small_orders.csv",
                                         "small_orders.csv.xz"),
                         [](const testing::TestParamInfo<std::string>& tested) {
                           std::string name = tested.param;
                           std::replace(name.begin(), name.end(), '.', '_');
                           return name;
                         });

}  // namespace
}  // namespace gaios::feeds
