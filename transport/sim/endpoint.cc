#include "gaios/transport/sim/endpoint.h"

#include <algorithm>
#include <cstring>

#include "gaios/base/check.h"
#include "gaios/paxos/limits.h"

namespace gaios::transport::sim {

std::size_t Endpoint::capacity() const {
  return world_.options_.capacity_bytes;
}

std::byte* Endpoint::log() {
  return world_.node(self_).log.base;
}

std::uint64_t Endpoint::ReadLogWord(LogWord which) const {
  return world_.node(self_).words[static_cast<std::size_t>(which)];
}

void Endpoint::Publish(ControlWord which, std::uint64_t value) {
  world_.node(self_).control.words[static_cast<std::size_t>(which)] = value;
}

void Endpoint::GrantTo(ReplicaId to, Grant grant) {
  World::Node& node = world_.node(self_);
  if (grant == node.asked) {
    if (!node.fencing) {  // held: answered again, and nothing else
      World::Event event;
      event.kind = World::Event::Kind::kGranted;
      event.grant = grant;
      world_.Tell(self_, event);
    }
    return;
  }
  GAIOS_CHECK(grant > node.asked, "P1: a grant below an earlier one");
  GAIOS_CHECK(!node.fencing, "a grant is under way");
  GAIOS_CHECK(to == self_ || !ReadUnderWay(),
              "P2: a read of ours would land in a log that is granted to somebody else");
  node.asked = grant;
  node.control.promised = grant;
  node.holder = to;
  node.fencing = true;
  node.fenced_at_ns = world_.now_ns_ + world_.Random(world_.options_.max_fence_ns + 1);
  world_.counters_.slow_fences += node.fenced_at_ns > world_.now_ns_ ? 1U : 0U;
  // The clock must get there even if nothing else happens.
  auto wake = std::make_shared<World::Operation>();
  wake->kind = World::Operation::Kind::kFence;
  wake->from = self_;
  wake->to = self_;
  world_.Schedule({node.fenced_at_ns, 0, wake, {}, true});
}

void Endpoint::FinishFence(EventHandler& handler) {
  World::Node& node = world_.node(self_);
  if (!node.fencing || world_.now_ns_ < node.fenced_at_ns ||
      world_.link(self_, self_).holding.contains(Traffic::kFences)) {
    return;
  }
  node.fencing = false;
  world_.Settle(node);
  if (world_.options_.move_log) {
    const Range live = handler.LiveRange(node.log.base);
    GAIOS_CHECK(live.size() <= capacity(), "more live bytes than the ring has");
    std::fill(node.spare.storage.begin(), node.spare.storage.end(), kJunk);
    world_.CopyRange(node.spare.base, node.log.base, live);
    std::swap(node.log, node.spare);
  }
  node.effective = node.asked;
  std::fill(std::begin(node.words), std::end(node.words), 0);
  if (node.holder != self_) {
    World::Link& link = world_.link(node.holder, self_);
    link.path = node.asked;
    link.has_path = link.up;
  }
  World::Event event;
  event.kind = World::Event::Kind::kGranted;
  event.grant = node.asked;
  world_.Tell(self_, event);
  if (world_.on_granted) {
    world_.on_granted({self_, node.incarnation}, node.asked);
  }
}

bool Endpoint::HasPath(ReplicaId peer, Grant grant) {
  const World::Link& link = world_.link(self_, peer);
  return link.up && link.has_path && grant <= link.path;  // an earlier one will be told that it is fenced
}

Post Endpoint::PostOnPath(World::Operation&& operation) {
  if (!HasPath(operation.to, operation.grant)) {
    return Post::kDown;
  }
  if (world_.link(self_, operation.to).posted.size() >= paxos::kMaxPostedPerLink) {
    return Post::kFull;
  }
  auto posted = std::make_shared<World::Operation>(std::move(operation));
  posted->from = self_;
  world_.Post(posted);
  return Post::kPosted;
}

Post Endpoint::Write(ReplicaId peer, Grant grant, Incarnation acceptor, Range range, std::uint64_t token) {
  GAIOS_CHECK(!range.empty() && range.size() <= capacity(),
              "a write of no bytes, or of more than the ring has");
  World::Operation operation;
  operation.kind = World::Operation::Kind::kWrite;
  operation.to = peer;
  operation.acceptor = acceptor;
  operation.grant = grant;
  operation.range = range;
  operation.token = token;
  if (HasPath(peer, grant)) {
    operation.bytes.resize(range.size());
    world_.CopyOut(operation.bytes.data(), range.from, log(), range);
  }
  return PostOnPath(std::move(operation));
}

bool Endpoint::WriteToAll(std::span<const WriteTarget> targets, std::uint64_t /*formation*/, Range range) {
  if (!world_.Chance(world_.options_.at_once_per_mille)) {
    return false;
  }
  bool done = true;
  for (const WriteTarget& target : targets) {
    auto operation = std::make_shared<World::Operation>();
    operation->kind = World::Operation::Kind::kWrite;
    operation->from = self_;
    operation->to = target.peer;
    operation->acceptor = target.acceptor;
    operation->grant = target.grant;
    operation->range = range;
    operation->bytes.resize(range.size());
    world_.CopyOut(operation->bytes.data(), range.from, log(), range);
    done = world_.WriteAtOnce(operation) && done;
  }
  return done;
}

bool Endpoint::writes_at_once() const {
  return world_.options_.at_once_per_mille != 0;
}

bool Endpoint::PostToAll(std::span<const WriteTarget> targets, std::uint64_t formation, Range range) {
  if (!world_.Chance(world_.options_.to_all_per_mille)) {
    return false;
  }
  for (const WriteTarget& target : targets) {
    if (!HasPath(target.peer, target.grant) ||
        world_.link(self_, target.peer).posted.size() >= paxos::kMaxPostedPerLink) {
      return false;
    }
  }
  if (formation == 0 || formation != formation_) {
    formation_ = formation;
    written_.assign(targets.begin(), targets.end());
    for (WriteTarget& target : written_) {
      target.token = 0;
    }
  }
  for (const WriteTarget& target : targets) {
    GAIOS_CHECK(Write(target.peer, target.grant, target.acceptor, range, target.token) == Post::kPosted,
                "a path with room takes a write");
  }
  ++world_.counters_.writes_to_all;
  return true;
}

bool Endpoint::posts_to_all() const {
  return world_.options_.to_all_per_mille != 0;
}

bool Endpoint::TellWritten(const Completion& completion, EventHandler& handler) {
  if (completion.operation != Operation::kWrite || completion.outcome != Outcome::kDone) {
    return false;
  }
  for (WriteTarget& target : written_) {
    if (target.peer == completion.peer && target.grant == completion.grant &&
        completion.token > target.token) {
      target.token = completion.token;
      handler.OnWritten(formation_, written_);
      return true;
    }
  }
  return false;
}

Post Endpoint::WriteWord(ReplicaId peer, Grant grant, Incarnation acceptor, LogWord which,
                         std::uint64_t value, std::uint64_t token) {
  World::Operation operation;
  operation.kind = World::Operation::Kind::kWord;
  operation.to = peer;
  operation.acceptor = acceptor;
  operation.grant = grant;
  operation.word = which;
  operation.value = value;
  operation.token = token;
  return PostOnPath(std::move(operation));
}

bool Endpoint::ReadUnderWay() {
  for (std::size_t i = 0; i < world_.options_.replicas; ++i) {
    for (const World::OperationPtr& posted :
         world_.link(self_, ReplicaId(static_cast<std::uint8_t>(i))).posted) {
      if (posted->kind == World::Operation::Kind::kRead) {
        return true;
      }
    }
  }
  return false;
}

Post Endpoint::ReadLog(ReplicaId peer, Grant grant, Incarnation acceptor, Range range, std::uint64_t token) {
  GAIOS_CHECK(range.from <= range.to && range.size() <= std::min(capacity(), paxos::kMaxWriteBytes),
              "a read of the log takes kMaxWriteBytes at most");
  if (ReadUnderWay()) {
    return Post::kFull;
  }
  World::Operation operation;
  operation.kind = World::Operation::Kind::kRead;
  operation.to = peer;
  operation.acceptor = acceptor;
  operation.grant = grant;
  operation.range = range;
  operation.token = token;
  operation.bytes.resize(capacity());
  return PostOnPath(std::move(operation));
}

Post Endpoint::ReadControl(ReplicaId peer) {
  if (!world_.link(self_, peer).up) {
    return Post::kDown;
  }
  auto operation = std::make_shared<World::Operation>();
  operation->kind = World::Operation::Kind::kControl;
  operation->from = self_;
  operation->to = peer;
  world_.Post(operation);
  return Post::kPosted;
}

void Endpoint::Send(ReplicaId peer, std::span<const std::byte> message) {
  GAIOS_CHECK(message.size() <= paxos::kMaxMessageBytes, "a message larger than kMaxMessageBytes");
  if (!world_.link(self_, peer).up) {
    return;
  }
  const int copies = world_.Random(1000) < world_.options_.duplicate_per_mille ? 2 : 1;
  world_.counters_.messages_duplicated += copies == 2 ? 1U : 0U;
  for (int i = 0; i < copies; ++i) {
    auto operation = std::make_shared<World::Operation>();
    operation->kind = World::Operation::Kind::kMessage;
    operation->from = self_;
    operation->to = peer;
    operation->bytes.assign(message.begin(), message.end());
    world_.Post(operation);
  }
}

void Endpoint::Abandon(ReplicaId peer) {
  World::Link& link = world_.link(self_, peer);
  link.has_path = false;
  world_.FailPath(self_, peer, Outcome::kDown);
}

std::size_t Endpoint::Poll(EventHandler& handler) {
  World::Node& node = world_.node(self_);
  FinishFence(handler);
  std::size_t events = 0;
  // Only what is there now: events caused by handlers are for the next turn.
  for (std::size_t left = node.inbox.size(); left > 0; --left) {
    const World::Event event = std::move(node.inbox.front());
    node.inbox.pop_front();
    ++events;
    switch (event.kind) {
      case World::Event::Kind::kCompletion:
        if (!TellWritten(event.completion, handler)) {
          handler.OnCompletion(event.completion);
        }
        break;
      case World::Event::Kind::kControl:
        handler.OnControl(event.peer, event.outcome, event.view);
        break;
      case World::Event::Kind::kMessage:
        handler.OnMessage(event.peer, event.incarnation, event.message);
        break;
      case World::Event::Kind::kGranted:
        handler.OnGranted(event.grant);
        break;
      case World::Event::Kind::kLinkUp:
        handler.OnLinkUp(event.peer, event.incarnation);
        break;
      case World::Event::Kind::kLinkDown:
        handler.OnLinkDown(event.peer);
        break;
    }
  }
  return events;
}

}  // namespace gaios::transport::sim
