#include "tests/transport/udp/faulty_port.h"

#include <algorithm>
#include <cstring>

namespace gaios::transport::udp {

void FaultyPort::Pass(std::span<const std::byte> bytes, Endpoint to) {
  std::span<std::byte> buffer = port_->Claim();
  if (buffer.empty()) {
    port_->Flush();
    buffer = port_->Claim();
  }
  if (!buffer.empty()) {
    std::copy(bytes.begin(), bytes.end(), buffer.begin());
    port_->Send(bytes.size(), to);
  }
}

void FaultyPort::Send(std::size_t bytes, Endpoint to) {
  const std::span<std::byte> datagram = std::span(buffer_).first(bytes);
  constexpr unsigned kWhole = 1000;
  if (Draw(kWhole) < faults_.lost) {
    ++counts_.lost;
    return;
  }
  if (Draw(kWhole) < faults_.doubled) {
    ++counts_.doubled;
    Pass(datagram, to);
  }
  if (Draw(kWhole) < faults_.altered) {
    ++counts_.altered;
    datagram[Draw(static_cast<unsigned>(bytes))] ^= static_cast<std::byte>(1U << Draw(8));
  }
  if (Draw(kWhole) < faults_.held) {
    ++counts_.held;
    held_.push_back({.to = to,
                     .until = flushes_ + 1 + Draw(faults_.most_flushes),
                     .bytes = {datagram.begin(), datagram.end()}});
    return;
  }
  Pass(datagram, to);
}

std::uint64_t FaultyPort::SendLent(std::size_t head_bytes, std::span<const std::byte> lent,
                                   std::size_t tail_bytes, Endpoint to) {
  if (faults_.lost + faults_.doubled + faults_.altered + faults_.held != 0) {
    std::byte* const tail = buffer_.data() + head_bytes;
    std::memmove(tail + lent.size(), tail, tail_bytes);
    std::memcpy(tail, lent.data(), lent.size());
    Send(head_bytes + lent.size() + tail_bytes, to);
    return 0;
  }
  const std::span<std::byte> buffer = port_->Claim();
  if (buffer.empty()) {
    return 0;
  }
  std::memcpy(buffer.data(), buffer_.data(), head_bytes + tail_bytes);
  return port_->SendLent(head_bytes, lent, tail_bytes, to);
}

void FaultyPort::Flush() {
  ++flushes_;
  for (std::size_t i = 0; i < held_.size();) {
    if (held_[i].until <= flushes_) {
      Pass(held_[i].bytes, held_[i].to);
      held_.erase(held_.begin() + static_cast<std::ptrdiff_t>(i));
    } else {
      ++i;
    }
  }
  port_->Flush();
}

}  // namespace gaios::transport::udp
