#include "gaios/cli/rdma_probe/run_rdma_probe.h"

#include <cstdio>
#include <memory>
#include <string_view>

#include <absl/status/status.h>
#include <absl/status/statusor.h>
#include <absl/strings/str_cat.h>
#include <absl/strings/str_format.h>
#include <nlohmann/json.hpp>

#include "gaios/cli/complain.h"
#include "gaios/cli/write_json.h"
#include "gaios/transport/verbs/fencing.h"
#include "gaios/transport/verbs/libverbs_device.h"
#include "gaios/transport/verbs/probe.h"

namespace gaios::cli {
namespace {

using transport::verbs::DeviceFacts;
using transport::verbs::FenceName;
using transport::verbs::FenceStrategy;
using transport::verbs::FenceTrial;
using transport::verbs::LibverbsDevice;
using transport::verbs::ProbeReport;

constexpr std::uint32_t kMaxRounds = 100'000;

std::string_view LinkLayer(const DeviceFacts& facts) {
  return facts.iwarp                                           ? "iWARP"
         : facts.address.link_layer == IBV_LINK_LAYER_ETHERNET ? "Ethernet"
                                                               : "InfiniBand";
}

int MtuBytes(const DeviceFacts& facts) {
  return 128 << facts.address.mtu;  // ibv_mtu counts from 256 bytes, which is 1
}

nlohmann::json Json(const DeviceFacts& facts, const ProbeReport& report, const std::string& used) {
  nlohmann::json fences = nlohmann::json::array();
  for (const FenceTrial& trial : report.fences) {
    const std::string strategy(FenceName(trial.strategy));
    fences.push_back({{"strategy", strategy},
                      {"available", trial.available},
                      {"held", trial.held},
                      {"late_writes", trial.late_writes},
                      {"not_stopped", trial.not_stopped},
                      {"time_us", static_cast<double>(trial.time_ns) / 1000},
                      {"rounds", trial.rounds},
                      {"writes", trial.writes}});
  }
  return {{"device", facts.name},
          {"driver", facts.driver},
          {"port", facts.port},
          {"link_layer", std::string(LinkLayer(facts))},
          {"fence_used", used},
          {"fences", fences},
          {"max_inline", report.max_inline_bytes},
          {"active_mtu", MtuBytes(facts)},
          {"atomics", facts.atomics},
          {"memory_windows", facts.memory_windows}};
}

void PrintTable(std::FILE* out, const DeviceFacts& facts, const ProbeReport& report,
                const std::string& used) {
  absl::FPrintF(out, "RDMA device %s, port %d: %s, driver %s\n", facts.name, int{facts.port},
                std::string(LinkLayer(facts)), facts.driver.empty() ? "unknown" : facts.driver);
  absl::FPrintF(out, "active MTU %d, inline up to %d bytes, atomics: %s, memory windows: %s\n\n",
                MtuBytes(facts), report.max_inline_bytes, facts.atomics ? "yes" : "no",
                facts.memory_windows ? "yes" : "no");
  absl::FPrintF(out, "%-18s %-6s %7s %9s %12s %11s %10s\n", "fence", "held", "rounds", "writes",
                "late writes", "not stopped", "time us");
  for (const FenceTrial& trial : report.fences) {
    const std::string name(FenceName(trial.strategy));
    if (!trial.available) {
      absl::FPrintF(out, "%-18s the device does not have it\n", name);
      continue;
    }
    absl::FPrintF(out, "%-18s %-6s %7d %9d %12d %11d %10.0f\n", name, trial.held ? "yes" : "NO", trial.rounds,
                  trial.writes, trial.late_writes, trial.not_stopped,
                  static_cast<double>(trial.time_ns) / 1000);
  }
  absl::FPrintF(out, "\nthe transport uses %s here\n", used);
}

}  // namespace

int RunRdmaProbe(const RdmaProbeFlags& flags) {
  if (flags.rounds == 0 || flags.rounds > kMaxRounds) {
    return Complain(absl::StrCat("--rounds ", flags.rounds, " is not from 1 to ", kMaxRounds), kExitUsage);
  }
  const absl::StatusOr<std::unique_ptr<LibverbsDevice>> device =
      LibverbsDevice::Open(flags.device, flags.port);
  if (!device.ok()) {
    return Complain(device.status());
  }
  const DeviceFacts& facts = (*device)->facts();
  const absl::StatusOr<FenceStrategy> chosen = ChooseFence(facts);
  if (!chosen.ok()) {
    return Complain(chosen.status());
  }
  const std::string used(FenceName(*chosen));
  const absl::StatusOr<ProbeReport> report =
      transport::verbs::Probe(**device, {.rounds = flags.rounds, .piece_bytes = std::size_t{16} << 10});
  if (!report.ok()) {
    return Complain(report.status());
  }
  PrintTable(TextStream(flags.json), facts, *report, used);
  if (const absl::Status written = WriteJson(Json(facts, *report, used), flags.json); !written.ok()) {
    return Complain(written);
  }
  for (const FenceTrial& trial : report->fences) {
    if (trial.strategy == *chosen && !trial.held) {
      return Complain(absl::StrCat("the fence that the transport would use, ", used,
                                   ", did not hold: do not run a group on this device"),
                      kExitDoesNotHold);
    }
  }
  return kExitGood;
}

}  // namespace gaios::cli
