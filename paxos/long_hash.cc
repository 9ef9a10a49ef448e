#include "gaios/paxos/long_hash.h"

#define XXH_DISPATCH_DISABLE_REPLACE
#include <xxh_x86dispatch.h>

namespace gaios::paxos {

std::uint64_t LongHash(std::span<const std::byte> bytes) {
  return XXH3_64bits_dispatch(bytes.data(), bytes.size());
}

}  // namespace gaios::paxos
