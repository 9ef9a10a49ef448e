#ifndef GAIOS_TRANSPORT_SIM_ENDPOINT_H_
#define GAIOS_TRANSPORT_SIM_ENDPOINT_H_

// One replica's end of a simulated World.

#include <vector>

#include "gaios/transport/sim/world.h"

namespace gaios::transport::sim {

class Endpoint final : public Transport {
 public:
  Endpoint(World& world, ReplicaId self) : world_(world), self_(self) {}

  [[nodiscard]] std::size_t capacity() const override;
  [[nodiscard]] std::byte* log() override;
  [[nodiscard]] std::uint64_t ReadLogWord(LogWord which) const override;
  void Publish(ControlWord which, std::uint64_t value) override;
  void GrantTo(ReplicaId to, Grant grant) override;
  Post Write(ReplicaId peer, Grant grant, Incarnation acceptor, Range range, std::uint64_t token) override;
  [[nodiscard]] bool WriteToAll(std::span<const WriteTarget> targets, std::uint64_t formation,
                                Range range) override;
  [[nodiscard]] bool writes_at_once() const override;
  [[nodiscard]] bool PostToAll(std::span<const WriteTarget> targets, std::uint64_t formation,
                               Range range) override;
  [[nodiscard]] bool posts_to_all() const override;
  Post WriteWord(ReplicaId peer, Grant grant, Incarnation acceptor, LogWord which, std::uint64_t value,
                 std::uint64_t token) override;
  Post ReadLog(ReplicaId peer, Grant grant, Incarnation acceptor, Range range, std::uint64_t token) override;
  Post ReadControl(ReplicaId peer) override;
  void Send(ReplicaId peer, std::span<const std::byte> message) override;
  void Abandon(ReplicaId peer) override;
  std::size_t Poll(EventHandler& handler) override;

 private:
  [[nodiscard]] bool HasPath(ReplicaId peer, Grant grant);
  // Whether a read of a log has been posted to any peer and its outcome is open.
  [[nodiscard]] bool ReadUnderWay();
  // Posts an operation that needs a granted path, if there is one and it has room.
  Post PostOnPath(World::Operation&& operation);
  // Whether what is done is one of the writes that were posted to all, and so was told.
  bool TellWritten(const Completion& completion, EventHandler& handler);
  // Makes an asked grant effective when its fence has taken its time.
  void FinishFence(EventHandler& handler);

  World& world_;
  const ReplicaId self_;
  std::uint64_t formation_ = 0;       // of the latest PostToAll
  std::vector<WriteTarget> written_;  // its targets, each with the token of the last that is done
};

}  // namespace gaios::transport::sim

#endif  // GAIOS_TRANSPORT_SIM_ENDPOINT_H_
