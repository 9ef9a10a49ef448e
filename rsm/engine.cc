#include "gaios/rsm/engine.h"

#include "gaios/base/check.h"
#include "gaios/base/near.h"
#include "gaios/paxos/entry_checksum.h"
#include "gaios/paxos/message.h"

namespace gaios::rsm {

using paxos::Action;
using paxos::ActionKind;
using transport::ControlWord;
using transport::LogWord;
using transport::Outcome;

Engine::Engine(const paxos::Options& options, transport::Transport& transport, paxos::Observer* observer,
               paxos::TimeNs busy_look_interval_ns)
    : transport_(transport),
      core_(options, transport.log(), observer),
      commit_word_(transport.PublishedWord(ControlWord::kCommit)),
      applied_word_(transport.PublishedWord(ControlWord::kApplied)),
      busy_look_interval_ns_(busy_look_interval_ns),
      writes_at_once_(transport.writes_at_once()),
      posts_to_all_(transport.posts_to_all()) {
  GAIOS_CHECK((commit_word_ == nullptr) == (applied_word_ == nullptr),
              "a transport has its control words stored to, or publishes them itself");
  GAIOS_CHECK(!writes_at_once_ || !posts_to_all_, "what a transport does at once it does not post");
  GAIOS_CHECK(transport.capacity() == options.capacity_bytes,
              "core and transport must agree on the capacity");
}

bool Engine::Poll(paxos::TimeNs now_ns) {
  if (posts_to_all_) {
    if (!PostAll(now_ns, paxos::EntryChecksum)) {
      return EndTurn(now_ns, Begun::kNot);
    }
    std::size_t events = 0;
    return TryLook(now_ns, events) ? events != 0 : EndTurn(now_ns, Begun::kPosted);
  }
  core_.SetTime(now_ns);
  if (!writes_at_once_ || !WriteAtOnce(now_ns, paxos::EntryChecksum)) {
    return EndTurn(now_ns, Begun::kNot);
  }
  return TryEndTurn(now_ns) || EndTurn(now_ns, Begun::kWritten);
}

bool Engine::EndTurn(paxos::TimeNs now_ns, Begun begun) {
  bool learned = false;
  if (begun != Begun::kNot) {
    core_.GoOnHandingOver();
    if (begun == Begun::kWritten) {
      core_.FillBeside();
    }
  } else {
    if (core_.role() == paxos::Role::kLeader) {
      core_.Flush();
    } else {
      learned = core_.Learn(paxos::Position(transport_.ReadLogWord(LogWord::kCommit)));
    }
  }
  if (!core_.actions().empty()) {
    CarryOut();
  }
  if (now_ns >= next_tick_ns_) [[unlikely]] {
    Tick(now_ns);
  }
  if (!code_ahead_.empty()) [[unlikely]] {
    code_ahead_ = core_.refuses_proposals() ? std::span<const std::byte>()
                                            : base::BringNear(code_ahead_, kCodeBytesPerTurn);
  }
  next_look_ns_ = now_ns + busy_look_interval_ns_;
  const std::size_t events = transport_.Poll(*this);
  if (events != 0 && core_.OnAllHeard()) [[unlikely]] {
    CarryOut();
  }
  PublishProgress();
  PublishBallot();
  return begun == Begun::kWritten || learned || events > 0;
}

void Engine::Tick(paxos::TimeNs now_ns) {
  next_tick_ns_ = now_ns + kTickIntervalNs;
  core_.Tick();
  PublishRest();
  CarryOut();
}

void Engine::Perform() {
  paxos::Actions& actions = core_.actions();
  const std::span<const paxos::RangeWrite> writes = actions.writes();
  const std::size_t posted = writes.empty() ? 0 : transport_.WriteMany(writes);
  if (posted == writes.size() && actions.list().empty()) [[likely]] {
    actions.Clear();
  } else {
    PerformFrom(writes.subspan(posted));
  }
}

// What is left of a round of actions: `writes`, the first of which was not taken, and all that are none.
void Engine::PerformFrom(std::span<const paxos::RangeWrite> writes) {
  paxos::Actions& actions = core_.actions();
  for (;;) {
    // An operation that cannot be posted is a path that is gone: the core hears of it like of any other
    // failure, once the actions of this round are done.
    std::size_t failed_size = 0;
    while (!writes.empty()) {
      Action& failed = failed_[failed_size++];
      failed.kind = ActionKind::kWriteCommit;  // one as good as the other: no read
      failed.peer = writes.front().peer;
      failed.token = writes.front().token;
      writes = writes.subspan(1);
      writes = writes.subspan(transport_.WriteMany(writes));
    }
    for (const Action& action : actions.list()) {
      if (Post(action) != transport::Post::kPosted) [[unlikely]] {
        failed_[failed_size++] = action;
      }
    }
    actions.Clear();
    for (std::size_t i = 0; i < failed_size; ++i) {
      if (failed_[i].kind == ActionKind::kReadLog) {
        core_.OnLogRead(false, failed_[i].token);
      } else if (failed_[i].kind == ActionKind::kReadControl) {
        core_.OnControlNotPosted(failed_[i].peer);
      } else {
        core_.OnWritten(failed_[i].peer, false, false, failed_[i].token);
      }
    }
    if (failed_size != 0) {
      PublishProgress();
    }
    if (actions.empty()) [[likely]] {
      return;
    }
    writes = actions.writes();
    writes = writes.subspan(transport_.WriteMany(writes));
  }
}

transport::Post Engine::Post(const Action& action) {
  using transport::Post;
  switch (action.kind) {
    case ActionKind::kGrantTo:
      transport_.GrantTo(action.peer, action.grant);
      return Post::kPosted;
    case ActionKind::kWriteCommit:
      return transport_.WriteWord(action.peer, action.grant, action.acceptor, LogWord::kCommit, action.value,
                                  action.token);
    case ActionKind::kWriteProbe:
      return transport_.WriteWord(action.peer, action.grant, action.acceptor, LogWord::kProbe, action.token,
                                  action.token);
    case ActionKind::kReadLog:
      return transport_.ReadLog(action.peer, action.grant, action.acceptor, action.range, action.token);
    case ActionKind::kReadControl:
      return transport_.ReadControl(action.peer);
    case ActionKind::kSend: {
      std::array<std::byte, paxos::kEncodedMessageBytes> bytes;
      paxos::EncodeMessage(core_.actions().message(action), core_.options().group, bytes);
      transport_.Send(action.peer, bytes);
      return Post::kPosted;
    }
    case ActionKind::kAbandon:
      transport_.Abandon(action.peer);
      return Post::kPosted;
    case ActionKind::kStandBy:
      StandBy();
      return Post::kPosted;
  }
  GAIOS_CHECK(false, "no such action");
  return Post::kDown;
}

// What a hand-over takes has not been used for long, and each step of it waits for the one before.
void Engine::StandBy() {
  transport_.StandBy();
  code_ahead_ = base::OwnCode();
  if (core_.role() != paxos::Role::kLeader) {  // which goes on committing
    base::BringNear(std::as_bytes(std::span(&core_, 1)), sizeof(core_));
    code_ahead_ = base::BringNear(code_ahead_, code_ahead_.size());
  }
}

void Engine::PublishRest() {
  PublishIfChanged(ControlWord::kRetained, core_.retained().value());
  PublishIfChanged(ControlWord::kHeartbeatCounter, core_.heartbeat_counter());
}

void Engine::OnCompletion(const transport::Completion& completion) {
  if (completion.outcome != Outcome::kDone || completion.operation == transport::Operation::kReadLog ||
      !core_.TryWritten(completion.peer, completion.token)) [[unlikely]] {
    CompleteSlowly(completion);
  }
  // On the fast path nothing rests on the commit before Poll publishes it.
}

void Engine::OnWritten(std::uint64_t formation, std::span<const paxos::WriteTarget> written) {
  if (core_.TryWrittenToAll(formation, written)) [[likely]] {
    return;
  }
  for (const paxos::WriteTarget& target : written) {
    core_.OnWritten(target.peer, true, false, target.token);
  }
  if (!core_.actions().empty()) {
    CarryOut();
  }
}

void Engine::CompleteSlowly(const transport::Completion& completion) {
  const bool done = completion.outcome == Outcome::kDone;
  if (completion.operation == transport::Operation::kReadLog) {
    core_.OnLogRead(done, completion.token);
  } else {
    core_.OnWritten(completion.peer, done, completion.outcome == Outcome::kFenced, completion.token);
  }
  if (!core_.actions().empty()) {
    CarryOut();
  }
}

void Engine::OnControl(paxos::ReplicaId peer, Outcome outcome, const transport::ControlView& view) {
  if (outcome == Outcome::kDone) {
    core_.OnControl(peer,
                    {.incarnation = view.incarnation,
                     .promised = view.promised,
                     .commit = paxos::Position(view.word(ControlWord::kCommit)),
                     .applied = paxos::Position(view.word(ControlWord::kApplied)),
                     .retained = paxos::Position(view.word(ControlWord::kRetained)),
                     .heartbeat_ballot = paxos::Ballot::FromPacked(view.word(ControlWord::kHeartbeatBallot)),
                     .heartbeat_counter = view.word(ControlWord::kHeartbeatCounter)});
  } else {
    core_.OnControlFailed(peer);
  }
  CarryOut();
}

void Engine::OnMessage(paxos::ReplicaId from, paxos::Incarnation incarnation,
                       std::span<const std::byte> bytes) {
  core_.OnMessage(from, incarnation, bytes);
  CarryOut();
}

void Engine::OnGranted(paxos::Grant grant) {
  core_.OnGranted(grant, transport_.log());
  CarryOut();
}

void Engine::OnLinkUp(paxos::ReplicaId peer, paxos::Incarnation incarnation) {
  core_.OnLinkUp(peer, incarnation);
  CarryOut();
}

void Engine::OnLinkDown(paxos::ReplicaId peer) {
  core_.OnLinkDown(peer);
  CarryOut();
}

paxos::Range Engine::LiveRange(const std::byte* log) {
  return core_.LiveRange(log);
}

}  // namespace gaios::rsm
