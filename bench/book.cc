#include <algorithm>
#include <memory>
#include <vector>

#include "gaios/rsm/feeds/open.h"
#include "gaios/rsm/order_book/order_book_machine.h"

#include "bench/benchmarks.h"
#include "bench/book_flow.h"
#include "bench/empty_machine.h"
#include "bench/environment.h"
#include "bench/group.h"
#include "bench/placement.h"
#include "bench/report.h"
#include "bench/targets.h"

namespace gaios::bench {
namespace {

using order_book::OrderBookMachine;

constexpr std::uint64_t kEndToEndTimeoutNs = 120'000'000'000;

// Nanoseconds that `machine` takes for all messages, `ahead` of them announced before they are applied.
template <typename Announce>
std::uint64_t Replay(rsm::StateMachine& machine, const std::vector<BookMessage>& messages, Announce announce,
                     const base::TscClock& clock) {
  constexpr std::size_t kDistance = OrderBookMachine::kPrefetchDistance;
  std::vector<std::byte> reply_memory(rsm::kMaxReplyBytes);
  rsm::Reply reply(reply_memory);
  const std::uint64_t begin_ns = clock.NowNs();
  for (std::size_t i = 0; i < messages.size(); ++i) {
    if (i + kDistance < messages.size()) {
      announce(messages[i + kDistance].command());
    }
    reply.Clear();
    machine.Apply({.slot = i, .time_ns = i, .session = 0, .sequence = 0, .bytes = messages[i].command()},
                  reply);
  }
  return clock.NowNs() - begin_ns;
}

// Mean cost of a message by itself, ns: passes over the whole flow, each on a book made anew, until they have
// taken `seconds`; what the same loop takes around a machine that does nothing is subtracted.
absl::StatusOr<Json> PerMessage(const BookFlow& flow, double seconds, const base::TscClock& clock) {
  const auto say_nothing = [](std::span<const std::byte> /*command*/) {};
  Json json;
  for (const bool ahead : {false, true}) {
    std::uint64_t spent_ns = 0;
    std::uint64_t harness_ns = 0;
    std::uint64_t messages = 0;
    while (static_cast<double>(spent_ns) < seconds * 1e9) {
      absl::StatusOr<std::unique_ptr<OrderBookMachine>> machine = OrderBookMachine::Make(flow.book);
      if (!machine.ok()) {
        return machine.status();
      }
      EmptyMachine empty;
      static_cast<void>(Replay(**machine, flow.preparation, say_nothing, clock));
      harness_ns += Replay(empty, flow.messages, say_nothing, clock);
      if (ahead) {
        OrderBookMachine& book = **machine;
        spent_ns += Replay(
            book, flow.messages, [&book](std::span<const std::byte> command) { book.Prefetch(command); },
            clock);
      } else {
        spent_ns += Replay(**machine, flow.messages, say_nothing, clock);
      }
      messages += flow.messages.size();
    }
    const auto count = static_cast<double>(messages);
    json[ahead ? "message_ns_with_lookahead" : "message_ns"] =
        (static_cast<double>(spent_ns) - static_cast<double>(harness_ns)) / count;
    json["harness_ns"] = static_cast<double>(harness_ns) / count;
    json["messages"] = messages;
  }
  return json;
}

// Proposes `messages` and returns once every replica has applied them.
absl::Status Feed(Group& group, const std::vector<BookMessage>& messages, std::size_t batch,
                  const base::TscClock& clock) {
  rsm::Replica& leader = group.leader();
  CompletionCount completions;
  const std::uint64_t applied_before = group.applied_by_all();
  const std::uint64_t deadline_ns = clock.NowNs() + kEndToEndTimeoutNs;
  std::size_t proposed = 0;
  std::size_t committed = 0;
  while (committed < messages.size() || group.applied_by_all() < applied_before + messages.size()) {
    const std::size_t until = std::min(messages.size(), proposed + batch);
    while (proposed < until &&
           leader.Propose(messages[proposed].command(), completions, proposed) == rsm::Taken::kTaken) {
      ++proposed;
    }
    static_cast<void>(leader.Poll());
    committed += completions.Take();
    if (!completions.clean() || !leader.leading()) {
      return absl::AbortedError("an order was not applied: the leader was lost during the run");
    }
    if (clock.NowNs() > deadline_ns) {
      return absl::DeadlineExceededError("a replicated flow took longer than two minutes");
    }
  }
  return group.Check();
}

// Orders a second through commit and apply at all replicas, for each block.
absl::StatusOr<Json> EndToEnd(const BookFlow& flow, const Options& options, const Placement& placement,
                              const base::TscClock& clock) {
  std::vector<double> per_second;
  // A group for each block: a flow can be fed to a book once.
  const std::size_t blocks = std::clamp<std::size_t>(options.blocks, 1, 5);
  for (std::size_t block = 0; block < blocks; ++block) {
    auto group = Group::Start({.replicas = options.replicas,
                               .capacity_bytes = options.capacity_bytes,
                               .idle = options.idle,
                               .make_machine = [&flow] { return OrderBookMachine::Make(flow.book); }},
                              placement, clock);
    if (!group.ok()) {
      return group.status();
    }
    if (absl::Status status = Feed(**group, flow.preparation, options.batch, clock); !status.ok()) {
      return status;
    }
    const std::uint64_t begin_ns = clock.NowNs();
    if (absl::Status status = Feed(**group, flow.messages, options.batch, clock); !status.ok()) {
      return status;
    }
    per_second.push_back(static_cast<double>(flow.messages.size()) * 1e9 /
                         static_cast<double>(clock.NowNs() - begin_ns));
  }
  return Spread(per_second);
}

}  // namespace

absl::Status RunBook(const Options& options) {
  constexpr std::uint32_t kInstruments = 1'000;
  const Json environment = DescribeEnvironment();
  const Placement placement = ChoosePlacement();
  const base::TscClock clock;
  std::vector<BookFlow> flows;
  for (const std::string& path : feeds::FindRecordings()) {
    absl::StatusOr<BookFlow> flow = BookFlow::Recorded(path);
    if (!flow.ok()) {
      return flow.status();
    }
    if (!flow->messages.empty()) {
      flows.push_back(*std::move(flow));
    }
  }
  // Enough for a second at 200 ns each; fewer where less time is given.
  absl::StatusOr<BookFlow> generated =
      BookFlow::Generated(kInstruments, options.resting_orders,
                          static_cast<std::size_t>(std::clamp(options.seconds, 0.01, 1.0) * 5e6));
  if (!generated.ok()) {
    return generated.status();
  }
  flows.push_back(*std::move(generated));

  Json report;
  report["benchmark"] = "book";
  report["replicas"] = options.replicas;
  report["batch"] = options.batch;
  for (const BookFlow& flow : flows) {
    absl::StatusOr<Json> alone = PerMessage(flow, std::min(options.seconds, 1.0), clock);
    if (!alone.ok()) {
      return alone.status();
    }
    absl::StatusOr<Json> orders_per_s = EndToEnd(flow, options, placement, clock);
    if (!orders_per_s.ok()) {
      return orders_per_s.status();
    }
    (*alone)["flow"] = flow.name;
    (*alone)["instruments"] = flow.book.instruments;
    (*alone)["messages_in_flow"] = flow.messages.size();
    (*alone)["orders_per_second"] = *std::move(orders_per_s);
    report["flows"].push_back(*std::move(alone));
  }
  report["env"] = environment;
  report["one_core"] = placement.crowded();
  return Emit(options, report);
}

}  // namespace gaios::bench
