#include "tests/processes/switched_network.h"

#include <unistd.h>

#include <cstdio>
#include <cstdlib>
#include <filesystem>
#include <memory>
#include <sstream>
#include <string_view>
#include <system_error>

#include <absl/strings/str_cat.h>
#include <gtest/gtest.h>

namespace gaios::cli {
namespace {

constexpr std::string_view kNamePrefix = "gaios-switch-";

bool Succeeds(const std::string& command) {
  return std::system(command.c_str()) == 0;  // NOLINT(concurrency-mt-unsafe): tests have one thread
}

void Run(const std::string& command) {
  EXPECT_TRUE(Succeeds(command)) << command;
}

std::string OutputOf(const std::string& command) {
  const std::unique_ptr<std::FILE, int (*)(std::FILE*)> pipe(::popen(command.c_str(), "r"), ::pclose);
  std::string text;
  for (int letter = 0; pipe != nullptr && (letter = std::fgetc(pipe.get())) != EOF;) {
    text.push_back(static_cast<char>(letter));
  }
  return text;
}

// Those of tests that were killed.
void RemoveLeftOver() {
  std::error_code ignored;
  for (const auto& entry : std::filesystem::directory_iterator("/run/netns", ignored)) {
    const std::string name = entry.path().filename().string();
    if (name.starts_with(kNamePrefix) &&
        !std::filesystem::exists(
            absl::StrCat("/proc/", std::strtoul(name.c_str() + kNamePrefix.size(), nullptr, 10)))) {
      static_cast<void>(Succeeds("ip netns del " + name + " 2>/dev/null"));
    }
  }
}

// A namespace in which the kernel says nothing by itself.
void AddNamespace(const std::string& name) {
  Run("ip netns add " + name);
  Run(absl::StrCat("ip netns exec ", name,
                   " sh -c 'if [ -d /proc/sys/net/ipv6 ]; then echo 1 "
                   ">/proc/sys/net/ipv6/conf/default/disable_ipv6; fi'"));
}

}  // namespace

std::string SwitchedNetwork::Missing() {
  if (::geteuid() != 0) {
    return "network namespaces need root";
  }
  return Succeeds(
             "unshare -n ip link add b0 type bridge 2>/dev/null && unshare -n ip link add v0 type veth "
             "2>/dev/null")
             ? ""
             : "this kernel has no bridge, or no veth";
}

SwitchedNetwork::SwitchedNetwork(std::size_t hosts, std::size_t networks)
    : base_(absl::StrCat(std::string(kNamePrefix), ::getpid(), "-")), hosts_(hosts) {
  RemoveLeftOver();
  const std::string middle = base_ + "switch";
  AddNamespace(middle);
  for (std::size_t network = 0; network < networks; ++network) {
    Run(absl::StrCat("ip -n ", middle, " link add b", network, " type bridge forward_delay 0"));
    Heal(network);
  }
  for (std::size_t host = 0; host < hosts; ++host) {
    const std::string name = Name(host);
    AddNamespace(name);
    Run(absl::StrCat("ip -n ", name, " link set lo up"));
    for (std::size_t network = 0; network < networks; ++network) {
      Attach(host, network);
    }
  }
}

SwitchedNetwork::~SwitchedNetwork() {
  for (std::size_t host = 0; host < hosts_; ++host) {
    Run("ip netns del " + Name(host));
  }
  Run(absl::StrCat("ip netns del ", base_, "switch"));
}

std::string SwitchedNetwork::Name(std::size_t host) const {
  return absl::StrCat(base_, host);
}

std::vector<std::string> SwitchedNetwork::Enter(std::size_t host) const {
  return {"/usr/bin/env", "ip", "netns", "exec", Name(host)};
}

std::string SwitchedNetwork::SwitchNamespace() const {
  return absl::StrCat("/run/netns/", base_, "switch");
}

std::string SwitchedNetwork::KernelAddress(std::size_t host, std::size_t network) {
  return absl::StrCat("10.9.", 2 + network, ".", host + 1);
}

std::string SwitchedNetwork::FreeAddress(std::size_t host) {
  return absl::StrCat("10.9.2.", host + 101);
}

void SwitchedNetwork::Down(std::size_t host, std::size_t network) const {
  Run(absl::StrCat("ip -n ", Name(host), " link set v", network, " down"));
}

void SwitchedNetwork::Up(std::size_t host, std::size_t network) const {
  Run(absl::StrCat("ip -n ", Name(host), " link set v", network, " up"));
}

void SwitchedNetwork::Cut(std::size_t network) const {
  Run(absl::StrCat("ip -n ", base_, "switch link set b", network, " down"));
}

void SwitchedNetwork::Heal(std::size_t network) const {
  Run(absl::StrCat("ip -n ", base_, "switch link set b", network, " up"));
}

void SwitchedNetwork::Lose(std::size_t network, unsigned percent) {
  std::vector<std::string> ports;
  for (std::size_t host = 0; host < hosts_; ++host) {
    ports.push_back(absl::StrCat("p", host, "-", network));
    Run(absl::StrCat("ip -n ", base_, "switch link set ", ports.back(), " nomaster"));
  }
  lossy_ = std::make_unique<LossySwitch>(base_ + "switch", ports, percent);
  lossy_network_ = network;
}

void SwitchedNetwork::LoseNone() {
  lossy_.reset();
  for (std::size_t host = 0; host < hosts_; ++host) {
    Run(absl::StrCat("ip -n ", base_, "switch link set p", host, "-", lossy_network_, " master b",
                     lossy_network_));
  }
}

void SwitchedNetwork::Attach(std::size_t host, std::size_t network) const {
  const std::string name = Name(host);
  const std::string middle = base_ + "switch";
  const std::string port = absl::StrCat("p", host, "-", network);
  Run(absl::StrCat("ip -n ", name, " link add v", network, " type veth peer name ", port, " netns ", middle));
  // Else the kernel leaves the checksums to the interface, and veth hands the frames on without.
  Run(absl::StrCat("ip netns exec ", name, " ethtool -K v", network, " tx off >/dev/null"));
  Run(absl::StrCat("ip -n ", name, " addr add ", KernelAddress(host, network), "/24 dev v", network));
  Run(absl::StrCat("ip -n ", middle, " link set ", port, " master b", network, " up"));
  Up(host, network);
}

void SwitchedNetwork::Remove(std::size_t host, std::size_t network) const {
  Run(absl::StrCat("ip -n ", Name(host), " link del v", network));
}

std::uint64_t SwitchedNetwork::KernelDatagrams(std::size_t host) const {
  // Two lines of each protocol: names, then numbers.
  std::istringstream lines(OutputOf(absl::StrCat("ip netns exec ", Name(host), " cat /proc/net/snmp")));
  std::string names;
  for (std::string line; std::getline(lines, line);) {
    if (!line.starts_with("Udp: ")) {
      continue;
    }
    if (names.empty()) {
      names = line;
      continue;
    }
    std::uint64_t datagrams = 0;
    std::istringstream name_words(names);
    std::istringstream number_words(line);
    for (std::string name, number; name_words >> name && number_words >> number;) {
      if (name == "InDatagrams" || name == "OutDatagrams") {
        datagrams += std::strtoull(number.c_str(), nullptr, 10);
      }
    }
    return datagrams;
  }
  ADD_FAILURE() << "the kernel does not say how many datagrams it had";
  return 0;
}

}  // namespace gaios::cli
