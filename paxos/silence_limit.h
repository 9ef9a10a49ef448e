#ifndef GAIOS_PAXOS_SILENCE_LIMIT_H_
#define GAIOS_PAXOS_SILENCE_LIMIT_H_

// How long a leader may be silent before a follower suspects it: what was configured, and longer where this
// host or the leader's has been seen to pause for long. A process that is descheduled for 60 ms now and then
// is then not taken for a dead one when it is for 120. After the idea of adaptive failure detectors (Chen,
// Toueg, Aguilera, "On the quality of service of failure detectors", 2002), with the longest gap in place of
// a distribution, since it is rare pauses that matter. One thread; no allocation.

#include <array>
#include <cstddef>

#include "gaios/paxos/types.h"

namespace gaios::paxos {

class SilenceLimit {
 public:
  // Between `least` and `most`, ns; with both equal it is fixed. `most` below `least` counts as `least`.
  SilenceLimit(TimeNs least, TimeNs most);

  // A leader that was heard of `gap` ns ago has beaten again.
  void OnGap(TimeNs gap);

  // ns. Three times the longest gap between beats of late, within the bounds. What is of late are the last
  // 4,096 to 4,608 beats, 20 s and more of them at 5 ms each.
  [[nodiscard]] TimeNs limit() const { return limit_; }

 private:
  static constexpr std::size_t kWindows = 8;
  static constexpr std::size_t kBeatsAWindow = 512;
  static constexpr TimeNs kMargin = 3;

  void Recompute();

  const TimeNs least_;
  const TimeNs most_;
  std::array<TimeNs, kWindows + 1> longest_ =
      {};  // gap of each window; the one that is filled, and those before
  std::size_t current_ = 0;
  std::size_t beats_ = 0;  // in the current window
  TimeNs limit_;
};

}  // namespace gaios::paxos

#endif  // GAIOS_PAXOS_SILENCE_LIMIT_H_
