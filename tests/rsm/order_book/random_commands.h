#ifndef GAIOS_TESTS_RSM_ORDER_BOOK_RANDOM_COMMANDS_H_
#define GAIOS_TESTS_RSM_ORDER_BOOK_RANDOM_COMMANDS_H_

// Random commands that meet each other: few ids, few owners and few prices, every type and mode, and some
// nonsense.

#include <array>
#include <cstddef>
#include <cstdint>
#include <cstring>
#include <random>
#include <span>

#include "gaios/rsm/order_book/commands.h"

namespace gaios::order_book {

struct RandomProfile {
  std::uint64_t instruments = 3;
  std::uint64_t ids = 300;
  std::uint64_t owners = 4;
  std::uint64_t prices = 30;
  std::uint64_t nonsense_percent = 3;
};

class RandomCommands {
 public:
  RandomCommands(std::uint64_t seed, const RandomProfile& profile) : random_(seed), profile_(profile) {}

  // The bytes are valid until the next call.
  std::span<const std::byte> Next() {
    const std::uint64_t dice = Below(100);
    if (dice < 55) {
      Put(NewOrder{.side = static_cast<Side>(Below(2)),
                   .type = RandomType(),
                   .self_trade = RandomMode(),
                   .instrument = static_cast<InstrumentId>(Below(profile_.instruments)),
                   .order_id = RandomId(),
                   .owner = RandomOwner(),
                   .price = RandomPrice(),
                   .quantity = RandomQuantity()});
    } else if (dice < 70) {
      Put(Cancel{.owner = RandomOwner(), .order_id = RandomId()});
    } else if (dice < 80) {
      Put(Reduce{.mode = static_cast<ReduceMode>(Below(2)),
                 .owner = RandomOwner(),
                 .order_id = RandomId(),
                 .quantity = RandomQuantity()});
    } else if (dice < 92) {
      Put(Replace{.type = Below(3) == 0 ? OrderType::kPostOnly : OrderType::kLimit,
                  .self_trade = RandomMode(),
                  .owner = RandomOwner(),
                  .order_id = RandomId(),
                  .new_order_id = RandomId(),
                  .price = RandomPrice(),
                  .quantity = RandomQuantity()});
    } else {
      Put(Execute{.self_trade = RandomMode(),
                  .owner = RandomOwner(),
                  .order_id = RandomId(),
                  .incoming_order_id = RandomId(),
                  .quantity = RandomQuantity()});
    }
    if (Below(100) < profile_.nonsense_percent) {
      Spoil();
    }
    return std::span(bytes_).first(size_);
  }

 private:
  std::uint64_t Below(std::uint64_t bound) { return random_() % bound; }
  OrderType RandomType() {
    const std::uint64_t dice = Below(10);
    return dice < 6 ? OrderType::kLimit : static_cast<OrderType>(dice - 5);
  }
  SelfTrade RandomMode() { return static_cast<SelfTrade>(Below(4)); }
  OrderId RandomId() { return 1 + Below(profile_.ids); }
  OwnerId RandomOwner() { return static_cast<OwnerId>(Below(profile_.owners)); }
  Price RandomPrice() { return 100 + static_cast<Price>(Below(profile_.prices)); }
  Quantity RandomQuantity() { return 1 + Below(20); }

  template <typename T>
  void Put(const T& command) {
    std::memcpy(bytes_.data(), &command, sizeof(T));
    size_ = sizeof(T);
  }
  // One byte anything, or another length.
  void Spoil() {
    if (Below(2) == 0) {
      bytes_[Below(size_)] = static_cast<std::byte>(Below(256));
    } else {
      size_ = Below(bytes_.size() + 1);
    }
  }

  std::mt19937_64 random_;
  RandomProfile profile_;
  std::array<std::byte, kMaxCommandBytes + 8> bytes_{};
  std::size_t size_ = 0;
};

}  // namespace gaios::order_book

#endif  // GAIOS_TESTS_RSM_ORDER_BOOK_RANDOM_COMMANDS_H_
