#ifndef GAIOS_TRANSPORT_BOOTSTRAP_CREDENTIALS_H_
#define GAIOS_TRANSPORT_BOOTSTRAP_CREDENTIALS_H_

// The files of the credentials: looked at with care, since what they hold opens the group. Each call blocks
// on the disk. Stateless; any thread.

#include <array>
#include <cstddef>
#include <cstdint>
#include <string>

#include <absl/status/status.h>
#include <absl/status/statusor.h>

namespace gaios::transport::bootstrap {

inline constexpr std::size_t kClusterKeyBytes = 32;

// Overwritten when it goes.
struct ClusterKey {
  ClusterKey() = default;
  ClusterKey(const ClusterKey&) = default;
  ClusterKey& operator=(const ClusterKey&) = default;
  ~ClusterKey();
  std::array<std::uint8_t, kClusterKeyBytes> bytes = {};
};

// NotFound, PermissionDenied or InvalidArgument, with what to do.
[[nodiscard]] absl::StatusOr<ClusterKey> ReadClusterKey(const std::string& path);

// That `path` is a file which only the user of this process or root may read. NotFound or PermissionDenied.
[[nodiscard]] absl::Status CheckSecretFile(const std::string& path);

}  // namespace gaios::transport::bootstrap

#endif  // GAIOS_TRANSPORT_BOOTSTRAP_CREDENTIALS_H_
