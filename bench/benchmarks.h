#ifndef GAIOS_BENCH_BENCHMARKS_H_
#define GAIOS_BENCH_BENCHMARKS_H_

// The benchmarks that gaios-bench runs. Each measures the product beside its floor and emits one report; an
// error means that nothing was measured that could be relied on.

#include <absl/status/status.h>

#include "bench/options.h"

namespace gaios::bench {

// Latency from entry into Propose to the first Poll that reports the command committed, on the leader's own
// thread.
[[nodiscard]] absl::Status RunCommit(const Options& options);

// Commands per second until the slowest replica has applied all of them, over at least ten wraps of the ring
// a block.
[[nodiscard]] absl::Status RunThroughput(const Options& options);

// From kill -9 of the leader to the first command that its successor commits, once for each trial.
[[nodiscard]] absl::Status RunFailover(const Options& options);

// Latency and throughput over UDP while datagrams are lost, against the same without loss.
[[nodiscard]] absl::Status RunLoss(const Options& options);

// Latency and throughput over UDP with datagrams that are encrypted, against the same with a MAC alone.
[[nodiscard]] absl::Status RunEncryption(const Options& options);

// Latency and throughput over UDP while another process sends false datagrams to the leader, or elsewhere,
// and without.
[[nodiscard]] absl::Status RunFlood(const Options& options);

// One client over the network: from Submit to the answer, against the same datagrams to an echo.
[[nodiscard]] absl::Status RunNetwork(const Options& options);

// The order book: a message by itself, and orders a second through three replicas.
[[nodiscard]] absl::Status RunBook(const Options& options);

// The share of a core that an idle follower costs.
[[nodiscard]] absl::Status RunIdle(const Options& options);

// What it costs that a replica comes back: the latency of commits while it is filled, how fast it is filled
// without a bound, and the gap that a planned hand-over leaves.
[[nodiscard]] absl::Status RunCatchup(const Options& options);

// The gap that a planned hand-over leaves, against the round trip of the medium.
[[nodiscard]] absl::Status RunHandOver(const Options& options);

// What snapshots cost: the latency of commits while they are taken and while none is, on a follower and by
// the leader, by fork and by the state machine's own way; and one streamed over the channel by which hosts
// meet.
[[nodiscard]] absl::Status RunSnapshot(const Options& options);

}  // namespace gaios::bench

#endif  // GAIOS_BENCH_BENCHMARKS_H_
