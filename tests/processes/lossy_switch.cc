#include "tests/processes/lossy_switch.h"

#include <arpa/inet.h>
#include <fcntl.h>
#include <linux/if_packet.h>
#include <net/ethernet.h>
#include <net/if.h>
#include <netinet/in.h>
#include <poll.h>
#include <sched.h>
#include <sys/socket.h>

#include <algorithm>
#include <array>
#include <cstddef>
#include <map>
#include <random>
#include <span>
#include <utility>

#include <gtest/gtest.h>

#include "gaios/base/unique_fd.h"

namespace gaios::cli {
namespace {

using Mac = std::array<std::byte, ETH_ALEN>;

constexpr std::size_t kLargestFrameBytes = 65'536;
constexpr int kPollMs = 20;  // between looks whether it is to end

// All frames that come in by it, and none that go out. Not valid when it cannot be had.
base::UniqueFd OpenInterface(const std::string& name) {
  base::UniqueFd socket(::socket(AF_PACKET, SOCK_RAW | SOCK_CLOEXEC | SOCK_NONBLOCK, htons(ETH_P_ALL)));
  const int index = static_cast<int>(::if_nametoindex(name.c_str()));
  sockaddr_ll address = {};
  address.sll_family = AF_PACKET;
  address.sll_protocol = htons(ETH_P_ALL);
  address.sll_ifindex = index;
  packet_mreq all = {};
  all.mr_ifindex = index;
  all.mr_type = PACKET_MR_PROMISC;
  const int on = 1;
  const bool made = ::bind(socket.get(), reinterpret_cast<const sockaddr*>(&address), sizeof(address)) == 0 &&
                    ::setsockopt(socket.get(), SOL_PACKET, PACKET_ADD_MEMBERSHIP, &all, sizeof(all)) == 0 &&
                    ::setsockopt(socket.get(), SOL_PACKET, PACKET_IGNORE_OUTGOING, &on, sizeof(on)) == 0;
  return made ? std::move(socket) : base::UniqueFd();
}

Mac MacAt(std::span<const std::byte> frame, std::size_t offset) {
  Mac mac = {};
  std::copy_n(frame.begin() + static_cast<std::ptrdiff_t>(offset), mac.size(), mac.begin());
  return mac;
}

bool IsUdp(std::span<const std::byte> frame) {
  constexpr std::size_t kTypeAt = 12;
  constexpr std::size_t kProtocolAt = ETH_HLEN + 9;
  return frame.size() > kProtocolAt && frame[kTypeAt] == std::byte{0x08} &&
         frame[kTypeAt + 1] == std::byte{0x00} && frame[kProtocolAt] == std::byte{IPPROTO_UDP};
}

}  // namespace

LossySwitch::LossySwitch(std::string network_namespace, std::vector<std::string> interfaces, unsigned percent)
    : network_namespace_(std::move(network_namespace)),
      interfaces_(std::move(interfaces)),
      percent_(percent),
      thread_([this] { Run(); }) {}

LossySwitch::~LossySwitch() {
  stop_.store(true, std::memory_order_relaxed);
  thread_.join();
}

void LossySwitch::Run() {
  const base::UniqueFd there(::open(("/run/netns/" + network_namespace_).c_str(), O_RDONLY | O_CLOEXEC));
  ASSERT_TRUE(there.valid() && ::setns(there.get(), CLONE_NEWNET) == 0);
  std::vector<base::UniqueFd> sockets;
  std::vector<pollfd> polled;
  for (const std::string& interface : interfaces_) {
    sockets.push_back(OpenInterface(interface));
    ASSERT_TRUE(sockets.back().valid()) << interface;
    polled.push_back({.fd = sockets.back().get(), .events = POLLIN, .revents = 0});
  }
  std::map<Mac, std::size_t> where;
  std::minstd_rand random(1);
  std::vector<std::byte> buffer(kLargestFrameBytes);
  while (!stop_.load(std::memory_order_relaxed)) {
    static_cast<void>(::poll(polled.data(), polled.size(), kPollMs));
    for (std::size_t from = 0; from < sockets.size(); ++from) {
      const ssize_t bytes = ::recv(sockets[from].get(), buffer.data(), buffer.size(), 0);
      if (bytes < ETH_HLEN) {
        continue;
      }
      const std::span<const std::byte> frame(buffer.data(), static_cast<std::size_t>(bytes));
      where[MacAt(frame, ETH_ALEN)] = from;
      if (IsUdp(frame) && random() % 100 < percent_) {
        lost_.fetch_add(1, std::memory_order_relaxed);
        continue;
      }
      passed_.fetch_add(1, std::memory_order_relaxed);
      const auto known = where.find(MacAt(frame, 0));
      for (std::size_t to = 0; to < sockets.size(); ++to) {
        if (to != from && (known == where.end() || known->second == to)) {
          static_cast<void>(::send(sockets[to].get(), frame.data(), frame.size(), 0));
        }
      }
    }
  }
}

}  // namespace gaios::cli
