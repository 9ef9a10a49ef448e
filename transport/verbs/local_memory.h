#ifndef GAIOS_TRANSPORT_VERBS_LOCAL_MEMORY_H_
#define GAIOS_TRANSPORT_VERBS_LOCAL_MEMORY_H_

// The memory of a replica's device but for the log, in one piece, so that it may be on a huge page: first a
// page for the control region, which is registered by itself; then what the device reads and writes for its
// own replica alone, in one registration without any remote right: messages, copies of peers' control
// regions, words on their way, and the bytes of a read of a peer's log. Constant once made; any thread.

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <utility>

#include "gaios/base/memory.h"
#include "gaios/paxos/limits.h"
#include "gaios/transport/verbs/layout.h"
#include "gaios/transport/verbs/wire.h"

namespace gaios::transport::verbs {

// Messages that may be under way to one peer; as many receives wait there, and some for bare credits.
inline constexpr std::uint32_t kCredits = 64;
// A bare credit is sent for so many messages taken. Of bare credits no more can wait to be taken than
// kCredits / kCreditStep and one, since what they are sent for is itself on credit.
inline constexpr std::uint32_t kCreditStep = 16;
inline constexpr std::uint32_t kReceives = kCredits + 2 * (kCredits / kCreditStep);
inline constexpr std::uint32_t kSendSlots = 32;
inline constexpr std::size_t kMessageSlotBytes = 256;
// Looks at a control region under way, one of them the transport's own.
inline constexpr std::uint32_t kControlSlots = paxos::kMaxPostedPerLink + 1;
inline constexpr std::size_t kControlSlotBytes = base::RoundUp(sizeof(ControlRegion), base::kCacheLineBytes);
// Words posted and not completed, on one path.
inline constexpr std::uint32_t kWordSlots = 2 * paxos::kMaxPostedPerLink;
static_assert(kMessageBytes <= kMessageSlotBytes);

class LocalMemory {
 public:
  LocalMemory() = default;
  LocalMemory(base::Memory memory, std::size_t staging_bytes)
      : memory_(std::move(memory)), staging_bytes_(staging_bytes) {}

  [[nodiscard]] static std::size_t Bytes(std::size_t staging_bytes) {
    return kPageBytes + kHeadBytes + kPeerBytes * paxos::kMaxReplicas + staging_bytes;
  }
  [[nodiscard]] const base::Memory& memory() const { return memory_; }

  [[nodiscard]] std::byte* control_page() const { return memory_.data(); }
  // What is behind that, for the own device alone.
  [[nodiscard]] std::byte* buffers() const { return memory_.data() + kPageBytes; }
  [[nodiscard]] std::size_t buffers_bytes() const { return memory_.size() - kPageBytes; }

  // Where the read after a fence lands.
  [[nodiscard]] std::byte* flush() const { return buffers(); }
  [[nodiscard]] std::byte* receive_slot(std::size_t peer, std::size_t slot) const {
    return AtPeer(peer) + slot * kMessageSlotBytes;
  }
  [[nodiscard]] std::byte* send_slot(std::size_t peer, std::size_t slot) const {
    return AtPeer(peer) + kSendsAt + slot * kMessageSlotBytes;
  }
  [[nodiscard]] std::byte* control_slot(std::size_t peer, std::size_t slot) const {
    return AtPeer(peer) + kControlsAt + slot * kControlSlotBytes;
  }
  [[nodiscard]] std::uint64_t* word_slot(std::size_t peer, std::size_t slot) const {
    return reinterpret_cast<std::uint64_t*>(AtPeer(peer) + kWordsAt) + slot;
  }
  [[nodiscard]] std::byte* staging() const {
    return buffers() + kHeadBytes + kPeerBytes * paxos::kMaxReplicas;
  }
  [[nodiscard]] std::size_t staging_bytes() const { return staging_bytes_; }

 private:
  static constexpr std::size_t kHeadBytes = base::kCacheLineBytes;
  static constexpr std::size_t kSendsAt = kReceives * kMessageSlotBytes;
  static constexpr std::size_t kControlsAt = kSendsAt + kSendSlots * kMessageSlotBytes;
  static constexpr std::size_t kWordsAt = kControlsAt + kControlSlots * kControlSlotBytes;
  static constexpr std::size_t kPeerBytes = kWordsAt + kWordSlots * sizeof(std::uint64_t);
  static_assert(kPeerBytes % base::kCacheLineBytes == 0);

  [[nodiscard]] std::byte* AtPeer(std::size_t peer) const {
    return buffers() + kHeadBytes + kPeerBytes * peer;
  }

  base::Memory memory_;
  std::size_t staging_bytes_ = 0;
};

}  // namespace gaios::transport::verbs

#endif  // GAIOS_TRANSPORT_VERBS_LOCAL_MEMORY_H_
