#ifndef GAIOS_TESTS_PROCESSES_JUDGED_GROUP_H_
#define GAIOS_TESTS_PROCESSES_JUDGED_GROUP_H_

// Three replicas over UDP on three hosts of a network, or over shared memory on this one, and two clients on
// this one, which reach them by sockets of the file system. All of them write down what they do, and at the
// end it is judged (tests/chaos/judge.h).

#include <cstdint>
#include <functional>
#include <memory>
#include <string>
#include <vector>

#include "gaios/base/clock.h"
#include "gaios/cli/load/history.h"
#include "gaios/rsm/feeds/random.h"

#include "tests/chaos/crowd_client.h"
#include "tests/processes/group.h"
#include "tests/processes/switched_network.h"

namespace gaios::cli {

struct JudgedSettings {
  std::size_t networks = 1;  // that the hosts are on
  // Lines of the config: those that say where a replica is, and the rest of the top level and sections.
  std::function<std::string(std::size_t)> addresses = {};
  std::string sections = {};
  // Makes the config of a host of the one that all have; null where they have the same.
  std::function<std::string(std::size_t, const std::string&)> config_of = {};
  bool hosts = true;              // false: they share memory on this one, and all else here is empty
  std::size_t other_hosts = 0;    // of the network, behind those of the replicas
  std::string program = "gaios";  // that the replicas are processes of in their first lives
};

class JudgedGroup {
 public:
  static constexpr std::size_t kReplicas = 3;

  // Starts the replicas.
  explicit JudgedGroup(const JudgedSettings& settings);

  // Of the hosts.
  [[nodiscard]] SwitchedNetwork& network() { return *network_; }
  [[nodiscard]] Group& group() { return group_; }
  // In its next life; as a process of that program.
  void Start(std::size_t replica, const std::string& program = "gaios");

  // Until it holds, with commands all the time. False after a minute.
  bool UnderLoad(const std::function<bool()>& holds);
  // Until so many more commands are acknowledged.
  void Commit(std::uint64_t more);
  // It votes, and the leader counts on it.
  [[nodiscard]] bool InSync(std::size_t replica) const;
  [[nodiscard]] bool AllInSync() const { return InSync(0) && InSync(1) && InSync(2); }

  // Ends it all, and expects that every command was run once, in one order, and answered with what it did,
  // and that none ended unknown.
  void EndAndJudge();

 private:
  void Turn(bool sends);
  [[nodiscard]] std::uint64_t Acknowledged() const;
  [[nodiscard]] bool Answered() const;

  const JudgedSettings settings_;
  const base::TscClock clock_{base::TscClock::Source::kKernel};
  std::unique_ptr<SwitchedNetwork> network_;  // null without hosts
  std::string program_;                       // of the replica that is being started
  Group group_;
  const std::string directory_;
  std::vector<std::string> configs_;
  std::vector<std::size_t> lives_;
  feeds::Random random_{7};
  std::unique_ptr<History> history_;
  std::vector<std::unique_ptr<chaos::CrowdClient>> clients_;
};

}  // namespace gaios::cli

#endif  // GAIOS_TESTS_PROCESSES_JUDGED_GROUP_H_
