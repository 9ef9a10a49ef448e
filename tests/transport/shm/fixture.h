#ifndef GAIOS_TESTS_TRANSPORT_SHM_FIXTURE_H_
#define GAIOS_TESTS_TRANSPORT_SHM_FIXTURE_H_

// A shared-memory replica in the test's own process, with a clock that stands still unless it is told, and a
// handler that counts. Its peers are processes (ProcessBackend) or sockets that the test holds itself.

#include <chrono>
#include <functional>
#include <memory>
#include <string>
#include <vector>

#include <gtest/gtest.h>

#include "gaios/base/clock.h"
#include "gaios/transport/shm/shm_transport.h"

#include "tests/conformance/recorder.h"
#include "tests/transport/shm/process_backend.h"

namespace gaios::transport::shm {

class SteppedClock final : public base::Clock {
 public:
  [[nodiscard]] std::uint64_t NowNs() const override { return now_ns_; }
  void Advance(std::uint64_t duration_ns) { now_ns_ += duration_ns; }

 private:
  std::uint64_t now_ns_ = 1;
};

class ShmTest : public testing::Test {
 protected:
  [[nodiscard]] ShmOptions OptionsOf(ReplicaId self) const {
    ShmOptions options;
    options.directory = backend_.directory();
    options.self = self;
    options.incarnation = Incarnation(1);
    options.group_id = paxos::GroupId(77);
    options.capacity = 4096;
    options.replicas = 3;
    options.clock = &clock_;
    return options;
  }

  void OpenSelf(const ShmOptions& options) {
    absl::StatusOr<std::unique_ptr<ShmTransport>> opened = ShmTransport::Open(options);
    ASSERT_TRUE(opened.ok()) << opened.status();
    self_ = *std::move(opened);
  }

  // One Poll of the own replica in which it looks at its sockets.
  void PollSelf() {
    clock_.Advance(10'000'000);
    PollSelfAtOnce();
  }
  // One Poll while time stands still.
  void PollSelfAtOnce() {
    self_->Poll(recorder_);
    for (conformance::Event& event : recorder_.Take()) {
      events_.push_back(std::move(event));
    }
  }
  // Polls the own replica and the given processes until it holds.
  [[nodiscard]] bool PollUntil(const std::function<bool()>& holds,
                               const std::vector<ReplicaId>& processes = {}) {
    const auto deadline = std::chrono::steady_clock::now() + std::chrono::seconds(30);
    while (!holds()) {
      if (std::chrono::steady_clock::now() > deadline) {
        return false;
      }
      PollSelf();
      for (const ReplicaId id : processes) {
        (void)backend_.process(id).Poll();
      }
    }
    return true;
  }

  [[nodiscard]] std::size_t CountOf(conformance::Event::Kind kind) const {
    std::size_t count = 0;
    for (const conformance::Event& event : events_) {
      count += event.kind == kind ? 1 : 0;
    }
    return count;
  }
  [[nodiscard]] bool LinkedTo(ReplicaId peer, Incarnation incarnation) const {
    for (const conformance::Event& event : events_) {
      if (event.kind == conformance::Event::Kind::kLinkUp && event.peer == peer &&
          event.incarnation == incarnation) {
        return true;
      }
    }
    return false;
  }

  ProcessBackend backend_;
  SteppedClock clock_;
  std::unique_ptr<ShmTransport> self_;
  conformance::Recorder recorder_;
  std::vector<conformance::Event> events_;
};

}  // namespace gaios::transport::shm

#endif  // GAIOS_TESTS_TRANSPORT_SHM_FIXTURE_H_
