#ifndef GAIOS_TESTS_SIM_TRACE_H_
#define GAIOS_TESTS_SIM_TRACE_H_

// What each replica of a run did, one line a deed, with the virtual time: for people. Written as it happens,
// so that a run that ends in a crash has its trace too. Costs nothing when there is nowhere to write to. One
// thread.

#include <cstdint>
#include <cstdio>
#include <functional>
#include <span>
#include <string>
#include <string_view>
#include <utility>

#include "gaios/paxos/observer.h"
#include "gaios/paxos/types.h"

namespace gaios::sim {

[[nodiscard]] std::string NameOf(paxos::Member member);
[[nodiscard]] std::string NameOf(paxos::Ballot ballot);

class Trace final : public paxos::Observer {
 public:
  // `out` null: nothing is written. `now_ns` is the world's time.
  explicit Trace(std::FILE* out) : out_(out) {}
  void SetClock(std::function<std::uint64_t()> now_ns) { now_ns_ = std::move(now_ns); }

  [[nodiscard]] bool on() const { return out_ != nullptr; }
  // `who` is a replica, a client, or the one that makes faults.
  void Say(std::string_view who, std::string_view what);

  void OnPromise(paxos::Member acceptor, paxos::Grant grant) override;
  void OnGranted(paxos::Member owner, paxos::Grant grant);
  void OnLead(paxos::Member leader, paxos::Ballot ballot, std::span<const paxos::Member> voters,
              const paxos::Cursor& end) override;
  void OnAppend(paxos::Member leader, paxos::Ballot ballot, const paxos::Entry& entry) override;
  void OnAccept(paxos::Member leader, paxos::Ballot ballot, paxos::Member acceptor,
                paxos::Position position) override;
  void OnCommit(paxos::Member replica, const paxos::Cursor& commit) override;
  void OnApply(paxos::Member replica, const paxos::Entry& entry) override;
  // Of every append there would be one: left out.
  void OnInstall(paxos::Member replica, const paxos::Cursor& cursor) override;
  void OnReuse(paxos::Member, paxos::Position, std::span<const paxos::Member>) override {}

 private:
  std::FILE* const out_;
  std::function<std::uint64_t()> now_ns_;
};

}  // namespace gaios::sim

#endif  // GAIOS_TESTS_SIM_TRACE_H_
