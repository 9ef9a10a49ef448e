#include "gaios/rsm/config.h"

#include <algorithm>
#include <array>
#include <bit>
#include <cerrno>
#include <fstream>
#include <limits>
#include <set>
#include <span>
#include <system_error>
#include <utility>

#include <absl/status/status.h>
#include <absl/strings/str_cat.h>
#include <toml++/toml.h>

#include "gaios/base/check.h"
#include "gaios/paxos/limits.h"
#include "gaios/rsm/config_network.h"
#include "gaios/rsm/config_section.h"
#include "gaios/rsm/state_machine.h"

namespace gaios::rsm {
namespace {

constexpr std::uint64_t kNsPerMs = 1'000'000;
constexpr std::uint64_t kNsPerS = 1'000'000'000;
constexpr std::int64_t kMaxTimingMs = 600'000;
constexpr std::size_t kMaxGroupBytes = 63;  // as long as the counters of a replica have room for
constexpr std::int64_t kMaxFillMib = std::int64_t{1} << 20;
constexpr std::uint64_t kSuspectPerHeartbeat = 4;
constexpr std::int64_t kMinBatchBytes = 1024;
constexpr std::int64_t kMaxPriority = 100;
// Far more than a config needs. The parser takes a table apart by recursion, and a longer text could be one
// that nests deeper than the stack.
constexpr std::size_t kMaxConfigBytes = std::size_t{16} << 10;
// What one replica may set aside for its sessions' replies, and for its log and the spares. Beyond these a
// value is a slip of the pen.
constexpr std::uint64_t kMaxSessionsBytes = std::uint64_t{4} << 30;
constexpr std::uint64_t kMaxLogsBytes = std::uint64_t{64} << 30;

constexpr auto kTopKeys = std::to_array<std::string_view>({"group",
                                                           "epoch",
                                                           "transport",
                                                           "paths",
                                                           "directory",
                                                           "capacity_bytes",
                                                           "state_machine",
                                                           "idle",
                                                           "max_batch_bytes",
                                                           "timing",
                                                           "sessions",
                                                           "hash_interval_commands",
                                                           "fill_mib_per_second",
                                                           "snapshot",
                                                           "verbs",
                                                           "udp",
                                                           "udp2",
                                                           "fallback",
                                                           "clients",
                                                           "dpdk",
                                                           "credentials",
                                                           "replica"});
constexpr auto kTimingKeys = std::to_array<std::string_view>(
    {"heartbeat_interval_ms", "suspect_timeout_ms", "suspect_timeout_most_ms", "election_jitter_ms",
     "election_timeout_ms", "drop_timeout_ms", "preferred_after_ms"});
constexpr auto kSessionKeys =
    std::to_array<std::string_view>({"max_sessions", "reply_kib", "idle_timeout_s"});
constexpr auto kSnapshotKeys =
    std::to_array<std::string_view>({"directory", "interval_commands", "fill_bytes_per_second"});
constexpr auto kReplicaKeys = std::to_array<std::string_view>(
    {"id", "cpu", "priority", "address", "rdma_address", "udp_address", "udp2_address", "client_address"});

void ReadTop(Section& top, Config& config) {
  top.AllowOnly(kTopKeys);
  config.group = top.RequiredText("group");
  if (config.group.size() > kMaxGroupBytes) {
    top.FailAt("group", absl::StrCat("has ", config.group.size(), " bytes; at most ", kMaxGroupBytes));
  }
  top.Read("epoch", {1, std::numeric_limits<std::uint32_t>::max()}, 1, config.epoch);
  ReadTransport(top, config);
  config.directory = top.RequiredText("directory");

  top.Read("capacity_bytes", {paxos::kMinCapacityBytes, paxos::kMaxCapacityBytes}, 1, config.capacity_bytes);
  if (!std::has_single_bit(config.capacity_bytes)) {
    top.FailAt(
        "capacity_bytes",
        absl::StrCat("is ", config.capacity_bytes, ", which is no power of two; the nearest are ",
                     std::bit_floor(config.capacity_bytes), " and ", std::bit_ceil(config.capacity_bytes)));
  }

  const std::string machine = top.RequiredText("state_machine");
  if (machine == StateMachineKindName(StateMachineKind::kCounter)) {
    config.state_machine = StateMachineKind::kCounter;
  } else if (machine != StateMachineKindName(StateMachineKind::kOrderBook)) {
    top.FailAt("state_machine",
               absl::StrCat("is \"", machine, "\"; known are \"order-book\" and \"counter\""));
  }
  if (top.Find("idle") != nullptr) {
    const absl::StatusOr<base::IdleStrategy> idle = base::ParseIdleStrategy(top.RequiredText("idle"));
    if (idle.ok()) {
      config.idle = *idle;
    } else {
      top.FailAt("idle", absl::StrCat("is not known: ", idle.status().message()));
    }
  }
  top.Read("max_batch_bytes", {kMinBatchBytes, paxos::kMaxEntryPayloadBytes}, 1, config.max_batch_bytes);
  top.Read("hash_interval_commands", {0, std::numeric_limits<std::int64_t>::max()}, 1,
           config.hash_interval_commands);
  top.Read("fill_mib_per_second", {0, kMaxFillMib}, std::uint64_t{1} << 20, config.fill_bytes_per_second);
}

void ReadTiming(Section& timing, Config& config) {
  timing.AllowOnly(kTimingKeys);
  timing.Read("heartbeat_interval_ms", {1, kMaxTimingMs}, kNsPerMs, config.heartbeat_interval_ns);
  timing.Read("suspect_timeout_ms", {1, kMaxTimingMs}, kNsPerMs, config.suspect_timeout_ns);
  config.suspect_timeout_most_ns = std::max(config.suspect_timeout_most_ns, config.suspect_timeout_ns);
  timing.Read("suspect_timeout_most_ms", {1, kMaxTimingMs}, kNsPerMs, config.suspect_timeout_most_ns);
  timing.Read("election_jitter_ms", {1, kMaxTimingMs}, kNsPerMs, config.election_jitter_ns);
  timing.Read("election_timeout_ms", {1, kMaxTimingMs}, kNsPerMs, config.election_timeout_ns);
  timing.Read("drop_timeout_ms", {1, kMaxTimingMs}, kNsPerMs, config.drop_timeout_ns);
  config.preferred_after_ns = std::max(config.preferred_after_ns, config.suspect_timeout_most_ns);
  timing.Read("preferred_after_ms", {1, kMaxTimingMs}, kNsPerMs, config.preferred_after_ns);

  const std::uint64_t heartbeat_ms = config.heartbeat_interval_ns / kNsPerMs;
  if (config.suspect_timeout_ns < kSuspectPerHeartbeat * config.heartbeat_interval_ns) {
    timing.FailAt(
        "suspect_timeout_ms",
        absl::StrCat("is ", config.suspect_timeout_ns / kNsPerMs, " with a heartbeat_interval_ms of ",
                     heartbeat_ms, "; it must be at least ", kSuspectPerHeartbeat,
                     " heartbeats, so raise it to ", kSuspectPerHeartbeat * heartbeat_ms, " or more"));
  }
  if (config.suspect_timeout_most_ns < config.suspect_timeout_ns) {
    timing.FailAt("suspect_timeout_most_ms",
                  absl::StrCat("is ", config.suspect_timeout_most_ns / kNsPerMs,
                               ", less than suspect_timeout_ms; for a timeout that never grows make it ",
                               config.suspect_timeout_ns / kNsPerMs));
  }
  if (config.preferred_after_ns < config.suspect_timeout_most_ns) {
    timing.FailAt(
        "preferred_after_ms",
        absl::StrCat("is ", config.preferred_after_ns / kNsPerMs,
                     ", less than suspect_timeout_most_ms: one that only stands still would be handed the "
                     "leadership; raise it to ",
                     config.suspect_timeout_most_ns / kNsPerMs, " or more"));
  }
  if (config.election_timeout_ns < config.election_jitter_ns) {
    timing.FailAt("election_timeout_ms",
                  absl::StrCat("is ", config.election_timeout_ns / kNsPerMs,
                               ", less than election_jitter_ms: a candidate would give up before it starts; "
                               "raise it to ",
                               config.election_jitter_ns / kNsPerMs, " or more"));
  }
  if (config.drop_timeout_ns < config.heartbeat_interval_ns) {
    timing.FailAt(
        "drop_timeout_ms",
        absl::StrCat("is ", config.drop_timeout_ns / kNsPerMs,
                     ", less than heartbeat_interval_ms, in which a follower's progress is looked at; "
                     "raise it to ",
                     heartbeat_ms, " or more"));
  }
}

void ReadSessions(Section& sessions, Config& config) {
  sessions.AllowOnly(kSessionKeys);
  sessions.Read("max_sessions", {1, 65'536}, 1, config.max_sessions);
  sessions.Read("reply_kib", {kMaxReplyBytes >> 10, 65'536}, 1024, config.reply_bytes);
  sessions.Read("idle_timeout_s", {1, 86'400}, kNsPerS, config.session_idle_timeout_ns);
  // Each is bounded above, so the product does not overflow.
  if (config.max_sessions * config.reply_bytes > kMaxSessionsBytes) {
    sessions.FailAt("max_sessions",
                    absl::StrCat("is ", config.max_sessions, " with a reply_kib of ",
                                 config.reply_bytes >> 10, ", and every session reserves its replies: ",
                                 (config.max_sessions * config.reply_bytes) >> 20, " MiB, at most ",
                                 kMaxSessionsBytes >> 20, " MiB; lower max_sessions to ",
                                 kMaxSessionsBytes / config.reply_bytes, " or reply_kib to ",
                                 (kMaxSessionsBytes / config.max_sessions) >> 10));
  }
}

void ReadSnapshot(Section& snapshot, Config& config) {
  constexpr std::int64_t kMax = std::numeric_limits<std::int64_t>::max();
  snapshot.AllowOnly(kSnapshotKeys);
  if (snapshot.Find("directory") != nullptr) {
    config.snapshot_directory = snapshot.RequiredText("directory");
  }
  snapshot.Read("interval_commands", {0, kMax}, 1, config.snapshot_interval_commands);
  snapshot.Read("fill_bytes_per_second", {0, kMax}, 1, config.snapshot_fill_bytes_per_second);
}

// Once the replicas are known: each keeps its log and a spare for every replica.
void CheckLogs(Section& top, const Config& config) {
  const std::uint64_t logs = config.replicas.size() + 1;
  if (config.capacity_bytes > kMaxLogsBytes / logs) {
    top.FailAt("capacity_bytes",
               absl::StrCat("is ", config.capacity_bytes, " with ", config.replicas.size(),
                            " replicas, each of which reserves it ", logs, " times, for its log and spares: ",
                            (config.capacity_bytes * logs) >> 30, " GiB, at most ", kMaxLogsBytes >> 30,
                            " GiB; lower it to ", std::bit_floor(kMaxLogsBytes / logs)));
  }
}

void ReadReplicas(Section& top, const std::string& file, absl::Status& status, Config& config) {
  const toml::node* const node = top.Find("replica");
  const toml::array* const list = node == nullptr ? nullptr : node->as_array();
  if (list == nullptr || list->empty() || !list->is_array_of_tables()) {
    top.FailAt("replica", node == nullptr
                              ? "is missing; add a section [[replica]] with an id for each replica"
                              : "must be sections of their own: [[replica]], each with an id");
    return;
  }
  if (list->size() > paxos::kMaxReplicas) {
    top.FailAt("replica", absl::StrCat("stands ", list->size(), " times; a group has at most ",
                                       paxos::kMaxReplicas, " replicas"));
    return;
  }
  std::set<std::int64_t> ids;
  for (const toml::node& element : *list) {
    Section section(element.as_table(), "replica", file, status);
    section.AllowOnly(kReplicaKeys);
    if (section.Find("id") == nullptr) {
      section.FailAt("id", absl::StrCat("is missing; replicas are numbered 0 to ", list->size() - 1));
      return;
    }
    const auto last = static_cast<std::int64_t>(list->size()) - 1;
    const std::optional<std::int64_t> id = section.Integer("id", {0, last});
    const std::optional<std::int64_t> cpu = section.Integer("cpu", {0, 4095});
    const std::optional<std::int64_t> priority = section.Integer("priority", {0, kMaxPriority});
    if (!id.has_value()) {
      return;
    }
    if (!ids.insert(*id).second) {
      section.FailAt("id", absl::StrCat("is ", *id, " a second time; replicas are numbered 0 to ", last,
                                        ", each number once"));
      return;
    }
    ReplicaConfig replica;
    replica.id = paxos::ReplicaId(static_cast<std::uint8_t>(*id));
    if (cpu.has_value()) {
      replica.cpu = static_cast<int>(*cpu);
    }
    replica.priority = static_cast<std::uint8_t>(priority.value_or(paxos::kUsualPriority));
    ReadAddress(section, config, replica);
    config.replicas.push_back(replica);
  }
  std::sort(config.replicas.begin(), config.replicas.end(),
            [](const ReplicaConfig& a, const ReplicaConfig& b) { return a.id < b.id; });
  if (std::ranges::all_of(config.replicas, [](const ReplicaConfig& each) { return each.priority == 0; })) {
    top.FailAt("replica",
               "has priority 0 throughout, so that each waits for another to lead; give one of them more");
  }
}

void Warn(const std::string& file, Config& config) {
  const std::size_t replicas = config.replicas.size();
  if (replicas == 1) {
    config.warnings.push_back(absl::StrCat(file,
                                           ": a group of one replica commits alone and loses everything when "
                                           "it dies; use 3 to survive a death"));
  } else if (replicas % 2 == 0) {
    config.warnings.push_back(absl::StrCat(
        file, ": a group of ", replicas, " replicas survives no more deaths than one of ", replicas - 1,
        " and needs one more acknowledgement; use ", replicas - 1, " or ", replicas + 1));
  }
}

absl::StatusOr<Config> FromTable(const toml::table& table, const std::string& name) {
  Config config;
  absl::Status status;
  Section top(&table, "", name, status);
  ReadTop(top, config);
  Section timing(Subtable(top, "timing"), "timing", name, status);
  ReadTiming(timing, config);
  Section sessions(Subtable(top, "sessions"), "sessions", name, status);
  ReadSessions(sessions, config);
  Section snapshot(Subtable(top, "snapshot"), "snapshot", name, status);
  ReadSnapshot(snapshot, config);
  Section verbs(Subtable(top, "verbs"), "verbs", name, status);
  ReadVerbs(top, verbs, config);
  Section udp(Subtable(top, "udp"), "udp", name, status);
  ReadUdp(top, udp, config);
  Section udp2(Subtable(top, "udp2"), "udp2", name, status);
  ReadUdp2(top, udp2, config);
  Section fallback(Subtable(top, "fallback"), "fallback", name, status);
  ReadFallback(top, fallback, config);
  Section clients(Subtable(top, "clients"), "clients", name, status);
  ReadClients(top, clients, config);
  Section dpdk(Subtable(top, "dpdk"), "dpdk", name, status);
  ReadDpdk(top, dpdk, config);
  Section credentials(Subtable(top, "credentials"), "credentials", name, status);
  ReadCredentials(top, credentials, config);
  ReadReplicas(top, name, status, config);
  CheckAddresses(top, config);
  CheckLogs(top, config);
  if (!status.ok()) {
    return status;
  }
  Warn(name, config);
  WarnOfPaths(name, config);
  return config;
}

}  // namespace

std::string_view StateMachineKindName(StateMachineKind kind) {
  return kind == StateMachineKind::kOrderBook ? "order-book" : "counter";
}

bool Config::Has(LinkPath path) const {
  if (paths.empty()) {
    return transport != TransportKind::kShm &&
           path == (transport == TransportKind::kVerbs ? LinkPath::kVerbs : LinkPath::kUdp);
  }
  return std::ranges::find(paths, path) != paths.end();
}

absl::StatusOr<Config> ParseConfig(std::string_view text, std::string_view name) {
  if (text.size() > kMaxConfigBytes) {
    return absl::InvalidArgumentError(absl::StrCat(std::string(name), ":1: has more than ", kMaxConfigBytes,
                                                   " bytes, too many for a config; is it the right file?"));
  }
  try {
    return FromTable(toml::parse(text, name), std::string(name));
  } catch (const toml::parse_error& error) {
    return absl::InvalidArgumentError(absl::StrCat(std::string(name), ":", error.source().begin.line, ":",
                                                   error.source().begin.column,
                                                   ": not valid TOML: ", std::string(error.description())));
  }
}

absl::StatusOr<Config> LoadConfig(const std::string& path) {
  std::ifstream file(path, std::ios::binary);
  if (!file.is_open()) {
    const int error = errno;
    const std::string text =
        absl::StrCat("cannot read config ", path, ": ", std::generic_category().message(error),
                     "; name an existing file that this user may read");
    return error == ENOENT ? absl::NotFoundError(text) : absl::UnavailableError(text);
  }
  std::string text;
  std::array<char, 4096> piece;
  while (text.size() <= kMaxConfigBytes && (file.read(piece.data(), piece.size()), file.gcount() > 0)) {
    text.append(piece.data(), static_cast<std::size_t>(file.gcount()));
  }
  if (file.bad()) {
    return absl::UnavailableError(absl::StrCat("reading config ", path, " failed; is it a file?"));
  }
  return ParseConfig(text, path);
}

paxos::Options ProtocolOptions(const Config& config, paxos::GroupId group, paxos::ReplicaId self,
                               paxos::Incarnation incarnation) {
  GAIOS_CHECK(self.value() < paxos::kMaxReplicas, "replica id out of bounds");
  paxos::Options options;
  options.self = self;
  options.incarnation = incarnation;
  options.group = group;
  options.configuration = paxos::Configuration::Bootstrap(config.replicas.size());
  options.capacity_bytes = config.capacity_bytes;
  options.max_batch_bytes = config.max_batch_bytes;
  options.heartbeat_interval_ns = config.heartbeat_interval_ns;
  options.suspect_timeout_ns = config.suspect_timeout_ns;
  options.suspect_timeout_most_ns = config.suspect_timeout_most_ns;
  options.election_jitter_ns = config.election_jitter_ns;
  options.election_timeout_ns = config.election_timeout_ns;
  options.drop_timeout_ns = config.drop_timeout_ns;
  options.preferred_after_ns = config.preferred_after_ns;
  for (const ReplicaConfig& replica : config.replicas) {
    options.priorities.at(replica.id.value()) = replica.priority;
  }
  options.fill_bytes_per_second = config.fill_bytes_per_second;
  options.links_come_back = config.transport != TransportKind::kShm;
  // Another for each life of each replica, so that no two draw the same jitter for ever.
  options.seed = options.group.value() ^ paxos::Ballot(1, self, incarnation).packed();
  return options;
}

}  // namespace gaios::rsm
