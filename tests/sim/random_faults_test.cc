// Random runs of whole groups: proposals at whoever leads, while replicas are killed, paused and cut off,
// messages are lost and doubled, and writes land torn and out of order; then the faults stop and the group
// must go on. P1-P8 are checked at every step, and no command that was committed may be lost, doubled or
// reordered. A seed repeats a run.

#include <algorithm>
#include <cstdlib>
#include <iterator>
#include <map>
#include <random>
#include <set>
#include <string>
#include <vector>

#include <gtest/gtest.h>

#include "tests/sim/cluster.h"

namespace gaios::sim {
namespace {

using transport::sim::Traffic;

constexpr std::uint64_t kMs = 1'000'000;
constexpr std::uint64_t kMaxProposals = 1500;

constexpr Traffic kAllTraffic[] = {Traffic::kWrites, Traffic::kWords, Traffic::kReads, Traffic::kMessages,
                                   Traffic::kControl};

struct Outcome {
  std::uint64_t committed = 0;
  std::uint64_t leader_changes = 0;
  std::uint64_t converged = 0;
  std::uint64_t reads = 0;  // at leaders
  std::uint64_t follower_reads = 0;
};

class FaultyRun {
 public:
  explicit FaultyRun(std::uint64_t seed) : seed_(seed), random_(seed), cluster_(Options(seed)) {}

  Outcome Play() {
    Faults();
    if (!::testing::Test::HasFailure()) {
      Converge();
    }
    return outcome_;
  }

 private:
  static ClusterOptions Options(std::uint64_t seed) {
    std::mt19937_64 random(seed ^ 0xabcdef);
    ClusterOptions options;
    options.world.seed = seed;
    options.world.replicas = random() % 3 == 0 ? 5 : 3;
    options.world.capacity_bytes = std::size_t{4096} << (random() % 3);
    options.world.min_delay_ns = 1'000;
    options.world.max_delay_ns = std::uint64_t{2'000} << (random() % 8);
    options.world.max_fence_ns = random() % 2 == 0 ? 0 : 200'000;
    options.world.drop_per_mille = static_cast<std::uint32_t>(random() % 3 * 50);
    options.world.duplicate_per_mille = static_cast<std::uint32_t>(random() % 3 * 50);
    options.world.torn_writes = random() % 4 != 0;
    options.world.move_log = random() % 2 == 0;
    options.pipeline_depth = 1 + random() % 8;
    return options;
  }

  ReplicaId Any() { return ReplicaId(static_cast<std::uint8_t>(random_() % cluster_.size())); }

  // Writes half of the time: they are what the protocol rests on.
  Traffic AnyTraffic() {
    return random_() % 2 == 0 ? Traffic::kWrites : kAllTraffic[random_() % std::size(kAllTraffic)];
  }

  std::size_t Dead() const {
    std::size_t dead = 0;
    for (std::size_t i = 0; i < cluster_.size(); ++i) {
      const ReplicaId id(static_cast<std::uint8_t>(i));
      // A restarted replica is no voter any more: for the quorum it is as good as dead.
      dead += !cluster_.alive(id) || cluster_.core(id).role() == paxos::Role::kLearner ? 1U : 0U;
    }
    return dead;
  }

  void OneFault() {
    const ReplicaId a = Any();
    const ReplicaId b = Any();
    switch (random_() % 12) {
      case 0:
        if (cluster_.alive(a) && Dead() < (cluster_.size() - 1) / 2 && random_() % 4 == 0) {
          cluster_.Kill(a);
          if (random_() % 2 == 0) {
            cluster_.Restart(a);
          }
        }
        break;
      case 1:
      case 2:
        cluster_.Pause(a, !cluster_.paused(a));
        break;
      case 3:
      case 4:
        if (a != b) {
          cluster_.world().Cut(a, b);
          if (random_() % 2 == 0) {
            cluster_.world().Cut(b, a);
          }
        }
        break;
      case 5:
      case 6:
      case 7:
        if (a != b) {
          cluster_.world().Heal(a, b);
          cluster_.world().Heal(b, a);
        }
        break;
      case 8:
        cluster_.FreezeApply(a, random_() % 2 == 0);
        break;
      case 9:
        if (a != b) {
          cluster_.world().Hold(AnyTraffic(), a, b);
        }
        break;
      case 10:
      case 11:
        if (a != b) {
          for (const Traffic traffic : kAllTraffic) {
            cluster_.world().Release(traffic, a, b);
          }
        }
        break;
      default:
        break;
    }
  }

  void Propose() {
    for (std::size_t i = 0; i < cluster_.size(); ++i) {
      const ReplicaId id(static_cast<std::uint8_t>(i));
      if (!cluster_.alive(id) || cluster_.paused(id)) {
        continue;
      }
      const bool leads = cluster_.core(id).role() == paxos::Role::kLeader;
      if (reads_.size() < 16 && random_() % 8 == 0) {
        if (const auto reading = cluster_.StartRead(id); reading.has_value()) {
          reads_.push_back({id, leads, *reading, cluster_.committed_to()});
        }
      }
      if (!leads) {
        continue;
      }
      const std::size_t count = proposed_ < kMaxProposals && random_() % 4 == 0 ? random_() % 8 : 0;
      for (std::size_t n = 0; n < count; ++n) {
        const std::string text = "c" + std::to_string(++proposed_) + std::string(random_() % 120, 'x');
        const Cluster::Proposed taken = cluster_.Propose(id, text);
        if (taken.refusal == paxos::Refusal::kNone) {
          waiting_[proposed_] = {id, text, taken};
        }
      }
    }
  }

  void Collect() {
    for (auto it = waiting_.begin(); it != waiting_.end();) {
      const Waiting& waiting = it->second;
      if (!cluster_.alive(waiting.id) || cluster_.Unknown(waiting.id, waiting.proposed)) {
        it = waiting_.erase(it);
      } else if (cluster_.Committed(waiting.id, waiting.proposed)) {
        acknowledged_.insert(waiting.text);
        ++outcome_.committed;
        it = waiting_.erase(it);
      } else {
        ++it;
      }
    }
    std::erase_if(reads_, [this](const Reading& read) {
      if (!cluster_.alive(read.id) || cluster_.ReadLost(read.id, read.reading)) {
        return true;
      }
      const std::optional<paxos::Position> index = cluster_.ReadIndex(read.id, read.reading);
      if (!index.has_value()) {
        return false;
      }
      // What nobody knew to be committed nobody can have been told.
      EXPECT_GE(*index, read.committed_to)
          << "seed " << seed_ << ": a read at " << (read.leads ? "a leader" : "a follower")
          << " would miss what was committed before it was asked for";
      EXPECT_LE(*index, cluster_.committed_to()) << "seed " << seed_ << ": a read of what is not committed";
      ++(read.leads ? outcome_.reads : outcome_.follower_reads);
      return true;
    });
    const auto leader = cluster_.leader();
    if (leader.has_value() && leader != last_leader_) {
      ++outcome_.leader_changes;
      last_leader_ = leader;
    }
  }

  void Check() {
    for (const std::string& violation : cluster_.invariants().violations()) {
      ADD_FAILURE() << "seed " << seed_ << ": " << violation;
    }
  }

  void Faults() {
    for (int turn = 0; turn < 300 && !::testing::Test::HasFailure(); ++turn) {
      if (random_() % 2 == 0) {
        OneFault();
      }
      const std::uint64_t until = cluster_.world().now_ns() + (random_() % 4 == 0 ? 100 * kMs : 2 * kMs);
      while (cluster_.world().now_ns() < until) {
        Propose();
        cluster_.Step(until);
        Collect();
        for (int i = 0; i < 8; ++i) {
          cluster_.Step(until);
        }
      }
      Collect();
      Check();
    }
  }

  void Converge() {
    for (std::size_t i = 0; i < cluster_.size(); ++i) {
      const ReplicaId a(static_cast<std::uint8_t>(i));
      cluster_.Pause(a, false);
      cluster_.FreezeApply(a, false);
      for (std::size_t j = 0; j < cluster_.size(); ++j) {
        const ReplicaId b(static_cast<std::uint8_t>(j));
        if (i != j) {
          cluster_.world().Heal(a, b);
          for (const Traffic traffic : kAllTraffic) {
            cluster_.world().Release(traffic, a, b);
          }
        }
      }
    }
    cluster_.RunFor(2'000 * kMs);
    if (MajorityWithinTheRing()) {
      Cluster::Proposed last;
      std::optional<ReplicaId> at;
      const bool committed = cluster_.RunUntil(
          [this, &last, &at] {
            if (at.has_value() && cluster_.Committed(*at, last)) {
              return true;
            }
            const auto leader = cluster_.leader();
            if (leader.has_value() &&
                (at != leader || last.refusal != paxos::Refusal::kNone || cluster_.Unknown(*leader, last))) {
              at = leader;
              last = cluster_.Propose(*leader, "last" + std::to_string(++proposed_));
            }
            return false;
          },
          20'000 * kMs);
      EXPECT_TRUE(committed) << "seed " << seed_ << ": nothing commits after the faults have stopped";
      ++outcome_.converged;
    }
    cluster_.RunFor(50 * kMs);
    Check();
    CheckHistories();
  }

  // The log that a candidate with everybody's promise would adopt.
  std::optional<ReplicaId> BestLog() const {
    std::optional<ReplicaId> best;
    for (std::size_t i = 0; i < cluster_.size(); ++i) {
      const ReplicaId id(static_cast<std::uint8_t>(i));
      const auto end = [this](ReplicaId of) {
        return std::pair(cluster_.core(of).end_cursor().ballot, cluster_.core(of).end_cursor().position);
      };
      if (Votes(id) && (!best.has_value() || end(id) > end(*best))) {
        best = id;
      }
    }
    return best;
  }

  bool Votes(ReplicaId id) const {
    return cluster_.alive(id) && cluster_.core(id).role() != paxos::Role::kLearner;
  }

  // A replica that the ring has passed by cannot be filled without snapshots: only while a majority of voters
  // is within the ring of the best log must the group go on.
  bool MajorityWithinTheRing() const {
    const std::optional<ReplicaId> best = BestLog();
    std::size_t within = 0;
    for (std::size_t i = 0; i < cluster_.size(); ++i) {
      const ReplicaId id(static_cast<std::uint8_t>(i));
      // The next leader's ring must also hold its ballot record.
      const paxos::Replica& leader = cluster_.core(*best);
      const std::uint64_t lacks_bytes =
          leader.end_cursor().position - std::min(leader.end_cursor().position, cluster_.core(id).commit());
      within += Votes(id) && cluster_.core(id).commit() >= leader.retained() &&
                        lacks_bytes + paxos::EntryBytes(0) <= leader.log().capacity()
                    ? 1U
                    : 0U;
    }
    return within > cluster_.size() / 2;
  }

  void CheckHistories() {
    std::size_t longest = 0;
    for (std::size_t i = 0; i < cluster_.size(); ++i) {
      const std::size_t size = cluster_.applied(ReplicaId(static_cast<std::uint8_t>(i))).size();
      if (size > cluster_.applied(ReplicaId(static_cast<std::uint8_t>(longest))).size()) {
        longest = i;
      }
    }
    const auto& all = cluster_.applied(ReplicaId(static_cast<std::uint8_t>(longest)));
    std::map<std::string, int> count;
    for (const std::string& command : all) {
      ++count[command];
    }
    if (const std::optional<ReplicaId> best = BestLog(); best.has_value() && !MajorityWithinTheRing()) {
      // Nobody can lead: what was acknowledged may wait in the log that the next leader would adopt.
      for (const std::string& command : cluster_.NotYetApplied(*best)) {
        count[command] += std::ranges::count(all, command) == 0 ? 1 : 0;
      }
    }
    for (const std::string& command : acknowledged_) {
      EXPECT_EQ(count[command], 1) << "seed " << seed_ << ": acknowledged command " << command.substr(0, 12);
    }
    for (std::size_t i = 0; i < cluster_.size(); ++i) {
      const auto& other = cluster_.applied(ReplicaId(static_cast<std::uint8_t>(i)));
      EXPECT_TRUE(std::equal(other.begin(), other.end(), all.begin()))
          << "seed " << seed_ << ": replica " << i;
    }
  }

  struct Reading {
    ReplicaId id;
    bool leads = false;
    Cluster::Reading reading;
    paxos::Position committed_to;  // when it was asked for
  };
  struct Waiting {
    ReplicaId id;
    std::string text;
    Cluster::Proposed proposed;
  };

  const std::uint64_t seed_;
  std::mt19937_64 random_;
  Cluster cluster_;
  std::uint64_t proposed_ = 0;
  std::map<std::uint64_t, Waiting> waiting_;
  std::set<std::string> acknowledged_;
  std::vector<Reading> reads_;
  std::optional<ReplicaId> last_leader_;
  Outcome outcome_;
};

// GAIOS_SEED replays one seed, GAIOS_SEEDS asks for more of them.
TEST(RandomFaults, InvariantsHoldAndNothingAcknowledgedIsLost) {
  const char* const one = std::getenv("GAIOS_SEED");
  const char* const many = std::getenv("GAIOS_SEEDS");
  const std::uint64_t first = one != nullptr ? std::strtoull(one, nullptr, 10) : 1;
  const std::uint64_t seeds = one != nullptr ? 1 : many != nullptr ? std::strtoull(many, nullptr, 10) : 150;
  Outcome total;
  for (std::uint64_t seed = first; seed < first + seeds; ++seed) {
    const Outcome outcome = FaultyRun(seed).Play();
    total.committed += outcome.committed;
    total.leader_changes += outcome.leader_changes;
    total.converged += outcome.converged;
    total.reads += outcome.reads;
    total.follower_reads += outcome.follower_reads;
    ASSERT_FALSE(HasFailure()) << "replay with GAIOS_SEED=" << seed;
  }
  RecordProperty("committed", static_cast<int>(total.committed));
  RecordProperty("leader_changes", static_cast<int>(total.leader_changes));
  std::printf(
      "%llu seeds, %llu commits, %llu leader changes, %llu converged, %llu reads, %llu at followers\n",
      static_cast<unsigned long long>(seeds), static_cast<unsigned long long>(total.committed),
      static_cast<unsigned long long>(total.leader_changes), static_cast<unsigned long long>(total.converged),
      static_cast<unsigned long long>(total.reads), static_cast<unsigned long long>(total.follower_reads));
  if (one == nullptr) {  // the runs are worth something
    EXPECT_GT(total.committed, seeds * 100);
    EXPECT_GT(total.leader_changes, seeds * 3 / 2);
    EXPECT_GT(total.converged, seeds / 2);
    EXPECT_GT(total.reads, seeds * 10);
    EXPECT_GT(total.follower_reads, seeds * 10);
  }
}

}  // namespace
}  // namespace gaios::sim
