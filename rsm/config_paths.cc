// Which ways replicas have to each other, and what is said of several of them.

#include <algorithm>
#include <array>
#include <string>
#include <string_view>
#include <vector>

#include <absl/strings/str_cat.h>

#include "gaios/rsm/config_network.h"

namespace gaios::rsm {
namespace {

constexpr std::uint64_t kNsPerMs = 1'000'000;
constexpr std::uint64_t kStallPerHeartbeat = 2;
constexpr auto kUdp2Keys =
    std::to_array<std::string_view>({"payload_bytes", "authenticate", "encrypt", "busy_poll_us"});
constexpr auto kFallbackKeys =
    std::to_array<std::string_view>({"stall_timeout_ms", "settle_ms", "loss_percent"});
constexpr const char* kPathsForm =
    "must be a list of the paths of a link, the best first, such as [\"verbs\", \"udp\"] or [\"udp\", "
    "\"udp2\"]";

TransportKind TransportOf(LinkPath path) {
  return path == LinkPath::kVerbs ? TransportKind::kVerbs : TransportKind::kUdp;
}

void ReadTransportName(Section& top, Config& config) {
  const std::string name = top.RequiredText("transport");
  for (const TransportKind kind : kTransportKinds) {
    if (name == TransportKindName(kind)) {
      config.transport = kind;
      return;
    }
  }
  top.FailAt("transport",
             absl::StrCat("is \"", name,
                          "\"; known are \"shm\", for replicas on one host, \"verbs\", for hosts with RDMA "
                          "devices, and \"udp\", for hosts without"));
}

// Appends the path of that name, or says what is wrong with it.
void AddPath(Section& top, const std::string& name, Config& config) {
  if (name == TransportKindName(TransportKind::kShm)) {
    top.FailAt("paths",
               "names \"shm\", which cannot be one of several: its memory moves with every grant. Replicas "
               "that share a host take transport = \"shm\" alone");
    return;
  }
  for (const LinkPath path : kLinkPaths) {
    if (name == LinkPathName(path)) {
      if (std::ranges::find(config.paths, path) != config.paths.end()) {
        top.FailAt("paths", absl::StrCat("names \"", name, "\" twice; name each once"));
      }
      config.paths.push_back(path);
      return;
    }
  }
  top.FailAt("paths",
             absl::StrCat("names \"", name,
                          "\"; known are \"verbs\", \"udp\" and \"udp2\", a second network of datagrams"));
}

void ReadPathNames(Section& top, Config& config) {
  const toml::array* const list = top.Find("paths")->as_array();
  if (list == nullptr || list->empty()) {
    top.FailAt("paths", kPathsForm);
    return;
  }
  for (const toml::node& element : *list) {
    const std::optional<std::string> name = element.value_exact<std::string>();
    if (!name.has_value()) {
      top.FailAt("paths", kPathsForm);
      return;
    }
    AddPath(top, *name, config);
  }
}

}  // namespace

std::string_view LinkPathName(LinkPath path) {
  switch (path) {
    case LinkPath::kVerbs:
      return "verbs";
    case LinkPath::kUdp:
      return "udp";
    case LinkPath::kUdp2:
      return "udp2";
  }
  return "unknown";
}

std::vector<LinkPath> LinkPathsOf(const Config& config) {
  if (!config.paths.empty()) {
    return config.paths;
  }
  switch (config.transport) {
    case TransportKind::kShm:
      return {};
    case TransportKind::kVerbs:
      return {LinkPath::kVerbs};
    case TransportKind::kUdp:
      return {LinkPath::kUdp};
  }
  return {};
}

bool MeetsAtAddress(const Config& config, LinkPath path) {
  return path == (config.Has(LinkPath::kVerbs) ? LinkPath::kVerbs : LinkPath::kUdp);
}

MeetingPlace MeetingPlaceOf(const Config& config, const ReplicaConfig& replica, LinkPath path) {
  if (path == LinkPath::kUdp2) {
    return {.address = replica.udp2_address, .port = replica.udp2_port};
  }
  if (MeetsAtAddress(config, path)) {
    return {.address = replica.address, .port = replica.port};
  }
  return {.address = replica.udp_address, .port = replica.udp_port};
}

void ReadTransport(Section& top, Config& config) {
  if (top.Find("transport") != nullptr || top.Find("paths") == nullptr) {
    ReadTransportName(top, config);
  }
  if (top.Find("paths") == nullptr) {
    return;
  }
  ReadPathNames(top, config);
  if (config.paths.empty()) {
    return;
  }
  if (config.Has(LinkPath::kUdp2) && !config.Has(LinkPath::kUdp)) {
    top.FailAt("paths", "names \"udp2\", a second network of datagrams, and not the first: name \"udp\" too");
  }
  const TransportKind first = TransportOf(config.paths.front());
  if (top.Find("transport") != nullptr && config.transport != first) {
    top.FailAt("transport",
               absl::StrCat("is \"", std::string(TransportKindName(config.transport)),
                            "\", and paths begins with \"", std::string(LinkPathName(config.paths.front())),
                            "\": leave transport out"));
  }
  config.transport = first;
  if (config.paths.size() == 1) {
    config.paths.clear();  // no other: what `transport` says alone
  }
}

void ReadUdp2(Section& top, Section& udp2, Config& config) {
  if (!config.Has(LinkPath::kUdp2)) {
    if (top.Find("udp2") != nullptr) {
      top.FailAt("udp2", kWithoutUdp2);
    }
    return;
  }
  if (udp2.Find("port") != nullptr) {
    udp2.FailAt("port",
                "is not a key here: the second network of datagrams has kernel sockets. Leave it out; for "
                "DPDK set port = \"dpdk\" in the [udp] section, and put the networks the other way round");
  }
  udp2.AllowOnly(kUdp2Keys);
  config.udp2.encrypt = config.udp.encrypt;
  ReadDatagrams(udp2, config.udp2);
}

void ReadFallback(Section& top, Section& fallback, Config& config) {
  if (config.paths.empty()) {
    if (top.Find("fallback") != nullptr) {
      top.FailAt("fallback",
                 "says when a link changes its path, and links have one path: name several, as in paths = "
                 "[\"udp\", \"udp2\"], or leave it out");
    }
    return;
  }
  fallback.AllowOnly(kFallbackKeys);
  FallbackConfig& to = config.fallback;
  to.stall_timeout_ns = std::max(config.suspect_timeout_ns / 2, kNsPerMs);
  fallback.Read("stall_timeout_ms", {1, 600'000}, kNsPerMs, to.stall_timeout_ns);
  if (to.stall_timeout_ns >= config.suspect_timeout_ns) {
    fallback.FailAt("stall_timeout_ms",
                    absl::StrCat("is ", to.stall_timeout_ns / kNsPerMs,
                                 ", not less than timing.suspect_timeout_ms, after which a leader whose "
                                 "path stands still is replaced: lower it to ",
                                 config.suspect_timeout_ns / kNsPerMs / 2));
  }
  if (to.stall_timeout_ns < kStallPerHeartbeat * config.heartbeat_interval_ns) {
    fallback.FailAt(
        "stall_timeout_ms",
        absl::StrCat("is ", to.stall_timeout_ns / kNsPerMs, " with a timing.heartbeat_interval_ms of ",
                     config.heartbeat_interval_ns / kNsPerMs,
                     ", in which a follower is looked at by every path: raise it to ",
                     kStallPerHeartbeat * config.heartbeat_interval_ns / kNsPerMs, " or more"));
  }
  fallback.Read("settle_ms", {1, 600'000}, kNsPerMs, to.settle_ns);
  fallback.Read("loss_percent", {0, 100}, 1, to.loss_percent);
}

namespace {

void WarnOfOneNetwork(const std::string& file, const char* keys, paxos::ReplicaId id,
                      const std::string& address, Config& config) {
  config.warnings.push_back(absl::StrCat(file, ": ", keys, " of replica ", id.value(), " are both on ",
                                         address,
                                         ", so that its paths go down together; give it an address of each "
                                         "network"));
}

// Who encrypts by one way should know of the others by which the same bytes travel.
void WarnOfReadable(const std::string& file, Config& config) {
  const bool encrypts = config.udp.encrypt || config.udp2.encrypt || config.clients.encrypt;
  if (!encrypts) {
    return;
  }
  const auto warn = [&](const char* what) {
    config.warnings.push_back(absl::StrCat(file, ": ", what));
    config.privacy_warnings.push_back(config.warnings.back());
  };
  if (config.Has(LinkPath::kVerbs)) {
    warn(
        "datagrams are encrypted, and what goes by RDMA is not: Gaios cannot encrypt it. Keep the network of "
        "the path \"verbs\" apart, or leave that path out");
  }
  for (const auto& [path, udp] :
       {std::pair(LinkPath::kUdp, &config.udp), std::pair(LinkPath::kUdp2, &config.udp2)}) {
    if (config.Has(path) && !udp->encrypt) {
      warn(path == LinkPath::kUdp
               ? "the path \"udp\" does not encrypt, and others do: set encrypt = true in "
                 "the [udp] section"
               : "the path \"udp2\" does not encrypt, and others do: set encrypt = true in "
                 "the [udp2] section");
    }
  }
  if (config.serves_network() && !config.clients.encrypt) {
    warn(
        "replicas encrypt their datagrams, and clients of the network do not: set encrypt = true in the "
        "[clients] section");
  }
}

}  // namespace

void WarnOfPaths(const std::string& file, Config& config) {
  WarnOfReadable(file, config);
  for (const ReplicaConfig& replica : config.replicas) {
    if (config.Has(LinkPath::kUdp2) && replica.udp_address == replica.udp2_address) {
      WarnOfOneNetwork(file, "udp_address and udp2_address", replica.id, replica.udp_address, config);
    }
    if (config.paths.empty() || !config.Has(LinkPath::kVerbs) || replica.rdma_address.empty()) {
      continue;
    }
    if (config.Has(LinkPath::kUdp) && replica.rdma_address == replica.udp_address) {
      WarnOfOneNetwork(file, "rdma_address and udp_address", replica.id, replica.udp_address, config);
    }
    if (config.Has(LinkPath::kUdp2) && replica.rdma_address == replica.udp2_address) {
      WarnOfOneNetwork(file, "rdma_address and udp2_address", replica.id, replica.udp2_address, config);
    }
  }
}

}  // namespace gaios::rsm
