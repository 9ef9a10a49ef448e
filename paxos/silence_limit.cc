#include "gaios/paxos/silence_limit.h"

#include <algorithm>

namespace gaios::paxos {

SilenceLimit::SilenceLimit(TimeNs least, TimeNs most)
    : least_(least), most_(std::max(least, most)), limit_(least) {}

void SilenceLimit::OnGap(TimeNs gap) {
  if (++beats_ > kBeatsAWindow) {
    beats_ = 1;
    current_ = (current_ + 1) % longest_.size();
    longest_[current_] = 0;
    Recompute();
  }
  if (gap > longest_[current_]) {
    longest_[current_] = gap;
    Recompute();
  }
}

void SilenceLimit::Recompute() {
  const TimeNs longest = *std::ranges::max_element(longest_);
  limit_ = std::clamp(longest > most_ / kMargin ? most_ : longest * kMargin, least_, most_);
}

}  // namespace gaios::paxos
