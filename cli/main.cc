// The command `gaios`. Each of its parts is a folder beside this file; here are only the flags.

#include <cstdio>
#include <exception>
#include <string>
#include <vector>

#include <CLI/CLI.hpp>

#include "gaios/cli/complain.h"
#include "gaios/cli/demo/run_demo.h"
#include "gaios/cli/doctor_command.h"
#include "gaios/cli/drain/run_drain.h"
#include "gaios/cli/load/run_load.h"
#include "gaios/cli/member/run_member.h"
#include "gaios/cli/rdma_probe/run_rdma_probe.h"
#include "gaios/cli/release.h"
#include "gaios/cli/replica/run_replica.h"
#include "gaios/cli/snapshot/run_snapshot.h"
#include "gaios/cli/status/run_status.h"
#include "gaios/cli/transfer/run_transfer_leader.h"

namespace {

using gaios::cli::DemoFlags;
using gaios::cli::DrainFlags;
using gaios::cli::LoadFlags;
using gaios::cli::MemberFlags;
using gaios::cli::RdmaProbeFlags;
using gaios::cli::ReplicaFlags;
using gaios::cli::SnapshotSaveFlags;
using gaios::cli::StatusFlags;
using gaios::cli::TransferFlags;

constexpr const char* kConfigHelp = "the group, as a TOML file; samples are in hw-config/examples/";
constexpr const char* kJsonHelp = "write the result as JSON to this file, - for stdout";

void AddDemo(CLI::App& app, int& exit_code) {
  auto* command =
      app.add_subcommand("demo", "replicas of an order book on this host, a killed leader, and a verdict");
  auto flags = std::make_shared<DemoFlags>();
  command->add_option("--replicas", flags->replicas, "replicas, 1 to 7")->capture_default_str();
  command->add_option("--rate", flags->rate_per_s, "commands per second");
  command->add_option("--seconds", flags->seconds, "how long commands are sent")->capture_default_str();
  command->add_option("--kill-leader-at", flags->kill_leader_at_s,
                      "second at which the leader is killed; 0 for never; default half-way");
  command->add_option("--feed", flags->feed,
                      "order flow from a recording, ITCH 5.0 or Bitstamp L3 CSV, plain or compressed");
  command->add_option("--seed", flags->seed, "of the generated order flow")->capture_default_str();
  command
      ->add_option("--transport", flags->transport,
                   "shm, verbs for processes that share an RDMA device, or udp over the loopback")
      ->capture_default_str();
  command->add_option(
      "--inject-fault", flags->fault,
      "lose, duplicate, reorder or diverge: do that damage, to see that the verdict finds it");
  command->add_option("--json", flags->json, kJsonHelp);
  command->callback([flags, &exit_code] { exit_code = gaios::cli::RunDemo(*flags); });
}

void AddReplica(CLI::App& app, int& exit_code) {
  auto* command = app.add_subcommand("replica", "run one replica of a group");
  auto flags = std::make_shared<ReplicaFlags>();
  command->add_option("--config", flags->config, kConfigHelp)->required();
  command->add_option("--id", flags->id, "which replica of the group")->required();
  command->add_option("--journal", flags->journal)->group("");  // hidden: the demo's
  command->add_option("--inject-fault", flags->fault)->group("");
  command->callback([flags, &exit_code] { exit_code = gaios::cli::RunReplica(*flags); });
}

void AddBootstrap(CLI::App& app, int& exit_code) {
  auto* command =
      app.add_subcommand("bootstrap", "make a group: once, before its replicas are first started");
  auto config = std::make_shared<std::string>();
  auto snapshot = std::make_shared<std::string>();
  auto join = std::make_shared<bool>(false);
  auto id = std::make_shared<std::uint32_t>(0);
  command->add_option("--config", *config, kConfigHelp)->required();
  auto* from =
      command->add_option("--from-snapshot", *snapshot,
                          "begin with the state of another group, or of this one in an earlier epoch");
  auto* joins =
      command->add_flag("--join", *join,
                        "make no group: ask the one that runs, on other hosts, for what a replica of "
                        "it needs here");
  auto* which = command->add_option("--id", *id, "with --join: which replica is to run here");
  joins->needs(which)->excludes(from);
  which->needs(joins);
  command->callback([=, &exit_code] {
    exit_code = *join ? gaios::cli::RunJoin(*config, *id) : gaios::cli::RunBootstrap(*config, *snapshot);
  });
}

void AddSnapshot(CLI::App& app, int& exit_code) {
  auto* command = app.add_subcommand("snapshot", "backups of a group: take one, look at one");
  command->require_subcommand(1);
  auto* save = command->add_subcommand("save", "have a running replica of this host take one, into a file");
  auto flags = std::make_shared<SnapshotSaveFlags>();
  save->add_option("--config", flags->config, kConfigHelp)->required();
  save->add_option("--replica", flags->replica, "which replica; best one that does not lead")->required();
  save->add_option("--out", flags->out, "the file, replaced when it is there")->required();
  save->add_option("--json", flags->json, kJsonHelp);
  save->callback([flags, &exit_code] { exit_code = gaios::cli::RunSnapshotSave(*flags); });
  for (const bool verify : {false, true}) {
    auto* look = verify ? command->add_subcommand("verify", "read all of a file and check it")
                        : command->add_subcommand("show", "what a file is a snapshot of");
    auto file = std::make_shared<std::string>();
    auto json = std::make_shared<std::string>();
    look->add_option("file", *file, "the snapshot")->required();
    look->add_option("--json", *json, kJsonHelp)->expected(0, 1)->default_str("-");
    look->callback([file, json, verify, &exit_code] {
      exit_code =
          verify ? gaios::cli::RunSnapshotVerify(*file, *json) : gaios::cli::RunSnapshotShow(*file, *json);
    });
  }
}

void AddStatus(CLI::App& app, int& exit_code) {
  auto* command = app.add_subcommand("status", "what the replicas of a group on this host are doing");
  auto flags = std::make_shared<StatusFlags>();
  command->add_option("--config", flags->config, kConfigHelp)->required();
  command->add_flag("--watch", flags->watch, "again every second");
  command->add_option("--json", flags->json, kJsonHelp)->expected(0, 1)->default_str("-");
  command->callback([flags, &exit_code] { exit_code = gaios::cli::RunStatus(*flags); });
}

void AddDoctor(CLI::App& app, int& exit_code) {
  auto* command = app.add_subcommand("doctor", "whether this host is fit, and what to do about it");
  auto config = std::make_shared<std::string>();
  auto json = std::make_shared<std::string>();
  command->add_option("--config", *config, "examine whether the host has what this group asks for");
  command->add_option("--json", *json, kJsonHelp);
  command->callback([config, json, &exit_code] { exit_code = gaios::cli::RunDoctor(*config, *json); });
}

void AddLoad(CLI::App& app, int& exit_code) {
  auto* command = app.add_subcommand("load", "send commands to a running group and measure the answers");
  auto flags = std::make_shared<LoadFlags>();
  command->add_option("--config", flags->config, kConfigHelp)->required();
  command->add_option("--clients", flags->clients, "clients, each with a session of its own")
      ->capture_default_str();
  command
      ->add_option("--rate", flags->rate_per_s, "commands per second of all clients together, in open mode")
      ->capture_default_str();
  command->add_option("--mode", flags->mode, "closed: one command under way for each client; open: at --rate")
      ->capture_default_str();
  command->add_option("--seconds", flags->seconds, "how long commands are sent")->capture_default_str();
  command
      ->add_option("--timeout-ms", flags->timeout_ms, "how long an answer is waited for: then it is unknown")
      ->capture_default_str();
  command->add_option("--seed", flags->seed, "of the commands")->capture_default_str();
  command
      ->add_option("--idle", flags->idle,
                   "what the clients do while they wait: spin, yield, or back_off, which leaves the "
                   "processor to others")
      ->capture_default_str();
  command->add_flag("--network", flags->network,
                    "ask over the network, also where replicas of this host could be asked by shared memory");
  command->add_option("--history", flags->history,
                      "write what was asked and answered to this file, as JSON lines");
  command->add_option("--json", flags->json, kJsonHelp);
  command->callback([flags, &exit_code] { exit_code = gaios::cli::RunLoad(*flags); });
}

void AddTransferLeader(CLI::App& app, int& exit_code) {
  auto* command =
      app.add_subcommand("transfer-leader", "hand the leadership of a running group over, as planned");
  auto flags = std::make_shared<TransferFlags>();
  command->add_option("--config", flags->config, kConfigHelp)->required();
  command->add_option("--to", flags->to, "the replica that is to lead")
      ->required()
      ->check(CLI::NonNegativeNumber);
  command->add_option("--json", flags->json, kJsonHelp);
  command->callback([flags, &exit_code] { exit_code = gaios::cli::RunTransferLeader(*flags); });
}

void AddDrain(CLI::App& app, int& exit_code) {
  auto* command = app.add_subcommand("drain", "take a replica of this host out of leading, for maintenance");
  auto flags = std::make_shared<DrainFlags>();
  command->add_option("--config", flags->config, kConfigHelp)->required();
  command->add_option("--id", flags->id, "the replica")->required();
  command->add_flag("--off", flags->off, "let it lead again");
  command->add_option("--json", flags->json, kJsonHelp)->expected(0, 1)->default_str("-");
  command->callback([flags, &exit_code] { exit_code = gaios::cli::RunDrain(*flags); });
}

void AddMemberCommand(CLI::App& app, const char* name, const char* what, int& exit_code,
                      int (*run)(const MemberFlags&), bool changes) {
  auto* command = app.add_subcommand(name, what);
  auto flags = std::make_shared<MemberFlags>();
  command->add_option("--config", flags->config, kConfigHelp)->required();
  command->add_option("--json", flags->json, kJsonHelp)->expected(0, 1)->default_str("-");
  if (std::string(name) == "force") {
    command->add_option("--id", flags->id, "the replica of this host whose state it goes on from")
        ->required();
    command
        ->add_option("--new-config", flags->new_config,
                     "of the group that it goes on as: a later epoch, another directory")
        ->required();
    command->add_flag("--data-may-be-lost", flags->data_may_be_lost,
                      "what was acknowledged and has not reached that replica is given up");
  }
  if (changes) {
    command->add_option("--id", flags->id, "which replica")->required();
    command->add_option("--wait-s", flags->wait_s, "how long it may take")->capture_default_str();
  }
  if (std::string(name) == "add") {
    command->add_flag("--learner", flags->learner, "it follows and never votes");
  }
  if (std::string(name) == "replace") {
    command->add_option("--with", flags->with, "the replica that is to vote in its place")->required();
  }
  if (std::string(name) == "add" || std::string(name) == "replace" || std::string(name) == "address") {
    command->add_option("--address", flags->address,
                        "where the others meet it, such as 10.0.0.4:7400; if left out, as the config says");
  }
  command->callback([flags, run, &exit_code] { exit_code = run(*flags); });
}

void AddMember(CLI::App& app, int& exit_code) {
  auto* command = app.add_subcommand("member", "who is in a running group, and changing that");
  command->require_subcommand(1);
  AddMemberCommand(*command, "list", "who votes, and who learns", exit_code, gaios::cli::RunMemberList,
                   false);
  AddMemberCommand(*command, "add", "a replica more; it votes when it runs and has been filled", exit_code,
                   gaios::cli::RunMemberAdd, true);
  AddMemberCommand(*command, "remove", "a replica less, also the one that leads", exit_code,
                   gaios::cli::RunMemberRemove, true);
  AddMemberCommand(*command, "replace", "one replica by another: that is added, then the first removed",
                   exit_code, gaios::cli::RunMemberReplace, true);
  AddMemberCommand(*command, "force",
                   "the majority is lost for good: go on, as another group, from what one replica holds",
                   exit_code, gaios::cli::RunMemberForce, false);
  AddMemberCommand(*command, "address", "a replica of the group is at another place from now on", exit_code,
                   gaios::cli::RunMemberAddress, true);
}

void AddRdmaProbe(CLI::App& app, int& exit_code) {
  auto* command = app.add_subcommand("rdma-probe", "what an RDMA device can do, tried out");
  auto flags = std::make_shared<RdmaProbeFlags>();
  command->add_option("--device", flags->device,
                      "its name, as ibv_devices lists it; the only one if left out");
  command->add_option("--port", flags->port, "of the device")->capture_default_str();
  command->add_option("--rounds", flags->rounds, "how often each fence is tried")->capture_default_str();
  command->add_option("--json", flags->json, kJsonHelp);
  command->callback([flags, &exit_code] { exit_code = gaios::cli::RunRdmaProbe(*flags); });
}

int Run(int argc, char** argv) {
  int exit_code = gaios::cli::kExitGood;
  CLI::App app(
      "Gaios: replicated state machines by one-sided writes.\n"
      "Exit codes: 0 good, 1 the thing checked does not hold, 2 wrong usage or configuration.",
      "gaios");
  app.require_subcommand(1);
  app.set_version_flag("--version", "gaios " + std::string(gaios::cli::Release()), "which release this is");
  AddDemo(app, exit_code);
  AddReplica(app, exit_code);
  AddBootstrap(app, exit_code);
  AddSnapshot(app, exit_code);
  AddStatus(app, exit_code);
  AddTransferLeader(app, exit_code);
  AddDrain(app, exit_code);
  AddMember(app, exit_code);
  AddLoad(app, exit_code);
  AddDoctor(app, exit_code);
  AddRdmaProbe(app, exit_code);
  try {
    app.parse(argc, argv);
  } catch (const CLI::ParseError& error) {
    if (error.get_exit_code() == static_cast<int>(CLI::ExitCodes::Success)) {
      return app.exit(error);  // --help
    }
    return gaios::cli::Complain(std::string(error.what()) + "; see gaios --help, or gaios <command> --help",
                                gaios::cli::kExitUsage);
  }
  return exit_code;
}

}  // namespace

int main(int argc, char** argv) {
  try {
    return Run(argc, argv);
  } catch (const std::exception& error) {
    return gaios::cli::Complain(std::string("failed: ") + error.what(), gaios::cli::kExitDoesNotHold);
  }
}
