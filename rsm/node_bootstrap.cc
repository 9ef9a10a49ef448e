#include "gaios/rsm/node_bootstrap.h"

#include <utility>

#include "gaios/rsm/address_text.h"
#include "gaios/rsm/node_network.h"
#include "gaios/transport/bootstrap/bootstrap.h"
#include "gaios/transport/bootstrap/bootstrap_channel.h"

namespace gaios::rsm {
namespace {

transport::bootstrap::BootstrapOptions BootstrapOf(const Config& config, LinkPath path,
                                                   const NodeTransportOptions& options) {
  transport::bootstrap::BootstrapOptions bootstrap;
  for (const ReplicaConfig& replica : config.replicas) {
    const MeetingPlace place = MeetingPlaceOf(config, replica, path);
    if (replica.id == options.self) {
      bootstrap.listen_address = place.address;
      bootstrap.listen_port = place.port;
      bootstrap.own_address = AddressText(place.address, place.port);
    } else {
      bootstrap.peers.push_back({replica.id, place.address, place.port});
    }
  }
  bootstrap.credentials = CredentialsOf(config);
  bootstrap.began_with = options.fixed_members ? 0 : options.replicas;
  bootstrap.visitors = options.network == nullptr ? nullptr : &options.network->visitors();
  bootstrap.cluster = config.group;
  bootstrap.group = options.group;
  bootstrap.group_name = options.group_name;
  bootstrap.capacity_bytes = config.capacity_bytes;
  bootstrap.self = options.self;
  bootstrap.incarnation = options.incarnation;
  bootstrap.clock = options.clock;
  bootstrap.wait_for_address = options.wait_for_path;
  return bootstrap;
}

}  // namespace

absl::StatusOr<std::unique_ptr<transport::bootstrap::PeerChannel>> OpenPeerChannel(
    const Config& config, LinkPath path, const NodeTransportOptions& options) {
  absl::StatusOr<std::unique_ptr<transport::bootstrap::Bootstrap>> bootstrap =
      transport::bootstrap::Bootstrap::Open(BootstrapOf(config, path, options));
  if (!bootstrap.ok()) {
    return bootstrap.status();
  }
  return std::make_unique<transport::bootstrap::BootstrapChannel>(
      *std::move(bootstrap),
      options.network == nullptr || options.fixed_members ? nullptr : &options.network->addresses(path));
}

void CountChannel(const transport::bootstrap::ChannelCounters& channel, TransportCounters& all) {
  using enum TransportCounter;
  all[kConnectionsDialled] = channel.connections_dialled;
  all[kDialsFailed] = channel.dials_failed;
  all[kConnectionsAccepted] = channel.connections_accepted;
  all[kPeersUp] = channel.peers_up;
  all[kPeersDown] = channel.peers_down;
  all[kFramesSent] = channel.frames_sent;
  all[kFramesReceived] = channel.frames_received;
  all[kFramesMalformed] = channel.frames_malformed;
  all[kRefusedByUs] = channel.refused_by_us;
  all[kRefusedByPeer] = channel.refused_by_peer;
  all[kStrangersGarbage] = channel.strangers_garbage;
  all[kStrangersOversized] = channel.strangers_oversized;
  all[kStrangersSlow] = channel.strangers_slow;
  all[kStrangersCrowded] = channel.strangers_crowded;
  all[kStrangersGone] = channel.strangers_gone;
  all[kStrangersUnserved] = channel.strangers_unserved;
}

}  // namespace gaios::rsm
