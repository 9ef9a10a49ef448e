#ifndef GAIOS_TRANSPORT_UDP_DPDK_LIMITS_H_
#define GAIOS_TRANSPORT_UDP_DPDK_LIMITS_H_

// The bounds of a DpdkPort.

#include <cstddef>
#include <cstdint>

#include "gaios/transport/udp/dpdk/frame.h"

namespace gaios::transport::udp::dpdk {

// What every IPv4 host takes, and the largest frames that cards carry.
inline constexpr std::uint16_t kMinMtu = 576;
inline constexpr std::uint16_t kMaxMtu = 9'216;

inline constexpr std::size_t kMaxFilePrefixBytes = 64;

inline constexpr std::uint16_t kMinDescriptors = 64;
inline constexpr std::uint16_t kMaxDescriptors = 4'096;

// Datagrams that are queued until Flush, and frames taken from the device at a time.
inline constexpr std::size_t kBurst = 64;
static_assert(kBurst <= kMinDescriptors);

// Buffers of a port besides those in a card's queues: bursts both ways, and what the threads' caches keep.
inline constexpr std::size_t kSpareBuffers = 1'024;
inline constexpr std::size_t kBufferCache = 256;
static_assert(kSpareBuffers >= 2 * kBurst + 2 * kBufferCache);

// Loans of a port at a time: what a queue of the device holds, and a burst before it. What is sent beyond is
// copied.
inline constexpr std::size_t kMostLoans = 4'096;
static_assert(kMostLoans >= kBurst);
static_assert(kMostLoans >= kMaxDescriptors);
// Such a datagram: what stands before the loan, the loan, and what stands behind it. Each takes a descriptor
// of the device, so a queue for them has that many times the descriptors.
inline constexpr std::uint16_t kPiecesOfALoan = 3;
static_assert(kPiecesOfALoan * std::size_t{kMaxDescriptors} <= 0xffff, "a queue's size is 16 bits");
// Buffers for the second and third of all loans. One less than a power of two, as DPDK likes it.
inline constexpr std::size_t kPieceBuffers = (kPiecesOfALoan - 1) * kMostLoans - 1;
// Of a write in one datagram, from which on it is sent from the ring (docs/dpdk.md has what was measured).
inline constexpr std::size_t kLeastLoanBytes = 512;
// Room for what stands behind what is lent in a datagram.
inline constexpr std::size_t kTailRoomBytes = 64;

static_assert(kMinMtu > kIpv4Bytes + kUdpBytes);

}  // namespace gaios::transport::udp::dpdk

#endif  // GAIOS_TRANSPORT_UDP_DPDK_LIMITS_H_
