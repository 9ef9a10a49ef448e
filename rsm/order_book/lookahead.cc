#include "gaios/rsm/order_book/lookahead.h"

#include <algorithm>
#include <cstring>

namespace gaios::order_book {

namespace {

template <typename T>
T Field(std::span<const std::byte> bytes, std::size_t offset) {
  T field;
  std::memcpy(&field, bytes.data() + offset, sizeof(T));
  return field;
}

// Nobody has checked the command yet: a price that no book has is taken for the nearest that one may have.
Price Nearest(Price price) {
  return std::clamp(price, Price{1}, kMaxPrice);
}

[[gnu::always_inline]] inline void PrefetchNode(NodeHandle handle, const Market& market) {
  constexpr std::size_t kLineBytes = 64;
  const auto* const first = reinterpret_cast<const std::byte*>(&market.memory.levels.nodes[handle]);
  for (std::size_t at = 0; at < sizeof(PriceNode); at += kLineBytes) {
    __builtin_prefetch(first + at);
  }
}

}  // namespace

void Lookahead::Hint(std::span<const std::byte> command, const Market& market) {
  if (!Worthwhile(market)) {
    return;
  }
  ReadIndex(Ago(1), market);
  ReadOrder(Ago(2), market);
  ReadShortcut(Ago(3), market);
  ReadLevel(Ago(4), market);
  for (const std::size_t steps : {5U, 6U, 7U}) {
    if (Walk& walk = Ago(steps); walk.in_tree) [[unlikely]] {
      ReadNode(walk, market);
    }
  }
  walks_[hints_ % walks_.size()] = Start(command, market);
  ++hints_;
}

Lookahead::Walk Lookahead::Start(std::span<const std::byte> bytes, const Market& market) {
  Walk walk;
  if (bytes.size() < sizeof(Cancel)) [[unlikely]] {
    return walk;
  }
  // All commands have their first order id in the same place, and those with a price that.
  constexpr std::size_t kOrderIdAt = offsetof(Cancel, order_id);
  constexpr std::size_t kPriceAt = offsetof(NewOrder, price);
  static_assert(offsetof(NewOrder, order_id) == kOrderIdAt && offsetof(Reduce, order_id) == kOrderIdAt &&
                offsetof(Replace, order_id) == kOrderIdAt && offsetof(Execute, order_id) == kOrderIdAt);
  static_assert(offsetof(Replace, price) == kPriceAt && sizeof(Replace) == sizeof(NewOrder));
  static_assert(sizeof(NewOrder) == kMaxCommandBytes && sizeof(Execute) < kMaxCommandBytes);
  const auto kind = static_cast<CommandKind>(bytes[0]);
  const bool has_price = bytes.size() == sizeof(NewOrder);
  walk.id = Field<OrderId>(bytes, kOrderIdAt);
  market.memory.index.Prefetch(walk.id);
  const auto side = Field<std::uint8_t>(bytes, offsetof(NewOrder, side));
  const auto instrument = Field<InstrumentId>(bytes, offsetof(NewOrder, instrument));
  // Arithmetic in place of branches, which would go either way at random.
  const auto enters = static_cast<std::uint32_t>(has_price) &
                      static_cast<std::uint32_t>(kind == CommandKind::kNewOrder) &
                      static_cast<std::uint32_t>(side <= 1) &
                      static_cast<std::uint32_t>(instrument < market.options.instruments);
  walk.enters = enters != 0;
  walk.side = enters * (instrument * 2 + side);
  const Price price = Nearest(Field<Price>(bytes, kPriceAt * static_cast<std::size_t>(has_price)));
  walk.key = KeyOf(static_cast<Side>(walk.side % 2), price);
  __builtin_prefetch(market.memory.levels.shortcuts[walk.side].Place(walk.key), 1);
  __builtin_prefetch(&market.books[walk.side / 2], 1);
  walk.replaces = has_price && kind == CommandKind::kReplace;
  if (walk.replaces) [[unlikely]] {
    market.memory.index.Prefetch(Field<OrderId>(bytes, offsetof(Replace, new_order_id)));
    walk.key = price;
  }
  return walk;
}

[[gnu::always_inline]] inline void Lookahead::ReadIndex(Walk& walk, const Market& market) {
  walk.order = market.memory.index.FindLikely(walk.id);
  __builtin_prefetch(&market.memory.orders[walk.order], 1);
}

[[gnu::always_inline]] inline void Lookahead::ReadOrder(Walk& walk, const Market& market) {
  const Order& order = market.memory.orders[walk.order];
  __builtin_prefetch(&market.memory.levels.levels[order.level], 1);
  __builtin_prefetch(&market.memory.orders[order.next], 1);
  __builtin_prefetch(&market.memory.orders[order.previous], 1);
  // One comparison: there is nothing here to foresee for a branch.
  const bool alone = ((walk.order.index() == 0 ? 1U : 0U) | order.next.index() | order.previous.index()) == 0;
  if (alone || walk.replaces) [[unlikely]] {
    walk.side = order.instrument * 2 + static_cast<std::uint32_t>(order.side);
    walk.enters = walk.replaces && walk.order;
    const Price price = walk.enters ? walk.key : order.price;
    walk.key = KeyOf(order.side, price);
    walk.in_tree = alone;
    walk.level = order.level;
    __builtin_prefetch(market.memory.levels.shortcuts[walk.side].Place(walk.key), 1);
    __builtin_prefetch(&market.books[walk.side / 2], 1);
  }
}

[[gnu::always_inline]] inline void Lookahead::ReadShortcut(Walk& walk, const Market& market) {
  const LevelHandle level = market.memory.levels.shortcuts[walk.side].Find(walk.key);
  const Book& book = market.books[walk.side / 2];
  const auto side = static_cast<Side>(walk.side % 2);
  const PriceLevels& other = book.side(Opposite(side));
  __builtin_prefetch(&market.memory.levels.levels[other.best()]);
  // Those that enter have no level yet, and the shortcuts of those that do not are another's.
  const std::uint32_t enters = walk.enters ? 1 : 0;
  walk.level = LevelHandle(level.index() * enters + walk.level.index() * (1 - enters));
  __builtin_prefetch(&market.memory.levels.levels[walk.level], 1);
  if (walk.in_tree || (walk.enters && !level)) [[unlikely]] {
    const PriceLevels& own = book.side(side);
    walk.node = own.root();
    walk.height = own.height();
    walk.in_tree = walk.height > 0;
    PrefetchNode(walk.node, market);
  }
}

[[gnu::always_inline]] inline void Lookahead::ReadLevel(Walk& walk, const Market& market) {
  const Level& level = market.memory.levels.levels[walk.level];
  __builtin_prefetch(&market.memory.orders[level.last], 1);
  if (walk.in_tree) [[unlikely]] {
    __builtin_prefetch(&market.memory.levels.levels[level.next], 1);
    __builtin_prefetch(&market.memory.levels.levels[level.previous], 1);
  }
}

// One step down the tree; at its foot, to the level next to which one comes or goes.
void Lookahead::ReadNode(Walk& walk, const Market& market) {
  const PriceNode& node = market.memory.levels.nodes[walk.node];
  const bool leaf = walk.height <= 1;
  const std::uint32_t child =
      leaf ? std::min(CountBelow(node, walk.key), PriceNode::kFanout - 1) : ChildOf(node, walk.key);
  const std::uint32_t handle = node.children[child];
  walk.in_tree = !leaf;
  if (leaf && handle <= market.memory.levels.levels.capacity()) {
    __builtin_prefetch(&market.memory.levels.levels[LevelHandle(handle)], 1);
  }
  if (!leaf && handle <= market.memory.levels.nodes.capacity()) {
    walk.node = NodeHandle(handle);
    --walk.height;
    PrefetchNode(walk.node, market);
  }
}

}  // namespace gaios::order_book
