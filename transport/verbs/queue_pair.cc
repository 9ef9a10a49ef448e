#include "gaios/transport/verbs/queue_pair.h"

#include <algorithm>
#include <cerrno>
#include <cstring>
#include <random>
#include <system_error>

#include <absl/strings/str_cat.h>

namespace gaios::transport::verbs {
namespace {

constexpr std::uint32_t kPacketNumbers = 1U << 24;
// Delay that an end asks for when it has no receive posted: 12 is 0.64 ms. Credits keep it from happening.
constexpr std::uint8_t kNotReadyTimer = 12;
constexpr std::uint8_t kNotReadyRetries = 6;  // 7 would be for ever

absl::Status StepError(const char* step, const DeviceFacts& facts, int error) {
  return absl::UnavailableError(absl::StrCat("RDMA device ", facts.name, " port ", int{facts.port}, ": ",
                                             step, " failed: ", std::generic_category().message(error)));
}

}  // namespace

absl::StatusOr<QueuePair> QueuePair::Create(RdmaDevice& device, ibv_cq* completions,
                                            const QueuePairNeeds& needs) {
  ibv_qp_init_attr wanted = {};
  wanted.send_cq = completions;
  wanted.recv_cq = completions;
  wanted.qp_type = IBV_QPT_RC;
  wanted.sq_sig_all = 0;
  wanted.cap.max_send_wr = std::max(needs.sends, 1U);
  wanted.cap.max_recv_wr = std::max(needs.receives, 1U);
  wanted.cap.max_send_sge = 1;
  wanted.cap.max_recv_sge = 1;
  wanted.cap.max_inline_data = needs.inline_bytes;
  ibv_qp_init_attr given = wanted;
  ibv_qp* handle = device.CreateQueuePair(given);
  if (handle == nullptr && needs.inline_bytes != 0) {
    given = wanted;  // perhaps it does not take that many bytes inline
    given.cap.max_inline_data = 0;
    handle = device.CreateQueuePair(given);
  }
  if (handle == nullptr) {
    return StepError("making a queue pair", device.facts(), errno);
  }
  QueuePair pair;
  pair.device_ = &device;
  pair.handle_ = handle;
  pair.inline_bytes_ = given.cap.max_inline_data;
  std::random_device random;
  pair.end_ = {.number = handle->qp_num, .first_packet = random() % kPacketNumbers};
  ibv_qp_attr attributes = {};
  attributes.qp_state = IBV_QPS_INIT;
  attributes.port_num = device.facts().port;
  attributes.qp_access_flags = static_cast<unsigned int>(needs.access);
  if (const int error = device.ModifyQueuePair(
          handle, attributes, IBV_QP_STATE | IBV_QP_PKEY_INDEX | IBV_QP_PORT | IBV_QP_ACCESS_FLAGS);
      error != 0) {
    return StepError("initialising a queue pair", device.facts(), error);
  }
  return pair;
}

absl::Status QueuePair::Receive(const PortAddress& peer, const QueuePairEnd& other, std::uint8_t reads,
                                const ConnectionTimes& times) {
  const DeviceFacts& facts = device_->facts();
  ibv_qp_attr attributes = {};
  attributes.qp_state = IBV_QPS_RTR;
  attributes.path_mtu = static_cast<ibv_mtu>(std::min(facts.address.mtu, peer.mtu));
  attributes.dest_qp_num = other.number;
  attributes.rq_psn = other.first_packet;
  attributes.max_dest_rd_atomic = reads;
  attributes.min_rnr_timer = kNotReadyTimer;
  attributes.ah_attr.port_num = facts.port;
  attributes.ah_attr.sl = times.service_level;
  attributes.ah_attr.dlid = peer.lid;
  if (facts.address.link_layer == IBV_LINK_LAYER_ETHERNET) {
    attributes.ah_attr.is_global = 1;
    std::memcpy(attributes.ah_attr.grh.dgid.raw, peer.gid.data(), peer.gid.size());
    attributes.ah_attr.grh.sgid_index = facts.gid_index;
    attributes.ah_attr.grh.hop_limit = 64;
    attributes.ah_attr.grh.traffic_class = times.traffic_class;
  }
  const int error =
      device_->ModifyQueuePair(handle_, attributes,
                               IBV_QP_STATE | IBV_QP_AV | IBV_QP_PATH_MTU | IBV_QP_DEST_QPN | IBV_QP_RQ_PSN |
                                   IBV_QP_MAX_DEST_RD_ATOMIC | IBV_QP_MIN_RNR_TIMER);
  return error == 0 ? absl::OkStatus() : StepError("connecting a queue pair", facts, error);
}

int QueuePair::ToRts(ibv_qp_attr& attributes, const ConnectionTimes& times, int mask) {
  attributes.qp_state = IBV_QPS_RTS;
  attributes.timeout = times.ack_timeout;
  attributes.retry_cnt = times.retries;
  attributes.rnr_retry = kNotReadyRetries;
  attributes.sq_psn = end_.first_packet;
  return device_->ModifyQueuePair(handle_, attributes,
                                  mask | IBV_QP_STATE | IBV_QP_TIMEOUT | IBV_QP_RETRY_CNT | IBV_QP_RNR_RETRY |
                                      IBV_QP_SQ_PSN | IBV_QP_MAX_QP_RD_ATOMIC);
}

absl::Status QueuePair::Transmit(std::uint8_t reads, const ConnectionTimes& times) {
  ibv_qp_attr attributes = {};
  attributes.max_rd_atomic = reads;
  const int error = ToRts(attributes, times, 0);
  return error == 0 ? absl::OkStatus() : StepError("opening a queue pair", device_->facts(), error);
}

int QueuePair::Allow(int access, const ConnectionTimes& times) {
  ibv_qp_attr attributes = {};
  attributes.max_rd_atomic = 1;
  attributes.qp_access_flags = static_cast<unsigned int>(access);
  return ToRts(attributes, times, IBV_QP_ACCESS_FLAGS);
}

int QueuePair::Fail() {
  if (handle_ == nullptr) {
    return 0;
  }
  ibv_qp_attr attributes = {};
  attributes.qp_state = IBV_QPS_ERR;
  return device_->ModifyQueuePair(handle_, attributes, IBV_QP_STATE);
}

int QueuePair::Destroy() {
  if (handle_ == nullptr) {
    return 0;
  }
  const int error = device_->DestroyQueuePair(handle_);
  if (error == 0) {
    handle_ = nullptr;
  }
  return error;
}

}  // namespace gaios::transport::verbs
