#ifndef GAIOS_TESTS_FUZZ_CHOICES_H_
#define GAIOS_TESTS_FUZZ_CHOICES_H_

// What a fuzzer's input says, read as numbers and pieces of bytes from its front. When it has no more to say
// the numbers are 0, so every input means something and a shorter one means less.

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <cstring>
#include <span>
#include <type_traits>

namespace gaios::fuzz {

class Choices {
 public:
  explicit Choices(std::span<const std::byte> input) : input_(input) {}

  [[nodiscard]] bool empty() const { return input_.empty(); }

  template <typename Number>
  [[nodiscard]] Number Take() {
    static_assert(std::is_trivially_copyable_v<Number> && !std::is_same_v<Number, bool>);
    Number number = {};
    const std::size_t size = std::min(sizeof(number), input_.size());
    if (size != 0) {
      std::memcpy(&number, input_.data(), size);
    }
    input_ = input_.subspan(size);
    return number;
  }
  // One byte's worth of [0, bound).
  [[nodiscard]] std::uint8_t Below(std::uint8_t bound) {
    return static_cast<std::uint8_t>(Take<std::uint8_t>() % bound);
  }
  [[nodiscard]] bool Flip() { return (Take<std::uint8_t>() & 1) != 0; }
  // Up to `size` bytes: fewer when there are no more.
  [[nodiscard]] std::span<const std::byte> Bytes(std::size_t size) {
    const std::span<const std::byte> bytes = input_.first(std::min(size, input_.size()));
    input_ = input_.subspan(bytes.size());
    return bytes;
  }
  [[nodiscard]] std::span<const std::byte> Rest() { return Bytes(input_.size()); }

 private:
  std::span<const std::byte> input_;
};

}  // namespace gaios::fuzz

#endif  // GAIOS_TESTS_FUZZ_CHOICES_H_
