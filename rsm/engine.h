#ifndef GAIOS_RSM_ENGINE_H_
#define GAIOS_RSM_ENGINE_H_

// Joins the pure core to a transport: feeds it what the transport reports, publishes its state, carries out
// its actions. Simulator, tests and production run this same code. One thread; no call blocks; nothing
// allocates.

#include <array>
#include <atomic>
#include <cstddef>
#include <cstdint>
#include <span>

#include "gaios/paxos/replica.h"
#include "gaios/transport/transport.h"

namespace gaios::rsm {

class Engine final : private transport::EventHandler {
 public:
  // `transport` must outlive the engine and be driven by it alone. `observer` may be null.
  Engine(const paxos::Options& options, transport::Transport& transport, paxos::Observer* observer);
  Engine(const Engine&) = delete;
  Engine& operator=(const Engine&) = delete;

  // One turn: timers when due, posting or learning, then what the transport has to report; the last not in
  // every turn in which all that was to be written was done at once. `now_ns` is monotonic. Returns whether
  // anything happened.
  [[gnu::always_inline]] bool Poll(paxos::TimeNs now_ns) {
    core_.SetTime(now_ns);
    if (now_ns >= next_tick_ns_) [[unlikely]] {
      Tick(now_ns);
    }
    bool at_once = false;
    bool learned = false;
    if (core_.role() == paxos::Role::kLeader) {
      at_once = WriteAtOnce();
      if (!at_once && !PostToAll()) {
        core_.Flush();
      }
    } else {
      learned = core_.Learn(paxos::Position(transport_.ReadLogWord(transport::LogWord::kCommit)));
    }
    const bool posted = !core_.actions().empty();
    if (posted) {
      CarryOut();
    }
    std::size_t events = 0;
    if (posted || !at_once || now_ns >= next_look_ns_) {
      next_look_ns_ = now_ns + kBusyLookIntervalNs;
      events = transport_.Poll(*this);
    }
    PublishProgress();
    return at_once || learned || events > 0;
  }

  // To be called after every use of core() that may cause actions or move what it has applied.
  void CarryOut() {
    PublishProgress();
    if (!core_.actions().empty()) {
      Perform();
    }
  }

  [[nodiscard]] paxos::Replica& core() { return core_; }
  [[nodiscard]] const paxos::Replica& core() const { return core_; }

  // How often the core's timers run, ns.
  static constexpr paxos::TimeNs kTickIntervalNs = 1'000'000;
  // A leader whose writes are done at once has nothing to wait for: while it writes in every turn, it looks
  // at what else the transport has to report so often, ns.
  static constexpr paxos::TimeNs kBusyLookIntervalNs = 1'000;

 private:
  void OnCompletion(const transport::Completion& completion) override;
  void OnWritten(std::uint64_t formation, std::span<const paxos::WriteTarget> written) override;
  void OnControl(paxos::ReplicaId peer, transport::Outcome outcome,
                 const transport::ControlView& view) override;
  void OnMessage(paxos::ReplicaId from, paxos::Incarnation incarnation,
                 std::span<const std::byte> bytes) override;
  void OnGranted(paxos::Grant grant) override;
  void OnLinkUp(paxos::ReplicaId peer, paxos::Incarnation incarnation) override;
  void OnLinkDown(paxos::ReplicaId peer) override;
  paxos::Range LiveRange(const std::byte* log) override;

  // Puts into the control region what has changed. A commit is published before anything that rests on it is
  // done; progress after each turn, the rest when a timer or an event that is no completion may have moved
  // it.
  void PublishProgress() {
    PublishOften(transport::ControlWord::kCommit, core_.commit().value(), commit_word_);
    PublishOften(transport::ControlWord::kApplied, core_.applied().value(), applied_word_);
    PublishIfChanged(transport::ControlWord::kHeartbeatBallot, core_.heartbeat_ballot().packed());
  }
  void Tick(paxos::TimeNs now_ns);
  void PublishRest();
  void PublishIfChanged(transport::ControlWord word, std::uint64_t value) {
    std::uint64_t& last = published_[static_cast<std::size_t>(word)];
    if (last != value) {
      last = value;
      transport_.Publish(word, value);
    }
  }
  // The same, where it may be done without a call.
  void PublishOften(transport::ControlWord word, std::uint64_t value, std::atomic<std::uint64_t>* published) {
    std::uint64_t& last = published_[static_cast<std::size_t>(word)];
    if (last != value) {
      last = value;
      if (published != nullptr) [[likely]] {
        published->store(value, std::memory_order_release);
      } else {
        transport_.Publish(word, value);
      }
    }
  }
  // What a leader has to post, where it is told at once what has become of it. False: the core is to post it.
  [[nodiscard]] bool WriteAtOnce() {
    if (!writes_at_once_) {
      return false;
    }
    const paxos::Range gathered = core_.GatherForAll();
    if (gathered.empty() || !transport_.WriteToAll(core_.targets(), core_.formation(), gathered)) {
      return false;
    }
    core_.WrittenToAll(gathered);
    return true;
  }
  // What a leader has to post, where the transport posts to all in one call. False: the core is to post it.
  [[nodiscard]] bool PostToAll() {
    paxos::Range gathered;
    if (!posts_to_all_ || !core_.GatherToPost(gathered)) {
      return false;
    }
    if (gathered.empty()) {
      return true;
    }
    if (!transport_.PostToAll(core_.targets(), core_.formation(), gathered)) [[unlikely]] {
      return false;
    }
    core_.PostedToAll(gathered.to);
    return true;
  }
  // Carries out what the core wants done, and what follows from that.
  void Perform();
  void PerformFrom(std::span<const paxos::RangeWrite> writes);
  void CompleteSlowly(const transport::Completion& completion);
  [[nodiscard]] transport::Post Post(const paxos::Action& action);

  transport::Transport& transport_;
  paxos::Replica core_;
  paxos::TimeNs next_tick_ns_ = 0;
  paxos::TimeNs next_look_ns_ = 0;
  std::array<std::uint64_t, transport::kControlWords> published_ = {};
  std::atomic<std::uint64_t>* const commit_word_;   // null: to be published by a call
  std::atomic<std::uint64_t>* const applied_word_;  // likewise
  const bool writes_at_once_;
  const bool posts_to_all_;
  // Within Perform: what could not be posted.
  std::array<paxos::Action, paxos::Actions::kCapacity + paxos::kMaxReplicas> failed_;
};

}  // namespace gaios::rsm

#endif  // GAIOS_RSM_ENGINE_H_
