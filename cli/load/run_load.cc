#include "gaios/cli/load/run_load.h"

#include <algorithm>
#include <cmath>
#include <csignal>
#include <cstddef>
#include <cstdio>
#include <memory>
#include <optional>
#include <span>
#include <string>
#include <utility>
#include <vector>

#include <absl/status/status.h>
#include <absl/status/statusor.h>
#include <absl/strings/str_cat.h>
#include <absl/strings/str_format.h>
#include <nlohmann/json.hpp>

#include "gaios/base/clock.h"
#include "gaios/base/histogram.h"
#include "gaios/base/idle.h"
#include "gaios/cli/complain.h"
#include "gaios/cli/demo/order_flow.h"
#include "gaios/cli/latency.h"
#include "gaios/cli/load/history.h"
#include "gaios/cli/status/group_status.h"
#include "gaios/cli/write_json.h"
#include "gaios/rsm/client/client.h"
#include "gaios/rsm/config.h"
#include "gaios/rsm/group_identity.h"
#include "gaios/rsm/network_clients.h"
#include "gaios/rsm/node_dpdk.h"

namespace gaios::cli {
namespace {

constexpr double kNsPerS = 1e9;
constexpr std::uint64_t kTellIntervalNs = 500'000'000;
constexpr std::uint64_t kNsPerMs = 1'000'000;
constexpr std::uint32_t kMaxClients = 64;

volatile std::sig_atomic_t interrupted = 0;

void Interrupt(int /*signal*/) {
  interrupted = 1;
}

absl::Status CheckFlags(const LoadFlags& flags) {
  if (flags.mode != "closed" && flags.mode != "open") {
    return absl::InvalidArgumentError(absl::StrCat("--mode is \"", flags.mode, "\": say closed or open"));
  }
  if (flags.clients < 1 || flags.clients > kMaxClients) {
    return absl::InvalidArgumentError(
        absl::StrCat("--clients is ", flags.clients, ": give it 1 to ", kMaxClients));
  }
  if (!std::isfinite(flags.rate_per_s) || flags.rate_per_s <= 0) {
    return absl::InvalidArgumentError(absl::StrCat("--rate is ", flags.rate_per_s, ": give it more than 0"));
  }
  if (!std::isfinite(flags.seconds) || flags.seconds <= 0) {
    return absl::InvalidArgumentError(absl::StrCat("--seconds is ", flags.seconds, ": give it more than 0"));
  }
  if (flags.timeout_ms == 0) {
    return absl::InvalidArgumentError("--timeout-ms is 0: give it more, at best more than a failover takes");
  }
  if (flags.idle == "block" || !base::ParseIdleStrategy(flags.idle).ok()) {
    return absl::InvalidArgumentError(
        absl::StrCat("--idle is \"", flags.idle, "\": say spin, yield or back_off"));
  }
  return absl::OkStatus();
}

// The commands to send: an order flow, or for the counter ones.
class Commands {
 public:
  static absl::StatusOr<Commands> Make(rsm::StateMachineKind kind, std::uint64_t seed) {
    Commands commands;
    if (kind == rsm::StateMachineKind::kOrderBook) {
      absl::StatusOr<std::unique_ptr<OrderFlow>> flow = OrderFlow::Generate(seed);
      if (!flow.ok()) {
        return flow.status();
      }
      commands.flow_ = *std::move(flow);
    }
    return commands;
  }
  // Valid until the next call; the flow has no end.
  [[nodiscard]] std::span<const std::byte> Next() {
    if (flow_ != nullptr) {
      return flow_->Next().value_or(std::span<const std::byte>());
    }
    return std::as_bytes(std::span(&one_, 1));
  }

 private:
  std::unique_ptr<OrderFlow> flow_;
  std::uint64_t one_ = 1;
};

// What the clients of one load share.
struct Tally {
  std::unique_ptr<History> history;
  base::Histogram latencies;
  std::uint64_t sent = 0;
  std::uint64_t acknowledged = 0;
  std::uint64_t unknown = 0;
};

class LoadClient final : private rsm::ClientListener {
 public:
  LoadClient(std::unique_ptr<rsm::Client> client, const base::Clock& clock, Tally& tally)
      : client_(std::move(client)), clock_(clock), tally_(tally), under_way_(rsm::Sessions::kWindow) {}

  [[nodiscard]] std::size_t outstanding() const { return client_->outstanding(); }
  // False when the window is full. `due_ns` is when the command should have been sent.
  [[nodiscard]] bool Send(std::span<const std::byte> command, std::uint64_t due_ns) {
    // Tags number this client's commands, so that those under way have places of their own.
    if (client_->outstanding() == under_way_.size() ||
        client_->Submit(command, tag_) != rsm::Submitted::kSubmitted) {
      return false;
    }
    UnderWay& place = under_way_[tag_++ % under_way_.size()];
    place.due_ns = due_ns;
    place.value = ++tally_.sent;
    place.process = tally_.history->Invoke(place.value, clock_.NowNs());
    return true;
  }
  bool Poll() { return client_->Poll(*this); }
  [[nodiscard]] std::string trouble() const { return client_->trouble(); }
  [[nodiscard]] const rsm::ClientCounters& counters() const { return client_->counters(); }

 private:
  struct UnderWay {
    std::uint64_t due_ns = 0;
    std::uint64_t value = 0;
    std::uint64_t process = 0;
  };

  void OnCommitted(std::uint64_t tag, std::uint64_t slot, rsm::Applied how,
                   std::span<const std::byte> reply) override {
    const UnderWay& place = under_way_[tag % under_way_.size()];
    const std::uint64_t now_ns = clock_.NowNs();
    tally_.latencies.Record(now_ns > place.due_ns ? now_ns - place.due_ns : 0);
    ++tally_.acknowledged;
    tally_.history->Ok(place.process, place.value,
                       how == rsm::Applied::kApplied ? std::optional(slot) : std::nullopt, now_ns, reply);
  }
  void OnUnknown(std::uint64_t tag) override {
    const UnderWay& place = under_way_[tag % under_way_.size()];
    ++tally_.unknown;
    tally_.history->Info(place.process, place.value, clock_.NowNs());
  }

  std::unique_ptr<rsm::Client> client_;
  const base::Clock& clock_;
  Tally& tally_;
  std::vector<UnderWay> under_way_;
  std::uint64_t tag_ = 0;
};

class Load {
 public:
  Load(const LoadFlags& flags, Commands commands) : flags_(flags), commands_(std::move(commands)) {}

  absl::Status Open(const rsm::Config& config, bool network) {
    absl::StatusOr<std::unique_ptr<History>> history = History::Create(flags_.history);
    if (!history.ok()) {
      return absl::InvalidArgumentError(history.status().message());
    }
    tally_.history = *std::move(history);
    network_ = network;
    rsm::ClientOptions options;
    options.operation_timeout_ns = flags_.timeout_ms * kNsPerMs;
    if (!network) {
      const absl::StatusOr<paxos::GroupId> group = rsm::FindGroup(config);
      if (!group.ok()) {
        return group.status();
      }
      options.directory = config.directory;
      options.replicas = config.replicas.size();
      options.group = *group;
    }
    if (network) {
      absl::StatusOr<rsm::ClientsPort> port = rsm::OpenClientsPort(config, rsm::Dpdk(), clock_);
      if (!port.ok()) {
        return port.status();
      }
      port_ = std::move(port->port);
      for (const std::string& notice : port->notices) {
        absl::FPrintF(TextStream(flags_.json), "%s\n", notice);
      }
    }
    for (std::uint32_t i = 0; i < flags_.clients; ++i) {
      absl::StatusOr<std::unique_ptr<rsm::Client>> client =
          network ? rsm::OpenNetworkClient(config, options, clock_, port_)
                  : rsm::Client::Open(options, clock_);
      if (!client.ok()) {
        return client.status();
      }
      clients_.push_back(std::make_unique<LoadClient>(*std::move(client), clock_, tally_));
    }
    return absl::OkStatus();
  }

  void Run() {
    base::Idle idle(base::ParseIdleStrategy(flags_.idle).value_or(base::IdleStrategy::kYield));
    const std::uint64_t begin_ns = clock_.NowNs();
    const std::uint64_t end_ns = begin_ns + static_cast<std::uint64_t>(flags_.seconds * kNsPerS);
    std::uint64_t now_ns = begin_ns;
    while (now_ns < end_ns && interrupted == 0) {
      const bool sent = flags_.mode == "open" ? SendDue(begin_ns, now_ns) : SendClosed(now_ns);
      Rest(PollAll() || sent, idle);
      now_ns = clock_.NowNs();
      TellOfPort(now_ns);
    }
    seconds_ = static_cast<double>(now_ns - begin_ns) / kNsPerS;
    if (flags_.mode == "open") {
      // What was due in the last moment is still sent, as far as clients have room.
      while (SendDue(begin_ns, now_ns)) {
      }
      const auto due = static_cast<std::uint64_t>(seconds_ * flags_.rate_per_s);
      refused_ = due > tally_.sent ? due - tally_.sent : 0;
    }
    // Each command is answered, or called unknown by its client when it has waited long enough.
    while (std::ranges::any_of(clients_, [](const auto& client) { return client->outstanding() > 0; })) {
      Rest(PollAll(), idle);
      TellOfPort(clock_.NowNs());
    }
    next_tell_ns_ = 0;  // what is not told yet
    TellOfPort(clock_.NowNs());
  }

  [[nodiscard]] nlohmann::json Result() const {
    nlohmann::json result = Counted();
    if (port_ != nullptr) {
      // All clients have one port: of what it was sent, what could not be given to any of them.
      result["port_dropped"] = {{"nobodys", port_->counters().nobodys}, {"no_room", port_->counters().lost}};
    }
    return result;
  }
  [[nodiscard]] const Tally& tally() const { return tally_; }
  [[nodiscard]] std::uint64_t refused() const { return refused_; }
  [[nodiscard]] double seconds() const { return seconds_; }
  // Why replicas could not be asked, as the first client that knows has it.
  [[nodiscard]] std::string trouble() const {
    for (const std::unique_ptr<LoadClient>& client : clients_) {
      if (std::string why = client->trouble(); !why.empty()) {
        return why;
      }
    }
    return "";
  }
  [[nodiscard]] bool FinishHistory() const { return tally_.history->Finish(); }

 private:
  [[nodiscard]] nlohmann::json Counted() const {
    return {{"acknowledged", tally_.acknowledged},
            {"unknown", tally_.unknown},
            {"refused", refused_},
            {"rate", static_cast<double>(tally_.acknowledged) / seconds_},
            {"latency_ns", LatencyJson(tally_.latencies)},
            {"clients", flags_.clients},
            {"clients_saw", Saw()},
            {"mode", flags_.mode},
            {"network", network_},
            {"port", port_ != nullptr ? "udp-dpdk"
                     : network_       ? "udp-socket"
                                      : "shm"},
            {"seconds", seconds_}};
  }
  // What has become of the device, if there is one.
  void TellOfPort(std::uint64_t now_ns) {
    if (port_ == nullptr || now_ns < next_tell_ns_) {
      return;
    }
    next_tell_ns_ = now_ns + kTellIntervalNs;
    for (const std::string& notice : port_->TakeNotices()) {
      absl::FPrintF(TextStream(flags_.json), "%s\n", notice);
      static_cast<void>(std::fflush(TextStream(flags_.json)));  // it is read while the load goes on
    }
  }
  // What following the leader took.
  [[nodiscard]] nlohmann::json Saw() const {
    rsm::ClientCounters sum;
    for (const std::unique_ptr<LoadClient>& client : clients_) {
      const rsm::ClientCounters& one = client->counters();
      sum.submitted += one.submitted;
      sum.sent += one.sent;
      sum.redirected += one.redirected;
      sum.lost_connections += one.lost_connections;
      sum.silences += one.silences;
      sum.sessions_opened += one.sessions_opened;
    }
    return {{"sent_again", sum.sent > sum.submitted ? sum.sent - sum.submitted : 0},
            {"redirected", sum.redirected},
            {"lost_connections", sum.lost_connections},
            {"silences", sum.silences},
            {"sessions_opened", sum.sessions_opened}};
  }
  bool SendDue(std::uint64_t begin_ns, std::uint64_t now_ns) {
    constexpr int kPerTurn = 16;
    bool any = false;
    for (int i = 0; i < kPerTurn; ++i) {
      const std::uint64_t due_ns = begin_ns + static_cast<std::uint64_t>(static_cast<double>(tally_.sent) *
                                                                         kNsPerS / flags_.rate_per_s);
      if (due_ns > now_ns || !SendOne(due_ns)) {
        return any;
      }
      any = true;
    }
    return any;
  }
  bool SendClosed(std::uint64_t now_ns) {
    bool any = false;
    for (const std::unique_ptr<LoadClient>& client : clients_) {
      if (client->outstanding() == 0) {
        any = client->Send(Command(), now_ns) || any;
        command_ = {};
      }
    }
    return any;
  }
  // By the next client that has room.
  bool SendOne(std::uint64_t due_ns) {
    for (std::size_t i = 0; i < clients_.size(); ++i) {
      LoadClient& client = *clients_[next_client_++ % clients_.size()];
      if (client.Send(Command(), due_ns)) {
        command_ = {};
        return true;
      }
    }
    return false;
  }
  // The next command; the same one until it has been sent.
  std::span<const std::byte> Command() {
    if (command_.empty()) {
      command_ = commands_.Next();
    }
    return command_;
  }
  bool PollAll() {
    bool any = false;
    for (const std::unique_ptr<LoadClient>& client : clients_) {
      any = client->Poll() || any;
    }
    return any;
  }
  static void Rest(bool worked, base::Idle& idle) {
    if (worked) {
      idle.OnWork();
    } else {
      idle.OnIdle();
    }
  }

  const LoadFlags& flags_;
  Commands commands_;
  std::span<const std::byte> command_;
  const base::TscClock clock_;
  Tally tally_;
  std::shared_ptr<rsm::SharedPort> port_;  // of all clients, where DPDK carries their datagrams
  std::vector<std::unique_ptr<LoadClient>> clients_;
  std::size_t next_client_ = 0;
  std::uint64_t next_tell_ns_ = 0;
  std::uint64_t refused_ = 0;
  double seconds_ = 0;
  bool network_ = false;
};

// Whether the clients are to ask over the network. A load on a group of which nothing runs on this host, and
// that serves no other, would only wait.
absl::StatusOr<bool> ByNetwork(const rsm::Config& config, const LoadFlags& flags) {
  const std::string& path = flags.config;
  const GroupStatus status = ReadGroupStatus(config);
  const bool here = std::ranges::any_of(status.replicas, &ReplicaStatus::running);
  const bool all_here = here && config.transport == rsm::TransportKind::kShm;
  if (flags.network || (config.serves_network() && !all_here)) {
    return true;
  }
  if (here) {
    return false;
  }
  return absl::FailedPreconditionError(
      absl::StrCat("no replica of group ", config.group, " runs in ", config.directory,
                   ": start them with `gaios replica --config ", path, " --id 0`, and so on"));
}

}  // namespace

int RunLoad(const LoadFlags& flags) {
  if (const absl::Status checked = CheckFlags(flags); !checked.ok()) {
    return Complain(checked);
  }
  const absl::StatusOr<rsm::Config> config = rsm::LoadConfig(flags.config);
  if (!config.ok()) {
    return Complain(config.status());
  }
  const absl::StatusOr<bool> network = ByNetwork(*config, flags);
  if (!network.ok()) {
    return Complain(network.status());
  }
  absl::StatusOr<Commands> commands = Commands::Make(config->state_machine, flags.seed);
  if (!commands.ok()) {
    return Complain(commands.status());
  }
  struct sigaction action = {};
  action.sa_handler = Interrupt;
  sigemptyset(&action.sa_mask);
  sigaction(SIGINT, &action, nullptr);
  sigaction(SIGTERM, &action, nullptr);
  Load load(flags, *std::move(commands));
  if (const absl::Status opened = load.Open(*config, *network); !opened.ok()) {
    return Complain(opened);
  }
  load.Run();
  const base::Histogram& latencies = load.tally().latencies;
  absl::FPrintF(TextStream(flags.json),
                "%s acknowledged, %s unknown, %s refused in %.1f s; p50 %s, p99 %s, p99.9 %s, max %s\n",
                NumberText(load.tally().acknowledged), NumberText(load.tally().unknown),
                NumberText(load.refused()), load.seconds(), DurationText(latencies.ValueAtPercentile(50)),
                DurationText(latencies.ValueAtPercentile(99)),
                DurationText(latencies.ValueAtPercentile(99.9)), DurationText(latencies.max_ns()));
  if (const absl::Status written = WriteJson(load.Result(), flags.json); !written.ok()) {
    return Complain(written);
  }
  if (!load.FinishHistory()) {
    return Complain(
        absl::StrCat("--history ", flags.history, " could not be written to the end: is the disk full?"),
        kExitDoesNotHold);
  }
  if (load.tally().acknowledged == 0) {
    const std::string why = load.trouble();
    return Complain(absl::StrCat("the group acknowledged nothing: ", why.empty() ? "see gaios status" : why),
                    kExitDoesNotHold);
  }
  return kExitGood;
}

}  // namespace gaios::cli
