// A leader publishes its commit before any reply, callback or commit word that rests on it: reads at
// followers take it for all that anybody can know. Looked at from between the replica and its transport.

#include <algorithm>
#include <array>
#include <atomic>
#include <cstdint>
#include <cstring>
#include <memory>
#include <span>
#include <string>
#include <vector>

#include <gtest/gtest.h>

#include "gaios/paxos/entry.h"
#include "gaios/rsm/replica.h"
#include "gaios/transport/sim/world.h"

namespace gaios::rsm {
namespace {

using paxos::ReplicaId;
using transport::ControlWord;
using transport::Grant;
using transport::Incarnation;
using transport::LogWord;
using transport::Post;
using transport::Range;

constexpr std::size_t kReplicas = 3;
constexpr std::size_t kCapacity = std::size_t{1} << 20;
constexpr std::uint64_t kMs = 1'000'000;

// Passes everything on, and notes when something is posted that tells more than was published.
class Watched final : public transport::Transport {
 public:
  // `stores`: its words are stored to, as with shared memory, and not handed to it.
  Watched(transport::Transport& inner, bool stores) : inner_(inner), stores_(stores) {}

  [[nodiscard]] std::uint64_t published() const { return stores_ ? stored_[0].load() : published_; }
  [[nodiscard]] std::uint64_t words() const { return words_; }
  [[nodiscard]] std::uint64_t at_once() const { return at_once_; }
  [[nodiscard]] std::uint64_t to_all() const { return to_all_; }
  [[nodiscard]] std::uint64_t early() const { return early_; }
  [[nodiscard]] std::uint64_t looks() const { return looks_; }
  [[nodiscard]] std::uint64_t stand_bys() const { return stand_bys_; }

  [[nodiscard]] std::size_t capacity() const override { return inner_.capacity(); }
  [[nodiscard]] std::byte* log() override { return inner_.log(); }
  [[nodiscard]] std::uint64_t ReadLogWord(LogWord which) const override { return inner_.ReadLogWord(which); }
  void Publish(ControlWord which, std::uint64_t value) override {
    if (which == ControlWord::kCommit) {
      published_ = value;
    }
    inner_.Publish(which, value);
  }
  [[nodiscard]] std::atomic<std::uint64_t>* PublishedWord(ControlWord which) override {
    const bool often = which == ControlWord::kCommit || which == ControlWord::kApplied;
    return stores_ && often ? &stored_[which == ControlWord::kCommit ? 0 : 1] : nullptr;
  }
  void GrantTo(ReplicaId to, Grant grant) override { inner_.GrantTo(to, grant); }
  Post Write(ReplicaId peer, Grant grant, Incarnation acceptor, Range range, std::uint64_t token) override {
    NoteWrite(range);
    return inner_.Write(peer, grant, acceptor, range, token);
  }
  [[nodiscard]] bool WriteToAll(std::span<const transport::WriteTarget> targets, std::uint64_t formation,
                                Range range) override {
    NoteWrite(range);
    const bool done = inner_.WriteToAll(targets, formation, range);
    at_once_ += done ? 1 : 0;
    return done;
  }
  [[nodiscard]] bool writes_at_once() const override { return inner_.writes_at_once(); }
  [[nodiscard]] bool PostToAll(std::span<const transport::WriteTarget> targets, std::uint64_t formation,
                               Range range) override {
    NoteWrite(range);
    const bool posted = inner_.PostToAll(targets, formation, range);
    to_all_ += posted ? 1 : 0;
    return posted;
  }
  [[nodiscard]] bool posts_to_all() const override { return inner_.posts_to_all(); }
  Post WriteWord(ReplicaId peer, Grant grant, Incarnation acceptor, LogWord which, std::uint64_t value,
                 std::uint64_t token) override {
    if (which == LogWord::kCommit) {
      ++words_;
      early_ += value > published() ? 1 : 0;
    }
    return inner_.WriteWord(peer, grant, acceptor, which, value, token);
  }
  Post ReadLog(ReplicaId peer, Grant grant, Incarnation acceptor, Range range, std::uint64_t token) override {
    return inner_.ReadLog(peer, grant, acceptor, range, token);
  }
  Post ReadControl(ReplicaId peer) override { return inner_.ReadControl(peer); }
  void Send(ReplicaId peer, std::span<const std::byte> message) override { inner_.Send(peer, message); }
  void Abandon(ReplicaId peer) override { inner_.Abandon(peer); }
  void StandBy() override { ++stand_bys_; }
  std::size_t Poll(transport::EventHandler& handler) override {
    ++looks_;
    if (stores_) {
      inner_.Publish(ControlWord::kCommit, stored_[0]);
      inner_.Publish(ControlWord::kApplied, stored_[1]);
    }
    return inner_.Poll(handler);
  }

 private:
  // A range begins with an entry, unless it is filled up from a follower's commit; what stands in the first
  // header is what this tells at least.
  void NoteWrite(Range range) {
    paxos::EntryHeader header;
    std::memcpy(&header, log() + range.from.value() % capacity(), sizeof(header));
    early_ += header.commit > published() ? 1 : 0;
  }

  transport::Transport& inner_;
  const bool stores_;
  std::array<std::atomic<std::uint64_t>, 2> stored_ = {};  // commit and applied
  std::uint64_t published_ = 0;
  std::uint64_t words_ = 0;    // commit words posted
  std::uint64_t at_once_ = 0;  // writes to all that were done when the call returned
  std::uint64_t to_all_ = 0;   // posted to all in one call
  std::uint64_t early_ = 0;    // what told a commit above the published one
  std::uint64_t looks_ = 0;
  std::uint64_t stand_bys_ = 0;
};

class Nothing final : public StateMachine {
 public:
  void Apply(const Command&, Reply&) override {}
  [[nodiscard]] std::uint64_t StateHash() const override { return 0; }
  [[nodiscard]] absl::Status Save(SnapshotSink&) const override { return absl::OkStatus(); }
  [[nodiscard]] absl::Status Restore(SnapshotSource&) override { return absl::OkStatus(); }
};

// Is told of commits, and looks whether they have been published.
class Looking final : public ProposalListener {
 public:
  Looking(const Watched& transport, const std::unique_ptr<Replica>& replica)
      : transport_(transport), replica_(replica) {}
  void OnCommitted(std::uint64_t, std::uint64_t, Applied, std::span<const std::byte>) override {
    ++committed;
    early += transport_.published() < replica_->core().commit().value() ? 1 : 0;
  }
  void OnUnknown(std::uint64_t) override {}

  std::uint64_t committed = 0;
  std::uint64_t early = 0;

 private:
  const Watched& transport_;
  const std::unique_ptr<Replica>& replica_;
};

transport::sim::WorldOptions OptionsOf(std::uint32_t at_once_per_mille) {
  transport::sim::WorldOptions options;
  options.at_once_per_mille = at_once_per_mille;
  options.replicas = kReplicas;
  options.capacity_bytes = kCapacity;
  return options;
}

// Three replicas, of which the first leads and is watched.
class Group {
 public:
  explicit Group(const transport::sim::WorldOptions& world_options, bool stores = false,
                 std::uint64_t fill_bytes_per_second = paxos::Options().fill_bytes_per_second)
      : size_(world_options.replicas), world_(world_options) {
    for (std::size_t i = 0; i < size_; ++i) {
      ReplicaOptions options;
      options.protocol.self = ReplicaId(static_cast<std::uint8_t>(i));
      options.protocol.group = paxos::GroupId(7);
      options.protocol.configuration = paxos::Configuration::Bootstrap(size_);
      options.protocol.capacity_bytes = kCapacity;
      options.protocol.election_jitter_ns = 20 * kMs * i;
      options.protocol.fill_bytes_per_second = fill_bytes_per_second;
      options.sessions.max_sessions = 4;
      transports_.push_back(std::make_unique<Watched>(world_.transport(options.protocol.self), stores));
      replicas_.push_back(std::make_unique<Replica>(options, *transports_[i], clock_, machine_, nullptr));
    }
    listener_ = std::make_unique<Looking>(*transports_[0], replicas_[0]);
  }

  // One of each replica, after which so much time passes.
  void Turn(bool propose, std::uint64_t step_ns) {
    clock_.SetNs(world_.now_ns());
    if (propose) {
      static_cast<void>(replicas_[0]->Propose(std::as_bytes(std::span(command_)), *listener_, 0));
    }
    for (const std::unique_ptr<Replica>& replica : replicas_) {
      replica->Poll();
    }
    world_.AdvanceTo(world_.now_ns() + step_ns);
  }
  [[nodiscard]] std::uint64_t now_ns() const { return world_.now_ns(); }
  [[nodiscard]] transport::sim::World& world() { return world_; }
  // The last is cut off while commands are committed, until it lacks enough to be filled.
  void LeaveTheLastBehind() {
    while (listener().committed == 0 && now_ns() < 5000 * kMs) {
      Turn(true, 1'000);
    }
    constexpr ReplicaId kFirst(0);
    constexpr ReplicaId kLast(kReplicas - 1);
    world_.Cut(kFirst, kLast);
    world_.Cut(kLast, kFirst);
    for (const std::uint64_t until = end().value() + kCapacity / 8; end().value() < until;) {
      Turn(true, 500);
    }
    world_.Heal(kFirst, kLast);
    world_.Heal(kLast, kFirst);
    while (!last().filling && now_ns() < 5000 * kMs) {
      Turn(false, 10'000);
    }
  }
  // What the first knows of the last.
  [[nodiscard]] const paxos::FollowerLink& last() const {
    return *replicas_[0]->core().follower(ReplicaId(kReplicas - 1));
  }
  [[nodiscard]] paxos::Position end() const { return replicas_[0]->core().end_cursor().position; }
  [[nodiscard]] Taken Read(ReadListener& listener) { return replicas_[0]->Read(listener, 0); }
  [[nodiscard]] const Watched& leader() const { return *transports_[0]; }
  [[nodiscard]] const Watched& transport(std::size_t id) const { return *transports_[id]; }
  [[nodiscard]] Replica& replica(std::size_t id) { return *replicas_[id]; }
  [[nodiscard]] const Looking& listener() const { return *listener_; }

 private:
  const std::string command_ = "a command";
  const std::size_t size_;
  transport::sim::World world_;
  base::ManualClock clock_;
  Nothing machine_;
  std::vector<std::unique_ptr<Watched>> transports_;
  std::vector<std::unique_ptr<Replica>> replicas_;
  std::unique_ptr<Looking> listener_;
};

struct Way {
  std::uint32_t at_once_per_mille;  // of the writes
  std::uint32_t to_all_per_mille;
  std::uint64_t step_ns;
  bool stores;
};

class Publishing : public ::testing::TestWithParam<Way> {};

TEST_P(Publishing, ComesBeforeWhatRestsOnTheCommit) {
  const Way way = GetParam();
  transport::sim::WorldOptions options = OptionsOf(way.at_once_per_mille);
  options.to_all_per_mille = way.to_all_per_mille;
  Group group(options, way.stores);
  std::uint64_t turn = 0;
  for (; group.listener().committed < 500 && group.now_ns() < 5000 * kMs; ++turn) {
    group.Turn(turn / 50 % 2 == 0, way.step_ns);  // else nothing is proposed: the commit goes out by itself
  }
  EXPECT_GE(group.listener().committed, 500U);
  EXPECT_EQ(group.listener().early, 0U);
  EXPECT_GT(group.leader().words(), 0U);
  EXPECT_EQ(group.leader().early(), 0U);
  EXPECT_EQ(group.leader().at_once() > 0, way.at_once_per_mille > 0);
  EXPECT_EQ(group.leader().to_all() > 0, way.to_all_per_mille > 0);
}

// With the short steps there are turns that only write (Engine::TryEndTurn), or only post and look
// (Engine::TryLook).
INSTANTIATE_TEST_SUITE_P(Ways, Publishing,
                         ::testing::Values(Way{0, 0, 1'000, false}, Way{700, 0, 1'000, false},
                                           Way{1'000, 0, 100, true}, Way{1'000, 0, 100, false},
                                           Way{0, 700, 1'000, true}, Way{0, 1'000, 100, true},
                                           Way{0, 1'000, 100, false}, Way{0, 700, 100, true}));

// A leader that decides alone commits what it appends, and no event tells of it.
TEST(PublishingAlone, ComesBeforeTheReply) {
  transport::sim::WorldOptions options = OptionsOf(0);
  options.to_all_per_mille = 1'000;
  options.replicas = 1;
  for (const bool stores : {false, true}) {
    Group group(options, stores);
    while (group.listener().committed < 500 && group.now_ns() < 5000 * kMs) {
      group.Turn(true, 100);
    }
    EXPECT_GE(group.listener().committed, 500U);
    EXPECT_EQ(group.listener().early, 0U);
  }
}

class Readers final : public ReadListener {
 public:
  void OnReadable(std::uint64_t) override { ++readable; }
  void OnLost(std::uint64_t) override {}

  int readable = 0;
};

// A read waits for probes, which are posted, and are not by a turn that writes at once.
TEST(Looks, AReadIsNotPutOffByWhatIsWrittenAtOnce) {
  constexpr std::uint64_t kStepNs = 100;
  constexpr int kReads = 40;
  transport::sim::WorldOptions options = OptionsOf(1'000);
  options.in_part_per_mille = 0;
  options.min_delay_ns = 1;
  options.max_delay_ns = kStepNs / 2;
  Group group(options);
  while (group.listener().committed == 0 && group.now_ns() < 5000 * kMs) {
    group.Turn(true, 1'000);
  }
  Readers readers;
  for (int read = 1; read <= kReads; ++read) {
    for (int turn = 0; turn < 997; ++turn) {
      group.Turn(turn % 50 != 0, kStepNs);
    }
    const std::uint64_t at_once = group.leader().at_once();
    group.Turn(true, kStepNs);
    ASSERT_EQ(group.Read(readers), Taken::kTaken);
    for (int turn = 0; turn < 30 && readers.readable < read; ++turn) {
      group.Turn(true, kStepNs);
    }
    EXPECT_EQ(readers.readable, read) << (group.leader().at_once() > at_once ? "at once" : "");
  }
}

// A leader that has everything done at once has nothing to wait for, and is to hear all the same who else
// asks for its log, or is gone.
TEST(Looks, GoOnWhileNearlyEveryTurnWritesAtOnce) {
  constexpr std::uint64_t kStepNs = 100;
  constexpr std::uint64_t kTurns = 2'000;
  transport::sim::WorldOptions options = OptionsOf(1'000);
  options.in_part_per_mille = 0;
  options.min_delay_ns = 1;
  options.max_delay_ns = kStepNs / 2;  // what is not done at once is done in the next turn
  Group group(options);
  while (group.listener().committed == 0 && group.now_ns() < 5000 * kMs) {
    group.Turn(true, 1'000);
  }
  std::uint64_t turn = 0;
  const auto go_on = [&](std::uint64_t turns) {
    for (const std::uint64_t end = turn + turns; turn < end; ++turn) {
      group.Turn(turn % 50 != 0,
                 kStepNs);  // what had to be posted, for a beat, is done when nothing follows it
    }
  };
  go_on(kTurns);
  const std::uint64_t looks_before = group.leader().looks();
  const std::uint64_t at_once_before = group.leader().at_once();
  go_on(kTurns);
  const std::uint64_t looks = group.leader().looks() - looks_before;
  const std::uint64_t at_once = group.leader().at_once() - at_once_before;
  EXPECT_GT(at_once, kTurns / 3);
  EXPECT_LT(looks, kTurns - at_once / 2) << "there is nothing to look for after every write";
  EXPECT_GE(looks, kTurns - at_once + at_once * kStepNs / 2'000) << "one for each microsecond";
  EXPECT_EQ(group.listener().early, 0U);
  EXPECT_EQ(group.leader().early(), 0U);
}

// A leader whose turns are far between, or whose followers are: what has come due meanwhile is sent together.
TEST(Filling, IsNotSlowerWhereTurnsAreFarBetween) {
  constexpr std::uint64_t kStepNs = 200'000;
  constexpr std::uint64_t kBytesPerSecond = std::uint64_t{16} << 20;
  transport::sim::WorldOptions options = OptionsOf(0);
  options.in_part_per_mille = 0;
  options.min_delay_ns = 1;
  options.max_delay_ns = kStepNs / 2;
  Group group(options, true, kBytesPerSecond);
  group.LeaveTheLastBehind();
  ASSERT_TRUE(group.last().filling);
  const std::uint64_t lacking_bytes = group.end() - group.last().posted;
  const std::uint64_t begin_ns = group.now_ns();
  while (group.last().filling && group.now_ns() < 5000 * kMs) {
    group.Turn(false, kStepNs);
  }
  EXPECT_FALSE(group.last().filling);
  const std::uint64_t bytes_per_second = lacking_bytes * 1'000'000'000 / (group.now_ns() - begin_ns);
  EXPECT_GT(bytes_per_second, kBytesPerSecond / 10 * 9);
  EXPECT_LT(bytes_per_second, kBytesPerSecond / 10 * 13);
}

// Whoever is filled is given its pieces at their time, though no turn posts anything else; and commands go
// the short way meanwhile.
TEST(Filling, GoesOnBesideWhatIsWrittenAtOnce) {
  constexpr std::uint64_t kStepNs = 500;
  constexpr std::uint64_t kBytesPerSecond = std::uint64_t{16} << 20;
  transport::sim::WorldOptions options = OptionsOf(1'000);
  options.in_part_per_mille = 0;
  options.min_delay_ns = 1;
  options.max_delay_ns = kStepNs / 2;
  Group group(options, true, kBytesPerSecond);
  const auto turn = [&group] { group.Turn(true, kStepNs); };
  group.LeaveTheLastBehind();
  ASSERT_TRUE(group.last().filling);
  const std::uint64_t lacking_bytes = group.end() - group.last().posted;
  const std::uint64_t begin_ns = group.now_ns();
  const std::uint64_t at_once_before = group.leader().at_once();
  std::uint64_t turns = 0;
  for (; group.last().filling && group.now_ns() < 5000 * kMs; ++turns) {
    turn();
  }
  EXPECT_FALSE(group.last().filling);
  const std::uint64_t bytes_per_second = lacking_bytes * 1'000'000'000 / (group.now_ns() - begin_ns);
  EXPECT_GT(bytes_per_second, kBytesPerSecond / 10 * 9);
  EXPECT_LT(bytes_per_second, kBytesPerSecond / 10 * 13) << "what lacks little is given at once, at the end";
  EXPECT_GT(group.leader().at_once() - at_once_before, turns / 2);
  EXPECT_EQ(group.leader().early(), 0U);
  while (group.last().acked != group.end() && group.now_ns() < 5000 * kMs) {
    group.Turn(false, 1'000);
  }
  EXPECT_EQ(group.last().acked, group.end());
}

// Commands that are proposed in every turn are committed meanwhile.
TEST(StandingBy, AllHaveAtHandWhatAHandOverTakes) {
  for (const std::uint32_t at_once_per_mille : {0U, 1'000U}) {
    constexpr std::uint64_t kStepNs = 200;
    Group group(OptionsOf(at_once_per_mille));
    while (group.listener().committed == 0 && group.now_ns() < 5000 * kMs) {
      group.Turn(true, 1'000);
    }
    for (const std::uint64_t until = group.now_ns() + 20 * kMs; group.now_ns() < until;) {
      group.Turn(false, 10'000);  // all keep up
    }
    EXPECT_EQ(group.transport(0).stand_bys(), 0U);
    ASSERT_EQ(group.replica(0).HandOver(ReplicaId(2)), HandOverAnswer::kBegun);
    const std::uint64_t begun_ns = group.now_ns();
    const std::uint64_t committed = group.listener().committed;
    while (group.replica(0).core().hand_overs() == 0 && group.now_ns() < begun_ns + 100 * kMs) {
      group.Turn(true, kStepNs);
    }
    EXPECT_LE(group.now_ns() - begun_ns, group.replica(0).core().options().stand_by_ns)
        << "all have answered before";
    EXPECT_GT(group.listener().committed, committed);
    EXPECT_GE(group.replica(0).core().hand_over_refused_ns(), begun_ns);
    for (std::size_t id = 0; id < kReplicas; ++id) {
      EXPECT_EQ(group.transport(id).stand_bys(), 1U) << id;
    }
    EXPECT_TRUE(group.replica(1).awaiting()) << "it does not go to sleep";
    while (!group.replica(2).leading() && group.now_ns() < begun_ns + 200 * kMs) {
      group.Turn(true, 1'000);
    }
    EXPECT_TRUE(group.replica(2).leading());
    while (group.replica(1).awaiting() && group.now_ns() < begun_ns + 300 * kMs) {
      group.Turn(false, 100'000);
    }
    EXPECT_FALSE(group.replica(1).awaiting());
  }
}

}  // namespace
}  // namespace gaios::rsm
