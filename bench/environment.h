#ifndef GAIOS_BENCH_ENVIRONMENT_H_
#define GAIOS_BENCH_ENVIRONMENT_H_

// The class of machine and the build that a figure belongs to.

#include <nlohmann/json.hpp>

namespace gaios::bench {

// {cpu, cores, kernel, governor, compiler, commit_id, load}; what the system does not tell is "unknown". To
// be asked before anything is pinned.
[[nodiscard]] nlohmann::ordered_json DescribeEnvironment();

}  // namespace gaios::bench

#endif  // GAIOS_BENCH_ENVIRONMENT_H_
