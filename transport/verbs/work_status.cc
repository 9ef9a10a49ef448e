#include "gaios/transport/verbs/work_status.h"

namespace gaios::transport::verbs {

static_assert(IBV_WC_TM_RNDV_INCOMPLETE + 2 == kWorkStatuses,
              "libibverbs has another status: judge it below");

WorkVerdict JudgeWork(ibv_wc_status status) {
  switch (status) {
    case IBV_WC_SUCCESS:
      return WorkVerdict::kDone;
    case IBV_WC_REM_INV_REQ_ERR:     // the queue pair does not allow it, or its length is wrong
    case IBV_WC_REM_ACCESS_ERR:      // the key does not, or is no more
    case IBV_WC_REM_OP_ERR:          // the other end failed while at it
    case IBV_WC_REM_INV_RD_REQ_ERR:  // of reliable datagrams
    case IBV_WC_REM_ABORT_ERR:       // the other end gave it up
      return WorkVerdict::kRefused;
    case IBV_WC_RETRY_EXC_ERR:
    case IBV_WC_RNR_RETRY_EXC_ERR:  // no receive was posted there
    case IBV_WC_RESP_TIMEOUT_ERR:
    case IBV_WC_BAD_RESP_ERR:  // an answer that answers nothing
      return WorkVerdict::kUnreachable;
    case IBV_WC_WR_FLUSH_ERR:
      return WorkVerdict::kFlushed;
    case IBV_WC_LOC_LEN_ERR:
    case IBV_WC_LOC_QP_OP_ERR:
    case IBV_WC_LOC_PROT_ERR:
    case IBV_WC_LOC_ACCESS_ERR:
    case IBV_WC_MW_BIND_ERR:
    case IBV_WC_LOC_EEC_OP_ERR:  // these four are of reliable datagrams
    case IBV_WC_LOC_RDD_VIOL_ERR:
    case IBV_WC_INV_EECN_ERR:
    case IBV_WC_INV_EEC_STATE_ERR:
    case IBV_WC_FATAL_ERR:
    case IBV_WC_GENERAL_ERR:
    case IBV_WC_TM_ERR:  // of tag matching
    case IBV_WC_TM_RNDV_INCOMPLETE:
      return WorkVerdict::kLocal;
  }
  return WorkVerdict::kLocal;
}

std::string_view WorkStatusName(ibv_wc_status status) {
  switch (status) {
    case IBV_WC_SUCCESS:
      return "SUCCESS";
    case IBV_WC_LOC_LEN_ERR:
      return "LOC_LEN_ERR";
    case IBV_WC_LOC_QP_OP_ERR:
      return "LOC_QP_OP_ERR";
    case IBV_WC_LOC_EEC_OP_ERR:
      return "LOC_EEC_OP_ERR";
    case IBV_WC_LOC_PROT_ERR:
      return "LOC_PROT_ERR";
    case IBV_WC_WR_FLUSH_ERR:
      return "WR_FLUSH_ERR";
    case IBV_WC_MW_BIND_ERR:
      return "MW_BIND_ERR";
    case IBV_WC_BAD_RESP_ERR:
      return "BAD_RESP_ERR";
    case IBV_WC_LOC_ACCESS_ERR:
      return "LOC_ACCESS_ERR";
    case IBV_WC_REM_INV_REQ_ERR:
      return "REM_INV_REQ_ERR";
    case IBV_WC_REM_ACCESS_ERR:
      return "REM_ACCESS_ERR";
    case IBV_WC_REM_OP_ERR:
      return "REM_OP_ERR";
    case IBV_WC_RETRY_EXC_ERR:
      return "RETRY_EXC_ERR";
    case IBV_WC_RNR_RETRY_EXC_ERR:
      return "RNR_RETRY_EXC_ERR";
    case IBV_WC_LOC_RDD_VIOL_ERR:
      return "LOC_RDD_VIOL_ERR";
    case IBV_WC_REM_INV_RD_REQ_ERR:
      return "REM_INV_RD_REQ_ERR";
    case IBV_WC_REM_ABORT_ERR:
      return "REM_ABORT_ERR";
    case IBV_WC_INV_EECN_ERR:
      return "INV_EECN_ERR";
    case IBV_WC_INV_EEC_STATE_ERR:
      return "INV_EEC_STATE_ERR";
    case IBV_WC_FATAL_ERR:
      return "FATAL_ERR";
    case IBV_WC_RESP_TIMEOUT_ERR:
      return "RESP_TIMEOUT_ERR";
    case IBV_WC_GENERAL_ERR:
      return "GENERAL_ERR";
    case IBV_WC_TM_ERR:
      return "TM_ERR";
    case IBV_WC_TM_RNDV_INCOMPLETE:
      return "TM_RNDV_INCOMPLETE";
  }
  return "unknown";
}

std::size_t WorkStatusIndex(ibv_wc_status status) {
  const auto index = static_cast<std::size_t>(status);
  return index < kWorkStatuses ? index : kWorkStatuses - 1;
}

}  // namespace gaios::transport::verbs
