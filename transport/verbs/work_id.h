#ifndef GAIOS_TRANSPORT_VERBS_WORK_ID_H_
#define GAIOS_TRANSPORT_VERBS_WORK_ID_H_

// What a work request carries and its completion brings back. A completion may come after its queue pair is
// gone, so it names the life of the path or link that it was posted for. Plain values; any thread.

#include <cstdint>

#include "gaios/transport/transport.h"

namespace gaios::transport::verbs {

enum class WorkKind : std::uint8_t {
  kPath = 1,     // writes and reads of a peer's log; the number counts work requests of the path
  kControl = 2,  // a look at a control region; the number is that of its slot
  kSend = 3,     // a message; likewise
  kReceive = 4,  // likewise
  kFlush = 5,    // the read after a fence; the number counts flushes
};

struct WorkId {
  WorkKind kind = WorkKind::kPath;
  std::uint8_t peer = 0;
  std::uint16_t life = 0;  // of the path or link
  std::uint32_t number = 0;

  [[nodiscard]] constexpr std::uint64_t Packed() const {
    return (static_cast<std::uint64_t>(kind) << 56) | (static_cast<std::uint64_t>(peer) << 48) |
           (static_cast<std::uint64_t>(life) << 32) | number;
  }
  static constexpr WorkId FromPacked(std::uint64_t packed) {
    return {.kind = static_cast<WorkKind>(packed >> 56),
            .peer = static_cast<std::uint8_t>(packed >> 48),
            .life = static_cast<std::uint16_t>(packed >> 32),
            .number = static_cast<std::uint32_t>(packed)};
  }
};

}  // namespace gaios::transport::verbs

#endif  // GAIOS_TRANSPORT_VERBS_WORK_ID_H_
