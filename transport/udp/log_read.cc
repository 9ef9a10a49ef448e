#include "gaios/transport/udp/log_read.h"

#include <algorithm>
#include <cstring>

#include "gaios/base/check.h"

namespace gaios::transport::udp {

LogRead::LogRead(std::size_t max_bytes)
    : bytes_(max_bytes), come_(max_bytes / (kMinPayloadBytes - kOverheadBytes - kKindBytes) + 1) {}

void LogRead::Reserve(ReplicaId peer, const Grant& grant, Range range) {
  GAIOS_CHECK(!active_, "one read is under way at a time");
  active_ = true;
  peer_ = peer;
  grant_ = grant;
  range_ = range;
  ++number_;
  piece_bytes_ = 0;
}

void LogRead::Begin(std::size_t piece_bytes) {
  piece_bytes_ = piece_bytes;
  missing_ = Pieces();
  awaited_ = first_missing_ = missing_when_asked_ = 0;
  std::fill_n(come_.begin(), missing_, false);
}

std::optional<Range> LogRead::ToAsk(std::uint64_t now_ns, std::uint64_t timeout_ns) {
  if (!active_ || !begun() || missing_ == 0 || (awaited_ != 0 && now_ns - asked_ns_ < timeout_ns)) {
    return std::nullopt;
  }
  const std::size_t pieces = Pieces();
  while (come_[first_missing_]) {
    ++first_missing_;
  }
  std::size_t end = first_missing_;
  while (end < pieces && end - first_missing_ < kStretch && !come_[end]) {
    ++end;
  }
  awaited_ = end - first_missing_;
  if (missing_ != missing_when_asked_) {
    missing_when_asked_ = missing_;
    progress_ns_ = now_ns;
  }
  asked_ns_ = now_ns;
  const Position to = std::min(range_.from + end * piece_bytes_, range_.to);
  return Range{.from = range_.from + first_missing_ * piece_bytes_, .to = to};
}

bool LogRead::Take(Position at, std::span<const std::byte> bytes) {
  if (!active_ || !begun() || at < range_.from || at >= range_.to || (at - range_.from) % piece_bytes_ != 0 ||
      bytes.size() != std::min<std::size_t>(piece_bytes_, range_.to - at)) {
    return false;
  }
  const std::size_t piece = (at - range_.from) / piece_bytes_;
  if (!come_[piece]) {
    come_[piece] = true;
    --missing_;
    awaited_ -= awaited_ == 0 ? 0 : 1;
    std::memcpy(bytes_.data() + (at - range_.from), bytes.data(), bytes.size());
  }
  return true;
}

void LogRead::Land(const LogMemory& log) const {
  CopyIn(log, range_.from, std::span(bytes_).first(range_.size()));
}

}  // namespace gaios::transport::udp
