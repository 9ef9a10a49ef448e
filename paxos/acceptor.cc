#include "gaios/paxos/acceptor.h"

#include <algorithm>

#include "gaios/base/check.h"

namespace gaios::paxos {

Acceptor::Verdict Acceptor::Judge(ReplicaId from, Grant grant) {
  state_.Saw(grant.ballot);
  const Grant highest = promised();
  if (grant == highest) {
    if (!granting_) {
      state_.actions.PushMessage(from, last_promise_);
    }
    return Verdict::kDuplicate;
  }
  if (grant < highest || grant.ballot < floor_) {
    Message reject;
    reject.kind = MessageKind::kReject;
    reject.grant = grant;
    reject.promised = std::max(highest.ballot, floor_);
    state_.actions.PushMessage(from, reject);
    return Verdict::kStale;
  }
  return Verdict::kHigher;
}

void Acceptor::Promise(ReplicaId to, Grant grant) {
  GAIOS_CHECK(grant > promised(), "P1: a promise never decreases");
  if (granting_) {
    waiting_ = Waiting{to, grant};
    return;
  }
  Begin(to, grant);
}

void Acceptor::Begin(ReplicaId to, Grant grant) {
  promised_ = grant;
  holder_ = to;
  granting_ = true;
  if (state_.observer != nullptr) {
    state_.observer->OnPromise(state_.self, grant);
  }
  // What others lack of our log is kept for them, and looked at: less, the later they were asked.
  for (std::size_t i = 0; i < kMaxReplicas; ++i) {
    const ReplicaId id(static_cast<std::uint8_t>(i));
    if (id != state_.self.id && state_.peers[i].link_up) {
      state_.ReadControl(id);
    }
  }
  state_.actions.Add(ActionKind::kGrantTo, to).grant = grant;
}

bool Acceptor::OnGranted(Grant grant) {
  GAIOS_CHECK(granting_ && grant == promised_, "P2: a grant that was not asked for");
  granting_ = false;
  // The fence holds: nobody writes this log any more but the new holder, which has nothing to write before it
  // has read our Promise. What continues the committed prefix now is what was accepted here, and perhaps
  // more.
  state_.Examine();
  if (waiting_.has_value()) {
    const Waiting next = *waiting_;
    waiting_.reset();
    Begin(next.to, next.grant);
    return false;
  }
  if (holder_ == state_.self.id) {
    return true;
  }
  last_promise_ = {};
  last_promise_.kind = MessageKind::kPromise;
  last_promise_.grant = grant;
  last_promise_.promised = grant.ballot;
  last_promise_.commit = state_.commit.position;
  last_promise_.applied = state_.applied;
  last_promise_.retained = state_.Retained();
  last_promise_.valid_end = state_.end;
  state_.actions.PushMessage(holder_, last_promise_);
  return false;
}

}  // namespace gaios::paxos
