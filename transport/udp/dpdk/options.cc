#include "gaios/transport/udp/dpdk/options.h"

#include <algorithm>
#include <array>
#include <cctype>
#include <string_view>

#include <absl/strings/str_cat.h>

#include "gaios/transport/udp/dpdk/device_name.h"
#include "gaios/transport/udp/dpdk/limits.h"

namespace gaios::transport::udp::dpdk {

absl::Status DpdkOptions::Validate() const {
  if (const absl::Status parsed = ParseDeviceName(device).status(); !parsed.ok()) {
    return parsed;
  }
  if (clock == nullptr) {
    return absl::InvalidArgumentError("the port has no clock");
  }
  if (local.address == 0 || local.address >> 28U >= 0xe || local.port == 0) {
    return absl::InvalidArgumentError(
        "the port needs an IPv4 address of its own and a UDP port other than 0: both are in each datagram");
  }
  if (prefix_bits == 0 || prefix_bits > 32) {
    return absl::InvalidArgumentError(
        absl::StrCat("a network's part of an address has 1 to 32 bits, not ", prefix_bits));
  }
  if (mtu != 0 && (mtu < kMinMtu || mtu > kMaxMtu)) {
    return absl::InvalidArgumentError(absl::StrCat("an MTU is from ", kMinMtu, " to ", kMaxMtu,
                                                   " bytes, or 0 for that of the interface, not ", mtu));
  }
  const bool prefix_good =
      !file_prefix.empty() && file_prefix.size() <= kMaxFilePrefixBytes &&
      std::all_of(file_prefix.begin(), file_prefix.end(), [](char letter) {
        return std::isalnum(static_cast<unsigned char>(letter)) != 0 || letter == '-' || letter == '_';
      });
  if (!prefix_good) {
    return absl::InvalidArgumentError(absl::StrCat("the file prefix \"", file_prefix, "\" is not 1 to ",
                                                   kMaxFilePrefixBytes, " letters, digits, '-' and '_'"));
  }
  constexpr std::array<std::string_view, 5> kLevels = {"error", "warning", "notice", "info", "debug"};
  if (std::find(kLevels.begin(), kLevels.end(), log_level) == kLevels.end()) {
    return absl::InvalidArgumentError(
        absl::StrCat("the log level \"", log_level, "\" is none of error, warning, notice, info and debug"));
  }
  if (descriptors < kMinDescriptors || descriptors > kMaxDescriptors) {
    return absl::InvalidArgumentError(absl::StrCat("a queue has from ", kMinDescriptors, " to ",
                                                   kMaxDescriptors, " descriptors, not ", descriptors));
  }
  return absl::OkStatus();
}

}  // namespace gaios::transport::udp::dpdk
