#include "gaios/paxos/readmission.h"

#include <cstring>

#include "gaios/paxos/limits.h"

namespace gaios::paxos {
namespace {

struct Payload {
  std::uint32_t replica = 0;
  std::uint32_t old = 0;
  std::uint32_t fresh = 0;
  std::uint32_t zero = 0;
};
static_assert(sizeof(Payload) == kReadmissionBytes);

}  // namespace

void EncodeReadmission(const Readmission& readmission, std::span<std::byte, kReadmissionBytes> out) {
  const Payload payload{readmission.replica.value(), readmission.old.value(), readmission.fresh.value(), 0};
  std::memcpy(out.data(), &payload, sizeof(payload));
}

std::optional<Readmission> DecodeReadmission(std::span<const std::byte> bytes) {
  Payload payload;
  if (bytes.size() != sizeof(payload)) {
    return std::nullopt;
  }
  std::memcpy(&payload, bytes.data(), sizeof(payload));
  if (payload.replica >= kMaxReplicas || payload.fresh > Ballot::kMaxIncarnation ||
      payload.old >= payload.fresh || payload.zero != 0) {
    return std::nullopt;
  }
  return Readmission{ReplicaId(static_cast<std::uint8_t>(payload.replica)), Incarnation(payload.old),
                     Incarnation(payload.fresh)};
}

}  // namespace gaios::paxos
