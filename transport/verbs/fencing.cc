#include "gaios/transport/verbs/fencing.h"

#include <algorithm>
#include <array>

#include <absl/status/status.h>
#include <absl/strings/str_cat.h>

#include "gaios/base/check.h"

namespace gaios::transport::verbs {
namespace {

// Drivers of adapters whose firmware ends the processing of a queue pair before its destruction returns.
constexpr std::array<std::string_view, 10> kAdapters = {
    "bnxt_en", "bnxt_re", "hns3", "irdma", "ib_mthca", "mlx4_core", "mlx5_core", "ocrdma", "qedr", "ice"};

}  // namespace

std::string_view FenceName(FenceStrategy strategy) {
  switch (strategy) {
    case FenceStrategy::kQueuePair:
      return "qp_error";
    case FenceStrategy::kDeregistration:
      return "mr_deregistration";
    case FenceStrategy::kAccessFlags:
      return "access_flags";
    case FenceStrategy::kMemoryWindow:
      return "mw_invalidation";
  }
  GAIOS_CHECK(false, "no such strategy");
  return "";
}

absl::StatusOr<FenceStrategy> ChooseFence(const DeviceFacts& facts) {
  if (facts.iwarp) {
    return absl::FailedPreconditionError(absl::StrCat(
        "RDMA device ", facts.name, facts.driver.empty() ? "" : absl::StrCat(" (", facts.driver, ")"),
        " is of iWARP, where nobody vouches that writes end with their queue pair; siw, for one, "
        "checks the memory key alone. Use RoCEv2 or InfiniBand, or transport = \"shm\" on one host"));
  }
  if (facts.driver == "rdma_rxe") {
    return FenceStrategy::kDeregistration;
  }
  if (std::find(kAdapters.begin(), kAdapters.end(), facts.driver) != kAdapters.end()) {
    return FenceStrategy::kQueuePair;
  }
  // Unknown: both, at the price of registering the log again at each grant.
  return FenceStrategy::kDeregistration;
}

}  // namespace gaios::transport::verbs
