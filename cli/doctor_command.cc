#include "gaios/cli/doctor_command.h"

#include <algorithm>
#include <cstdint>
#include <cstdio>
#include <optional>

#include <absl/status/statusor.h>
#include <nlohmann/json.hpp>

#include "gaios/cli/complain.h"
#include "gaios/cli/doctor/examine.h"
#include "gaios/cli/doctor/report.h"
#include "gaios/cli/doctor/system.h"
#include "gaios/cli/write_json.h"
#include "gaios/rsm/config.h"
#include "gaios/rsm/node_dpdk.h"
#include "gaios/rsm/node_transport.h"

namespace gaios::cli {
namespace {

Deployment DeploymentOf(const rsm::Config& config) {
  Deployment deployment{.directory = config.directory,
                        .capacity_bytes = config.capacity_bytes,
                        // Those of several hosts are not all here.
                        .replicas = config.transport == rsm::TransportKind::kShm ? config.replicas.size() : 1,
                        .cpus = {}};
  for (const rsm::ReplicaConfig& replica : config.replicas) {
    if (replica.cpu.has_value()) {
      deployment.cpus.push_back(static_cast<std::uint32_t>(*replica.cpu));
    }
  }
  return deployment;
}

// The device that the config asks for; nothing where it asks for none.
Findings DeviceOf(const rsm::Config& config) {
  const std::string page =
      config.udp.port == rsm::PortKind::kDpdk ? "see docs/dpdk.md" : "see docs/several-hosts.md";
  const absl::StatusOr<std::optional<rsm::DeviceDescription>> device =
      rsm::DescribeDevice(config, rsm::Dpdk());
  if (!device.ok()) {
    return {{"deployment_device", Level::kError, std::string(device.status().message()), page}};
  }
  Findings findings;
  if (const std::optional<rsm::DeviceDescription>& described = *device; described.has_value()) {
    findings.push_back({"deployment_device", Level::kOk, described->text, ""});
    for (const std::string& warning : described->warnings) {
      findings.push_back({"deployment_device", Level::kWarning, warning, page});
    }
  }
  return findings;
}

// How each RDMA device of this host is fenced, or why it cannot be used.
Findings FencesOf() {
  Findings findings;
  for (const rsm::DeviceDescription& device : rsm::DescribeRdmaDevices()) {
    if (!device.text.empty()) {
      findings.push_back({"rdma_fence", Level::kOk, device.text, ""});
    }
    for (const std::string& warning : device.warnings) {
      findings.push_back({"rdma_fence", Level::kWarning, warning, "see docs/verbs.md"});
    }
  }
  return findings;
}

// What the config has of ways by which others can read what it encrypts elsewhere.
void AppendPrivacy(const rsm::Config& config, Findings& findings) {
  const std::size_t before = findings.size();
  for (const std::string& warning : config.privacy_warnings) {
    findings.push_back({"deployment_privacy", Level::kWarning, warning, "see docs/udp.md"});
  }
  if (findings.size() == before && (config.udp.encrypt || config.clients.encrypt)) {
    findings.push_back({"deployment_privacy", Level::kOk, "all that goes over the network is encrypted", ""});
  }
}

}  // namespace

int RunDoctor(const std::string& config_path, const std::string& json) {
  std::optional<Deployment> deployment;
  Findings device;
  if (!config_path.empty()) {
    const absl::StatusOr<rsm::Config> config = rsm::LoadConfig(config_path);
    if (!config.ok()) {
      return Complain(config.status());
    }
    for (const std::string& warning : config->warnings) {
      std::fprintf(stderr, "gaios: warning: %s\n", warning.c_str());
    }
    deployment = DeploymentOf(*config);
    device = DeviceOf(*config);
    AppendPrivacy(*config, device);
  }
  const BuiltWith built_with = ThisBuild();
  Findings findings = Examine(System(), built_with, deployment);
  const Findings fences = FencesOf();
  findings.insert(findings.end(), fences.begin(), fences.end());
  findings.insert(findings.end(), device.begin(), device.end());
  if (!json.empty()) {
    const absl::Status written = WriteJson(nlohmann::json::parse(FindingsJson(findings, built_with)), json);
    if (!written.ok()) {
      return Complain(written);
    }
  } else {
    std::fputs(FindingsTable(findings, built_with).c_str(), stdout);
  }
  const bool broken =
      std::ranges::any_of(findings, [](const Finding& finding) { return finding.level == Level::kError; });
  return broken ? kExitDoesNotHold : kExitGood;
}

}  // namespace gaios::cli
