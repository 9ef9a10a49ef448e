#include "gaios/rsm/feeds/open.h"

#include <cstdlib>
#include <filesystem>

#include <gtest/gtest.h>

#include "tests/rsm/feeds/fixtures.h"
#include "tests/rsm/feeds/writers.h"

namespace gaios::feeds {
namespace {

class OpenFeedTest : public testing::Test {
 protected:
  // Tests run alone in their process; no other thread reads the environment.
  void SetUp() override { unsetenv("GAIOS_DATA_DIR"); }     // NOLINT(concurrency-mt-unsafe)
  void TearDown() override { unsetenv("GAIOS_DATA_DIR"); }  // NOLINT(concurrency-mt-unsafe)
};

std::string FormatOf(const std::string& name, const std::string& bytes) {
  const absl::StatusOr<std::unique_ptr<Feed>> feed = OpenFeed(TemporaryFile(name, bytes));
  return feed.ok() ? (*feed)->report().format : std::string(feed.status().message());
}

TEST_F(OpenFeedTest, GoesByContentWhateverTheName) {
  const std::string itch = WriteItch(ItchFixtureEvents(), ItchLengths::kReal);
  const std::string csv = WriteBitstampCsv(BitstampFixtureEvents());
  for (const Compression compression : {Compression::kNone, Compression::kGzip, Compression::kXz}) {
    EXPECT_EQ(FormatOf("any.csv", Compress(compression, itch)), "itch-5.0");
    EXPECT_EQ(FormatOf("any.itch", Compress(compression, csv)), "bitstamp-l3");
  }
  EXPECT_EQ(FormatOf("headless", csv.substr(csv.find('\n') + 1)), "bitstamp-l3");
}

TEST_F(OpenFeedTest, GoesByNameWhereTheBeginningIsDamaged) {
  EXPECT_EQ(FormatOf("a.TEST_ITCH_50", "????"), "itch-5.0");
  EXPECT_EQ(FormatOf("a.csv", "????"), "bitstamp-l3");
}

TEST_F(OpenFeedTest, RefusesOtherFormats) {
  const std::string message = FormatOf("notes.txt", "Some notes.\nOn two lines.\n");
  EXPECT_NE(message.find("notes.txt"), std::string::npos);
  EXPECT_NE(message.find("begins neither as"), std::string::npos);
}

TEST_F(OpenFeedTest, FindsRecordingsBelowADirectory) {
  const std::filesystem::path base =
      std::filesystem::path(TemporaryFile("place", "")).parent_path() / "recordings";
  std::filesystem::create_directories(base / "one" / "two");
  const std::string csv = WriteBitstampCsv(BitstampFixtureEvents());
  WriteFile(base / "one" / "b.xz", Compress(Compression::kXz, csv));
  WriteFile(base / "one" / "two" / "a", WriteItch(ItchFixtureEvents(), ItchLengths::kZero));
  WriteFile(base / "README.md", "Nothing to replay here.");
  WriteFile(base / "empty.csv", "");
  const std::vector<std::string> expected = {base / "one" / "b.xz", base / "one" / "two" / "a"};
  EXPECT_EQ(FindRecordings(base.string()), expected);
  EXPECT_TRUE(FindRecordings((base / "none").string()).empty());
  setenv("GAIOS_DATA_DIR", base.c_str(), 1);  // NOLINT(concurrency-mt-unsafe)
  EXPECT_EQ(FindRecordings("elsewhere"), expected);
  EXPECT_EQ(FindRecordings(), expected);
}

}  // namespace
}  // namespace gaios::feeds
