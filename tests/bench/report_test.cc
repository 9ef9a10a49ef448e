#include "bench/report.h"

#include <gtest/gtest.h>

namespace gaios::bench {
namespace {

TEST(Report, MedianIsTheMiddleOrTheMeanOfTheTwo) {
  EXPECT_EQ(Median({}), 0);
  EXPECT_EQ(Median({3, 1, 2}), 2);
  EXPECT_EQ(Median({4, 1, 2, 3}), 2.5);
}

TEST(Report, SpreadNamesMedianAndExtremes) {
  const Json spread = Spread({5, -1, 2});
  EXPECT_EQ(spread["median"], 2);
  EXPECT_EQ(spread["min"], -1);
  EXPECT_EQ(spread["max"], 5);
}

TEST(Report, DistributionHasTheNamesThatScriptsRelyOn) {
  base::Histogram histogram;
  histogram.RecordMany(100, 99);
  histogram.Record(1000);
  const Json json = Distribution(histogram, 7);
  EXPECT_EQ(json["p50_ns"], 100);
  EXPECT_EQ(json["p99_ns"], 100);
  EXPECT_EQ(json["p99_9_ns"], 1000);
  EXPECT_EQ(json["max_ns"], 1000);
  EXPECT_EQ(json["per_second"], 7);
}

TEST(Report, FilesThatCannotBeWrittenAreAnError) {
  Options options;
  options.hgrm_path = "/nonexistent/latencies.hgrm";
  EXPECT_FALSE(EmitHgrm(options, base::Histogram()).ok());
}

}  // namespace
}  // namespace gaios::bench
