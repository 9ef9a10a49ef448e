#ifndef GAIOS_TESTS_PAXOS_SCENE_H_
#define GAIOS_TESTS_PAXOS_SCENE_H_

// What a script plays on: the simulated group, the commands and reads that it was given, by their names, and
// what has become of them. One thread.

#include <cstdint>
#include <map>
#include <memory>
#include <optional>
#include <set>
#include <span>
#include <string>
#include <vector>

#include "tests/sim/cluster.h"

namespace gaios::sim {

class Scene {
 public:
  enum class Fate : std::uint8_t { kPending, kCommitted, kUnknown };
  struct Command {
    ReplicaId at;
    Cluster::Proposed proposed;
    Fate fate = Fate::kPending;
  };
  struct Read {
    ReplicaId at;
    Cluster::Reading reading;
    paxos::Position committed_to;          // when it was asked for
    std::optional<paxos::Position> index;  // once it is confirmed
    bool lost = false;
  };

  void Begin(const ClusterOptions& options) { cluster_ = std::make_unique<Cluster>(options); }
  [[nodiscard]] bool begun() const { return cluster_ != nullptr; }
  // Once begun.
  [[nodiscard]] Cluster& cluster() const { return *cluster_; }

  // Takes `command`, and keeps its name.
  paxos::Refusal Take(ReplicaId at, const std::string& command);
  // Asks for a read, and keeps its name; whether it was taken.
  bool StartRead(ReplicaId at, const std::string& name);
  // A change of the group as a line has it: who is asked, the kind, whom it is about, the address if any.
  paxos::ChangeRefusal Change(std::span<const std::string> words);
  // Settles the fate of pending commands and reads; to be called after every step.
  void Collect();
  // What has become of commands that were found committed: wrong, or nothing.
  [[nodiscard]] std::string Kept() const;
  [[nodiscard]] const std::map<std::string, Command>& commands() const { return commands_; }
  [[nodiscard]] const std::map<std::string, Read>& reads() const { return reads_; }
  // Reads that would miss what was committed when they were asked for: wrong, or nothing.
  [[nodiscard]] std::string Misread() const;

  // The names of what a replica has applied, in order.
  [[nodiscard]] std::vector<std::string> Applied(ReplicaId id) const;
  [[nodiscard]] std::vector<ReplicaId> LiveVoters() const;
  [[nodiscard]] std::vector<ReplicaId> Leaders() const;
  // Those that a word names: a replica, or all live voters.
  [[nodiscard]] std::vector<ReplicaId> Which(const std::string& word);
  [[nodiscard]] ReplicaId Id(const std::string& word);
  // A word that should have named a replica did not.
  [[nodiscard]] bool malformed() const { return malformed_; }

 private:
  std::unique_ptr<Cluster> cluster_;
  std::map<std::string, Command> commands_;
  std::set<std::string> pending_;
  std::map<std::string, Read> reads_;
  bool malformed_ = false;
};

}  // namespace gaios::sim

#endif  // GAIOS_TESTS_PAXOS_SCENE_H_
