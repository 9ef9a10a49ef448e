#include "tests/transport/verbs/fake_network.h"

#include <algorithm>
#include <cerrno>
#include <cstring>
#include <utility>

#include "gaios/base/check.h"

namespace gaios::transport::verbs {
namespace {

constexpr std::uint32_t kInlineBytes = 256;

// Whether the next call is one of those that are to fail.
bool Fails(int& count) {
  if (count == 0) {
    return false;
  }
  --count;
  return true;
}

}  // namespace

struct FakeNetwork::Region : ibv_mr {
  const FakeDevice* device = nullptr;
  int access = 0;
};

struct FakeNetwork::Queue : ibv_cq {
  const FakeDevice* device = nullptr;
  std::size_t depth = 0;
  std::deque<ibv_wc> completions;
};

struct FakeNetwork::Work {
  std::uint64_t id = 0;
  ibv_wr_opcode opcode = IBV_WR_RDMA_WRITE;
  bool signalled = false;
  std::uint64_t local = 0;
  std::uint32_t local_key = 0;
  std::size_t bytes = 0;
  bool inlined = false;
  std::vector<std::byte> inline_bytes;
  std::uint64_t remote = 0;
  std::uint32_t remote_key = 0;
};

struct FakeNetwork::Pair : ibv_qp {
  FakeDevice* device = nullptr;
  Queue* queue = nullptr;
  std::uint32_t other = 0;
  std::uint32_t first_sent = 0;
  std::uint32_t first_expected = 0;
  int access = 0;
  ibv_qp_cap cap = {};
  std::deque<Work> sends;
  struct Receive {
    std::uint64_t id = 0;
    ibv_sge where = {};
  };
  std::deque<Receive> receives;
};

FakeNetwork::FakeNetwork() = default;
FakeNetwork::~FakeNetwork() = default;

std::unique_ptr<FakeDevice> FakeNetwork::MakeDevice() {
  return std::unique_ptr<FakeDevice>(new FakeDevice(*this));
}

FakeDevice::FakeDevice(FakeNetwork& network) : network_(network) {
  mutable_facts.name = "fake0";
  mutable_facts.driver = "mlx5_core";
  mutable_facts.port = 1;
  mutable_facts.address = {.link_layer = IBV_LINK_LAYER_ETHERNET, .mtu = IBV_MTU_4096};
  mutable_facts.max_queue_pair_depth = 1024;
  mutable_facts.max_completions = 1 << 16;
  mutable_facts.max_reads_as_requester = 16;
  mutable_facts.max_reads_as_responder = 16;
  mutable_facts.max_message_bytes = 1U << 30;
}

FakeDevice::~FakeDevice() {
  if (leaves()) {
    std::erase_if(network_.pairs_, [&](const auto& each) { return each.second->device == this; });
    std::erase_if(network_.regions_, [&](const auto& each) { return each.second->device == this; });
  }
  GAIOS_CHECK(pairs() == 0 && regions() == 0, "all that a device has made is given back");
}

std::size_t FakeDevice::pairs() const {
  const std::lock_guard lock(network_.mutex_);
  return static_cast<std::size_t>(
      std::count_if(network_.pairs_.begin(), network_.pairs_.end(),
                    [&](const auto& each) { return each.second->device == this; }));
}

std::size_t FakeDevice::regions() const {
  const std::lock_guard lock(network_.mutex_);
  return static_cast<std::size_t>(
      std::count_if(network_.regions_.begin(), network_.regions_.end(),
                    [&](const auto& each) { return each.second->device == this; }));
}

std::size_t FakeDevice::remote_regions() const {
  const std::lock_guard lock(network_.mutex_);
  return static_cast<std::size_t>(
      std::count_if(network_.regions_.begin(), network_.regions_.end(), [&](const auto& each) {
        return each.second->device == this &&
               (each.second->access & (IBV_ACCESS_REMOTE_READ | IBV_ACCESS_REMOTE_WRITE)) != 0;
      }));
}

std::size_t FakeDevice::writable_pairs() const {
  const std::lock_guard lock(network_.mutex_);
  return static_cast<std::size_t>(
      std::count_if(network_.pairs_.begin(), network_.pairs_.end(), [&](const auto& each) {
        return each.second->device == this && (each.second->access & IBV_ACCESS_REMOTE_WRITE) != 0;
      }));
}

ibv_mr* FakeDevice::RegisterMemory(void* at, std::size_t bytes, int access) {
  const std::lock_guard lock(network_.mutex_);
  if (out() || Fails(fail_register)) {
    errno = out() ? EIO : ENOMEM;
    return nullptr;
  }
  auto region = std::make_unique<FakeNetwork::Region>();
  region->device = this;
  region->access = access;
  region->addr = at;
  region->length = bytes;
  region->lkey = region->rkey = ++network_.last_key_;
  ibv_mr* const result = region.get();
  network_.regions_[region->rkey] = std::move(region);
  return result;
}

int FakeDevice::DeregisterMemory(ibv_mr* region) {
  const std::lock_guard lock(network_.mutex_);
  if (refuses_all || Fails(fail_deregister)) {
    return refuses_all ? EIO : ENOMEM;
  }
  if (lies) {
    return 0;
  }
  network_.CopyTaken(true);  // it waits for what is under way
  network_.regions_.erase(region->rkey);
  return 0;
}

ibv_cq* FakeDevice::CreateCompletionQueue(int depth) {
  const std::lock_guard lock(network_.mutex_);
  auto queue = std::make_unique<FakeNetwork::Queue>();
  queue->device = this;
  queue->depth = static_cast<std::size_t>(depth);
  network_.queues_.push_back(std::move(queue));
  return network_.queues_.back().get();
}

int FakeDevice::DestroyCompletionQueue(ibv_cq* queue) {
  const std::lock_guard lock(network_.mutex_);
  for (const auto& [number, pair] : network_.pairs_) {
    GAIOS_CHECK(pair->queue != queue || leaves(), "a completion queue outlives its queue pairs");
  }
  std::erase_if(network_.queues_, [&](const auto& each) { return each.get() == queue; });
  return 0;
}

ibv_qp* FakeDevice::CreateQueuePair(ibv_qp_init_attr& attributes) {
  const std::lock_guard lock(network_.mutex_);
  if (out() || Fails(fail_create_pair)) {
    errno = out() ? EIO : ENOMEM;
    return nullptr;
  }
  if (attributes.cap.max_inline_data > kInlineBytes) {
    errno = EINVAL;
    return nullptr;
  }
  auto pair = std::make_unique<FakeNetwork::Pair>();
  pair->device = this;
  pair->queue = static_cast<FakeNetwork::Queue*>(attributes.send_cq);
  pair->qp_num = ++network_.last_number_;
  pair->state = IBV_QPS_RESET;
  pair->cap = attributes.cap;
  ibv_qp* const result = pair.get();
  network_.pairs_[pair->qp_num] = std::move(pair);
  return result;
}

int FakeDevice::ModifyQueuePair(ibv_qp* handle, ibv_qp_attr& attributes, int mask) {
  const std::lock_guard lock(network_.mutex_);
  orders.push_back(attributes);
  auto* const pair = static_cast<FakeNetwork::Pair*>(handle);
  const auto has = [&](int bit) { return (mask & bit) != 0; };
  if (out()) {
    return EIO;
  }
  if (lies && attributes.qp_state == IBV_QPS_ERR) {
    return 0;
  }
  if (!has(IBV_QP_STATE)) {
    return EINVAL;
  }
  switch (attributes.qp_state) {
    case IBV_QPS_INIT:
      if (pair->state != IBV_QPS_RESET || !has(IBV_QP_PORT) || !has(IBV_QP_ACCESS_FLAGS)) {
        return EINVAL;
      }
      pair->access = static_cast<int>(attributes.qp_access_flags);
      break;
    case IBV_QPS_RTR:
      if (pair->state != IBV_QPS_INIT || !has(IBV_QP_DEST_QPN) || !has(IBV_QP_RQ_PSN)) {
        return EINVAL;
      }
      pair->other = attributes.dest_qp_num;
      pair->first_expected = attributes.rq_psn;
      break;
    case IBV_QPS_RTS:
      if (pair->state != IBV_QPS_RTR || !has(IBV_QP_SQ_PSN) || attributes.retry_cnt > 6) {
        return EINVAL;
      }
      pair->first_sent = attributes.sq_psn;
      if (has(IBV_QP_ACCESS_FLAGS)) {
        if (Fails(fail_allow)) {
          return ENOMEM;
        }
        pair->access = static_cast<int>(attributes.qp_access_flags);
      }
      break;
    case IBV_QPS_ERR:
      network_.Break(*pair);
      return 0;
    default:
      return EINVAL;
  }
  pair->state = attributes.qp_state;
  return 0;
}

int FakeDevice::DestroyQueuePair(ibv_qp* pair) {
  if (before_destroy_pair) {
    before_destroy_pair();
  }
  const std::lock_guard lock(network_.mutex_);
  if (refuses_all) {
    network_.Break(*static_cast<FakeNetwork::Pair*>(pair));  // and it goes with the device
    return EIO;
  }
  if (taken_away) {
    network_.Break(*static_cast<FakeNetwork::Pair*>(pair));
    return EIO;
  }
  if (Fails(fail_destroy_pair)) {
    return ENOMEM;
  }
  if (lies) {
    return 0;
  }
  // Completions that were not taken stay in their queue.
  network_.pairs_.erase(pair->qp_num);
  return 0;
}

int FakeDevice::PostSend(ibv_qp* handle, ibv_send_wr* first, ibv_send_wr** bad) {
  const std::lock_guard lock(network_.mutex_);
  auto* const pair = static_cast<FakeNetwork::Pair*>(handle);
  for (ibv_send_wr* request = first; request != nullptr; request = request->next) {
    if (Fails(fail_post_send) || pair->state < IBV_QPS_RTS || pair->sends.size() >= pair->cap.max_send_wr) {
      *bad = request;
      return ENOMEM;
    }
    FakeNetwork::Work work;
    work.id = request->wr_id;
    work.opcode = request->opcode;
    work.signalled = (request->send_flags & IBV_SEND_SIGNALED) != 0;
    if (request->num_sge != 0) {
      work.local = request->sg_list->addr;
      work.local_key = request->sg_list->lkey;
      work.bytes = request->sg_list->length;
    }
    work.remote = request->wr.rdma.remote_addr;
    work.remote_key = request->wr.rdma.rkey;
    if ((request->send_flags & IBV_SEND_INLINE) != 0) {
      if (work.bytes > pair->cap.max_inline_data) {
        *bad = request;
        return EINVAL;
      }
      // NOLINTNEXTLINE(performance-no-int-to-ptr): verbs has addresses as numbers
      const auto* const from = reinterpret_cast<const std::byte*>(work.local);
      work.inlined = true;
      work.inline_bytes.assign(from, from + work.bytes);
    }
    ++posted;
    signalled += work.signalled ? 1 : 0;
    inlined += work.inlined ? 1 : 0;
    if (pair->state == IBV_QPS_ERR) {
      network_.Finish(*pair, work, IBV_WC_WR_FLUSH_ERR);
    } else {
      pair->sends.push_back(std::move(work));
    }
  }
  return 0;
}

int FakeDevice::PostReceive(ibv_qp* handle, ibv_recv_wr* first, ibv_recv_wr** bad) {
  const std::lock_guard lock(network_.mutex_);
  auto* const pair = static_cast<FakeNetwork::Pair*>(handle);
  for (ibv_recv_wr* request = first; request != nullptr; request = request->next) {
    if (pair->receives.size() >= pair->cap.max_recv_wr) {
      *bad = request;
      return ENOMEM;
    }
    pair->receives.push_back({.id = request->wr_id, .where = *request->sg_list});
  }
  return 0;
}

std::optional<DeviceEvent> FakeDevice::NextEvent() {
  if (events.empty()) {
    return std::nullopt;
  }
  const DeviceEvent event = events.front();
  events.pop_front();
  return event;
}

int FakeDevice::PollCompletions(ibv_cq* handle, int most, ibv_wc* completions) {
  if (completions_lost || out()) {
    return -1;
  }
  if (before_completions) {
    std::exchange(before_completions, nullptr)();
  }
  const std::lock_guard lock(network_.mutex_);
  network_.RunLocked();
  auto* const queue = static_cast<FakeNetwork::Queue*>(handle);
  int count = 0;
  while (count < most && !queue->completions.empty()) {
    completions[count++] = queue->completions.front();
    queue->completions.pop_front();
  }
  return count;
}

void FakeNetwork::Run() {
  const std::lock_guard lock(mutex_);
  RunLocked();
}

void FakeNetwork::Cut(bool cut) {
  const std::lock_guard lock(mutex_);
  cut_ = cut;
}

void FakeNetwork::RunLocked() {
  CopyTaken(false);
  for (const auto& [number, pair] : pairs_) {
    Execute(*pair);
  }
}

void FakeNetwork::CopyTaken(bool all) {
  std::erase_if(taken_, [&](const Taken& taken) {
    if (!all && taken.device->puts_late) {
      return false;
    }
    std::memcpy(taken.at, taken.bytes.data(), taken.bytes.size());
    return true;
  });
}

void FakeNetwork::Execute(Pair& pair) {
  while (!pair.sends.empty() && pair.state == IBV_QPS_RTS && !pair.device->hold && !pair.device->out()) {
    const Work work = std::move(pair.sends.front());
    pair.sends.pop_front();
    const ibv_wc_status status = Perform(pair, work);
    Finish(pair, work, status);
    if (status != IBV_WC_SUCCESS) {
      Break(pair);
    }
  }
}

bool FakeNetwork::Owns(const FakeDevice* device, std::uint32_t key, std::uint64_t at, std::size_t bytes,
                       int access) const {
  const auto found = regions_.find(key);
  if (found == regions_.end()) {
    return false;
  }
  const Region& region = *found->second;
  const auto from = reinterpret_cast<std::uintptr_t>(region.addr);
  return region.device == device && (region.access & access) == access && at >= from &&
         at + bytes <= from + region.length;
}

ibv_wc_status FakeNetwork::Perform(Pair& pair, const Work& work) {
  FakeDevice& device = *pair.device;
  if (device.fail_opcode == work.opcode) {
    device.fail_opcode.reset();
    return device.fail_status;
  }
  const bool lands_here = work.opcode == IBV_WR_RDMA_READ;
  if (!work.inlined && work.bytes != 0 &&
      !Owns(&device, work.local_key, work.local, work.bytes, lands_here ? IBV_ACCESS_LOCAL_WRITE : 0)) {
    return IBV_WC_LOC_PROT_ERR;
  }
  const auto found = pairs_.find(pair.other);
  if (found == pairs_.end() || found->second->other != pair.qp_num || found->second->state < IBV_QPS_RTR ||
      found->second->state == IBV_QPS_ERR || found->second->first_expected != pair.first_sent ||
      found->second->device->out() || (cut_ && found->second->device != pair.device)) {
    return IBV_WC_RETRY_EXC_ERR;
  }
  const ibv_wc_status status = Reach(work, *found->second);
  if (status == IBV_WC_REM_ACCESS_ERR || status == IBV_WC_REM_INV_REQ_ERR) {
    Break(*found->second);
  }
  return status;
}

ibv_wc_status FakeNetwork::Reach(const Work& work, Pair& other) {
  // NOLINTNEXTLINE(performance-no-int-to-ptr): verbs has addresses as numbers
  auto* const local = reinterpret_cast<std::byte*>(work.local);
  // NOLINTNEXTLINE(performance-no-int-to-ptr): verbs has addresses as numbers
  auto* const remote = reinterpret_cast<std::byte*>(work.remote);
  const std::byte* const from = work.inlined ? work.inline_bytes.data() : local;
  switch (work.opcode) {
    case IBV_WR_RDMA_WRITE:
      if ((other.access & IBV_ACCESS_REMOTE_WRITE) == 0) {
        return IBV_WC_REM_INV_REQ_ERR;
      }
      if (!Owns(other.device, work.remote_key, work.remote, work.bytes, IBV_ACCESS_REMOTE_WRITE)) {
        return IBV_WC_REM_ACCESS_ERR;
      }
      if (other.device->puts_late) {
        taken_.push_back({.device = other.device, .at = remote, .bytes = {from, from + work.bytes}});
      } else if (work.bytes != 0) {
        std::memcpy(remote, from, work.bytes);
      }
      return IBV_WC_SUCCESS;
    case IBV_WR_RDMA_READ:
      if ((other.access & IBV_ACCESS_REMOTE_READ) == 0) {
        return IBV_WC_REM_INV_REQ_ERR;
      }
      if (!Owns(other.device, work.remote_key, work.remote, work.bytes, IBV_ACCESS_REMOTE_READ)) {
        return IBV_WC_REM_ACCESS_ERR;
      }
      std::memcpy(local, remote, work.bytes);
      return IBV_WC_SUCCESS;
    case IBV_WR_SEND: {
      if (other.receives.empty()) {
        return IBV_WC_RNR_RETRY_EXC_ERR;
      }
      const Pair::Receive receive = other.receives.front();
      if (receive.where.length < work.bytes) {
        return IBV_WC_REM_INV_REQ_ERR;
      }
      other.receives.pop_front();
      // NOLINTNEXTLINE(performance-no-int-to-ptr): verbs has addresses as numbers
      std::memcpy(reinterpret_cast<std::byte*>(receive.where.addr), from, work.bytes);
      ibv_wc completion = {};
      completion.wr_id = receive.id;
      completion.status = IBV_WC_SUCCESS;
      completion.opcode = IBV_WC_RECV;
      completion.byte_len = static_cast<std::uint32_t>(work.bytes);
      completion.qp_num = other.qp_num;
      Complete(*other.queue, completion);
      return IBV_WC_SUCCESS;
    }
    default:
      return IBV_WC_LOC_QP_OP_ERR;
  }
}

void FakeNetwork::Finish(Pair& pair, const Work& work, ibv_wc_status status) {
  if (!work.signalled && status == IBV_WC_SUCCESS) {
    return;
  }
  ibv_wc completion = {};
  completion.wr_id = work.id;
  completion.status = status;
  completion.qp_num = pair.qp_num;
  Complete(*pair.queue, completion);
}

void FakeNetwork::Complete(Queue& queue, const ibv_wc& completion) {
  GAIOS_CHECK(queue.completions.size() < queue.depth, "a completion queue overruns");
  queue.completions.push_back(completion);
}

void FakeNetwork::Break(Pair& pair) {
  pair.state = IBV_QPS_ERR;
  for (const Work& work : pair.sends) {
    Finish(pair, work, IBV_WC_WR_FLUSH_ERR);
  }
  pair.sends.clear();
  for (const Pair::Receive& receive : pair.receives) {
    ibv_wc completion = {};
    completion.wr_id = receive.id;
    completion.status = IBV_WC_WR_FLUSH_ERR;
    completion.qp_num = pair.qp_num;
    Complete(*pair.queue, completion);
  }
  pair.receives.clear();
}

}  // namespace gaios::transport::verbs
