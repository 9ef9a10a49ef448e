#include "gaios/rsm/address_text.h"

#include <arpa/inet.h>

#include <array>
#include <charconv>
#include <system_error>

#include <absl/strings/str_cat.h>

namespace gaios::rsm {

bool IsNumericAddress(const std::string& address, int family) {
  std::array<unsigned char, sizeof(in6_addr)> bytes;
  return inet_pton(family, address.c_str(), bytes.data()) == 1;
}

bool IsNumericAddress(const std::string& address) {
  return IsNumericAddress(address, AF_INET) || IsNumericAddress(address, AF_INET6);
}

std::pair<std::string, std::uint16_t> ParseAddressText(std::string_view text) {
  const std::size_t colon = text.rfind(':');
  if (colon == std::string_view::npos) {
    return {};
  }
  std::string_view host = text.substr(0, colon);
  const bool brackets = host.size() > 2 && host.front() == '[' && host.back() == ']';
  if (brackets) {
    host = host.substr(1, host.size() - 2);
  }
  const std::string_view digits = text.substr(colon + 1);
  std::uint16_t port = 0;
  const auto [end, error] = std::from_chars(digits.data(), digits.data() + digits.size(), port);
  std::string address(host);
  if (error != std::errc() || end != digits.data() + digits.size() || !IsNumericAddress(address) ||
      brackets != (address.find(':') != std::string::npos)) {
    return {};
  }
  return {std::move(address), port};
}

std::string AddressText(const std::string& address, std::uint16_t port) {
  const bool brackets = address.find(':') != std::string::npos;
  return absl::StrCat(brackets ? "[" : "", address, brackets ? "]:" : ":", port);
}

}  // namespace gaios::rsm
