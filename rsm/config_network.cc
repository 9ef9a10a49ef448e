#include "gaios/rsm/config_network.h"

#include <sys/socket.h>

#include <algorithm>
#include <array>
#include <limits>
#include <set>
#include <string>
#include <string_view>
#include <utility>

#include <absl/strings/str_cat.h>

#include "gaios/rsm/address_text.h"

namespace gaios::rsm {
namespace {

constexpr auto kVerbsKeys = std::to_array<std::string_view>(
    {"device", "port", "fence", "ack_timeout", "retries", "traffic_class", "service_level"});
constexpr auto kUdpKeys =
    std::to_array<std::string_view>({"payload_bytes", "authenticate", "encrypt", "busy_poll_us", "port"});
constexpr auto kPorts = std::to_array<std::string_view>({"socket", "dpdk"});
constexpr auto kDpdkKeys = std::to_array<std::string_view>(
    {"device", "prefix_bits", "gateway", "mtu", "hugepages", "flow_rules", "zero_copy", "clients_from"});
constexpr auto kHugepages = std::to_array<std::string_view>({"if_free", "require", "never"});
constexpr auto kFlowRules = std::to_array<std::string_view>({"if_supported", "require", "never"});
constexpr auto kZeroCopy = std::to_array<std::string_view>({"if_supported", "always", "never"});
// Of IPv4 and UDP, in front of what a datagram carries.
constexpr std::size_t kHeaderBytes = 28;
constexpr auto kClientsKeys =
    std::to_array<std::string_view>({"max", "payload_bytes", "encrypt", "silence_timeout_ms"});
constexpr auto kFences = std::to_array<std::string_view>({"qp_error", "mr_deregistration"});
constexpr auto kCredentialKeys =
    std::to_array<std::string_view>({"key_file", "ca_file", "certificate_file", "private_key_file"});
constexpr const char* kAddressForm =
    "an address in numbers and a port, such as \"10.0.0.1:7400\" or \"[fd00::1]:7400\"";

std::string DoesNotGo(const Config& config) {
  if (config.paths.empty()) {
    return absl::StrCat("does not go with transport = \"", std::string(TransportKindName(config.transport)),
                        "\"", config.transport == TransportKind::kShm ? ", which stays on one host" : "",
                        ": leave it out");
  }
  std::string paths;
  for (const LinkPath path : config.paths) {
    absl::StrAppend(&paths, paths.empty() ? "\"" : ", \"", std::string(LinkPathName(path)), "\"");
  }
  return absl::StrCat("does not go with paths = [", paths, "]: leave it out");
}

// Whether a section that goes with `path` alone is to be read.
bool Belongs(Section& top, const char* section, const Config& config, LinkPath path) {
  if (!config.Has(path) && top.Find(section) != nullptr) {
    top.FailAt(section, DoesNotGo(config));
    return false;
  }
  return config.Has(path);
}

// Whether any replica is to serve clients of the network.
bool AnyServesNetwork(Section& top) {
  const toml::node* const node = top.Find("replica");
  const toml::array* const list = node == nullptr ? nullptr : node->as_array();
  return list != nullptr && std::any_of(list->begin(), list->end(), [](const toml::node& replica) {
           return replica.is_table() && replica.as_table()->contains("client_address");
         });
}

}  // namespace

std::string_view TransportKindName(TransportKind kind) {
  switch (kind) {
    case TransportKind::kShm:
      return "shm";
    case TransportKind::kVerbs:
      return "verbs";
    case TransportKind::kUdp:
      return "udp";
  }
  return "unknown";
}

std::string_view PortKindName(PortKind kind) {
  return kPorts[static_cast<std::size_t>(kind)];
}

void ReadVerbs(Section& top, Section& verbs, Config& config) {
  if (!Belongs(top, "verbs", config, LinkPath::kVerbs)) {
    return;
  }
  verbs.AllowOnly(kVerbsKeys);
  if (verbs.Find("device") != nullptr) {
    config.verbs.device = verbs.RequiredText("device");
  }
  verbs.Read("port", {1, 255}, 1, config.verbs.port);
  if (verbs.Find("fence") != nullptr) {
    config.verbs.fence = verbs.RequiredText("fence");
    if (std::find(kFences.begin(), kFences.end(), config.verbs.fence) == kFences.end()) {
      verbs.FailAt("fence", absl::StrCat("is \"", config.verbs.fence, "\"; known are ", Listed(kFences),
                                         "; left out, it is what the device needs"));
    }
  }
  verbs.Read("ack_timeout", {1, 31}, 1, config.verbs.ack_timeout);
  verbs.Read("retries", {0, 6}, 1, config.verbs.retries);
  verbs.Read("traffic_class", {0, 255}, 1, config.verbs.traffic_class);
  verbs.Read("service_level", {0, 15}, 1, config.verbs.service_level);
}

void ReadDatagrams(Section& section, UdpConfig& config) {
  section.Read("payload_bytes", {512, 8900}, 1, config.payload_bytes);
  section.ReadFlag("authenticate", config.authenticate);
  config.encrypt = config.encrypt && config.authenticate;
  section.ReadFlag("encrypt", config.encrypt);
  if (config.encrypt && !config.authenticate) {
    section.FailAt("encrypt",
                   "is true, and authenticate is false: what is encrypted is authenticated by that. Leave "
                   "authenticate out");
  }
  section.Read("busy_poll_us", {0, 1'000}, 1, config.busy_poll_us);
}

void ReadUdp(Section& top, Section& udp, Config& config) {
  if (!Belongs(top, "udp", config, LinkPath::kUdp)) {
    return;
  }
  udp.AllowOnly(kUdpKeys);
  ReadDatagrams(udp, config.udp);
  if (udp.Find("port") == nullptr) {
    return;
  }
  const std::string port = udp.RequiredText("port");
  if (port == PortKindName(PortKind::kDpdk)) {
    config.udp.port = PortKind::kDpdk;
    if (config.udp.busy_poll_us != 0) {
      udp.FailAt("busy_poll_us",
                 "is for kernel sockets, and port is \"dpdk\", which looks at the card by itself: leave it "
                 "out");
    }
  } else if (port != PortKindName(PortKind::kSocket)) {
    udp.FailAt("port", absl::StrCat("is \"", port, "\"; known are ", Listed(kPorts),
                                    "; left out, it is kernel sockets. The number of a UDP port belongs "
                                    "into udp_address of a replica"));
  }
}

namespace {

void ReadClientsFrom(Section& top, Section& dpdk, Config& config) {
  if (dpdk.Find("clients_from") == nullptr) {
    return;
  }
  const std::string text = dpdk.RequiredText("clients_from");
  std::tie(config.dpdk.clients_from, config.dpdk.clients_from_port) = ParseAddressText(text);
  if (config.dpdk.clients_from_port == 0 || !IsNumericAddress(config.dpdk.clients_from, AF_INET)) {
    dpdk.FailAt("clients_from",
                absl::StrCat("is \"", text,
                             "\"; it must be an IPv4 address in numbers, one that the kernel does not have, "
                             "and a port, such as \"10.1.0.9:7600\""));
  } else if (!AnyServesNetwork(top)) {
    dpdk.FailAt("clients_from",
                "is where clients of the network send from, but no replica has a client_address for them: "
                "give each one, such as \"10.0.0.1:7500\"");
  }
}

}  // namespace

void ReadDpdk(Section& top, Section& dpdk, Config& config) {
  const bool given = top.Find("dpdk") != nullptr;
  const bool for_clients = given && dpdk.Find("clients_from") != nullptr;
  if (config.udp.port != PortKind::kDpdk && !for_clients) {
    if (given) {
      top.FailAt("dpdk",
                 "is for datagrams that DPDK carries: set transport = \"udp\", and port = \"dpdk\" in the "
                 "[udp] section, or clients_from here, for clients of this host; or leave it out");
    }
    return;
  }
  if (!given) {
    top.FailAt("dpdk",
               "is missing, and port = \"dpdk\" in the [udp] section needs it: add a section [dpdk] with "
               "device, a PCI address such as \"0000:01:00.0\" or a virtual device such as "
               "\"net_af_packet0,iface=eth1\"");
    return;
  }
  dpdk.AllowOnly(kDpdkKeys);
  config.dpdk.device = dpdk.RequiredText("device");
  dpdk.Read("prefix_bits", {1, 32}, 1, config.dpdk.prefix_bits);
  dpdk.Read("mtu", {576, 9216}, 1, config.dpdk.mtu);
  for (const auto& [carried, payload_bytes, key] :
       {std::tuple(config.udp.port == PortKind::kDpdk, config.udp.payload_bytes, "udp.payload_bytes"),
        std::tuple(for_clients, config.clients.payload_bytes, "clients.payload_bytes")}) {
    if (carried && config.dpdk.mtu != 0 && payload_bytes + kHeaderBytes > config.dpdk.mtu) {
      dpdk.FailAt("mtu", absl::StrCat("is ", config.dpdk.mtu, ", and datagrams with ", payload_bytes,
                                      " bytes do not fit: raise it, or lower ", key, " to ",
                                      config.dpdk.mtu - kHeaderBytes));
      break;
    }
  }
  ReadClientsFrom(top, dpdk, config);
  if (dpdk.Find("gateway") != nullptr) {
    config.dpdk.gateway = dpdk.RequiredText("gateway");
    if (!IsNumericAddress(config.dpdk.gateway, AF_INET)) {
      dpdk.FailAt("gateway",
                  absl::StrCat("is \"", config.dpdk.gateway,
                               "\"; it must be an IPv4 address in numbers, without a port, such as "
                               "\"10.1.0.254\""));
    }
  }
  if (dpdk.Find("hugepages") != nullptr) {
    config.dpdk.hugepages = dpdk.RequiredText("hugepages");
    if (std::find(kHugepages.begin(), kHugepages.end(), config.dpdk.hugepages) == kHugepages.end()) {
      dpdk.FailAt("hugepages",
                  absl::StrCat("is \"", config.dpdk.hugepages, "\"; known are ", Listed(kHugepages)));
    }
  }
  if (dpdk.Find("flow_rules") != nullptr) {
    config.dpdk.flow_rules = dpdk.RequiredText("flow_rules");
    if (std::find(kFlowRules.begin(), kFlowRules.end(), config.dpdk.flow_rules) == kFlowRules.end()) {
      dpdk.FailAt("flow_rules",
                  absl::StrCat("is \"", config.dpdk.flow_rules, "\"; known are ", Listed(kFlowRules)));
    }
  }
  if (dpdk.Find("zero_copy") != nullptr) {
    config.dpdk.zero_copy = dpdk.RequiredText("zero_copy");
    if (std::find(kZeroCopy.begin(), kZeroCopy.end(), config.dpdk.zero_copy) == kZeroCopy.end()) {
      dpdk.FailAt("zero_copy",
                  absl::StrCat("is \"", config.dpdk.zero_copy, "\"; known are ", Listed(kZeroCopy)));
    }
  }
}

void ReadClients(Section& top, Section& clients, Config& config) {
  config.clients.encrypt = config.udp.encrypt;
  if (top.Find("clients") == nullptr) {
    return;
  }
  if (!AnyServesNetwork(top)) {
    top.FailAt("clients",
               "says how clients of the network are served, but no replica has a client_address for them: "
               "give each one, such as \"10.0.0.1:7500\"");
    return;
  }
  clients.AllowOnly(kClientsKeys);
  clients.Read("max", {1, 4096}, 1, config.clients.max);
  clients.Read("payload_bytes", {512, 8900}, 1, config.clients.payload_bytes);
  clients.ReadFlag("encrypt", config.clients.encrypt);
  clients.Read("silence_timeout_ms", {3'000, 600'000}, 1'000'000, config.clients.silence_timeout_ns);
}

void ReadCredentials(Section& top, Section& credentials, Config& config) {
  const bool network = AnyServesNetwork(top);
  if (config.transport == TransportKind::kShm && !network) {
    if (top.Find("credentials") != nullptr) {
      top.FailAt("credentials", DoesNotGo(config));
    }
    return;
  }
  if (top.Find("credentials") == nullptr) {
    top.FailAt(
        "credentials",
        absl::StrCat("is missing: ",
                     config.transport == TransportKind::kShm ? "clients of the network and replicas"
                                                             : "replicas on several hosts",
                     " prove to each other who they are. Add a section "
                     "[credentials] with key_file, the path of a file made by `openssl rand -hex 32`, with "
                     "mode 0600 and the same on all hosts"));
    return;
  }
  credentials.AllowOnly(kCredentialKeys);
  CredentialsConfig& paths = config.credentials;
  std::size_t of_certificates = 0;
  for (const auto& [key, path, certificates] :
       {std::tuple("key_file", &paths.key_file, false), std::tuple("ca_file", &paths.ca_file, true),
        std::tuple("certificate_file", &paths.certificate_file, true),
        std::tuple("private_key_file", &paths.private_key_file, true)}) {
    if (credentials.Find(key) != nullptr) {
      *path = credentials.RequiredText(key);
      of_certificates += certificates ? 1 : 0;
    }
  }
  if (paths.key_file.empty() ? of_certificates != 3 : of_certificates != 0) {
    top.FailAt("credentials",
               "must have either key_file, or all of ca_file, certificate_file and private_key_file");
  }
}

namespace {

void ReadRdmaAddress(Section& section, ReplicaConfig& replica) {
  replica.rdma_address = section.RequiredText("rdma_address");
  if (!IsNumericAddress(replica.rdma_address)) {
    section.FailAt("rdma_address",
                   absl::StrCat("is \"", replica.rdma_address,
                                "\"; it must be an address in numbers, without a port: one that the network "
                                "interface of the RDMA device has, such as \"10.0.0.1\" or \"fd00::1\""));
  }
}

// IPv4 and a port, which stand at `key`.
void ReadDatagramAddress(Section& section, std::string_view key, const char* example, std::string& address,
                         std::uint16_t& port) {
  const std::string text = section.RequiredText(key);
  std::tie(address, port) = ParseAddressText(text);
  if (port == 0 || !IsNumericAddress(address, AF_INET)) {
    section.FailAt(
        key, absl::StrCat("is \"", text, "\"; it must be an IPv4 address in numbers and a port, such as \"",
                          example, "\""));
  }
}

void ReadUdpAddress(Section& section, const Config& config, ReplicaConfig& replica) {
  if (section.Find("udp_address") != nullptr) {
    ReadDatagramAddress(section, "udp_address", "10.0.0.1:7400", replica.udp_address, replica.udp_port);
    return;
  }
  if (config.Has(LinkPath::kVerbs)) {
    section.FailAt(
        "udp_address",
        "is missing: where there is RDMA beside it, the path \"udp\" has an address of its own, by "
        "which replicas meet over TCP and send datagrams. Add one, such as \"10.1.0.1:7401\"");
    return;
  }
  replica.udp_address = replica.address;
  replica.udp_port = replica.port;
  if (!IsNumericAddress(replica.udp_address, AF_INET)) {
    section.FailAt("udp_address",
                   "is missing: datagrams go over IPv4, and `address` is not of it. Add one, such "
                   "as \"10.0.0.1:7400\"");
  }
}

void ReadUdp2Address(Section& section, ReplicaConfig& replica) {
  if (section.Find("udp2_address") == nullptr) {
    section.FailAt(
        "udp2_address",
        "is missing: where the path \"udp2\" finds this replica, by TCP to meet and by UDP for the "
        "datagrams. Add one of the second network, such as \"10.1.0.1:7401\"");
    return;
  }
  ReadDatagramAddress(section, "udp2_address", "10.1.0.1:7401", replica.udp2_address, replica.udp2_port);
}

// Addresses of paths that links do not have.
void RefuseAddresses(Section& section, const Config& config) {
  for (const auto& [key, path] :
       {std::pair("rdma_address", LinkPath::kVerbs), std::pair("udp_address", LinkPath::kUdp)}) {
    if (!config.Has(path) && section.Find(key) != nullptr) {
      section.FailAt(key, DoesNotGo(config));
    }
  }
  if (!config.Has(LinkPath::kUdp2) && section.Find("udp2_address") != nullptr) {
    section.FailAt("udp2_address", kWithoutUdp2);
  }
}

}  // namespace

void ReadAddress(Section& section, const Config& config, ReplicaConfig& replica) {
  if (section.Find("client_address") != nullptr) {
    ReadDatagramAddress(section, "client_address", "10.0.0.1:7500", replica.client_address,
                        replica.client_port);
  }
  RefuseAddresses(section, config);
  if (config.transport == TransportKind::kShm) {
    if (section.Find("address") != nullptr) {
      section.FailAt("address", DoesNotGo(config));
    }
    return;
  }
  if (section.Find("address") == nullptr) {
    section.FailAt("address", absl::StrCat("is missing: where the other replicas find it, ", kAddressForm));
    return;
  }
  const std::string text = section.RequiredText("address");
  std::tie(replica.address, replica.port) = ParseAddressText(text);
  if (replica.port == 0) {
    section.FailAt("address", absl::StrCat("is \"", text, "\"; it must be ", kAddressForm));
    return;
  }
  if (config.Has(LinkPath::kVerbs) && section.Find("rdma_address") != nullptr) {
    ReadRdmaAddress(section, replica);
  }
  if (config.Has(LinkPath::kUdp)) {
    ReadUdpAddress(section, config, replica);
  }
  if (config.Has(LinkPath::kUdp2)) {
    ReadUdp2Address(section, replica);
  }
}

namespace {

// What is in use already, of TCP or of UDP.
using Taken = std::set<std::pair<std::string, std::uint16_t>>;

// Every replica has one or none has, and each is its own: by TCP and by UDP.
void CheckClientAddresses(Section& top, const Config& config) {
  Taken taken;
  for (const ReplicaConfig& replica : config.replicas) {
    taken.insert({replica.address, replica.port});
    taken.insert({replica.udp_address, replica.udp_port});
    taken.insert({replica.udp2_address, replica.udp2_port});
  }
  for (const ReplicaConfig& replica : config.replicas) {
    if ((replica.client_port != 0) != config.serves_network()) {
      top.FailAt("replica", absl::StrCat(config.serves_network() ? replica.id.value() : 0,
                                         " has no client_address, and others have: give each one, since any "
                                         "of them may come to lead"));
      return;
    }
    if (replica.client_port != 0 && !taken.insert({replica.client_address, replica.client_port}).second) {
      top.FailAt("replica", absl::StrCat(replica.id.value(), " has a client_address that is in use already, ",
                                         replica.client_address, " port ", replica.client_port,
                                         "; give it a port of its own"));
      return;
    }
    const std::string& clients_from = config.dpdk.clients_from;
    if (!clients_from.empty() &&
        (clients_from == replica.address || clients_from == replica.udp_address ||
         clients_from == replica.udp2_address || clients_from == replica.client_address)) {
      top.FailAt("dpdk", absl::StrCat("has clients_from at ", clients_from,
                                      ", which is an address of replica ", replica.id.value(),
                                      ": who asks for it would find the clients instead. Give them one that "
                                      "nobody has"));
      return;
    }
  }
}

// Nobody else has what stands at `key` of `replica`.
void CheckOwn(Section& top, const ReplicaConfig& replica, const char* key, const std::string& address,
              std::uint16_t port, Taken& taken) {
  if (!taken.insert({address, port}).second) {
    top.FailAt("replica", absl::StrCat(replica.id.value(), " has the ", key, " of another, ", address,
                                       " port ", port, "; each needs its own"));
  }
}

// By TCP each path of each replica meets at a place of its own.
void CheckMeetingPlaces(Section& top, const Config& config) {
  Taken taken;
  for (const ReplicaConfig& replica : config.replicas) {
    for (const LinkPath path : config.paths) {
      const MeetingPlace place = MeetingPlaceOf(config, replica, path);
      if (!taken.insert({place.address, place.port}).second) {
        top.FailAt("replica",
                   absl::StrCat(replica.id.value(), " meets the others for the path \"",
                                std::string(LinkPathName(path)), "\" at ", place.address, " port ",
                                place.port, ", where another path or replica does; each needs its own"));
      }
    }
  }
}

}  // namespace

void CheckAddresses(Section& top, const Config& config) {
  CheckClientAddresses(top, config);
  if (config.transport == TransportKind::kShm) {
    return;
  }
  Taken tcp;
  Taken udp;
  for (const ReplicaConfig& replica : config.replicas) {
    CheckOwn(top, replica, "address", replica.address, replica.port, tcp);
    if (config.Has(LinkPath::kUdp)) {
      CheckOwn(top, replica, "udp_address", replica.udp_address, replica.udp_port, udp);
    }
    if (config.Has(LinkPath::kUdp2)) {
      CheckOwn(top, replica, "udp2_address", replica.udp2_address, replica.udp2_port, udp);
    }
  }
  CheckMeetingPlaces(top, config);
}

}  // namespace gaios::rsm
