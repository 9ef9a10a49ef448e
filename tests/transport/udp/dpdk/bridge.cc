#include "tests/transport/udp/dpdk/bridge.h"

#include <sched.h>
#include <unistd.h>

#include <cstdlib>

#include "gaios/base/check.h"

namespace gaios::transport::udp::dpdk {
namespace {

bool Succeeds(const std::string& command) {
  return std::system(command.c_str()) == 0;  // NOLINT(concurrency-mt-unsafe): tests have one thread
}

void Run(const std::string& command) {
  GAIOS_CHECK(Succeeds(command), command.c_str());
}

// No frames but those of the test; checksums by the kernel, because veth hands frames on without; and
// addresses answered for where they are, not on every interface of the host.
void Quiet(const std::string& interface) {
  Run("ethtool -K " + interface + " tx off >/dev/null");
  Run("echo 8 >/proc/sys/net/ipv4/conf/" + interface + "/arp_ignore");
}

void AddEnd(std::size_t end) {
  const std::string number = std::to_string(end);
  std::string add = "ip link add e";
  Run(add.append(number).append(" type veth peer name p").append(number));
  Run("ip link set p" + number + " master b0 up");
  Run("ip link set e" + number + " up");
  Quiet("e" + number);
  Quiet("p" + number);
}

}  // namespace

std::string BridgeMissing() {
  if (::geteuid() != 0) {
    return "a network of its own needs root";
  }
  return Succeeds(
             "unshare -n ip link add b0 type bridge 2>/dev/null && unshare -n ip link add v0 type veth "
             "2>/dev/null")
             ? ""
             : "this kernel has no bridge, or no veth";
}

void EnterBridge(std::size_t ends) {
  static bool entered = false;
  if (entered) {
    return;
  }
  entered = true;
  GAIOS_CHECK(::unshare(CLONE_NEWNET) == 0, "no network namespace");
  Run("if [ -d /proc/sys/net/ipv6 ]; then echo 1 >/proc/sys/net/ipv6/conf/default/disable_ipv6; fi");
  Run("ip link set lo up");
  Run("ip link add b0 type bridge forward_delay 0");
  for (std::size_t end = 0; end < ends; ++end) {
    AddEnd(end);
    Run("ip addr add " + KernelAddress(end) + "/24 dev b0");
  }
  Run("ip link set b0 up");
  Run("ethtool -K b0 tx off >/dev/null");
}

void RenewEnd(std::size_t end) {
  Run("ip link del e" + std::to_string(end));
  AddEnd(end);
}

std::uint32_t DpdkAddress(std::size_t end) {
  return 0x0a090101 + static_cast<std::uint32_t>(end);
}

std::string KernelAddress(std::size_t end) {
  return "10.9.1." + std::to_string(101 + end);
}

}  // namespace gaios::transport::udp::dpdk
