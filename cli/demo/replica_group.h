#ifndef GAIOS_CLI_DEMO_REPLICA_GROUP_H_
#define GAIOS_CLI_DEMO_REPLICA_GROUP_H_

// A fresh group of replicas of the order book, each a process of its own, in a fresh temporary directory that
// is removed with the group. What is known of them comes from their counters. One thread.

#include <chrono>
#include <cstddef>
#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include <absl/status/status.h>
#include <absl/status/statusor.h>

#include "gaios/cli/demo/child_process.h"
#include "gaios/cli/demo/journaled_machine.h"
#include "gaios/cli/status/group_status.h"
#include "gaios/paxos/types.h"
#include "gaios/rsm/config.h"

namespace gaios::cli {

struct ReplicaGroupOptions {
  std::size_t replicas = 3;
  std::string fault;  // as --inject-fault names it, or ""
  rsm::TransportKind transport = rsm::TransportKind::kShm;
};

class ReplicaGroup {
 public:
  // Makes the directory, writes the config and bootstraps the group; Launch starts the replicas.
  [[nodiscard]] static absl::StatusOr<std::unique_ptr<ReplicaGroup>> Create(
      const ReplicaGroupOptions& options);
  ReplicaGroup(const ReplicaGroup&) = delete;
  ReplicaGroup& operator=(const ReplicaGroup&) = delete;
  ~ReplicaGroup();

  [[nodiscard]] absl::Status Launch();
  // Waits until all replicas run and one of them leads.
  [[nodiscard]] absl::Status AwaitLeader(std::chrono::milliseconds timeout);
  // Waits until every replica that lives has applied all that is committed, or has diverged.
  [[nodiscard]] absl::Status AwaitApplied(std::chrono::milliseconds timeout);

  // The replica that leads with a majority, if one says so of itself.
  [[nodiscard]] std::optional<std::size_t> Leader() const;
  // kill -9. It runs no more instruction of its own; the system takes a moment to take down the rest.
  void Kill(std::size_t replica);
  // Starts a replica that was killed again: another life, with a journal of its own. Waits for the end of the
  // former one.
  [[nodiscard]] absl::Status Restart(std::size_t replica);
  // Whether `replica`, in the life it is in, votes.
  [[nodiscard]] bool Votes(std::size_t replica) const;
  // Asks all that live to end and waits for it. The error tells which did not end well, with the end of its
  // output.
  [[nodiscard]] absl::Status Stop(std::chrono::milliseconds timeout);
  // A replica that has ended though nobody asked it to, with the end of its output.
  [[nodiscard]] absl::Status CheckAlive();

  // What a replica said of the memory that it sets aside.
  [[nodiscard]] std::string Reservation() const;

  [[nodiscard]] GroupStatus Status() const;
  [[nodiscard]] std::size_t size() const { return members_.size(); }
  [[nodiscard]] bool alive(std::size_t replica) const { return !members_[replica].dead; }
  // Of all lives of all replicas.
  [[nodiscard]] std::vector<std::string> JournalPaths() const;
  [[nodiscard]] const std::string& directory() const { return directory_; }
  [[nodiscard]] const rsm::Config& config() const { return config_; }
  // Gives the leader a core to itself and the others the rest, as far as there are enough. Says how, for
  // people.
  std::string Place(std::size_t leader);

 private:
  struct Member {
    std::unique_ptr<ChildProcess> process;
    bool dead = false;  // killed, or stopped
    std::size_t life = 0;
  };

  ReplicaGroup(std::string directory, const ReplicaGroupOptions& options)
      : directory_(std::move(directory)), options_(options), members_(options.replicas) {}
  [[nodiscard]] absl::Status WriteConfig();
  [[nodiscard]] absl::Status Start(std::size_t replica);
  [[nodiscard]] std::string JournalPath(std::size_t replica, std::size_t life) const;
  [[nodiscard]] std::string OutputPath(std::size_t replica) const;
  [[nodiscard]] std::string EndOfOutput(std::size_t replica) const;
  // Waits for `ready`; ends early when a replica ends.
  template <typename Ready>
  [[nodiscard]] absl::Status Await(std::chrono::milliseconds timeout, const std::string& what, Ready ready);

  const std::string directory_;
  const ReplicaGroupOptions options_;
  rsm::Config config_;
  std::string config_path_;
  std::vector<Member> members_;
};

// Bytes free for files where a group would be made.
[[nodiscard]] std::uint64_t RoomForGroup();

}  // namespace gaios::cli

#endif  // GAIOS_CLI_DEMO_REPLICA_GROUP_H_
