#ifndef GAIOS_TESTS_TRANSPORT_VERBS_INJECTING_DEVICE_H_
#define GAIOS_TESTS_TRANSPORT_VERBS_INJECTING_DEVICE_H_

// A device of this host that is given wrong orders when a test wants it, so that what comes of them is the
// real thing: another memory key than the peer's, another queue pair than the peer's. Requests may be made on
// any thread.

#include <atomic>
#include <memory>
#include <utility>

#include "gaios/transport/verbs/device.h"

namespace gaios::transport::verbs {

class InjectingDevice final : public RdmaDevice {
 public:
  explicit InjectingDevice(std::unique_ptr<RdmaDevice> device) : device_(std::move(device)) {}

  // The next write goes out with a key that the peer does not have.
  std::atomic<bool> wrong_key = false;
  // The next queue pair that writes is connected to a number that the peer does not have.
  std::atomic<bool> wrong_number = false;

  [[nodiscard]] const DeviceFacts& facts() const override { return device_->facts(); }
  ibv_mr* RegisterMemory(void* at, std::size_t bytes, int access) override {
    return device_->RegisterMemory(at, bytes, access);
  }
  [[nodiscard]] int DeregisterMemory(ibv_mr* region) override { return device_->DeregisterMemory(region); }
  ibv_cq* CreateCompletionQueue(int depth) override { return device_->CreateCompletionQueue(depth); }
  [[nodiscard]] int DestroyCompletionQueue(ibv_cq* queue) override {
    return device_->DestroyCompletionQueue(queue);
  }
  ibv_qp* CreateQueuePair(ibv_qp_init_attr& attributes) override {
    return device_->CreateQueuePair(attributes);
  }
  [[nodiscard]] int ModifyQueuePair(ibv_qp* pair, ibv_qp_attr& attributes, int mask) override {
    ibv_qp_attr asked = attributes;
    if (attributes.qp_state == IBV_QPS_RTR && wrong_number.exchange(false)) {
      asked.dest_qp_num = (asked.dest_qp_num + kFarAway) & kLargestNumber;
    }
    return device_->ModifyQueuePair(pair, asked, mask);
  }
  [[nodiscard]] int DestroyQueuePair(ibv_qp* pair) override { return device_->DestroyQueuePair(pair); }
  std::optional<DeviceEvent> NextEvent() override { return device_->NextEvent(); }
  [[nodiscard]] int PostSend(ibv_qp* pair, ibv_send_wr* first, ibv_send_wr** bad) override {
    if (first->opcode == IBV_WR_RDMA_WRITE && wrong_key.exchange(false)) {
      first->wr.rdma.rkey ^= kOtherKey;
    }
    return device_->PostSend(pair, first, bad);
  }
  [[nodiscard]] int PostReceive(ibv_qp* pair, ibv_recv_wr* first, ibv_recv_wr** bad) override {
    return device_->PostReceive(pair, first, bad);
  }
  [[nodiscard]] int PollCompletions(ibv_cq* queue, int most, ibv_wc* completions) override {
    return device_->PollCompletions(queue, most, completions);
  }

 private:
  static constexpr std::uint32_t kOtherKey = 0x5500;
  static constexpr std::uint32_t kFarAway = 0x5000;
  static constexpr std::uint32_t kLargestNumber = 0xffffff;

  const std::unique_ptr<RdmaDevice> device_;
};

}  // namespace gaios::transport::verbs

#endif  // GAIOS_TESTS_TRANSPORT_VERBS_INJECTING_DEVICE_H_
