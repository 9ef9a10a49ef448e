#ifndef GAIOS_RSM_ADDRESS_TEXT_H_
#define GAIOS_RSM_ADDRESS_TEXT_H_

// Addresses of replicas as configs, logs and operators write them: "10.0.0.1:7400", "[fd00::1]:7400". Pure;
// any thread.

#include <cstdint>
#include <string>
#include <string_view>
#include <utility>

namespace gaios::rsm {

// Whether `address` is one in numbers, of IPv4 or IPv6; of `family` alone in the second form.
[[nodiscard]] bool IsNumericAddress(const std::string& address);
[[nodiscard]] bool IsNumericAddress(const std::string& address, int family);

// Taken apart; port 0 when it is no such text.
[[nodiscard]] std::pair<std::string, std::uint16_t> ParseAddressText(std::string_view text);
[[nodiscard]] std::string AddressText(const std::string& address, std::uint16_t port);

}  // namespace gaios::rsm

#endif  // GAIOS_RSM_ADDRESS_TEXT_H_
