#include <set>
#include <string>
#include <vector>

#include <absl/strings/str_cat.h>
#include <absl/strings/str_join.h>

#include "gaios/cli/doctor/examine.h"
#include "gaios/cli/doctor/fields.h"

namespace gaios::cli {
namespace {

constexpr const char* kNotBuilt = "this program is built without it";

void ExamineRdma(const System& system, const BuiltWith& built_with, Findings& findings) {
  std::vector<std::string> devices;
  for (const std::string& device : system.List("/sys/class/infiniband")) {
    const std::string folder = absl::StrCat("/sys/class/infiniband/", device, "/ports");
    for (const std::string& port : system.List(folder)) {
      // "4: ACTIVE"
      const std::string state =
          system.Read(absl::StrCat(folder, "/", port, "/state")).value_or("state not known");
      const std::string link =
          system.Read(absl::StrCat(folder, "/", port, "/link_layer")).value_or("link not known");
      devices.push_back(
          absl::StrCat(device, " port ", port, " (", link, ", ", state.substr(state.find(' ') + 1), ")"));
    }
  }
  if (devices.empty()) {
    findings.push_back(
        {"rdma_devices", Level::kInfo, "no RDMA device; replicas on one host use shared memory", ""});
  } else if (!built_with.verbs) {
    findings.push_back({"rdma_devices", Level::kInfo,
                        absl::StrCat("RDMA devices: ", absl::StrJoin(devices, ", "), "; ", kNotBuilt),
                        "none with this build: it replicates between processes of one host only"});
  } else {
    findings.push_back(
        {"rdma_devices", Level::kOk, absl::StrCat("RDMA devices: ", absl::StrJoin(devices, ", ")), ""});
  }
}

void ExamineDpdkDrivers(const System& system, const BuiltWith& built_with, Findings& findings) {
  std::set<std::string> drivers;
  for (const char* folder :
       {"/usr/lib/x86_64-linux-gnu", "/usr/lib64", "/usr/local/lib/x86_64-linux-gnu", "/usr/local/lib"}) {
    for (const std::string& name : system.List(folder)) {
      const std::string prefix = "librte_net_";
      if (name.starts_with(prefix) && name.find(".so") != std::string::npos) {
        drivers.insert(name.substr(prefix.size(), name.find(".so") - prefix.size()));
      }
    }
  }
  if (drivers.empty()) {
    findings.push_back({"dpdk_drivers", Level::kInfo, "no DPDK network driver is installed", ""});
    return;
  }
  std::string text =
      absl::StrCat("DPDK network drivers installed (", drivers.size(), "): ", absl::StrJoin(drivers, ", "));
  if (!built_with.dpdk) {
    absl::StrAppend(&text, "; ", kNotBuilt);
  }
  findings.push_back({"dpdk_drivers", built_with.dpdk ? Level::kOk : Level::kInfo, text, ""});
}

void ExamineDpdkCards(const System& system, Findings& findings) {
  std::vector<std::string> cards;
  for (const char* driver : {"vfio-pci", "uio_pci_generic", "igb_uio"}) {
    for (const std::string& name : system.List(absl::StrCat("/sys/bus/pci/drivers/", driver))) {
      // Addresses such as 0000:00:04.0 stand among the driver's own files. Class 02 is network.
      const bool is_network =
          system.Read(absl::StrCat("/sys/bus/pci/devices/", name, "/class")).value_or("").starts_with("0x02");
      if (name.find(':') != std::string::npos && is_network) {
        cards.push_back(absl::StrCat(name, " (", driver, ")"));
      }
    }
  }
  if (cards.empty()) {
    findings.push_back({"dpdk_cards", Level::kInfo, "no network card is given to DPDK", ""});
  } else {
    findings.push_back({"dpdk_cards", Level::kOk,
                        absl::StrCat("network cards given to DPDK: ", absl::StrJoin(cards, ", ")), ""});
  }
}

}  // namespace

void ExamineDevices(const System& system, const BuiltWith& built_with, Findings& findings) {
  ExamineRdma(system, built_with, findings);
  ExamineDpdkDrivers(system, built_with, findings);
  ExamineDpdkCards(system, findings);
}

}  // namespace gaios::cli
