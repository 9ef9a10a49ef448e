#include "gaios/paxos/follower_set.h"

namespace gaios::paxos {

void FollowerSet::WriteNoteDown() const {
  std::size_t found = 0;
  for (std::size_t i = 0; i < size_; ++i) {
    FollowerLink& link = links_[i];
    if (!link.takes_all()) {
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
    together_.WriteDown(i, links_[together_.place(i)]);
  }
  together_.AllWrittenDown();
}

// Of writes that were posted before these were written to together, or that the links have been told of
// since.
Position FollowerSet::CompleteInLinks(std::span<const WriteTarget> written, TimeNs now) {
  WriteDown();
  Position reached;
  for (std::size_t i = 0; i < written.size(); ++i) {
    FollowerLink& link = links_[together_.place(i)];
    if (link.IsUnderWay(written[i].token)) {
      link.WritesDoneUpTo(written[i].token);
      link.acked_ns = now;
      reached = link.counts ? std::max(reached, link.acked) : reached;
    }
    together_.NoteLink(i, link);
  }
  return reached;
}

bool FollowerSet::LookForRoom(std::size_t depth, std::size_t straggler_depth, bool& straggles) {
  if (together_.LookForRoom(depth, straggler_depth, straggles) && !straggles) {
    return true;
  }
  WriteDown();
  for (std::size_t i = 0; i < together_.size(); ++i) {
    together_.NoteLink(i, links_[together_.place(i)]);  // it may know of more
  }
  return together_.LookForRoom(depth, straggler_depth, straggles);
}

bool FollowerSet::AnyWaitsForWord(Position commit) const {
  for (std::size_t i = 0; i < together_.size(); ++i) {
    const FollowerLink& link = links_[together_.place(i)];
    // What was told one by one, only the link knows, and it shows all when nothing more is noted.
    const bool idle = together_.under_way(i) == 0 || (!together_.noted() && link.under_way() == 0);
    if (idle && link.word_posted < commit) {
      return true;
    }
  }
  return false;
}

}  // namespace gaios::paxos
