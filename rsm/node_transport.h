#ifndef GAIOS_RSM_NODE_TRANSPORT_H_
#define GAIOS_RSM_NODE_TRANSPORT_H_

// The transport that a config asks for, with what a node needs of it beside the contract.

#include <cstddef>
#include <cstdint>
#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include <absl/status/status.h>
#include <absl/status/statusor.h>

#include "gaios/base/clock.h"
#include "gaios/paxos/types.h"
#include "gaios/rsm/config.h"
#include "gaios/rsm/transport_counters.h"
#include "gaios/transport/shm/id_lock.h"
#include "gaios/transport/transport.h"

namespace gaios::rsm {

// What carries writes to a peer.
enum class PathKind : std::uint8_t { kShm, kVerbs, kUdpSocket, kUdpDpdk, kUdp2Socket };
inline constexpr std::size_t kPathKinds = 5;
// As `gaios status` has it; "unknown" for what is none.
[[nodiscard]] std::string_view PathKindName(PathKind kind);

// What a transport knows of the path to one peer; where there are several, of the one that carries the
// writes, but for `loss`, which is that of all of them.
struct PathFacts {
  PathKind kind = PathKind::kShm;
  std::uint64_t rtt_ns = 0;    // 0: not measured
  std::uint64_t sent = 0;      // packets of writes, since the transport was opened; 0: they are not counted
  std::uint64_t loss = 0;      // of these, known to be lost
  bool counts_loss = true;     // false: nobody can tell
  std::uint64_t progress = 0;  // changes whenever some of what is under way has got there; 0: not known
  std::uint64_t switches = 0;  // changes of path
  std::uint64_t paths_up = 0;  // a bit for each PathKind that is up; 0 where there is one path
  std::uint64_t last_switch = 0;  // why the path was changed last: 1 and a fallback::SwitchReason; 0: never
};
// Of a last_switch, in words: "the link is down". Empty for 0.
[[nodiscard]] std::string_view LastSwitchText(std::uint64_t last_switch);

// One thread, but for what the backend says of its own.
class NodeTransport {
 public:
  virtual ~NodeTransport() = default;
  [[nodiscard]] virtual transport::Transport& contract() = 0;
  // The life begins: until then nobody else has noticed anything. Once, before the first Poll.
  [[nodiscard]] virtual absl::Status Begin() = 0;
  // Sentences for the user since the last call.
  [[nodiscard]] virtual std::vector<std::string> TakeNotices() = 0;
  [[nodiscard]] virtual std::size_t reserved_bytes() const = 0;
  // Nothing where replicas share a host.
  [[nodiscard]] virtual std::optional<TransportCounters> counters() const = 0;
  [[nodiscard]] virtual PathFacts path(paxos::ReplicaId peer) const = 0;
  // Adds what becomes readable when something has come that Poll takes in, as far as there is such a thing.
  // It stays the transport's, and open as long as that.
  virtual void AddDescriptors(std::vector<int>& /*descriptors*/) const {}
  // Whether a peer is reached by another path too, which it may ask within Poll, where that makes a
  // difference.
  virtual void SetOtherPath(const std::function<bool(paxos::ReplicaId)>& /*other*/) {}
  // Why nothing can go by it at present, as far as this host knows, a clause; empty where nothing is known.
  [[nodiscard]] virtual std::string WhyDown() const { return ""; }
};

class NodeNetwork;   // node_network.h
struct DpdkSupport;  // node_port.h

struct NodeTransportOptions {
  paxos::ReplicaId self;
  paxos::Incarnation incarnation;
  paxos::GroupId group;
  std::string group_name;              // for messages to users
  std::size_t replicas = 0;            // that the group began with
  const base::Clock* clock = nullptr;  // must outlive the transport
  bool fixed_members = true;           // the group is what its config says, for ever
  NodeNetwork* network = nullptr;      // null: nobody visits; must outlive the transport
  const DpdkSupport* dpdk = nullptr;   // null: this program carries no datagrams by DPDK
  // Memory of the log, page-aligned and zero, where the paths of a link share it: of its capacity, or of
  // SharedLogBytes (node_verbs.h) where RDMA is one of them. It must outlive the transport. Null: the
  // transport's own.
  std::byte* ring = nullptr;
  // One path of several: its address or device need not be there yet, and is waited for. Over UDP.
  bool wait_for_path = false;
};

// Reserves everything that may fail. FailedPrecondition when this build is without what the config asks for;
// other errors are the backend's. `lock` is that of the replica's id in the config's directory, and is kept.
[[nodiscard]] absl::StatusOr<std::unique_ptr<NodeTransport>> OpenNodeTransport(
    const Config& config, const NodeTransportOptions& options, transport::shm::IdLock lock);

struct DeviceDescription {
  std::string text;                   // a sentence
  std::vector<std::string> warnings;  // what works, and could be better
};

// The device or port that the config asks for, on this host; nothing where the transport has none. Opens it,
// unless it is one of DPDK, which a replica may have. Errors as above.
[[nodiscard]] absl::StatusOr<std::optional<DeviceDescription>> DescribeDevice(
    const Config& config, const DpdkSupport* dpdk = nullptr);

// Each RDMA device of this host and how it is fenced, or, as a warning, why it cannot be used. Opens none,
// and tries none: a replica does, when it starts. None in builds without verbs.
[[nodiscard]] std::vector<DeviceDescription> DescribeRdmaDevices();

// Whether this build has it.
[[nodiscard]] bool BuiltWith(TransportKind kind);

}  // namespace gaios::rsm

#endif  // GAIOS_RSM_NODE_TRANSPORT_H_
