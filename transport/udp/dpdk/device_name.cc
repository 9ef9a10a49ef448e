#include "gaios/transport/udp/dpdk/device_name.h"

#include <algorithm>
#include <cctype>

#include <absl/status/status.h>
#include <absl/strings/str_cat.h>

#include "gaios/transport/udp/dpdk/frame.h"

namespace gaios::transport::udp::dpdk {
namespace {

// "0000:01:00.0", or "01:00.0" of domain 0.
bool IsPciAddress(std::string_view text) {
  const auto matches = [text](std::string_view pattern) {
    return text.size() == pattern.size() &&
           std::equal(text.begin(), text.end(), pattern.begin(), [](char got, char wanted) {
             return wanted == 'x' ? std::isxdigit(static_cast<unsigned char>(got)) != 0 : got == wanted;
           });
  };
  return matches("xxxx:xx:xx.x") || matches("xx:xx.x");
}

bool IsDeviceWord(std::string_view text) {
  return std::all_of(text.begin(), text.end(), [](char letter) {
    return std::isalnum(static_cast<unsigned char>(letter)) != 0 || letter == '_' || letter == '-' ||
           letter == '.';
  });
}

}  // namespace

std::string_view DeviceName::Argument(std::string_view key) const {
  for (const auto& [name_of, value] : arguments) {
    if (name_of == key) {
      return value;
    }
  }
  return {};
}

bool DeviceName::DrivenBy(std::string_view driver) const {
  const std::string_view whole = name;
  return !pci && whole.starts_with(driver) &&
         std::all_of(whole.begin() + static_cast<std::ptrdiff_t>(driver.size()), whole.end(),
                     [](char letter) { return std::isdigit(static_cast<unsigned char>(letter)) != 0; });
}

std::string DeviceName::Text() const {
  std::string text = name;
  for (const auto& [key, value] : arguments) {
    absl::StrAppend(&text, ",", key, "=", value);
  }
  return text;
}

absl::StatusOr<DeviceName> ParseDeviceName(std::string_view text) {
  DeviceName device;
  std::size_t from = 0;
  for (bool first = true; from <= text.size(); first = false) {
    const std::size_t to = std::min(text.find(',', from), text.size());
    const std::string_view part = text.substr(from, to - from);
    from = to + 1;
    if (first) {
      device.name = std::string(part);
      continue;
    }
    const std::size_t equals = part.find('=');
    if (equals == std::string_view::npos || equals == 0 || equals + 1 == part.size()) {
      return absl::InvalidArgumentError(absl::StrCat("the device \"", std::string(text),
                                                     "\" has an argument \"", std::string(part),
                                                     "\" where name=value is expected"));
    }
    device.arguments.emplace_back(part.substr(0, equals), part.substr(equals + 1));
  }
  device.pci = IsPciAddress(device.name);
  if (device.pci) {
    if (device.name.size() == std::string_view("xx:xx.x").size()) {
      device.name = absl::StrCat("0000:", device.name);
    }
    return device;
  }
  if (!device.name.starts_with("net_") || !IsDeviceWord(device.name)) {
    return absl::InvalidArgumentError(
        absl::StrCat("\"", std::string(text),
                     "\" names no device: give a PCI address, e.g. 0000:01:00.0 (`dpdk-devbind.py -s` lists "
                     "them), or a virtual device of DPDK, e.g. net_af_packet0,iface=eth1"));
  }
  if ((device.DrivenBy("net_af_packet") || device.DrivenBy("net_af_xdp")) &&
      device.Argument("iface").empty()) {
    return absl::InvalidArgumentError(
        absl::StrCat("the device \"", std::string(text), "\" lacks its interface: add ,iface=NAME"));
  }
  return device;
}

void AddDriverArguments(DeviceName& device, std::size_t mtu) {
  const auto add = [&device](std::string_view key, std::size_t value) {
    if (device.Argument(key).empty()) {
      device.arguments.emplace_back(key, std::to_string(value));
    }
  };
  if (device.DrivenBy("net_af_xdp")) {
    add("busy_budget", 0);
  }
  if (!device.DrivenBy("net_af_packet")) {
    return;
  }
  // What the kernel writes in front of a frame in a ring, generously.
  constexpr std::size_t kRingHeaderBytes = 128;
  constexpr std::size_t kPage = 4096;
  constexpr std::size_t kRingBytes = std::size_t{8} << 20;
  std::size_t frame_bytes = 2048;
  while (frame_bytes < mtu + kEthernetBytes + kRingHeaderBytes) {
    frame_bytes *= 2;
  }
  add("framesz", frame_bytes);
  add("blocksz", std::max(frame_bytes, kPage));
  add("framecnt", std::max(kRingBytes / frame_bytes, std::size_t{1024}));
  add("qdisc_bypass", 1);
}

}  // namespace gaios::transport::udp::dpdk
