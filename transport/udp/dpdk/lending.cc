// Datagrams of which a part is sent from the memory of the port's user.

#include <rte_dev.h>
#include <rte_eal.h>
#include <rte_errno.h>
#include <rte_ethdev.h>
#include <rte_mbuf.h>
#include <rte_memory.h>
#include <unistd.h>

#include <cstring>
#include <memory>
#include <system_error>

#include <absl/strings/str_cat.h>

#include "gaios/base/check.h"
#include "gaios/transport/udp/dpdk/dpdk_port.h"
#include "gaios/transport/udp/dpdk/environment.h"

namespace gaios::transport::udp::dpdk {
namespace {

constexpr std::uint16_t kQueue = 0;
constexpr std::size_t kFrameOffset = RTE_PKTMBUF_HEADROOM - kHeaderBytes;
// Of those whose loans are not over yet, a device is asked to free so many at a time: all.
constexpr std::uint32_t kAllDone = 0;
// What a device that sends empties its queue in.
constexpr std::uint64_t kPatienceNs = 10'000'000;

std::byte* BufferOf(rte_mbuf& frame) {
  return static_cast<std::byte*>(frame.buf_addr);
}

}  // namespace

// What DPDK keeps of a loan, until the device has let go of it.
struct DpdkPort::Loan {
  rte_mbuf_ext_shared_info shared = {};
  LoanBook* book = nullptr;
  std::uint64_t number = 0;

  // On the thread of the port: by the driver, when it is given the next frames, or asked, or closed.
  static void Over(void* /*address*/, void* loan) {
    const Loan& over = *static_cast<const Loan*>(loan);
    over.book->End(over.number);
  }
};

// Before the device is configured: one that sends in pieces is configured otherwise. Of its limits 0 says
// that it names none.
void DpdkPort::PlanLoans(const DevicePlan& plan, const rte_eth_dev_info& info) {
  card_ = plan.device.pci;
  may_keep_frames_ = plan.may_keep_frames;
  if (options_.zero_copy == ZeroCopy::kNever || options_.least_loan_bytes >= max_payload_) {
    return;
  }
  const auto below = [](std::size_t limit, std::size_t wanted) { return limit != 0 && limit < wanted; };
  if ((info.tx_offload_capa & RTE_ETH_TX_OFFLOAD_MULTI_SEGS) == 0 ||
      below(info.tx_desc_lim.nb_mtu_seg_max, kPiecesOfALoan)) {
    why_copied_ = absl::StrCat("its driver does not take datagrams in ", kPiecesOfALoan, " pieces");
  } else if (below(info.tx_desc_lim.nb_max, kPiecesOfALoan * kBurst)) {
    why_copied_ = absl::StrCat("its queue holds ", info.tx_desc_lim.nb_max,
                               " pieces of datagrams, and a burst may be ", kPiecesOfALoan * kBurst);
  } else if (!plan.may_lend) {
    why_copied_ =
        "its driver is not known to let go at once of what it has sent, and commits would wait for that. "
        "zero_copy = \"always\" sends them from the log all the same; read docs/dpdk.md before";
  }
  lends_ = why_copied_.empty();
}

void DpdkPort::Lend(std::span<std::byte> memory) {
  GAIOS_CHECK(loan_places_ == nullptr, "memory is lent once");
  if (lends_) {
    why_copied_ = WhyNoLoans(memory);
  }
  if (!why_copied_.empty()) {
    notices_.push_back(
        absl::StrCat("writes are copied on their way to ", options_.device, ": ", why_copied_));
  }
  if (!lends_ || !why_copied_.empty()) {
    return;
  }
  loans_ = LoanBook(kMostLoans);
  loan_places_.reset(new Loan[kMostLoans]);
  for (std::size_t place = 0; place < kMostLoans; ++place) {
    loan_places_[place].book = &loans_;
    loan_places_[place].shared.free_cb = Loan::Over;
    loan_places_[place].shared.fcb_opaque = &loan_places_[place];
  }
  least_loan_ = options_.least_loan_bytes;
  notices_.push_back(absl::StrCat("datagrams with ", least_loan_, " bytes of a write and more are sent by ",
                                  options_.device, " from the log, without a copy"));
}

// Empty: there is nothing against it.
std::string DpdkPort::WhyNoLoans(std::span<std::byte> memory) {
  static_cast<void>(TakeMessages());
  if (may_keep_frames_ && ::rte_eth_tx_done_cleanup(port_id_, kQueue, kAllDone) == -ENOTSUP) {
    return "its driver cannot be asked to let go of what it has sent (tx_done_cleanup)";
  }
  if (card_) {
    if (::rte_eal_iova_mode() != RTE_IOVA_VA) {
      return "it has to address memory as the process does (an IOMMU, and vfio-pci)";
    }
    if (const int error = RegisterLent(memory); error != 0) {
      return absl::StrCat("DPDK cannot register the log with it (", std::generic_category().message(error),
                          ") ", TakeMessages());
    }
  }
  const std::string name = absl::StrCat("gaios_pieces_", port_id_);
  pieces_ =
      ::rte_pktmbuf_pool_create(name.c_str(), kPieceBuffers, kBufferCache, 0, kTailRoomBytes, SOCKET_ID_ANY);
  return pieces_ == nullptr ? absl::StrCat("DPDK has no memory for that, ", TakeMessages()) : "";
}

// Returns what is wrong, as errno has it.
int DpdkPort::RegisterLent(std::span<std::byte> memory) {
  const auto page_bytes = static_cast<std::size_t>(::sysconf(_SC_PAGESIZE));
  if (reinterpret_cast<std::uintptr_t>(memory.data()) % page_bytes != 0 || memory.size() % page_bytes != 0) {
    return EINVAL;
  }
  if (::rte_extmem_register(memory.data(), memory.size(), nullptr, 0, page_bytes) != 0) {
    return rte_errno;
  }
  if (::rte_dev_dma_map(device_, memory.data(), reinterpret_cast<std::uint64_t>(memory.data()),
                        memory.size()) != 0) {
    const int error = rte_errno;
    static_cast<void>(::rte_extmem_unregister(memory.data(), memory.size()));
    return error;
  }
  lent_ = memory;
  return 0;
}

// The device is closed.
void DpdkPort::ForgetLent() {
  if (!lent_.empty()) {
    static_cast<void>(::rte_dev_dma_unmap(device_, lent_.data(),
                                          reinterpret_cast<std::uint64_t>(lent_.data()), lent_.size()));
    static_cast<void>(::rte_extmem_unregister(lent_.data(), lent_.size()));
  }
}

std::uint64_t DpdkPort::SendLent(std::size_t head_bytes, std::span<const std::byte> lent,
                                 std::size_t tail_bytes, Endpoint to) {
  GAIOS_CHECK(claimed_ != nullptr, "SendLent without a buffer of Claim");
  GAIOS_CHECK(head_bytes + lent.size() + tail_bytes <= max_payload_ && tail_bytes <= kTailRoomBytes,
              "a datagram is larger than max_payload");
  rte_mbuf* pieces[kPiecesOfALoan - 1];
  if (loans_.full() || least_loan_ == kNoLoans ||
      ::rte_pktmbuf_alloc_bulk(pieces_, pieces, std::size(pieces)) != 0) [[unlikely]] {
    SendCopy(head_bytes, lent, tail_bytes, to);
    return 0;
  }
  const MacAddress* const mac = FindNeighbour(to);
  if (mac == nullptr) [[unlikely]] {
    ::rte_pktmbuf_free_bulk(pieces, std::size(pieces));
    return 0;
  }
  rte_mbuf& frame = *claimed_;
  claimed_ = nullptr;
  const std::span<std::byte> head(BufferOf(frame) + kFrameOffset, kHeaderBytes + head_bytes);
  const std::span<const std::byte> tail(head.data() + head.size(), tail_bytes);
  WriteHeaders(head, lent, tail, self_, {.mac = *mac, .endpoint = to}, by_device_);

  const std::uint64_t number = loans_.Begin();
  Loan& loan = loan_places_[loans_.PlaceOf(number)];
  loan.number = number;
  ::rte_mbuf_ext_refcnt_set(&loan.shared, 1);
  rte_mbuf& middle = *pieces[0];
  auto* const address = const_cast<std::byte*>(lent.data());  // nobody writes there
  ::rte_pktmbuf_attach_extbuf(&middle, address, reinterpret_cast<rte_iova_t>(address),
                              static_cast<std::uint16_t>(lent.size()), &loan.shared);
  middle.data_len = static_cast<std::uint16_t>(lent.size());
  rte_mbuf& end = *pieces[1];
  end.data_off = 0;
  end.data_len = static_cast<std::uint16_t>(tail_bytes);
  std::memcpy(end.buf_addr, tail.data(), tail_bytes);

  frame.data_off = kFrameOffset;
  frame.data_len = static_cast<std::uint16_t>(head.size());
  frame.pkt_len = static_cast<std::uint32_t>(head.size() + lent.size() + tail_bytes);
  frame.nb_segs = kPiecesOfALoan;
  frame.next = &middle;
  middle.next = &end;
  Queue(frame);
  return number;
}

void DpdkPort::SendCopy(std::size_t head_bytes, std::span<const std::byte> lent, std::size_t tail_bytes,
                        Endpoint to) {
  std::byte* const middle = BufferOf(*claimed_) + RTE_PKTMBUF_HEADROOM + head_bytes;
  std::memmove(middle + lent.size(), middle, tail_bytes);
  std::memcpy(middle, lent.data(), lent.size());
  Send(head_bytes + lent.size() + tail_bytes, to);
}

// A device that has sent frames may keep them until it is given the next ones, or is asked.
std::uint64_t DpdkPort::loans_over() {
  if (loans_.over() != loans_.latest()) [[unlikely]] {
    static_cast<void>(::rte_eth_tx_done_cleanup(port_id_, kQueue, kAllDone));
  }
  return loans_.over();
}

void DpdkPort::EndLoans(std::uint64_t loan) {
  if (loan <= loans_.over()) [[likely]] {
    return;
  }
  Flush();
  const std::uint64_t give_up_ns = options_.clock->NowNs() + kPatienceNs;
  while (up_ && loans_over() < loan && options_.clock->NowNs() < give_up_ns) {
  }
  if (loans_.over() < loan) {
    GiveUpDevice();
  }
}

// A device whose queue stands still, as one does that has no link, keeps what it has. One that is stopped
// reads nothing more, as far as its driver sees to that, and frees what it had. It serves again when it has
// been opened anew. This may be within Receive.
void DpdkPort::GiveUpDevice() {
  stop_error_ = ::rte_eth_dev_stop(port_id_);
  counters_.links_down += up_ ? 1 : 0;
  started_ = up_ = false;
  stuck_ = link_ != InterfaceState::kGone;
  link_ = InterfaceState::kGone;
  loans_.EndAll();  // if the driver frees late after all: what it frees is not read
  least_loan_ = kNoLoans;
}

void DpdkPort::FreeLoans::operator()(Loan* loans) const {
  delete[] loans;
}

}  // namespace gaios::transport::udp::dpdk
