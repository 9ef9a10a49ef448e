#include "gaios/base/histogram.h"

#include <algorithm>
#include <cmath>
#include <cstddef>
#include <cstdint>
#include <random>
#include <sstream>
#include <string>
#include <vector>

#include <gtest/gtest.h>

namespace gaios::base {
namespace {

TEST(Histogram, StartsEmpty) {
  const Histogram histogram;
  EXPECT_EQ(histogram.count(), 0);
  EXPECT_EQ(histogram.min_ns(), 0);
  EXPECT_EQ(histogram.max_ns(), 0);
  EXPECT_EQ(histogram.MeanNs(), 0.0);
  EXPECT_EQ(histogram.StandardDeviationNs(), 0.0);
  EXPECT_EQ(histogram.ValueAtPercentile(99.9), 0);
}

TEST(Histogram, SmallValuesAreExact) {
  Histogram histogram;
  for (std::uint64_t value = 1; value <= 2'000; ++value) {
    histogram.Record(value);
  }
  EXPECT_EQ(histogram.count(), 2'000);
  EXPECT_EQ(histogram.min_ns(), 1);
  EXPECT_EQ(histogram.max_ns(), 2'000);
  EXPECT_DOUBLE_EQ(histogram.MeanNs(), 1000.5);
  EXPECT_EQ(histogram.ValueAtPercentile(0), 1);
  EXPECT_EQ(histogram.ValueAtPercentile(50), 1'000);
  EXPECT_EQ(histogram.ValueAtPercentile(99), 1'980);
  EXPECT_EQ(histogram.ValueAtPercentile(99.9), 1'998);
  EXPECT_EQ(histogram.ValueAtPercentile(100), 2'000);
}

TEST(Histogram, APercentageWithoutAnExactBinaryFormDoesNotMoveTheRank) {
  Histogram histogram;
  histogram.RecordMany(1, 16'600);
  histogram.RecordMany(2, 83'400);
  EXPECT_EQ(histogram.ValueAtPercentile(16.6), 1);  // 16.6 * 100,000 / 100 is above 16,600 in floating point
  EXPECT_EQ(histogram.ValueAtPercentile(16.601), 2);
}

TEST(Histogram, ClampsThePercentile) {
  Histogram histogram;
  histogram.Record(3);
  histogram.Record(5);
  EXPECT_EQ(histogram.ValueAtPercentile(-1), 3);
  EXPECT_EQ(histogram.ValueAtPercentile(250), 5);
}

// At every power of two, its neighbours and something in between: a cell's edges are where an index goes
// wrong.
TEST(Histogram, KeepsThreeDigitsOverAllOfTheRange) {
  for (unsigned bit = 0; bit < 64; ++bit) {
    const std::uint64_t power = std::uint64_t{1} << bit;
    for (const std::uint64_t value : {power - 1, power, power + 1, power + power / 3, power + (power - 1)}) {
      Histogram histogram;
      histogram.Record(value);
      histogram.Record(UINT64_MAX);  // so that the maximum does not sharpen the answer
      const std::uint64_t reported = histogram.ValueAtPercentile(50);
      EXPECT_GE(reported, value);
      EXPECT_LE(static_cast<double>(reported - value), static_cast<double>(value) * 0.001) << value;
      EXPECT_EQ(histogram.ValueAtPercentile(100), UINT64_MAX);
    }
  }
}

TEST(Histogram, AgreesWithASortedList) {
  std::mt19937_64 random(20240229);
  std::lognormal_distribution<double> latency(7.0, 2.0);
  Histogram histogram;
  std::vector<std::uint64_t> values;
  for (int i = 0; i < 20'000; ++i) {
    values.push_back(static_cast<std::uint64_t>(latency(random)));
    histogram.Record(values.back());
  }
  std::sort(values.begin(), values.end());
  EXPECT_EQ(histogram.min_ns(), values.front());
  EXPECT_EQ(histogram.max_ns(), values.back());
  for (const double percentile : {1.0, 25.0, 50.0, 75.0, 90.0, 99.0, 99.9, 99.99}) {
    const auto rank = static_cast<std::size_t>(std::ceil(percentile * 200.0 - 1e-6));
    const std::uint64_t expected = values[rank - 1];
    const std::uint64_t reported = histogram.ValueAtPercentile(percentile);
    EXPECT_GE(reported, expected) << percentile;
    EXPECT_LE(static_cast<double>(reported - expected), static_cast<double>(expected) * 0.001) << percentile;
  }
  double sum = 0;
  for (const std::uint64_t value : values) {
    sum += static_cast<double>(value);
  }
  EXPECT_NEAR(histogram.MeanNs(), sum / 20'000, sum / 20'000 * 1e-9);
  double squares = 0;
  for (const std::uint64_t value : values) {
    squares += std::pow(static_cast<double>(value) - sum / 20'000, 2);
  }
  const double deviation = std::sqrt(squares / 20'000);
  EXPECT_NEAR(histogram.StandardDeviationNs(), deviation, deviation * 0.002);
}

TEST(Histogram, RecordManyEqualsRepeatedRecord) {
  Histogram many;
  many.RecordMany(60'000'000'000, 5);
  many.RecordMany(1'000, 3);
  many.RecordMany(7, 0);
  EXPECT_EQ(many.count(), 8);
  EXPECT_EQ(many.min_ns(), 1'000);
  EXPECT_EQ(many.max_ns(), 60'000'000'000);
  EXPECT_DOUBLE_EQ(many.MeanNs(), (5 * 60e9 + 3 * 1e3) / 8);
  EXPECT_EQ(many.ValueAtPercentile(37.5), 1'000);
  EXPECT_EQ(many.ValueAtPercentile(37.6), 60'000'000'000);
}

TEST(Histogram, TheMeanDoesNotOverflow) {
  Histogram histogram;
  histogram.RecordMany(UINT64_MAX, 1'000'000);
  EXPECT_NEAR(histogram.MeanNs() / static_cast<double>(UINT64_MAX), 1.0, 1e-12);
}

TEST(Histogram, AddEqualsRecordingEverythingInOne) {
  Histogram left;
  Histogram right;
  Histogram both;
  for (std::uint64_t value = 1; value < 1'000'000; value = value * 3 / 2 + 1) {
    (value % 2 == 0 ? left : right).Record(value);
    both.Record(value);
  }
  left.Add(right);
  left.Add(Histogram());
  EXPECT_EQ(left.count(), both.count());
  EXPECT_EQ(left.min_ns(), both.min_ns());
  EXPECT_EQ(left.max_ns(), both.max_ns());
  EXPECT_EQ(left.MeanNs(), both.MeanNs());
  for (int percent = 0; percent <= 100; ++percent) {
    const double percentile = percent;
    EXPECT_EQ(left.ValueAtPercentile(percentile), both.ValueAtPercentile(percentile));
  }
}

TEST(Histogram, ResetForgetsEverything) {
  Histogram histogram;
  histogram.RecordMany(123'456, 10);
  histogram.Reset();
  EXPECT_EQ(histogram.count(), 0);
  EXPECT_EQ(histogram.max_ns(), 0);
  histogram.Record(5);
  EXPECT_EQ(histogram.min_ns(), 5);
  EXPECT_EQ(histogram.ValueAtPercentile(100), 5);
}

TEST(HistogramHgrm, WritesTheFormatByteForByte) {
  Histogram histogram;
  histogram.RecordMany(1'000, 9);
  histogram.Record(2'000);
  std::ostringstream out;
  histogram.WriteHgrm(out, 1'000.0);
  EXPECT_EQ(out.str(),
            "       Value     Percentile TotalCount 1/(1-Percentile)\n"
            "\n"
            "       1.000 0.000000000000          9           1.00\n"
            "       1.000 0.100000000000          9           1.11\n"
            "       1.000 0.200000000000          9           1.25\n"
            "       1.000 0.300000000000          9           1.43\n"
            "       1.000 0.400000000000          9           1.67\n"
            "       1.000 0.500000000000          9           2.00\n"
            "       1.000 0.550000000000          9           2.22\n"
            "       1.000 0.600000000000          9           2.50\n"
            "       1.000 0.650000000000          9           2.86\n"
            "       1.000 0.700000000000          9           3.33\n"
            "       1.000 0.750000000000          9           4.00\n"
            "       1.000 0.775000000000          9           4.44\n"
            "       1.000 0.800000000000          9           5.00\n"
            "       1.000 0.825000000000          9           5.71\n"
            "       1.000 0.850000000000          9           6.67\n"
            "       1.000 0.875000000000          9           8.00\n"
            "       1.000 0.887500000000          9           8.89\n"
            "       1.000 0.900000000000          9          10.00\n"
            "       2.000 0.912500000000         10          11.43\n"
            "       2.000 1.000000000000         10\n"
            "#[Mean    =        1.100, StdDeviation   =        0.300]\n"
            "#[Max     =        2.000, Total count    =           10]\n"
            "#[Buckets =           54, SubBuckets     =         2048]\n");
}

TEST(HistogramHgrm, RowsRiseToTheMaximum) {
  Histogram histogram;
  std::mt19937_64 random(7);
  std::exponential_distribution<double> latency(1e-4);
  for (int i = 0; i < 100'000; ++i) {
    histogram.Record(static_cast<std::uint64_t>(latency(random)));
  }
  std::stringstream text;
  histogram.WriteHgrm(text, 1.0);
  std::string line;
  std::getline(text, line);
  std::getline(text, line);
  double last_value = -1;
  double last_percentile = -1;
  std::uint64_t last_count = 0;
  std::size_t rows = 0;
  while (std::getline(text, line) && line[0] != '#') {
    std::istringstream row(line);
    double value = 0;
    double percentile = 0;
    std::uint64_t count = 0;
    ASSERT_TRUE(row >> value >> percentile >> count) << line;
    EXPECT_GE(value, last_value);
    EXPECT_GT(percentile, last_percentile);
    EXPECT_GE(count, last_count);
    EXPECT_GE(static_cast<double>(count), percentile * 100'000 - 1e-3);
    last_value = value;
    last_percentile = percentile;
    last_count = count;
    ++rows;
  }
  EXPECT_EQ(last_percentile, 1.0);
  EXPECT_EQ(last_count, 100'000);
  EXPECT_EQ(static_cast<std::uint64_t>(last_value), histogram.max_ns());
  EXPECT_GT(rows, 60);
  EXPECT_LT(rows, 120);
}

TEST(HistogramHgrm, AnEmptyOneHasNoRows) {
  std::ostringstream out;
  Histogram().WriteHgrm(out, 1.0);
  EXPECT_EQ(out.str(),
            "       Value     Percentile TotalCount 1/(1-Percentile)\n"
            "\n"
            "#[Mean    =        0.000, StdDeviation   =        0.000]\n"
            "#[Max     =        0.000, Total count    =            0]\n"
            "#[Buckets =           54, SubBuckets     =         2048]\n");
}

TEST(HistogramDeathTest, RefusesAScaleOfZero) {
  const Histogram histogram;
  std::ostringstream out;
  EXPECT_DEATH(histogram.WriteHgrm(out, 0.0), "scale");
}

}  // namespace
}  // namespace gaios::base
