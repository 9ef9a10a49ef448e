// What a snapshot costs the replica that takes it: a node of one replica over shared memory with a ring of 64
// MiB, and an order book. The time of an iteration is how long the loop stands still, which is the fork and
// little else (Capture::pause_ns).
//
// Counters: pause_cpu_us, the same by the thread's own processor time, which a busy machine disturbs less;
// write_ms until the file is there, while the node is polled and does nothing else; mib of the
// file; restore_ms to read it back into another machine, checks included. Files are on a tmpfs. The small
// case also runs as a test.

#include <sched.h>
#include <time.h>

#include <array>
#include <chrono>
#include <memory>
#include <optional>
#include <random>
#include <span>
#include <string>

#include <benchmark/benchmark.h>

#include "gaios/base/check.h"
#include "gaios/rsm/marker.h"
#include "gaios/rsm/node.h"
#include "gaios/rsm/order_book/commands.h"
#include "gaios/rsm/order_book/order_book_machine.h"
#include "gaios/rsm/snapshot/capture.h"
#include "gaios/rsm/snapshot/file.h"

#include "bench/scratch_directory.h"

namespace gaios {
namespace {

using order_book::OrderBookMachine;
using Clock = std::chrono::steady_clock;

double MsSince(Clock::time_point from) {
  return std::chrono::duration<double, std::milli>(Clock::now() - from).count();
}

double ThreadCpuUs() {
  timespec now = {};
  ::clock_gettime(CLOCK_THREAD_CPUTIME_ID, &now);
  return static_cast<double>(now.tv_sec) * 1e6 + static_cast<double>(now.tv_nsec) / 1e3;
}

// Orders that rest, far from one another.
void Fill(OrderBookMachine& book, std::uint32_t orders) {
  std::mt19937_64 random(1);
  std::array<std::byte, 4096> memory;
  for (std::uint32_t i = 1; i <= orders; ++i) {
    const bool buys = random() % 2 == 0;
    order_book::NewOrder order;
    order.side = buys ? order_book::Side::kBuy : order_book::Side::kSell;
    order.type = order_book::OrderType::kLimit;
    order.instrument = static_cast<std::uint32_t>(random() % book.options().instruments);
    order.order_id = i;
    order.owner = 1;
    order.price = buys ? static_cast<std::int64_t>(1 + random() % 1000)
                       : static_cast<std::int64_t>(2000 + random() % 1000);
    order.quantity = 10;
    rsm::Reply reply(memory);
    rsm::Command command;
    command.bytes = std::as_bytes(std::span(&order, 1));
    book.Apply(command, reply);
  }
  GAIOS_CHECK(book.resting_orders() == orders, "all of them rest");
}

void TakeSnapshot(benchmark::State& state) {
  const auto orders = static_cast<std::uint32_t>(state.range(0));
  const order_book::OrderBookOptions options{.instruments = 1U << 14, .max_orders = 1U << 20};
  const auto scratch = bench::ScratchDirectory::Create();
  GAIOS_CHECK(scratch.ok(), "no temporary directory");
  rsm::Config config;
  config.group = "bench";
  config.directory = scratch->path() + "/group";
  config.replicas.emplace_back();
  GAIOS_CHECK(rsm::Bootstrap(config).ok(), "a group in a directory of its own");
  const std::unique_ptr<OrderBookMachine> book = *OrderBookMachine::Make(options);
  const std::unique_ptr<OrderBookMachine> other = *OrderBookMachine::Make(options);
  Fill(*book, orders);
  const auto node = rsm::Node::Open(config, paxos::ReplicaId(0), *book);
  GAIOS_CHECK(node.ok(), "a node can be opened");
  while (!(*node)->replica().leading()) {
    (*node)->Poll();
  }
  const rsm::SnapshotOrigin origin{paxos::GroupId(1), "bench", 1, "order-book"};
  const std::string path = scratch->path() + "/snapshot";
  double pause_cpu_us = 0;
  double write_ms = 0;
  double restore_ms = 0;
  double mib = 0;
  for (auto _ : state) {
    const auto from = Clock::now();
    const double cpu_from = ThreadCpuUs();
    const auto capture = rsm::Capture::Start(path, origin, (*node)->replica());
    pause_cpu_us += ThreadCpuUs() - cpu_from;
    GAIOS_CHECK(capture.ok(), "a snapshot can be taken");
    state.SetIterationTime(static_cast<double>((*capture)->pause_ns()) / 1e9);
    std::optional<absl::Status> outcome;
    while (!(outcome = (*capture)->Poll()).has_value()) {
      (*node)->Poll();
      ::sched_yield();
    }
    GAIOS_CHECK(outcome->ok(), "it goes well");
    write_ms += MsSince(from);
    const auto restore_from = Clock::now();
    const auto reader = rsm::SnapshotReader::Open(path);
    GAIOS_CHECK(reader.ok() && (*reader)->Skip((*reader)->facts().sessions_bytes).ok() &&
                    other->Restore(**reader).ok() && other->StateHash() == book->StateHash(),
                "what was written is the state");
    restore_ms += MsSince(restore_from);
    mib = static_cast<double>((*reader)->file_bytes()) / (1 << 20);
  }
  state.counters["pause_cpu_us"] = benchmark::Counter(pause_cpu_us, benchmark::Counter::kAvgIterations);
  state.counters["write_ms"] = benchmark::Counter(write_ms, benchmark::Counter::kAvgIterations);
  state.counters["restore_ms"] = benchmark::Counter(restore_ms, benchmark::Counter::kAvgIterations);
  state.counters["mib"] = mib;
}
BENCHMARK(TakeSnapshot)
    ->ArgName("orders")
    ->Arg(1000)
    ->Arg(1'000'000)
    ->Iterations(3)
    ->UseManualTime()
    ->Unit(benchmark::kMicrosecond);

}  // namespace
}  // namespace gaios

BENCHMARK_MAIN();
