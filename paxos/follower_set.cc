#include "gaios/paxos/follower_set.h"

namespace gaios::paxos {

void FollowerSet::WriteNoteDown() const {
  std::size_t found = 0;
  for (std::size_t i = 0; i < size_; ++i) {
    FollowerLink& link = links_[i];
    if (link.stage != FollowerLink::Stage::kActive) {
      continue;
    }
    GAIOS_CHECK(link.posted == note_.from && link.acked == note_.from && link.under_way() == 0,
                "P5: who is said to have accepted had completed all before it");
    link.posted = note_.to;
    link.acked = note_.to;
    link.acked_ns = note_.at_ns;
    ++found;
  }
  GAIOS_CHECK(found == note_.count, "P5: who is said to have accepted is who was written to");
  note_ = {};
}

void FollowerSet::WriteTogetherDown() const {
  for (std::size_t i = 0; i < together_.size(); ++i) {
    together_.WriteDown(i, links_[together_.progress(i).place]);
  }
  together_.AllWrittenDown();
}

// A write that was posted before they were written to together, or that the link has been told of.
Position FollowerSet::CompleteInLink(std::size_t i, std::uint64_t token, TimeNs now) {
  WriteDown();
  FollowerLink& link = links_[together_.progress(i).place];
  if (link.IsUnderWay(token)) {
    link.WritesDoneUpTo(token);
    link.acked_ns = now;
  }
  together_.WriteDown(i, link);  // takes over what the link shows
  return link.acked;
}

bool FollowerSet::LookForRoom(std::size_t depth, std::size_t straggler_depth, bool& straggles) {
  WriteTogetherDown();  // what each has completed may be known to its link alone
  return together_.LookForRoom(depth, straggler_depth, straggles);
}

bool FollowerSet::AnyWaitsForWord(Position commit) const {
  for (std::size_t i = 0; i < together_.size(); ++i) {
    const PostedTogether::Progress& progress = together_.progress(i);
    if (progress.done_token == together_.last_token(i) && links_[progress.place].word_posted < commit) {
      return true;
    }
  }
  return false;
}

}  // namespace gaios::paxos
