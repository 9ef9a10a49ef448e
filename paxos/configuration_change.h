#ifndef GAIOS_PAXOS_CONFIGURATION_CHANGE_H_
#define GAIOS_PAXOS_CONFIGURATION_CHANGE_H_

// What an operator changes in a group, one replica at a time. Payload of an entry of kind
// kConfigurationChange:
//
//   offset  size
//        0     4  kind
//        4     4  replica
//        8     8  zero
//       16    64  address, filled up with zeros
//
// All little-endian.

#include <cstddef>
#include <cstdint>
#include <optional>
#include <span>

#include "gaios/paxos/address.h"
#include "gaios/paxos/configuration.h"
#include "gaios/paxos/entry.h"
#include "gaios/paxos/types.h"

namespace gaios::paxos {

struct ConfigurationChange {
  enum class Kind : std::uint8_t {
    kAdd = 1,         // a replica that is to vote: a learner until it has been filled and admitted
    kAddLearner = 2,  // a replica that never votes
    kRemove = 3,      // voter or learner
    kMove = 4,        // another address
  };
  Kind kind = Kind::kAdd;
  ReplicaId replica;
  Address address;  // kMove, and where the transport wants one kAdd and kAddLearner; else none
  friend bool operator==(const ConfigurationChange&, const ConfigurationChange&) = default;
};

inline constexpr std::size_t kConfigurationChangeBytes = 80;
static_assert(EntryBytes(kConfigurationChangeBytes) == 2 * kEntryAlignment);

void EncodeConfigurationChange(const ConfigurationChange& change,
                               std::span<std::byte, kConfigurationChangeBytes> out);

// Nothing when the bytes are none.
[[nodiscard]] std::optional<ConfigurationChange> DecodeConfigurationChange(std::span<const std::byte> bytes);

// `configuration` after `change`. False, and nothing is changed, when it makes no difference there: it is
// made already, names a replica that is not in the group, or would take the last voter.
[[nodiscard]] bool Apply(const ConfigurationChange& change, Configuration& configuration);

}  // namespace gaios::paxos

#endif  // GAIOS_PAXOS_CONFIGURATION_CHANGE_H_
