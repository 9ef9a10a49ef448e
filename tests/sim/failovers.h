#ifndef GAIOS_TESTS_SIM_FAILOVERS_H_
#define GAIOS_TESTS_SIM_FAILOVERS_H_

// How good elections are: one leader after another dies under load, beside a replica that is in trouble, and
// what was begun and not won is counted, and what was begun though the leader lived. The network and the
// processes are in order apart from that, so that what is counted comes from the trouble or from chance. One
// thread; the same options give the same numbers.

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "gaios/paxos/replica_set.h"

#include "tests/sim/agreed.h"
#include "tests/sim/client.h"
#include "tests/sim/group.h"
#include "tests/sim/mail.h"
#include "tests/sim/random.h"
#include "tests/sim/record.h"
#include "tests/sim/trace.h"

namespace gaios::sim {

// What one of the followers goes through before the leader dies, and while it does.
enum class Trouble : std::uint8_t {
  kNone,
  kRejoins,        // has forgotten everything, and is being filled or readmitted
  kLags,           // takes its turns seldom
  kStalled,        // has stood still for up to two suspect timeouts, and wakes about then
  kLeaderUnheard,  // hears nothing of the leader that it can reach, or the other way round
  kPeerUnheard,    // the same with another follower, and that lasts
};
inline constexpr Trouble kTroubles[] = {Trouble::kNone,    Trouble::kRejoins,       Trouble::kLags,
                                        Trouble::kStalled, Trouble::kLeaderUnheard, Trouble::kPeerUnheard};

[[nodiscard]] std::string_view TroubleName(Trouble trouble);
[[nodiscard]] std::optional<Trouble> TroubleNamed(std::string_view name);

struct FailoverOptions {
  Trouble trouble = Trouble::kNone;
  std::size_t replicas = 5;
  std::uint64_t failovers = 100;
  std::uint64_t delay_us = 10;  // of a message or an operation at most
  std::uint64_t seed = 1;
};

struct FailoverTally {
  std::uint64_t failovers = 0;
  std::uint64_t begun = 0;  // elections, from the leader's death until the next has led for a while
  std::uint64_t lost = 0;   // of these, not won
  std::uint64_t lost_by_troubled = 0;
  // Elections begun while the leader lived, and how often it no longer led.
  std::uint64_t begun_for_nothing = 0;
  std::uint64_t deposed = 0;
  // From the death until another leads with a quorum, ns.
  std::vector<std::uint64_t> gaps_ns;
  std::vector<std::string> failures;  // of the group to do what it must; none: good

  void Add(const FailoverTally& other);
};

class Failovers {
 public:
  Failovers(const FailoverOptions& options, Trace& trace);

  [[nodiscard]] FailoverTally Run();

 private:
  struct Seen {
    std::uint64_t begun = 0;
    std::uint64_t won = 0;
  };

  void Step(std::uint64_t limit_ns);
  template <typename Done>
  bool RunUntil(Done done, std::uint64_t limit_ns);
  void RunFor(std::uint64_t ns);
  [[nodiscard]] bool Calm() const;
  [[nodiscard]] ReplicaId Draw(paxos::ReplicaSet without);
  void Begin(ReplicaId troubled, ReplicaId other);
  void End(ReplicaId troubled);
  void Round();
  void Settle();
  // What has been begun and won since it was last asked, by all, or by one.
  [[nodiscard]] Seen Take(ReplicaId id);
  [[nodiscard]] Seen TakeAll();
  void Fail(std::string what) { tally_.failures.push_back(std::move(what)); }

  const FailoverOptions options_;
  Random random_;
  Agreed agreed_;
  Record record_;
  Mail mail_;
  Trace& trace_;
  Group group_;
  std::vector<Client> clients_;
  std::vector<Seen> seen_;
  FailoverTally tally_;
};

}  // namespace gaios::sim

#endif  // GAIOS_TESTS_SIM_FAILOVERS_H_
