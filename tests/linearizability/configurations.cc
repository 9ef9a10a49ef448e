#include "tests/linearizability/configurations.h"

#include <algorithm>

#include <xxhash.h>

#include "gaios/base/check.h"

namespace gaios::linearizability {
namespace {

constexpr std::size_t kFirstTable = 1024;

}  // namespace

bool Configurations::Holds(const Place& place, std::uint32_t hash,
                           std::span<const std::uint32_t> words) const {
  if (place.hash != hash || place.length != words.size()) {
    return false;
  }
  const std::uint32_t* const kept = chunks_[place.at / kChunkWords].get() + place.at % kChunkWords;
  return std::equal(words.begin(), words.end(), kept);
}

std::uint64_t Configurations::Store(std::span<const std::uint32_t> words) {
  if (used_words_ + words.size() > kChunkWords) {
    const std::size_t length = std::max(kChunkWords, words.size());
    chunks_.push_back(std::make_unique_for_overwrite<std::uint32_t[]>(length));
    chunk_bytes_ += length * sizeof(std::uint32_t);
    used_words_ = 0;
  }
  const std::uint64_t at = (chunks_.size() - 1) * kChunkWords + used_words_;
  std::copy(words.begin(), words.end(), chunks_.back().get() + used_words_);
  used_words_ += words.size();
  return at;
}

void Configurations::Grow() {
  std::vector<Place> old(std::max(kFirstTable, table_.size() * 2));
  old.swap(table_);
  for (const Place& place : old) {
    if (place.length != 0) {
      std::size_t to = place.hash & (table_.size() - 1);
      while (table_[to].length != 0) {
        to = (to + 1) & (table_.size() - 1);
      }
      table_[to] = place;
    }
  }
}

bool Configurations::Insert(std::span<const std::uint32_t> words) {
  GAIOS_CHECK(!words.empty(), "a configuration has a state");
  if ((size_ + 1) * 4 > table_.size() * 3) {
    Grow();
  }
  const auto hash = static_cast<std::uint32_t>(XXH3_64bits(words.data(), words.size_bytes()));
  std::size_t at = hash & (table_.size() - 1);
  for (; table_[at].length != 0; at = (at + 1) & (table_.size() - 1)) {
    if (Holds(table_[at], hash, words)) {
      return false;
    }
  }
  table_[at] = {hash, static_cast<std::uint32_t>(words.size()), Store(words)};
  ++size_;
  return true;
}

}  // namespace gaios::linearizability
