#ifndef GAIOS_TESTS_LINEARIZABILITY_CONFIGURATIONS_H_
#define GAIOS_TESTS_LINEARIZABILITY_CONFIGURATIONS_H_

// The configurations that a search has been in: Lowe's cache. From the same set of linearized operations and
// the same state the same futures are possible, so no configuration is searched twice.
//
// A configuration is kept in full, as the words that its search encodes it in, and not as a hash alone: two
// that collide would make the search leave out one of them, and call a good history bad. The words lie one
// after the other in chunks, found by open addressing. One thread.

#include <cstddef>
#include <cstdint>
#include <memory>
#include <span>
#include <vector>

namespace gaios::linearizability {

class Configurations {
 public:
  // Remembers one. False when it was known.
  [[nodiscard]] bool Insert(std::span<const std::uint32_t> words);

  [[nodiscard]] std::size_t bytes() const { return chunk_bytes_ + table_.capacity() * sizeof(Place); }
  [[nodiscard]] std::size_t size() const { return size_; }

 private:
  static constexpr std::size_t kChunkWords = std::size_t{1} << 16;

  struct Place {
    std::uint32_t hash = 0;
    std::uint32_t length = 0;  // words; 0 for a free place
    std::uint64_t at = 0;      // chunk * kChunkWords + position in it
  };

  [[nodiscard]] bool Holds(const Place& place, std::uint32_t hash,
                           std::span<const std::uint32_t> words) const;
  [[nodiscard]] std::uint64_t Store(std::span<const std::uint32_t> words);
  void Grow();

  std::vector<std::unique_ptr<std::uint32_t[]>> chunks_;
  std::size_t chunk_bytes_ = 0;
  std::size_t used_words_ = kChunkWords;  // of the last chunk, which is longer for one longer than usual
  std::vector<Place> table_;              // a power of two long
  std::size_t size_ = 0;
};

}  // namespace gaios::linearizability

#endif  // GAIOS_TESTS_LINEARIZABILITY_CONFIGURATIONS_H_
