#ifndef GAIOS_TRANSPORT_SHM_INBOX_H_
#define GAIOS_TRANSPORT_SHM_INBOX_H_

// Packets through memory: an inbox is a page that its owner has made for one connection, and passed to the
// peer at the other end, which puts packets into it. No system call at either end. What does not fit (a
// descriptor, a long message, one packet more than there are frames) goes by the socket.
//
// One order for both ways: each frame says how many packets its sender had sent by the socket before it
// (`after`). Whoever takes in the packets of one peer takes a frame when it has taken in that many, and not
// before; and all frames that may be taken before the next packet of the socket.
//
// Frame n of a connection, counted from 1, stands in place (n - 1) % kInboxFrames. It is there when its
// sequence, which is stored last, is n. What the peer can write is believed by nobody: a frame is copied out,
// and looked at after that. The owner counts by itself what it has taken; the word that it tells the peer by
// tells the peer only, which goes by the socket when that word makes no sense.
//
// The writer and the reader are each for one thread. A page has one writer and one reader.

#include <array>
#include <atomic>
#include <cstddef>
#include <cstdint>
#include <cstring>
#include <span>

#include "gaios/base/align.h"
#include "gaios/transport/shm/layout.h"
#include "gaios/transport/shm/shared_bytes.h"

namespace gaios::transport::shm {

inline constexpr std::size_t kInboxFrames = 16;
// Bytes of the longest packet that goes through an inbox: a message of the protocol with its header.
inline constexpr std::size_t kMaxFramedBytes = 112;

// The part of a frame that is copied as a whole.
struct Framed {
  std::uint32_t after = 0;  // packets sent by the socket before it, of this connection
  std::uint32_t bytes = 0;
  std::array<std::byte, kMaxFramedBytes> packet = {};
};

struct alignas(base::kCacheLineBytes) Frame {
  SharedWord sequence{0};
  Framed framed;
};

struct InboxPage {
  PaddedWord taken;  // by the owner: frames up to this one
  std::array<Frame, kInboxFrames> frames;
};

static_assert(sizeof(Framed) % sizeof(std::uint64_t) == 0 && sizeof(Frame) == 2 * base::kCacheLineBytes);
static_assert(sizeof(InboxPage) <= kPageBytes);

inline constexpr std::size_t kInboxBytes = kPageBytes;

// The peer's end.
class InboxWriter {
 public:
  InboxWriter() = default;
  // `page` is fresh, and outlives the writer.
  explicit InboxWriter(InboxPage* page) : page_(page) {}

  // False when there is no inbox, no place in it, or the packet is too long.
  [[nodiscard]] bool Put(std::span<const std::byte> packet, std::uint32_t after) {
    if (page_ == nullptr || packet.size() > kMaxFramedBytes || !HasRoom()) {
      return false;
    }
    Framed framed;
    framed.after = after;
    framed.bytes = static_cast<std::uint32_t>(packet.size());
    if (!packet.empty()) {  // else it may be null
      std::memcpy(framed.packet.data(), packet.data(), packet.size());
    }
    Frame& frame = page_->frames[(next_ - 1) % kInboxFrames];
    CopyShared(reinterpret_cast<std::byte*>(&frame.framed), reinterpret_cast<const std::byte*>(&framed),
               sizeof(framed));
    frame.sequence.store(next_, std::memory_order_release);
    ++next_;
    return true;
  }

 private:
  // The owner's word counts only where it says what can be.
  [[nodiscard]] bool HasRoom() {
    if (next_ - known_taken_ <= kInboxFrames) {
      return true;
    }
    const std::uint64_t taken = page_->taken.value.load(std::memory_order_acquire);
    if (taken < known_taken_ || taken >= next_) {
      return false;
    }
    known_taken_ = taken;
    return next_ - known_taken_ <= kInboxFrames;
  }

  InboxPage* page_ = nullptr;
  std::uint64_t next_ = 1;
  std::uint64_t known_taken_ = 0;
};

// The owner's end.
class InboxReader {
 public:
  enum class Look : std::uint8_t {
    kNothing,
    kFrame,
    kMalformed,  // what no writer leaves there
  };

  InboxReader() = default;
  explicit InboxReader(InboxPage* page) : page_(page) {}

  // Copies the oldest frame out. It stays until it is taken.
  [[nodiscard]] Look Next(Framed& framed) const {
    if (page_ == nullptr) {
      return Look::kNothing;
    }
    const Frame& frame = page_->frames[(next_ - 1) % kInboxFrames];
    const std::uint64_t sequence = frame.sequence.load(std::memory_order_acquire);
    if (sequence != next_) [[likely]] {
      const std::uint64_t before = next_ > kInboxFrames ? next_ - kInboxFrames : 0;
      return sequence == before ? Look::kNothing : Look::kMalformed;
    }
    CopyShared(reinterpret_cast<std::byte*>(&framed), reinterpret_cast<const std::byte*>(&frame.framed),
               sizeof(framed));
    return framed.bytes <= kMaxFramedBytes ? Look::kFrame : Look::kMalformed;
  }
  // The frame that Next has copied out.
  void Take() {
    page_->taken.value.store(next_, std::memory_order_release);
    ++next_;
  }

 private:
  InboxPage* page_ = nullptr;
  std::uint64_t next_ = 1;
};

}  // namespace gaios::transport::shm

#endif  // GAIOS_TRANSPORT_SHM_INBOX_H_
