#ifndef GAIOS_TESTS_SIM_DESK_H_
#define GAIOS_TESTS_SIM_DESK_H_

// Where the clients' letters arrive at one life of a replica, and where its answers are written. It also
// tells Agreed what the replica applies. One thread.

#include <cstddef>
#include <cstdint>
#include <deque>
#include <functional>
#include <span>
#include <vector>

#include "gaios/rsm/replica.h"

#include "tests/sim/agreed.h"
#include "tests/sim/digest.h"
#include "tests/sim/mail.h"

namespace gaios::sim {

class Desk final : public rsm::ProposalListener, public rsm::ReadListener, public rsm::ApplyObserver {
 public:
  // All must outlive the desk. `now_ns` is the world's time.
  Desk(paxos::Member self, const rsm::StateMachine& state_machine, Agreed& agreed, Mail& mail,
       std::function<std::uint64_t()> now_ns)
      : self_(self),
        state_machine_(state_machine),
        agreed_(agreed),
        mail_(mail),
        now_ns_(std::move(now_ns)) {}

  void Receive(std::size_t client, Request request) { waiting_.push_back({client, std::move(request)}); }
  [[nodiscard]] bool HasWork() const { return !waiting_.empty(); }
  // Hands everything that waits to the replica.
  void Serve(rsm::Replica& replica);

  void OnCommitted(std::uint64_t tag, std::uint64_t slot, rsm::Applied how,
                   std::span<const std::byte> reply) override;
  void OnUnknown(std::uint64_t tag) override;
  void OnReadable(std::uint64_t tag) override;
  void OnLost(std::uint64_t tag) override { OnUnknown(tag); }
  void OnApplied(const rsm::Command& command, rsm::Applied how, std::span<const std::byte> reply) override;

  // The replica goes on from a snapshot, whose state machine had run so many commands.
  void OnInstalled(std::uint64_t ran) { ran_ = ran; }

  // How many commands the state machine has run, and what it and they have come to.
  [[nodiscard]] std::uint64_t ran() const { return ran_; }
  [[nodiscard]] std::uint64_t digest() const { return digest_.value(); }

 private:
  struct Waiting {
    std::size_t client = 0;
    Request request;
  };
  struct Asked {
    std::size_t client = 0;
    std::uint64_t number = 0;
    RequestKind kind = RequestKind::kSubmit;
    rsm::SessionCommand session;
  };

  [[nodiscard]] std::uint64_t Keep(const Waiting& waiting);
  Asked Take(std::uint64_t tag);
  [[nodiscard]] static Response ResponseTo(const Asked& asked);
  void Reply(std::size_t client, const Response& response);

  const paxos::Member self_;
  const rsm::StateMachine& state_machine_;
  Agreed& agreed_;
  Mail& mail_;
  const std::function<std::uint64_t()> now_ns_;
  std::deque<Waiting> waiting_;
  std::vector<Asked> asked_;
  std::vector<std::uint64_t> free_tags_;
  std::uint64_t ran_ = 0;
  Digest digest_;
};

}  // namespace gaios::sim

#endif  // GAIOS_TESTS_SIM_DESK_H_
