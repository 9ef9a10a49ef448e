#ifndef GAIOS_TRANSPORT_BOOTSTRAP_CHANNEL_THREAD_H_
#define GAIOS_TRANSPORT_BOOTSTRAP_CHANNEL_THREAD_H_

// A thread that a peer channel is polled by, beside the replica's own, and what it hands over: sentences for
// the user, and what the channel counts. What else goes between the two threads is its user's.
//
// Threads: Begin, Wake, Tell, TakeNotices and counters may be called from any; the step runs on the thread,
// or, where there is none, wherever its user calls it. Prepare once, before all else.

#include <array>
#include <atomic>
#include <cstdint>
#include <functional>
#include <mutex>
#include <string>
#include <thread>
#include <vector>

#include <absl/status/status.h>

#include "gaios/base/clock.h"
#include "gaios/base/unique_fd.h"
#include "gaios/transport/bootstrap/peer_channel.h"

namespace gaios::transport::bootstrap {

class ChannelThread {
 public:
  // `step` polls the channel and does what else is to be done. It returns when it is to run again at the
  // latest, by `clock`, or 0 when only the channel decides. `channel` and `clock` must outlive this object.
  ChannelThread(const PeerChannel& channel, const base::Clock& clock, std::function<std::uint64_t()> step)
      : channel_(channel), clock_(clock), step_(std::move(step)) {}
  ChannelThread(const ChannelThread&) = delete;
  ChannelThread& operator=(const ChannelThread&) = delete;
  // Ends the thread.
  ~ChannelThread();

  // With `own_thread` makes the thread, which waits. `who` is named in errors: "the RDMA transport".
  // ResourceExhausted: the system has no descriptor or no thread left.
  [[nodiscard]] absl::Status Prepare(bool own_thread, const std::string& who);
  // The thread, if there is one, steps from now on.
  void Begin();
  // There is something to do.
  void Wake() const;
  // Ends the thread early.
  void Stop();

  void Tell(std::string text);  // each sentence once until it is taken
  [[nodiscard]] std::vector<std::string> TakeNotices();
  // Takes what the channel counts now. From the step.
  void Count();
  // As it was when Count was called last.
  [[nodiscard]] ChannelCounters counters() const;

 private:
  void Run();
  void Wait(std::uint64_t again_at_ns) const;

  const PeerChannel& channel_;
  const base::Clock& clock_;
  const std::function<std::uint64_t()> step_;
  base::UniqueFd wake_fd_;
  std::atomic<bool> begun_ = false;
  std::atomic<bool> stop_ = false;
  std::array<std::atomic<std::uint64_t>, sizeof(ChannelCounters) / sizeof(std::uint64_t)> counters_ = {};
  std::mutex notices_mutex_;
  std::vector<std::string> notices_;
  std::thread thread_;
};

}  // namespace gaios::transport::bootstrap

#endif  // GAIOS_TRANSPORT_BOOTSTRAP_CHANNEL_THREAD_H_
