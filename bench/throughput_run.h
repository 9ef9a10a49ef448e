#ifndef GAIOS_BENCH_THROUGHPUT_RUN_H_
#define GAIOS_BENCH_THROUGHPUT_RUN_H_

// What the throughput benchmarks share, whatever their floor is made of. One thread.

#include <cstddef>
#include <cstdint>
#include <span>
#include <vector>

#include <absl/status/status.h>
#include <absl/status/statusor.h>

#include "gaios/base/clock.h"
#include "gaios/rsm/command_codec.h"
#include "gaios/rsm/replica.h"

#include "bench/group.h"
#include "bench/options.h"
#include "bench/report.h"

namespace gaios::bench {

// A block that takes longer has failed.
inline constexpr std::uint64_t kBlockTimeoutNs = 120'000'000'000;

// Client sessions, used in turn, each numbering its commands.
class SessionPool {
 public:
  // Opens `count` sessions; none is a pool too: commands then belong to no session.
  static absl::StatusOr<SessionPool> Open(rsm::Replica& leader, std::size_t count, const base::Clock& clock);

  // Puts the commands of `submissions` into sessions in turn, without using their numbers up.
  void Number(std::span<rsm::Submission> submissions) const {
    if (sessions_.empty()) {
      return;
    }
    std::size_t at = at_;
    std::uint64_t round = 0;
    for (rsm::Submission& submission : submissions) {
      submission.session = {sessions_[at].session, sessions_[at].sequence + round};
      if (++at == sessions_.size()) {
        at = 0;
      }
      round += at == at_ ? 1U : 0U;
    }
  }
  // So many of those that were numbered last have been taken, the first of them.
  void Used(std::size_t count) {
    for (std::size_t i = 0; i < count && !sessions_.empty(); ++i) {
      ++sessions_[at_].sequence;
      at_ = at_ + 1 == sessions_.size() ? 0 : at_ + 1;
    }
  }

 private:
  std::vector<rsm::SessionCommand> sessions_;
  std::size_t at_ = 0;
};

// What each block consists of.
struct Load {
  std::uint64_t commands = 0;
  std::size_t entry_bytes = 0;    // with as many commands as the product puts there
  std::uint64_t floor_bytes = 0;  // of all entries
};
[[nodiscard]] Load LoadOf(const Options& options, std::uint64_t commands);

// Seconds from the first proposal until every replica has applied all of `commands`.
[[nodiscard]] absl::StatusOr<double> ProductBlock(Group& group, SessionPool& sessions, const Options& options,
                                                  std::uint64_t commands, const base::TscClock& clock);

// Seconds of each block, product and floor.
struct Blocks {
  std::vector<double> product_s;
  std::vector<double> floor_s;
};
[[nodiscard]] Json ThroughputReport(const Options& options, const Load& load, const Blocks& blocks,
                                    const Json& environment);

}  // namespace gaios::bench

#endif  // GAIOS_BENCH_THROUGHPUT_RUN_H_
