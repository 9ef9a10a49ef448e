#ifndef GAIOS_TESTS_TRANSPORT_BOOTSTRAP_FIXTURE_H_
#define GAIOS_TESTS_TRANSPORT_BOOTSTRAP_FIXTURE_H_

// Ends of bootstrap channels in the test's own process, on loopback, with one clock that stands still unless
// it is told. What the ends report is kept in words and numbers that a test can compare.

#include <algorithm>
#include <filesystem>
#include <functional>
#include <memory>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include <gtest/gtest.h>

#include "gaios/base/clock.h"
#include "gaios/transport/bootstrap/bootstrap.h"

namespace gaios::transport::bootstrap {

inline constexpr std::uint64_t kMs = 1'000'000;
inline constexpr std::uint64_t kSecond = 1'000 * kMs;

inline std::span<const std::byte> Bytes(std::string_view text) {
  return std::as_bytes(std::span(text));
}

struct SeenRefusal {
  Refusal refusal = Refusal::kNone;
  bool by_us = false;
  bool peer_known = false;
  ReplicaId peer;
  std::string address;
  std::string reason;
};

// Keeps what it is told.
class Recorder final : public BootstrapHandler {
 public:
  void OnPeerUp(ReplicaId peer, const PeerHello& hello) override {
    log.push_back("up " + std::to_string(peer.value()));
    hellos.push_back(hello);
  }
  void OnFrame(ReplicaId peer, std::span<const std::byte> bytes) override {
    frames.emplace_back(reinterpret_cast<const char*>(bytes.data()), bytes.size());
    log.push_back("frame " + std::to_string(peer.value()));
    if (on_frame) {
      on_frame(peer, bytes);
    }
  }
  void OnPeerDown(ReplicaId peer, DownReason reason) override {
    log.push_back("down " + std::to_string(peer.value()) + " " + std::string(DownReasonName(reason)));
  }
  void OnRefused(const RefusedConnection& refused) override {
    refusals.push_back({refused.refusal, refused.by_us, refused.peer_known, refused.peer,
                        std::string(refused.address), std::string(refused.reason)});
  }

  [[nodiscard]] std::size_t Count(std::string_view line) const {
    return static_cast<std::size_t>(std::count(log.begin(), log.end(), line));
  }

  std::vector<std::string> log;
  std::vector<std::string> frames;
  std::vector<PeerHello> hellos;
  std::vector<SeenRefusal> refusals;
  std::function<void(ReplicaId, std::span<const std::byte>)> on_frame;
};

// One replica's end, with its recorder.
struct End {
  std::unique_ptr<Bootstrap> bootstrap;
  std::unique_ptr<Recorder> seen = std::make_unique<Recorder>();

  void Poll() const {
    if (bootstrap != nullptr) {
      bootstrap->Poll(*seen);
    }
  }
  [[nodiscard]] bool Up(std::uint8_t peer) const { return bootstrap->up(ReplicaId(peer)); }
  [[nodiscard]] const BootstrapCounters& counters() const { return bootstrap->counters(); }
  [[nodiscard]] std::uint64_t RefusedByUs(Refusal refusal) const {
    return counters().refused_by_us.at(static_cast<std::size_t>(refusal));
  }
  [[nodiscard]] std::uint64_t RefusedByPeer(Refusal refusal) const {
    return counters().refused_by_peer.at(static_cast<std::size_t>(refusal));
  }
};

class BootstrapTest : public testing::Test {
 protected:
  BootstrapTest();
  ~BootstrapTest() override;

  // A file in the scratch directory, readable by its owner alone unless said otherwise.
  std::string WriteFile(const std::string& name, std::string_view text,
                        std::filesystem::perms mode = std::filesystem::perms::owner_read |
                                                      std::filesystem::perms::owner_write) const;

  // Replica `id` of a group of `replicas`, which dials the higher ids where `ports` says.
  [[nodiscard]] BootstrapOptions OptionsOf(std::uint8_t id, std::size_t replicas = 2) const;
  // Opens an end; those of higher id must have been opened before, as their ports are put into the options.
  void Open(BootstrapOptions options);
  void Close(std::uint8_t id) { ends_.at(id).bootstrap.reset(); }
  End& end(std::uint8_t id) { return ends_.at(id); }

  // Ends 0 and 1 of a group of two, up.
  void OpenPair();

  void PollAll();
  // Polls until `done`, for as long as a test may reasonably wait on a machine with other work. Time of the
  // ends stands still.
  [[nodiscard]] bool PollUntil(const std::function<bool()>& done);
  // As above, in steps of `step_ns`.
  [[nodiscard]] bool PollUntilAdvancing(std::uint64_t step_ns, const std::function<bool()>& done);
  // Lets what is under way arrive: on one host, a few turns are many.
  void Settle();

  base::ManualClock clock_{kSecond};
  std::string directory_;
  std::string key_file_;
  std::vector<End> ends_;
  std::vector<std::uint16_t> ports_;
};

}  // namespace gaios::transport::bootstrap

#endif  // GAIOS_TESTS_TRANSPORT_BOOTSTRAP_FIXTURE_H_
