#include "tests/sim/watch.h"

#include <algorithm>
#include <optional>
#include <utility>

namespace gaios::sim {

Watch::Watch(transport::sim::World& world, const paxos::Configuration& configuration,
             std::function<const paxos::Replica&(paxos::ReplicaId)> core, paxos::Observer* next)
    : world_(world), core_(std::move(core)), next_(next), invariants_(configuration) {
  world_.on_remote_write = [this](paxos::Member owner, paxos::Grant grant, paxos::Grant effective) {
    invariants_.OnRemoteWrite(owner, grant, effective);
  };
  world_.on_posted_bytes_changed = [this](paxos::Member poster, paxos::Range range) {
    invariants_.OnPostedBytesChanged(poster, range);
  };
}

void Watch::OnPromise(paxos::Member acceptor, paxos::Grant grant) {
  invariants_.OnPromise(acceptor, grant);
  if (next_ != nullptr) {
    next_->OnPromise(acceptor, grant);
  }
}

void Watch::OnLead(paxos::Member leader, paxos::Ballot ballot, std::span<const paxos::Member> voters,
                   const paxos::Cursor& end) {
  invariants_.OnLead(leader, ballot, voters, end);
  if (next_ != nullptr) {
    next_->OnLead(leader, ballot, voters, end);
  }
}

void Watch::OnAppend(paxos::Member leader, paxos::Ballot ballot, const paxos::Entry& entry) {
  invariants_.OnAppend(leader, ballot, entry);
  if (next_ != nullptr) {
    next_->OnAppend(leader, ballot, entry);
  }
}

bool Watch::Missing(paxos::Member leader, paxos::Ballot ballot, paxos::Member acceptor,
                    paxos::Position position) const {
  if (!world_.alive(acceptor.id) || world_.incarnation(acceptor.id) != acceptor.incarnation) {
    return false;
  }
  const paxos::Replica& holder = core_(acceptor.id);
  // Once it has promised more, its log may be another leader's already.
  if (holder.promised().ballot != ballot || holder.commit() >= position) {
    return false;
  }
  // What has completed may have yet to be seen.
  const std::optional<transport::sim::AlignedCopy> to_be = world_.LogToBe(acceptor.id);
  const paxos::Cursor whole = to_be.has_value()
                                  ? paxos::Log(to_be->base, holder.log().capacity(), holder.log().group())
                                        .ScanFrom(holder.commit_cursor(), position)
                                  : holder.log().ScanFrom(holder.commit_cursor(), position);
  if (whole.position >= position) {
    return false;
  }
  // A write may end within an entry: then the chain ends before that one.
  return EndOfNext(leader, whole) <= position;
}

// Where the entry ends that follows `cursor` in the leader's log, `cursor` itself when there is none. Where
// the leader has reused the space it had applied the entry, and every log has the same one there (P6).
paxos::Position Watch::EndOfNext(paxos::Member leader, const paxos::Cursor& cursor) const {
  if (const std::optional<paxos::Entry> next = core_(leader.id).log().Next(cursor); next.has_value()) {
    return next->range.to;
  }
  const auto applied = applied_ends_.find(paxos::Slot(cursor.slot.value() + 1));
  return cursor.position < core_(leader.id).retained() && applied != applied_ends_.end() ? applied->second
                                                                                         : cursor.position;
}

void Watch::OnAccept(paxos::Member leader, paxos::Ballot ballot, paxos::Member acceptor,
                     paxos::Position position) {
  if (Missing(leader, ballot, acceptor, position)) {
    invariants_.OnAcceptedBytesMissing(leader, acceptor, position);
  }
  invariants_.OnAccept(leader, ballot, acceptor, position);
  if (next_ != nullptr) {
    next_->OnAccept(leader, ballot, acceptor, position);
  }
}

void Watch::OnCommit(paxos::Member replica, const paxos::Cursor& commit) {
  committed_to_ = std::max(committed_to_, commit.position);
  invariants_.OnCommit(replica, commit);
  if (next_ != nullptr) {
    next_->OnCommit(replica, commit);
  }
}

void Watch::OnApply(paxos::Member replica, const paxos::Entry& entry) {
  invariants_.OnApply(replica, entry);
  applied_ends_.emplace(entry.slot(), entry.range.to);
  if (next_ != nullptr) {
    next_->OnApply(replica, entry);
  }
}

void Watch::OnInstall(paxos::Member replica, const paxos::Cursor& cursor) {
  invariants_.OnInstall(replica, cursor);
  if (next_ != nullptr) {
    next_->OnInstall(replica, cursor);
  }
}

void Watch::OnReuse(paxos::Member leader, paxos::Position limit, std::span<const paxos::Member> in_sync) {
  invariants_.OnReuse(leader, limit, in_sync);
  if (next_ != nullptr) {
    next_->OnReuse(leader, limit, in_sync);
  }
}

}  // namespace gaios::sim
