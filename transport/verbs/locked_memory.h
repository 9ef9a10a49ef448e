#ifndef GAIOS_TRANSPORT_VERBS_LOCKED_MEMORY_H_
#define GAIOS_TRANSPORT_VERBS_LOCKED_MEMORY_H_

// What to tell the user when a device does not register memory. Any thread.

#include <string>

namespace gaios::transport::verbs {

// The limit of locked memory and how to raise it; nothing when there is no limit.
[[nodiscard]] std::string LockedMemoryAdvice();

}  // namespace gaios::transport::verbs

#endif  // GAIOS_TRANSPORT_VERBS_LOCKED_MEMORY_H_
