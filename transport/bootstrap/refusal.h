#ifndef GAIOS_TRANSPORT_BOOTSTRAP_REFUSAL_H_
#define GAIOS_TRANSPORT_BOOTSTRAP_REFUSAL_H_

// Why an end is refused. The numbers travel: they are never given another meaning. Plain values; any thread.

#include <cstddef>
#include <cstdint>
#include <string_view>

namespace gaios::transport::bootstrap {

enum class Refusal : std::uint8_t {
  kNone = 0,
  kAuthentication = 1,  // TLS failed: another key, or a certificate that does not hold. Never in a frame
  kVersion = 2,         // another version of this protocol
  kCluster = 3,         // another cluster name
  kGroup = 4,           // another group: bootstrapped anew, or another epoch
  kCapacity = 5,        // another capacity of the ring
  kReplicas = 6,        // another number of replicas
  kOwnId = 7,           // says that it is the replica that it talks to
  kUnknownId = 8,       // no replica of the group
  kWrongPeer = 9,       // an address leads to another replica than the config says
  kDirection = 10,      // has a higher id and dials; it is to be dialled
  kIncarnation = 11,    // an earlier life than one that has been seen
  kTwin = 12,           // another process in the same life of the same replica
  kStale = 13,          // an earlier attempt than one that has been seen
  kMalformed = 14,      // not of this protocol, or a number out of range
  kNoRoom = 15,      // as many are served already as may be. Of visitors, or of clients (rsm/client/network)
  kRemoved = 16,     // of a life that was removed from the group
  kEncryption = 17,  // one end encrypts its datagrams and the other does not. Of clients
};
inline constexpr std::size_t kRefusals = 18;

// As in counters and messages: "wrong-key", "wrong-cluster".
[[nodiscard]] std::string_view RefusalName(Refusal refusal);

}  // namespace gaios::transport::bootstrap

#endif  // GAIOS_TRANSPORT_BOOTSTRAP_REFUSAL_H_
