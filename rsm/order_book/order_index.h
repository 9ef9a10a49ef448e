#ifndef GAIOS_RSM_ORDER_BOOK_ORDER_INDEX_H_
#define GAIOS_RSM_ORDER_BOOK_ORDER_INDEX_H_

// From order id to resting order: a hash table of cache lines, sized once for the most orders there can be
// and then half full at most, so it never grows. A line has 15 slots of 4 bytes, each an order's handle and,
// in the bits that handles leave over, a tag: a few bits of the id's hash. A look-up compares the tags of a
// whole line at once, without a branch for each slot, and looks at an order when its tag is the right one.
// An order that finds its line full goes to the next with room, and each line that it passes counts it: so a
// search knows where it ends, and taking an order out moves no other.
//
// Ids that follow each other share a line, as most clients and feeds count up: the block of four an id
// belongs to is hashed, its place within the block is not.
//
// The table is never iterated: where ids lie in it shows nowhere.
//
// Not synchronised.

#include <emmintrin.h>

#include <bit>
#include <cstddef>
#include <cstdint>
#include <utility>

#include <absl/status/statusor.h>

#include "gaios/rsm/order_book/commands.h"
#include "gaios/rsm/order_book/handle.h"
#include "gaios/rsm/order_book/huge_array.h"
#include "gaios/rsm/order_book/order_pool.h"
#include "gaios/rsm/order_book/state_hash.h"

namespace gaios::order_book {

class OrderIndex {
 public:
  [[nodiscard]] static absl::StatusOr<OrderIndex> Make(std::uint32_t max_orders) {
    const std::size_t lines = std::size_t{max_orders} * 2 / kSlots + 1;
    absl::StatusOr<HugeArray<Line>> memory = HugeArray<Line>::Make(lines);
    if (!memory.ok()) {
      return memory.status();
    }
    OrderIndex index;
    index.lines_ = *std::move(memory);
    index.tag_unit_ = std::uint32_t{1} << std::bit_width(max_orders);
    return index;
  }

  OrderIndex() = default;

  [[nodiscard]] std::size_t mapped_bytes() const { return lines_.mapped_bytes(); }

  // Starts loading what a look-up of `id` will read. Inlined, as base/prefetch.h explains.
  [[gnu::always_inline]] void Prefetch(OrderId id) const { __builtin_prefetch(&lines_[HomeOf(id).line], 1); }

  // The order of this id, or none.
  [[nodiscard]] OrderHandle Find(OrderId id, const OrderPool& orders) const {
    const Home home = HomeOf(id);
    for (std::size_t at = home.line;; at = Next(at)) {
      const Line& line = lines_[at];
      for (std::uint32_t matches = Matches(line, home.tag); matches != 0; matches &= matches - 1) {
        const OrderHandle order = OrderIn(line, std::countr_zero(matches));
        if (orders[order].id == id) [[likely]] {
          return order;
        }
      }
      if (line.passed == 0) [[likely]] {
        return OrderHandle();
      }
    }
  }

  // The same without a look at the order or a second line, so that it is now and then the wrong one or none.
  [[nodiscard]] OrderHandle FindLikely(OrderId id) const {
    const Home home = HomeOf(id);
    const Line& line = lines_[home.line];
    const std::uint32_t matches = Matches(line, home.tag);
    // Arithmetic in place of a branch, which would go either way at random.
    const std::uint32_t found = matches != 0 ? 1 : 0;
    return OrderHandle(OrderIn(line, std::countr_zero(matches | 1U << (kSlots - 1))).index() * found);
  }

  // `id` is not in the index, and fewer than max_orders are.
  void Insert(OrderId id, OrderHandle order) {
    const Home home = HomeOf(id);
    std::size_t at = home.line;
    std::uint32_t free = Free(lines_[at]);
    while (free == 0) [[unlikely]] {
      ++lines_[at].passed;
      at = Next(at);
      free = Free(lines_[at]);
    }
    lines_[at].slots[std::countr_zero(free)] = home.tag | order.index();
  }

  // `id` is in the index, for `order`.
  void Erase(OrderId id, OrderHandle order) {
    const Home home = HomeOf(id);
    std::size_t at = home.line;
    std::uint32_t found = Equal(lines_[at], home.tag | order.index());
    while (found == 0) [[unlikely]] {
      --lines_[at].passed;
      at = Next(at);
      found = Equal(lines_[at], home.tag | order.index());
    }
    lines_[at].slots[std::countr_zero(found)] = 0;
  }

 private:
  static constexpr std::uint32_t kSlots = 15;
  static constexpr std::uint32_t kBlock = 4;  // ids that share a line

  struct alignas(64) Line {
    std::uint32_t slots[kSlots];  // tag and handle, 0 when free
    std::uint32_t passed;         // orders that would be here, or passed on their way, but found no room
  };
  static_assert(sizeof(Line) == 64);

  // Where an id is looked for first, and its tag, in place and never 0.
  struct Home {
    std::size_t line;
    std::uint32_t tag;
  };

  [[nodiscard]] Home HomeOf(OrderId id) const {
    const std::uint64_t hash = Mix(id / kBlock);
    // The upper half picks the line, the lower half is what tags are made of.
    const std::uint64_t line = ((hash >> 32) * lines_.size()) >> 32;
    const std::uint32_t mixed =
        (static_cast<std::uint32_t>(hash) & ~(kBlock - 1)) | static_cast<std::uint32_t>(id % kBlock);
    const std::uint32_t tag = mixed * tag_unit_;
    return {line, tag == 0 ? tag_unit_ : tag};
  }
  [[nodiscard]] std::size_t Next(std::size_t line) const { return line + 1 == lines_.size() ? 0 : line + 1; }
  [[nodiscard]] OrderHandle OrderIn(const Line& line, int slot) const {
    return OrderHandle(line.slots[slot] & (tag_unit_ - 1));
  }

  // Of which slots `mask` leaves `value`: one bit for each.
  [[nodiscard]] static std::uint32_t Equal(const Line& line, std::uint32_t value, std::uint32_t mask) {
    const auto* const words = reinterpret_cast<const __m128i*>(&line);
    const __m128i values = _mm_set1_epi32(static_cast<int>(value));
    const __m128i masks = _mm_set1_epi32(static_cast<int>(mask));
    const auto equal = [&](int at) {
      return _mm_cmpeq_epi32(_mm_and_si128(_mm_load_si128(words + at), masks), values);
    };
    const __m128i bytes =
        _mm_packs_epi16(_mm_packs_epi32(equal(0), equal(1)), _mm_packs_epi32(equal(2), equal(3)));
    return static_cast<std::uint32_t>(_mm_movemask_epi8(bytes)) & ((1U << kSlots) - 1);
  }
  [[nodiscard]] static std::uint32_t Equal(const Line& line, std::uint32_t value) {
    return Equal(line, value, ~std::uint32_t{0});
  }
  [[nodiscard]] static std::uint32_t Free(const Line& line) { return Equal(line, 0); }
  [[nodiscard]] std::uint32_t Matches(const Line& line, std::uint32_t tag) const {
    return Equal(line, tag, ~(tag_unit_ - 1));
  }

  HugeArray<Line> lines_;
  std::uint32_t tag_unit_ = 1;  // the lowest bit of a tag: handles are below it
};
}  // namespace gaios::order_book

#endif  // GAIOS_RSM_ORDER_BOOK_ORDER_INDEX_H_
