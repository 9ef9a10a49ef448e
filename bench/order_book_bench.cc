// What one message costs the order book, on a generated flow over many instruments. The flow is made
// beforehand, by running it on a machine of its own, so that cancellations name orders that rest and the book
// keeps its size; each iteration then replays it whole on a machine restored to the start. Orders to cancel
// are drawn evenly from all that rest and instruments evenly from all there are, which is harder on the
// caches than real flows are.
//
// With lookahead, each message is announced to the machine kPrefetchDistance messages before it is applied,
// as a replica does with the commands of a batch; what that costs counts as the book's.
//
// Counters: apply_ns is the time for a message less that of the same loop around a machine that does nothing,
// which is harness_ns. The small case also runs as a test.

#include <array>
#include <chrono>
#include <cmath>
#include <cstddef>
#include <cstdint>
#include <cstring>
#include <memory>
#include <random>
#include <span>
#include <utility>
#include <vector>

#include <absl/status/status.h>
#include <benchmark/benchmark.h>

#include "gaios/base/check.h"
#include "gaios/rsm/order_book/commands.h"
#include "gaios/rsm/order_book/order_book_machine.h"
#include "gaios/rsm/order_book/reports.h"
#include "gaios/rsm/state_machine.h"

namespace gaios::order_book {
namespace {

struct Message {
  std::array<std::byte, kMaxCommandBytes> bytes;
  std::uint32_t size;
};

class MemorySnapshot final : public rsm::SnapshotSink, public rsm::SnapshotSource {
 public:
  absl::Status Append(std::span<const std::byte> bytes) override {
    bytes_.insert(bytes_.end(), bytes.begin(), bytes.end());
    return absl::OkStatus();
  }
  absl::Status Read(std::span<std::byte> bytes) override {
    if (bytes.size() > bytes_.size() - read_) {
      return absl::DataLossError("the snapshot ends too early");
    }
    std::memcpy(bytes.data(), bytes_.data() + read_, bytes.size());
    read_ += bytes.size();
    return absl::OkStatus();
  }
  void Rewind() { read_ = 0; }

 private:
  std::vector<std::byte> bytes_;
  std::size_t read_ = 0;
};

// The harness without a book.
class NullMachine final : public rsm::StateMachine {
 public:
  void Apply(const rsm::Command& command, rsm::Reply& reply) override {
    benchmark::DoNotOptimize(command.bytes[0]);
    benchmark::DoNotOptimize(reply.size());
  }
  [[nodiscard]] std::uint64_t StateHash() const override { return 0; }
  [[nodiscard]] absl::Status Save(rsm::SnapshotSink& /*sink*/) const override { return absl::OkStatus(); }
  [[nodiscard]] absl::Status Restore(rsm::SnapshotSource& /*source*/) override { return absl::OkStatus(); }
};

class Flow {
 public:
  Flow(std::uint32_t instruments, std::uint32_t resting, std::size_t messages)
      : options_{.instruments = instruments, .max_orders = resting + resting / 4},
        mids_(instruments, kStartPrice) {
    auto machine = OrderBookMachine::Make(options_);
    GAIOS_CHECK(machine.ok(), "the benchmark's order book can be made");
    machine_ = *std::move(machine);
    live_.reserve(options_.max_orders);
    while (machine_->resting_orders() < resting) {
      Add();
    }
    GAIOS_CHECK(machine_->Save(start_).ok(), "a snapshot in memory can be taken");
    messages_.reserve(messages);
    recording_ = true;
    while (messages_.size() < messages) {
      Step(resting);
    }
    machine_.reset();
  }

  [[nodiscard]] const std::vector<Message>& messages() const { return messages_; }

  [[nodiscard]] std::unique_ptr<OrderBookMachine> MachineAtStart() {
    auto machine = OrderBookMachine::Make(options_);
    start_.Rewind();
    GAIOS_CHECK(machine.ok() && (*machine)->Restore(start_).ok(), "the start of the flow can be restored");
    return *std::move(machine);
  }

 private:
  static constexpr Price kStartPrice = 100'000;
  static constexpr double kMeanDistance_ticks = 50.0;

  std::uint64_t Below(std::uint64_t bound) { return random_() % bound; }
  Quantity RandomQuantity() { return 1 + Below(500); }
  // Behind the middle, so that most orders rest: close to it most of the time, far from it now and then.
  Price PassivePrice(InstrumentId instrument, Side side) {
    const double uniform = (static_cast<double>(Below(1U << 20)) + 1) / (1U << 20);
    const auto distance = static_cast<Price>(1 - kMeanDistance_ticks * std::log(uniform));
    return mids_[instrument] + (side == Side::kBuy ? -distance : distance);
  }
  OrderId RandomLive() { return live_[Below(live_.size())]; }

  void Step(std::uint32_t resting) {
    const std::uint64_t dice = Below(100);
    if (dice < 3) {
      Aggress();
    } else if (dice < 6) {
      Send(Reduce{.order_id = RandomLive(), .quantity = 1 + Below(50)});
    } else if (dice < 9) {
      const OrderId old_id = RandomLive();
      const NewOrder& old = orders_[old_id];
      NewOrder order = old;
      order.order_id = NewId();
      order.price = PassivePrice(old.instrument, old.side);
      orders_[order.order_id] = order;
      Send(Replace{.order_id = old_id,
                   .new_order_id = order.order_id,
                   .price = order.price,
                   .quantity = RandomQuantity()});
    } else if (machine_->resting_orders() > resting ||
               (dice < 52 && machine_->resting_orders() > resting / 2)) {
      Send(Cancel{.order_id = RandomLive()});
    } else {
      Add();
    }
  }

  void Add() {
    NewOrder order{.side = static_cast<Side>(Below(2)),
                   .instrument = static_cast<InstrumentId>(Below(options_.instruments)),
                   .order_id = NewId(),
                   .quantity = RandomQuantity()};
    order.price = PassivePrice(order.instrument, order.side);
    orders_[order.order_id] = order;
    Send(order);
  }

  void Aggress() {
    const auto instrument = static_cast<InstrumentId>(Below(options_.instruments));
    const Side side = static_cast<Side>(Below(2));
    mids_[instrument] += static_cast<Price>(Below(3)) - 1;
    Send(NewOrder{.side = side,
                  .type = OrderType::kMarket,
                  .instrument = instrument,
                  .order_id = NewId(),
                  .quantity = 1 + Below(1000)});
  }

  OrderId NewId() {
    orders_.emplace_back();
    place_.push_back(kNotLive);
    return orders_.size() - 1;
  }

  template <typename T>
  void Send(const T& command) {
    rsm::Reply reply(reply_memory_);
    machine_->Apply({.bytes = AsBytes(command)}, reply);
    if (recording_) {
      Message message{};
      std::memcpy(message.bytes.data(), &command, sizeof(T));
      message.size = sizeof(T);
      messages_.push_back(message);
    }
    const auto view = ReplyView::Parse(reply.bytes());
    GAIOS_CHECK(view.has_value() && view->header().left_out == 0, "the reply holds all reports");
    for (std::size_t i = 0; i < view->size(); ++i) {
      const ExecutionReport report = (*view)[i];
      Track(report.order_id);
      Track(report.other_order_id);
    }
  }

  void Track(OrderId id) {
    if (id == 0) {
      return;
    }
    const bool rests = machine_->Remaining(id).has_value();
    if (rests && place_[id] == kNotLive) {
      place_[id] = live_.size();
      live_.push_back(id);
    } else if (!rests && place_[id] != kNotLive) {
      place_[live_.back()] = place_[id];
      live_[place_[id]] = live_.back();
      live_.pop_back();
      place_[id] = kNotLive;
    }
  }

  static constexpr std::size_t kNotLive = SIZE_MAX;

  OrderBookOptions options_;
  std::vector<Price> mids_;
  std::mt19937_64 random_{20'101'224};
  std::unique_ptr<OrderBookMachine> machine_;
  std::vector<std::byte> reply_memory_ = std::vector<std::byte>(rsm::kMaxReplyBytes);
  std::vector<NewOrder> orders_ = std::vector<NewOrder>(1);                 // by id, from 1
  std::vector<std::size_t> place_ = std::vector<std::size_t>(1, kNotLive);  // by id: where it is in live_
  std::vector<OrderId> live_;
  MemorySnapshot start_;
  std::vector<Message> messages_;
  bool recording_ = false;
};

std::span<const std::byte> BytesOf(const Message& message) {
  return std::span(message.bytes).first(message.size);
}

// Seconds that `announce` and `apply` take for all messages.
template <typename Announce, typename Apply>
double Replay(std::span<const Message> messages, Announce announce, Apply apply) {
  constexpr std::size_t kDistance = OrderBookMachine::kPrefetchDistance;
  std::vector<std::byte> reply_memory(rsm::kMaxReplyBytes);
  rsm::Reply reply(reply_memory);
  const auto start = std::chrono::steady_clock::now();
  for (std::size_t i = 0; i < messages.size(); ++i) {
    if (i + kDistance < messages.size()) {
      announce(BytesOf(messages[i + kDistance]));
    }
    reply.Clear();
    apply({.bytes = BytesOf(messages[i])}, reply);
  }
  return std::chrono::duration<double>(std::chrono::steady_clock::now() - start).count();
}

double ReplayOnNothing(std::span<const Message> messages) {
  NullMachine machine;
  rsm::StateMachine& as_used = machine;
  return Replay(
      messages, [](std::span<const std::byte> command) { benchmark::DoNotOptimize(command.data()); },
      [&as_used](const rsm::Command& command, rsm::Reply& reply) { as_used.Apply(command, reply); });
}

double ReplayOn(OrderBookMachine& machine, std::span<const Message> messages, bool lookahead) {
  rsm::StateMachine& as_used = machine;
  const auto apply = [&as_used](const rsm::Command& command, rsm::Reply& reply) {
    as_used.Apply(command, reply);
  };
  if (lookahead) {
    return Replay(
        messages, [&machine](std::span<const std::byte> command) { machine.Prefetch(command); }, apply);
  }
  return Replay(
      messages, [](std::span<const std::byte> command) { benchmark::DoNotOptimize(command.data()); }, apply);
}

void GeneratedFlow(benchmark::State& state) {
  Flow flow(static_cast<std::uint32_t>(state.range(0)), static_cast<std::uint32_t>(state.range(1)),
            static_cast<std::size_t>(state.range(2)));
  double apply_s = 0;
  double harness_s = 0;
  while (state.KeepRunning()) {
    harness_s += ReplayOnNothing(flow.messages());
    const std::unique_ptr<OrderBookMachine> machine = flow.MachineAtStart();
    const double elapsed_s = ReplayOn(*machine, flow.messages(), state.range(3) != 0);
    apply_s += elapsed_s;
    state.SetIterationTime(elapsed_s);
  }
  const double messages =
      static_cast<double>(state.iterations()) * static_cast<double>(flow.messages().size());
  state.SetItemsProcessed(static_cast<std::int64_t>(messages));
  state.counters["apply_ns"] = (apply_s - harness_s) / messages * 1e9;
  state.counters["harness_ns"] = harness_s / messages * 1e9;
}

BENCHMARK(GeneratedFlow)
    ->ArgNames({"instruments", "resting", "messages", "lookahead"})
    ->Args({1, 1'000, 100'000, 1})
    ->UseManualTime()
    ->Unit(benchmark::kMillisecond);
BENCHMARK(GeneratedFlow)
    ->ArgNames({"instruments", "resting", "messages", "lookahead"})
    ->Args({1'000, 1'000'000, 10'000'000, 0})
    ->Args({1'000, 1'000'000, 10'000'000, 1})
    ->UseManualTime()
    ->Iterations(2)
    ->Unit(benchmark::kMillisecond);

}  // namespace
}  // namespace gaios::order_book

BENCHMARK_MAIN();
