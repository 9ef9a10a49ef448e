#include "tests/transport/udp/dpdk/kernel_port.h"

#include <arpa/inet.h>
#include <netinet/in.h>
#include <sys/socket.h>

#include "gaios/base/check.h"

namespace gaios::transport::udp::dpdk {
namespace {

sockaddr_in ToSocketAddress(Endpoint endpoint) {
  sockaddr_in address = {};
  address.sin_family = AF_INET;
  address.sin_addr.s_addr = ::htonl(endpoint.address);
  address.sin_port = ::htons(endpoint.port);
  return address;
}

}  // namespace

KernelPort::KernelPort(Endpoint local, std::size_t max_payload)
    : local_(local),
      max_payload_(max_payload),
      socket_(::socket(AF_INET, SOCK_DGRAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0)) {
  GAIOS_CHECK(socket_.valid(), "no socket");
  const sockaddr_in address = ToSocketAddress(local);
  GAIOS_CHECK(::bind(socket_.get(), reinterpret_cast<const sockaddr*>(&address), sizeof(address)) == 0,
              "the address cannot be bound");
}

void KernelPort::Send(std::size_t bytes, Endpoint to) {
  const sockaddr_in address = ToSocketAddress(to);
  if (::sendto(socket_.get(), buffer_.data(), bytes, 0, reinterpret_cast<const sockaddr*>(&address),
               sizeof(address)) == static_cast<ssize_t>(bytes)) {
    ++counters_.sent;
    counters_.sent_bytes += bytes;
  } else {
    ++counters_.not_sent;
  }
}

std::size_t KernelPort::Receive(DatagramReceiver& receiver, std::size_t limit) {
  std::size_t given = 0;
  for (; given < limit; ++given) {
    sockaddr_in from = {};
    socklen_t from_bytes = sizeof(from);
    const ssize_t bytes = ::recvfrom(socket_.get(), received_.data(), received_.size(), 0,
                                     reinterpret_cast<sockaddr*>(&from), &from_bytes);
    if (bytes < 0) {
      break;
    }
    ++counters_.received;
    counters_.received_bytes += static_cast<std::uint64_t>(bytes);
    receiver.OnDatagram({.address = ::ntohl(from.sin_addr.s_addr), .port = ::ntohs(from.sin_port)},
                        std::span(received_).first(static_cast<std::size_t>(bytes)));
  }
  return given;
}

}  // namespace gaios::transport::udp::dpdk
