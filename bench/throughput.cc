#include <algorithm>
#include <cstring>
#include <vector>

#include "bench/benchmarks.h"
#include "bench/empty_machine.h"
#include "bench/environment.h"
#include "bench/floor.h"
#include "bench/group.h"
#include "bench/placement.h"
#include "bench/report.h"
#include "bench/targets.h"

namespace gaios::bench {
namespace {

constexpr std::uint64_t kWraps = 10;  // of the ring, in each block
constexpr std::uint64_t kBlockTimeoutNs = 120'000'000'000;

// Client sessions, used in turn, each numbering its commands.
class SessionPool {
 public:
  // Opens `count` sessions; none is a pool too: commands then belong to no session.
  static absl::StatusOr<SessionPool> Open(rsm::Replica& leader, std::size_t count, const base::Clock& clock) {
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
    for (const std::uint64_t id : opened.ids) {
      pool.sessions_.push_back({id, 1});
    }
    return pool;
  }

  [[nodiscard]] rsm::SessionCommand Next() const {
    return sessions_.empty() ? rsm::SessionCommand{} : sessions_[at_];
  }
  void Used() {
    if (!sessions_.empty()) {
      ++sessions_[at_].sequence;
      at_ = at_ + 1 == sessions_.size() ? 0 : at_ + 1;
    }
  }

 private:
  std::vector<rsm::SessionCommand> sessions_;
  std::size_t at_ = 0;
};

// Seconds from the first proposal until every replica has applied all of `commands`.
absl::StatusOr<double> ProductBlock(Group& group, SessionPool& sessions, const Options& options,
                                    std::uint64_t commands, const base::TscClock& clock) {
  rsm::Replica& leader = group.leader();
  const std::vector<std::byte> command(options.size_bytes, std::byte{0x5a});
  CompletionCount completions;
  const std::uint64_t applied_before = group.applied_by_all();
  const std::uint64_t begin_ns = clock.NowNs();
  std::uint64_t proposed = 0;
  std::uint64_t committed = 0;
  while (committed < commands || group.applied_by_all() < applied_before + commands) {
    const std::uint64_t until = std::min(commands, proposed + options.batch);
    while (proposed < until &&
           leader.ProposeIn(sessions.Next(), command, completions, proposed) == rsm::Taken::kTaken) {
      sessions.Used();
      ++proposed;
    }
    static_cast<void>(leader.Poll());
    committed += completions.Take();
    if (!completions.clean() || !leader.leading()) {
      return absl::AbortedError("a command was not applied: the leader was lost during the run");
    }
    if (clock.NowNs() > begin_ns + kBlockTimeoutNs) {
      return absl::DeadlineExceededError("a block took longer than two minutes");
    }
  }
  const std::uint64_t end_ns = clock.NowNs();
  if (absl::Status status = group.Check(); !status.ok()) {
    return status;
  }
  return static_cast<double>(end_ns - begin_ns) / 1e9;
}

// The same bytes in entries of the same size, until both peers have read every one of them.
double FloorBlock(Floor& floor, std::size_t entry_bytes, std::uint64_t bytes, const base::TscClock& clock) {
  const std::uint64_t begin_ns = clock.NowNs();
  for (std::uint64_t written = 0; written < bytes;) {
    if (floor.Write(entry_bytes)) {
      floor.Confirm();
      written += entry_bytes;
    }
  }
  while (!floor.ReadByAll()) {
  }
  return static_cast<double>(clock.NowNs() - begin_ns) / 1e9;
}

}  // namespace

absl::Status RunThroughput(const Options& options) {
  const Json environment = DescribeEnvironment();
  const Placement placement = ChoosePlacement();
  const base::TscClock clock;
  const std::size_t command_bytes = CommandBytes(options.size_bytes, options.sessions > 0);
  const std::uint64_t commands = kWraps * options.capacity_bytes / command_bytes + 1;
  // As many commands in an entry as the product puts there.
  const std::size_t per_entry =
      std::clamp<std::size_t>(options.batch, 1, paxos::Options().max_batch_bytes / command_bytes);
  const std::size_t entry_bytes = paxos::EntryBytes(per_entry * command_bytes);
  const std::uint64_t floor_bytes = (commands + per_entry - 1) / per_entry * entry_bytes;

  auto floor = Floor::Start(
      {.peers = options.replicas - 1, .capacity_bytes = options.capacity_bytes, .idle = options.idle},
      placement);
  if (!floor.ok()) {
    return floor.status();
  }
  auto group = Group::Start({.replicas = options.replicas,
                             .capacity_bytes = options.capacity_bytes,
                             .idle = options.idle,
                             .make_machine = [] { return std::make_unique<EmptyMachine>(); }},
                            placement, clock);
  if (!group.ok()) {
    return group.status();
  }
  auto sessions = SessionPool::Open((*group)->leader(), options.sessions, clock);
  if (!sessions.ok()) {
    return sessions.status();
  }
  std::vector<double> product_per_s;
  std::vector<double> floor_per_s;
  std::vector<double> ratios;
  std::vector<double> costs_ns;
  // One block of each more than asked for: the first touches every page of the rings and does not count.
  for (std::size_t block = 0; block <= options.blocks; ++block) {
    const double floor_s = FloorBlock(**floor, entry_bytes, floor_bytes, clock);
    const absl::StatusOr<double> product_s = ProductBlock(**group, *sessions, options, commands, clock);
    if (!product_s.ok()) {
      return product_s.status();
    }
    if (block == 0) {
      continue;
    }
    const auto count = static_cast<double>(commands);
    product_per_s.push_back(count / *product_s);
    floor_per_s.push_back(count / floor_s);
    ratios.push_back(floor_s / *product_s);
    costs_ns.push_back((*product_s - floor_s) / count * 1e9);
  }
  Json report;
  report["benchmark"] = "throughput";
  report["size_bytes"] = options.size_bytes;
  report["replicas"] = options.replicas;
  report["batch"] = options.batch;
  report["sessions"] = options.sessions;
  report["ring_wraps_a_block"] = kWraps;
  report["commands_a_block"] = commands;
  report["floor"] = {{"per_second", Median(floor_per_s)}, {"blocks_per_second", Spread(floor_per_s)}};
  report["product"] = {{"per_second", Median(product_per_s)}, {"blocks_per_second", Spread(product_per_s)}};
  report["ratio"] = Spread(ratios);
  report["own_cost_ns"] = Median(costs_ns);
  report["own_instructions"] = nullptr;
  report["blocks"] = options.blocks;
  report["env"] = environment;
  report["one_core"] = placement.crowded();
  return Emit(options, report);
}

}  // namespace gaios::bench
