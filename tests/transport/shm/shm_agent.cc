// One replica's shared-memory endpoint as a process: what the conformance suite and the tests of this folder
// drive.
//
//   gaios-shm-agent DIRECTORY ID INCARNATION GROUP CAPACITY REPLICAS
//
// Questions that Ask answers: "ready" (ok), "notices", "counters", "race"
// (see Race).

#include <sys/prctl.h>

#include <algorithm>
#include <charconv>
#include <csignal>
#include <memory>
#include <sstream>
#include <string>
#include <string_view>
#include <thread>
#include <utility>
#include <vector>

#include "gaios/base/check.h"
#include "gaios/base/clock.h"
#include "gaios/transport/shm/shm_transport.h"

#include "tests/conformance/process_endpoint.h"
#include "tests/conformance/recorder.h"

namespace gaios::transport::shm {
namespace {

// Holds the process at one point, once.
class HoldOnce final : public PausePoints {
 public:
  void Arm(PausePoint point) {
    armed_ = true;
    point_ = point;
  }
  [[nodiscard]] bool armed() const { return armed_; }
  [[nodiscard]] bool Watches() const override { return armed_; }
  void Reached(PausePoint point) override {
    if (armed_ && point == point_) {
      armed_ = false;
      conformance::HoldUntilReleased();
    }
  }

 private:
  bool armed_ = false;
  PausePoint point_ = PausePoint::kBeforeStore;
};

class AgentEndpoint final : public conformance::LocalEndpoint {
 public:
  AgentEndpoint(ShmTransport& transport, HoldOnce& hold) : LocalEndpoint(transport), hold_(hold) {}

  void WriteAndHold(conformance::HoldPoint point, ReplicaId peer, Grant grant, Incarnation acceptor,
                    Range range, std::uint64_t token) override {
    hold_.Arm(point == conformance::HoldPoint::kBeforeStore ? PausePoint::kBeforeStore
                                                            : PausePoint::kBeforeCheck);
    GAIOS_CHECK(Write(peer, grant, acceptor, range, token) == Post::kPosted, "a held write is posted");
    events_ = Poll();
    GAIOS_CHECK(!hold_.armed(), "the hold point was passed");
  }
  std::vector<conformance::Event> Release() override { return std::exchange(events_, {}); }

 private:
  HoldOnce& hold_;
  std::vector<conformance::Event> events_;
};

// Takes whatever grant replica 0 gives and writes a growing number into the first and the last word of the
// first bytes of its log, one write of all of them a Poll, until it is fenced; in every other run by writes
// that are done at once, as long as they are. Answers the last number whose write completed, or the one
// before its first.
class Racer final : public EventHandler {
 public:
  explicit Racer(ShmTransport& transport) : transport_(transport) {}

  std::uint64_t Run(Grant grant, std::uint64_t bytes) {
    const Range range = {.from = Position(0), .to = Position(bytes)};
    auto* const first = reinterpret_cast<std::uint64_t*>(transport_.log());
    auto* const last = reinterpret_cast<std::uint64_t*>(transport_.log() + bytes) - 1;
    const paxos::WriteTarget target = {ReplicaId(0), Incarnation(1), grant};
    at_once_ = !at_once_;
    ++runs_;
    for (std::uint64_t next = first_; !fenced_; ++next) {
      *first = next;
      *last = next;
      if (at_once_ && transport_.WriteToAll({&target, 1}, runs_, range)) {
        last_done_ = next;
        transport_.Poll(*this);
        continue;
      }
      while (transport_.Write(ReplicaId(0), grant, Incarnation(1), range, next) != Post::kPosted) {
        transport_.Poll(*this);
        std::this_thread::yield();  // the grant may be waiting for this very core
      }
      transport_.Poll(*this);
    }
    // When not even the first has completed, that is the one that may be there all the same.
    const std::uint64_t completed = std::max(last_done_, first_ - 1);
    first_ = completed + 1000;
    fenced_ = false;
    return completed;
  }

  void OnCompletion(const Completion& completion) override {
    if (completion.outcome == Outcome::kDone) {
      last_done_ = completion.token;
    } else {
      fenced_ = true;
    }
  }
  void OnControl(ReplicaId, Outcome, const ControlView&) override {}
  void OnMessage(ReplicaId, Incarnation, std::span<const std::byte>) override {}
  void OnGranted(Grant) override {}
  void OnLinkUp(ReplicaId, Incarnation) override {}
  void OnLinkDown(ReplicaId) override {}
  Range LiveRange(const std::byte*) override { return {}; }

 private:
  ShmTransport& transport_;
  std::uint64_t first_ = 1;
  std::uint64_t last_done_ = 0;
  std::uint64_t runs_ = 0;
  bool at_once_ = false;
  bool fenced_ = false;
};

std::string Counters(const ShmCounters& counters) {
  std::ostringstream text;
  text << "connections_refused=" << counters.connections_refused
       << " refusals_received=" << counters.refusals_received
       << " packets_malformed=" << counters.packets_malformed
       << " messages_dropped=" << counters.messages_dropped;
  return text.str();
}

std::uint64_t Number(std::string_view text) {
  std::uint64_t number = 0;
  GAIOS_CHECK(std::from_chars(text.data(), text.data() + text.size(), number).ec == std::errc(),
              "not a number");
  return number;
}

int Serve(const std::vector<std::string>& arguments) {
  GAIOS_CHECK(arguments.size() == 7, "six arguments");
  // A test that ends early must not leave a process behind that races on.
  GAIOS_CHECK(::prctl(PR_SET_PDEATHSIG, SIGKILL) == 0, "prctl failed");
  const base::TscClock clock(base::TscClock::Source::kKernel);
  HoldOnce hold;
  ShmOptions options;
  options.directory = arguments[1];
  options.self = ReplicaId(static_cast<std::uint8_t>(Number(arguments[2])));
  options.incarnation = Incarnation(static_cast<std::uint32_t>(Number(arguments[3])));
  options.group_id = paxos::GroupId(Number(arguments[4]));
  options.capacity = Number(arguments[5]);
  options.replicas = Number(arguments[6]);
  options.clock = &clock;
  options.pause_points = &hold;
  // Every Poll is driven by the test: let each look at everything.
  options.poll_interval_ns = 0;
  options.busy_poll_interval_ns = 0;
  absl::StatusOr<std::unique_ptr<ShmTransport>> transport = ShmTransport::Open(options);
  GAIOS_CHECK(transport.ok(), transport.status().ToString().c_str());
  AgentEndpoint endpoint(**transport, hold);
  Racer racer(**transport);
  conformance::ServeEndpoint(endpoint, [&](std::string_view question) -> std::string {
    if (question == "ready") {
      return "ok";
    }
    if (question == "notices") {
      std::string all;
      for (const std::string& notice : (*transport)->TakeNotices()) {
        all += notice + "\n";
      }
      return all;
    }
    if (question == "counters") {
      return Counters((*transport)->counters());
    }
    // "race ROUND BYTES": as the proposer of that round, with writes of so many bytes.
    const std::string_view rest = question.substr(question.find(' ') + 1);
    const std::size_t space = rest.find(' ');
    const auto round = static_cast<std::uint32_t>(Number(rest.substr(0, space)));
    return std::to_string(
        racer.Run({.ballot = paxos::Ballot(round, options.self, options.incarnation), .number = 1},
                  Number(rest.substr(space + 1))));
  });
  return 0;
}

}  // namespace
}  // namespace gaios::transport::shm

int main(int argc, char** argv) {
  return gaios::transport::shm::Serve(std::vector<std::string>(argv, argv + argc));
}
