#include "gaios/transport/udp/seal.h"

#include <cstring>

#define XXH_INLINE_ALL
#include <xxhash.h>

namespace gaios::transport::udp {
namespace {

constexpr std::size_t kSumBytes = sizeof(XXH128_canonical_t);
static_assert(kTrailerBytes == sizeof(std::uint64_t) + kSumBytes);

XXH128_canonical_t SumOf(std::span<const std::byte> bytes) {
  XXH128_canonical_t sum;
  XXH128_canonicalFromHash(&sum, XXH3_128bits(bytes.data(), bytes.size()));
  return sum;
}

}  // namespace

bool Seal::Close(std::span<std::byte> datagram) {
  if (authenticator_.has_value()) {
    return authenticator_->Seal(datagram);
  }
  ++sent_;
  std::byte* const sum = datagram.data() + datagram.size() - kSumBytes;
  std::memcpy(sum - sizeof(sent_), &sent_, sizeof(sent_));
  const XXH128_canonical_t made = SumOf(datagram.first(datagram.size() - kSumBytes));
  std::memcpy(sum, &made, kSumBytes);
  return true;
}

bool Seal::CloseAround(std::span<const std::byte> head, std::span<const std::byte> lent,
                       std::span<std::byte, kTrailerBytes> trailer) {
  if (authenticator_.has_value()) {
    return authenticator_->SealAround(head, lent, trailer);
  }
  ++sent_;
  std::memcpy(trailer.data(), &sent_, sizeof(sent_));
  XXH3_state_t state;
  XXH3_128bits_reset(&state);
  XXH3_128bits_update(&state, head.data(), head.size());
  XXH3_128bits_update(&state, lent.data(), lent.size());
  XXH3_128bits_update(&state, trailer.data(), sizeof(sent_));
  XXH128_canonical_t sum;
  XXH128_canonicalFromHash(&sum, XXH3_128bits_digest(&state));
  std::memcpy(trailer.data() + sizeof(sent_), &sum, kSumBytes);
  return true;
}

std::optional<Drop> Seal::Open(std::span<std::byte> datagram) {
  if (!authenticator_.has_value()) {
    const XXH128_canonical_t made = SumOf(datagram.first(datagram.size() - kSumBytes));
    if (std::memcmp(&made, datagram.data() + datagram.size() - kSumBytes, kSumBytes) != 0) {
      return Drop::kForged;
    }
    return std::nullopt;
  }
  switch (authenticator_->Open(datagram)) {
    case OpenVerdict::kGood:
      return std::nullopt;
    case OpenVerdict::kTruncated:
      return Drop::kTruncated;
    case OpenVerdict::kForged:
      return Drop::kForged;
    case OpenVerdict::kReplayed:
    case OpenVerdict::kTooOld:
      return Drop::kReplayed;
  }
  return Drop::kForged;
}

}  // namespace gaios::transport::udp
