#ifndef GAIOS_RSM_ORDER_BOOK_PRICE_LEVELS_H_
#define GAIOS_RSM_ORDER_BOOK_PRICE_LEVELS_H_

// The price levels of one side of one book, best first, and the memory in which all books keep theirs.
//
// Prices are sparse: a side may have thousands of levels over a range of millions of ticks, so neither an
// array by price nor a list to walk will do. Levels are found through a B+ tree with 20 prices to a node (two
// nodes deep up to a few hundred levels) and linked to their neighbours, so that the best, the next best and
// a walk in order of price need no tree. Both sides use one code: a level's key is its price for asks and
// the negated price for bids, so the smallest key is the best on either.
//
// In front of the tree each side has 64 shortcuts: the level used last among those whose keys are equal
// modulo 64. As most orders come close to the best price, most find their level there, in one line of cache
// instead of eight. A shortcut is checked against its level, so what the shortcuts hold shows in time only.
//
// Memory is bounded by the number of levels alone: every node but a root stays at least 8 full, whatever the
// past. So there is always room for a level, and running out of orders is the only way to run out.
//
// Not synchronised.

#include <nmmintrin.h>

#include <cstddef>
#include <cstdint>

#include <absl/status/statusor.h>

#include "gaios/rsm/order_book/commands.h"
#include "gaios/rsm/order_book/handle.h"
#include "gaios/rsm/order_book/pool.h"

namespace gaios::order_book {

// The queue of the orders at one price.
struct alignas(64) Level {
  std::int64_t key;
  Quantity quantity;  // lots of all its orders
  OrderHandle first;
  OrderHandle last;
  std::uint32_t orders;
  LevelHandle next;  // worse by price, or the next free level of the pool
  LevelHandle previous;
  NodeHandle leaf;  // of the tree, where it is
};
static_assert(sizeof(Level) == 64);

// Arithmetic in place of a branch, which would go either way at random.
[[nodiscard]] constexpr std::int64_t KeyOf(Side side, Price price) {
  const std::int64_t ones_to_buy = static_cast<std::int64_t>(side) - 1;
  return (price ^ ones_to_buy) - ones_to_buy;
}
[[nodiscard]] constexpr Price PriceOf(Side side, std::int64_t key) {
  return KeyOf(side, key);
}

// A node of the tree. In a leaf, children are levels and keys theirs; above, children are nodes and keys[i]
// divides what is in child i - 1 (smaller) from what is in child i; keys[0] is kLowestKey there. Unused keys
// are kNoKey.
struct alignas(64) PriceNode {
  static constexpr std::uint32_t kFanout = 20;
  static constexpr std::uint32_t kMinimum = 8;
  static constexpr std::int64_t kNoKey = INT64_MAX;
  static constexpr std::int64_t kLowestKey = INT64_MIN;

  std::int64_t keys[kFanout];
  std::uint32_t children[kFanout];
  std::uint32_t count;
  NodeHandle next;  // the next free node of the pool
};
static_assert(sizeof(PriceNode) == 256);
// Two nodes that are not to be merged can be evened out, and both halves of a split are full enough.
static_assert(PriceNode::kFanout / 2 >= PriceNode::kMinimum);

// The number of keys below `key`. Looks at every place: a fixed course without branches beats a search with
// surprises.
[[nodiscard, gnu::target("sse4.2")]] inline std::uint32_t CountBelow(const PriceNode& node,
                                                                     std::int64_t key) {
  const auto* const pairs = reinterpret_cast<const __m128i*>(node.keys);
  const __m128i keys = _mm_set1_epi64x(key);
  __m128i counts = _mm_setzero_si128();
#pragma GCC unroll 10
  for (std::uint32_t i = 0; i < PriceNode::kFanout / 2; ++i) {
    counts = _mm_sub_epi64(counts, _mm_cmpgt_epi64(keys, _mm_load_si128(pairs + i)));  // true is -1
  }
  return static_cast<std::uint32_t>(_mm_cvtsi128_si64(counts) + _mm_extract_epi64(counts, 1));
}

// Which child of an inner node has the keys around `key`.
[[nodiscard]] inline std::uint32_t ChildOf(const PriceNode& inner, std::int64_t key) {
  const std::uint32_t not_above = CountBelow(inner, key + 1);
  return not_above == 0 ? 0 : not_above - 1;
}

// The shortcuts of one side. Each is 0 or the handle of one of the side's levels, with the next higher bits
// of its key in the bits that the handle leaves over: so a key that is not there seldom costs a look
// at the level.
struct alignas(64) Shortcuts {
  static constexpr std::uint32_t kCount = 64;
  static constexpr std::uint32_t kHandleBits = 25;
  static constexpr std::uint32_t kHandles = (std::uint32_t{1} << kHandleBits) - 1;

  std::uint32_t places[kCount];

  [[nodiscard]] static std::uint32_t PlaceOf(std::int64_t key) {
    return static_cast<std::uint32_t>(static_cast<std::uint64_t>(key) % kCount);
  }
  [[nodiscard]] static std::uint32_t TagOf(std::int64_t key) {
    return static_cast<std::uint32_t>(static_cast<std::uint64_t>(key) / kCount) << kHandleBits;
  }

  [[nodiscard]] const std::uint32_t* Place(std::int64_t key) const { return &places[PlaceOf(key)]; }
  // The level that may be that of `key`, or none.
  [[nodiscard]] LevelHandle Find(std::int64_t key) const {
    const std::uint32_t untagged = places[PlaceOf(key)] ^ TagOf(key);
    return LevelHandle(untagged <= kHandles ? untagged : 0);
  }
  void Set(std::int64_t key, LevelHandle level) { places[PlaceOf(key)] = TagOf(key) | level.index(); }
  // `level` is no more.
  void Forget(std::int64_t key, LevelHandle level) {
    std::uint32_t& place = places[PlaceOf(key)];
    place = (place & kHandles) == level.index() ? 0 : place;
  }
};

struct LevelMemory {
  static constexpr std::uint32_t kMaxLevels = Shortcuts::kHandles;

  Pool<Level, LevelHandle> levels;
  Pool<PriceNode, NodeHandle> nodes;
  HugeArray<Shortcuts> shortcuts;  // by PriceLevels::number()

  // Room for `max_levels` levels, at most kMaxLevels, in up to `max_sides` trees.
  [[nodiscard]] static absl::StatusOr<LevelMemory> Make(std::uint32_t max_levels, std::uint32_t max_sides);
};

// One side. Its levels and nodes are in the LevelMemory that every call is given.
class PriceLevels {
 public:
  PriceLevels() = default;
  // `number` is no other side's of the same LevelMemory, and below its max_sides.
  explicit PriceLevels(std::uint32_t number) : number_(number) {}

  [[nodiscard]] std::uint32_t number() const { return number_; }
  [[nodiscard]] LevelHandle best() const { return best_; }
  [[nodiscard]] NodeHandle root() const { return root_; }
  [[nodiscard]] std::uint32_t height() const { return height_; }  // 0: empty, 1: the root is a leaf

  // The level of this key; makes an empty one when there is none.
  [[nodiscard]] LevelHandle FindOrInsert(std::int64_t key, LevelMemory& memory) {
    const LevelHandle likely = memory.shortcuts[number_].Find(key);
    if (likely && memory.levels[likely].key == key) {
      return likely;
    }
    return FindOrInsertInTree(key, memory);
  }

  // Takes out a level of this side.
  void Erase(LevelHandle level, LevelMemory& memory);

 private:
  // The way from the root to a leaf: at each height the node and which of its children was taken.
  struct Path {
    // Each node but the root has at least kMinimum children: 8^10 levels are more than 32 bits can count.
    static constexpr std::uint32_t kMaxHeight = 12;
    NodeHandle nodes[kMaxHeight];
    std::uint32_t children[kMaxHeight];
  };

  LevelHandle FindOrInsertInTree(std::int64_t key, LevelMemory& memory);
  // Descends to the leaf of `key`, which ends up in path.nodes[height_ - 1].
  void Descend(std::int64_t key, const LevelMemory& memory, Path& path) const;
  LevelHandle Insert(std::int64_t key, std::uint32_t place, const Path& path, LevelMemory& memory);
  void InsertChild(const Path& path, std::uint32_t depth, std::uint32_t place, std::int64_t key,
                   std::uint32_t child, LevelMemory& memory);
  void RemoveChild(const Path& path, std::uint32_t depth, std::uint32_t place, LevelMemory& memory);

  NodeHandle root_;
  LevelHandle best_;
  std::uint32_t height_ = 0;
  std::uint32_t number_ = 0;
};
static_assert(sizeof(PriceLevels) == 16);

}  // namespace gaios::order_book

#endif  // GAIOS_RSM_ORDER_BOOK_PRICE_LEVELS_H_
