#include "gaios/rsm/order_book/lookahead.h"

#include <algorithm>
#include <cstring>

namespace gaios::order_book {

namespace {

template <typename T>
bool Read(std::span<const std::byte> bytes, T& command) {
  if (bytes.size() != sizeof(T)) {
    return false;
  }
  std::memcpy(&command, bytes.data(), sizeof(T));
  return true;
}

// Nobody has checked the command yet: a price that no book has is taken for the nearest that one may have.
Price Nearest(Price price) {
  return std::clamp(price, Price{1}, kMaxPrice);
}

void PrefetchNode(NodeHandle handle, const Market& market) {
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
  for (std::size_t ago = kHintsPerStep; ago <= kDistance; ago += kHintsPerStep) {
    Walk& walk = walks_[(hints_ - ago) % walks_.size()];
    if (walk.step != Step::kDone) {
      Advance(walk, market);
    }
  }
  walks_[hints_ % walks_.size()] = Start(command, market);
  ++hints_;
}

Lookahead::Walk Lookahead::Start(std::span<const std::byte> bytes, const Market& market) {
  Walk walk;
  if (bytes.empty()) {
    return walk;
  }
  switch (static_cast<CommandKind>(bytes[0])) {
    case CommandKind::kNewOrder: {
      NewOrder command;
      if (!Read(bytes, command) || command.instrument >= market.options.instruments ||
          command.side > Side::kSell) {
        return walk;
      }
      walk.step = Step::kBook;
      walk.enters = true;
      walk.side = command.side;
      walk.instrument = command.instrument;
      walk.price = Nearest(command.price);
      market.memory.index.Prefetch(command.order_id);
      __builtin_prefetch(&market.books[command.instrument]);
      return walk;
    }
    case CommandKind::kReplace: {
      Replace command;
      if (!Read(bytes, command)) {
        return walk;
      }
      walk.enters = true;
      walk.price = Nearest(command.price);
      market.memory.index.Prefetch(command.new_order_id);
      break;
    }
    case CommandKind::kCancel:
    case CommandKind::kReduce:
    case CommandKind::kExecute:
      break;
    default:
      return walk;
  }
  // All of these name an order in the same place.
  constexpr std::size_t kOrderIdAt = offsetof(Cancel, order_id);
  static_assert(offsetof(Reduce, order_id) == kOrderIdAt && offsetof(Replace, order_id) == kOrderIdAt &&
                offsetof(Execute, order_id) == kOrderIdAt);
  if (bytes.size() < sizeof(Cancel)) {
    return walk;
  }
  std::memcpy(&walk.id, bytes.data() + kOrderIdAt, sizeof(walk.id));
  market.memory.index.Prefetch(walk.id);
  walk.step = Step::kIndex;
  return walk;
}

void Lookahead::Advance(Walk& walk, const Market& market) {
  switch (walk.step) {
    case Step::kDone:
      return;
    case Step::kIndex:
      return ReadIndex(walk, market);
    case Step::kOrder:
      return ReadOrder(walk, market);
    case Step::kBook:
      return ReadBook(walk, market);
    case Step::kNode:
      return ReadNode(walk, market);
    case Step::kLevel:
      return ReadLevel(walk, market);
  }
}

void Lookahead::ReadIndex(Walk& walk, const Market& market) {
  walk.order = market.memory.index.FindLikely(walk.id);
  walk.step = walk.order ? Step::kOrder : Step::kDone;
  __builtin_prefetch(&market.memory.orders[walk.order], 1);
}

void Lookahead::ReadOrder(Walk& walk, const Market& market) {
  const Order& order = market.memory.orders[walk.order];
  __builtin_prefetch(&market.memory.levels.levels[order.level], 1);
  __builtin_prefetch(&market.memory.orders[order.next], 1);
  __builtin_prefetch(&market.memory.orders[order.previous], 1);
  const bool alone = !order.next && !order.previous;
  if (!walk.enters && !alone) {
    walk.step = Step::kDone;
    return;
  }
  walk.instrument = order.instrument;
  walk.side = order.side;
  if (!walk.enters) {
    walk.price = order.price;
  }
  __builtin_prefetch(&market.books[walk.instrument]);
  walk.step = Step::kBook;
}

void Lookahead::ReadBook(Walk& walk, const Market& market) {
  const Book& book = market.books[walk.instrument];
  const PriceLevels& own = book.side(walk.side);
  const PriceLevels& other = book.side(walk.side == Side::kBuy ? Side::kSell : Side::kBuy);
  __builtin_prefetch(&market.memory.levels.levels[other.best()]);
  walk.node = own.root();
  walk.height = own.height();
  walk.step = walk.node ? Step::kNode : Step::kDone;
  PrefetchNode(walk.node, market);
}

void Lookahead::ReadNode(Walk& walk, const Market& market) {
  const PriceNode& node = market.memory.levels.nodes[walk.node];
  const std::int64_t key = KeyOf(walk.side, walk.price);
  walk.step = Step::kDone;
  if (walk.height > 1) {
    const NodeHandle child(node.children[ChildOf(node, key)]);
    if (child.index() <= market.memory.levels.nodes.capacity()) {
      walk.node = child;
      --walk.height;
      walk.step = Step::kNode;
      PrefetchNode(child, market);
    }
    return;
  }
  const LevelHandle level(node.children[std::min(CountBelow(node, key), PriceNode::kFanout - 1)]);
  if (level.index() <= market.memory.levels.levels.capacity()) {
    walk.level = level;
    walk.step = Step::kLevel;
    __builtin_prefetch(&market.memory.levels.levels[level], 1);
  }
}

void Lookahead::ReadLevel(Walk& walk, const Market& market) {
  const Level& level = market.memory.levels.levels[walk.level];
  walk.step = Step::kDone;
  if (walk.enters && level.key == KeyOf(walk.side, walk.price)) {
    __builtin_prefetch(&market.memory.orders[level.last], 1);
    return;
  }
  // A level comes or goes, and its neighbours' links with it.
  __builtin_prefetch(&market.memory.levels.levels[level.next], 1);
  __builtin_prefetch(&market.memory.levels.levels[level.previous], 1);
}

}  // namespace gaios::order_book
