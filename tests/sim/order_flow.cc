#include "tests/sim/order_flow.h"

#include <cstring>
#include <span>
#include <utility>

#include <absl/status/statusor.h>

#include "gaios/base/check.h"
#include "gaios/rsm/feeds/to_commands.h"
#include "gaios/rsm/order_book/commands.h"
#include "gaios/rsm/order_book/order_book_machine.h"

namespace gaios::sim {
namespace {

constexpr std::uint32_t kRestingOrders = 48;
constexpr std::uint64_t kIdsOfAClient = std::uint64_t{1} << 40;
constexpr std::uint64_t kUniqueIds = std::uint64_t{1} << 39;  // the upper half of a client's
constexpr std::byte kNoCommand{0x7f};
constexpr std::uint32_t kMaxOrders = 1024;

std::vector<std::byte> Copy(std::span<const std::byte> bytes) {
  return {bytes.begin(), bytes.end()};
}

}  // namespace

OrderFlow::OrderFlow(const OrderFlowOptions& options, Random random) : options_(options), random_(random) {
  feeds::GeneratorOptions flow;
  flow.seed = random_.Next();
  flow.instruments = options.instruments;
  flow.target_orders = kRestingOrders;
  flow.owners = 8;
  absl::StatusOr<std::unique_ptr<feeds::Generator>> generator = feeds::Generator::Create(flow);
  GAIOS_CHECK(generator.ok(), "the options of the flow are in range");
  generator_ = *std::move(generator);
}

std::vector<std::byte> OrderFlow::Next() {
  if (random_.Chance(options_.large_per_mille)) {
    std::vector<std::byte> large(random_.Between(48, options_.max_command_bytes), std::byte{0});
    large[0] = kNoCommand;
    const std::uint64_t number = options_.client * kIdsOfAClient + kUniqueIds + ++uniques_;
    std::memcpy(large.data() + 8, &number, sizeof(number));
    return large;
  }
  feeds::OrderEvent event;
  GAIOS_CHECK(generator_->Next(event) == feeds::FeedState::kEvent, "the flow has no end");
  event.order_id += options_.client * kIdsOfAClient;
  if (event.new_order_id != 0) {
    event.new_order_id += options_.client * kIdsOfAClient;
  }
  const feeds::BookCommand command = feeds::ToCommand(event);
  return Copy(feeds::BytesOf(command));
}

std::vector<std::byte> OrderFlow::NextUnique() {
  order_book::NewOrder order;
  order.type = order_book::OrderType::kImmediateOrCancel;
  order.instrument = static_cast<order_book::InstrumentId>(random_.Below(options_.instruments));
  order.order_id = options_.client * kIdsOfAClient + kUniqueIds + ++uniques_;
  order.price = static_cast<order_book::Price>(random_.Between(99'900, 100'100));
  order.quantity = random_.Between(1, 5);
  return Copy(order_book::AsBytes(order));
}

std::unique_ptr<rsm::StateMachine> MakeOrderBook(std::uint32_t instruments) {
  order_book::OrderBookOptions options;
  options.instruments = instruments;
  options.max_orders = kMaxOrders;
  absl::StatusOr<std::unique_ptr<order_book::OrderBookMachine>> machine =
      order_book::OrderBookMachine::Make(options);
  GAIOS_CHECK(machine.ok(), "there is memory for a small order book");
  return *std::move(machine);
}

}  // namespace gaios::sim
