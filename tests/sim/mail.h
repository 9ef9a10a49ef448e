#ifndef GAIOS_TESTS_SIM_MAIL_H_
#define GAIOS_TESTS_SIM_MAIL_H_

// The network between clients and replicas: letters that take their time, in any order, and are lost and
// doubled by chance, on the clock of the world. One thread.

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <functional>
#include <queue>
#include <utility>
#include <vector>

#include "gaios/paxos/types.h"
#include "gaios/rsm/replica.h"

#include "tests/sim/random.h"

namespace gaios::sim {

enum class RequestKind : std::uint8_t { kOpenSession, kSubmit, kRead };

struct Request {
  RequestKind kind = RequestKind::kSubmit;
  std::uint64_t number = 0;  // the client's own, comes back with the answer
  rsm::SessionCommand session;
  std::vector<std::byte> command;
};

enum class Answer : std::uint8_t { kDone, kNotLeader, kFull, kUnknown };

struct Response {
  RequestKind kind = RequestKind::kSubmit;
  std::uint64_t number = 0;
  Answer answer = Answer::kDone;
  paxos::ReplicaId leader;  // kNotLeader: who to ask, as far as is known
  // kDone:
  rsm::Applied how = rsm::Applied::kApplied;
  std::uint64_t session = 0;  // of the command; of an opening the new one, 0 when there was no room
  std::uint64_t place = 0;    // of a command among those run; of a read: how many it saw
  bool place_known = false;
  std::uint64_t digest = 0;  // of the reply, or of the state that was read
};

struct Letter {
  bool to_replica = false;
  std::size_t client = 0;
  paxos::ReplicaId replica;
  Request request;    // to a replica
  Response response;  // to a client
};

struct MailOptions {
  std::uint64_t min_delay_ns = 1'000;
  std::uint64_t max_delay_ns = 50'000;
  std::uint32_t drop_per_mille = 0;
  std::uint32_t duplicate_per_mille = 0;
  std::uint32_t overtake_per_mille = 0;
};

class Mail {
 public:
  Mail(const MailOptions& options, std::size_t clients, std::size_t replicas, Random random)
      : options_(options),
        replicas_(replicas),
        cut_(clients * replicas),
        last_ns_(clients * replicas * 2),
        random_(random) {}

  void Post(Letter letter, std::uint64_t now_ns) {
    if (random_.Chance(options_.drop_per_mille)) {
      ++lost_;
      return;
    }
    // What is doubled must be harmless to double: only commands in sessions are.
    const bool once = letter.to_replica && letter.request.kind == RequestKind::kSubmit &&
                      letter.request.session.session == 0;
    if (!once && random_.Chance(options_.duplicate_per_mille)) {
      ++duplicated_;
      Queue(letter, now_ns);
    }
    Queue(std::move(letter), now_ns);
  }

  [[nodiscard]] std::uint64_t NextNs() const {
    return letters_.empty() ? ~std::uint64_t{0} : letters_.top().at_ns;
  }
  // The next letter that has arrived by `now_ns`. False when there is none.
  [[nodiscard]] bool Take(std::uint64_t now_ns, Letter& letter) {
    while (!letters_.empty() && letters_.top().at_ns <= now_ns) {
      letter = std::move(store_[letters_.top().where]);
      free_.push_back(letters_.top().where);
      letters_.pop();
      if (!cut_[Index(letter.client, letter.replica)]) {
        return true;
      }
      ++lost_;
    }
    return false;
  }

  // Whatever arrives while the way between the two is cut is lost.
  void Cut(std::size_t client, paxos::ReplicaId replica, bool cut) { cut_[Index(client, replica)] = cut; }
  // Nothing is lost or doubled by chance any more.
  void Calm() {
    options_.drop_per_mille = 0;
    options_.duplicate_per_mille = 0;
    options_.overtake_per_mille = 0;
  }
  [[nodiscard]] std::uint64_t lost() const { return lost_; }
  [[nodiscard]] std::uint64_t duplicated() const { return duplicated_; }

 private:
  struct Due {
    std::uint64_t at_ns = 0;
    std::uint64_t order = 0;
    std::size_t where = 0;
    friend bool operator>(const Due& a, const Due& b) {
      return std::pair(a.at_ns, a.order) > std::pair(b.at_ns, b.order);
    }
  };

  [[nodiscard]] std::size_t Index(std::size_t client, paxos::ReplicaId replica) const {
    return client * replicas_ + replica.value();
  }
  void Queue(Letter letter, std::uint64_t now_ns) {
    std::size_t where = store_.size();
    if (free_.empty()) {
      store_.emplace_back();
    } else {
      where = free_.back();
      free_.pop_back();
    }
    // On the way from one to the other most letters keep their order, as on a connection.
    std::uint64_t& last_ns =
        last_ns_[Index(letter.client, letter.replica) * 2 + (letter.to_replica ? 1U : 0U)];
    std::uint64_t at_ns = now_ns + random_.Between(options_.min_delay_ns, options_.max_delay_ns);
    if (!random_.Chance(options_.overtake_per_mille)) {
      at_ns = std::max(at_ns, last_ns);
      last_ns = at_ns;
    }
    store_[where] = std::move(letter);
    letters_.push({at_ns, ++order_, where});
  }

  MailOptions options_;
  const std::size_t replicas_;
  std::vector<bool> cut_;
  std::vector<std::uint64_t> last_ns_;  // by way: when the latest letter arrives
  Random random_;
  std::vector<Letter> store_;
  std::vector<std::size_t> free_;
  std::priority_queue<Due, std::vector<Due>, std::greater<>> letters_;
  std::uint64_t order_ = 0;
  std::uint64_t lost_ = 0;
  std::uint64_t duplicated_ = 0;
};

}  // namespace gaios::sim

#endif  // GAIOS_TESTS_SIM_MAIL_H_
