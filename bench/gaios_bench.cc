// gaios-bench: what the product costs beside the floor of its medium. Exit codes: 0 measured, 1 could not be
// measured reliably, 2 wrong usage.

#include <functional>
#include <iostream>
#include <map>
#include <string>

#include <CLI/CLI.hpp>

#include "gaios/base/align.h"
#include "gaios/paxos/limits.h"

#include "bench/benchmarks.h"
#include "bench/options.h"
#include "bench/placement.h"
#include "bench/transports.h"

namespace gaios::bench {
namespace {

constexpr int kNotMeasured = 1;
constexpr int kWrongUsage = 2;
// Commands of a block, unless told otherwise: over verbs,
constexpr std::uint64_t kVerbsBlockCommits = 1'000;
constexpr std::uint64_t kVerbsBlockThroughput = 50'000;
// And over UDP. Short: while the floor is measured the group is silent, and not for as long as ends a link.
constexpr std::uint64_t kUdpBlockCommits = 4'000;
constexpr std::uint64_t kUdpBlockThroughput = 200'000;

struct CommandLine {
  Options options;
  std::string transport = "shm";
  std::string idle;         // empty: as the benchmark needs it
  std::string leader_idle;  // empty: as the transport needs it
  bool sessions = false;
};

void AddFlags(CLI::App& command, CommandLine& line) {
  Options& options = line.options;
  command.add_option(
      "--transport", line.transport,
      "shm, verbs (commit, throughput, failover, hand-over), udp-socket or udp-dpdk (the first three, loss); "
      "hand-over and network: udp-socket too");
  command.add_option(
      "--device", options.device,
      "verbs: the RDMA device, when there are several; udp-dpdk: net_af_packet, unless given, or "
      "net_af_xdp");
  CLI::Option* const config =
      command.add_option("--config", options.config_path,
                         "commit and throughput over verbs: the config of a group on several hosts, each of "
                         "which runs the same with --id of its replica");
  command
      .add_option("--id", options.id, "with --config: this host's replica; 0 measures, the others serve it")
      ->needs(config);
  command.add_option("--payload", options.payload_bytes, "udp: bytes of a datagram")
      ->check(CLI::Range(512, 8900));
  command.add_flag("--authenticate,!--no-authenticate", options.authenticate,
                   "udp: datagrams with a MAC, as users run it");
  command.add_flag("--encrypt", options.encrypt, "udp: datagrams that are encrypted too");
  command.add_flag("--zero-copy,!--no-zero-copy", options.zero_copy,
                   "udp-dpdk: long datagrams of the product are sent from the log, as users run it");
  command.add_flag("--two-paths", options.two_paths,
                   "commit over udp-socket: a group whose links have two paths, beside one with one path");
  command.add_option("--loss-percent", options.loss_percent, "loss: of the datagrams that each end sends")
      ->check(CLI::Range(0.0001, 50.0));
  command.add_option("--mode", options.mode, "closed: one command after another; open: at a fixed rate")
      ->transform(CLI::CheckedTransformer(
          std::map<std::string, Mode>{{"closed", Mode::kClosed}, {"open", Mode::kOpen}}));
  command.add_option("--replicas", options.replicas, "replicas of the group")->check(CLI::Range(1, 7));
  command.add_option("--size", options.size_bytes, "bytes of a command")->check(CLI::Range(1, 32 << 10));
  command.add_option("--outstanding", options.outstanding, "closed loop: commands under way at once")
      ->check(CLI::Range(1, 1024));
  command.add_option("--batch", options.batch, "commands proposed between two polls")
      ->check(CLI::Range(1, 32768));
  command.add_option("--rate", options.rate_per_s, "open loop: commands a second; flood: datagrams a second")
      ->check(CLI::Range(1, 100'000'000));
  command.add_option("--seconds", options.seconds, "how long to measure")->check(CLI::Range(0.01, 86'400.0));
  command.add_option("--blocks", options.blocks, "blocks of product and of floor, interleaved")
      ->check(CLI::Range(1, 10'000));
  command
      .add_option(
          "--block-commits", options.block_commits,
          "commit and throughput: commands of a block, in place of --seconds or the wraps of the ring")
      ->check(CLI::Range(1, 1'000'000'000));
  command
      .add_option("--trials", options.trials,
                  "failovers, each of a group of its own; hand-over and catchup: hand-overs")
      ->check(CLI::Range(1, 10'000));
  command.add_flag("--silent", options.silent,
                   "failover: the leader falls silent and its process stays, as of a host that has died");
  command
      .add_option(
          "--rest-ms", options.rest_ms,
          "hand-over and catchup: how long commits go on before each hand-over, so that the memory for the "
          "next is ready")
      ->check(CLI::Range(0, 600'000));
  command.add_option("--capacity", options.capacity_bytes, "bytes of a ring, a power of two")
      ->check(CLI::Range(std::size_t{1} << 16, std::size_t{1} << 30));
  command.add_option("--state-bytes", options.state_bytes, "snapshot: of the state that is taken")
      ->check(CLI::Range(std::size_t{1} << 16, std::size_t{1} << 32));
  command.add_option("--resting", options.resting_orders, "book: resting orders of the generated flow")
      ->check(CLI::Range(1'000, 10'000'000));
  command.add_flag("--sessions,!--no-sessions", line.sessions, "throughput: commands in client sessions");
  command.add_option("--idle", line.idle,
                     "what followers do while idle: spin, yield, back_off (unless given; network: "
                     "yield), or, over udp-socket, block");
  command.add_option(
      "--leader-idle", line.leader_idle,
      "what the measuring loop does while it waits; unless given yield over verbs, spin over UDP");
  command.add_option("--hgrm", options.hgrm_path, "write the latencies as an .hgrm file, in us");
  command.add_option("--json", options.json_path, "write the report there; - for stdout");
  for (const char* const of_the_config : {"--device", "--replicas", "--capacity"}) {
    config->excludes(of_the_config);
  }
}

// `wakes`: whether what the loop waits for can wake it.
absl::StatusOr<base::IdleStrategy> ParseIdle(const std::string& flag, const std::string& name, bool wakes) {
  if (name == "block" && !wakes) {
    return absl::InvalidArgumentError(flag +
                                      " block needs somebody who notifies; use spin, yield or back_off");
  }
  return base::ParseIdleStrategy(name);
}

// Whether there is such a benchmark over that transport, which is one of those that there are.
bool IsMeasured(const std::string& benchmark, const std::string& transport) {
  if (benchmark == "commit" || benchmark == "throughput" || benchmark == "failover") {
    return true;
  }
  if (benchmark == "hand-over") {
    return transport != "udp-dpdk";
  }
  if (benchmark == "idle") {
    return transport == "shm" || transport == "udp-socket";
  }
  if (benchmark == "encryption" || benchmark == "flood") {
    return transport == "udp-socket";
  }
  if (benchmark == "loss") {
    return transport == "udp-socket" || transport == "udp-dpdk";
  }
  if (benchmark == "catchup" && transport == "udp-socket") {
    return true;
  }
  return transport == "shm" || (benchmark == "network" && transport == "udp-socket");
}

// Commands of a block, unless told otherwise.
std::uint64_t UsualBlock(const std::string& benchmark, bool udp) {
  if (benchmark == "throughput" || benchmark == "loss" || benchmark == "encryption" || benchmark == "flood") {
    return udp ? kUdpBlockThroughput : kVerbsBlockThroughput;
  }
  return udp ? kUdpBlockCommits : kVerbsBlockCommits;
}

absl::Status ChooseTransport(CommandLine& line, const std::string& benchmark) {
  Options& options = line.options;
  if (options.two_paths && (benchmark != "commit" || line.transport != "udp-socket")) {
    return absl::InvalidArgumentError("--two-paths is for commit with --transport udp-socket");
  }
  if (!options.config_path.empty() &&
      ((benchmark != "commit" && benchmark != "throughput") || line.transport != "verbs")) {
    return absl::InvalidArgumentError("--config is for commit and throughput with --transport verbs");
  }
  if (benchmark == "network" && options.block_commits == 0) {
    options.block_commits = kUdpBlockCommits;
  }
  if (line.transport == "shm") {
    if (!IsMeasured(benchmark, line.transport)) {
      return absl::InvalidArgumentError(benchmark + " is measured with --transport udp-socket" +
                                        (benchmark == "loss" ? " or udp-dpdk: say which" : ": say so"));
    }
    if (!options.device.empty() || !line.leader_idle.empty()) {
      return absl::InvalidArgumentError("--device and --leader-idle are for the other transports");
    }
    return absl::OkStatus();
  }
  const bool dpdk = line.transport == "udp-dpdk";
  const bool udp = dpdk || line.transport == "udp-socket";
  if (line.transport != "verbs" && !udp) {
    return absl::InvalidArgumentError(
        "--transport " + line.transport +
        " is not in this version; those to measure are shm, verbs, udp-socket and udp-dpdk");
  }
  if (!IsMeasured(benchmark, line.transport)) {
    return absl::InvalidArgumentError(
        benchmark + " is not measured with --transport " + line.transport +
        "; --help behind the name of a benchmark has those that it is measured with");
  }
  if (options.encrypt && !options.authenticate) {
    return absl::InvalidArgumentError("--encrypt and --no-authenticate exclude each other: say one");
  }
  if (options.replicas < 3) {
    return absl::InvalidArgumentError("--transport " + line.transport + " needs --replicas of at least 3");
  }
  if (dpdk) {
    options.port = rsm::PortKind::kDpdk;
    options.device = options.device.empty() ? "net_af_packet" : options.device;
    if (options.device != "net_af_packet" && options.device != "net_af_xdp") {
      return absl::InvalidArgumentError(
          "--device " + options.device +
          " is not one that the benchmark makes; say net_af_packet or net_af_xdp");
    }
  } else if (udp && !options.device.empty()) {
    return absl::InvalidArgumentError("--device is for verbs and udp-dpdk");
  }
  options.transport = udp ? rsm::TransportKind::kUdp : rsm::TransportKind::kVerbs;
  // A loop that only spins keeps a device of software from its processor, where there is one processor alone.
  const std::string usual = udp ? "spin" : "yield";
  const auto idle = ParseIdle("--leader-idle", line.leader_idle.empty() ? usual : line.leader_idle, false);
  if (!idle.ok()) {
    return idle.status();
  }
  options.leader_idle = *idle;
  if (options.block_commits == 0) {
    options.block_commits = UsualBlock(benchmark, udp);
  }
  return CheckTransport(options);
}

// Whether datagrams at kernel sockets wake followers that wait, and the floor's peers.
bool WakesFollowers(const std::string& benchmark, const std::string& transport) {
  return transport == "udp-socket" && benchmark != "failover" && benchmark != "loss" &&
         benchmark != "network" && benchmark != "hand-over";
}

// What a parser cannot see. The message says what to do.
absl::Status Validate(CommandLine& line, const std::string& benchmark) {
  if (!base::IsPowerOfTwo(line.options.capacity_bytes)) {
    return absl::InvalidArgumentError("--capacity must be a power of two");
  }
  // Replicas that sleep would be all that is measured of a client's round trip.
  const std::string usual = benchmark == "network" ? "yield" : "back_off";
  const auto idle =
      ParseIdle("--idle", line.idle.empty() ? usual : line.idle, WakesFollowers(benchmark, line.transport));
  if (!idle.ok()) {
    return idle.status();
  }
  line.options.idle = *idle;
  line.options.sessions = line.sessions ? 64 : 0;
  return ChooseTransport(line, benchmark);
}

int Run(int argc, char** argv) {
  CLI::App app("Measures Gaios beside the floor of its medium.", "gaios-bench");
  app.require_subcommand(1);
  CommandLine line;
  std::function<absl::Status(const Options&)> benchmark;
  std::string benchmark_name;
  const auto add = [&app, &line, &benchmark, &benchmark_name](const char* name, const char* help, auto run) {
    CLI::App* const command = app.add_subcommand(name, help);
    AddFlags(*command, line);
    command->callback([command, &line, &benchmark, &benchmark_name, name, run] {
      benchmark = run;
      benchmark_name = name;
      if (benchmark_name == "catchup" && command->count("--capacity") == 0) {
        line.options.capacity_bytes = rsm::Config().capacity_bytes;  // a ring's worth is what is filled
      }
    });
  };
  add("commit", "latency of a commit", RunCommit);
  add("throughput", "commands a second, batched and pipelined", RunThroughput);
  add("failover", "from the death of a leader to the first commit of the next", RunFailover);
  add("loss", "latency and throughput over UDP while datagrams are lost", RunLoss);
  add("encryption", "latency and throughput over UDP with datagrams encrypted, and with a MAC alone",
      RunEncryption);
  add("flood", "latency and throughput over UDP while another process sends false datagrams, --rate a second",
      RunFlood);
  add("network", "round trip of a command of one client over the network", RunNetwork);
  add("book", "the order book, by itself and replicated", RunBook);
  add("idle", "what an idle follower costs", RunIdle);
  add("catchup", "commits while a replica is filled, how fast it is filled, and planned hand-overs",
      RunCatchup);
  add("hand-over", "the gap in commits of a planned hand-over, beside the round trip of the medium",
      RunHandOver);
  add("snapshot", "commits while snapshots are taken, and one streamed from host to host", RunSnapshot);
  try {
    app.parse(argc, argv);
  } catch (const CLI::ParseError& error) {
    return app.exit(error) == 0 ? 0 : kWrongUsage;
  }
  if (const absl::Status status = Validate(line, benchmark_name); !status.ok()) {
    std::cerr << "gaios-bench: " << status.message() << '\n';
    return kWrongUsage;
  }
  if (line.options.config_path.empty() && ChoosePlacement().crowded()) {
    std::cerr << "gaios-bench: only one cpu is available: leader and followers share it, and the figures are "
                 "mostly "
                 "the scheduler's\n";
  }
  if (const absl::Status status = benchmark(line.options); !status.ok()) {
    std::cerr << "gaios-bench: " << status.message() << '\n';
    // That a device is gone or refuses is of the host, like a flag, and not of the run.
    const bool usage = absl::IsUnimplemented(status) || absl::IsInvalidArgument(status) ||
                       absl::IsNotFound(status) || absl::IsFailedPrecondition(status);
    return usage ? kWrongUsage : kNotMeasured;
  }
  return 0;
}

}  // namespace
}  // namespace gaios::bench

// NOLINTNEXTLINE(bugprone-exception-escape): out of memory ends the program, as it should
int main(int argc, char** argv) {
  return gaios::bench::Run(argc, argv);
}
