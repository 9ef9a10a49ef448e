#include "gaios/base/histogram.h"

#include <algorithm>
#include <array>
#include <cmath>
#include <cstddef>
#include <cstdint>
#include <cstdio>
#include <ostream>
#include <string_view>

#include "gaios/base/check.h"

namespace gaios::base {
namespace {

// Rows per halving of the distance to 100% in a .hgrm file; 5 is what readers of the format are used to.
constexpr double kRowsPerHalfDistance = 5.0;

// Formats one line and appends it to the stream. The format is fixed-width columns, which printf says best.
template <typename... Values>
void WriteLine(std::ostream& out, const char* format, Values... values) {
  // Wide enough for the largest double of three decimals in one column and the others beside it.
  std::array<char, 512> line;
  const int length = std::snprintf(line.data(), line.size(), format, values...);
  GAIOS_CHECK(length > 0 && static_cast<std::size_t>(length) < line.size(), "a .hgrm line is too long");
  out << std::string_view(line.data(), static_cast<std::size_t>(length));
}

}  // namespace

Histogram::Histogram() : counts_(kCells, 0) {}

void Histogram::Add(const Histogram& other) {
  for (std::size_t cell = 0; cell < kCells; ++cell) {
    counts_[cell] += other.counts_[cell];
  }
  count_ += other.count_;
  sum_ns_ += other.sum_ns_;
  min_ns_ = std::min(min_ns_, other.min_ns_);
  max_ns_ = std::max(max_ns_, other.max_ns_);
}

void Histogram::Reset() {
  std::fill(counts_.begin(), counts_.end(), 0);
  count_ = 0;
  sum_ns_ = 0;
  min_ns_ = UINT64_MAX;
  max_ns_ = 0;
}

std::uint64_t Histogram::LowestIn(std::size_t cell) {
  const std::size_t bucket = cell < kCellsInFirstBucket ? 0 : cell / kCellsPerBucket - 1;
  return (cell - bucket * kCellsPerBucket) << bucket;
}

std::uint64_t Histogram::HighestIn(std::size_t cell) {
  return cell + 1 < kCells ? LowestIn(cell + 1) - 1 : UINT64_MAX;
}

std::uint64_t Histogram::Reported(std::size_t cell) const {
  return std::min(HighestIn(cell), max_ns_);
}

std::uint64_t Histogram::RankOf(double percentile) const {
  // A percentage such as 99.9 has no exact binary form; without the step down, 99.9% of 1,000 could round up
  // to 1,000.
  const double wanted = std::nextafter(std::clamp(percentile, 0.0, 100.0), 0.0);
  const double rank = std::ceil(wanted * static_cast<double>(count_) / 100.0);
  if (rank >= static_cast<double>(count_)) {
    return count_;  // also keeps the conversion below in range
  }
  return std::max<std::uint64_t>(1, static_cast<std::uint64_t>(rank));
}

std::uint64_t Histogram::ValueAtPercentile(double percentile) const {
  if (count_ == 0) {
    return 0;
  }
  const std::uint64_t rank = RankOf(percentile);
  std::uint64_t seen = 0;
  std::size_t cell = 0;
  for (; cell < kCells; ++cell) {
    seen += counts_[cell];
    if (seen >= rank) {
      break;
    }
  }
  GAIOS_CHECK(cell < kCells, "the cells of a histogram do not add up to its count");
  return Reported(cell);
}

double Histogram::MeanNs() const {
  return count_ == 0 ? 0.0 : static_cast<double>(sum_ns_) / static_cast<double>(count_);
}

double Histogram::StandardDeviationNs() const {
  if (count_ == 0) {
    return 0.0;
  }
  const double mean = MeanNs();
  double squares = 0.0;
  for (std::size_t cell = 0; cell < kCells; ++cell) {
    if (counts_[cell] != 0) {
      const double middle =
          (static_cast<double>(LowestIn(cell)) + static_cast<double>(HighestIn(cell))) / 2.0;
      squares += (middle - mean) * (middle - mean) * static_cast<double>(counts_[cell]);
    }
  }
  return std::sqrt(squares / static_cast<double>(count_));
}

void Histogram::WriteHgrm(std::ostream& out, double scale) const {
  GAIOS_CHECK(scale > 0.0, "the scale of a .hgrm file must be positive");
  WriteLine(out, "%12s %14s %10s %14s\n\n", "Value", "Percentile", "TotalCount", "1/(1-Percentile)");

  std::size_t cell = 0;
  std::uint64_t seen = counts_[0];
  double percentile = 0.0;
  while (seen < count_) {
    // The rows get closer towards 100%: each time the distance halves, so does the step.
    const std::uint64_t rank = RankOf(percentile);
    while (seen < rank) {
      ++cell;
      seen += counts_[cell];
    }
    const double remaining = 1.0 - percentile / 100.0;
    WriteLine(out, "%12.3f %2.12f %10llu %14.2f\n", static_cast<double>(Reported(cell)) / scale,
              percentile / 100.0, static_cast<unsigned long long>(seen), 1.0 / remaining);
    const double halvings = std::floor(std::log2(1.0 / remaining)) + 1.0;
    percentile += 100.0 / (kRowsPerHalfDistance * std::exp2(halvings));
  }
  if (count_ != 0) {
    // The last row has no fourth column: 1/(1-1) is not a number.
    WriteLine(out, "%12.3f %2.12f %10llu\n", static_cast<double>(max_ns_) / scale, 1.0,
              static_cast<unsigned long long>(count_));
  }

  WriteLine(out, "#[Mean    = %12.3f, StdDeviation   = %12.3f]\n", MeanNs() / scale,
            StandardDeviationNs() / scale);
  WriteLine(out, "#[Max     = %12.3f, Total count    = %12llu]\n", static_cast<double>(max_ns_) / scale,
            static_cast<unsigned long long>(count_));
  WriteLine(out, "#[Buckets = %12zu, SubBuckets     = %12zu]\n", kBuckets, kCellsInFirstBucket);
}

}  // namespace gaios::base
