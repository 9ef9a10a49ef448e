#ifndef GAIOS_PAXOS_OBSERVER_H_
#define GAIOS_PAXOS_OBSERVER_H_

// The changes of state that the invariants are about, told as they happen. The core calls its observer, when
// it has one, at the moment of each change; invariants.h has the one that checks P1-P8 across all replicas.
// In production there is none, and the core is the same.

#include "gaios/paxos/entry.h"
#include "gaios/paxos/log.h"
#include "gaios/paxos/types.h"

namespace gaios::paxos {

class Observer {
 public:
  virtual ~Observer() = default;
  // `acceptor` has promised `grant` (P1).
  virtual void OnPromise(Member acceptor, Grant grant) = 0;
  // `leader` has won `ballot`, counting the promise of each of `voters`, and its log ends at `end` (P4, P7).
  virtual void OnLead(Member leader, Ballot ballot, std::span<const Member> voters, const Cursor& end) = 0;
  // `leader` has put `entry` at the end of its log under `ballot` (P3).
  virtual void OnAppend(Member leader, Ballot ballot, const Entry& entry) = 0;
  // `acceptor` has accepted the log of `leader` under `ballot` up to `position` (P5). Whether that counts is
  // said by the readmissions in that log (P7).
  virtual void OnAccept(Member leader, Ballot ballot, Member acceptor, Position position) = 0;
  // `replica` knows its log to be committed up to `commit` (P5).
  virtual void OnCommit(Member replica, const Cursor& commit) = 0;
  // `replica` has applied `entry` (P6).
  virtual void OnApply(Member replica, const Entry& entry) = 0;
  // `replica` goes on from a snapshot that was taken at `cursor` (P6).
  virtual void OnInstall(Member replica, const Cursor& cursor) = 0;
  // `leader` is about to reuse ring space: everything below `limit` is overwritten; `in_sync` was its in-sync
  // set when it came to regard that as free (P8).
  virtual void OnReuse(Member leader, Position limit, std::span<const Member> in_sync) = 0;
};

}  // namespace gaios::paxos

#endif  // GAIOS_PAXOS_OBSERVER_H_
