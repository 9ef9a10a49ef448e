// The text of a config file. What is refused is refused with the file and the line; what is taken is within
// the bounds that the rest of the library counts on.

#include "gaios/rsm/config.h"

#include <bit>
#include <string>
#include <string_view>

#include "gaios/base/check.h"
#include "gaios/paxos/limits.h"
#include "gaios/rsm/state_machine.h"

#include "tests/fuzz/target.h"

namespace gaios::fuzz {

void RunTarget(std::span<const std::byte> input) {
  const std::string_view text(reinterpret_cast<const char*>(input.data()), input.size());
  const absl::StatusOr<rsm::Config> config = rsm::ParseConfig(text, "group.toml");
  if (!config.ok()) {
    GAIOS_CHECK(config.status().code() == absl::StatusCode::kInvalidArgument, "a bad config is an argument");
    const std::string message(config.status().message());
    const std::string place = "group.toml:";
    GAIOS_CHECK(message.starts_with(place) && message.find_first_of("123456789") == place.size(),
                "an error says where it is");
    return;
  }
  GAIOS_CHECK(!config->group.empty() && !config->directory.empty() && config->epoch >= 1, "names are given");
  GAIOS_CHECK(std::has_single_bit(config->capacity_bytes) &&
                  config->capacity_bytes >= paxos::kMinCapacityBytes &&
                  config->capacity_bytes <= paxos::kMaxCapacityBytes,
              "a capacity is what a log takes");
  GAIOS_CHECK(config->max_batch_bytes > 0 && config->max_batch_bytes <= paxos::kMaxEntryPayloadBytes,
              "a batch fits into an entry");
  GAIOS_CHECK(config->max_sessions > 0 && config->reply_bytes >= rsm::kMaxReplyBytes,
              "a session keeps the largest reply");
  GAIOS_CHECK(config->suspect_timeout_ns >= 2 * config->heartbeat_interval_ns &&
                  config->election_timeout_ns >= config->election_jitter_ns &&
                  config->heartbeat_interval_ns > 0,
              "times go together");
  GAIOS_CHECK(!config->replicas.empty() && config->replicas.size() <= paxos::kMaxReplicas,
              "a group has replicas");
  for (std::size_t i = 0; i < config->replicas.size(); ++i) {
    const paxos::ReplicaId id = config->replicas[i].id;
    GAIOS_CHECK(id.value() == i, "replicas are numbered from 0");
    const paxos::Options options =
        rsm::ProtocolOptions(*config, paxos::GroupId(1), id, paxos::Incarnation(1));
    GAIOS_CHECK(options.configuration.IsVoter({id, paxos::Incarnation(1)}), "each replica is a voter");
  }
}

}  // namespace gaios::fuzz
