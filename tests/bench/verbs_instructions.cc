// The leader's own work for a commit over verbs, on a device that has no network, beside the floor's two
// writes on the same device: see counted_run.h.
//
// verbs_instructions COMMANDS [late=LOOKS] [beat=NS] [rest=COMMANDS]: runs both in turn, each for so many
// commands of 64 bytes, and prints how long they took, as JSON. What disturbs the leader meanwhile:
//   late  one of the two peers answers so many looks later, as one of several always does by one; the floor's
//         too
//   beat  how often the leader beats, and looks at its followers, in the time of a clock that goes on by 150
//         ns with each look at it
//   rest  after so many commands it has a turn with nothing to do, and sends commit words
// Exit codes: 0 done, 1 the group could not be made, or lost its leader, 2 wrong usage.

#include <algorithm>
#include <array>
#include <charconv>
#include <cstddef>
#include <iostream>
#include <memory>
#include <optional>
#include <span>
#include <string_view>
#include <vector>

#include "gaios/base/check.h"
#include "gaios/base/clock.h"
#include "gaios/paxos/entry.h"
#include "gaios/transport/verbs/queue_pair.h"
#include "gaios/transport/verbs/verbs_transport.h"

#include "tests/bench/counted_run.h"
#include "tests/bench/null_device.h"
#include "tests/transport/bootstrap/channel_hub.h"

namespace gaios::bench {
namespace {

using transport::verbs::QueuePair;
using transport::verbs::RdmaDevice;
using transport::verbs::VerbsOptions;
using transport::verbs::VerbsTransport;

// The floor: the entry's bytes to two peers, inline and signalled, until the first completion is in.
class WritesOnNothing {
 public:
  explicit WritesOnNothing(std::size_t late_looks) : late_device_(fabric_.MakeDevice(late_looks)) {
    queue_ = device_->CreateCompletionQueue(64);
    for (std::size_t i = 0; i < kPeers; ++i) {
      auto own = QueuePair::Create(*device_, queue_, {.sends = 32, .inline_bytes = 256});
      auto other =
          QueuePair::Create(i == 1 ? *late_device_ : *device_, queue_, {.access = IBV_ACCESS_REMOTE_WRITE});
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
  // Whether completions are in.
  [[nodiscard]] bool Done() {
    std::array<ibv_wc, 32> completions;
    return device_->PollCompletions(queue_, static_cast<int>(completions.size()), completions.data()) != 0;
  }
  void Settle() {}

 private:
  static constexpr std::size_t kPeers = kCountedReplicas - 1;
  static constexpr std::size_t kEntryBytes = paxos::EntryBytes(CommandBytes(kCountedCommandBytes));
  static constexpr std::size_t kRingBytes = std::size_t{1} << 20;

  NullFabric fabric_;
  std::unique_ptr<RdmaDevice> device_ = fabric_.MakeDevice();
  std::unique_ptr<RdmaDevice> late_device_;
  ibv_cq* queue_ = nullptr;
  std::array<QueuePair, kPeers> pairs_;
  std::array<QueuePair, kPeers> others_;
  std::vector<std::byte> source_ = std::vector<std::byte>(kRingBytes);
  std::array<std::vector<std::byte>, kPeers> rings_ = {std::vector<std::byte>(kRingBytes),
                                                       std::vector<std::byte>(kRingBytes)};
  std::size_t at_ = 0;
};

struct Disturbances {
  std::size_t late_looks = 0;
  std::size_t heartbeat_ns = 0;  // 0: as usual
  std::size_t between_rests = 0;
};

int Run(std::size_t commands, const Disturbances& disturbances) {
  NullFabric fabric;
  transport::bootstrap::ChannelHub hub;
  CountedGroup<VerbsTransport> group(
      [&](paxos::ReplicaId id, const base::Clock& clock) {
        VerbsOptions verbs;
        verbs.self = id;
        verbs.incarnation = paxos::Incarnation(1);
        verbs.replicas = kCountedReplicas;
        verbs.clock = &clock;
        const bool late = id == paxos::ReplicaId(kCountedReplicas - 1);
        auto transport = VerbsTransport::Open(
            verbs, fabric.MakeDevice(late ? disturbances.late_looks : 0),
            hub.Join({.id = id, .incarnation = verbs.incarnation, .group = 1, .capacity = verbs.capacity}));
        GAIOS_CHECK(transport.ok(), transport.status().ToString().c_str());
        return *std::move(transport);
      },
      disturbances.heartbeat_ns);
  WritesOnNothing writes(disturbances.late_looks);
  return RunCounted("verbs_instructions", group, writes, commands, disturbances.between_rests);
}

// Of arguments NAME=NUMBER. Nothing, and a word on stderr, for anything else.
std::optional<Disturbances> DisturbancesOf(std::span<char*> arguments) {
  Disturbances disturbances;
  for (const std::string_view argument : arguments) {
    const std::size_t name_end = argument.find('=');
    const std::string_view name = argument.substr(0, name_end);
    std::size_t* const to = name == "late"   ? &disturbances.late_looks
                            : name == "beat" ? &disturbances.heartbeat_ns
                            : name == "rest" ? &disturbances.between_rests
                                             : nullptr;
    const char* const end = argument.data() + argument.size();
    if (to == nullptr || name_end == std::string_view::npos ||
        std::from_chars(argument.data() + name_end + 1, end, *to).ptr != end || *to == 0) {
      std::cerr << "verbs_instructions: \"" << argument
                << "\" is not known: give it late=LOOKS, beat=NS or rest=COMMANDS, each above 0\n";
      return std::nullopt;
    }
  }
  return disturbances;
}

}  // namespace
}  // namespace gaios::bench

// NOLINTNEXTLINE(bugprone-exception-escape): out of memory ends the program, as it should
int main(int argc, char** argv) {
  const std::size_t commands = gaios::bench::CommandsOf("verbs_instructions", std::min(argc, 2), argv);
  if (commands == 0) {
    return 2;
  }
  const auto disturbances =
      gaios::bench::DisturbancesOf(std::span(argv, static_cast<std::size_t>(argc)).subspan(2));
  return disturbances.has_value() ? gaios::bench::Run(commands, *disturbances) : 2;
}
