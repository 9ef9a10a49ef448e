#include "gaios/rsm/order_book/price_levels.h"

#include <algorithm>
#include <utility>

#include "gaios/base/check.h"

namespace gaios::order_book {

namespace {

constexpr std::uint32_t kFanout = PriceNode::kFanout;
constexpr std::uint32_t kMinimum = PriceNode::kMinimum;

void InsertAt(PriceNode& node, std::uint32_t place, std::int64_t key, std::uint32_t child) {
  for (std::uint32_t i = node.count; i > place; --i) {
    node.keys[i] = node.keys[i - 1];
    node.children[i] = node.children[i - 1];
  }
  node.keys[place] = key;
  node.children[place] = child;
  ++node.count;
}

void RemoveAt(PriceNode& node, std::uint32_t place) {
  --node.count;
  for (std::uint32_t i = place; i < node.count; ++i) {
    node.keys[i] = node.keys[i + 1];
    node.children[i] = node.children[i + 1];
  }
  node.keys[node.count] = PriceNode::kNoKey;
}

// Moves the first `count` entries of `right` to the end of `left`.
void MoveLeft(PriceNode& left, PriceNode& right, std::uint32_t count) {
  std::copy_n(right.keys, count, left.keys + left.count);
  std::copy_n(right.children, count, left.children + left.count);
  left.count += count;
  std::copy(right.keys + count, right.keys + right.count, right.keys);
  std::copy(right.children + count, right.children + right.count, right.children);
  std::fill(right.keys + right.count - count, right.keys + right.count, PriceNode::kNoKey);
  right.count -= count;
}

// Moves the last `count` entries of `left` to the front of `right`.
void MoveRight(PriceNode& left, PriceNode& right, std::uint32_t count) {
  std::copy_backward(right.keys, right.keys + right.count, right.keys + right.count + count);
  std::copy_backward(right.children, right.children + right.count, right.children + right.count + count);
  left.count -= count;
  right.count += count;
  std::copy_n(left.keys + left.count, count, right.keys);
  std::copy_n(left.children + left.count, count, right.children);
  std::fill_n(left.keys + left.count, count, PriceNode::kNoKey);
}

// The key that divides `node` from its left neighbour, for their parent.
std::int64_t TakeDivider(PriceNode& node, bool is_leaf) {
  const std::int64_t divider = node.keys[0];
  if (!is_leaf) {
    node.keys[0] = PriceNode::kLowestKey;
  }
  return divider;
}

NodeHandle NewNode(LevelMemory& memory) {
  const NodeHandle handle = memory.nodes.Take();
  PriceNode& node = memory.nodes[handle];
  std::fill_n(node.keys, kFanout, PriceNode::kNoKey);
  node.count = 0;
  return handle;
}

}  // namespace

absl::StatusOr<LevelMemory> LevelMemory::Make(std::uint32_t max_levels, std::uint32_t max_sides) {
  // A tree of n levels has at most n/8 leaves, n/64 nodes above them and so on, or one node when it is small.
  GAIOS_CHECK(max_levels <= kMaxLevels, "a shortcut has bits for every level");
  const std::uint32_t max_nodes = max_levels / (kMinimum - 1) + max_sides;
  LevelMemory memory;
  auto levels = Pool<Level, LevelHandle>::Make(max_levels);
  if (!levels.ok()) {
    return levels.status();
  }
  auto nodes = Pool<PriceNode, NodeHandle>::Make(max_nodes);
  if (!nodes.ok()) {
    return nodes.status();
  }
  auto shortcuts = HugeArray<Shortcuts>::Make(max_sides);
  if (!shortcuts.ok()) {
    return shortcuts.status();
  }
  memory.levels = *std::move(levels);
  memory.nodes = *std::move(nodes);
  memory.shortcuts = *std::move(shortcuts);
  return memory;
}

void PriceLevels::Descend(std::int64_t key, const LevelMemory& memory, Path& path) const {
  NodeHandle node = root_;
  for (std::uint32_t depth = 0; depth + 1 < height_; ++depth) {
    const PriceNode& inner = memory.nodes[node];
    const std::uint32_t child = ChildOf(inner, key);
    path.nodes[depth] = node;
    path.children[depth] = child;
    node = NodeHandle(inner.children[child]);
  }
  path.nodes[height_ - 1] = node;
}

LevelHandle PriceLevels::FindOrInsertInTree(std::int64_t key, LevelMemory& memory) {
  Path path;
  if (height_ == 0) {
    root_ = NewNode(memory);
    height_ = 1;
  }
  Descend(key, memory, path);
  const PriceNode& leaf = memory.nodes[path.nodes[height_ - 1]];
  const std::uint32_t place = CountBelow(leaf, key);
  if (place < leaf.count && leaf.keys[place] == key) {
    const LevelHandle level(leaf.children[place]);
    memory.shortcuts[number_].Set(key, level);
    return level;
  }
  return Insert(key, place, path, memory);
}

LevelHandle PriceLevels::Insert(std::int64_t key, std::uint32_t place, const Path& path,
                                LevelMemory& memory) {
  // One of the neighbours is in the same leaf, as only the leaf of an empty tree is empty; its link gives the
  // other.
  const PriceNode& leaf = memory.nodes[path.nodes[height_ - 1]];
  LevelHandle previous;
  LevelHandle next;
  if (place > 0) {
    previous = LevelHandle(leaf.children[place - 1]);
    next = memory.levels[previous].next;
  } else if (leaf.count > 0) {
    next = LevelHandle(leaf.children[0]);
    previous = memory.levels[next].previous;
  }
  const LevelHandle handle = memory.levels.Take();
  Level& level = memory.levels[handle];
  level.key = key;
  level.quantity = 0;
  level.first = OrderHandle();
  level.last = OrderHandle();
  level.orders = 0;
  level.next = next;
  level.previous = previous;
  if (next) {
    memory.levels[next].previous = handle;
  }
  if (previous) {
    memory.levels[previous].next = handle;
  } else {
    best_ = handle;
  }
  InsertChild(path, height_ - 1, place, key, handle.index(), memory);
  memory.shortcuts[number_].Set(key, handle);
  return handle;
}

void PriceLevels::InsertChild(const Path& path, std::uint32_t depth, std::uint32_t place, std::int64_t key,
                              std::uint32_t child, LevelMemory& memory) {
  const NodeHandle node_handle = path.nodes[depth];
  PriceNode& node = memory.nodes[node_handle];
  if (node.count < kFanout) {
    InsertAt(node, place, key, child);
    return;
  }
  const NodeHandle right_handle = NewNode(memory);
  PriceNode& right = memory.nodes[right_handle];
  MoveRight(node, right, kFanout / 2);
  if (place <= node.count) {
    InsertAt(node, place, key, child);
  } else {
    InsertAt(right, place - node.count, key, child);
  }
  const std::int64_t divider = TakeDivider(right, depth + 1 == height_);
  if (depth > 0) {
    InsertChild(path, depth - 1, path.children[depth - 1] + 1, divider, right_handle.index(), memory);
    return;
  }
  const NodeHandle root_handle = NewNode(memory);
  PriceNode& root = memory.nodes[root_handle];
  InsertAt(root, 0, PriceNode::kLowestKey, node_handle.index());
  InsertAt(root, 1, divider, right_handle.index());
  root_ = root_handle;
  ++height_;
  GAIOS_CHECK(height_ <= Path::kMaxHeight, "a tree of levels is not that high");
}

void PriceLevels::Erase(LevelHandle level, LevelMemory& memory) {
  const std::int64_t key = memory.levels[level].key;
  const LevelHandle next = memory.levels[level].next;
  const LevelHandle previous = memory.levels[level].previous;
  if (next) {
    memory.levels[next].previous = previous;
  }
  if (previous) {
    memory.levels[previous].next = next;
  } else {
    best_ = next;
  }
  memory.shortcuts[number_].Forget(key, level);
  Path path;
  Descend(key, memory, path);
  const PriceNode& leaf = memory.nodes[path.nodes[height_ - 1]];
  const std::uint32_t place = CountBelow(leaf, key);
  GAIOS_CHECK(place < leaf.count && leaf.children[place] == level.index(), "a level is where its key says");
  RemoveChild(path, height_ - 1, place, memory);
  memory.levels.Give(level);
}

void PriceLevels::RemoveChild(const Path& path, std::uint32_t depth, std::uint32_t place,
                              LevelMemory& memory) {
  const NodeHandle node_handle = path.nodes[depth];
  PriceNode& node = memory.nodes[node_handle];
  RemoveAt(node, place);
  const bool is_leaf = depth + 1 == height_;
  if (depth == 0) {
    if (is_leaf && node.count == 0) {
      memory.nodes.Give(node_handle);
      root_ = NodeHandle();
      height_ = 0;
    } else if (!is_leaf && node.count == 1) {
      root_ = NodeHandle(node.children[0]);
      memory.nodes.Give(node_handle);
      --height_;
    }
    return;
  }
  if (node.count >= kMinimum) {
    return;
  }
  // Too empty: merge with a neighbour under the same parent, or take from it when both do not fit into one.
  PriceNode& parent = memory.nodes[path.nodes[depth - 1]];
  const std::uint32_t at = path.children[depth - 1];
  const std::uint32_t right_at = at > 0 ? at : 1;
  const NodeHandle right_handle(parent.children[right_at]);
  PriceNode& left = memory.nodes[NodeHandle(parent.children[right_at - 1])];
  PriceNode& right = memory.nodes[right_handle];
  if (!is_leaf) {
    right.keys[0] = parent.keys[right_at];  // once it has a left neighbour, this is what divides them
  }
  const std::uint32_t total = left.count + right.count;
  if (total <= kFanout) {
    MoveLeft(left, right, right.count);
    memory.nodes.Give(right_handle);
    RemoveChild(path, depth - 1, right_at, memory);
    return;
  }
  if (left.count < right.count) {
    MoveLeft(left, right, right.count - total / 2);
  } else {
    MoveRight(left, right, left.count - total / 2);
  }
  parent.keys[right_at] = TakeDivider(right, is_leaf);
}

}  // namespace gaios::order_book
