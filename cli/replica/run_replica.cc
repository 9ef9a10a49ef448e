#include "gaios/cli/replica/run_replica.h"

#include <algorithm>
#include <chrono>
#include <csignal>
#include <cstdio>
#include <memory>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include <absl/status/statusor.h>
#include <absl/strings/str_cat.h>
#include <absl/strings/str_format.h>

#include "gaios/base/idle.h"
#include "gaios/base/pinning.h"
#include "gaios/base/wakeup.h"
#include "gaios/cli/complain.h"
#include "gaios/cli/demo/journaled_machine.h"
#include "gaios/cli/demo/record_file.h"
#include "gaios/cli/release.h"
#include "gaios/cli/replica/machines.h"
#include "gaios/paxos/limits.h"
#include "gaios/paxos/state.h"
#include "gaios/rsm/address_text.h"
#include "gaios/rsm/config.h"
#include "gaios/rsm/group_identity.h"
#include "gaios/rsm/marker.h"
#include "gaios/rsm/node.h"
#include "gaios/rsm/node_dpdk.h"
#include "gaios/rsm/node_network.h"
#include "gaios/rsm/snapshot/joining.h"
#include "gaios/rsm/snapshot/seed.h"

namespace gaios::cli {
namespace {

// Set by a signal, read by the loop.
volatile std::sig_atomic_t stop_asked = 0;

void AskToStop(int /*signal*/) {
  stop_asked = 1;
}

void StopOnSignals() {
  struct sigaction action = {};
  action.sa_handler = AskToStop;
  sigemptyset(&action.sa_mask);
  sigaction(SIGINT, &action, nullptr);
  sigaction(SIGTERM, &action, nullptr);
  // Whoever reads our output may go away before us.
  std::signal(SIGPIPE, SIG_IGN);
}

double Mebibytes(std::size_t bytes) {
  return static_cast<double>(bytes) / (1 << 20);
}

// Tells changes of the replica's standing on stdout, one line each.
class Teller {
 public:
  // `warnings` have been told already.
  Teller(rsm::Node& node, const std::vector<std::string>& warnings)
      : node_(node), id_(node.replica().core().self().id.value()), warnings_(warnings) {}

  void Tell() {
    bool told = false;
    const paxos::Replica& core = node_.replica().core();
    const std::string standing = Standing(core);
    if (standing != standing_) {
      standing_ = standing;
      absl::PrintF("replica %d: %s\n", id_, standing_);
      told = true;
    }
    for (const std::string& notice : node_.TakeNotices()) {
      const bool warned = std::ranges::find(warnings_, notice) != warnings_.end();
      if (!warned) {
        absl::PrintF("%s%s\n", notice.starts_with("replica ") ? "" : absl::StrCat("replica ", id_, ": "),
                     notice);
        told = true;
      }
    }
    if (told) {
      std::fflush(stdout);
    }
  }

 private:
  [[nodiscard]] static std::string Standing(const paxos::Replica& core) {
    const std::optional<paxos::ReplicaId> leader = core.leader();
    switch (core.role()) {
      case paxos::Role::kLearner:
        return Waiting(core);
      case paxos::Role::kFollower:
        return leader.has_value() ? absl::StrCat("follower of replica ", leader->value())
                                  : "follower, no leader known";
      case paxos::Role::kCandidate:
        return "candidate";
      case paxos::Role::kLeader:
        if (!core.established()) {
          return "candidate";  // as far as others are concerned
        }
        return absl::StrCat("leader of ballot ", core.promised().ballot.round(), ".",
                            core.promised().ballot.replica().value(),
                            core.has_quorum() ? "" : ", but no majority answers: nothing is committed");
    }
    return "unknown";
  }

  // A notice of the node's says why it does not vote.
  [[nodiscard]] static std::string Waiting(const paxos::Replica& core) {
    const paxos::Configuration& configuration = core.configuration();
    switch (configuration.StandingOf(core.self().id)) {
      case paxos::Standing::kNone:
        return configuration.GoneAs(core.self().id) == core.self().incarnation
                   ? "removed from the group; it may be stopped"
                   : "not in the group, as far as it knows";
      case paxos::Standing::kLearner:
        return "learner; it never votes";
      case paxos::Standing::kJoining:
      case paxos::Standing::kVoter:
        break;
    }
    return "learner; it is being filled";
  }

  rsm::Node& node_;
  const int id_;
  const std::vector<std::string>& warnings_;
  std::string standing_;
};

// What the replica runs: a machine, journaled for the demo.
struct Work {
  std::unique_ptr<rsm::StateMachine> machine;
  JournaledMachine* journaled = nullptr;  // `machine`, when it is one
  std::size_t reserved_bytes = 0;
};

absl::StatusOr<Work> MakeWork(const rsm::Config& config, const ReplicaFlags& flags) {
  absl::StatusOr<Machine> made = MakeMachine(config.state_machine);
  if (!made.ok()) {
    return made.status();
  }
  Work work{
      .machine = std::move(made->machine), .journaled = nullptr, .reserved_bytes = made->reserved_bytes};
  if (flags.journal.empty()) {
    return work;
  }
  const std::optional<Fault> fault = flags.fault.empty() ? Fault::kNone : ParseFault(flags.fault);
  if (!fault.has_value()) {
    return absl::InvalidArgumentError(
        absl::StrCat("--inject-fault is \"", flags.fault, "\": say lose, duplicate, reorder or diverge"));
  }
  absl::StatusOr<std::unique_ptr<RecordWriter>> journal =
      RecordWriter::Create(flags.journal, RecordKind::kJournal, flags.id);
  if (!journal.ok()) {
    return journal.status();
  }
  auto journaled = std::make_unique<JournaledMachine>(std::move(work.machine), *std::move(journal), *fault);
  work.journaled = journaled.get();
  work.machine = std::move(journaled);
  return work;
}

// Runs the loop until told to stop.
int Loop(rsm::Node& node, const Work& work, base::Idle& idle, Teller& teller) {
  // How often the loop looks up from its work.
  constexpr std::uint32_t kTurns = 1024;
  constexpr auto kTellInterval = std::chrono::milliseconds(5);
  auto next_tell = std::chrono::steady_clock::now();
  std::uint32_t turns = 0;
  while (stop_asked == 0) {
    if (node.Poll()) {
      idle.OnWork();
      if (++turns < kTurns) {
        continue;
      }
    } else {
      node.awaiting() ? idle.OnAwaiting() : idle.OnIdle();
      turns += 16;  // idle turns are longer
      if (turns < kTurns) {
        continue;
      }
    }
    turns = 0;
    if (const auto now = std::chrono::steady_clock::now(); now >= next_tell) {
      next_tell = now + kTellInterval;
      teller.Tell();
      if (node.ended()) {
        absl::PrintF("replica %d: ended by an operator: what it held goes on as another group\n",
                     node.replica().core().self().id.value());
        return kExitGood;
      }
      if (work.journaled != nullptr && work.journaled->journal_full()) {
        return Complain(
            "the journal cannot be made longer: give --seconds or --rate a smaller value, or make room in "
            "the temporary directory",
            kExitDoesNotHold);
      }
    }
  }
  return kExitGood;
}

}  // namespace

int RunReplica(const ReplicaFlags& flags) {
  StopOnSignals();
  const absl::StatusOr<rsm::Config> config = rsm::LoadConfig(flags.config);
  if (!config.ok()) {
    return Complain(config.status());
  }
  for (const std::string& warning : config->warnings) {
    std::fprintf(stderr, "gaios: warning: %s\n", warning.c_str());
  }
  const auto replica = std::ranges::find_if(
      config->replicas, [&flags](const rsm::ReplicaConfig& each) { return each.id.value() == flags.id; });
  const bool listed = replica != config->replicas.end();
  const std::size_t ids =
      config->transport == rsm::TransportKind::kShm ? paxos::kMaxReplicas : config->replicas.size();
  if (!listed && flags.id >= ids) {
    return Complain(absl::StrCat("--id ", flags.id, " is not a replica of ", flags.config,
                                 ", whose ids are 0 to ", ids - 1),
                    kExitUsage);
  }
  // A group that nobody has made is a slip of the operator's.
  if (absl::IsNotFound(rsm::FindGroup(*config).status())) {
    return Complain(
        absl::StrCat("group \"", config->group, "\" has not been bootstrapped in ", config->directory,
                     ": run `gaios bootstrap --config ", flags.config, "` once, then start its replicas"),
        kExitUsage);
  }
  if (const std::optional<int> cpu = listed ? replica->cpu : std::nullopt; cpu.has_value()) {
    if (const absl::Status pinned = base::PinThisThread(*cpu); !pinned.ok()) {
      return Complain(std::string(pinned.message()), kExitUsage);
    }
  }
  absl::StatusOr<Work> work = MakeWork(*config, flags);
  if (!work.ok()) {
    return Complain(work.status());
  }
  // Nobody notifies it: all that this loop waits for comes from other processes. Datagrams end the wait; see
  // base/idle.h for the rest.
  std::unique_ptr<base::Wakeup> wakeup;
  if (config->idle == base::IdleStrategy::kBlock) {
    absl::StatusOr<std::unique_ptr<base::Wakeup>> created = base::Wakeup::Create();
    if (!created.ok()) {
      return Complain(created.status());
    }
    wakeup = *std::move(created);
  }
  // Last of all that may fail, for it counts as a start.
  absl::StatusOr<std::unique_ptr<rsm::Node>> node =
      rsm::Node::Open(*config, paxos::ReplicaId(static_cast<std::uint8_t>(flags.id)), *work->machine,
                      {.apply_observer = nullptr, .dpdk = rsm::Dpdk()});
  if (!node.ok()) {
    return Complain(node.status());
  }
  base::SetThisThreadName(absl::StrCat("gaios-", flags.id));
  absl::PrintF(
      "replica %d of group %s: incarnation %d, %s, reserves %.1f MiB (%.1f MiB for the log, its spares, "
      "sessions and queues, %.1f MiB for the %s); gaios %s\n",
      flags.id, config->group, (*node)->replica().core().self().incarnation.value(), (*node)->group_name(),
      Mebibytes((*node)->reserved_bytes() + work->reserved_bytes), Mebibytes((*node)->reserved_bytes()),
      Mebibytes(work->reserved_bytes), std::string(rsm::StateMachineKindName(config->state_machine)),
      std::string(Release()));
  std::fflush(stdout);
  if (wakeup != nullptr) {
    wakeup->Watch((*node)->Descriptors());
  }
  base::Idle idle(config->idle, {}, wakeup.get());
  Teller teller(**node, config->warnings);
  const int exit_code = Loop(**node, *work, idle, teller);
  absl::PrintF("replica %d: stopped after %d commands\n", flags.id, (*node)->replica().applied_commands());
  return exit_code;
}

int RunBootstrap(const std::string& path, const std::string& snapshot) {
  const absl::StatusOr<rsm::Config> config = rsm::LoadConfig(path);
  if (!config.ok()) {
    return Complain(config.status());
  }
  for (const std::string& warning : config->warnings) {
    std::fprintf(stderr, "gaios: warning: %s\n", warning.c_str());
  }
  const absl::Status made =
      snapshot.empty() ? rsm::Bootstrap(*config) : rsm::BootstrapFrom(*config, snapshot);
  if (!made.ok()) {
    return Complain(made);
  }
  if (!snapshot.empty()) {
    absl::PrintF("group %s begins with the state in %s, kept as %s/%s; each host needs a copy of that\n",
                 config->group, snapshot, config->directory, rsm::kSeedFile);
  }
  absl::PrintF("group %s: %d replicas may vote, each in its first life; start them with\n", config->group,
               config->replicas.size());
  for (const rsm::ReplicaConfig& replica : config->replicas) {
    absl::PrintF("  gaios replica --config %s --id %d\n", path, replica.id.value());
  }
  return kExitGood;
}

int RunJoin(const std::string& path, std::uint32_t id) {
  const absl::StatusOr<rsm::Config> config = rsm::LoadConfig(path);
  if (!config.ok()) {
    return Complain(config.status());
  }
  if (id >= paxos::kMaxReplicas) {
    return Complain(absl::StrCat("--id ", id, ": ids are 0 to ", paxos::kMaxReplicas - 1), kExitUsage);
  }
  const absl::Status joined =
      rsm::JoinGroup(*config, paxos::ReplicaId(static_cast<std::uint8_t>(id)), rsm::CredentialsOf(*config));
  if (!joined.ok()) {
    return Complain(joined);
  }
  absl::PrintF(
      "replica %d of group %s has a place in %s. Start it with\n  gaios replica --config %s --id %d\n"
      "If it is not of the group yet, add it where the leader runs, with\n"
      "  gaios member add --config FILE --id %d --address %s\n",
      id, config->group, config->directory, path, id, id,
      rsm::AddressText(config->replicas[id].address, config->replicas[id].port));
  return kExitGood;
}

}  // namespace gaios::cli
