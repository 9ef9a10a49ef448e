#include "gaios/cli/ask/ask_replica.h"

#include "gaios/base/clock.h"
#include "gaios/base/idle.h"
#include "gaios/rsm/client/shm_connection.h"

namespace gaios::cli {

bool WaitFor(const std::function<bool()>& holds, std::uint64_t patience_ns) {
  const base::TscClock clock(base::TscClock::Source::kKernel);
  base::Idle idle(base::IdleStrategy::kBackOff);
  const std::uint64_t deadline_ns = clock.NowNs() + patience_ns;
  while (!holds()) {
    if (clock.NowNs() > deadline_ns) {
      return false;
    }
    idle.OnIdle();
  }
  return true;
}

std::optional<Answer> AskReplica(const rsm::Config& config, paxos::GroupId group, std::size_t replica,
                                 rsm::RequestHeader request, std::span<const std::byte> command,
                                 std::uint64_t patience_ns) {
  rsm::ShmConnection connection(config.directory, paxos::ReplicaId(static_cast<std::uint8_t>(replica)),
                                group);
  request.request = 1;
  bool sent = false;
  std::optional<Answer> answer;
  static_cast<void>(WaitFor(
      [&] {
        connection.Advance();
        sent = sent || (connection.ready() && connection.Send(request, command));
        if (const auto response = connection.FrontResponse(); response.has_value()) {
          answer = Answer{response->header, {response->reply.begin(), response->reply.end()}};
        }
        return answer.has_value() || connection.state() == rsm::ShmConnection::State::kLost;
      },
      patience_ns));
  return answer;
}

}  // namespace gaios::cli
