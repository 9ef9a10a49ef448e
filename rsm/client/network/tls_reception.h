#ifndef GAIOS_RSM_CLIENT_NETWORK_TLS_RECEPTION_H_
#define GAIOS_RSM_CLIENT_NETWORK_TLS_RECEPTION_H_

// The reception in production: clients come by TCP, prove by TLS 1.3 that they are of the cluster, and greet
// (wire.h). One that is welcome gets a place, rings, and keys for its datagrams; its connection then stays,
// silent, for each end to see the other's death by. A thread of its own does all of it.
//
// Whoever has not greeted is a stranger, and bounded: kMaxPending of them, kGreetingTimeoutNs and some tens
// of KiB for each. Who is refused is told why.

#include <array>
#include <atomic>
#include <cstddef>
#include <cstdint>
#include <deque>
#include <memory>
#include <mutex>
#include <string>
#include <thread>
#include <vector>

#include <absl/status/statusor.h>

#include "gaios/base/clock.h"
#include "gaios/base/mailbox.h"
#include "gaios/base/unique_fd.h"
#include "gaios/rsm/client/network/reception.h"
#include "gaios/rsm/client/network/wire.h"
#include "gaios/transport/bootstrap/connection.h"
#include "gaios/transport/bootstrap/options.h"
#include "gaios/transport/bootstrap/refusal.h"
#include "gaios/transport/bootstrap/tls.h"

namespace gaios::rsm {

struct TlsReceptionOptions {
  std::string address;  // IPv4, in numbers
  std::uint16_t port = 0;
  std::uint16_t udp_port = 0;  // where its datagrams are to go
  PortIdentity identity;
  std::string cluster;
  std::size_t max_clients = 64;
  std::size_t payload_bytes = 1400;
  bool encrypt = false;               // datagrams; clients must do the same
  std::size_t max_command_bytes = 0;  // that the group takes
  transport::bootstrap::Credentials credentials;
  const base::Clock* clock = nullptr;  // must outlive the reception
};

class TlsReception final : public Reception {
 public:
  static constexpr std::size_t kMaxPending = 32;
  static constexpr std::uint64_t kGreetingTimeoutNs = 5'000'000'000;

  // Errors are those of the credentials (transport/bootstrap/tls.h), and of an address or port that cannot be
  // had; ResourceExhausted: no descriptor or thread is left.
  [[nodiscard]] static absl::StatusOr<std::unique_ptr<TlsReception>> Open(TlsReceptionOptions options);

  TlsReception(const TlsReception&) = delete;
  TlsReception& operator=(const TlsReception&) = delete;
  ~TlsReception() override;

  [[nodiscard]] bool any_news() const override { return news_.any(); }
  [[nodiscard]] std::vector<News> TakeNews() override { return news_.TakeAll(); }
  void Release(std::unique_ptr<NetworkClient> client) override;
  [[nodiscard]] std::vector<std::string> TakeNotices() override;
  void Count(NetworkCounters& counters) const override;

 private:
  using Connection = transport::bootstrap::Connection;
  struct Place {
    bool given = false;
    std::uint32_t life = 0;
    std::unique_ptr<Connection> connection;  // null: it has left, or the place is free
  };

  TlsReception(TlsReceptionOptions options, std::unique_ptr<transport::bootstrap::TlsContext> tls,
               base::UniqueFd listener, base::UniqueFd wake);
  void Run();
  void Wake() const;
  void Wait();
  void TakeReleased();
  void AcceptAll();
  void ServePending();
  // Goes on with one that has not greeted. False: it is gone, refused to the end, or has a place.
  [[nodiscard]] bool Advance(std::unique_ptr<Connection>& connection);
  [[nodiscard]] bool ShakeHands(Connection& connection);
  [[nodiscard]] bool Greet(std::unique_ptr<Connection>& connection);
  [[nodiscard]] bool Linger(Connection& connection) const;
  void TakeIn(std::unique_ptr<Connection> connection, const NetworkHello& hello, std::size_t place);
  // What is wrong with a greeting, if anything is.
  [[nodiscard]] transport::bootstrap::Refusal Judge(std::span<const std::byte> payload, NetworkHello& hello,
                                                    std::string& why) const;
  void Refuse(Connection& connection, transport::bootstrap::Refusal refusal, const std::string& why);
  void Tell(const Connection& connection, transport::bootstrap::Refusal refusal, const std::string& why);
  void WatchPlaces();
  void CountOne(NetworkCounter counter) {
    counts_.at(static_cast<std::size_t>(counter)).fetch_add(1, std::memory_order_relaxed);
  }

  const TlsReceptionOptions options_;
  const std::unique_ptr<transport::bootstrap::TlsContext> tls_;
  const base::UniqueFd listener_;
  const base::UniqueFd wake_;
  std::atomic<bool> stop_ = false;
  base::Mailbox<News> news_;
  base::Mailbox<std::unique_ptr<NetworkClient>> released_;
  std::array<std::atomic<std::uint64_t>, kNetworkCounters> counts_ = {};
  std::mutex notices_mutex_;
  std::vector<std::string> notices_;

  // Of the thread.
  std::deque<std::unique_ptr<Connection>> pending_;  // oldest first
  std::vector<Place> places_;
  std::uint64_t accept_again_ns_ = 0;  // when the system had no descriptor; 0 otherwise
  std::array<std::uint64_t, transport::bootstrap::kRefusals> tell_again_ns_ = {};
  std::thread thread_;
};

}  // namespace gaios::rsm

#endif  // GAIOS_RSM_CLIENT_NETWORK_TLS_RECEPTION_H_
