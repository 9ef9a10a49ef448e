#ifndef GAIOS_TESTS_TRANSPORT_UDP_FIXTURE_H_
#define GAIOS_TESTS_TRANSPORT_UDP_FIXTURE_H_

// Three replicas over the UDP transport on a network in memory, by a time that passes when the test says so:
// nothing happens by itself.

#include <algorithm>
#include <array>
#include <cstddef>
#include <cstdint>
#include <functional>
#include <memory>
#include <string>
#include <vector>

#include <gtest/gtest.h>

#include "tests/conformance/suite.h"
#include "tests/transport/udp/udp_backend.h"

namespace gaios::transport::udp {

using conformance::Bytes;
using conformance::Event;
using conformance::kAcceptor;
using conformance::kFirstLife;
using conformance::kRival;
using conformance::kWriter;
using conformance::MakeGrant;
using conformance::MakeRange;
using conformance::Pattern;

using Tapped = std::vector<std::byte>;

inline Kind KindOf(const Tapped& bytes) {
  return static_cast<Kind>(bytes[offsetof(Header, kind)]);
}

class UdpTest : public testing::Test {
 protected:
  static constexpr int kPatience = 200'000;  // rounds

  void StartGroup(const UdpBackendOptions& options = {}, std::size_t capacity = 4096) {
    backend_ = std::make_unique<UdpBackend>(options);
    for (const ReplicaId id : {kAcceptor, kWriter, kRival}) {
      endpoints_[id.value()] = &backend_->Start({.id = id, .capacity = capacity});
    }
    ASSERT_TRUE(PumpUntil([&] { return CountAll(Event::Kind::kLinkUp) == 6; }));
    events_ = {};
  }
  conformance::Endpoint& at(ReplicaId id) { return *endpoints_[id.value()]; }
  UdpTransport& transport(ReplicaId id) { return backend_->transport(id); }
  [[nodiscard]] std::uint64_t Dropped(ReplicaId id, Drop why) {
    return transport(id).counters().dropped[static_cast<std::size_t>(why)];
  }

  void Pump(int rounds = 1) {
    for (int i = 0; i < rounds; ++i) {
      backend_->Advance();
      for (const ReplicaId id : {kAcceptor, kWriter, kRival}) {
        for (const Event& event : at(id).Poll()) {
          events_[id.value()].push_back(event);
        }
      }
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
  [[nodiscard]] std::size_t Count(ReplicaId id, Event::Kind kind) const {
    return static_cast<std::size_t>(std::ranges::count(events_[id.value()], kind, &Event::kind));
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
  // By the acceptor; the writer knows of it.
  void Give(ReplicaId to, Grant grant) {
    at(kAcceptor).GrantTo(to, grant);
    ASSERT_EQ(WriteAndWait(to, grant, MakeRange(0, 64)), Outcome::kDone);
  }
  std::uint64_t PostWrite(ReplicaId writer, Grant grant, Range range) {
    const std::uint64_t token = ++last_token_;
    EXPECT_TRUE(PumpUntil(
        [&] { return at(writer).Write(kAcceptor, grant, kFirstLife, range, token) == Post::kPosted; }));
    return token;
  }
  Outcome WriteAndWait(ReplicaId writer, Grant grant, Range range) {
    return AwaitOutcome(writer, PostWrite(writer, grant, range));
  }
  Outcome AwaitOutcome(ReplicaId writer, std::uint64_t token) {
    EXPECT_TRUE(PumpUntil([&] { return Completed(writer, token) != nullptr; }));
    const Completion* const completion = Completed(writer, token);
    return completion == nullptr ? Outcome::kDown : completion->outcome;
  }
  // What replica `from` sends from now on, by kind; all of it passes.
  void Record(ReplicaId from, Kind kind, std::vector<Tapped>& into) {
    const udp::Endpoint local = backend_->port(from).local();
    backend_->network().SetTap([=, &into](udp::Endpoint sender, udp::Endpoint /*to*/, const Tapped& bytes) {
      if (sender == local && KindOf(bytes) == kind) {
        into.push_back(bytes);
      }
      return true;
    });
  }
  void Deliver(ReplicaId from, ReplicaId to, const Tapped& bytes) {
    backend_->network().Deliver(backend_->port(from).local(), backend_->port(to).local(), bytes);
  }
  [[nodiscard]] std::string NoticesOf(ReplicaId id) {
    std::string all;
    for (const std::string& notice : transport(id).TakeNotices()) {
      all += notice + "\n";
    }
    return all;
  }

  std::unique_ptr<UdpBackend> backend_;
  std::array<conformance::Endpoint*, 3> endpoints_ = {};
  std::array<std::vector<Event>, 3> events_;
  std::uint64_t last_token_ = 0;
};

}  // namespace gaios::transport::udp

#endif  // GAIOS_TESTS_TRANSPORT_UDP_FIXTURE_H_
