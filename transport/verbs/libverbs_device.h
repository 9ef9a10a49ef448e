#ifndef GAIOS_TRANSPORT_VERBS_LIBVERBS_DEVICE_H_
#define GAIOS_TRANSPORT_VERBS_LIBVERBS_DEVICE_H_

// A device of this host, by libibverbs.

#include <cstdint>
#include <memory>
#include <optional>
#include <span>
#include <string>
#include <vector>

#include <absl/status/status.h>
#include <absl/status/statusor.h>

#include "gaios/transport/verbs/device.h"

namespace gaios::transport::verbs {

// The devices of this host, of each what is known without opening it: its name, its driver, and whether it is
// of iWARP. None where there are none, or no kernel support.
[[nodiscard]] std::vector<DeviceFacts> RdmaDevices();

// The kernel's driver of a device, by its directory below /sys/class/infiniband: that which its hardware is
// bound to, "rdma_rxe" for Soft-RoCE whatever is below it, empty when it cannot be told.
[[nodiscard]] std::string DriverOf(const std::string& sysfs_directory);

struct GidEntry {
  std::uint32_t index = 0;
  bool roce_v2 = false;
  Gid gid = {};
};
// The RoCEv2 address to use: of IPv4 if there is one, else a global one of IPv6, else a link-local one; of
// several the first. Nothing when there is none.
[[nodiscard]] std::optional<GidEntry> ChooseGid(std::span<const GidEntry> entries);

// The entry of the table of a port, called `port` in what is said, that has `address`; any that ChooseGid
// takes when that is empty. FailedPrecondition: there is none. InvalidArgument: that is no address.
[[nodiscard]] absl::StatusOr<GidEntry> FindGid(const std::string& port, std::span<const GidEntry> entries,
                                               const std::string& address);

// "10.0.0.1" or "fd00::1" as the address of RoCEv2 that a port has for it, and the other way. Nothing for
// what is neither.
[[nodiscard]] std::optional<Gid> GidOf(const std::string& address);
[[nodiscard]] std::string AddressOf(const Gid& gid);

// FailedPrecondition unless the port can be used, saying why and what to do.
[[nodiscard]] absl::Status CheckPort(const std::string& device, int port, const ibv_port_attr& attributes);

class LibverbsDevice final : public RdmaDevice {
 public:
  // Opens a device by its name, or the only one when that is empty, and looks at the port. `address`, in
  // numbers: which of the RoCEv2 addresses of the port to use; empty: as ChooseGid does. NotFound: no such
  // device. InvalidArgument: no such port, or several devices and no name, or no address. FailedPrecondition:
  // the port is down, or has no RoCEv2 address, or not this one. Each says what there is and what to do.
  static absl::StatusOr<std::unique_ptr<LibverbsDevice>> Open(const std::string& name, int port,
                                                              const std::string& address = "");

  LibverbsDevice(const LibverbsDevice&) = delete;
  LibverbsDevice& operator=(const LibverbsDevice&) = delete;
  ~LibverbsDevice() override;

  [[nodiscard]] const DeviceFacts& facts() const override { return facts_; }
  // For what only rdma-probe does.
  [[nodiscard]] ibv_pd* protection_domain() const { return domain_; }

  ibv_mr* RegisterMemory(void* at, std::size_t bytes, int access) override;
  [[nodiscard]] int DeregisterMemory(ibv_mr* region) override;
  ibv_cq* CreateCompletionQueue(int depth) override;
  [[nodiscard]] int DestroyCompletionQueue(ibv_cq* queue) override;
  ibv_qp* CreateQueuePair(ibv_qp_init_attr& attributes) override;
  [[nodiscard]] int ModifyQueuePair(ibv_qp* pair, ibv_qp_attr& attributes, int mask) override;
  [[nodiscard]] int DestroyQueuePair(ibv_qp* pair) override;
  std::optional<DeviceEvent> NextEvent() override;
  [[nodiscard]] int PostSend(ibv_qp* pair, ibv_send_wr* first, ibv_send_wr** bad) override {
    return ibv_post_send(pair, first, bad);
  }
  [[nodiscard]] int PostReceive(ibv_qp* pair, ibv_recv_wr* first, ibv_recv_wr** bad) override {
    return ibv_post_recv(pair, first, bad);
  }
  [[nodiscard]] int PollCompletions(ibv_cq* queue, int most, ibv_wc* completions) override {
    return ibv_poll_cq(queue, most, completions);
  }

 private:
  LibverbsDevice() = default;
  absl::Status Learn(int port, const std::string& address);

  ibv_context* context_ = nullptr;
  ibv_pd* domain_ = nullptr;
  DeviceFacts facts_;
};

}  // namespace gaios::transport::verbs

#endif  // GAIOS_TRANSPORT_VERBS_LIBVERBS_DEVICE_H_
