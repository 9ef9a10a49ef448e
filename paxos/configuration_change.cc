#include "gaios/paxos/configuration_change.h"

#include <array>
#include <cstring>

#include "gaios/paxos/limits.h"

namespace gaios::paxos {
namespace {

struct Payload {
  std::uint32_t kind = 0;
  std::uint32_t replica = 0;
  std::uint64_t zero = 0;
  std::array<char, Address::kMaxBytes + 1> address = {};
};
static_assert(sizeof(Payload) == kConfigurationChangeBytes);

}  // namespace

void EncodeConfigurationChange(const ConfigurationChange& change,
                               std::span<std::byte, kConfigurationChangeBytes> out) {
  Payload payload;
  payload.kind = static_cast<std::uint32_t>(change.kind);
  payload.replica = change.replica.value();
  const std::string_view text = change.address.text();
  std::memcpy(payload.address.data(), text.data(), text.size());
  std::memcpy(out.data(), &payload, sizeof(payload));
}

std::optional<ConfigurationChange> DecodeConfigurationChange(std::span<const std::byte> bytes) {
  using Kind = ConfigurationChange::Kind;
  Payload payload;
  if (bytes.size() != sizeof(payload)) {
    return std::nullopt;
  }
  std::memcpy(&payload, bytes.data(), sizeof(payload));
  const std::string_view all(payload.address.data(), payload.address.size());
  const std::string_view text = all.substr(0, all.find('\0'));
  const std::optional<Address> address = Address::Of(text);
  if (payload.kind < static_cast<std::uint32_t>(Kind::kAdd) ||
      payload.kind > static_cast<std::uint32_t>(Kind::kMove) || payload.replica >= kMaxReplicas ||
      payload.zero != 0 || !address.has_value() ||
      all.find_first_not_of('\0', text.size()) != std::string_view::npos) {
    return std::nullopt;
  }
  return ConfigurationChange{static_cast<Kind>(payload.kind),
                             ReplicaId(static_cast<std::uint8_t>(payload.replica)), *address};
}

bool Apply(const ConfigurationChange& change, Configuration& configuration) {
  const Standing before = configuration.StandingOf(change.replica);
  switch (change.kind) {
    case ConfigurationChange::Kind::kAdd:
    case ConfigurationChange::Kind::kAddLearner: {
      const bool joins = change.kind == ConfigurationChange::Kind::kAdd;
      if (before == Standing::kVoter || before == (joins ? Standing::kJoining : Standing::kLearner)) {
        return false;
      }
      configuration.AddLearner(change.replica, joins);
      if (before == Standing::kNone || !change.address.none()) {
        configuration.SetAddress(change.replica, change.address);
      }
      return true;
    }
    case ConfigurationChange::Kind::kRemove:
      if (before == Standing::kNone || (before == Standing::kVoter && configuration.size() == 1)) {
        return false;
      }
      configuration.Remove(change.replica);
      return true;
    case ConfigurationChange::Kind::kMove:
      if (before == Standing::kNone || configuration.AddressOf(change.replica) == change.address) {
        return false;
      }
      configuration.SetAddress(change.replica, change.address);
      return true;
  }
  return false;
}

}  // namespace gaios::paxos
