#ifndef GAIOS_TESTS_RSM_CLIENT_LOCAL_GROUP_H_
#define GAIOS_TESTS_RSM_CLIENT_LOCAL_GROUP_H_

// A group of replicas on the simulated transport with real client ports, all driven by one thread and one
// clock that is set by hand, so that a test decides when anything happens. Each replica runs a journal as its
// state machine.

#include <algorithm>
#include <cstdint>
#include <cstring>
#include <functional>
#include <map>
#include <memory>
#include <set>
#include <span>
#include <string>
#include <vector>

#include "gaios/base/check.h"
#include "gaios/base/clock.h"
#include "gaios/rsm/client/client.h"
#include "gaios/rsm/client/client_port.h"
#include "gaios/rsm/replica.h"
#include "gaios/transport/sim/world.h"

#include "tests/support/scratch_directory.h"

namespace gaios::rsm::test {

inline constexpr std::uint64_t kMs = 1'000'000;
inline constexpr paxos::GroupId kGroup{77};

inline std::string Text(std::span<const std::byte> bytes) {
  std::string text(bytes.size(), '\0');
  if (!bytes.empty()) {
    std::memcpy(text.data(), bytes.data(), bytes.size());
  }
  return text;
}
inline std::span<const std::byte> Bytes(const std::string& text) {
  return std::as_bytes(std::span(text));
}

// Keeps every command and echoes it; the reply to "big N..." is N bytes.
class Journal final : public StateMachine {
 public:
  void Apply(const Command& command, Reply& reply) override {
    const std::string text = Text(command.bytes);
    commands.push_back(text);
    const std::string answer =
        text.starts_with("big ") ? std::string(std::stoul(text.substr(4)), 'b') : "re " + text.substr(0, 64);
    GAIOS_CHECK(reply.Append(Bytes(answer)), "the reply fits");
  }
  [[nodiscard]] std::uint64_t StateHash() const override { return commands.size(); }
  [[nodiscard]] absl::Status Save(SnapshotSink&) const override { return absl::OkStatus(); }
  [[nodiscard]] absl::Status Restore(SnapshotSource&) override { return absl::OkStatus(); }

  std::vector<std::string> commands;
};

class Answers final : public ClientListener {
 public:
  void OnCommitted(std::uint64_t tag, std::uint64_t slot, Applied how,
                   std::span<const std::byte> reply) override {
    ++count[tag];
    order.push_back(tag);
    slots[tag] = slot;
    hows[tag] = how;
    replies[tag] = Text(reply);
    if (then) {
      then(tag);
    }
  }
  void OnUnknown(std::uint64_t tag) override {
    ++count[tag];
    order.push_back(tag);
    unknown.insert(tag);
    if (then) {
      then(tag);
    }
  }
  [[nodiscard]] bool EachOnce(std::uint64_t first, std::uint64_t last) const {
    for (std::uint64_t tag = first; tag <= last; ++tag) {
      const auto found = count.find(tag);
      if (found == count.end() || found->second != 1) {
        return false;
      }
    }
    return true;
  }

  std::map<std::uint64_t, int> count;
  std::vector<std::uint64_t> order;
  std::map<std::uint64_t, std::uint64_t> slots;
  std::map<std::uint64_t, Applied> hows;
  std::map<std::uint64_t, std::string> replies;
  std::set<std::uint64_t> unknown;
  std::function<void(std::uint64_t)> then;
};

class LocalGroup {
 public:
  struct Options {
    std::size_t replicas = 1;
    std::size_t capacity_bytes = std::size_t{1} << 20;
    std::size_t max_sessions = 16;
    std::uint64_t session_idle_timeout_ns = 60'000 * kMs;
    std::uint64_t suspect_timeout_ns = 100 * kMs;
    ClientPortOptions port = {};
  };

  explicit LocalGroup(const Options& options)
      : options_(options), world_(WorldOf(options)), clock_(world_.now_ns()) {
    for (std::size_t i = 0; i < options.replicas; ++i) {
      const auto id = Id(i);
      ReplicaOptions replica;
      replica.protocol.self = id;
      replica.protocol.group = kGroup;
      replica.protocol.configuration = paxos::Configuration::Bootstrap(options.replicas);
      replica.protocol.capacity_bytes = options.capacity_bytes;
      replica.protocol.suspect_timeout_ns = options.suspect_timeout_ns;
      replica.protocol.stand_by_ns = 0;  // a hand-over refuses at once
      replica.protocol.seed = i + 1;
      replica.max_proposals = 1024;
      replica.sessions.max_sessions = options.max_sessions;
      replica.sessions.idle_timeout_ns = options.session_idle_timeout_ns;
      replica.hash_interval_commands = 0;
      machines.push_back(std::make_unique<Journal>());
      replicas.push_back(std::make_unique<Replica>(replica, world_.transport(id), clock_, *machines[i]));
      ports.push_back(nullptr);
      OpenPort(i);
    }
  }

  static paxos::ReplicaId Id(std::size_t i) { return paxos::ReplicaId(static_cast<std::uint8_t>(i)); }

  void OpenPort(std::size_t i) {
    absl::StatusOr<std::unique_ptr<ClientPort>> port =
        ClientPort::Open(directory.path(), Id(i), kGroup, options_.port, clock_);
    GAIOS_CHECK(port.ok(), port.status().ToString().c_str());
    ports[i] = *std::move(port);
  }

  [[nodiscard]] ClientOptions ForClients() const {
    ClientOptions options;
    options.directory = directory.path();
    options.replicas = replicas.size();
    options.group = kGroup;
    return options;
  }
  [[nodiscard]] std::unique_ptr<Client> NewClient() { return NewClient(ForClients()); }
  [[nodiscard]] std::unique_ptr<Client> NewClient(const ClientOptions& options) {
    absl::StatusOr<std::unique_ptr<Client>> client = Client::Open(options, clock_);
    GAIOS_CHECK(client.ok(), client.status().ToString().c_str());
    return *std::move(client);
  }

  // One turn of every replica that runs, then time for what is under way.
  void Turn(std::uint64_t ns = 10'000) {
    for (std::size_t i = 0; i < replicas.size(); ++i) {
      if (!dead.contains(i) && !stopped.contains(i)) {
        replicas[i]->Poll();
        if (ports[i] != nullptr) {
          ports[i]->Poll(*replicas[i]);
        }
      }
    }
    world_.AdvanceTo(world_.now_ns() + ns);
    clock_.SetNs(world_.now_ns());
  }
  // Turns of the group and `client` until `done`. False when that takes longer than `limit_ms` of the group's
  // time.
  template <typename Done>
  bool Run(Client& client, Answers& answers, Done done, std::uint64_t limit_ms = 3000) {
    for (const std::uint64_t end_ns = clock_.NowNs() + limit_ms * kMs; !done();) {
      if (clock_.NowNs() >= end_ns) {
        return false;
      }
      Turn();
      client.Poll(answers);
    }
    return true;
  }
  template <typename Done>
  bool Run(Done done, std::uint64_t limit_ms = 3000) {
    for (const std::uint64_t end_ns = clock_.NowNs() + limit_ms * kMs; !done();) {
      if (clock_.NowNs() >= end_ns) {
        return false;
      }
      Turn();
    }
    return true;
  }

  // The replica that leads now, or the number of replicas.
  [[nodiscard]] std::size_t Leader() const {
    for (std::size_t i = 0; i < replicas.size(); ++i) {
      if (!dead.contains(i) && !stopped.contains(i) && replicas[i]->leading() &&
          replicas[i]->core().has_quorum()) {
        return i;
      }
    }
    return replicas.size();
  }
  bool WaitLeader() {
    return Run([this] { return Leader() != replicas.size(); });
  }
  // The process is gone, its socket with it.
  void Kill(std::size_t i) {
    dead.insert(i);
    world_.Kill(Id(i));
    ports[i].reset();
  }

  [[nodiscard]] base::ManualClock& clock() { return clock_; }
  [[nodiscard]] transport::sim::World& world() { return world_; }

 private:
  static transport::sim::WorldOptions WorldOf(const Options& options) {
    transport::sim::WorldOptions world;
    world.replicas = options.replicas;
    world.capacity_bytes = options.capacity_bytes;
    return world;
  }

 public:
  const ScratchDirectory directory;

 private:
  const Options options_;
  transport::sim::World world_;
  base::ManualClock clock_;

 public:
  std::vector<std::unique_ptr<Journal>> machines;
  std::vector<std::unique_ptr<ClientPort>> ports;  // they outlive what answers to their connections
  std::vector<std::unique_ptr<Replica>> replicas;
  std::set<std::size_t> dead;
  std::set<std::size_t> stopped;
};

}  // namespace gaios::rsm::test

#endif  // GAIOS_TESTS_RSM_CLIENT_LOCAL_GROUP_H_
