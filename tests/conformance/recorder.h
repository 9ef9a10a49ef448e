#ifndef GAIOS_TESTS_CONFORMANCE_RECORDER_H_
#define GAIOS_TESTS_CONFORMANCE_RECORDER_H_

// An EventHandler that writes down what it is told, and an Endpoint over a Transport in this process made
// with it: what a backend whose replicas are objects needs, and what runs at the far end where they are
// processes.

#include <array>
#include <cstddef>
#include <cstring>
#include <span>
#include <utility>
#include <vector>

#include "gaios/paxos/limits.h"
#include "gaios/transport/transport.h"

#include "tests/conformance/backend.h"

namespace gaios::transport::conformance {

class Recorder final : public EventHandler {
 public:
  void SetLiveRange(Range range) { live_ = range; }
  [[nodiscard]] std::vector<Event> Take() { return std::exchange(events_, {}); }

  void OnPosted(ReplicaId peer) { ++under_way_.at(peer.value()); }
  [[nodiscard]] bool under_way(ReplicaId peer) const { return under_way_.at(peer.value()) != 0; }

  void OnCompletion(const Completion& completion) override {
    if (under_way(completion.peer)) {  // else it was posted without word
      --under_way_[completion.peer.value()];
    }
    Event& event = Add(Event::Kind::kCompletion, completion.peer);
    event.completion = completion;
  }
  void OnWritten(std::uint64_t /*formation*/, std::span<const paxos::WriteTarget> written) override {
    for (const paxos::WriteTarget& target : written) {  // one, as it is posted here
      OnCompletion({.peer = target.peer, .grant = target.grant, .token = target.token});
    }
  }
  void OnControl(ReplicaId peer, Outcome outcome, const ControlView& view) override {
    Event& event = Add(Event::Kind::kControl, peer);
    event.outcome = outcome;
    event.control = view;
  }
  void OnMessage(ReplicaId from, Incarnation incarnation, std::span<const std::byte> bytes) override {
    Event& event = Add(Event::Kind::kMessage, from);
    event.incarnation = incarnation;
    event.bytes.assign(bytes.begin(), bytes.end());
  }
  void OnGranted(Grant grant) override { Add(Event::Kind::kGranted, ReplicaId()).grant = grant; }
  void OnLinkUp(ReplicaId peer, Incarnation incarnation) override {
    Add(Event::Kind::kLinkUp, peer).incarnation = incarnation;
  }
  void OnLinkDown(ReplicaId peer) override { Add(Event::Kind::kLinkDown, peer); }
  Range LiveRange(const std::byte* /*log*/) override { return live_; }

 private:
  Event& Add(Event::Kind kind, ReplicaId peer) {
    events_.emplace_back();
    events_.back().kind = kind;
    events_.back().peer = peer;
    return events_.back();
  }

  std::array<std::size_t, paxos::kMaxReplicas> under_way_ = {};  // posted, and not completed
  Range live_;
  std::vector<Event> events_;
};

// Does not own the transport.
class LocalEndpoint : public Endpoint {
 public:
  explicit LocalEndpoint(Transport& transport) : transport_(transport) {}

  void FillLog(Position at, const Bytes& bytes) override {
    for (std::size_t i = 0; i < bytes.size(); ++i) {
      transport_.log()[(at + i).value() % transport_.capacity()] = bytes[i];
    }
  }
  Bytes LogBytes(Range range) override {
    Bytes bytes(range.size());
    for (std::size_t i = 0; i < bytes.size(); ++i) {
      bytes[i] = transport_.log()[(range.from + i).value() % transport_.capacity()];
    }
    return bytes;
  }
  std::uint64_t ReadLogWord(LogWord which) override { return transport_.ReadLogWord(which); }
  void Publish(ControlWord which, std::uint64_t value) override { transport_.Publish(which, value); }
  void GrantTo(ReplicaId to, Grant grant) override { transport_.GrantTo(to, grant); }
  void SetLiveRange(Range range) override { recorder_.SetLiveRange(range); }
  Post Write(ReplicaId peer, Grant grant, Incarnation acceptor, Range range, std::uint64_t token) override {
    // By either call, which are to do the same. What is not posted tells nothing more of why by the second.
    // Some are tried at once where nothing is under way: what is said to be done then is told as by a
    // completion.
    const paxos::WriteTarget target{.peer = peer, .acceptor = acceptor, .grant = grant, .token = token};
    if (token % 3 == 1 && !recorder_.under_way(peer)) {
      if (transport_.WriteToAll({&target, 1}, 0, range)) {
        recorder_.OnPosted(peer);
        recorder_.OnCompletion({.peer = peer, .grant = grant, .token = token});
        return Post::kPosted;
      }
    }
    if (PostToAll(target, range)) {
      return Noted(peer, Post::kPosted);
    }
    const RangeWrite write{
        .peer = peer, .acceptor = acceptor, .grant = grant, .range = range, .token = token};
    if (token % 2 == 1 && transport_.WriteMany({&write, 1}) == 1) {
      return Noted(peer, Post::kPosted);
    }
    return Noted(peer, transport_.Write(peer, grant, acceptor, range, token));
  }
  Post WriteWord(ReplicaId peer, Grant grant, Incarnation acceptor, LogWord which, std::uint64_t value,
                 std::uint64_t token) override {
    return Noted(peer, transport_.WriteWord(peer, grant, acceptor, which, value, token));
  }
  Post ReadLog(ReplicaId peer, Grant grant, Incarnation acceptor, Range range, std::uint64_t token) override {
    return Noted(peer, transport_.ReadLog(peer, grant, acceptor, range, token));
  }
  Post ReadControl(ReplicaId peer) override { return transport_.ReadControl(peer); }
  void Send(ReplicaId peer, const Bytes& message) override { transport_.Send(peer, message); }
  void Abandon(ReplicaId peer) override { transport_.Abandon(peer); }
  std::vector<Event> Poll() override {
    transport_.Poll(recorder_);
    return recorder_.Take();
  }
  // A backend that can hold writers overrides both.
  void WriteAndHold(HoldPoint /*point*/, ReplicaId /*peer*/, Grant /*grant*/, Incarnation /*acceptor*/,
                    Range /*range*/, std::uint64_t /*token*/) override {}
  std::vector<Event> Release() override { return {}; }

 private:
  // Two tokens of four, in a row: what the first write has found out about its path is kept for the second,
  // in the same formation, or in one that is found anew to be of the same.
  bool PostToAll(const paxos::WriteTarget& target, Range range) {
    if (target.token % 4 < 2) {
      return false;
    }
    const bool goes_on = target.peer == latest_.peer && target.acceptor == latest_.acceptor &&
                         target.grant == latest_.grant && target.token == latest_.token + 1;
    if (!goes_on || target.token % 8 == 7) {
      ++formation_;
    }
    latest_ = target;
    return transport_.PostToAll({&target, 1}, formation_, range);
  }
  Post Noted(ReplicaId peer, Post post) {
    if (post == Post::kPosted) {
      recorder_.OnPosted(peer);
    }
    return post;
  }

  Transport& transport_;
  Recorder recorder_;
  paxos::WriteTarget latest_;    // of PostToAll
  std::uint64_t formation_ = 0;  // of it
};

}  // namespace gaios::transport::conformance

#endif  // GAIOS_TESTS_CONFORMANCE_RECORDER_H_
