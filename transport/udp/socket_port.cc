#include "gaios/transport/udp/socket_port.h"

#include <arpa/inet.h>
#include <ifaddrs.h>
#include <net/if.h>
#include <sys/ioctl.h>

#include <algorithm>
#include <cerrno>
#include <cstring>
#include <optional>
#include <system_error>

#include <absl/status/status.h>
#include <absl/strings/str_cat.h>

#include "gaios/base/align.h"
#include "gaios/base/check.h"

namespace gaios::transport::udp {
namespace {

constexpr std::size_t kIpv4AndUdpBytes = 28;
// What the kernel books for a datagram beside its bytes, about.
constexpr std::size_t kBookedBytes = 1024;
constexpr std::uint64_t kLookIntervalNs = 10'000'000;
// An address that was not found is looked for so often: that asks for all addresses of the host, on the
// thread of whoever sends, who may be busy by another path.
constexpr std::uint64_t kSearchIntervalNs = 1'000'000'000;

sockaddr_in AddressOf(const Endpoint& endpoint) {
  sockaddr_in address = {};
  address.sin_family = AF_INET;
  address.sin_port = htons(endpoint.port);
  address.sin_addr.s_addr = htonl(endpoint.address);
  return address;
}

// Lower layers and errors go by plain sockaddr.
sockaddr* Plain(sockaddr_in& address) {
  return reinterpret_cast<sockaddr*>(&address);
}

struct Interface {
  std::string name;
  int index = 0;
  int mtu = 0;
};

// The one that has the address, if any.
std::optional<Interface> InterfaceOf(std::uint32_t address, int socket) {
  ifaddrs* all = nullptr;
  if (::getifaddrs(&all) != 0) {
    return std::nullopt;
  }
  std::optional<Interface> found;
  for (const ifaddrs* one = all; one != nullptr && !found.has_value(); one = one->ifa_next) {
    if (one->ifa_addr == nullptr || one->ifa_addr->sa_family != AF_INET) {
      continue;
    }
    sockaddr_in own = {};
    std::memcpy(&own, one->ifa_addr, sizeof(own));
    const bool loopback = (one->ifa_flags & IFF_LOOPBACK) != 0;  // which has all of its network
    const std::uint32_t differing = ntohl(own.sin_addr.s_addr) ^ address;
    if (differing == 0 || (loopback && differing >> 24 == 0)) {
      found = Interface{.name = one->ifa_name, .index = IndexOfLabel(one->ifa_name)};
      ifreq request = {};
      request.ifr_ifindex = found->index;
      if (::ioctl(socket, SIOCGIFNAME, &request) == 0) {
        found->name = request.ifr_name;
      }
      if (::ioctl(socket, SIOCGIFMTU, &request) == 0) {
        found->mtu = request.ifr_mtu;
      }
    }
  }
  ::freeifaddrs(all);
  return found;
}

// Whether datagrams of that length go whole through it.
bool Fits(const Interface& interface, std::size_t max_payload) {
  return interface.mtu <= 0 || max_payload + kIpv4AndUdpBytes <= static_cast<std::size_t>(interface.mtu);
}

std::string DoNotFit(const Interface& interface, std::size_t max_payload) {
  return absl::StrCat("datagrams of ", max_payload, " bytes do not go whole through ", interface.name,
                      ", whose MTU is ", interface.mtu);
}

absl::Status BindError(int error, const std::string& where) {
  const std::string what = absl::StrCat("binding the UDP socket to ", where,
                                        " failed: ", std::generic_category().message(error), "; ");
  switch (error) {
    case EADDRINUSE:
      return absl::AlreadyExistsError(absl::StrCat(
          what,
          "another process has this UDP port. Is the replica running already? If not, give it another "
          "port (`ss -ulpn` shows who has it)"));
    case EADDRNOTAVAIL:
      return absl::FailedPreconditionError(absl::StrCat(
          what, "no interface of this host has that address (`ip addr` lists those that there are)"));
    case EACCES:
      return absl::PermissionDeniedError(absl::StrCat(what, "take a port of 1024 or more"));
    default:
      return absl::UnavailableError(absl::StrCat(what, "see the kernel's log"));
  }
}

absl::Status BusyPollError(int error, std::uint32_t busy_poll_us) {
  if (error == EPERM) {
    return absl::PermissionDeniedError(
        absl::StrCat("busy_poll_us = ", busy_poll_us, " is more than this user may ask the kernel for (",
                     std::generic_category().message(error),
                     "): give the process cap_net_admin, set it for all (sysctl -w ",
                     "net.core.busy_read=", busy_poll_us, "), or leave busy_poll_us out"));
  }
  return absl::UnavailableError(absl::StrCat("the kernel does not take busy_poll_us = ", busy_poll_us, " (",
                                             std::generic_category().message(error),
                                             "; SO_BUSY_POLL): leave busy_poll_us out"));
}

}  // namespace

absl::StatusOr<std::unique_ptr<SocketPort>> SocketPort::Open(const SocketPortOptions& options) {
  in_addr parsed = {};
  if (::inet_pton(AF_INET, options.address.c_str(), &parsed) != 1) {
    return absl::InvalidArgumentError(
        absl::StrCat("\"", options.address,
                     "\" is not an IPv4 address in numbers, such as 10.0.0.1: UDP "
                     "takes no other"));
  }
  Endpoint local = {.address = ntohl(parsed.s_addr), .port = options.port};
  if (local.address == 0 || local.address >> 28 == 0xe) {
    return absl::InvalidArgumentError(
        absl::StrCat(options.address,
                     " is no address that peers can send to; write one that an interface of this host has"));
  }
  base::UniqueFd socket(::socket(AF_INET, SOCK_DGRAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0));
  if (!socket.valid()) {
    return absl::UnavailableError(
        absl::StrCat("the system gives no UDP socket: ", std::generic_category().message(errno),
                     "; raise the limit of descriptors (ulimit -n)"));
  }
  sockaddr_in address = AddressOf(local);
  const std::string where = absl::StrCat(options.address, " port ", options.port);
  const auto set = [&](int level, int name, int value) {
    return ::setsockopt(socket.get(), level, name, &value, sizeof(value)) == 0;
  };
  if (options.wait_for_address) {
    (void)set(IPPROTO_IP, IP_FREEBIND, 1);
  }
  if (::bind(socket.get(), Plain(address), sizeof(address)) != 0) {
    return BindError(errno, where);
  }
  const std::optional<Interface> interface = InterfaceOf(local.address, socket.get());
  if (interface.has_value() && !Fits(*interface, options.max_payload)) {
    return absl::InvalidArgumentError(
        absl::StrCat(DoNotFit(*interface, options.max_payload),
                     ": write payload_bytes = ", static_cast<std::size_t>(interface->mtu) - kIpv4AndUdpBytes,
                     " or less where the config has it, or raise the MTU (ip link set ", interface->name,
                     " mtu ", options.max_payload + kIpv4AndUdpBytes, ")"));
  }
  socklen_t length = sizeof(address);
  if (::getsockname(socket.get(), Plain(address), &length) != 0) {
    return absl::UnavailableError(
        absl::StrCat("the UDP socket has no name: ", std::generic_category().message(errno)));
  }
  local.port = ntohs(address.sin_port);
  // None of these is needed for it to work.
  const auto wanted = static_cast<int>(std::min<std::size_t>(options.receive_buffer_bytes, INT32_MAX / 2));
  if (!set(SOL_SOCKET, SO_RCVBUFFORCE, wanted)) {
    (void)set(SOL_SOCKET, SO_RCVBUF, wanted);
  }
  if (!set(SOL_SOCKET, SO_SNDBUFFORCE, wanted)) {
    (void)set(SOL_SOCKET, SO_SNDBUF, wanted);
  }
  (void)set(IPPROTO_IP, IP_MTU_DISCOVER, IP_PMTUDISC_DO);  // never in fragments
  (void)set(SOL_SOCKET, SO_RXQ_OVFL, 1);
  if (options.busy_poll_us != 0 && !set(SOL_SOCKET, SO_BUSY_POLL, static_cast<int>(options.busy_poll_us))) {
    return BusyPollError(errno, options.busy_poll_us);
  }
  int buffer_bytes = 0;
  socklen_t size = sizeof(buffer_bytes);
  (void)::getsockopt(socket.get(), SOL_SOCKET, SO_RCVBUF, &buffer_bytes, &size);
  const std::size_t room = static_cast<std::size_t>(buffer_bytes) / (options.max_payload + kBookedBytes);
  Below below;
  if (interface.has_value()) {
    below = {.interface = interface->name, .index = interface->index};
  }
  std::unique_ptr<SocketPort> port(
      new SocketPort(std::move(socket), local, options.max_payload, room, std::move(below)));
  if (interface.has_value() || options.wait_for_address) {
    port->why_down_ = port->WhyDownNow(0);
    port->next_search_ns_ = 0;  // of a clock that is not known here
  }
  return port;
}

SocketPort::SocketPort(base::UniqueFd socket, Endpoint local, std::size_t max_payload,
                       std::size_t receive_room, Below below)
    : socket_(std::move(socket)),
      local_(local),
      max_payload_(max_payload),
      receive_room_(receive_room),
      // A byte more shows a datagram that is too long.
      stride_(base::RoundUp(max_payload + 1, base::kCacheLineBytes)),
      below_(std::move(below)),
      buffers_(2 * kBatch * stride_) {
  for (std::size_t i = 0; i < kBatch; ++i) {
    for (const bool outward : {true, false}) {
      Batch& batch = outward ? out_ : in_;
      batch.pieces[i] = {.iov_base = outward ? OutBuffer(i) : InBuffer(i), .iov_len = max_payload_ + 1};
      msghdr& header = batch.headers[i].msg_hdr;
      header.msg_name = &batch.addresses[i];
      header.msg_namelen = sizeof(sockaddr_in);
      header.msg_iov = &batch.pieces[i];
      header.msg_iovlen = 1;
    }
    ExpectControl(in_.headers[i].msg_hdr, i);
  }
}

void SocketPort::ExpectControl(msghdr& header, std::size_t index) {
  header.msg_control = controls_[index].bytes.data();
  header.msg_controllen = controls_[index].bytes.size();
}

void SocketPort::CountMissed(msghdr& header) {
  const cmsghdr* const control = CMSG_FIRSTHDR(&header);
  if (control != nullptr && control->cmsg_level == SOL_SOCKET && control->cmsg_type == SO_RXQ_OVFL) {
    std::uint32_t missed = 0;
    std::memcpy(&missed, CMSG_DATA(control), sizeof(missed));
    // A counter of 32 bits that wraps, since the socket was made.
    counters_.missed += missed - static_cast<std::uint32_t>(counters_.missed);
  }
}

void SocketPort::Look(std::uint64_t now_ns) {
  if (now_ns < next_look_ns_) {
    return;
  }
  next_look_ns_ = now_ns + kLookIntervalNs;
  if (below_.interface.empty() && why_down_.empty()) {
    return;  // the system did not say which interface it is
  }
  std::string why = WhyDownNow(now_ns);
  if (why != why_down_) {
    counters_.links_down += why_down_.empty() ? 1 : 0;
    why_down_ = std::move(why);
  }
}

std::string SocketPort::WhyDownNow(std::uint64_t now_ns) {
  const InterfaceState link = below_.interface.empty()
                                  ? InterfaceState::kGone
                                  : LookAtInterface(socket_.get(), below_.interface, below_.index);
  const bool gone = link == InterfaceState::kGone;
  const bool early = now_ns < next_search_ns_;
  if (!gone && (early || !doubtful_)) {
    return link == InterfaceState::kUp ? "" : InterfaceText(below_.interface, link);
  }
  if (early) {
    return why_down_.empty() ? InterfaceText(below_.interface, link) : why_down_;
  }
  next_search_ns_ = now_ns + kSearchIntervalNs;
  doubtful_ = false;
  return Search();
}

// The address may be on an interface that has been made since; or on none, though its interface is there.
std::string SocketPort::Search() {
  const std::optional<Interface> now = InterfaceOf(local_.address, socket_.get());
  if (!now.has_value()) {
    below_.index = -1;  // which no interface has
    return below_.interface.empty() ||
                   LookAtInterface(socket_.get(), below_.interface, 0) != InterfaceState::kGone
               ? "no interface of this host has its address"
               : InterfaceText(below_.interface, InterfaceState::kGone);
  }
  below_ = {.interface = now->name, .index = now->index};
  if (!Fits(*now, max_payload_)) {
    below_.index = -1;
    return DoNotFit(*now, max_payload_);
  }
  const InterfaceState found = LookAtInterface(socket_.get(), below_.interface, below_.index);
  return found == InterfaceState::kUp ? "" : InterfaceText(below_.interface, found);
}

std::span<std::byte> SocketPort::Claim() {
  if (queued_ == kBatch) {
    return {};
  }
  return {OutBuffer(queued_), max_payload_};
}

void SocketPort::Send(std::size_t bytes, Endpoint to) {
  GAIOS_CHECK(queued_ < kBatch && bytes <= max_payload_, "a datagram was claimed, and fits");
  out_.pieces[queued_].iov_len = bytes;
  out_.addresses[queued_] = AddressOf(to);
  ++queued_;
}

void SocketPort::Flush() {
  std::size_t done = 0;
  while (done < queued_) {
    const int sent = ::sendmmsg(socket_.get(), out_.headers.data() + done,
                                static_cast<unsigned>(queued_ - done), MSG_DONTWAIT);
    if (sent > 0) {
      for (int i = 0; i < sent; ++i) {
        ++counters_.sent;
        counters_.sent_bytes += out_.pieces[done++].iov_len;
      }
      continue;
    }
    if (errno == EINTR) {
      continue;
    }
    if (errno == EAGAIN || errno == EWOULDBLOCK || errno == ENOBUFS) {
      counters_.not_sent += queued_ - done;  // no room for any of them
      break;
    }
    // Of the first alone: an earlier datagram has met a closed port, or this one has no way.
    const bool unreachable = errno == ECONNREFUSED || errno == EHOSTUNREACH || errno == ENETUNREACH;
    doubtful_ = doubtful_ || errno == ENETUNREACH || errno == ENETDOWN || errno == ENODEV ||
                errno == EADDRNOTAVAIL || errno == EINVAL;
    ++(unreachable ? counters_.unreachable : counters_.not_sent);
    ++done;
  }
  queued_ = 0;
}

std::size_t SocketPort::Receive(DatagramReceiver& receiver, std::size_t limit) {
  std::size_t given = 0;
  while (given < limit) {
    const auto wanted = static_cast<unsigned>(std::min(kBatch, limit - given));
    const int came = ::recvmmsg(socket_.get(), in_.headers.data(), wanted, MSG_DONTWAIT, nullptr);
    if (came <= 0) {
      break;  // nothing, or an error of something that was sent: that is lost, which it may be
    }
    for (std::size_t i = 0; i < static_cast<std::size_t>(came); ++i) {
      const std::size_t bytes = in_.headers[i].msg_len;
      const sockaddr_in& from = in_.addresses[i];
      msghdr& header = in_.headers[i].msg_hdr;
      header.msg_namelen = sizeof(sockaddr_in);
      if (header.msg_controllen != 0) [[unlikely]] {
        CountMissed(header);
      }
      ExpectControl(header, i);
      ++given;
      if (bytes > max_payload_) {
        ++counters_.malformed;
        continue;
      }
      ++counters_.received;
      counters_.received_bytes += bytes;
      receiver.OnDatagram({.address = ntohl(from.sin_addr.s_addr), .port = ntohs(from.sin_port)},
                          {InBuffer(i), bytes});
    }
    if (static_cast<unsigned>(came) < wanted) {
      break;
    }
  }
  return given;
}

}  // namespace gaios::transport::udp
