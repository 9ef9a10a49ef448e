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

}  // namespace gaios::paxos
