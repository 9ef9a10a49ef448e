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
    if (ids_.empty()) {
      return;
    }
    std::size_t at = at_;
    std::uint64_t round = round_;
    for (rsm::Submission& submission : submissions) {
      submission.session = {ids_[at], round};
      if (++at == ids_.size()) {
        at = 0;
        ++round;
      }
    }
  }
  // So many of those that were numbered last have been taken, the first of them.
  void Used(std::size_t count) {
    if (!ids_.empty()) {
      round_ += (at_ + count) / ids_.size();
      at_ = (at_ + count) % ids_.size();
    }
  }

 private:
  std::vector<std::uint64_t> ids_;
  std::size_t at_ = 0;
  std::uint64_t round_ = 1;  // number of the next command of session at_, and of those after it
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
