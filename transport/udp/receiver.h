#ifndef GAIOS_TRANSPORT_UDP_RECEIVER_H_
#define GAIOS_TRANSPORT_UDP_RECEIVER_H_

// What an acceptor keeps account of for the holder of its latest grant: which writes have been taken.
//
// A write is taken once: one that is sent again, doubled or late changes nothing, since its sequence has been
// passed. Bytes are placed as they come, in any order; log words wait until everything before them is there:
// a commit word must not be seen beside an older entry that its writer is about to replace. One thread;
// nothing allocates.

#include <array>
#include <cstddef>
#include <cstdint>
#include <span>

#include "gaios/transport/transport.h"
#include "gaios/transport/udp/wire.h"

namespace gaios::transport::udp {

// Where the writes go. The ring and the words belong to the transport.
struct LogMemory {
  std::byte* ring = nullptr;
  std::size_t capacity = 0;
  std::array<std::uint64_t, kLogWords>* words = nullptr;
};

// Copies between a ring and bytes in a row.
void CopyIn(const LogMemory& log, Position at, std::span<const std::byte> bytes);
void CopyOut(const LogMemory& log, Position at, std::span<std::byte> bytes);

class Receiver {
 public:
  enum class Taken : std::uint8_t {
    kPlaced,
    kAgain,    // it had been taken before
    kOutside,  // its bytes are beyond what may be overwritten (P8)
    kFar,      // its sequence is further ahead than a sender may go
  };

  // A new grant: nothing has been taken.
  void Restart();
  // A write under the latest grant, by its holder. `applied` is the own applied position: bytes go no further
  // than a capacity beyond it.
  Taken Take(const WriteBody& write, std::span<const std::byte> bytes, Position applied,
             const LogMemory& log);

  [[nodiscard]] std::uint64_t cumulative() const { return cumulative_; }
  // Fills `words` with what has been taken beyond the cumulative sequence. Returns how many words that takes.
  [[nodiscard]] std::uint32_t Bitmap(std::array<std::uint64_t, kMaxBitmapWords>& words) const;

 private:
  struct Slot {
    bool taken = false;
    std::uint8_t word_set = 0;
    std::array<std::uint64_t, kLogWords> words = {};
  };
  std::uint64_t cumulative_ = 0;
  std::uint64_t highest_ = 0;  // taken
  std::array<Slot, kWindow> slots_;
};

}  // namespace gaios::transport::udp

#endif  // GAIOS_TRANSPORT_UDP_RECEIVER_H_
