#ifndef GAIOS_TRANSPORT_SHM_REGION_H_
#define GAIOS_TRANSPORT_SHM_REGION_H_

// A mapped piece of shared memory and the descriptor behind it. Made by its owner (Create), or from a
// descriptor that a peer has passed (Adopt). Movable, not copyable; unmapped when destroyed.
//
// Making large memory present, and unmapping it, costs about a millisecond a mebibyte. So both can be done a
// slice at a time, between other work: PrepareStep until ready(), ReleaseStep until empty(). Not thread-safe.
//
// Bytes are never taken out of a memory (by a hole, or by a change of its size): whoever else has its
// descriptor may still be reading it, and must find what was stored there. The system has the memory back
// when its last mapping and its last descriptor are gone, wherever they are.

#include <cstddef>
#include <cstdint>

#include <absl/status/statusor.h>

#include "gaios/base/unique_fd.h"

namespace gaios::transport::shm {

// Bytes prepared or released by one step: some tens of microseconds.
inline constexpr std::size_t kRegionStepBytes = std::size_t{32} << 10;

class Region {
 public:
  Region() = default;
  Region(Region&& other) noexcept;
  Region& operator=(Region&& other) noexcept;
  Region(const Region&) = delete;
  Region& operator=(const Region&) = delete;
  ~Region();

  // A new anonymous memory of `size` bytes (a multiple of the page), all zero, sealed against any change of
  // size, so that no holder of its descriptor can make a touch of it fault.
  static absl::StatusOr<Region> Create(const char* name, std::size_t size);
  // Maps what a peer has passed. Refused unless it has exactly `size` bytes and is sealed as Create seals.
  static absl::StatusOr<Region> Adopt(base::UniqueFd fd, std::size_t size);
  // Maps the first `size` bytes of an open file, which must be at least as long.
  static absl::StatusOr<Region> MapFile(base::UniqueFd fd, std::size_t size, bool writable);

  [[nodiscard]] bool empty() const { return data_ == nullptr; }
  [[nodiscard]] std::byte* data() const { return data_; }
  [[nodiscard]] std::size_t size() const { return size_; }
  [[nodiscard]] int fd() const { return fd_.get(); }

  // Whether every page is present in this mapping.
  [[nodiscard]] bool ready() const { return data_ != nullptr && prepared_ == size_; }
  // Makes the next slice present.
  absl::Status PrepareStep();
  // Makes pages present that a long copy is about to touch, many in one call of the system: a fault for each
  // takes longer than the copy. A hint: what it cannot do is left to the faults.
  void Expect(std::size_t offset, std::size_t bytes);
  // Unmaps the last slice that is left; when none is, closes the descriptor. Others that map it notice
  // nothing.
  void ReleaseStep();

 private:
  static absl::StatusOr<Region> Map(base::UniqueFd fd, std::size_t size, int protection);
  void Unmap();

  base::UniqueFd fd_;
  std::byte* data_ = nullptr;
  std::size_t size_ = 0;
  std::size_t prepared_ = 0;
};

}  // namespace gaios::transport::shm

#endif  // GAIOS_TRANSPORT_SHM_REGION_H_
