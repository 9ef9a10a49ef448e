#ifndef GAIOS_TRANSPORT_BOOTSTRAP_OPTIONS_H_
#define GAIOS_TRANSPORT_BOOTSTRAP_OPTIONS_H_

// What a Bootstrap is opened with. Plain values; any thread.

#include <cstddef>
#include <cstdint>
#include <string>
#include <vector>

#include <absl/status/status.h>

#include "gaios/base/clock.h"
#include "gaios/paxos/types.h"

namespace gaios::transport::bootstrap {

// What proves that an end belongs to the cluster. Either a key that all its replicas share, or certificates
// of a certificate authority of the cluster's own: set `key_file` alone, or the other three.
//
// Whoever holds these may take part as any replica: keep them from everybody else. Files that hold a secret
// must belong to the user of the process or to root, and nobody else may read them (mode 0600 or 0400).
struct Credentials {
  // 64 hexadecimal digits: `openssl rand -hex 32 > cluster.key; chmod 600 cluster.key`.
  std::string key_file;
  // PEM. The certificate is signed by the authority, for both ends of TLS when it says what it is for.
  std::string ca_file;
  std::string certificate_file;
  std::string private_key_file;  // a secret
};

class VisitorHandler;  // secure_stream.h

struct PeerAddress {
  paxos::ReplicaId id;
  // Numeric, IPv4 or IPv6: names are not looked up, since that would block. Unused, and may be left empty,
  // for peers of lower id, which dial this replica.
  std::string address;
  std::uint16_t port = 0;
};

struct BootstrapOptions {
  // Where peers of lower id find this replica: the numeric address of an interface, or "0.0.0.0" or "::" for
  // all of them. Port 0 takes any that is free (Bootstrap::port() says which).
  std::string listen_address;
  std::uint16_t listen_port = 0;
  // Whether the address may be on no interface yet: peers find this replica there once it is on one.
  bool wait_for_address = false;
  // Every other replica of the group; where members may change, those of which it is known where they are.
  std::vector<PeerAddress> peers;
  // With how many replicas the group began, where its members may change: then any id below kMaxReplicas may
  // come up. 0: the group is `peers` and this replica, for ever.
  std::size_t began_with = 0;
  // Where peers find this replica, as it tells those of lower id that do not dial it: "10.0.0.1:7400". Empty:
  // it tells nobody.
  std::string own_address;
  // Receives visitors, on the thread that polls; must outlive the Bootstrap. Null: they are sent away.
  VisitorHandler* visitors = nullptr;

  Credentials credentials;

  // What both ends must agree on.
  std::string cluster;  // 1 to kMaxClusterBytes of wire.h, printable ASCII
  paxos::GroupId group;
  std::string group_name;            // how the group is called in messages to users; its id when left empty
  std::uint64_t capacity_bytes = 0;  // of the ring: a power of two within the bounds of paxos/limits.h

  paxos::ReplicaId self;
  paxos::Incarnation incarnation;  // larger than in every earlier life of this replica; at least 1

  const base::Clock* clock = nullptr;  // must outlive the Bootstrap

  // A connection that has not come up by then is closed; it covers TCP, TLS and the hellos.
  std::uint64_t handshake_timeout_ns = 5'000'000'000;
  // Dialling again: after the first failure the smaller one, doubled each time up to the larger one, of
  // which a random part of up to a half is taken off. After a refusal at once the larger one.
  std::uint64_t min_backoff_ns = 50'000'000;
  std::uint64_t max_backoff_ns = 2'000'000'000;
  // An end that has sent nothing for so long sends a ping.
  std::uint64_t ping_interval_ns = 500'000'000;
  // A peer that has not been heard of for so long is down. At least three times the ping interval.
  std::uint64_t silence_timeout_ns = 3'000'000'000;

  // Connections that came in and are not up yet, at most; from 1 to kMaxPendingConnections. One more closes
  // the oldest of them.
  std::size_t max_pending_connections = 32;
  // Room for frames on their way to one peer: from one frame of the largest size to
  // kMaxSendBufferBytes.
  std::size_t send_buffer_bytes = std::size_t{64} << 10;

  // InvalidArgument, with what to write instead. Does not look at files.
  [[nodiscard]] absl::Status Validate() const;
};

// What a stranger can make this process hold is this many times some 80 KiB, most of it of OpenSSL.
inline constexpr std::size_t kMaxPendingConnections = 64;
inline constexpr std::size_t kMaxSendBufferBytes = std::size_t{16} << 20;

}  // namespace gaios::transport::bootstrap

#endif  // GAIOS_TRANSPORT_BOOTSTRAP_OPTIONS_H_
