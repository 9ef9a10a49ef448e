#include "gaios/paxos/state.h"

#include <algorithm>

#include "gaios/base/check.h"

namespace gaios::paxos {

std::string_view RoleName(Role role) {
  switch (role) {
    case Role::kLearner:
      return "learner";
    case Role::kFollower:
      return "follower";
    case Role::kCandidate:
      return "candidate";
    case Role::kLeader:
      return "leader";
  }
  GAIOS_CHECK(false, "no such role");
  return "";
}

State::State(const Options& replica_options, std::byte* memory, Observer* state_observer)
    : options(replica_options),
      self{replica_options.self, replica_options.incarnation},
      log(memory, replica_options.capacity_bytes, replica_options.group),
      membership(replica_options.configuration),
      commit(StartOfLog(replica_options.group)),
      end(commit),
      trail(commit, replica_options.capacity_bytes),
      role(replica_options.configuration.IsVoter(self) ? Role::kFollower : Role::kLearner),
      observer(state_observer),
      random_(replica_options.seed * 0x9e3779b97f4a7c15ULL + replica_options.self.value() + 1) {
  GAIOS_CHECK(self.id.value() < kMaxReplicas, "replica id out of bounds");
  GAIOS_CHECK(self.incarnation.value() != 0 && self.incarnation.value() <= Ballot::kMaxIncarnation,
              "incarnation out of bounds");
}

void State::AdvanceCommitAlongChain(Position target) {
  GAIOS_CHECK(target <= end.position, "P5: a commit must not pass the valid log");
  Cursor cursor = target == end.position ? end : commit;
  while (cursor.position < target) {
    const Entry entry = log.Known(cursor);
    if (entry.range.to > target) {
      break;
    }
    cursor = Log::After(entry);
  }
  if (cursor.position == commit.position) {
    return;
  }
  GAIOS_CHECK(cursor.position > commit.position, "P5: a commit position never decreases");
  if (membership.last_end() > commit.position) {
    for (Cursor at = commit; at.position < cursor.position;) {
      const Entry entry = log.Known(at);
      if (Membership::IsChange(entry.kind())) {
        membership.OnCommit(entry);
      }
      at = Log::After(entry);
    }
    JoinIfReadmitted();
  }
  commit = cursor;
  trail.Note(commit);
  if (observer != nullptr) {
    observer->OnCommit(self, commit);
  }
}

void State::JoinIfReadmitted() {
  if (role == Role::kLearner && voter()) {
    role = Role::kFollower;
  } else if (role == Role::kFollower && !voter()) {
    role = Role::kLearner;
  }
}

void State::InstallSnapshot(const SnapshotPoint& point) {
  commit = point.cursor;
  applied = commit.position;
  kept_from = commit.position;
  trail = Trail(commit, log.capacity());
  membership.Reset(point.configuration, commit.position);
  if (observer != nullptr) {
    observer->OnInstall(self, commit);
  }
  FollowChain(commit.position + log.capacity());
}

void State::FollowChain(Position limit) {
  membership.ForgetBehindCommit();
  end = log.ScanFrom(commit, limit, [this](const Entry& entry) { NoteEntry(entry); });
  JoinIfReadmitted();
}

void State::Examine() {
  FollowChain(commit.position + log.capacity());
  Position wanted = applied;
  for (const ReplicaId other : membership.everybody()) {
    const PeerView& view = peers[other.value()];
    if (other != self.id && (view.link_up || options.links_come_back)) {
      wanted = std::min(wanted, view.seen ? view.commit : Position());
    }
  }
  const std::uint64_t reach = end.position.value();
  const Position ring(reach > log.capacity() ? reach - log.capacity() : 0);
  // Back from the commit, one stretch after the other, as far as anybody may lack it and it is whole.
  Cursor whole = commit;
  for (std::size_t back = 0; back < trail.size() && whole.position > wanted; ++back) {
    const Cursor& from = trail.Back(back);
    if (from.position < ring || log.ScanFrom(from, whole.position) != whole) {
      break;
    }
    whole = from;
  }
  kept_from = std::min(applied, whole.position);  // never overwritten before it is applied
  // The log may move now, with what is kept and no more: the next examination must not start from further
  // back.
  trail.Mark(whole);
}

bool State::Contains(const Cursor& cursor, Position from) const {
  if (cursor.position < from || cursor.position > end.position) {
    return false;
  }
  for (std::size_t back = 0; back < trail.size(); ++back) {
    Cursor at = trail.Back(back);
    if (at.position > cursor.position) {
      continue;
    }
    if (at.position < from) {
      return false;
    }
    while (at.position < cursor.position) {
      at = Log::After(log.Known(at));
    }
    return at == cursor;
  }
  return false;
}

Position State::Retained() const {
  const std::uint64_t reach = end.position.value();
  const Position ring(reach > log.capacity() ? reach - log.capacity() : 0);
  return std::max(kept_from, ring);
}

std::uint64_t State::Random(std::uint64_t bound) {
  // splitmix64; the slight bias of the remainder does not matter for jitter.
  random_ += 0x9e3779b97f4a7c15ULL;
  std::uint64_t z = random_;
  z = (z ^ (z >> 30)) * 0xbf58476d1ce4e5b9ULL;
  z = (z ^ (z >> 27)) * 0x94d049bb133111ebULL;
  z ^= z >> 31;
  return bound == 0 ? 0 : z % bound;
}

}  // namespace gaios::paxos
