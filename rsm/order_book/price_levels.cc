#include "gaios/rsm/order_book/price_levels.h"

#include <nmmintrin.h>

#include <algorithm>
#include <cstddef>
#include <utility>

#include "gaios/base/check.h"

namespace gaios::order_book {

namespace {

constexpr std::uint32_t kFanout = PriceNode::kFanout;
constexpr std::uint32_t kMinimum = PriceNode::kMinimum;

__m128i Load(const void* at) {
  return _mm_loadu_si128(static_cast<const __m128i*>(at));
}
void Store(void* at, __m128i value) {
  _mm_storeu_si128(static_cast<__m128i*>(at), value);
}

// What is in a node from `place` on is moved by one place, always by the same instructions: how much there
// is to move cannot be foreseen.
static_assert(kFanout % 4 == 0);
void InsertAt(PriceNode& node, std::uint32_t place, std::int64_t key, std::uint32_t child) {
  const __m128i at = _mm_set1_epi64x(place);
  __m128i index = _mm_set_epi64x(kFanout - 1, kFanout - 2);
#pragma GCC unroll 9
  for (std::uint32_t i = kFanout - 2; i > 0; i -= 2) {
    Store(node.keys + i,
          _mm_blendv_epi8(Load(node.keys + i), Load(node.keys + i - 1), _mm_cmpgt_epi64(index, at)));
    index = _mm_sub_epi64(index, _mm_set1_epi64x(2));
  }
  node.keys[1] = place == 0 ? node.keys[0] : node.keys[1];
  const __m128i at32 = _mm_set1_epi32(static_cast<int>(place));
  __m128i index32 = _mm_set_epi32(kFanout - 1, kFanout - 2, kFanout - 3, kFanout - 4);
#pragma GCC unroll 4
  for (std::uint32_t i = kFanout - 4; i > 0; i -= 4) {
    Store(node.children + i, _mm_blendv_epi8(Load(node.children + i), Load(node.children + i - 1),
                                             _mm_cmpgt_epi32(index32, at32)));
    index32 = _mm_sub_epi32(index32, _mm_set1_epi32(4));
  }
  const __m128i first = Load(node.children);
  Store(node.children, _mm_blendv_epi8(first, _mm_slli_si128(first, 4), _mm_cmpgt_epi32(index32, at32)));
  node.keys[place] = key;
  node.children[place] = child;
  ++node.count;
}

static_assert(offsetof(PriceNode, count) == offsetof(PriceNode, children) + sizeof(PriceNode::children));
void RemoveAt(PriceNode& node, std::uint32_t place) {
  const __m128i at = _mm_set1_epi64x(place);
  __m128i index = _mm_set_epi64x(1, 0);
#pragma GCC unroll 9
  for (std::uint32_t i = 0; i < kFanout - 2; i += 2) {
    Store(node.keys + i,
          _mm_blendv_epi8(Load(node.keys + i + 1), Load(node.keys + i), _mm_cmpgt_epi64(at, index)));
    index = _mm_add_epi64(index, _mm_set1_epi64x(2));
  }
  node.keys[kFanout - 2] = place <= kFanout - 2 ? node.keys[kFanout - 1] : node.keys[kFanout - 2];
  node.keys[kFanout - 1] = PriceNode::kNoKey;
  const __m128i at32 = _mm_set1_epi32(static_cast<int>(place));
  __m128i index32 = _mm_set_epi32(3, 2, 1, 0);
#pragma GCC unroll 5
  for (std::uint32_t i = 0; i < kFanout; i += 4) {
    // Behind the last child is the count: it may end up in the last place, which is unused then.
    Store(node.children + i, _mm_blendv_epi8(Load(node.children + i + 1), Load(node.children + i),
                                             _mm_cmpgt_epi32(at32, index32)));
    index32 = _mm_add_epi32(index32, _mm_set1_epi32(4));
  }
  --node.count;
}

// The levels of a leaf, `count` of them from `place` on, are in it now.
void Rehome(NodeHandle leaf, std::uint32_t place, std::uint32_t count, LevelMemory& memory) {
  const PriceNode& node = memory.nodes[leaf];
  for (std::uint32_t i = place; i < place + count; ++i) {
    memory.levels[LevelHandle(node.children[i])].leaf = leaf;
  }
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
  const bool is_leaf = depth + 1 == height_;
  if (is_leaf) {
    memory.levels[LevelHandle(child)].leaf = node_handle;
  }
  if (node.count < kFanout) [[likely]] {
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
  if (is_leaf) {
    Rehome(right_handle, 0, right.count, memory);
  }
  const std::int64_t divider = TakeDivider(right, is_leaf);
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
  PriceNode& leaf = memory.nodes[memory.levels[level].leaf];
  const std::uint32_t place = CountBelow(leaf, key);
  GAIOS_CHECK(place < leaf.count && leaf.children[place] == level.index(), "a level is where its key says");
  if (leaf.count > kMinimum || (height_ == 1 && leaf.count > 1)) [[likely]] {
    RemoveAt(leaf, place);
  } else {
    Path path;
    Descend(key, memory, path);
    RemoveChild(path, height_ - 1, place, memory);
  }
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
  const NodeHandle left_handle(parent.children[right_at - 1]);
  PriceNode& left = memory.nodes[left_handle];
  PriceNode& right = memory.nodes[right_handle];
  if (!is_leaf) {
    right.keys[0] = parent.keys[right_at];  // once it has a left neighbour, this is what divides them
  }
  const std::uint32_t total = left.count + right.count;
  if (total <= kFanout) {
    const std::uint32_t moved = right.count;
    MoveLeft(left, right, moved);
    if (is_leaf) {
      Rehome(left_handle, left.count - moved, moved, memory);
    }
    memory.nodes.Give(right_handle);
    RemoveChild(path, depth - 1, right_at, memory);
    return;
  }
  if (left.count < right.count) {
    const std::uint32_t moved = right.count - total / 2;
    MoveLeft(left, right, moved);
    if (is_leaf) {
      Rehome(left_handle, left.count - moved, moved, memory);
    }
  } else {
    const std::uint32_t moved = left.count - total / 2;
    MoveRight(left, right, moved);
    if (is_leaf) {
      Rehome(right_handle, 0, moved, memory);
    }
  }
  parent.keys[right_at] = TakeDivider(right, is_leaf);
}

}  // namespace gaios::order_book
