#include "bench/round_trip.h"

#include <sys/socket.h>
#include <unistd.h>

#include <array>
#include <atomic>
#include <cerrno>
#include <cstdint>
#include <utility>
#include <vector>

#include "gaios/base/align.h"
#include "gaios/base/histogram.h"
#include "gaios/base/pinning.h"
#include "gaios/base/unique_fd.h"
#include "gaios/paxos/message.h"

#include "bench/child_process.h"
#include "bench/shared_page.h"

namespace gaios::bench {
namespace {

constexpr std::uint64_t kWarmRounds = 1'000;
constexpr std::uint64_t kRounds = 10'000;
// Messages are rare: what they need of the caches is not there.
constexpr std::uint64_t kMessageRounds = 20;
constexpr std::uint64_t kPatienceNs = 20'000'000'000;

using Word = base::CacheLinePadded<std::atomic<std::uint64_t>>;
using MessageBytes = std::array<std::byte, paxos::kEncodedMessageBytes>;

struct Page {
  base::CacheLinePadded<std::atomic<bool>> stop;
  Word asked;
  Word answered;
  Word asked_by_message;
  Word answered_by_message;
};

// Sends a message and raises the other's word.
void Send(int socket, const MessageBytes& message, Word& word) {
  static_cast<void>(::send(socket, message.data(), message.size(), MSG_NOSIGNAL));
  word.value.fetch_add(1, std::memory_order_release);
}

void Receive(int socket, MessageBytes& message) {
  static_cast<void>(::recv(socket, message.data(), message.size(), 0));
}

// Answers all until it is told to stop. Whoever is no `answerer` only polls.
void Answer(Page& page, int socket, base::IdleStrategy strategy, bool answerer) {
  base::Idle idle(strategy);
  MessageBytes message = {};
  std::uint64_t word_seen = 0;
  std::uint64_t messages_seen = 0;
  while (!page.stop.value.load(std::memory_order_relaxed)) {
    const std::uint64_t word = page.asked.value.load(std::memory_order_acquire);
    const std::uint64_t messages = page.asked_by_message.value.load(std::memory_order_acquire);
    if (answerer && word != word_seen) {
      word_seen = word;
      page.answered.value.store(word, std::memory_order_release);
      idle.OnWork();
    } else if (answerer && messages != messages_seen) {
      messages_seen = messages;
      Receive(socket, message);
      Send(socket, message, page.answered_by_message);
      idle.OnWork();
    } else {
      idle.OnAwaiting();
    }
  }
}

struct Plan {
  std::uint64_t warm_rounds = 0;
  std::uint64_t rounds = 0;
  std::uint64_t rest_ns = 0;  // before each
};

// Rounds of `ask`, each ended by `word`, and `take`. False: one took too long.
template <typename Ask, typename Take>
bool Rounds(const Plan& plan, const base::TscClock& clock, base::IdleStrategy strategy, const Word& word,
            base::Histogram& times, Ask ask, Take take) {
  base::Idle idle(strategy);
  for (std::uint64_t round = 1; round <= plan.warm_rounds + plan.rounds; ++round) {
    std::uint64_t begun_ns = clock.NowNs();
    while (clock.NowNs() - begun_ns < plan.rest_ns) {
      idle.OnAwaiting();
    }
    begun_ns = clock.NowNs();
    ask(round);
    while (word.value.load(std::memory_order_acquire) != round) {
      idle.OnAwaiting();
      if (clock.NowNs() - begun_ns > kPatienceNs) {
        return false;
      }
    }
    take();
    idle.OnWork();
    if (round > plan.warm_rounds) {
      times.Record(clock.NowNs() - begun_ns);
    }
  }
  return true;
}

}  // namespace

absl::StatusOr<RoundTrips> MeasureRoundTrips(const Options& options, const Placement& placement,
                                             const base::TscClock& clock) {
  const base::IdleStrategy idle = options.idle;
  auto page = SharedPage<Page>::Create();
  if (!page.ok()) {
    return page.status();
  }
  std::array<int, 2> ends = {-1, -1};
  if (::socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0, ends.data()) != 0) {
    return absl::ErrnoToStatus(errno, "no pair of sockets");
  }
  const base::UniqueFd own(ends[0]);
  const base::UniqueFd others(ends[1]);
  std::vector<ChildProcess> followers;
  for (std::size_t i = 1; i < options.replicas; ++i) {
    auto child = ChildProcess::Fork(placement.follower_cpu, [&page, &others, idle, i] {
      Answer(**page, others.get(), idle, i == 1);
      return absl::OkStatus();
    });
    if (!child.ok()) {
      return child.status();
    }
    followers.push_back(*std::move(child));
  }
  absl::Status status = base::PinThisThread(placement.leader_cpu);
  base::Histogram words;
  base::Histogram messages;
  if (status.ok()) {
    MessageBytes message = {};
    const auto store = [&page](std::uint64_t round) {
      (*page)->asked.value.store(round, std::memory_order_release);
    };
    const auto send = [&page, &own, &message](std::uint64_t /*round*/) {
      Send(own.get(), message, (*page)->asked_by_message);
    };
    const auto receive = [&own, &message] { Receive(own.get(), message); };
    const Plan often = {.warm_rounds = kWarmRounds, .rounds = kRounds};
    const Plan seldom = {.rounds = kMessageRounds, .rest_ns = options.rest_ms * 1'000'000};
    const bool measured = Rounds(often, clock, idle, (*page)->answered, words, store, [] {}) &&
                          Rounds(seldom, clock, idle, (*page)->answered_by_message, messages, send, receive);
    if (!measured) {
      status = absl::DeadlineExceededError("a round trip took 20 s; is the machine overloaded?");
    }
  }
  (*page)->stop.value.store(true, std::memory_order_relaxed);
  for (ChildProcess& follower : followers) {
    follower.Join();
  }
  if (!status.ok()) {
    return status;
  }
  return RoundTrips{.word_ns = static_cast<double>(words.ValueAtPercentile(50)),
                    .message_ns = static_cast<double>(messages.ValueAtPercentile(50))};
}

}  // namespace gaios::bench
