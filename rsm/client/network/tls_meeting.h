#ifndef GAIOS_RSM_CLIENT_NETWORK_TLS_MEETING_H_
#define GAIOS_RSM_CLIENT_NETWORK_TLS_MEETING_H_

// A client's end of the meeting in production: TCP to a replica's client address, TLS 1.3 by which each
// proves that it is of the cluster, the greeting (wire.h), and a line of the port that is given, or a UDP
// socket at the address that the way to the replica begins at. A step of the TLS handshake computes for some
// hundred microseconds. Threads are those of Meeting.

#include <cstdint>
#include <memory>
#include <string>

#include <absl/status/statusor.h>

#include "gaios/base/clock.h"
#include "gaios/paxos/types.h"
#include "gaios/rsm/client/network/meeting.h"
#include "gaios/rsm/client/network/shared_port.h"
#include "gaios/rsm/client/network/wire.h"
#include "gaios/transport/bootstrap/connection.h"
#include "gaios/transport/bootstrap/socket.h"
#include "gaios/transport/bootstrap/tls.h"

namespace gaios::rsm {

struct TlsMeetingOptions {
  paxos::ReplicaId replica;
  std::string address;  // IPv4, in numbers
  std::uint16_t port = 0;
  std::string cluster;
  std::size_t payload_bytes = 1400;
  bool encrypt = false;                // datagrams; the replica must do the same
  const base::Clock* clock = nullptr;  // must outlive the meeting
  // Of the connections of one client. `group` is that of the first replica that has taken it; 0 until then.
  std::shared_ptr<const transport::bootstrap::TlsContext> tls;
  std::shared_ptr<std::uint64_t> group;
  // What carries the datagrams; null: a UDP socket of this connection's own.
  std::shared_ptr<SharedPort> shared_port;
};

class TlsMeeting final : public Meeting {
 public:
  // An attempt that has come to nothing by then is given up.
  static constexpr std::uint64_t kTimeoutNs = 5'000'000'000;
  // One that was refused is not tried again before: a handshake costs the replica some hundred microseconds.
  static constexpr std::uint64_t kRefusedPauseNs = 200'000'000;

  explicit TlsMeeting(TlsMeetingOptions options);

  State Advance() override;
  [[nodiscard]] Met Take() override { return std::move(met_); }
  void End() override;
  [[nodiscard]] const std::string& failure() const override { return failure_; }

 private:
  void Dial();
  // Whether something was done, so that the next step may be.
  bool Step();
  bool StepOfDial();
  bool StepOfHandshake();
  bool StepOfGreeting();
  void Watch();
  void TakeFrame(const transport::bootstrap::Frame& frame);
  void TakeWelcome(const NetworkWelcome& welcome);
  [[nodiscard]] absl::StatusOr<std::unique_ptr<transport::udp::Port>> OpenPort(
      const NetworkWelcome& welcome, transport::udp::Endpoint replica) const;
  void FailTls(transport::bootstrap::TlsResult result);
  void Fail(const std::string& why);
  void FailForNow(const std::string& why) {
    Fail(why);
    again_ns_ = options_.clock->NowNs() + kRefusedPauseNs;
  }

  const TlsMeetingOptions options_;
  const std::string who_;  // "replica 1 at 10.0.0.1:7500"
  State state_ = State::kApart;
  std::string failure_;
  std::unique_ptr<transport::bootstrap::Connection> connection_;
  std::uint64_t deadline_ns_ = 0;
  std::uint64_t again_ns_ = 0;  // not dialled before
  Met met_;
};

}  // namespace gaios::rsm

#endif  // GAIOS_RSM_CLIENT_NETWORK_TLS_MEETING_H_
