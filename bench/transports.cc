#include "bench/transports.h"

#include <arpa/inet.h>
#include <fcntl.h>
#include <netinet/in.h>
#include <sys/random.h>
#include <sys/socket.h>
#include <unistd.h>

#include <array>
#include <cerrno>
#include <utility>
#include <vector>

#include <absl/strings/escaping.h>

#include "gaios/base/unique_fd.h"
#include "gaios/paxos/types.h"
#include "gaios/rsm/node_dpdk.h"
#include "gaios/transport/shm/id_lock.h"

#include "bench/dpdk_network.h"
#include "bench/verbs.h"

namespace gaios::bench {
namespace {

absl::Status WriteKey(const std::string& path) {
  std::array<char, 32> key;
  if (::getrandom(key.data(), key.size(), 0) != static_cast<ssize_t>(key.size())) {
    return absl::UnavailableError("the system gives no random numbers; try again");
  }
  const base::UniqueFd file(::open(path.c_str(), O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0600));
  const std::string text = absl::BytesToHexString(absl::string_view(key.data(), key.size()));
  if (!file.valid() || ::write(file.get(), text.data(), text.size()) != static_cast<ssize_t>(text.size())) {
    return absl::ErrnoToStatus(errno, "cannot write " + path);
  }
  return absl::OkStatus();
}

constexpr const char* kLoopback = "127.0.0.1";

// Ports of the loopback address that nobody listened on just now.
absl::StatusOr<std::vector<std::uint16_t>> FreePorts(std::size_t count) {
  std::vector<base::UniqueFd> sockets;  // held until all are known, so that they differ
  std::vector<std::uint16_t> ports;
  while (ports.size() < count) {
    sockets.emplace_back(::socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0));
    sockaddr_in address = {};
    address.sin_family = AF_INET;
    address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    socklen_t bytes = sizeof(address);
    auto* const generic = reinterpret_cast<sockaddr*>(&address);
    if (!sockets.back().valid() || ::bind(sockets.back().get(), generic, bytes) != 0 ||
        ::getsockname(sockets.back().get(), generic, &bytes) != 0) {
      return absl::ErrnoToStatus(errno, "the system gives no port of the loopback address");
    }
    ports.push_back(ntohs(address.sin_port));
  }
  return ports;
}

absl::Status GivePorts(rsm::Config& config) {
  const auto ports = FreePorts(config.replicas.size());
  if (!ports.ok()) {
    return ports.status();
  }
  for (rsm::ReplicaConfig& replica : config.replicas) {
    replica.address = replica.udp_address = kLoopback;
    replica.port = replica.udp_port = (*ports)[replica.id.value()];
  }
  return absl::OkStatus();
}

// Nothing changes the path in a run: a group is silent while the other side is measured.
absl::Status GiveSecondPath(rsm::Config& config) {
  constexpr std::uint64_t kNeverNs = 3'600'000'000'000;
  const auto ports = FreePorts(config.replicas.size());
  if (!ports.ok()) {
    return ports.status();
  }
  for (rsm::ReplicaConfig& replica : config.replicas) {
    replica.udp2_address = kLoopback;
    replica.udp2_port = (*ports)[replica.id.value()];
  }
  config.paths = {rsm::LinkPath::kUdp, rsm::LinkPath::kUdp2};
  config.udp2.payload_bytes = config.udp.payload_bytes;
  config.udp2.authenticate = config.udp.authenticate;
  config.fallback.stall_timeout_ns = config.fallback.settle_ns = kNeverNs;
  return absl::OkStatus();
}

}  // namespace

absl::Status CheckTransport(const Options& options) {
  if (options.port == rsm::PortKind::kDpdk) {
    return CheckDpdkNetwork();
  }
  if (options.transport != rsm::TransportKind::kVerbs) {
    return absl::OkStatus();
  }
  if (!rsm::BuiltWith(options.transport)) {
    return absl::FailedPreconditionError(
        "--transport verbs: this build knows no RDMA device; install libibverbs-dev and configure again with "
        "-DGAIOS_VERBS=ON");
  }
  // Where a config says which device, it is opened by that.
  return options.config_path.empty() ? CheckVerbsDevice(options.device) : absl::OkStatus();
}

absl::StatusOr<rsm::Config> MakeConfig(const Options& options, const std::string& directory) {
  rsm::Config config;
  config.group = "bench";
  config.directory = directory;
  config.capacity_bytes = options.capacity_bytes;
  config.transport = options.transport;
  config.replicas.resize(options.replicas);
  for (std::size_t i = 0; i < options.replicas; ++i) {
    config.replicas[i].id = paxos::ReplicaId(static_cast<std::uint8_t>(i));
  }
  if (options.transport == rsm::TransportKind::kShm) {
    return config;
  }
  config.verbs.device = options.device;
  config.udp.payload_bytes = options.payload_bytes;
  config.udp.authenticate = options.authenticate;
  config.udp.encrypt = options.encrypt;
  config.credentials.key_file = directory + "/cluster.key";
  if (absl::Status status = WriteKey(config.credentials.key_file); !status.ok()) {
    return status;
  }
  if (absl::Status status = GivePorts(config); !status.ok()) {
    return status;
  }
  if (options.two_paths) {
    if (absl::Status status = GiveSecondPath(config); !status.ok()) {
      return status;
    }
  }
  if (options.port == rsm::PortKind::kDpdk) {
    config.udp.port = options.port;
    config.dpdk.device = options.device;
    config.dpdk.zero_copy = options.zero_copy ? "if_supported" : "never";
    for (rsm::ReplicaConfig& replica : config.replicas) {
      replica.udp_address = DpdkAddress(replica.id.value());
    }
  }
  return config;
}

absl::Status ServeClients(rsm::Config& config) {
  if (config.credentials.key_file.empty()) {
    config.credentials.key_file = config.directory + "/cluster.key";
    if (absl::Status status = WriteKey(config.credentials.key_file); !status.ok()) {
      return status;
    }
  }
  const auto ports = FreePorts(config.replicas.size());
  if (!ports.ok()) {
    return ports.status();
  }
  for (rsm::ReplicaConfig& replica : config.replicas) {
    replica.client_address = kLoopback;
    replica.client_port = (*ports)[replica.id.value()];
  }
  return absl::OkStatus();
}

absl::StatusOr<std::unique_ptr<rsm::NodeTransport>> OpenTransport(const rsm::Config& config, std::uint8_t id,
                                                                  const base::Clock& clock,
                                                                  paxos::Incarnation incarnation,
                                                                  const LossRate* loss) {
  rsm::Config own = config;
  if (config.udp.port == rsm::PortKind::kDpdk) {
    own.dpdk.device = DpdkDevice(config.dpdk.device, id);
  }
  const rsm::DpdkSupport* ports = rsm::Dpdk();
  if (loss != nullptr) {
    ports = LossyPorts(own.udp.port, *loss);
    own.udp.port = rsm::PortKind::kDpdk;  // whose place they take
  }
  absl::StatusOr<transport::shm::IdLock> lock =
      transport::shm::IdLock::Take(config.directory, paxos::ReplicaId(id));
  if (!lock.ok()) {
    return lock.status();
  }
  absl::StatusOr<std::unique_ptr<rsm::NodeTransport>> transport =
      rsm::OpenNodeTransport(own,
                             {.self = paxos::ReplicaId(id),
                              .incarnation = incarnation,
                              .group = paxos::GroupId(1),
                              .group_name = config.group,
                              .replicas = config.replicas.size(),
                              .clock = &clock,
                              .dpdk = ports},
                             *std::move(lock));
  if (!transport.ok()) {
    return transport.status();
  }
  if (absl::Status status = (*transport)->Begin(); !status.ok()) {
    return status;
  }
  return transport;
}

}  // namespace gaios::bench
