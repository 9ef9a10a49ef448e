#include "gaios/paxos/learner.h"

#include <algorithm>

#include "gaios/paxos/log_reading.h"

namespace gaios::paxos {

bool Learner::Learn(Ballot granted, Position commit_word) {
  bool news = false;
  // The leader writes nothing past what we have applied plus the ring; what stands there is of an older lap.
  const Position horizon = state_.applied + state_.log.capacity();
  Entry entry;
  for (int i = 0; i < kEntriesPerCall && state_.end.position < horizon; ++i) {
    if (!ReadInPlace(state_.log, state_.end, entry) || entry.range.to > horizon) {
      break;
    }
    state_.end = Log::After(entry);
    state_.NoteEntry(entry);
    if (state_.end.ballot == granted) {
      hint_ = std::max(hint_, Position(entry.header.commit));
    }
    news = true;
  }
  if (state_.end.ballot != granted) {
    return news;
  }
  const Position target = std::min(std::max(commit_word, hint_), state_.end.position);
  const Position before = state_.commit.position;
  if (target > before) {
    state_.AdvanceCommit(target);
    // A target within an entry that has landed in part is no news, however often it is looked at.
    news = news || state_.commit.position > before;
  }
  return news;
}

void Learner::Rescan(Ballot granted) {
  if (state_.end.ballot == granted) {
    return;
  }
  state_.FollowChain(state_.applied + state_.log.capacity());
}

}  // namespace gaios::paxos
