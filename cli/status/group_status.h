#ifndef GAIOS_CLI_STATUS_GROUP_STATUS_H_
#define GAIOS_CLI_STATUS_GROUP_STATUS_H_

// What `gaios status` tells of the replicas of a group, read from their counters, as text for programs and
// for people. Reading does not disturb a replica: it maps a page of its and looks. Pure but for that; any
// thread.

#include <cstddef>
#include <optional>
#include <string>
#include <vector>

#include <nlohmann/json.hpp>

#include "gaios/paxos/types.h"
#include "gaios/rsm/config.h"
#include "gaios/rsm/counters.h"

namespace gaios::cli {

struct ReplicaStatus {
  paxos::ReplicaId id;
  // Nothing when the replica was never started in this directory, or its counters cannot be read; then
  // `problem` says.
  std::optional<rsm::CounterSnapshot> counters;
  std::string problem;

  [[nodiscard]] bool running() const { return counters.has_value() && counters->running; }
  // What it tells while it runs; null when it does not.
  [[nodiscard]] const rsm::CounterData* Live() const {
    return counters.has_value() && counters->running ? &counters->data : nullptr;
  }
};

struct GroupStatus {
  std::string group;
  std::vector<ReplicaStatus> replicas;
};

// Of the replicas of the config, and of others that have been started in its directory.
[[nodiscard]] GroupStatus ReadGroupStatus(const rsm::Config& config);
// What replica `id` tells while it runs; null when it does not.
[[nodiscard]] const rsm::CounterData* LiveData(const GroupStatus& status, std::size_t id);
// The same of the replica as it is now, of a group whose status is of no further interest. Nothing when it
// does not run on this host.
[[nodiscard]] std::optional<rsm::CounterData> ReadLiveData(const rsm::Config& config, std::size_t id);

// Whether a replica says of itself that it leads with a majority.
[[nodiscard]] bool Leads(const rsm::CounterData& data);
// The one that runs and does, unless it is `except`; nothing when there is none.
[[nodiscard]] std::optional<std::size_t> LeaderOf(const GroupStatus& status,
                                                  std::optional<std::size_t> except = std::nullopt);

// An array with an object for each replica. Positions are bytes of the log. Of a replica that is not running
// the numbers are its last; of one that was never started there are none.
[[nodiscard]] nlohmann::json StatusJson(const GroupStatus& status);

// One line a replica, and below it what is out of the ordinary.
[[nodiscard]] std::string StatusTable(const GroupStatus& status);

// The steps of a fail-over in microseconds: {detect, fence, recover, first_commit, total}.
[[nodiscard]] nlohmann::json FailoverJson(const rsm::FailoverCounters& failover);

}  // namespace gaios::cli

#endif  // GAIOS_CLI_STATUS_GROUP_STATUS_H_
