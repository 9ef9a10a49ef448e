#include "gaios/transport/bootstrap/options.h"

#include <algorithm>
#include <bit>

#include <absl/strings/str_cat.h>

#include "gaios/paxos/limits.h"
#include "gaios/transport/bootstrap/socket.h"
#include "gaios/transport/bootstrap/wire.h"

namespace gaios::transport::bootstrap {
namespace {

constexpr std::uint64_t kMinTimeNs = 1'000'000;
constexpr std::uint64_t kMaxTimeNs = 600'000'000'000;

absl::Status Wrong(const std::string& what) {
  return absl::InvalidArgumentError(what);
}

absl::Status CheckCredentials(const Credentials& credentials) {
  const bool key = !credentials.key_file.empty();
  const int certificate_files = static_cast<int>(!credentials.ca_file.empty()) +
                                static_cast<int>(!credentials.certificate_file.empty()) +
                                static_cast<int>(!credentials.private_key_file.empty());
  if (key && certificate_files != 0) {
    return Wrong("both a key file and certificate files are given: give one or the other");
  }
  if (!key && certificate_files == 0) {
    return Wrong(
        "there are no credentials: make a key with `openssl rand -hex 32 > cluster.key; chmod 600 "
        "cluster.key`, copy it to all replicas, and give its path as key_file");
  }
  if (!key && certificate_files != 3) {
    return Wrong("certificates need all of ca_file, certificate_file and private_key_file");
  }
  return absl::OkStatus();
}

absl::Status CheckTime(const char* name, std::uint64_t value) {
  if (value < kMinTimeNs || value > kMaxTimeNs) {
    return Wrong(absl::StrCat(name, " is ", value, "; it must be between ", kMinTimeNs, " and ", kMaxTimeNs));
  }
  return absl::OkStatus();
}

absl::Status CheckTimes(const BootstrapOptions& options) {
  for (const auto& [name, value] : {std::pair("handshake_timeout_ns", options.handshake_timeout_ns),
                                    std::pair("min_backoff_ns", options.min_backoff_ns),
                                    std::pair("max_backoff_ns", options.max_backoff_ns),
                                    std::pair("ping_interval_ns", options.ping_interval_ns),
                                    std::pair("silence_timeout_ns", options.silence_timeout_ns)}) {
    if (absl::Status status = CheckTime(name, value); !status.ok()) {
      return status;
    }
  }
  if (options.max_backoff_ns < options.min_backoff_ns) {
    return Wrong("max_backoff_ns is smaller than min_backoff_ns: it must be at least as large");
  }
  if (options.silence_timeout_ns / 3 < options.ping_interval_ns) {
    return Wrong(
        "silence_timeout_ns is less than three times ping_interval_ns: lost time would end connections");
  }
  return absl::OkStatus();
}

absl::Status CheckIdentity(const BootstrapOptions& options) {
  if (options.cluster.empty() || options.cluster.size() > kMaxClusterBytes ||
      !std::ranges::all_of(options.cluster, [](char c) { return c >= ' ' && c <= '~'; })) {
    return Wrong(absl::StrCat("the cluster name must be 1 to ", kMaxClusterBytes,
                              " characters of printable ASCII; all replicas have the same"));
  }
  if (options.incarnation.value() == 0 || options.incarnation.value() > paxos::Ballot::kMaxIncarnation) {
    return Wrong(absl::StrCat("incarnation is ", options.incarnation.value(), "; it must be between 1 and ",
                              paxos::Ballot::kMaxIncarnation));
  }
  if (!std::has_single_bit(options.capacity_bytes) || options.capacity_bytes < paxos::kMinCapacityBytes ||
      options.capacity_bytes > paxos::kMaxCapacityBytes) {
    return Wrong(absl::StrCat("capacity_bytes is ", options.capacity_bytes,
                              "; it must be a power of two between ", paxos::kMinCapacityBytes, " and ",
                              paxos::kMaxCapacityBytes));
  }
  return absl::OkStatus();
}

absl::Status CheckPeers(const BootstrapOptions& options) {
  const bool open = options.began_with != 0;
  const std::size_t replicas = open ? paxos::kMaxReplicas : options.peers.size() + 1;
  if (options.began_with > paxos::kMaxReplicas || options.own_address.size() > kMaxAddressBytes) {
    return Wrong(absl::StrCat("a group begins with 1 to ", paxos::kMaxReplicas,
                              " replicas, and the own address has at most ", kMaxAddressBytes, " bytes"));
  }
  if (replicas < 2 || replicas > paxos::kMaxReplicas) {
    return Wrong(absl::StrCat("there are ", options.peers.size(), " peers; there must be between 1 and ",
                              paxos::kMaxReplicas - 1));
  }
  std::array<bool, paxos::kMaxReplicas> taken = {};
  if (options.self.value() >= replicas) {
    return Wrong(absl::StrCat("the id of this replica is ", options.self.value(), "; in a group of ",
                              replicas, " ids go from 0 to ", replicas - 1));
  }
  taken.at(options.self.value()) = true;
  for (const PeerAddress& peer : options.peers) {
    if (peer.id.value() >= replicas || taken.at(peer.id.value())) {
      return Wrong(absl::StrCat("peer ", peer.id.value(), " is there twice or out of range; in a group of ",
                                replicas, " every id from 0 to ", replicas - 1, " is there once"));
    }
    taken.at(peer.id.value()) = true;
    if ((peer.id > options.self || open) &&
        (!ParseAddress(peer.address, peer.port).has_value() || peer.port == 0)) {
      return Wrong(absl::StrCat("peer ", peer.id.value(), " has address \"", peer.address, "\" and port ",
                                peer.port, "; it must be a numeric IPv4 or IPv6 address, and its port"));
    }
  }
  return absl::OkStatus();
}

}  // namespace

absl::Status BootstrapOptions::Validate() const {
  if (!ParseAddress(listen_address, listen_port).has_value()) {
    return Wrong(
        absl::StrCat("listen_address is \"", listen_address,
                     "\"; it must be the numeric IPv4 or IPv6 address of an interface, or \"0.0.0.0\" or "
                     "\"::\" for all"));
  }
  if (clock == nullptr) {
    return Wrong("there is no clock: give one that outlives the Bootstrap, such as a base::TscClock");
  }
  if (max_pending_connections < 1 || max_pending_connections > kMaxPendingConnections) {
    return Wrong(absl::StrCat("max_pending_connections is ", max_pending_connections,
                              "; it must be between 1 and ", kMaxPendingConnections));
  }
  if (send_buffer_bytes < kMaxWireFrameBytes || send_buffer_bytes > kMaxSendBufferBytes) {
    return Wrong(absl::StrCat("send_buffer_bytes is ", send_buffer_bytes, "; it must be between ",
                              kMaxWireFrameBytes, " and ", kMaxSendBufferBytes));
  }
  for (const absl::Status& status :
       {CheckPeers(*this), CheckIdentity(*this), CheckCredentials(credentials), CheckTimes(*this)}) {
    if (!status.ok()) {
      return status;
    }
  }
  return absl::OkStatus();
}

}  // namespace gaios::transport::bootstrap
