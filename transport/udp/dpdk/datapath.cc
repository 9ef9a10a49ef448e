// The hot half of DpdkPort: sending, receiving, and what has to be done from time to time.

#include <rte_ethdev.h>
#include <rte_mbuf.h>

#include <algorithm>
#include <cstring>
#include <optional>

#include "gaios/base/check.h"
#include "gaios/transport/udp/dpdk/dpdk_port.h"

namespace gaios::transport::udp::dpdk {
namespace {

constexpr std::uint16_t kQueue = 0;
constexpr std::size_t kSmallestFrameBytes = 60;
// Neighbours asked for in one Receive.
constexpr int kMaxAsksAtOnce = 4;

// The payload starts where DPDK would let a frame start, the headers are in what it leaves free before: so
// it lies on a cache line.
static_assert(RTE_PKTMBUF_HEADROOM >= kHeaderBytes && RTE_PKTMBUF_HEADROOM % 64 == 0);
constexpr std::size_t kFrameOffset = RTE_PKTMBUF_HEADROOM - kHeaderBytes;

std::byte* BufferOf(rte_mbuf& frame) {
  return static_cast<std::byte*>(frame.buf_addr);
}

std::span<std::byte> BytesOf(rte_mbuf& frame) {
  return {BufferOf(frame) + frame.data_off, frame.data_len};
}

}  // namespace

std::span<std::byte> DpdkPort::Claim() {
  if (queued_count_ == kBurst) [[unlikely]] {
    return {};
  }
  if (claimed_ == nullptr) {
    claimed_ = ::rte_pktmbuf_alloc(pool_);
    if (claimed_ == nullptr) [[unlikely]] {
      return {};  // the device still has them all
    }
  }
  return {BufferOf(*claimed_) + RTE_PKTMBUF_HEADROOM, max_payload_};
}

std::uint32_t DpdkPort::NextHop(std::uint32_t address) const {
  return ((address ^ self_.endpoint.address) & network_mask_) == 0 ? address : options_.gateway;
}

// Null, and counted: nobody has answered for the address.
const MacAddress* DpdkPort::FindNeighbour(Endpoint to) {
  const std::uint32_t hop = NextHop(to.address);
  const MacAddress* const mac = hop != 0 ? neighbours_.Find(hop, now_ns_) : nullptr;
  counters_.unreachable += mac == nullptr ? 1 : 0;
  return mac;
}

void DpdkPort::Queue(rte_mbuf& frame) {
  if (transmit_flags_ != 0) {
    frame.ol_flags |= transmit_flags_;
    frame.l2_len = kEthernetBytes;
    frame.l3_len = kIpv4Bytes;
  }
  queued_[queued_count_++] = &frame;
}

void DpdkPort::Send(std::size_t bytes, Endpoint to) {
  GAIOS_CHECK(claimed_ != nullptr, "Send without a buffer of Claim");
  GAIOS_CHECK(bytes <= max_payload_, "a datagram is larger than max_payload");
  const MacAddress* const mac = FindNeighbour(to);
  if (mac == nullptr) [[unlikely]] {
    return;  // its buffer serves for the next Claim
  }
  rte_mbuf& frame = *claimed_;
  claimed_ = nullptr;
  frame.data_off = kFrameOffset;
  frame.data_len = static_cast<std::uint16_t>(kHeaderBytes + bytes);
  frame.pkt_len = frame.data_len;
  WriteHeaders(BytesOf(frame), self_, {.mac = *mac, .endpoint = to}, by_device_);
  Queue(frame);
}

void DpdkPort::Flush() {
  if (queued_count_ == 0) {
    return;
  }
  std::uint64_t bytes = 0;
  std::uint64_t lent = 0;
  for (std::size_t index = 0; index < queued_count_; ++index) {
    lent += queued_[index]->nb_segs == 1 ? 0 : 1;
    bytes += queued_[index]->pkt_len - kHeaderBytes;
  }
  // While the link is down nothing is handed over: a device may keep it, and send it long after.
  const std::size_t sent =
      up_ ? ::rte_eth_tx_burst(port_id_, kQueue, queued_.data(), static_cast<std::uint16_t>(queued_count_))
          : 0;
  for (std::size_t index = sent; index < queued_count_; ++index) {
    lent -= queued_[index]->nb_segs == 1 ? 0 : 1;
    bytes -= queued_[index]->pkt_len - kHeaderBytes;
    ::rte_pktmbuf_free(queued_[index]);
  }
  counters_.sent += sent;
  counters_.sent_bytes += bytes;
  counters_.lent += lent;
  counters_.not_sent += queued_count_ - sent;
  queued_count_ = 0;
}

std::size_t DpdkPort::Receive(DatagramReceiver& receiver, std::size_t limit) {
  GAIOS_CHECK(!receiving_, "Receive within Receive");
  if (!started_) [[unlikely]] {
    return 0;
  }
  receiving_ = true;
  now_ns_ = options_.clock->NowNs();
  if (now_ns_ >= next_look_ns_) [[unlikely]] {
    LookAtDevice();
  }
  AskNeighbours();
  std::size_t given = 0;
  // What is not for this port counts towards the work of one call, too.
  for (std::size_t bursts = limit / kBurst + 2; given < limit;) {
    if (taken_next_ == taken_count_) {
      if (bursts-- == 0) {
        break;
      }
      // Always a whole burst: some drivers give nothing when asked for a few.
      taken_next_ = 0;
      taken_count_ = ::rte_eth_rx_burst(port_id_, kQueue, taken_.data(), kBurst);
      if (taken_count_ == 0) {
        break;
      }
    }
    rte_mbuf* const frame = taken_[taken_next_++];
    if (taken_next_ < taken_count_) {
      __builtin_prefetch(BytesOf(*taken_[taken_next_]).data());
    }
    HandleFrame(*frame, receiver, given);
    ::rte_pktmbuf_free(frame);
    if (!started_) [[unlikely]] {
      FreeTaken();  // the receiver has ended loans that the device kept
      break;
    }
  }
  receiving_ = false;
  return given;
}

// What the device has given and nobody has looked at.
void DpdkPort::FreeTaken() {
  for (; taken_next_ < taken_count_; ++taken_next_) {
    ::rte_pktmbuf_free(taken_[taken_next_]);
  }
}

void DpdkPort::HandleFrame(rte_mbuf& frame, DatagramReceiver& receiver, std::size_t& given) {
  if (frame.nb_segs != 1) [[unlikely]] {
    ++counters_.malformed;  // larger than a buffer
    ++dpdk_counters_.oversized;
    return;
  }
  const std::span<std::byte> bytes = BytesOf(frame);
  const std::uint64_t ipv4 = frame.ol_flags & RTE_MBUF_F_RX_IP_CKSUM_MASK;
  const std::uint64_t udp = frame.ol_flags & RTE_MBUF_F_RX_L4_CKSUM_MASK;
  // What the device has found wrong is looked at once more: it may be a checksum of what is not for us.
  const ChecksumsByDevice checked = {.ipv4 = ipv4 == RTE_MBUF_F_RX_IP_CKSUM_GOOD,
                                     .udp = udp == RTE_MBUF_F_RX_L4_CKSUM_GOOD};
  FoundDatagram found;
  switch (ParseFrame(bytes, self_, checked, found)) {
    case FrameFound::kDatagram:
      if (found.bytes > max_payload_) [[unlikely]] {
        ++counters_.malformed;
        ++dpdk_counters_.oversized;
        return;
      }
      ++given;
      ++counters_.received;
      counters_.received_bytes += found.bytes;
      receiver.OnDatagram(found.from, bytes.subspan(found.offset, found.bytes));
      return;
    case FrameFound::kArp:
      HandleArp(bytes);
      return;
    case FrameFound::kForeign:
      ++counters_.foreign;
      return;
    case FrameFound::kTruncated:
      ++counters_.malformed;
      ++dpdk_counters_.truncated;
      return;
    case FrameFound::kFragment:
      ++counters_.malformed;
      ++dpdk_counters_.fragments;
      return;
    case FrameFound::kWrongChecksum:
      ++counters_.malformed;
      ++counters_.wrong_checksums;
      return;
  }
}

void DpdkPort::HandleArp(std::span<const std::byte> frame) {
  const std::optional<ArpMessage> message = ParseArp(frame);
  if (!message) {
    ++dpdk_counters_.arp_malformed;
    return;
  }
  if (message->sender_mac == self_.mac) {
    return;  // our own, come back
  }
  if (message->sender == self_.endpoint.address) {
    ++counters_.arp_conflicts;
    return;
  }
  const bool for_us = message->target == self_.endpoint.address;
  // Whoever asks for this address is about to send here, and will be answered. An address of another network
  // is never sent to directly.
  if (message->sender != 0 && NextHop(message->sender) == message->sender &&
      neighbours_.Learn(message->sender, message->sender_mac, now_ns_, for_us)) {
    ++dpdk_counters_.arp_learned;
  }
  if (message->request && for_us) {
    ++counters_.arp_answered;
    SendArp({.request = false,
             .sender_mac = self_.mac,
             .sender = self_.endpoint.address,
             .target = message->sender},
            message->sender_mac);
  }
}

void DpdkPort::AskNeighbours() {
  if (!up_) {
    return;
  }
  const auto ask = [this](std::uint32_t address) {
    SendArp({.request = true, .sender_mac = self_.mac, .sender = self_.endpoint.address, .target = address},
            kBroadcastMac);
  };
  if (announce_) [[unlikely]] {
    announce_ = false;
    ask(self_.endpoint.address);
  }
  for (int asks = 0; asks < kMaxAsksAtOnce; ++asks) {
    const std::optional<std::uint32_t> address = neighbours_.NextToAsk(now_ns_);
    if (!address) {
      return;
    }
    ++counters_.arp_asked;
    ask(*address);
  }
}

void DpdkPort::SendArp(const ArpMessage& message, const MacAddress& target_mac) {
  rte_mbuf* frame = ::rte_pktmbuf_alloc(pool_);
  if (frame == nullptr) {
    return;  // it will be asked again
  }
  frame->data_len = kSmallestFrameBytes;
  frame->pkt_len = kSmallestFrameBytes;
  const std::span<std::byte> bytes = BytesOf(*frame);
  std::fill(bytes.begin(), bytes.end(), std::byte{0});
  WriteArp(bytes.first<kArpFrameBytes>(), message, target_mac);
  if (::rte_eth_tx_burst(port_id_, kQueue, &frame, 1) == 0) {
    ::rte_pktmbuf_free(frame);
  }
}

void DpdkPort::LookAtDevice() {
  next_look_ns_ = now_ns_ + options_.link_check_interval_ns;
  const InterfaceState link = LinkNow();
  const bool up = link == InterfaceState::kUp;
  if (up != up_) {
    up_ = up;
    ++(up ? dpdk_counters_.links_up : counters_.links_down);
    announce_ = up;
  }
  link_ = link;
  rte_eth_stats stats = {};
  if (::rte_eth_stats_get(port_id_, &stats) == 0) {
    counters_.missed = stats.imissed + stats.rx_nombuf - missed_before_;
  }
}

// A device that is gone stays so, whatever has got its name.
InterfaceState DpdkPort::LinkNow() const {
  if (link_ == InterfaceState::kGone || (removed_ != nullptr && removed_->load(std::memory_order_relaxed))) {
    return InterfaceState::kGone;
  }
  if (interface_) {
    return interface_->State();
  }
  if (::rte_eth_dev_is_removed(port_id_) == 1) {
    return InterfaceState::kGone;
  }
  rte_eth_link link = {};
  const bool up = ::rte_eth_link_get_nowait(port_id_, &link) == 0 && link.link_status == RTE_ETH_LINK_UP;
  return up ? InterfaceState::kUp : InterfaceState::kNoCarrier;
}

}  // namespace gaios::transport::udp::dpdk
