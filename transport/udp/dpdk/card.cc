#include "gaios/transport/udp/dpdk/card.h"

#include <algorithm>
#include <array>
#include <filesystem>
#include <string_view>
#include <system_error>

#include <absl/strings/str_cat.h>

namespace gaios::transport::udp::dpdk {
namespace {

// Those that hand a card to a process, and those beside which DPDK's driver works.
constexpr std::array<std::string_view, 5> kGoodDrivers = {"vfio-pci", "uio_pci_generic", "igb_uio",
                                                          "mlx5_core", "mlx4_core"};

}  // namespace

absl::Status CheckCard(const std::string& address, const std::string& directory) {
  const std::filesystem::path device = std::filesystem::path(directory) / address;
  std::error_code error;
  if (!std::filesystem::exists(device, error)) {
    return absl::NotFoundError(absl::StrCat("there is no PCI device ", address,
                                            ": `dpdk-devbind.py --status-dev net` lists network cards"));
  }
  const std::string driver = std::filesystem::read_symlink(device / "driver", error).filename().string();
  if (std::find(kGoodDrivers.begin(), kGoodDrivers.end(), driver) != kGoodDrivers.end()) {
    return absl::OkStatus();
  }
  return absl::FailedPreconditionError(absl::StrCat(
      "the card ", address, driver.empty() ? " has no driver" : " belongs to the kernel's driver ", driver,
      ": dpdk-devbind.py --bind=vfio-pci ", address,
      " hands it to DPDK, and takes it from the kernel with all its "
      "addresses (docs/dpdk.md)"));
}

}  // namespace gaios::transport::udp::dpdk
