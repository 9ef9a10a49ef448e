#ifndef GAIOS_TESTS_PROCESSES_GROUP_H_
#define GAIOS_TESTS_PROCESSES_GROUP_H_

// A group of real replicas for tests: processes of the program `gaios` in a scratch directory, a client in
// the test's own process, and waiting for what should come about. Nothing sleeps for a guess of how long
// something takes: every wait is for a condition, with a deadline far beyond what it should need.

#include <sys/types.h>

#include <chrono>
#include <cstdint>
#include <functional>
#include <memory>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include <nlohmann/json.hpp>

#include "gaios/base/clock.h"
#include "gaios/cli/demo/child_process.h"
#include "gaios/cli/status/group_status.h"
#include "gaios/rsm/client/client.h"
#include "gaios/rsm/client/shm_connection.h"
#include "gaios/rsm/client/wire.h"
#include "gaios/rsm/config.h"

namespace gaios::cli {

// A directory that is removed with its object. On a tmpfs, with a short name.
class Scratch {
 public:
  Scratch();
  Scratch(const Scratch&) = delete;
  Scratch& operator=(const Scratch&) = delete;
  ~Scratch();
  [[nodiscard]] std::string Path(const std::string& name) const { return directory_ + "/" + name; }
  // Writes a file and returns its path.
  [[nodiscard]] std::string Write(const std::string& name, const std::string& text) const;

 private:
  std::string directory_;
};

[[nodiscard]] std::string ReadText(const std::string& path);

// What a program that was run to its end came to.
struct Ran {
  int exit_code = 0;
  std::string output;  // stdout and stderr together
};
[[nodiscard]] Ran RunGaios(const Scratch& scratch, const std::vector<std::string>& arguments);
// A program that goes on. `before`: what goes in front of the command; `program`: of the same directory.
[[nodiscard]] std::unique_ptr<ChildProcess> StartGaios(const std::vector<std::string>& arguments,
                                                       const std::string& output,
                                                       const std::vector<std::string>& before = {},
                                                       const std::string& program = "gaios");

// Waits until `holds`, calling it again and again. False after a minute.
[[nodiscard]] bool Await(const std::function<bool()>& holds);

struct GroupSettings {
  std::size_t replicas = 3;
  std::uint64_t capacity_bytes = std::uint64_t{1} << 20;
  bool start = true;  // the replicas, not only the group
  rsm::TransportKind transport = rsm::TransportKind::kShm;
  bool network_clients = false;  // it serves them
  // NOLINTBEGIN(readability-redundant-member-init): g++ warns of members without, where others are named
  // Where replicas are on hosts of their own: lines of the config for one, and what goes in front of its
  // command.
  std::function<std::string(std::size_t)> addresses = {};
  std::function<std::vector<std::string>(std::size_t)> before = {};
  // As leader, by id; empty: the usual one.
  std::vector<int> priorities = {};
  // Of which program a replica is a process the next time it is started; null: gaios.
  std::function<std::string(std::size_t)> program = {};
  // NOLINTEND(readability-redundant-member-init)
};
// The text of a config. `extra` goes before the replicas.
[[nodiscard]] std::string ConfigText(const std::string& directory, const GroupSettings& settings,
                                     const std::string& extra = "");

class Group {
 public:
  // Bootstraps the group and starts all replicas of it, unless told otherwise. `extra` is for the config.
  explicit Group(const GroupSettings& settings = {}, const std::string& extra = "");

  [[nodiscard]] const Scratch& scratch() const { return scratch_; }
  [[nodiscard]] const std::string& config_path() const { return config_path_; }
  [[nodiscard]] const rsm::Config& config() const { return config_; }
  [[nodiscard]] std::size_t size() const { return processes_.size(); }

  // Starts a replica, by another config than the group's if given, and with more arguments.
  void Start(std::size_t replica, const std::string& config_path = "",
             const std::vector<std::string>& more = {});
  void Signal(std::size_t replica, int signal) { processes_[replica]->Signal(signal); }
  // Stops it, and waits until it stands still.
  void Stop(std::size_t replica);
  // kill -9, and waits until it is dead.
  void Kill(std::size_t replica);
  // What it has printed, in all its lives.
  [[nodiscard]] std::string Output(std::size_t replica) const;
  [[nodiscard]] ChildProcess& process(std::size_t replica) { return *processes_[replica]; }

  // The counters of a replica; all zeroes when there are none.
  [[nodiscard]] rsm::CounterData Counters(std::size_t replica) const;
  [[nodiscard]] nlohmann::json Json(std::size_t replica) const;
  // Who leads with a majority, of those not in `except`.
  [[nodiscard]] std::optional<std::size_t> Leader(std::optional<std::size_t> except = std::nullopt) const;
  [[nodiscard]] std::size_t AwaitLeader(std::optional<std::size_t> except = std::nullopt) const;
  [[nodiscard]] std::vector<std::size_t> Followers(std::size_t leader) const;
  // All of `replicas` have applied the same, and their states are equal.
  [[nodiscard]] bool Agree(const std::vector<std::size_t>& replicas) const;

 private:
  [[nodiscard]] GroupStatus Status() const;

  const GroupSettings settings_;
  Scratch scratch_;
  rsm::Config config_;
  std::string config_path_;
  std::vector<std::unique_ptr<ChildProcess>> processes_;
};

// A client's end of the wire to one replica. It sends nothing again and its patience has no end, so each
// answer is the replica's own.
class Wire {
 public:
  struct Answer {
    std::uint64_t request = 0;
    rsm::ResponseStatus status = rsm::ResponseStatus::kUnknown;
    rsm::Applied how = rsm::Applied::kApplied;  // kCommitted
    std::uint64_t sum = 0;                      // kCommitted, of the counter
  };

  // Connects, and opens a session: the replica must lead.
  Wire(const rsm::Config& config, std::size_t replica);

  // Sends the session's next addition of one. False when the ring of requests has no room.
  bool Add();
  // Sends a command of so many bytes, which the replica is to refuse: its number is used again.
  bool AddLarge(std::size_t bytes);
  // The next answer, if it is there.
  std::optional<Answer> Take();
  // Waits for it.
  Answer Await();

  // Requests are numbered from 1; the session was the first.
  [[nodiscard]] std::uint64_t sent() const { return request_.request; }
  [[nodiscard]] std::size_t max_command_bytes() const { return connection_.max_command_bytes(); }

 private:
  bool Send(rsm::RequestKind kind, std::span<const std::byte> command);

  rsm::ShmConnection connection_;
  rsm::RequestHeader request_;
};

// A client of a group of the counter, with the account of what it was told.
// What every addition of Counting has in it, and no datagram that is encrypted.
inline constexpr std::string_view kAdditionOfOne = {"\1\0\0\0\0\0\0\0", sizeof(std::uint64_t)};

class Counting final : public rsm::ClientListener {
 public:
  struct Settings {
    std::size_t replicas = 0;  // that it knows of; 0 for all
    std::uint64_t operation_timeout_ns = 60'000'000'000;
    std::uint64_t answer_timeout_ns = rsm::ClientOptions().answer_timeout_ns;
    std::size_t window = rsm::ClientOptions().window;
    bool network = false;  // it goes by the network, and has nothing of the group but config and key
  };
  Counting(const rsm::Config& config, const Settings& settings);

  // Submits another addition of one if there is room; then polls.
  void Turn();
  // Submits one. False when there is no room.
  bool Submit();
  void Poll() { static_cast<void>(client_->Poll(*this)); }
  // Turns until `more` further commands are committed, or polls until all that is under way is answered. Each
  // expects that it comes about.
  void Commit(std::uint64_t more);
  void Settle();

  [[nodiscard]] rsm::Client& client() { return *client_; }
  [[nodiscard]] std::uint64_t committed() const { return committed_; }
  [[nodiscard]] std::uint64_t unknown() const { return unknown_; }
  [[nodiscard]] std::uint64_t submitted() const { return submitted_; }
  // The sum that the latest reply told.
  [[nodiscard]] std::uint64_t sum() const { return sum_; }

 private:
  void OnCommitted(std::uint64_t tag, std::uint64_t slot, rsm::Applied how,
                   std::span<const std::byte> reply) override;
  void OnUnknown(std::uint64_t tag) override;

  const base::TscClock clock_;
  std::unique_ptr<rsm::Client> client_;
  std::uint64_t submitted_ = 0;
  std::uint64_t committed_ = 0;
  std::uint64_t unknown_ = 0;
  std::uint64_t sum_ = 0;
};

}  // namespace gaios::cli

#endif  // GAIOS_TESTS_PROCESSES_GROUP_H_
