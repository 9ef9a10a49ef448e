#include "tests/fuzz/feed_file.h"

#include <sys/mman.h>
#include <unistd.h>

#include <string>

#include "gaios/base/check.h"

namespace gaios::fuzz {

std::unique_ptr<feeds::Input> OpenBytes(std::span<const std::byte> bytes) {
  const int fd = ::memfd_create("gaios-fuzz", MFD_CLOEXEC);
  GAIOS_CHECK(fd >= 0, "a file in memory");
  GAIOS_CHECK(::write(fd, bytes.data(), bytes.size()) == static_cast<ssize_t>(bytes.size()),
              "a file in memory takes all");
  absl::StatusOr<std::unique_ptr<feeds::Input>> input =
      feeds::Input::Open("/proc/self/fd/" + std::to_string(fd));
  ::close(fd);  // the input has opened it for itself
  if (!input.ok()) {
    GAIOS_CHECK(!input.status().message().empty(), "a refusal has a reason");
    return nullptr;
  }
  return *std::move(input);
}

}  // namespace gaios::fuzz
