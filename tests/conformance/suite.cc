#include "tests/conformance/suite.h"

#include <chrono>
#include <utility>

namespace gaios::transport::conformance {
namespace {

// A bound on waiting, not a measure: whatever is awaited comes in a small fraction of it, unless the machine
// has no time for the test.
constexpr std::chrono::seconds kPatience{60};

}  // namespace

Grant MakeGrant(std::uint32_t round, ReplicaId proposer, std::uint64_t number) {
  return {.ballot = paxos::Ballot(round, proposer, kFirstLife), .number = number};
}

Range MakeRange(std::uint64_t from, std::uint64_t to) {
  return {.from = Position(from), .to = Position(to)};
}

Bytes Pattern(std::size_t size, std::uint64_t seed) {
  Bytes bytes(size);
  for (std::size_t i = 0; i < size; ++i) {
    bytes[i] = static_cast<std::byte>((seed * 37 + i * 11 + 1) & 0xff);
  }
  return bytes;
}

Endpoint& ConformanceTest::Start(const EndpointOptions& options) {
  Endpoint& endpoint = backend_->Start(options);
  endpoints_[options.id.value()] = &endpoint;
  return endpoint;
}

void ConformanceTest::Kill(ReplicaId id) {
  endpoints_[id.value()] = nullptr;
  Forget(id);  // what it had reported was of that life
  backend_->Kill(id);
}

void ConformanceTest::StartGroup() {
  for (const ReplicaId id : {kAcceptor, kWriter, kRival}) {
    Start({.id = id});
  }
  for (const ReplicaId id : {kAcceptor, kWriter, kRival}) {
    for (const ReplicaId peer : {kAcceptor, kWriter, kRival}) {
      if (id != peer) {
        AwaitLink(id, peer, kFirstLife);
      }
    }
  }
}

void ConformanceTest::Pump() {
  backend_->Advance();
  for (std::size_t id = 0; id < endpoints_.size(); ++id) {
    if (endpoints_[id] != nullptr) {
      Book(ReplicaId(static_cast<std::uint8_t>(id)), endpoints_[id]->Poll());
    }
  }
}

void ConformanceTest::Book(ReplicaId id, const std::vector<Event>& events) {
  std::vector<Event>& all = reported_[id.value()];
  all.insert(all.end(), events.begin(), events.end());
}

bool ConformanceTest::PumpUntil(const std::function<bool()>& holds) {
  const auto deadline = std::chrono::steady_clock::now() + kPatience;
  while (!holds()) {
    if (std::chrono::steady_clock::now() > deadline) {
      return false;
    }
    Pump();
  }
  return true;
}

Event ConformanceTest::Await(ReplicaId id, const std::string& what, const Matcher& matches) {
  Event found;
  const bool came = PumpUntil([&] {
    std::vector<Event>& all = reported_[id.value()];
    for (auto event = all.begin(); event != all.end(); ++event) {
      if (matches(*event)) {
        found = std::move(*event);
        all.erase(event);
        return true;
      }
    }
    return false;
  });
  EXPECT_TRUE(came) << "replica " << static_cast<int>(id.value()) << " never reported " << what;
  return found;
}

void ConformanceTest::AwaitLink(ReplicaId at, ReplicaId peer, Incarnation incarnation) {
  Await(at, "its link coming up", [&](const Event& event) {
    return event.kind == Event::Kind::kLinkUp && event.peer == peer && event.incarnation == incarnation;
  });
}

void ConformanceTest::Give(ReplicaId owner, ReplicaId to, Grant grant) {
  at(owner).GrantTo(to, grant);
  Await(owner, "its grant",
        [&](const Event& event) { return event.kind == Event::Kind::kGranted && event.grant == grant; });
}

void ConformanceTest::GiveAlone(ReplicaId to, Grant grant) {
  at(kAcceptor).GrantTo(to, grant);
  bool granted = false;
  while (!granted) {
    backend().Advance();
    for (const Event& event : at(kAcceptor).Poll()) {
      granted = granted || (event.kind == Event::Kind::kGranted && event.grant == grant);
    }
  }
}

Post ConformanceTest::PostWhenGranted(const std::function<Post()>& post) {
  Post result = Post::kDown;
  EXPECT_TRUE(PumpUntil([&] {
    result = post();
    return result != Post::kDown;
  })) << "the writer never learned of its grant";
  return result;
}

Outcome ConformanceTest::WriteAndWait(ReplicaId writer, Grant grant, Range range, Incarnation acceptor) {
  const std::uint64_t token = NextToken();
  EXPECT_EQ(PostWhenGranted([&] { return at(writer).Write(kAcceptor, grant, acceptor, range, token); }),
            Post::kPosted);
  return AwaitCompletion(writer, token).outcome;
}

Outcome ConformanceTest::ProbeAndWait(Grant grant) {
  const std::uint64_t token = NextToken();
  EXPECT_EQ(PostWhenGranted([&] {
              return at(kWriter).WriteWord(kAcceptor, grant, kFirstLife, LogWord::kProbe, 1, token);
            }),
            Post::kPosted);
  return AwaitCompletion(kWriter, token).outcome;
}

Completion ConformanceTest::AwaitCompletion(ReplicaId writer, std::uint64_t token) {
  return Await(writer, "the completion of what it posted",
               [&](const Event& event) {
                 return event.kind == Event::Kind::kCompletion && event.completion.token == token;
               })
      .completion;
}

Event ConformanceTest::LookAt(ReplicaId reader, ReplicaId peer) {
  EXPECT_EQ(at(reader).ReadControl(peer), Post::kPosted);
  return Await(reader, "a control view",
               [&](const Event& event) { return event.kind == Event::Kind::kControl && event.peer == peer; });
}

}  // namespace gaios::transport::conformance
