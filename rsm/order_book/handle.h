#ifndef GAIOS_RSM_ORDER_BOOK_HANDLE_H_
#define GAIOS_RSM_ORDER_BOOK_HANDLE_H_

// A 32-bit index into a pool, in place of a pointer: half the size, valid in whatever memory the pool has.
// Handles of different pools do not convert into each other. Zero is "none", so zeroed memory holds no
// handles, and pools leave their element 0 unused. A handle is an address in disguise: no reply and no hash
// may rest on its number.

#include <cstdint>

namespace gaios::order_book {

template <typename Tag>
class Handle {
 public:
  constexpr Handle() = default;
  explicit constexpr Handle(std::uint32_t index) : index_(index) {}
  [[nodiscard]] constexpr std::uint32_t index() const { return index_; }
  explicit constexpr operator bool() const { return index_ != 0; }
  friend constexpr bool operator==(Handle, Handle) = default;

 private:
  std::uint32_t index_ = 0;
};

using OrderHandle = Handle<struct OrderTag>;
using LevelHandle = Handle<struct LevelTag>;
using NodeHandle = Handle<struct NodeTag>;

}  // namespace gaios::order_book

#endif  // GAIOS_RSM_ORDER_BOOK_HANDLE_H_
