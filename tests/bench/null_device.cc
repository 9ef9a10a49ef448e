#include "tests/bench/null_device.h"

#include <atomic>
#include <bit>
#include <cerrno>
#include <cstring>
#include <deque>
#include <vector>

#include "gaios/base/check.h"

namespace gaios::bench {

using transport::verbs::DeviceFacts;
using transport::verbs::RdmaDevice;

struct NullFabric::Queue : ibv_cq {
  std::vector<ibv_wc> ring;
  std::size_t head = 0;
  std::size_t tail = 0;
  struct Late {
    ibv_wc completion = {};
    std::uint64_t behind_look = 0;  // it is there when so many have been made
  };
  std::deque<Late> late;  // of one delay, so in order
  std::uint64_t looks = 0;

  ibv_wc& Push() {
    GAIOS_CHECK(tail - head < ring.size(), "a completion queue overruns");
    return ring[tail++ & (ring.size() - 1)];
  }
};

struct NullFabric::Pair : ibv_qp {
  Queue* queue = nullptr;
  std::atomic<Pair*> other{nullptr};
  std::size_t late_looks = 0;
  std::mutex mutex;  // of the receives
  struct Receive {
    std::uint64_t id = 0;
    std::uint64_t at = 0;
  };
  std::deque<Receive> receives;
};

class NullDevice final : public RdmaDevice {
 public:
  NullDevice(NullFabric& fabric, std::size_t late_looks) : fabric_(fabric), late_looks_(late_looks) {
    facts_.name = "null0";
    facts_.driver = "mlx5_core";  // so that the transport fences as on an adapter
    facts_.port = 1;
    facts_.address.link_layer = IBV_LINK_LAYER_ETHERNET;
    facts_.address.mtu = IBV_MTU_4096;
    facts_.max_queue_pair_depth = 1 << 15;
    facts_.max_completions = 1 << 16;
    facts_.max_reads_as_requester = 16;
    facts_.max_reads_as_responder = 16;
    facts_.max_message_bytes = 1U << 30;
  }

  [[nodiscard]] const DeviceFacts& facts() const override { return facts_; }

  ibv_mr* RegisterMemory(void* at, std::size_t bytes, int /*access*/) override {
    auto region = std::make_unique<ibv_mr>();
    region->addr = at;
    region->length = bytes;
    region->lkey = region->rkey = 1;
    return region.release();
  }
  int DeregisterMemory(ibv_mr* region) override {
    const std::unique_ptr<ibv_mr> owned(region);
    return 0;
  }
  std::optional<transport::verbs::DeviceEvent> NextEvent() override { return std::nullopt; }
  ibv_cq* CreateCompletionQueue(int depth) override {
    auto queue = std::make_unique<NullFabric::Queue>();
    queue->ring.resize(std::bit_ceil(static_cast<std::size_t>(depth)));
    return queue.release();
  }
  int DestroyCompletionQueue(ibv_cq* queue) override {
    const std::unique_ptr<NullFabric::Queue> owned(static_cast<NullFabric::Queue*>(queue));
    return 0;
  }
  ibv_qp* CreateQueuePair(ibv_qp_init_attr& attributes) override {
    auto pair = std::make_unique<NullFabric::Pair>();
    pair->queue = static_cast<NullFabric::Queue*>(attributes.send_cq);
    pair->late_looks = late_looks_;
    const std::lock_guard lock(fabric_.mutex_);
    pair->qp_num = ++fabric_.last_number_;
    ibv_qp* const result = pair.get();
    fabric_.pairs_[pair->qp_num] = std::move(pair);
    return result;
  }
  int ModifyQueuePair(ibv_qp* handle, ibv_qp_attr& attributes, int mask) override {
    const std::lock_guard lock(fabric_.mutex_);
    if ((mask & IBV_QP_DEST_QPN) != 0) {
      const auto found = fabric_.pairs_.find(attributes.dest_qp_num);
      if (found == fabric_.pairs_.end()) {
        return EINVAL;
      }
      static_cast<NullFabric::Pair*>(handle)->other.store(found->second.get());
    }
    return 0;
  }
  int DestroyQueuePair(ibv_qp* handle) override {
    const std::lock_guard lock(fabric_.mutex_);
    for (const auto& [number, pair] : fabric_.pairs_) {
      NullFabric::Pair* gone = static_cast<NullFabric::Pair*>(handle);
      pair->other.compare_exchange_strong(gone, nullptr);
    }
    fabric_.pairs_.erase(handle->qp_num);
    return 0;
  }

  int PostSend(ibv_qp* handle, ibv_send_wr* first, ibv_send_wr** /*bad*/) override {
    auto* const pair = static_cast<NullFabric::Pair*>(handle);
    for (const ibv_send_wr* work = first; work != nullptr; work = work->next) {
      NullFabric::Pair* const other = pair->other.load(std::memory_order_relaxed);
      const ibv_wc_status status = other == nullptr ? IBV_WC_RETRY_EXC_ERR : Perform(*work, *other);
      if ((work->send_flags & IBV_SEND_SIGNALED) != 0 || status != IBV_WC_SUCCESS) {
        ibv_wc& completion = Place(*pair->queue, other == nullptr ? 0 : other->late_looks);
        completion.wr_id = work->wr_id;
        completion.status = status;
        completion.qp_num = pair->qp_num;
      }
    }
    return 0;
  }
  int PostReceive(ibv_qp* handle, ibv_recv_wr* first, ibv_recv_wr** /*bad*/) override {
    auto* const pair = static_cast<NullFabric::Pair*>(handle);
    const std::lock_guard lock(pair->mutex);
    for (const ibv_recv_wr* work = first; work != nullptr; work = work->next) {
      pair->receives.push_back({.id = work->wr_id, .at = work->sg_list->addr});
    }
    return 0;
  }
  int PollCompletions(ibv_cq* handle, int most, ibv_wc* completions) override {
    auto* const queue = static_cast<NullFabric::Queue*>(handle);
    int taken = 0;
    while (taken < most && queue->head != queue->tail) {
      completions[taken++] = queue->ring[queue->head++ & (queue->ring.size() - 1)];
    }
    ++queue->looks;
    while (!queue->late.empty() && queue->late.front().behind_look <= queue->looks) {
      queue->Push() = queue->late.front().completion;
      queue->late.pop_front();
    }
    return taken;
  }

 private:
  // Where a completion goes that comes so many looks late.
  static ibv_wc& Place(NullFabric::Queue& queue, std::size_t late_looks) {
    if (late_looks == 0) {
      return queue.Push();
    }
    return queue.late.emplace_back(NullFabric::Queue::Late{.behind_look = queue.looks + late_looks})
        .completion;
  }
  static ibv_wc_status Perform(const ibv_send_wr& work, NullFabric::Pair& other) {
    const std::size_t bytes = work.num_sge == 0 ? 0 : work.sg_list->length;
    // NOLINTBEGIN(performance-no-int-to-ptr): addresses are numbers in work requests
    auto* const local = bytes == 0 ? nullptr : reinterpret_cast<std::byte*>(work.sg_list->addr);
    auto* const remote = reinterpret_cast<std::byte*>(work.wr.rdma.remote_addr);
    if (work.opcode == IBV_WR_RDMA_WRITE) {
      if (bytes != 0) {
        std::memcpy(remote, local, bytes);
      }
      return IBV_WC_SUCCESS;
    }
    if (work.opcode == IBV_WR_RDMA_READ) {
      std::memcpy(local, remote, bytes);
      return IBV_WC_SUCCESS;
    }
    const std::lock_guard lock(other.mutex);
    if (other.receives.empty()) {
      return IBV_WC_RNR_RETRY_EXC_ERR;
    }
    std::memcpy(reinterpret_cast<std::byte*>(other.receives.front().at), local, bytes);
    // NOLINTEND(performance-no-int-to-ptr)
    ibv_wc& completion = other.queue->Push();
    completion.wr_id = other.receives.front().id;
    completion.status = IBV_WC_SUCCESS;
    completion.opcode = IBV_WC_RECV;
    completion.byte_len = static_cast<std::uint32_t>(bytes);
    completion.qp_num = other.qp_num;
    other.receives.pop_front();
    return IBV_WC_SUCCESS;
  }

  NullFabric& fabric_;
  const std::size_t late_looks_;
  DeviceFacts facts_;
};

NullFabric::NullFabric() = default;
NullFabric::~NullFabric() = default;

std::unique_ptr<RdmaDevice> NullFabric::MakeDevice(std::size_t late_looks) {
  return std::make_unique<NullDevice>(*this, late_looks);
}

}  // namespace gaios::bench
