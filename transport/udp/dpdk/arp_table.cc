#include "gaios/transport/udp/dpdk/arp_table.h"

#include <algorithm>
#include <limits>

namespace gaios::transport::udp::dpdk {

std::size_t ArpTable::IndexOf(std::uint32_t address) {
  if (last_ < size_ && addresses_[last_] == address) [[likely]] {
    return last_;
  }
  const auto end = addresses_.begin() + static_cast<std::ptrdiff_t>(size_);
  const auto found = std::find(addresses_.begin(), end, address);
  if (found == end) {
    return kMaxNeighbours;
  }
  last_ = static_cast<std::size_t>(found - addresses_.begin());
  return last_;
}

std::size_t ArpTable::Add(std::uint32_t address, std::uint64_t now_ns) {
  if (size_ == kMaxNeighbours) {
    const auto oldest =
        std::min_element(neighbours_.begin(), neighbours_.end(),
                         [](const Neighbour& a, const Neighbour& b) { return a.used_ns < b.used_ns; });
    Remove(static_cast<std::size_t>(oldest - neighbours_.begin()));
  }
  const std::size_t index = size_++;
  addresses_[index] = address;
  neighbours_[index] = {.used_ns = now_ns, .due_ns = now_ns};
  next_due_ns_ = std::min(next_due_ns_, now_ns);
  return index;
}

void ArpTable::Remove(std::size_t index) {
  --size_;
  addresses_[index] = addresses_[size_];
  neighbours_[index] = neighbours_[size_];
}

std::uint64_t ArpTable::WaitAfter(std::uint32_t asks) const {
  std::uint64_t wait_ns = timing_.first_wait_ns;
  for (std::uint32_t ask = 1; ask < asks && wait_ns < timing_.max_wait_ns; ++ask) {
    wait_ns *= 2;
  }
  return std::min(wait_ns, timing_.max_wait_ns);
}

const MacAddress* ArpTable::Find(std::uint32_t address, std::uint64_t now_ns) {
  std::size_t index = IndexOf(address);
  if (index == kMaxNeighbours) [[unlikely]] {
    index = Add(address, now_ns);
  }
  Neighbour& neighbour = neighbours_[index];
  neighbour.used_ns = now_ns;
  return neighbour.known ? &neighbour.mac : nullptr;
}

bool ArpTable::Learn(std::uint32_t address, const MacAddress& mac, std::uint64_t now_ns, bool may_add) {
  std::size_t index = IndexOf(address);
  if (index == kMaxNeighbours) {
    if (!may_add || size_ == kMaxNeighbours) {
      return false;
    }
    index = Add(address, now_ns);
  }
  Neighbour& neighbour = neighbours_[index];
  neighbour.mac = mac;
  neighbour.known = true;
  neighbour.asks = 0;
  neighbour.due_ns = now_ns + timing_.fresh_ns;
  return true;
}

std::optional<std::uint32_t> ArpTable::NextToAsk(std::uint64_t now_ns) {
  if (now_ns < next_due_ns_) [[likely]] {
    return std::nullopt;
  }
  next_due_ns_ = std::numeric_limits<std::uint64_t>::max();
  for (std::size_t index = 0; index < size_;) {
    Neighbour& neighbour = neighbours_[index];
    if (now_ns < neighbour.due_ns) {
      next_due_ns_ = std::min(next_due_ns_, neighbour.due_ns);
      ++index;
      continue;
    }
    // Not used since it was learned or asked for, for as long as an answer holds: it is not wanted any more.
    if (now_ns - neighbour.used_ns >= timing_.fresh_ns) {
      Remove(index);
      continue;
    }
    if (neighbour.asks >= kMaxAsks) {
      neighbour.known = false;
    }
    ++neighbour.asks;
    neighbour.due_ns = now_ns + WaitAfter(neighbour.asks);
    next_due_ns_ = now_ns;  // there may be more
    return addresses_[index];
  }
  return std::nullopt;
}

}  // namespace gaios::transport::udp::dpdk
