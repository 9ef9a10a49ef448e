#ifndef GAIOS_TRANSPORT_SHM_RETIRED_REGIONS_H_
#define GAIOS_TRANSPORT_SHM_RETIRED_REGIONS_H_

// Memory that is no longer used and is unmapped a slice at a time, so that a fail-over does not pay for tens
// of mebibytes at once. Its bytes stay as they are for as long as a peer maps it: an owner that leaves a
// memory does not know who is just reading it under the grant that has ended. Bounded: when full, the oldest
// goes whole. Not thread-safe.

#include <array>
#include <cstddef>
#include <utility>

#include "gaios/transport/shm/region.h"

namespace gaios::transport::shm {

class RetiredRegions {
 public:
  void Add(Region region) {
    if (region.empty()) {
      return;
    }
    if (size_ == regions_.size()) {
      RemoveFirst();
    }
    regions_[size_++] = std::move(region);
  }

  // Some more, and what is added has the oldest go whole.
  [[nodiscard]] bool HalfFull() const { return size_ >= regions_.size() / 2; }

  // Returns whether there was something to do.
  bool Step() {
    if (size_ == 0) {
      return false;
    }
    regions_[0].ReleaseStep();
    if (regions_[0].empty()) {
      RemoveFirst();
    }
    return true;
  }

 private:
  void RemoveFirst() {
    for (std::size_t i = 1; i < size_; ++i) {
      regions_[i - 1] = std::move(regions_[i]);
    }
    regions_[--size_] = {};
  }

  std::array<Region, 8> regions_;
  std::size_t size_ = 0;
};

}  // namespace gaios::transport::shm

#endif  // GAIOS_TRANSPORT_SHM_RETIRED_REGIONS_H_
