#ifndef GAIOS_TESTS_SIM_INJECTOR_TERMS_H_
#define GAIOS_TESTS_SIM_INJECTOR_TERMS_H_

// What the parts of the injector say things in.

#include <cstddef>
#include <cstdint>
#include <string>

#include <absl/strings/str_cat.h>

#include "gaios/paxos/types.h"

namespace gaios::sim {

inline constexpr std::uint64_t kUs = 1'000;
inline constexpr std::uint64_t kMs = 1'000'000;

[[nodiscard]] inline paxos::ReplicaId IdOf(std::size_t i) {
  return paxos::ReplicaId(static_cast<std::uint8_t>(i));
}

[[nodiscard]] inline std::string Name(paxos::ReplicaId id) {
  return absl::StrCat("replica ", id.value());
}

}  // namespace gaios::sim

#endif  // GAIOS_TESTS_SIM_INJECTOR_TERMS_H_
