#ifndef GAIOS_RSM_CONFIG_NETWORK_H_
#define GAIOS_RSM_CONFIG_NETWORK_H_

// The parts of a config that say how replicas on several hosts reach each other. For config.cc alone.
// In config_network.cc, and in config_paths.cc what is said of several paths.

#include "gaios/rsm/config.h"
#include "gaios/rsm/config_section.h"

namespace gaios::rsm {

// What a key of the path "udp2" is told where links do not have it.
inline constexpr const char* kWithoutUdp2 =
    "is for the path \"udp2\", which links do not have: name it, as in paths = [\"udp\", \"udp2\"], or leave "
    "it "
    "out";

// `transport` and `paths`.
void ReadTransport(Section& top, Config& config);
void ReadVerbs(Section& top, Section& verbs, Config& config);
void ReadUdp(Section& top, Section& udp, Config& config);
// What [udp] and [udp2] have both. Whether it encrypts is, left out, as `config` has it.
void ReadDatagrams(Section& section, UdpConfig& config);
void ReadUdp2(Section& top, Section& udp2, Config& config);
// Once [timing] is known.
void ReadFallback(Section& top, Section& fallback, Config& config);
// Once [udp] is known, before the replicas are.
void ReadClients(Section& top, Section& clients, Config& config);
// Once [udp] is known.
void ReadDpdk(Section& top, Section& dpdk, Config& config);
void ReadCredentials(Section& top, Section& credentials, Config& config);
void ReadAddress(Section& section, const Config& config, ReplicaConfig& replica);
// Once all replicas are known.
void CheckAddresses(Section& top, const Config& config);
// Of paths that go down together, and of those that do not encrypt beside some that do. `file` stands for it
// in the warning.
void WarnOfPaths(const std::string& file, Config& config);

}  // namespace gaios::rsm

#endif  // GAIOS_RSM_CONFIG_NETWORK_H_
