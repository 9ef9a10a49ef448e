
#include <arpa/inet.h>
#include <sched.h>

#include <algorithm>
#include <array>
#include <atomic>
#include <cstring>
#include <memory>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "gaios/base/idle.h"
#include "gaios/transport/udp/socket_port.h"
#include "gaios/transport/udp/wire.h"

#include "bench/benchmarks.h"
#include "bench/child_process.h"
#include "bench/commit_run.h"
#include "bench/empty_machine.h"
#include "bench/environment.h"
#include "bench/group.h"
#include "bench/placement.h"
#include "bench/posted_targets.h"
#include "bench/report.h"
#include "bench/shared_page.h"
#include "bench/spoofed_sender.h"
#include "bench/throughput_run.h"
#include "bench/udp.h"

namespace gaios::bench {
namespace {

using transport::udp::Endpoint;

// A block of latencies is so much shorter than one of throughput.
constexpr std::uint64_t kShorter = 50;
// Sent at a time.
constexpr std::uint64_t kBurst = 16;
constexpr std::uint64_t kMostLateNs = 1'000'000;
// Of a write of one command.
constexpr std::size_t kFalseBytes = 256;
constexpr std::uint64_t kPatienceNs = 10'000'000'000;

// Where the flood goes.
enum class Aim : std::uint32_t {
  kNowhere,    // there is none
  kElsewhere,  // to a port of the same host that nobody looks at: what sending alone takes from everybody
  kLeader,     // from a stranger, of another group
  // Of who reads along, and sends under a follower's address: all is right of them but the seal, so that it
  // has to be looked at. Of 64 bytes, and as long as a datagram may be.
  kForgedShort,
  kForgedLong,
};
constexpr std::size_t kAims = 5;
constexpr std::array<const char*, kAims> kAimNames = {"without", "elsewhere", "leader", "leader_forged_short",
                                                      "leader_forged_long"};
enum class Ear : std::uint32_t { kListens, kHasHeard, kDeaf };

struct FloodPage {
  std::atomic<Aim> aim{Aim::kNowhere};
  // By aim: what is sent when an aim has just been given up is not of the next.
  std::array<std::atomic<std::uint64_t>, kAims> sent = {};
  std::atomic<bool> stop{false};
  // The leader's address and UDP port in one, once known.
  std::atomic<std::uint64_t> leader{0};
  // Whether the flooder can forge: it has no right to, or has overheard what it needs.
  std::atomic<Ear> ear{Ear::kListens};
};

std::uint64_t Pack(Endpoint endpoint) {
  return std::uint64_t{endpoint.address} << 16U | endpoint.port;
}
Endpoint Unpack(std::uint64_t packed) {
  return {.address = static_cast<std::uint32_t>(packed >> 16U), .port = static_cast<std::uint16_t>(packed)};
}

// A flood comes from another host, and waits for nobody here: in the real-time class the flooder goes before
// those that it floods. In the ordinary class nothing is done.
void GoFirst() {
  sched_param parameters = {};
  const int policy = ::sched_getscheduler(0);
  if ((policy == SCHED_RR || policy == SCHED_FIFO) && ::sched_getparam(0, &parameters) == 0) {
    ++parameters.sched_priority;
    static_cast<void>(::sched_setscheduler(0, policy, &parameters));
  }
}

// Waits until the leader is known, and listens for what is sent to it.
absl::StatusOr<SpoofedSender> Overhear(FloodPage& page, const base::TscClock& clock) {
  base::Idle idle(base::IdleStrategy::kBackOff);
  for (const std::uint64_t begin_ns = clock.NowNs(); page.leader == 0 && !page.stop;) {
    if (clock.NowNs() - begin_ns > kPatienceNs) {
      break;
    }
    idle.OnIdle();
  }
  absl::StatusOr<SpoofedSender> sender =
      SpoofedSender::Overhear(Unpack(page.leader.load(std::memory_order_relaxed)), kPatienceNs);
  page.ear = sender.ok() ? Ear::kHasHeard : Ear::kDeaf;
  return sender;
}

// Sends datagrams to the leader at the rate, as the page says.
absl::Status Flood(FloodPage& page, const Options& options, const base::TscClock& clock) {
  auto port = transport::udp::SocketPort::Open({.address = "127.0.0.1", .max_payload = 1400});
  auto sink = transport::udp::SocketPort::Open({.address = "127.0.0.1", .max_payload = 1400});
  if (!port.ok() || !sink.ok()) {
    return port.ok() ? sink.status() : port.status();
  }
  std::array<std::byte, kFalseBytes> datagram = {};
  const transport::udp::Header header = {.kind = static_cast<std::uint8_t>(transport::udp::Kind::kPing),
                                         .from = 1,
                                         .to = 0,
                                         .from_incarnation = 1,
                                         .to_incarnation = 1};
  std::memcpy(datagram.data(), &header, sizeof(header));
  absl::StatusOr<SpoofedSender> spoofed = Overhear(page, clock);
  Aim forges = Aim::kNowhere;
  GoFirst();
  base::Idle idle(base::IdleStrategy::kBackOff);
  std::uint64_t next_ns = clock.NowNs();
  while (!page.stop.load(std::memory_order_relaxed)) {
    const Aim aim = page.aim.load(std::memory_order_relaxed);
    const std::uint64_t now_ns = clock.NowNs();
    if (aim == Aim::kNowhere || now_ns < next_ns) {
      next_ns = aim == Aim::kNowhere ? now_ns : next_ns;
      idle.OnIdle();
      continue;
    }
    idle.OnWork();
    // What could not be sent in time is not made up for: that would be another flood.
    next_ns = std::max(next_ns, now_ns - kMostLateNs) + kBurst * 1'000'000'000 / options.rate_per_s;
    if (aim == Aim::kForgedShort || aim == Aim::kForgedLong) {
      if (aim != forges) {
        spoofed->SetBytes(aim == Aim::kForgedShort ? SpoofedSender::kShortBytes : options.payload_bytes);
        forges = aim;
      }
      page.sent.at(static_cast<std::size_t>(aim)) += spoofed->Send(kBurst);
      continue;
    }
    const Endpoint to =
        aim == Aim::kLeader ? Unpack(page.leader.load(std::memory_order_relaxed)) : (*sink)->local();
    const std::uint64_t before = (*port)->counters().sent;
    for (std::uint64_t i = 0; i < kBurst; ++i) {
      const std::span<std::byte> buffer = (*port)->Claim();
      if (!buffer.empty()) {
        std::memcpy(buffer.data(), datagram.data(), datagram.size());
        (*port)->Send(datagram.size(), to);
      }
    }
    (*port)->Flush();
    page.sent.at(static_cast<std::size_t>(aim)) += (*port)->counters().sent - before;
  }
  return absl::OkStatus();
}

// What was measured with one aim.
struct Side {
  Series commits;
  std::vector<double> per_second;
  std::uint64_t flood_sent = 0;
  std::uint64_t flood_ns = 0;
};

class FloodRun {
 public:
  FloodRun(const Options& options, const base::TscClock& clock, FloodPage& page, Group& group)
      : options_(options), clock_(clock), page_(page), group_(group) {}

  absl::Status Measure() {
    Options shorter = options_;
    shorter.block_commits = std::max<std::uint64_t>(options_.block_commits / kShorter, 1);
    ProductTarget product(group_.leader(), options_.size_bytes);
    Idling<ProductTarget> target(product, options_.leader_idle);
    CommitRun run(shorter, clock_);
    auto sessions = SessionPool::Open(group_.leader(), 0, clock_);
    if (!sessions.ok()) {
      return sessions.status();
    }
    for (std::size_t block = 0; block < options_.blocks; ++block) {
      for (std::size_t i = 0; i < aims(); ++i) {
        const std::size_t at = (block + i) % aims();  // they take turns in coming first
        Side& side = sides_.at(at);
        const std::uint64_t sent = page_.sent.at(at);
        const std::uint64_t begin_ns = clock_.NowNs();
        page_.aim = static_cast<Aim>(at);
        run.Block(target, side.commits);
        const absl::StatusOr<double> seconds =
            ProductBlock(group_, *sessions, options_, options_.block_commits, clock_);
        page_.aim = Aim::kNowhere;
        if (!seconds.ok()) {
          return seconds.status();
        }
        side.per_second.push_back(static_cast<double>(options_.block_commits) / *seconds);
        side.flood_sent += page_.sent.at(at) - sent;
        side.flood_ns += clock_.NowNs() - begin_ns;
        if (absl::Status status = group_.Check(); !status.ok()) {
          return status;
        }
      }
    }
    return product.clean()
               ? absl::OkStatus()
               : absl::AbortedError("a command ended unknown: the leader was lost during the run");
  }

  [[nodiscard]] Json Report() const {
    Json report;
    for (std::size_t at = 0; at < aims(); ++at) {
      const Side& side = sides_.at(at);
      std::vector<double> of_without;
      for (std::size_t block = 0; block < side.per_second.size(); ++block) {
        of_without.push_back(side.per_second[block] / sides_[0].per_second[block]);
      }
      report[kAimNames.at(at)] = {
          {"flood_per_second", static_cast<double>(side.flood_sent) * 1e9 /
                                   static_cast<double>(std::max<std::uint64_t>(side.flood_ns, 1))},
          {"commit_p50_ns", Spread(side.commits.p50_ns)},
          {"commit_p99_ns", Spread(side.commits.p99_ns)},
          {"throughput_per_second", Spread(side.per_second)},
          {"throughput_of_without", Spread(of_without)}};
    }
    rsm::TransportCounters counted = group_.leader_transport().counters().value_or(rsm::TransportCounters());
    report["leader_dropped"] = {{"foreign", counted[rsm::TransportCounter::kDroppedForeign]},
                                {"forged", counted[rsm::TransportCounter::kDroppedForged]}};
    report["leader_missed"] = counted[rsm::TransportCounter::kDatagramsMissed];
    return report;
  }

 private:
  // Without the right to forge there is none of that.
  [[nodiscard]] std::size_t aims() const {
    return page_.ear == Ear::kHasHeard ? kAims : static_cast<std::size_t>(Aim::kForgedShort);
  }

  const Options& options_;
  const base::TscClock& clock_;
  FloodPage& page_;
  Group& group_;
  std::array<Side, kAims> sides_;
};

}  // namespace

absl::Status RunFlood(const Options& options) {
  const Json environment = DescribeEnvironment();
  const Placement placement = ChoosePlacement();
  const base::TscClock clock;
  auto page = SharedPage<FloodPage>::Create();
  if (!page.ok()) {
    return page.status();
  }
  FloodPage& shared = **page;
  // Before the group, whose sockets it must not keep.
  auto flooder = ChildProcess::Fork(placement.follower_cpu,
                                    [&shared, &options, &clock] { return Flood(shared, options, clock); });
  if (!flooder.ok()) {
    return flooder.status();
  }
  auto group = Group::Start(UdpGroupOptions(options), placement, clock);
  if (!group.ok()) {
    return group.status();
  }
  const rsm::ReplicaConfig& leader = (*group)->config().replicas[0];
  in_addr address = {};
  static_cast<void>(::inet_pton(AF_INET, leader.udp_address.c_str(), &address));
  shared.leader = Pack({.address = ntohl(address.s_addr), .port = leader.udp_port});
  base::Idle idle(base::IdleStrategy::kBackOff);
  while (shared.ear == Ear::kListens && !flooder->Ended()) {
    static_cast<void>((*group)->leader().Poll());
    idle.OnIdle();
  }
  FloodRun run(options, clock, shared, **group);
  const absl::Status status = run.Measure();
  shared.stop = true;
  flooder->Join();
  if (!status.ok()) {
    return status;
  }
  Json report = run.Report();
  report["benchmark"] = "flood";
  report["encrypt"] = options.encrypt;
  report["forged"] = shared.ear == Ear::kHasHeard;
  report["payload_bytes"] = options.payload_bytes;
  report["transport"] = TransportName(options);
  report["size_bytes"] = options.size_bytes;
  report["replicas"] = options.replicas;
  report["rate_per_s"] = options.rate_per_s;
  report["commands_a_block"] = options.block_commits;
  report["blocks"] = options.blocks;
  report["env"] = environment;
  report["one_core"] = placement.crowded();
  return Emit(options, report);
}

}  // namespace gaios::bench
