#ifndef GAIOS_TESTS_TRANSPORT_VERBS_FIXTURE_H_
#define GAIOS_TESTS_TRANSPORT_VERBS_FIXTURE_H_

// Three replicas over the verbs transport on a network that is made up, with connections made in Poll:
// nothing happens by itself.

#include <array>
#include <cstdint>
#include <functional>
#include <memory>
#include <string>
#include <vector>

#include <gtest/gtest.h>

#include "tests/conformance/suite.h"
#include "tests/transport/verbs/fake_backend.h"

namespace gaios::transport::verbs {

using conformance::Bytes;
using conformance::Event;
using conformance::kAcceptor;
using conformance::kFirstLife;
using conformance::kRival;
using conformance::kWriter;
using conformance::MakeGrant;
using conformance::MakeRange;
using conformance::Pattern;

class VerbsTest : public testing::Test {
 protected:
  // More rounds than anything takes.
  static constexpr int kPatience = 2000;
  // By the clock of the group.
  static constexpr std::uint64_t kTurnNs = 10'000'000;

  void StartGroup(const std::string& driver, bool gives_rings = false) {
    backend_ = std::make_unique<FakeBackend>(driver, /*own_thread=*/false, gives_rings);
    for (const ReplicaId id : {kAcceptor, kWriter, kRival}) {
      endpoints_[id.value()] = &backend_->Start({.id = id});
    }
    ASSERT_TRUE(PumpUntil([&] { return CountAll(Event::Kind::kLinkUp) == 6; }));
    // Until everything that is prepared ahead of time is.
    for (int i = 0; i < 20; ++i) {
      Pump();
    }
    Forget();
  }

  // Another life of a replica that has been started.
  void Restart(ReplicaId id, Incarnation incarnation) {
    endpoints_[id.value()] = &backend_->Start({.id = id, .incarnation = incarnation});
  }

  conformance::Endpoint& at(ReplicaId id) { return *endpoints_[id.value()]; }
  VerbsTransport& transport(ReplicaId id) { return backend_->transport(id); }
  FakeDevice& device(ReplicaId id) { return backend_->device(id); }
  [[nodiscard]] const VerbsCounters& counters(ReplicaId id) { return transport(id).counters(); }

  void PumpOne(ReplicaId id) {
    for (const Event& event : at(id).Poll()) {
      events_[id.value()].push_back(event);
    }
  }
  void Pump() {
    backend_->clock().AdvanceNs(kTurnNs);
    for (const ReplicaId id : {kAcceptor, kWriter, kRival}) {
      PumpOne(id);
    }
  }
  bool PumpUntil(const std::function<bool()>& holds) {
    for (int i = 0; i < kPatience; ++i) {
      if (holds()) {
        return true;
      }
      Pump();
    }
    return holds();
  }
  void Forget() { events_ = {}; }
  [[nodiscard]] std::size_t Count(ReplicaId id, Event::Kind kind) const {
    std::size_t count = 0;
    for (const Event& event : events_[id.value()]) {
      count += event.kind == kind ? 1 : 0;
    }
    return count;
  }
  [[nodiscard]] std::size_t CountAll(Event::Kind kind) const {
    return Count(kAcceptor, kind) + Count(kWriter, kind) + Count(kRival, kind);
  }
  [[nodiscard]] const Completion* Completed(ReplicaId id, std::uint64_t token) const {
    for (const Event& event : events_[id.value()]) {
      if (event.kind == Event::Kind::kCompletion && event.completion.token == token) {
        return &event.completion;
      }
    }
    return nullptr;
  }
  [[nodiscard]] bool Granted(Grant grant) const {
    for (const Event& event : events_[kAcceptor.value()]) {
      if (event.kind == Event::Kind::kGranted && event.grant == grant) {
        return true;
      }
    }
    return false;
  }

  // By the acceptor, and known to the one that it is given to.
  void Give(ReplicaId to, Grant grant) {
    at(kAcceptor).GrantTo(to, grant);
    ASSERT_TRUE(PumpUntil([&] { return Granted(grant); }));
    if (to != kAcceptor) {
      ASSERT_EQ(WriteAndWait(to, grant, MakeRange(0, 64)), Outcome::kDone);
    }
  }
  Outcome WriteAndWait(ReplicaId writer, Grant grant, Range range) {
    const std::uint64_t token = ++last_token_;
    EXPECT_TRUE(PumpUntil(
        [&] { return at(writer).Write(kAcceptor, grant, kFirstLife, range, token) == Post::kPosted; }));
    return AwaitOutcome(writer, token);
  }
  Outcome AwaitOutcome(ReplicaId writer, std::uint64_t token) {
    EXPECT_TRUE(PumpUntil([&] { return Completed(writer, token) != nullptr; }));
    const Completion* const completion = Completed(writer, token);
    return completion == nullptr ? Outcome::kDown : completion->outcome;
  }
  std::uint64_t NextToken() { return ++last_token_; }

  std::unique_ptr<FakeBackend> backend_;

 private:
  std::array<conformance::Endpoint*, 3> endpoints_ = {};
  std::array<std::vector<Event>, 3> events_;
  std::uint64_t last_token_ = 0;
};

}  // namespace gaios::transport::verbs

#endif  // GAIOS_TESTS_TRANSPORT_VERBS_FIXTURE_H_
