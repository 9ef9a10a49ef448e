#include "bench/throughput_run.h"

#include <algorithm>
#include <cstring>
#include <utility>

#include "bench/targets.h"

namespace gaios::bench {

absl::StatusOr<SessionPool> SessionPool::Open(rsm::Replica& leader, std::size_t count,
                                              const base::Clock& clock) {
  class Opened final : public rsm::ProposalListener {
   public:
    void OnCommitted(std::uint64_t /*tag*/, std::uint64_t /*slot*/, rsm::Applied how,
                     std::span<const std::byte> reply) override {
      std::uint64_t id = 0;
      if (how == rsm::Applied::kApplied && reply.size() == sizeof(id)) {
        std::memcpy(&id, reply.data(), sizeof(id));
        ids.push_back(id);
      }
    }
    void OnUnknown(std::uint64_t /*tag*/) override {}
    std::vector<std::uint64_t> ids;
  };
  Opened opened;
  const std::uint64_t deadline_ns = clock.NowNs() + kBlockTimeoutNs;
  while (opened.ids.size() < count) {
    if (leader.proposals_under_way() == 0 && leader.OpenSession(opened, 0) == rsm::Taken::kNotLeader) {
      return absl::AbortedError("the leader was lost before the run");
    }
    static_cast<void>(leader.Poll());
    if (clock.NowNs() > deadline_ns) {
      return absl::DeadlineExceededError("sessions could not be opened");
    }
  }
  SessionPool pool;
  pool.ids_ = std::move(opened.ids);
  return pool;
}

Load LoadOf(const Options& options, std::uint64_t commands) {
  const std::size_t command_bytes = CommandBytes(options.size_bytes, options.sessions > 0);
  const std::size_t per_entry =
      std::clamp<std::size_t>(options.batch, 1, paxos::Options().max_batch_bytes / command_bytes);
  Load load;
  load.commands = commands;
  load.entry_bytes = paxos::EntryBytes(per_entry * command_bytes);
  load.floor_bytes = (commands + per_entry - 1) / per_entry * load.entry_bytes;
  return load;
}

absl::StatusOr<double> ProductBlock(Group& group, SessionPool& sessions, const Options& options,
                                    std::uint64_t commands, const base::TscClock& clock) {
  rsm::Replica& leader = group.leader();
  const std::vector<std::byte> command(options.size_bytes, std::byte{0x5a});
  std::vector<rsm::Submission> submissions(options.batch, {.command = command, .session = {}});
  CompletionCount completions;
  base::Idle idle(options.leader_idle);
  const std::uint64_t applied_before = group.applied_by_all();
  const std::uint64_t begin_ns = clock.NowNs();
  std::uint64_t proposed = 0;
  std::uint64_t committed = 0;
  while (committed < commands || group.applied_by_all() < applied_before + commands) {
    const std::span<rsm::Submission> next =
        std::span(submissions).first(std::min<std::uint64_t>(submissions.size(), commands - proposed));
    sessions.Number(next);
    rsm::Taken refusal = rsm::Taken::kTaken;  // those not taken are tried again
    const std::size_t taken = leader.ProposeMany(next, completions, proposed, refusal);
    sessions.Used(taken);
    proposed += taken;
    const bool active = leader.Poll() || taken != 0;
    committed += completions.Take();
    if (!completions.clean() || !leader.leading()) {
      if (absl::Status status = group.Check(); !status.ok()) {
        return status;
      }
      return absl::AbortedError("a command was not applied: the leader was lost during the run");
    }
    if (clock.NowNs() > begin_ns + kBlockTimeoutNs) {
      return absl::DeadlineExceededError("a block took longer than two minutes");
    }
    if (active) {
      idle.OnWork();
    } else {
      idle.OnIdle();
    }
  }
  const std::uint64_t end_ns = clock.NowNs();
  if (absl::Status status = group.Check(); !status.ok()) {
    return status;
  }
  return static_cast<double>(end_ns - begin_ns) / 1e9;
}

Json ThroughputReport(const Options& options, const Load& load, const Blocks& blocks,
                      const Json& environment) {
  const auto count = static_cast<double>(load.commands);
  std::vector<double> product_per_s;
  std::vector<double> floor_per_s;
  std::vector<double> ratios;
  std::vector<double> costs_ns;
  for (std::size_t i = 0; i < blocks.product_s.size(); ++i) {
    product_per_s.push_back(count / blocks.product_s[i]);
    floor_per_s.push_back(count / blocks.floor_s[i]);
    ratios.push_back(blocks.floor_s[i] / blocks.product_s[i]);
    costs_ns.push_back((blocks.product_s[i] - blocks.floor_s[i]) / count * 1e9);
  }
  Json report;
  report["benchmark"] = "throughput";
  report["transport"] = TransportName(options);
  report["size_bytes"] = options.size_bytes;
  report["replicas"] = options.replicas;
  report["batch"] = options.batch;
  report["entry_bytes"] = load.entry_bytes;
  report["sessions"] = options.sessions;
  report["commands_a_block"] = load.commands;
  report["floor"] = {{"per_second", Median(floor_per_s)}, {"blocks_per_second", Spread(floor_per_s)}};
  report["product"] = {{"per_second", Median(product_per_s)}, {"blocks_per_second", Spread(product_per_s)}};
  report["ratio"] = Spread(ratios);
  report["own_cost_ns"] = Median(costs_ns);
  report["own_instructions"] = nullptr;
  report["blocks"] = options.blocks;
  report["env"] = environment;
  return report;
}

}  // namespace gaios::bench
