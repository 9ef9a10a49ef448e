#ifndef GAIOS_BASE_PINNING_H_
#define GAIOS_BASE_PINNING_H_

// Where the calling thread runs and what it is called. Each function acts on, or asks about, the calling
// thread alone; threads that it starts later inherit its cpus. No state is kept here.

#include <string_view>
#include <vector>

#include <absl/status/status.h>

namespace gaios::base {

// Binds the calling thread to one cpu, numbered as in /proc/cpuinfo. The error names the cpu and what to do
// about it; the thread then runs where it did before.
[[nodiscard]] absl::Status PinThisThread(int cpu);

// The cpus that the calling thread may run on, ascending; just one once it is pinned. Empty if the kernel
// does not tell.
[[nodiscard]] std::vector<int> AvailableCpus();

// The name that top, gdb and perf show for the calling thread. The kernel keeps 15 bytes; the rest is cut
// off.
void SetThisThreadName(std::string_view name);

}  // namespace gaios::base

#endif  // GAIOS_BASE_PINNING_H_
