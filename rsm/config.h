#ifndef GAIOS_RSM_CONFIG_H_
#define GAIOS_RSM_CONFIG_H_

// What a group is made of, as a TOML file says it. Every replica and every client of the group reads the same
// file.
//
// Reading is strict: a key that means nothing, a missing one, a wrong type, a value out of range or two
// values that do not go together are errors, each naming file, line, key and what to write instead. What is
// allowed but unwise becomes a warning. Durations carry their unit in the key. Plain values; any thread.

#include <cstddef>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include <absl/status/statusor.h>

#include "gaios/base/idle.h"
#include "gaios/paxos/options.h"
#include "gaios/paxos/types.h"

namespace gaios::rsm {

enum class StateMachineKind : std::uint8_t { kOrderBook, kCounter };
[[nodiscard]] std::string_view StateMachineKindName(StateMachineKind kind);  // as in the file

// How replicas reach each other's memory.
enum class TransportKind : std::uint8_t { kShm, kVerbs, kUdp };
inline constexpr TransportKind kTransportKinds[] = {TransportKind::kShm, TransportKind::kVerbs,
                                                    TransportKind::kUdp};
[[nodiscard]] std::string_view TransportKindName(TransportKind kind);  // as in the file

// A way by which replicas reach each other, where a link has several. `kUdp2` is a second network of
// datagrams.
enum class LinkPath : std::uint8_t { kVerbs, kUdp, kUdp2 };
inline constexpr LinkPath kLinkPaths[] = {LinkPath::kVerbs, LinkPath::kUdp, LinkPath::kUdp2};
[[nodiscard]] std::string_view LinkPathName(LinkPath path);  // as in the file

struct ReplicaConfig {
  paxos::ReplicaId id;
  std::optional<int> cpu;                         // its loop is pinned there
  std::uint8_t priority = paxos::kUsualPriority;  // as leader; 0: only when nobody else leads
  // Where the others find it, numeric; empty and 0 with shared memory.
  std::string address;
  std::uint16_t port = 0;
  // Which RoCEv2 address its RDMA device uses, numeric; empty: the first that suits.
  std::string rdma_address;
  // Where its datagrams go, IPv4 and numeric; empty: the same as `address` and `port`.
  std::string udp_address;
  std::uint16_t udp_port = 0;
  // The same for the path "udp2"; empty and 0 without it.
  std::string udp2_address;
  std::uint16_t udp2_port = 0;
  // Where clients of the network find it, IPv4 and numeric: TCP to meet, UDP for the rest. Empty: nowhere.
  std::string client_address;
  std::uint16_t client_port = 0;
};

// [verbs], for all replicas alike. Defaults are those of the transport (transport/verbs/options.h).
struct VerbsConfig {
  std::string device;  // empty: the only one of the host
  int port = 1;
  std::string fence;  // empty: as the device needs it
  std::uint8_t ack_timeout = 13;
  std::uint8_t retries = 6;
  std::uint8_t traffic_class = 0;
  std::uint8_t service_level = 0;
};

// What carries the datagrams of a replica.
enum class PortKind : std::uint8_t { kSocket, kDpdk };
[[nodiscard]] std::string_view PortKindName(PortKind kind);  // as in the file

// [udp]. All replicas must have the same, but for `port`.
struct UdpConfig {
  std::size_t payload_bytes = 1400;  // of a datagram, at most; 28 less than the MTU is the most that helps
  bool authenticate = true;          // false: for a network segment that nobody else can send to
  bool encrypt = false;              // so that others cannot read what is sent; in [udp2] as in [udp]
  // Of kernel sockets: other than 0, the kernel asks the card at each look, once, since nobody waits there.
  // The value is what the socket is given; above net.core.busy_read it wants CAP_NET_ADMIN.
  std::uint32_t busy_poll_us = 0;
  PortKind port = PortKind::kSocket;
};

// [fallback], for links of several paths. All replicas should have the same. Defaults are those of
// transport/fallback/fallback_transport.h.
struct FallbackConfig {
  std::uint64_t stall_timeout_ns = 50'000'000;  // shorter than the suspect timeout; in the file its half
  std::uint64_t settle_ns = 2'000'000'000;
  std::uint32_t loss_percent = 10;  // of the datagrams of writes; 0: however many are lost
};

// [dpdk], of the host that reads the file (transport/udp/dpdk/options.h).
struct DpdkConfig {
  std::string device;             // a PCI address, or DPDK's name of a virtual device
  std::uint8_t prefix_bits = 24;  // of the network in which udp_address is
  std::string gateway;            // to other networks, IPv4 and numeric; empty: none
  std::uint16_t mtu = 0;          // 0: that of the interface; 1,500 for a card
  std::string hugepages = "if_free";
  std::string flow_rules = "if_supported";  // by which a card is shared with the kernel
  std::string zero_copy = "if_supported";   // of long datagrams, sent from the log (ZeroCopy says by what)
  // Where clients of this host send from, IPv4 and numeric: then they go by DPDK. Empty: by kernel sockets.
  std::string clients_from;
  std::uint16_t clients_from_port = 0;
};

// [clients], of the network, for all replicas alike. With every transport.
struct ClientsConfig {
  std::size_t max = 64;              // that one replica serves at once; each takes some MiB of its memory
  std::size_t payload_bytes = 1400;  // of a datagram, at most
  bool encrypt = false;              // requests and replies; left out: as in [udp], if there is one
  std::uint64_t silence_timeout_ns = 10'000'000'000;  // one that says nothing for so long is forgotten
};

// [credentials]: paths. Either `key_file` or the other three, see transport/bootstrap/options.h.
struct CredentialsConfig {
  std::string key_file;
  std::string ca_file;
  std::string certificate_file;
  std::string private_key_file;
};

struct Config {
  std::string group;
  std::uint32_t epoch = 1;  // a later one is another group, made by an operator's decision
  std::string directory;    // absolute, or relative to the working directory of the process
  std::uint64_t capacity_bytes = std::uint64_t{1} << 26;
  StateMachineKind state_machine = StateMachineKind::kOrderBook;
  base::IdleStrategy idle = base::IdleStrategy::kBackOff;  // of `gaios replica`
  std::uint32_t max_batch_bytes = 32U << 10;

  // [timing]
  std::uint64_t heartbeat_interval_ns = 5'000'000;
  std::uint64_t suspect_timeout_ns = 100'000'000;
  std::uint64_t suspect_timeout_most_ns = 1'000'000'000;  // where pauses are seen; see paxos/silence_limit.h
  std::uint64_t election_jitter_ns = 10'000'000;
  std::uint64_t election_timeout_ns = 100'000'000;
  std::uint64_t drop_timeout_ns = 200'000'000;
  std::uint64_t preferred_after_ns = 5'000'000'000;  // so long one of a higher priority must have kept up

  // [sessions]
  std::size_t max_sessions = 256;
  std::size_t reply_bytes = std::size_t{32} << 10;  // kept for each session
  std::uint64_t session_idle_timeout_ns = 60'000'000'000;

  std::uint64_t hash_interval_commands = 10'000;  // 0: never
  // What a follower that lacks much of the log is given, at most; 0: no bound. In the file, in MiB a second.
  std::uint64_t fill_bytes_per_second = std::uint64_t{32} << 20;

  // [snapshot]
  std::string snapshot_directory;                    // of the files; empty: in `directory`
  std::uint64_t snapshot_interval_commands = 0;      // a follower takes one so often; 0: only when asked to
  std::uint64_t snapshot_fill_bytes_per_second = 0;  // given to others, at most so much; 0: no bound

  TransportKind transport = TransportKind::kShm;
  // Of each link, the best first; empty where `transport` is the only one. The first is of `transport`.
  std::vector<LinkPath> paths;
  FallbackConfig fallback;
  VerbsConfig verbs;
  UdpConfig udp;
  UdpConfig udp2;  // [udp2]; kernel sockets only
  ClientsConfig clients;
  DpdkConfig dpdk;
  CredentialsConfig credentials;

  std::vector<ReplicaConfig> replicas;  // [[replica]], in the order of their ids, which are 0, 1, ...

  std::vector<std::string> warnings;  // sentences for the user
  std::vector<std::string>
      privacy_warnings;  // of these, those of ways that do not encrypt beside some that do

  // Whether links have that path, with others or alone.
  [[nodiscard]] bool Has(LinkPath path) const;
  // Whether replicas serve clients of the network: all do, or none.
  [[nodiscard]] bool serves_network() const { return !replicas.empty() && replicas[0].client_port != 0; }
  // Whether DPDK carries the datagrams of clients of the network on this host.
  [[nodiscard]] bool clients_by_dpdk() const { return dpdk.clients_from_port != 0; }
};

// The paths of a link, the best first, also where that is one; none with shared memory.
[[nodiscard]] std::vector<LinkPath> LinkPathsOf(const Config& config);

// Where a replica meets the others before they use a path: by TCP, at the address of its own that the path
// has.
struct MeetingPlace {
  std::string address;
  std::uint16_t port = 0;
};
// Whether that is the replica's `address`: of one path it is.
[[nodiscard]] bool MeetsAtAddress(const Config& config, LinkPath path);
[[nodiscard]] MeetingPlace MeetingPlaceOf(const Config& config, const ReplicaConfig& replica, LinkPath path);

// `name` stands for the file in errors. Errors are InvalidArgument.
[[nodiscard]] absl::StatusOr<Config> ParseConfig(std::string_view text, std::string_view name);
// NotFound when there is no such file.
[[nodiscard]] absl::StatusOr<Config> LoadConfig(const std::string& path);

// The configuration is as if the group had been bootstrapped by this config. `group` is the id of the group
// that was bootstrapped by it (group_identity.h).
[[nodiscard]] paxos::Options ProtocolOptions(const Config& config, paxos::GroupId group,
                                             paxos::ReplicaId self, paxos::Incarnation incarnation);

}  // namespace gaios::rsm

#endif  // GAIOS_RSM_CONFIG_H_
