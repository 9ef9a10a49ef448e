#ifndef GAIOS_PAXOS_LONG_HASH_H_
#define GAIOS_PAXOS_LONG_HASH_H_

// XXH3-64 of many bytes, by the widest vectors that this processor has. The same value as XXH3_64bits gives
// anywhere. Any thread.

#include <cstddef>
#include <cstdint>
#include <span>

namespace gaios::paxos {

[[nodiscard]] std::uint64_t LongHash(std::span<const std::byte> bytes);

}  // namespace gaios::paxos

#endif  // GAIOS_PAXOS_LONG_HASH_H_
