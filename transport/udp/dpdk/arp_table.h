#ifndef GAIOS_TRANSPORT_UDP_DPDK_ARP_TABLE_H_
#define GAIOS_TRANSPORT_UDP_DPDK_ARP_TABLE_H_

// Who has which address on the link: what a Port knows of its neighbours, and when to ask for it. It sends
// nothing itself.
//
// An address is asked for when something is to be sent there: at once, then after first_wait_ns, and with
// twice the wait each time up to max_wait_ns, until it is answered or nothing is sent there any more. An
// answer holds for fresh_ns. Then it is asked for again while it is still used, and forgotten after kMaxAsks
// questions without an answer: whoever has left is not sent to for ever.
//
// ARP proves nothing. Whoever is on the link can answer for everybody, and so cut a Port off; what arrives
// is proved by other means (authenticator.h).
//
// Not thread-safe; allocates nothing. All times in nanoseconds of one clock.

#include <array>
#include <cstddef>
#include <cstdint>
#include <optional>

#include "gaios/transport/udp/dpdk/frame.h"

namespace gaios::transport::udp::dpdk {

inline constexpr std::size_t kMaxNeighbours = 128;

class ArpTable {
 public:
  struct Timing {
    std::uint64_t first_wait_ns = 10'000'000;
    std::uint64_t max_wait_ns = 1'000'000'000;
    std::uint64_t fresh_ns = 30'000'000'000;
  };
  static constexpr std::uint32_t kMaxAsks = 4;

  ArpTable() : ArpTable(Timing()) {}
  explicit ArpTable(const Timing& timing) : timing_(timing) {}

  // Where to send what is for `address`; null while that is not known, and then it is asked for. The result
  // is valid until the next call of anything here. A full table gives up the neighbour that was not used for
  // longest.
  [[nodiscard]] const MacAddress* Find(std::uint32_t address, std::uint64_t now_ns);

  // Somebody has said that `address` is at `mac`. Kept when the address is asked for or known; else only
  // with `may_add`, and only if that takes no other neighbour's place.
  // Whether it was kept.
  bool Learn(std::uint32_t address, const MacAddress& mac, std::uint64_t now_ns, bool may_add);

  // The next address to ask for now, if any. Counts as asked.
  [[nodiscard]] std::optional<std::uint32_t> NextToAsk(std::uint64_t now_ns);

  [[nodiscard]] std::size_t size() const { return size_; }

 private:
  struct Neighbour {
    MacAddress mac = {};
    bool known = false;
    std::uint32_t asks = 0;  // since the last answer
    std::uint64_t used_ns = 0;
    std::uint64_t due_ns = 0;  // when to ask, or to look whether to ask
  };

  [[nodiscard]] std::size_t IndexOf(std::uint32_t address);
  std::size_t Add(std::uint32_t address, std::uint64_t now_ns);
  void Remove(std::size_t index);
  [[nodiscard]] std::uint64_t WaitAfter(std::uint32_t asks) const;

  Timing timing_;
  std::size_t size_ = 0;
  std::size_t last_ = 0;  // found last
  // No neighbour is due before.
  std::uint64_t next_due_ns_ = 0;
  // Apart from the rest, so that a search reads little.
  std::array<std::uint32_t, kMaxNeighbours> addresses_ = {};
  std::array<Neighbour, kMaxNeighbours> neighbours_ = {};
};

}  // namespace gaios::transport::udp::dpdk

#endif  // GAIOS_TRANSPORT_UDP_DPDK_ARP_TABLE_H_
