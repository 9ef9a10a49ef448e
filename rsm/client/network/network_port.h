#ifndef GAIOS_RSM_CLIENT_NETWORK_NETWORK_PORT_H_
#define GAIOS_RSM_CLIENT_NETWORK_NETWORK_PORT_H_

// Where the requests of clients on other hosts come in to a replica: one UDP port for all of them, and for
// each the two rings that a client of this host would share with it (client_port.h). What is done with a
// request is the same for both.
//
// In the replica's loop: Poll, then the replica, then Flush. While no client is there neither makes a system
// call but once in kStrangerLookNs. With clients the port is looked at in every turn after one that brought
// something, and once in kQuietLookNs otherwise. Nothing allocates while clients stay. One thread, the
// replica's.

#include <array>
#include <cstddef>
#include <cstdint>
#include <memory>
#include <span>
#include <string>
#include <vector>

#include "gaios/base/clock.h"
#include "gaios/paxos/types.h"
#include "gaios/rsm/client/network/network_counters.h"
#include "gaios/rsm/client/network/reception.h"
#include "gaios/rsm/replica.h"
#include "gaios/transport/udp/port.h"
#include "gaios/transport/udp/wire.h"

namespace gaios::rsm {

struct NetworkPortOptions {
  paxos::GroupId group;
  std::size_t max_clients = 64;
  // One that was not heard of for so long is forgotten. It is heard of every RingStream::kKeepAliveNs.
  std::uint64_t silence_timeout_ns = 10'000'000'000;
};

class NetworkPort final : private transport::udp::DatagramReceiver {
 public:
  static constexpr std::uint64_t kStrangerLookNs = 1'000'000;
  static constexpr std::uint64_t kQuietLookNs = 1'000;
  // What is a matter of time is looked at so often.
  static constexpr std::uint64_t kTimerIntervalNs = 50'000;

  // `clock` must outlive it.
  NetworkPort(const NetworkPortOptions& options, std::unique_ptr<transport::udp::Port> port,
              std::unique_ptr<Reception> reception, const base::Clock& clock);
  NetworkPort(const NetworkPort&) = delete;
  NetworkPort& operator=(const NetworkPort&) = delete;
  // The replica must not be polled any more: it may still have to answer to clients.
  ~NetworkPort() override = default;

  // Takes in what has arrived, and what clients ask for. Always of the same replica. Returns whether there
  // was anything to do.
  bool Poll(Replica& replica);
  // Sends what is to be sent. `turn_ns` is when this turn began: what is a matter of time goes by it.
  void Flush(std::uint64_t turn_ns);

  // As the port's (transport/udp/port.h). While nobody is there it is looked at once in kStrangerLookNs.
  [[nodiscard]] int poll_fd() const { return port_->poll_fd(); }

  [[nodiscard]] std::vector<std::string> TakeNotices() { return reception_->TakeNotices(); }
  [[nodiscard]] NetworkCounters counters() const;
  // Those included that are gone and wait for the replica's last answers.
  [[nodiscard]] std::size_t clients() const { return clients_.size(); }

 private:
  void TakeNews();
  void Look();
  void CheckClients(std::uint64_t now_ns);
  void Leave(NetworkClient& client, PortConnection::End why, NetworkCounter counted);
  void OnDatagram(transport::udp::Endpoint from, std::span<std::byte> payload) override;
  [[nodiscard]] NetworkClient* ClientOf(std::size_t place) const {
    return place < places_.size() ? places_[place] : nullptr;
  }

  const NetworkPortOptions options_;
  const std::unique_ptr<transport::udp::Port> port_;
  const std::unique_ptr<Reception> reception_;
  const base::Clock& clock_;
  std::vector<std::unique_ptr<NetworkClient>> clients_;
  std::vector<NetworkClient*> places_;  // of those that are there
  std::size_t first_ = 0;               // served first in the next turn
  bool brought_ = false;                // the last look at the port
  std::uint64_t next_look_ns_ = 0;
  std::uint64_t now_ns_ = 0;  // when the port was looked at last
  std::uint64_t next_timer_ns_ = 0;
  std::uint64_t next_check_ns_ = 0;
  NetworkCounters counters_;  // streams of clients that are there left out
};

}  // namespace gaios::rsm

#endif  // GAIOS_RSM_CLIENT_NETWORK_NETWORK_PORT_H_
