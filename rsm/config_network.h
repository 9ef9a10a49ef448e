#ifndef GAIOS_RSM_CONFIG_NETWORK_H_
#define GAIOS_RSM_CONFIG_NETWORK_H_

// The parts of a config that say how replicas on several hosts reach each other. For config.cc alone.

#include "gaios/rsm/config.h"
#include "gaios/rsm/config_section.h"

namespace gaios::rsm {

[[nodiscard]] TransportKind ReadTransport(Section& top);
void ReadVerbs(Section& top, Section& verbs, Config& config);
void ReadUdp(Section& top, Section& udp, Config& config);
// Before the replicas are known.
void ReadClients(Section& top, Section& clients, Config& config);
// Once [udp] is known.
void ReadDpdk(Section& top, Section& dpdk, Config& config);
void ReadCredentials(Section& top, Section& credentials, Config& config);
void ReadAddress(Section& section, TransportKind transport, ReplicaConfig& replica);
// Once all replicas are known.
void CheckAddresses(Section& top, const Config& config);

}  // namespace gaios::rsm

#endif  // GAIOS_RSM_CONFIG_NETWORK_H_
