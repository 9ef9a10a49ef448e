#ifndef GAIOS_TESTS_LINEARIZABILITY_OPERATION_SET_H_
#define GAIOS_TESTS_LINEARIZABILITY_OPERATION_SET_H_

// A set of operations by number, one bit each. One thread.

#include <bit>
#include <cstddef>
#include <cstdint>
#include <vector>

namespace gaios::linearizability {

class OperationSet {
 public:
  explicit OperationSet(std::size_t size) : words_((size + kWordBits - 1) / kWordBits) {}

  void Insert(std::size_t member) { words_[member / kWordBits] |= Bit(member); }
  void Erase(std::size_t member) { words_[member / kWordBits] &= ~Bit(member); }
  [[nodiscard]] bool Contains(std::size_t member) const {
    return (words_[member / kWordBits] & Bit(member)) != 0;
  }

  // Calls `visit` with each of the first `count` members that are not below `from`; there must be so many.
  template <typename Visit>
  void ForNext(std::size_t from, std::size_t count, Visit visit) const {
    std::size_t word = from / kWordBits;
    for (std::uint64_t bits = count == 0 ? 0 : words_[word] & ~(Bit(from) - 1); count > 0;
         bits = words_[++word]) {
      for (; bits != 0 && count > 0; bits &= bits - 1, --count) {
        visit(word * kWordBits + static_cast<std::size_t>(std::countr_zero(bits)));
      }
      if (count == 0) {
        return;
      }
    }
  }

 private:
  static constexpr std::size_t kWordBits = 64;
  static std::uint64_t Bit(std::size_t member) { return std::uint64_t{1} << (member % kWordBits); }

  std::vector<std::uint64_t> words_;
};

}  // namespace gaios::linearizability

#endif  // GAIOS_TESTS_LINEARIZABILITY_OPERATION_SET_H_
