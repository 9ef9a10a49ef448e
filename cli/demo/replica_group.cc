#include "gaios/cli/demo/replica_group.h"

#include <poll.h>
#include <sched.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <csignal>
#include <cstdlib>
#include <filesystem>
#include <fstream>
#include <iterator>
#include <system_error>
#include <utility>

#include <absl/strings/str_cat.h>

#include "gaios/base/pinning.h"
#include "gaios/cli/demo/loopback_network.h"
#include "gaios/paxos/state.h"
#include "gaios/rsm/marker.h"

namespace gaios::cli {
namespace {

// For the system to take apart the memory of a process that was killed.
constexpr std::chrono::milliseconds kDeathPatience(10'000);

using std::chrono::steady_clock;

// Small enough for any machine, large enough to be wrapped many times in a run.
constexpr std::uint64_t kCapacityBytes = std::uint64_t{16} << 20;

std::filesystem::path TemporaryDirectory() {
  std::error_code error;
  const char* const runtime = std::getenv("XDG_RUNTIME_DIR");  // NOLINT(concurrency-mt-unsafe): one thread
  for (const std::filesystem::path& candidate :
       {std::filesystem::path("/dev/shm"), std::filesystem::path(runtime == nullptr ? "" : runtime)}) {
    if (std::filesystem::is_directory(candidate, error) && access(candidate.c_str(), W_OK | X_OK) == 0) {
      return candidate;
    }
  }
  const std::filesystem::path fallback = std::filesystem::temp_directory_path(error);
  return error ? std::filesystem::path("/tmp") : fallback;
}

}  // namespace

std::uint64_t RoomForGroup() {
  std::error_code error;
  const std::filesystem::space_info space = std::filesystem::space(TemporaryDirectory(), error);
  return error ? 0 : space.available;
}

absl::StatusOr<std::unique_ptr<ReplicaGroup>> ReplicaGroup::Create(const ReplicaGroupOptions& options) {
  std::string pattern = (TemporaryDirectory() / "gaios-demo.XXXXXX").string();
  if (mkdtemp(pattern.data()) == nullptr) {
    return absl::ErrnoToStatus(errno, absl::StrCat("cannot create the temporary directory ", pattern));
  }
  auto group = std::unique_ptr<ReplicaGroup>(new ReplicaGroup(pattern, options));
  if (absl::Status status = group->WriteConfig(); !status.ok()) {
    return status;
  }
  if (absl::Status status = rsm::Bootstrap(group->config_); !status.ok()) {
    return status;
  }
  return group;
}

absl::Status ReplicaGroup::WriteConfig() {
  const bool networked = options_.transport != rsm::TransportKind::kShm;
  std::string text = absl::StrCat("group = \"demo\"\ntransport = \"",
                                  std::string(rsm::TransportKindName(options_.transport)),
                                  "\"\ndirectory = \"", directory_, "\"\ncapacity_bytes = ", kCapacityBytes,
                                  "\nstate_machine = \"order-book\"\nidle = \"back_off\"\n");
  LoopbackNetwork network;
  if (networked) {
    absl::StatusOr<LoopbackNetwork> made = LoopbackNetwork::Make(directory_, options_.replicas);
    if (!made.ok()) {
      return made.status();
    }
    network = *std::move(made);
    absl::StrAppend(&text, options_.transport == rsm::TransportKind::kVerbs ? kPatientTiming : "",
                    network.Credentials());
  }
  for (std::size_t i = 0; i < options_.replicas; ++i) {
    absl::StrAppend(&text, "\n[[replica]]\nid = ", i, "\n", networked ? network.Address(i) : "");
  }
  config_path_ = absl::StrCat(directory_, "/group.toml");
  std::ofstream file(config_path_);
  file << text;
  file.close();
  if (!file) {
    return absl::UnavailableError(absl::StrCat("cannot write ", config_path_));
  }
  absl::StatusOr<rsm::Config> config = rsm::LoadConfig(config_path_);
  if (!config.ok()) {
    return config.status();
  }
  config_ = *std::move(config);
  return absl::OkStatus();
}

ReplicaGroup::~ReplicaGroup() {
  members_.clear();
  std::error_code error;
  std::filesystem::remove_all(directory_, error);
}

absl::Status ReplicaGroup::Launch() {
  for (std::size_t i = 0; i < members_.size(); ++i) {
    if (absl::Status status = Start(i); !status.ok()) {
      return status;
    }
  }
  return absl::OkStatus();
}

absl::Status ReplicaGroup::Start(std::size_t replica) {
  Member& member = members_[replica];
  ++member.life;
  std::vector<std::string> arguments = {"/proc/self/exe", "replica",
                                        "--config",       config_path_,
                                        "--id",           absl::StrCat(replica),
                                        "--journal",      JournalPath(replica, member.life)};
  // One replica alone is enough to diverge.
  const bool damaged = options_.fault != "diverge" || replica + 1 == members_.size();
  if (!options_.fault.empty() && damaged && member.life == 1) {
    arguments.insert(arguments.end(), {"--inject-fault", options_.fault});
  }
  absl::StatusOr<std::unique_ptr<ChildProcess>> process = ChildProcess::Start(arguments, OutputPath(replica));
  if (!process.ok()) {
    return process.status();
  }
  member.process = *std::move(process);
  member.dead = false;
  return absl::OkStatus();
}

absl::Status ReplicaGroup::Restart(std::size_t replica) {
  if (!members_[replica].process->Wait(kDeathPatience).has_value()) {
    return absl::DeadlineExceededError(absl::StrCat("replica ", replica, " was killed and does not end"));
  }
  return Start(replica);
}

bool ReplicaGroup::Votes(std::size_t replica) const {
  const GroupStatus status = Status();
  const rsm::CounterData* const live = status.replicas[replica].Live();
  return live != nullptr && live->voter == 1 && live->incarnation == members_[replica].life;
}

template <typename Ready>
absl::Status ReplicaGroup::Await(std::chrono::milliseconds timeout, const std::string& what, Ready ready) {
  const auto deadline = steady_clock::now() + timeout;
  for (;;) {
    if (ready()) {
      return absl::OkStatus();
    }
    if (const absl::Status alive = CheckAlive(); !alive.ok()) {
      return alive;
    }
    if (steady_clock::now() > deadline) {
      return absl::DeadlineExceededError(absl::StrCat("within ", timeout.count() / 1000, " s ", what,
                                                      "; the replicas say:\n", StatusTable(Status())));
    }
    poll(nullptr, 0, 1);  // counters are renewed as often
  }
}

absl::Status ReplicaGroup::AwaitLeader(std::chrono::milliseconds timeout) {
  return Await(timeout, "no replica became leader", [this] { return Leader().has_value(); });
}

absl::Status ReplicaGroup::AwaitApplied(std::chrono::milliseconds timeout) {
  return Await(timeout, "not all replicas applied what is committed", [this] {
    const GroupStatus status = Status();
    std::uint64_t commit = 0;
    for (const ReplicaStatus& replica : status.replicas) {
      const rsm::CounterData* const data = replica.Live();
      commit = data == nullptr ? commit : std::max(commit, data->commit);
    }
    return std::ranges::all_of(status.replicas, [this, commit](const ReplicaStatus& replica) {
      const rsm::CounterData* const data = replica.Live();
      return !alive(replica.id.value()) ||
             (data != nullptr && (data->applied == commit || data->diverged != 0));
    });
  });
}

std::optional<std::size_t> ReplicaGroup::Leader() const {
  for (const ReplicaStatus& replica : Status().replicas) {
    const rsm::CounterData* const data = replica.Live();
    if (data != nullptr && alive(replica.id.value()) && Leads(*data)) {
      return replica.id.value();
    }
  }
  return std::nullopt;
}

void ReplicaGroup::Kill(std::size_t replica) {
  Member& member = members_[replica];
  member.process->Signal(SIGKILL);
  member.dead = true;
}

absl::Status ReplicaGroup::Stop(std::chrono::milliseconds timeout) {
  absl::Status result = absl::OkStatus();
  for (const Member& member : members_) {
    if (!member.dead) {
      member.process->Signal(SIGTERM);
    }
  }
  for (std::size_t i = 0; i < members_.size(); ++i) {
    const std::optional<int> code = members_[i].process->Wait(timeout);
    if (!members_[i].dead && code != 0 && result.ok()) {
      result = absl::InternalError(
          absl::StrCat("replica ", i, code.has_value() ? absl::StrCat(" ended with ", *code) : " did not end",
                       ":\n", EndOfOutput(i)));
    }
    members_[i].dead = true;
  }
  return result;
}

absl::Status ReplicaGroup::CheckAlive() {
  for (std::size_t i = 0; i < members_.size(); ++i) {
    Member& member = members_[i];
    if (member.dead || member.process->running()) {
      continue;
    }
    return absl::InternalError(absl::StrCat("replica ", i, " has ended by itself:\n", EndOfOutput(i)));
  }
  return absl::OkStatus();
}

GroupStatus ReplicaGroup::Status() const {
  return ReadGroupStatus(config_);
}

std::string ReplicaGroup::JournalPath(std::size_t replica, std::size_t life) const {
  return absl::StrCat(directory_, "/replica-", replica, ".life-", life, ".journal");
}

std::vector<std::string> ReplicaGroup::JournalPaths() const {
  std::vector<std::string> paths;
  for (std::size_t replica = 0; replica < members_.size(); ++replica) {
    for (std::size_t life = 1; life <= members_[replica].life; ++life) {
      paths.push_back(JournalPath(replica, life));
    }
  }
  return paths;
}

std::string ReplicaGroup::OutputPath(std::size_t replica) const {
  return absl::StrCat(directory_, "/replica-", replica, ".log");
}

std::string ReplicaGroup::EndOfOutput(std::size_t replica) const {
  constexpr std::size_t kEndBytes = 2000;
  std::ifstream file(OutputPath(replica));
  const std::string text{std::istreambuf_iterator<char>(file), std::istreambuf_iterator<char>()};
  return text.substr(text.size() - std::min(text.size(), kEndBytes));
}

std::string ReplicaGroup::Reservation() const {
  std::ifstream file(OutputPath(0));
  std::string line;
  std::getline(file, line);
  const std::size_t at = line.find("reserves");
  return at == std::string::npos ? "reserves memory" : line.substr(at);
}

std::string ReplicaGroup::Place(std::size_t leader) {
  const std::vector<int> cores = base::AvailableCpus();
  if (cores.size() < 2) {
    return "all on one core";
  }
  std::string others;
  std::size_t next = 0;
  for (std::size_t i = 0; i < members_.size(); ++i) {
    if (members_[i].dead) {
      continue;
    }
    const int core = i == leader ? cores[0] : cores[1 + (next++ % (cores.size() - 1))];
    cpu_set_t set;
    CPU_ZERO(&set);
    CPU_SET(static_cast<std::size_t>(core), &set);
    // Refused on some hosts; then the system decides, which is slower and no less right.
    static_cast<void>(sched_setaffinity(members_[i].process->pid(), sizeof(set), &set));
    if (i != leader) {
      absl::StrAppend(&others, others.empty() ? "" : ", ", "replica ", i, " on core ", core);
    }
  }
  return absl::StrCat("replica ", leader, ", the leader, on core ", cores[0], others.empty() ? "" : ", ",
                      others);
}

}  // namespace gaios::cli
