#include "tests/processes/capture.h"

#include <arpa/inet.h>
#include <fcntl.h>
#include <linux/if_ether.h>
#include <linux/if_packet.h>
#include <sched.h>
#include <sys/socket.h>
#include <unistd.h>

#include <array>
#include <cstring>
#include <thread>

#include "gaios/base/check.h"
#include "gaios/rsm/client/network/wire.h"
#include "gaios/transport/udp/wire.h"

namespace gaios::cli {
namespace {

constexpr int kBufferBytes = 64 << 20;
constexpr std::size_t kUdpHeaderBytes = 8;
constexpr unsigned kUdpProtocol = 17;

base::UniqueFd OpenHere() {
  base::UniqueFd fd(::socket(AF_PACKET, SOCK_DGRAM | SOCK_NONBLOCK | SOCK_CLOEXEC, htons(ETH_P_ALL)));
  GAIOS_CHECK(fd.valid(), "root may open packet sockets");
  static_cast<void>(::setsockopt(fd.get(), SOL_SOCKET, SO_RCVBUFFORCE, &kBufferBytes, sizeof(kBufferBytes)));
  return fd;
}

// A thread moves to the namespace, and with it what it opens.
base::UniqueFd OpenIn(const std::string& netns) {
  base::UniqueFd opened;
  std::thread([&] {
    const base::UniqueFd there(::open(netns.c_str(), O_RDONLY | O_CLOEXEC));
    GAIOS_CHECK(there.valid() && ::setns(there.get(), CLONE_NEWNET) == 0, "root may enter a namespace");
    opened = OpenHere();
  }).join();
  return opened;
}

// What is in the UDP datagram of an IPv4 packet; empty when there is none.
std::string_view PayloadOf(std::string_view packet) {
  const auto byte = [packet](std::size_t at) { return static_cast<unsigned char>(packet[at]); };
  if (packet.size() < 20 || byte(0) >> 4U != 4 || byte(9) != kUdpProtocol) {
    return {};
  }
  const std::size_t header = (byte(0) & 15U) * 4 + kUdpHeaderBytes;
  const std::size_t whole = std::size_t{byte(2)} << 8U | byte(3);  // behind it may be padding of the frame
  return whole < header || whole > packet.size() ? std::string_view() : packet.substr(header, whole - header);
}

template <typename Header>
bool Reads(std::string_view payload, std::uint64_t group, Header& header) {
  if (payload.size() < sizeof(header) + transport::udp::kTrailerBytes) {
    return false;
  }
  std::memcpy(&header, payload.data(), sizeof(header));
  return header.magic == Header().magic && header.group == group;
}

}  // namespace

std::string Capture::Missing() {
  return ::geteuid() == 0 ? "" : "who captures datagrams has to be root";
}

Capture::Capture(paxos::GroupId group, std::string_view command, const std::string& netns)
    : group_(group.value()), command_(command), socket_(netns.empty() ? OpenHere() : OpenIn(netns)) {}

void Capture::Look() {
  std::array<char, 65536> packet;
  for (;;) {
    sockaddr_ll from = {};
    socklen_t length = sizeof(from);
    const ssize_t bytes = ::recvfrom(socket_.get(), packet.data(), packet.size(), 0,
                                     reinterpret_cast<sockaddr*>(&from), &length);
    if (bytes < 0) {
      return;
    }
    if (from.sll_protocol == htons(ETH_P_IP)) {
      LookAtDatagram(PayloadOf({packet.data(), static_cast<std::size_t>(bytes)}));
    }
  }
}

void Capture::LookAtDatagram(std::string_view payload) {
  transport::udp::Header header;
  rsm::NetworkHeader of_client;
  bool encrypted = false;
  std::size_t readable_bytes = 0;
  if (Reads(payload, group_, header)) {
    ++of_replicas_;
    encrypted = header.kind == static_cast<std::uint8_t>(transport::udp::Kind::kEncrypted);
    readable_bytes = sizeof(header);
  } else if (Reads(payload, group_, of_client)) {
    ++of_clients_;
    encrypted = (of_client.kind & rsm::kEncryptedFlag) != 0;
    readable_bytes = rsm::kNetworkReadableBytes;
  } else {
    return;
  }
  readable_ += encrypted ? 0 : 1;
  const std::string_view hidden =
      payload.substr(readable_bytes, payload.size() - readable_bytes - transport::udp::kTrailerBytes);
  with_command_ += hidden.find(command_) != std::string_view::npos ? 1 : 0;
}

}  // namespace gaios::cli
