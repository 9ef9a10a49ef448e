#ifndef GAIOS_TRANSPORT_VERBS_DEVICE_H_
#define GAIOS_TRANSPORT_VERBS_DEVICE_H_

// The calls of libibverbs that the transport makes, as an interface. LibverbsDevice passes them on; tests put
// a network of their own behind it, for failures that no device produces when asked. On the fast path it adds
// one predicted indirect call to a call that is indirect already.
//
// Threads: as libibverbs has it, every call may come from any thread. Ownership: what Create or Register
// returns belongs to the caller, who gives it back with the counterpart before the device goes. Errors: calls
// that return int give 0 or a value of errno; those that return a pointer give null and set errno.

#include <infiniband/verbs.h>

#include <array>
#include <cstddef>
#include <cstdint>
#include <optional>
#include <string>

#include "gaios/transport/verbs/device_event.h"

namespace gaios::transport::verbs {

using Gid = std::array<std::uint8_t, 16>;

// What a peer needs to reach a port.
struct PortAddress {
  Gid gid = {};
  std::uint16_t lid = 0;        // InfiniBand; 0 on Ethernet
  std::uint8_t link_layer = 0;  // IBV_LINK_LAYER_*
  std::uint8_t mtu = 0;         // ibv_mtu, as active on the port
};

// What is known of a device and the port in use. Constant while it is open.
struct DeviceFacts {
  std::string name;
  std::string driver;  // of the kernel: "mlx5_core", "rdma_rxe"; empty when it cannot be told
  std::uint8_t port = 0;
  std::uint8_t gid_index = 0;
  PortAddress address;
  bool iwarp = false;
  int max_queue_pair_depth = 0;    // work requests
  int max_completions = 0;         // of one completion queue
  int max_reads_as_requester = 0;  // reads under way on one queue pair
  int max_reads_as_responder = 0;
  std::uint32_t max_message_bytes = 0;
  bool atomics = false;
  bool memory_windows = false;
};

class RdmaDevice {
 public:
  virtual ~RdmaDevice() = default;

  [[nodiscard]] virtual const DeviceFacts& facts() const = 0;

  // ---- cold
  virtual ibv_mr* RegisterMemory(void* at, std::size_t bytes, int access) = 0;
  [[nodiscard]] virtual int DeregisterMemory(ibv_mr* region) = 0;
  virtual ibv_cq* CreateCompletionQueue(int depth) = 0;
  [[nodiscard]] virtual int DestroyCompletionQueue(ibv_cq* queue) = 0;
  // Of type RC. `attributes.cap` says afterwards what was given.
  virtual ibv_qp* CreateQueuePair(ibv_qp_init_attr& attributes) = 0;
  [[nodiscard]] virtual int ModifyQueuePair(ibv_qp* pair, ibv_qp_attr& attributes, int mask) = 0;
  [[nodiscard]] virtual int DestroyQueuePair(ibv_qp* pair) = 0;
  // The next event that waits, if one does. Never waits itself.
  virtual std::optional<DeviceEvent> NextEvent() = 0;

  // ---- hot
  [[nodiscard]] virtual int PostSend(ibv_qp* pair, ibv_send_wr* first, ibv_send_wr** bad) = 0;
  [[nodiscard]] virtual int PostReceive(ibv_qp* pair, ibv_recv_wr* first, ibv_recv_wr** bad) = 0;
  // The number taken, or less than 0.
  [[nodiscard]] virtual int PollCompletions(ibv_cq* queue, int most, ibv_wc* completions) = 0;
};

}  // namespace gaios::transport::verbs

#endif  // GAIOS_TRANSPORT_VERBS_DEVICE_H_
