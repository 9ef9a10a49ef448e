#ifndef GAIOS_BASE_HISTOGRAM_H_
#define GAIOS_BASE_HISTOGRAM_H_

// A histogram of latencies in nanoseconds that keeps three significant decimal digits of every value.
//
// Buckets are log-linear, as in HdrHistogram (G. Tene): values below 2,048 are counted exactly, and each
// doubling above that is divided into 1,024 equal cells, so a reported percentile is at most 0.1% above the
// value recorded. All of uint64 is covered: nothing is clamped, lost or refused. Minimum, maximum and mean
// are exact.
//
// About 450 KiB, allocated by the constructor; recording allocates nothing. Not thread safe: one thread
// records, and histograms of several threads are added up after they have stopped.

#include <bit>
#include <cstddef>
#include <cstdint>
#include <iosfwd>
#include <vector>

namespace gaios::base {

class Histogram {
 public:
  Histogram();

  void Record(std::uint64_t value_ns) { RecordMany(value_ns, 1); }

  // Records `count` occurrences of one value.
  void RecordMany(std::uint64_t value_ns, std::uint64_t count) {
    if (count == 0) {
      return;
    }
    counts_[CellOf(value_ns)] += count;
    count_ += count;
    sum_ns_ += static_cast<Uint128>(value_ns) * count;
    min_ns_ = value_ns < min_ns_ ? value_ns : min_ns_;
    max_ns_ = value_ns > max_ns_ ? value_ns : max_ns_;
  }

  // Adds all that `other` has recorded.
  void Add(const Histogram& other);

  // Back to the state after construction; keeps the memory.
  void Reset();

  // The value that `percentile` percent (0 to 100, clamped) of all recorded values do not exceed, to three
  // digits; 0 when nothing has been recorded. 0 asks for the smallest value and 100 gives exactly max_ns().
  [[nodiscard]] std::uint64_t ValueAtPercentile(double percentile) const;

  [[nodiscard]] std::uint64_t count() const { return count_; }
  // These are 0 when nothing has been recorded.
  [[nodiscard]] std::uint64_t min_ns() const { return count_ == 0 ? 0 : min_ns_; }
  [[nodiscard]] std::uint64_t max_ns() const { return max_ns_; }
  [[nodiscard]] double MeanNs() const;
  // To three digits, unlike the mean.
  [[nodiscard]] double StandardDeviationNs() const;

  // Writes the percentile distribution in the text format (.hgrm) that plotters of HdrHistogram read. Values
  // are divided by `scale`: 1000 writes microseconds. `scale` must be positive. Errors are in the state of
  // `out`.
  void WriteHgrm(std::ostream& out, double scale) const;

 private:
  __extension__ using Uint128 = unsigned __int128;

  // 2,048 cells for the first bucket are the smallest power of two that tells 1,999 from 2,000, that is,
  // three digits.
  static constexpr unsigned kFirstBucketBits = 11;
  static constexpr std::size_t kCellsInFirstBucket = std::size_t{1} << kFirstBucketBits;
  static constexpr std::size_t kCellsPerBucket = kCellsInFirstBucket / 2;
  static constexpr std::size_t kBuckets = 64 - kFirstBucketBits + 1;
  static constexpr std::size_t kCells = (kBuckets + 1) * kCellsPerBucket;

  // Bucket b holds values of kFirstBucketBits + b bits, in cells 2^b wide. The upper half of the first
  // bucket's cells and the cells of all others lie one after the other.
  static constexpr std::size_t CellOf(std::uint64_t value_ns) {
    const auto width = static_cast<unsigned>(std::bit_width(value_ns | (kCellsInFirstBucket - 1)));
    const unsigned bucket = width - kFirstBucketBits;
    return bucket * kCellsPerBucket + static_cast<std::size_t>(value_ns >> bucket);
  }
  // The smallest and the largest value counted in a cell.
  static std::uint64_t LowestIn(std::size_t cell);
  static std::uint64_t HighestIn(std::size_t cell);
  // What to report for a cell that holds at least one value: never more than was really seen.
  [[nodiscard]] std::uint64_t Reported(std::size_t cell) const;
  // How many of the smallest values make up `percentile` percent; at least one.
  [[nodiscard]] std::uint64_t RankOf(double percentile) const;

  std::vector<std::uint64_t> counts_;
  std::uint64_t count_ = 0;
  Uint128 sum_ns_ = 0;
  std::uint64_t min_ns_ = UINT64_MAX;
  std::uint64_t max_ns_ = 0;
};

}  // namespace gaios::base

#endif  // GAIOS_BASE_HISTOGRAM_H_
