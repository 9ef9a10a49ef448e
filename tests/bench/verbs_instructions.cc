// The leader's own work for a commit over verbs, to be counted by callgrind: a real leader, its protocol and
// its transport on a device that has no network, beside the floor's two writes on the same device. Each side
// is a function that stands for itself, MeasureCommits and MeasureWrites, so that one of them is counted and
// nothing else; own_instructions.py does that.
//
// verbs_instructions COMMANDS: runs both in turn, each for so many commands of 64 bytes, and prints how long
// they took, as JSON. Exit codes: 0 done, 1 the group could not be made, or lost its leader, 2 wrong usage.

#include <algorithm>
#include <array>
#include <cstdlib>
#include <iostream>
#include <memory>
#include <vector>

#include "gaios/base/check.h"
#include "gaios/base/clock.h"
#include "gaios/paxos/entry.h"
#include "gaios/rsm/replica.h"
#include "gaios/transport/verbs/queue_pair.h"
#include "gaios/transport/verbs/verbs_transport.h"

#include "bench/empty_machine.h"
#include "bench/report.h"
#include "bench/targets.h"
#include "tests/bench/null_device.h"
#include "tests/transport/bootstrap/channel_hub.h"

namespace gaios::bench {
namespace {

using transport::verbs::QueuePair;
using transport::verbs::RdmaDevice;
using transport::verbs::VerbsOptions;
using transport::verbs::VerbsTransport;

constexpr std::size_t kReplicas = 3;
constexpr std::size_t kCommandSizeBytes = 64;
// Between two turns of the followers. Within the ring and the replies that a leader keeps.
constexpr std::size_t kCommandsAtATime = 10'000;
constexpr std::uint64_t kStartTimeoutNs = 300'000'000'000;

struct Member {
  EmptyMachine machine;
  std::unique_ptr<VerbsTransport> transport;
  std::unique_ptr<rsm::Replica> replica;
};

class GroupOnNothing {
 public:
  GroupOnNothing() {
    for (std::size_t i = 0; i < kReplicas; ++i) {
      const paxos::ReplicaId id(static_cast<std::uint8_t>(i));
      VerbsOptions verbs;
      verbs.self = id;
      verbs.incarnation = paxos::Incarnation(1);
      verbs.replicas = kReplicas;
      verbs.clock = &clock_;
      auto transport = VerbsTransport::Open(
          verbs, fabric_.MakeDevice(),
          hub_.Join({.id = id, .incarnation = verbs.incarnation, .group = 1, .capacity = verbs.capacity}));
      GAIOS_CHECK(transport.ok(), transport.status().ToString().c_str());
      members_[i].transport = *std::move(transport);
      rsm::ReplicaOptions options;
      options.protocol.self = id;
      options.protocol.group = paxos::GroupId(1);
      options.protocol.configuration = paxos::Configuration::Bootstrap(kReplicas);
      options.protocol.capacity_bytes = verbs.capacity;
      // The leader is given. Followers are seldom polled, and callgrind is slow.
      options.protocol.suspect_timeout_ns = 600'000'000'000;
      options.protocol.drop_timeout_ns = 600'000'000'000;
      options.protocol.election_timeout_ns = 10'000'000'000;
      options.protocol.election_jitter_ns = i == 0 ? 0 : 600'000'000'000;
      members_[i].replica =
          std::make_unique<rsm::Replica>(options, *members_[i].transport, clock_, members_[i].machine);
    }
  }

  [[nodiscard]] const base::TscClock& clock() const { return clock_; }
  [[nodiscard]] rsm::Replica& leader() { return *members_[0].replica; }
  // Until every follower is in sync and has applied all. False when that takes too long.
  [[nodiscard]] bool Settle() {
    const std::uint64_t deadline_ns = clock_.NowNs() + kStartTimeoutNs;
    while (!Settled()) {
      for (Member& member : members_) {
        static_cast<void>(member.replica->Poll());
      }
      if (clock_.NowNs() > deadline_ns) {
        return false;
      }
    }
    return true;
  }

 private:
  [[nodiscard]] bool Settled() const {
    const rsm::Replica& leader = *members_[0].replica;
    if (!leader.leading() || leader.proposals_under_way() != 0) {
      return false;
    }
    for (std::size_t i = 1; i < kReplicas; ++i) {
      const paxos::FollowerLink* const follower =
          leader.core().follower(paxos::ReplicaId(static_cast<std::uint8_t>(i)));
      if (follower == nullptr || follower->stage != paxos::FollowerLink::Stage::kActive ||
          !follower->in_sync || follower->under_way() != 0 ||
          members_[i].replica->applied_commands() != leader.applied_commands()) {
        return false;
      }
    }
    return true;
  }

  base::TscClock clock_;
  NullFabric fabric_;
  transport::bootstrap::ChannelHub hub_;
  std::array<Member, kReplicas> members_;
};

// The floor: the entry's bytes to two peers, inline and signalled, until the first completion is in.
class WritesOnNothing {
 public:
  WritesOnNothing() {
    queue_ = device_->CreateCompletionQueue(64);
    for (std::size_t i = 0; i < kPeers; ++i) {
      auto own = QueuePair::Create(*device_, queue_, {.sends = 32, .inline_bytes = 256});
      auto other = QueuePair::Create(*device_, queue_, {.access = IBV_ACCESS_REMOTE_WRITE});
      GAIOS_CHECK(
          own.ok() && other.ok() && own->Receive({}, other->end(), 1, {}).ok() && own->Transmit(1, {}).ok(),
          "queue pairs of nothing connect");
      pairs_[i] = *std::move(own);
      others_[i] = *std::move(other);
    }
  }
  WritesOnNothing(const WritesOnNothing&) = delete;
  WritesOnNothing& operator=(const WritesOnNothing&) = delete;
  ~WritesOnNothing() {
    pairs_ = {};
    others_ = {};
    static_cast<void>(device_->DestroyCompletionQueue(queue_));
  }

  void Write() {
    if (at_ + kEntryBytes > kRingBytes) {
      at_ = 0;
    }
    for (std::size_t i = 0; i < kPeers; ++i) {
      ibv_sge piece = {
          .addr = reinterpret_cast<std::uintptr_t>(source_.data() + at_), .length = kEntryBytes, .lkey = 1};
      ibv_send_wr work = {};
      work.wr_id = i;
      work.sg_list = &piece;
      work.num_sge = 1;
      work.opcode = IBV_WR_RDMA_WRITE;
      work.send_flags = IBV_SEND_INLINE | IBV_SEND_SIGNALED;
      work.wr.rdma.remote_addr = reinterpret_cast<std::uintptr_t>(rings_[i].data() + at_);
      work.wr.rdma.rkey = 1;
      ibv_send_wr* bad = nullptr;
      GAIOS_CHECK(device_->PostSend(pairs_[i].handle(), &work, &bad) == 0, "a write of nothing is taken");
    }
    at_ += kEntryBytes;
  }
  // Completions that are in.
  [[nodiscard]] int Poll() {
    std::array<ibv_wc, 32> completions;
    return device_->PollCompletions(queue_, static_cast<int>(completions.size()), completions.data());
  }

 private:
  static constexpr std::size_t kPeers = kReplicas - 1;
  static constexpr std::size_t kEntryBytes = paxos::EntryBytes(CommandBytes(kCommandSizeBytes));
  static constexpr std::size_t kRingBytes = std::size_t{1} << 20;

  NullFabric fabric_;
  std::unique_ptr<RdmaDevice> device_ = fabric_.MakeDevice();
  ibv_cq* queue_ = nullptr;
  std::array<QueuePair, kPeers> pairs_;
  std::array<QueuePair, kPeers> others_;
  std::vector<std::byte> source_ = std::vector<std::byte>(kRingBytes);
  std::array<std::vector<std::byte>, kPeers> rings_ = {std::vector<std::byte>(kRingBytes),
                                                       std::vector<std::byte>(kRingBytes)};
  std::size_t at_ = 0;
};

// Callgrind is told the names of these two: they stay functions.
[[gnu::noipa]] void MeasureCommits(ProductTarget& target, std::size_t commands) {
  for (std::size_t i = 0; i < commands; ++i) {
    while (!target.Propose()) {
      static_cast<void>(target.Poll());
    }
    while (target.Poll() == 0) {
    }
  }
}

[[gnu::noipa]] void MeasureWrites(WritesOnNothing& writes, std::size_t commands) {
  for (std::size_t i = 0; i < commands; ++i) {
    writes.Write();
    while (writes.Poll() == 0) {
    }
  }
}

// Nanoseconds that each of `commands` takes.
template <typename Measure, typename Side>
double Time(const base::TscClock& clock, Measure measure, Side& side, std::size_t commands) {
  const std::uint64_t begin_ns = clock.NowNs();
  measure(side, commands);
  return static_cast<double>(clock.NowNs() - begin_ns) / static_cast<double>(commands);
}

int Run(std::size_t commands) {
  GroupOnNothing group;
  if (!group.Settle()) {
    std::cerr << "verbs_instructions: the group is not in sync after five minutes\n";
    return 1;
  }
  ProductTarget target(group.leader(), kCommandSizeBytes);
  WritesOnNothing writes;
  std::vector<double> commit_ns;
  std::vector<double> write_ns;
  std::vector<double> cost_ns;
  for (std::size_t done = 0; done < commands; done += kCommandsAtATime) {
    const std::size_t now = std::min(kCommandsAtATime, commands - done);
    commit_ns.push_back(Time(group.clock(), MeasureCommits, target, now));
    write_ns.push_back(Time(group.clock(), MeasureWrites, writes, now));
    cost_ns.push_back(commit_ns.back() - write_ns.back());
    if (!group.Settle() || !target.clean()) {
      std::cerr << "verbs_instructions: the group has lost its leader\n";
      return 1;
    }
  }
  std::cout << Json{{"commands", commands},
                    {"product_ns", Spread(commit_ns)},
                    {"floor_ns", Spread(write_ns)},
                    {"own_cost_ns", Spread(cost_ns)}}
                   .dump()
            << std::endl;
  return 0;
}

}  // namespace
}  // namespace gaios::bench

// NOLINTNEXTLINE(bugprone-exception-escape): out of memory ends the program, as it should
int main(int argc, char** argv) {
  char* end = nullptr;
  const unsigned long long commands = argc == 2 ? std::strtoull(argv[1], &end, 10) : 0;
  if (commands == 0 || *end != '\0') {
    std::cerr << "usage: verbs_instructions COMMANDS\n";
    return 2;
  }
  return gaios::bench::Run(commands);
}
