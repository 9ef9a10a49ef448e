#ifndef GAIOS_TESTS_SIM_ORDER_FLOW_H_
#define GAIOS_TESTS_SIM_ORDER_FLOW_H_

// The commands of one client: the generated flow of a market, with order ids that no other client uses, and
// now and then a large command that the order book rejects, so that entries are of many sizes. One thread.

#include <cstddef>
#include <cstdint>
#include <memory>
#include <vector>

#include "gaios/rsm/feeds/generator.h"
#include "gaios/rsm/state_machine.h"

#include "tests/sim/random.h"

namespace gaios::sim {

struct OrderFlowOptions {
  std::size_t client = 0;
  std::uint32_t instruments = 4;
  std::uint32_t large_per_mille = 0;
  std::size_t max_command_bytes = 512;
};

class OrderFlow {
 public:
  OrderFlow(const OrderFlowOptions& options, Random random);

  [[nodiscard]] std::vector<std::byte> Next();
  // A new order that is unlike any other command.
  [[nodiscard]] std::vector<std::byte> NextUnique();

 private:
  const OrderFlowOptions options_;
  Random random_;
  std::unique_ptr<feeds::Generator> generator_;
  std::uint64_t uniques_ = 0;
};

// The order book that such commands are for.
[[nodiscard]] std::unique_ptr<rsm::StateMachine> MakeOrderBook(std::uint32_t instruments);

}  // namespace gaios::sim

#endif  // GAIOS_TESTS_SIM_ORDER_FLOW_H_
