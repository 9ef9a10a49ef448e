#include "bench/raw_copy.h"

#include <sys/mman.h>

#include <algorithm>
#include <cerrno>
#include <cstdint>
#include <cstring>
#include <memory>
#include <string>
#include <system_error>

#include "gaios/base/check.h"

namespace gaios::bench {
namespace {

struct Unmap {
  std::size_t bytes = 0;
  void operator()(std::byte* memory) const { munmap(memory, bytes); }
};
using Mapping = std::unique_ptr<std::byte, Unmap>;

absl::StatusOr<Mapping> Map(std::size_t bytes) {
  void* const memory =
      mmap(nullptr, bytes, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS | MAP_POPULATE, -1, 0);
  if (memory == MAP_FAILED) {
    return absl::ResourceExhaustedError("no memory for a copy of " + std::to_string(bytes) +
                                        " bytes: " + std::generic_category().message(errno));
  }
  return Mapping(static_cast<std::byte*>(memory), Unmap{bytes});
}

}  // namespace

absl::StatusOr<double> RawCopyBytesPerSecond(std::size_t bytes, std::size_t piece_bytes,
                                             const base::TscClock& clock) {
  GAIOS_CHECK(bytes > 0 && piece_bytes > 0, "something is copied");
  const absl::StatusOr<Mapping> from = Map(bytes);
  const absl::StatusOr<Mapping> to = Map(bytes);
  if (!from.ok() || !to.ok()) {
    return from.ok() ? to.status() : from.status();
  }
  // As the product's: the one has been written to, the other only made.
  std::memset(from->get(), 0x5a, bytes);
  const std::uint64_t begin_ns = clock.NowNs();
  for (std::size_t at = 0; at < bytes; at += piece_bytes) {
    std::memcpy(to->get() + at, from->get() + at, std::min(piece_bytes, bytes - at));
    asm volatile("" ::: "memory");  // every piece is copied where it stands
  }
  const std::uint64_t elapsed_ns = std::max<std::uint64_t>(clock.NowNs() - begin_ns, 1);
  return static_cast<double>(bytes) * 1e9 / static_cast<double>(elapsed_ns);
}

}  // namespace gaios::bench
