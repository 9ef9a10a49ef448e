#ifndef GAIOS_TRANSPORT_VERBS_DEVICE_EVENT_H_
#define GAIOS_TRANSPORT_VERBS_DEVICE_EVENT_H_

// What a device tells of by itself, beside completions (ibv_get_async_event(3)), and what is to be done about
// it. Pure functions; any thread.

#include <infiniband/verbs.h>

#include <cstdint>
#include <string_view>

namespace gaios::transport::verbs {

struct DeviceEvent {
  ibv_event_type type = IBV_EVENT_DEVICE_FATAL;
  std::uint8_t port = 0;  // 0: of no port
};

enum class EventVerdict : std::uint8_t {
  kNothing,     // of no consequence here, or told by a completion too
  kDeviceLost,  // the device, or what its completions come by, works no more
  // Of a port:
  kPortDown,
  kPortUp,
  kChanged,  // an address or the fabric: links may break, and come back
};

[[nodiscard]] EventVerdict JudgeEvent(ibv_event_type type);
// "PORT_ERR"; "unknown" for a number that is none.
[[nodiscard]] std::string_view DeviceEventName(ibv_event_type type);

}  // namespace gaios::transport::verbs

#endif  // GAIOS_TRANSPORT_VERBS_DEVICE_EVENT_H_
