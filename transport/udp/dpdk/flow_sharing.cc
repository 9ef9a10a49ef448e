#include "gaios/transport/udp/dpdk/flow_sharing.h"

#include <absl/strings/str_cat.h>

namespace gaios::transport::udp::dpdk {

absl::Status FlowSharing::Begin() {
  if (wish_ == FlowRules::kNever) {
    return absl::OkStatus();
  }
  if (const std::string why = device_.Isolate(); !why.empty()) {
    return Refused(why);
  }
  shared_ = true;
  return absl::OkStatus();
}

absl::StatusOr<bool> FlowSharing::Install() {
  if (!shared_) {
    return true;
  }
  std::string why = Add(FlowRule::Kind::kDatagrams);
  const std::string narrow = why.empty() ? Add(FlowRule::Kind::kArpForAddress) : "";
  if (!narrow.empty()) {
    why = Add(FlowRule::Kind::kAllArp);
    notice_ = absl::StrCat(
        "the card is shared with the kernel, but its driver does not tell the ARP messages about this port's "
        "address from others (",
        narrow,
        "): all of them come to this port, so give the kernel its neighbours by hand (ip neigh replace), and "
        "them the kernel's address");
  }
  if (why.empty()) {
    return true;
  }
  shared_ = false;
  if (absl::Status refused = Refused(why); !refused.ok()) {
    return refused;
  }
  return false;
}

std::string FlowSharing::Add(FlowRule::Kind kind) {
  const FlowRule rule = {.kind = kind, .local = local_};
  const std::string why = device_.Check(rule);
  return why.empty() ? device_.Make(rule) : why;
}

absl::Status FlowSharing::Refused(const std::string& why) {
  if (wish_ == FlowRules::kRequire) {
    return absl::FailedPreconditionError(
        absl::StrCat("flow rules are required, and the driver takes none: ", why,
                     ". Leave flow_rules out to have the card for DPDK alone"));
  }
  notice_ = absl::StrCat("the driver takes no flow rules (", why,
                         "), so all that comes to the card's MAC address comes to this port: the card is "
                         "DPDK's alone");
  return absl::OkStatus();
}

}  // namespace gaios::transport::udp::dpdk
