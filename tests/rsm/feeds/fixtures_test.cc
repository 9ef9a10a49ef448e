#include "tests/rsm/feeds/fixtures.h"

#include <gtest/gtest.h>

#include "gaios/rsm/feeds/input.h"
#include "gaios/rsm/feeds/open.h"

#include "tests/rsm/feeds/writers.h"
#include "tests/support/paths.h"

namespace gaios::feeds {
namespace {

std::string PathOf(const Fixture& fixture) {
  return SourceDirectory() + "/tests/rsm/feeds/fixtures/" + fixture.name;
}

// Compressed bytes may differ from one version of a compressor to the next, what they hold may not.
TEST(Fixtures, AreWhatTheGeneratorMakes) {
  for (const Fixture& fixture : Fixtures()) {
    absl::StatusOr<std::unique_ptr<Input>> input = Input::Open(PathOf(fixture));
    ASSERT_TRUE(input.ok()) << input.status();
    EXPECT_EQ((*input)->compression(), fixture.compression);
    const std::span<const std::byte> view = (*input)->Peek(fixture.content.size() + 1);
    EXPECT_EQ(std::string(reinterpret_cast<const char*>(view.data()), view.size()), fixture.content)
        << fixture.name;
  }
}

TEST(Fixtures, ReadBackAsTheEventsTheyWereMadeOf) {
  for (const Fixture& fixture : Fixtures()) {
    absl::StatusOr<std::unique_ptr<Feed>> feed = OpenFeed(PathOf(fixture));
    ASSERT_TRUE(feed.ok()) << feed.status();
    const FeedRun run = RunToEnd(**feed);
    EXPECT_EQ(run.end, FeedState::kEnd) << run.report.ToString();
    EXPECT_EQ(run.report.malformed, 0U);
    const bool is_itch = run.report.format == "itch-5.0";
    EXPECT_EQ(run.events, is_itch ? ItchFixtureEvents() : BitstampFixtureEvents()) << fixture.name;
    EXPECT_EQ(run.report.ignored(), is_itch ? 4U : 0U) << "the system event and three directory entries";
    EXPECT_EQ(run.report.end_offset, fixture.content.size());
  }
}

}  // namespace
}  // namespace gaios::feeds
