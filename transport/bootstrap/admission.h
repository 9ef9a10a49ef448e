#ifndef GAIOS_TRANSPORT_BOOTSTRAP_ADMISSION_H_
#define GAIOS_TRANSPORT_BOOTSTRAP_ADMISSION_H_

// Judges hellos: who may come up, and why not. Knows what this replica is and which life of each peer was
// seen last. No I/O, no clock. One thread.

#include <array>
#include <cstdint>
#include <optional>
#include <string>

#include "gaios/paxos/limits.h"
#include "gaios/transport/bootstrap/options.h"
#include "gaios/transport/bootstrap/wire.h"

namespace gaios::transport::bootstrap {

struct Verdict {
  Refusal refusal = Refusal::kNone;
  std::string reason;  // a sentence that both ends understand; empty when admitted
  [[nodiscard]] bool admitted() const { return refusal == Refusal::kNone; }
};

class Admission {
 public:
  // `instance` is drawn at random, and not 0.
  Admission(const BootstrapOptions& options, std::uint64_t instance);

  // What this replica says of itself to `to`.
  [[nodiscard]] Hello HelloTo(ReplicaId to, std::uint64_t attempt) const;

  // Of a hello from an end that has proved to be of the cluster, as it came: `dialled` is the peer that was
  // meant when this end has dialled, with `attempt`. An admitted hello is remembered: earlier ones of that
  // peer are refused from now on.
  [[nodiscard]] Verdict Judge(std::span<const std::byte> payload, std::optional<ReplicaId> dialled,
                              std::uint64_t attempt, Hello& hello);

  // Of a hello that was admitted: whether it would be now, when a later one of that peer may have been, or
  // the life that it is of expelled.
  [[nodiscard]] Verdict JudgeAgain(const Hello& hello) const;

  [[nodiscard]] bool known(ReplicaId peer) const;

  // Of a visit from an end that has proved to be of the cluster, as it came.
  [[nodiscard]] Verdict JudgeVisit(std::span<const std::byte> payload, Visit& visit) const;

  // Lives of `peer` up to `incarnation` are refused from now on.
  void Expel(ReplicaId peer, paxos::Incarnation incarnation);

 private:
  struct Life {
    std::uint32_t incarnation = 0;  // 0: none was seen
    std::uint64_t instance = 0;
    std::uint64_t attempt = 0;
    std::uint32_t expelled = 0;  // the latest life that was removed from the group
  };
  [[nodiscard]] Verdict JudgeGroup(const Hello& hello) const;
  [[nodiscard]] Verdict JudgeIds(const Hello& hello, std::optional<ReplicaId> dialled) const;
  [[nodiscard]] Verdict JudgeLife(const Hello& hello, bool dialled) const;

  const ReplicaId self_;
  const std::string group_name_;
  Hello own_;  // but for `to` and `attempt`
  std::array<bool, paxos::kMaxReplicas> known_ = {};
  std::array<Life, paxos::kMaxReplicas> seen_ = {};
};

}  // namespace gaios::transport::bootstrap

#endif  // GAIOS_TRANSPORT_BOOTSTRAP_ADMISSION_H_
