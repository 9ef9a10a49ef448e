#include "gaios/transport/verbs/fencing.h"

#include <algorithm>
#include <array>

#include <absl/status/status.h>
#include <absl/strings/str_cat.h>

#include "gaios/base/check.h"

namespace gaios::transport::verbs {
namespace {

// Drivers of adapters whose firmware ends the processing of a queue pair before its destruction returns.
constexpr std::array<std::string_view, 6> kAdapters = {"bnxt_en", "hns3",      "ib_mthca",
                                                       "ice",     "mlx4_core", "mlx5_core"};

constexpr std::string_view kSoftRoce = "rdma_rxe";

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
  if (facts.driver == kSoftRoce) {
    return FenceStrategy::kDeregistration;
  }
  if (std::find(kAdapters.begin(), kAdapters.end(), facts.driver) != kAdapters.end()) {
    return FenceStrategy::kQueuePair;
  }
  // Unknown: both, at the price of registering the log again at each grant.
  return FenceStrategy::kDeregistration;
}

absl::StatusOr<FenceStrategy> FenceFor(const DeviceFacts& facts, std::optional<FenceStrategy> wanted) {
  absl::StatusOr<FenceStrategy> chosen = ChooseFence(facts);
  // Where the queue pair alone is not known to do, the option does not make it so.
  if (chosen.ok() && *chosen == FenceStrategy::kDeregistration && wanted == FenceStrategy::kQueuePair) {
    return absl::FailedPreconditionError(
        absl::StrCat("fence ", std::string(FenceName(*wanted)), " is not known to hold on RDMA device ",
                     facts.name, "; leave it out, or take ", std::string(FenceName(*chosen))));
  }
  return chosen.ok() ? wanted.value_or(*chosen) : chosen;
}

// Soft-RoCE is its driver: there is nothing beyond it that could go on. Elsewhere an adapter may go on when
// its driver cannot talk to it any more, and drivers answer then as if it had done what was asked: mlx5_core
// does so of queue pairs and registrations, with no command sent.
bool DestroysWhenLost(const DeviceFacts& facts) {
  return facts.driver == kSoftRoce;
}

}  // namespace gaios::transport::verbs
