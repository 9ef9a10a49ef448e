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
  Engine(const paxos::Options& options, transport::Transport& transport, paxos::Observer* observer,
         paxos::TimeNs busy_look_interval_ns = kBusyLookIntervalNs);
  Engine(const Engine&) = delete;
  Engine& operator=(const Engine&) = delete;

  // A turn is begun in one of three ways. `now_ns` is monotonic; `checksum` does what EntryChecksum does.
  enum class Begun : std::uint8_t {
    kNot,      // what there is to write or to learn is still to be seen to
    kWritten,  // it is written, and committed
    kPosted,   // what may be posted is
  };
  [[nodiscard]] bool writes_at_once() const { return writes_at_once_; }
  [[nodiscard]] bool posts_to_all() const { return posts_to_all_; }

  // Where writes are done at once: what a leader has to write, first in each turn. False when there is
  // nothing, or it is to be posted.
  template <typename Checksum>
  [[nodiscard, gnu::always_inline]] bool WriteAtOnce(paxos::TimeNs now_ns, Checksum checksum) {
    core_.SetTime(now_ns);
    paxos::Range gathered;
    if (!core_.GatherForAll(checksum, gathered) ||
        !transport_.WriteToAll(core_.targets(), core_.formation(), gathered)) {
      return false;
    }
    core_.WrittenToAll(gathered);
    return true;
  }
  // Then either, where it is written at once and nothing else has to be looked at yet: the turn is over. In
  // most turns of a busy leader that is all.
  [[nodiscard, gnu::always_inline]] bool TryEndTurn(paxos::TimeNs now_ns) {
    if (OwesMore(now_ns)) {
      return false;
    }
    PublishMoved();
    return true;
  }

  // Where one range is posted to all: what a leader has to post, first in each turn. False: this replica does
  // not lead.
  template <typename Checksum>
  [[nodiscard, gnu::always_inline]] bool PostAll(paxos::TimeNs now_ns, Checksum checksum) {
    core_.SetTime(now_ns);
    if (core_.role() != paxos::Role::kLeader) {
      return false;
    }
    if (!PostToAll(checksum)) {
      core_.Flush();
    }
    return true;
  }
  // Then either, where there is nothing to be done beside: the turn ends with a look at what the transport
  // has to report, `events`.
  [[nodiscard, gnu::always_inline]] bool TryLook(paxos::TimeNs now_ns, std::size_t& events) {
    if (OwesMore(now_ns)) {
      return false;
    }
    events = transport_.Poll(*this);
    PublishProgress();  // a leader that decides alone has committed without an event
    if (events != 0) {
      PublishBallot();  // it may lead no more
    }
    return true;
  }

  // Or the rest of it: posting or learning, timers when due, what the transport has to report. Returns
  // whether anything happened.
  [[nodiscard]] bool EndTurn(paxos::TimeNs now_ns, Begun begun);

  // A whole turn. Returns whether anything happened.
  bool Poll(paxos::TimeNs now_ns);

  // To be called after every use of core() that may cause actions or move what it has applied.
  void CarryOut() {
    PublishProgress();
    PublishBallot();
    if (!core_.actions().empty()) {
      Perform();
    }
  }

  [[nodiscard]] paxos::Replica& core() { return core_; }
  [[nodiscard]] const paxos::Replica& core() const { return core_; }

  // How often the core's timers run, ns.
  static constexpr paxos::TimeNs kTickIntervalNs = 1'000'000;
  // A leader whose writes are done at once has nothing to wait for: while it writes in every turn, it looks
  // at what else the transport has to report, and at its timers, so often, ns. So often at most does one that
  // posts to all look at its timers, and publish more than its progress.
  static constexpr paxos::TimeNs kBusyLookIntervalNs = 1'000;

 private:
  // Brought near between two commits of a leader that is about to hand over.
  static constexpr std::size_t kCodeBytesPerTurn = 4096;

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

  // Whether there is more to be done in this turn than to write and to hear of it.
  [[nodiscard]] bool OwesMore(paxos::TimeNs now_ns) const {
    return now_ns >= next_look_ns_ || !core_.actions().empty();
  }
  // Puts into the control region what has changed. A commit is published before anything that rests on it is
  // done; progress after each turn, the ballot when actions or events may have moved it, the rest when a
  // timer may.
  void PublishProgress() {
    if (commit_word_ != nullptr) [[likely]] {
      StoreIfChanged(*commit_word_, core_.commit().value());
      StoreIfChanged(*applied_word_, core_.applied().value());
    } else {
      PublishIfChanged(transport::ControlWord::kCommit, core_.commit().value());
      PublishIfChanged(transport::ControlWord::kApplied, core_.applied().value());
    }
  }
  // The same after what has most often moved both, without a look.
  void PublishMoved() {
    if (commit_word_ != nullptr) [[likely]] {
      commit_word_->store(core_.commit().value(), std::memory_order_release);
      applied_word_->store(core_.applied().value(), std::memory_order_release);
    } else {
      PublishProgress();
    }
  }
  void PublishBallot() {
    PublishIfChanged(transport::ControlWord::kHeartbeatBallot, core_.heartbeat_ballot().packed());
  }
  // Nobody else writes there. Whoever reads it keeps its line as long as it is not written to.
  static void StoreIfChanged(std::atomic<std::uint64_t>& word, std::uint64_t value) {
    if (word.load(std::memory_order_relaxed) != value) {
      word.store(value, std::memory_order_release);
    }
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
  // False: the core is to post what there is.
  template <typename Checksum>
  [[nodiscard, gnu::always_inline]] bool PostToAll(Checksum checksum) {
    paxos::Range gathered;
    if (!core_.GatherToPost(checksum, gathered)) {
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
  void StandBy();
  [[nodiscard]] transport::Post Post(const paxos::Action& action);

  transport::Transport& transport_;
  paxos::Replica core_;
  paxos::TimeNs next_tick_ns_ = 0;
  paxos::TimeNs next_look_ns_ = 0;
  std::array<std::uint64_t, transport::kControlWords> published_ = {};
  // Null, both or none: to be published by a call.
  std::atomic<std::uint64_t>* const commit_word_;
  std::atomic<std::uint64_t>* const applied_word_;
  const paxos::TimeNs busy_look_interval_ns_;
  const bool writes_at_once_;
  const bool posts_to_all_;
  std::span<const std::byte> code_ahead_;  // to be brought near, some in each turn
  // Within Perform: what could not be posted.
  std::array<paxos::Action, paxos::Actions::kCapacity + paxos::kMaxReplicas> failed_;
};

}  // namespace gaios::rsm

#endif  // GAIOS_RSM_ENGINE_H_
