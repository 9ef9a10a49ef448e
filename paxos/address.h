#ifndef GAIOS_PAXOS_ADDRESS_H_
#define GAIOS_PAXOS_ADDRESS_H_

// Where a replica is to be found, as its transport reads it. The protocol carries it and does not look at it.
// A plain value; any thread.

#include <algorithm>
#include <array>
#include <cstddef>
#include <optional>
#include <string_view>

namespace gaios::paxos {

class Address {
 public:
  static constexpr std::size_t kMaxBytes = 63;

  // None: where the configuration file says, or, on one host, nowhere in particular.
  constexpr Address() = default;
  // Nothing when the text is too long or holds a zero.
  [[nodiscard]] static constexpr std::optional<Address> Of(std::string_view text) {
    if (text.size() > kMaxBytes || text.find('\0') != std::string_view::npos) {
      return std::nullopt;
    }
    Address address;
    std::ranges::copy(text, address.text_.begin());
    return address;
  }

  [[nodiscard]] constexpr std::string_view text() const {
    const std::string_view all(text_.data(), text_.size());
    return all.substr(0, all.find('\0'));
  }
  [[nodiscard]] constexpr bool none() const { return text_[0] == '\0'; }
  friend constexpr bool operator==(const Address&, const Address&) = default;

 private:
  std::array<char, kMaxBytes + 1> text_ = {};  // filled up with zeros
};
static_assert(sizeof(Address) == 64);

}  // namespace gaios::paxos

#endif  // GAIOS_PAXOS_ADDRESS_H_
