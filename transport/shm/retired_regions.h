#ifndef GAIOS_TRANSPORT_SHM_RETIRED_REGIONS_H_
#define GAIOS_TRANSPORT_SHM_RETIRED_REGIONS_H_

// Memory that is no longer used and is given back a slice at a time, so that a fail-over does not pay for
// tens of mebibytes at once. Bounded: when full, the oldest goes whole. Not thread-safe.

#include <array>
#include <cstddef>
#include <utility>

#include "gaios/transport/shm/region.h"

namespace gaios::transport::shm {

class RetiredRegions {
 public:
  // `discard`: its pages go back to the system even while others map them; for the owner of the memory.
  void Add(Region region, bool discard) {
    if (region.empty()) {
      return;
    }
    if (size_ == regions_.size()) {
      RemoveFirst();
    }
    regions_[size_++] = {std::move(region), discard};
  }

  // Returns whether there was something to do.
  bool Step() {
    if (size_ == 0) {
      return false;
    }
    regions_[0].region.ReleaseStep(regions_[0].discard);
    if (regions_[0].region.empty()) {
      RemoveFirst();
    }
    return true;
  }

 private:
  struct Retired {
    Region region;
    bool discard = false;
  };

  void RemoveFirst() {
    for (std::size_t i = 1; i < size_; ++i) {
      regions_[i - 1] = std::move(regions_[i]);
    }
    regions_[--size_] = {};
  }

  std::array<Retired, 8> regions_;
  std::size_t size_ = 0;
};

}  // namespace gaios::transport::shm

#endif  // GAIOS_TRANSPORT_SHM_RETIRED_REGIONS_H_
