#include "gaios/transport/verbs/device_event.h"

namespace gaios::transport::verbs {

EventVerdict JudgeEvent(ibv_event_type type) {
  switch (type) {
    case IBV_EVENT_DEVICE_FATAL:
    case IBV_EVENT_CQ_ERR:
      return EventVerdict::kDeviceLost;
    case IBV_EVENT_PORT_ERR:
      return EventVerdict::kPortDown;
    case IBV_EVENT_PORT_ACTIVE:
      return EventVerdict::kPortUp;
    case IBV_EVENT_LID_CHANGE:
    case IBV_EVENT_PKEY_CHANGE:
    case IBV_EVENT_GID_CHANGE:
    case IBV_EVENT_SM_CHANGE:
    case IBV_EVENT_CLIENT_REREGISTER:
      return EventVerdict::kChanged;
    // Of one queue pair: its work requests say so as well, one by one.
    case IBV_EVENT_QP_FATAL:
    case IBV_EVENT_QP_REQ_ERR:
    case IBV_EVENT_QP_ACCESS_ERR:
    case IBV_EVENT_COMM_EST:
    case IBV_EVENT_SQ_DRAINED:
    case IBV_EVENT_PATH_MIG:
    case IBV_EVENT_PATH_MIG_ERR:
    case IBV_EVENT_QP_LAST_WQE_REACHED:
    // Of what is not used here: shared receive queues and work queues.
    case IBV_EVENT_SRQ_ERR:
    case IBV_EVENT_SRQ_LIMIT_REACHED:
    case IBV_EVENT_WQ_FATAL:
      return EventVerdict::kNothing;
  }
  return EventVerdict::kNothing;
}

std::string_view DeviceEventName(ibv_event_type type) {
  switch (type) {
    case IBV_EVENT_CQ_ERR:
      return "CQ_ERR";
    case IBV_EVENT_QP_FATAL:
      return "QP_FATAL";
    case IBV_EVENT_QP_REQ_ERR:
      return "QP_REQ_ERR";
    case IBV_EVENT_QP_ACCESS_ERR:
      return "QP_ACCESS_ERR";
    case IBV_EVENT_COMM_EST:
      return "COMM_EST";
    case IBV_EVENT_SQ_DRAINED:
      return "SQ_DRAINED";
    case IBV_EVENT_PATH_MIG:
      return "PATH_MIG";
    case IBV_EVENT_PATH_MIG_ERR:
      return "PATH_MIG_ERR";
    case IBV_EVENT_DEVICE_FATAL:
      return "DEVICE_FATAL";
    case IBV_EVENT_PORT_ACTIVE:
      return "PORT_ACTIVE";
    case IBV_EVENT_PORT_ERR:
      return "PORT_ERR";
    case IBV_EVENT_LID_CHANGE:
      return "LID_CHANGE";
    case IBV_EVENT_PKEY_CHANGE:
      return "PKEY_CHANGE";
    case IBV_EVENT_SM_CHANGE:
      return "SM_CHANGE";
    case IBV_EVENT_SRQ_ERR:
      return "SRQ_ERR";
    case IBV_EVENT_SRQ_LIMIT_REACHED:
      return "SRQ_LIMIT_REACHED";
    case IBV_EVENT_QP_LAST_WQE_REACHED:
      return "QP_LAST_WQE_REACHED";
    case IBV_EVENT_CLIENT_REREGISTER:
      return "CLIENT_REREGISTER";
    case IBV_EVENT_GID_CHANGE:
      return "GID_CHANGE";
    case IBV_EVENT_WQ_FATAL:
      return "WQ_FATAL";
  }
  return "unknown";
}

}  // namespace gaios::transport::verbs
