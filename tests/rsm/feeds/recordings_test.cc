// The recordings that come with a development machine. Their counts are known, so they are a golden test of
// the feeds.

#include <map>

#include <gtest/gtest.h>

#include "gaios/rsm/feeds/open.h"

#include "tests/rsm/feeds/writers.h"
#include "tests/support/paths.h"

namespace gaios::feeds {
namespace {

const std::string kDefaultDirectory = SourceDirectory() + "/../shared/data";

std::string PathEndingWith(std::string_view end) {
  for (std::string& path : FindRecordings(kDefaultDirectory)) {
    if (path.ends_with(end)) {
      return std::move(path);
    }
  }
  return "";
}

FeedRun ReadAll(const std::string& path) {
  const absl::StatusOr<std::unique_ptr<Feed>> feed = OpenFeed(path);
  EXPECT_TRUE(feed.ok()) << feed.status();
  return RunToEnd(**feed);
}

std::map<std::string, std::uint64_t> Seen(const FeedReport& report) {
  std::map<std::string, std::uint64_t> seen;
  for (const TypeCount& type : report.types) {
    if (type.seen > 0) {
      seen[type.name] = type.seen;
    }
  }
  return seen;
}

TEST(Recordings, Itch) {
  const std::string path = PathEndingWith("ITCH_50.gz");
  if (path.empty()) {
    GTEST_SKIP() << "no ITCH 5.0 recording below $GAIOS_DATA_DIR or " << kDefaultDirectory;
  }
  const FeedRun run = ReadAll(path);
  const FeedReport& report = run.report;
  EXPECT_EQ(run.end, FeedState::kEnd) << report.ToString();
  EXPECT_EQ(report.messages(), 12'012U);
  const std::map<std::string, std::uint64_t> expected = {{"S", 6},  {"R", 3},   {"H", 3},  {"A", 4997},
                                                         {"F", 3},  {"E", 198}, {"X", 45}, {"D", 1745},
                                                         {"U", 12}, {"P", 5000}};
  EXPECT_EQ(Seen(report), expected);
  EXPECT_EQ(report.unknown_references(), 117U);
  EXPECT_EQ(report.ignored(), 5012U);
  EXPECT_EQ(report.inconsistent(), 0U);
  EXPECT_EQ(report.malformed, 0U);
  EXPECT_EQ(run.events.size(), 6883U);
  EXPECT_EQ(report.end_offset, 465'048U);
}

TEST(Recordings, Bitstamp) {
  const std::string path = PathEndingWith("orders.csv.xz");
  if (path.empty()) {
    GTEST_SKIP() << "no Bitstamp L3 recording below $GAIOS_DATA_DIR or " << kDefaultDirectory;
  }
  const FeedRun run = ReadAll(path);
  const FeedReport& report = run.report;
  EXPECT_EQ(run.end, FeedState::kEnd) << report.ToString();
  EXPECT_EQ(report.messages(), 50'414U);
  const std::map<std::string, std::uint64_t> expected = {
      {"created", 24'894}, {"changed", 602}, {"deleted", 24'918}};
  EXPECT_EQ(Seen(report), expected);
  EXPECT_EQ(report.unknown_references(), 213U);
  EXPECT_EQ(report.Find("changed")->unknown_references, 5U);
  EXPECT_EQ(report.Find("changed")->ignored, 21U) << "changes that leave the volume as it was";
  EXPECT_EQ(report.inconsistent(), 0U);
  EXPECT_EQ(report.malformed, 0U);
  EXPECT_EQ(run.events.size(), 50'414U - 213U - 21U);
  EXPECT_EQ(report.end_line, 50'415U);
}

TEST(Recordings, CutShortAreReportedWithTheirPlace) {
  const std::vector<std::string> paths = FindRecordings(kDefaultDirectory);
  if (paths.empty()) {
    GTEST_SKIP() << "no recordings below $GAIOS_DATA_DIR or " << kDefaultDirectory;
  }
  for (const std::string& path : paths) {
    const std::string bytes = ReadFile(path);
    const std::string name = path.substr(path.rfind('/') + 1);
    const FeedRun run = ReadAll(TemporaryFile(name, std::string_view(bytes).substr(0, bytes.size() * 2 / 3)));
    EXPECT_EQ(run.end, FeedState::kDamaged);
    EXPECT_GT(run.events.size(), 0U);
    EXPECT_GT(run.report.end_offset, 0U);
    EXPECT_NE(run.report.ToString().find("ended early at byte"), std::string::npos);
  }
}

}  // namespace
}  // namespace gaios::feeds
