#ifndef GAIOS_TRANSPORT_UDP_DPDK_FLOW_SHARING_H_
#define GAIOS_TRANSPORT_UDP_DPDK_FLOW_SHARING_H_

// How a port shares its card with the kernel, where the driver can: the card is told to give the port what
// matches the port's rules and nothing else, and the rules name the port's datagrams, and the ARP messages
// about its address. Where it cannot, all that comes to the card's MAC address is the port's.
//
// A driver may say late that it cannot do it after all: rules are checked before they are made, and when one
// is refused the device has to be opened anew. One thread, while the port is opened; no I/O of its own.

#include <cstdint>
#include <string>

#include <absl/status/status.h>
#include <absl/status/statusor.h>

#include "gaios/transport/udp/dpdk/options.h"
#include "gaios/transport/udp/port.h"

namespace gaios::transport::udp::dpdk {

struct FlowRule {
  enum class Kind : std::uint8_t {
    kDatagrams,      // UDP over IPv4 to this address and port
    kArpForAddress,  // ARP messages whose target is this address: questions for it, and answers to its own
    kAllArp,
  };
  Kind kind = Kind::kDatagrams;
  Endpoint local;
};

// What is asked of a driver: rte_flow (rte_flow_device.h), or a test's. Each call returns why the driver does
// not do it, in its own words; empty when it does.
class FlowDevice {
 public:
  virtual ~FlowDevice() = default;
  // From now on nothing comes in but what matches rules. Before the queues are set up.
  [[nodiscard]] virtual std::string Isolate() = 0;
  // While they run.
  [[nodiscard]] virtual std::string Check(const FlowRule& rule) = 0;
  [[nodiscard]] virtual std::string Make(const FlowRule& rule) = 0;
};

class FlowSharing {
 public:
  // `device` must outlive it. `local` is the port's own.
  FlowSharing(FlowDevice& device, FlowRules wish, Endpoint local)
      : device_(device), wish_(wish), local_(local) {}

  // Before the queues are set up. FailedPrecondition: rules are required, and the driver takes none.
  [[nodiscard]] absl::Status Begin();
  // When the queues run. False: rules are refused after all, and nothing would come in; open the device anew,
  // without asking for any. Errors as above.
  [[nodiscard]] absl::StatusOr<bool> Install();

  // Whether the card is shared with the kernel.
  [[nodiscard]] bool shared() const { return shared_; }
  // A sentence for the user, empty for none. Once all is done.
  [[nodiscard]] const std::string& notice() const { return notice_; }

 private:
  // Empty when it was made.
  [[nodiscard]] std::string Add(FlowRule::Kind kind);
  [[nodiscard]] absl::Status Refused(const std::string& why);

  FlowDevice& device_;
  const FlowRules wish_;
  const Endpoint local_;
  bool shared_ = false;
  std::string notice_;
};

}  // namespace gaios::transport::udp::dpdk

#endif  // GAIOS_TRANSPORT_UDP_DPDK_FLOW_SHARING_H_
