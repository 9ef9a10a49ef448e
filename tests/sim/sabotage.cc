#include "tests/sim/sabotage.h"

#include <cstdlib>
#include <utility>

#include <absl/status/status.h>

namespace gaios::sim {
namespace {

constexpr std::uint64_t kGoodCommands = 300;
constexpr std::uint64_t kNobody = 999'999'999;               // a process and a session of no client
constexpr std::uint64_t kAfterAll = ~std::uint64_t{0} >> 1;  // ns

// A state machine that goes wrong after a while.
class Faulty final : public rsm::StateMachine {
 public:
  Faulty(std::unique_ptr<rsm::StateMachine> good, bool aborts) : good_(std::move(good)), aborts_(aborts) {}

  void Apply(const rsm::Command& command, rsm::Reply& reply) override {
    good_->Apply(command, reply);
    if (++applied_ > kGoodCommands && aborts_) {
      std::abort();
    }
  }
  [[nodiscard]] std::uint64_t StateHash() const override {
    return good_->StateHash() ^ (applied_ > kGoodCommands ? 1U : 0U);
  }
  [[nodiscard]] absl::Status Save(rsm::SnapshotSink& sink) const override { return good_->Save(sink); }
  [[nodiscard]] absl::Status Restore(rsm::SnapshotSource& source) override { return good_->Restore(source); }

 private:
  const std::unique_ptr<rsm::StateMachine> good_;
  const bool aborts_;
  std::uint64_t applied_ = 0;
};

Sabotage OneFaulty(bool aborts) {
  Sabotage sabotage;
  sabotage.wrap = [aborts](paxos::Member member, std::unique_ptr<rsm::StateMachine> good) {
    return member.id == paxos::ReplicaId(1)
               ? std::unique_ptr<rsm::StateMachine>(std::make_unique<Faulty>(std::move(good), aborts))
               : std::move(good);
  };
  return sabotage;
}

// A client is told of a command that nobody proposed.
void Lose(Record& record, Agreed& agreed) {
  record.Sent(kNobody, 1, 0);
  record.Submit(kNobody, 0, kAfterAll);
  Record::Acknowledgement acknowledgement;
  acknowledgement.session = kNobody;
  acknowledgement.sequence = 1;
  acknowledgement.place = agreed.ran();
  record.Acknowledged(kNobody, acknowledgement, kAfterAll);
}

// A replica runs the last command of a session once more.
void Duplicate(Record& /*record*/, Agreed& agreed) {
  const paxos::Member replica{paxos::ReplicaId(200), paxos::Incarnation(1)};
  std::size_t last = 0;
  for (std::size_t i = 0; i < agreed.size(); ++i) {
    last = agreed[i].session != 0 && agreed[i].how == rsm::Applied::kApplied ? i : last;
  }
  const AppliedCommand again = agreed[last];
  while (agreed.applied(replica) < agreed.size()) {
    agreed.OnApplied(replica, agreed[agreed.applied(replica)]);
  }
  agreed.OnApplied(replica, again);
}

// A read that is asked for after everything sees nothing of it.
void StaleRead(Record& record, Agreed& /*agreed*/) {
  record.Read(kNobody, kAfterAll);
  record.WasRead(kNobody, 0, 0, kAfterAll);
}

}  // namespace

std::optional<Sabotage> SabotageNamed(std::string_view name) {
  Sabotage sabotage;
  if (name == "no-fence") {
    sabotage.defect = transport::sim::Defect::kNoFence;
  } else if (name == "empty-promise") {
    sabotage.defect = transport::sim::Defect::kEmptyPromise;
  } else if (name == "diverge") {
    sabotage = OneFaulty(false);
  } else if (name == "abort") {
    sabotage = OneFaulty(true);
  } else if (name == "lose") {
    sabotage.falsify = Lose;
  } else if (name == "duplicate") {
    sabotage.falsify = Duplicate;
  } else if (name == "stale-read") {
    sabotage.falsify = StaleRead;
  } else {
    return std::nullopt;
  }
  return sabotage;
}

}  // namespace gaios::sim
