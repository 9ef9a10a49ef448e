#include "bench/round_trip.h"

#include <sys/socket.h>
#include <unistd.h>

#include <array>
#include <atomic>
#include <cerrno>
#include <cstdint>
#include <utility>
#include <vector>

#include <absl/status/status.h>

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
// What these need of the caches is not there.
constexpr std::uint64_t kRareRounds = 20;
constexpr std::uint64_t kPatienceNs = 20'000'000'000;

using Word = base::CacheLinePadded<std::atomic<std::uint64_t>>;
using MessageBytes = std::array<std::byte, paxos::kEncodedMessageBytes>;
constexpr ssize_t kMessageSize = sizeof(MessageBytes);
constexpr char kBroken[] = "the system did not take a message of a round trip, or lost it";

struct Page {
  base::CacheLinePadded<std::atomic<bool>> stop;
  base::CacheLinePadded<std::atomic<bool>> broken;  // by whoever answers
  Word asked;
  Word answered;
  Word asked_by_message;
  Word answered_by_message;
};

// Sends a message and raises the other's word; neither when the system does not take the message.
[[nodiscard]] bool Send(int socket, const MessageBytes& message, Word& word) {
  if (::send(socket, message.data(), message.size(), MSG_NOSIGNAL) != kMessageSize) {
    return false;
  }
  word.value.fetch_add(1, std::memory_order_release);
  return true;
}

// What the word tells of is there: nothing is waited for.
[[nodiscard]] bool Receive(int socket, MessageBytes& message) {
  return ::recv(socket, message.data(), message.size(), 0) == kMessageSize;
}

// Answers all until it is told to stop. Whoever is no `answerer` only polls.
absl::Status Answer(Page& page, int socket, base::IdleStrategy strategy, bool answerer) {
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
      if (!Receive(socket, message) || !Send(socket, message, page.answered_by_message)) {
        page.broken.value.store(true, std::memory_order_release);
        return absl::InternalError(kBroken);
      }
      idle.OnWork();
    } else {
      idle.OnAwaiting();
    }
  }
  return absl::OkStatus();
}

struct Plan {
  std::uint64_t warm_rounds = 0;
  std::uint64_t rounds = 0;
  std::uint64_t rest_ns = 0;  // before each
  std::uint64_t before = 0;   // rounds with the same word that there have been already
};

// Rounds of `ask`, each ended by `word`, and `take`.
template <typename Ask, typename Take>
absl::Status Rounds(const Plan& plan, const base::TscClock& clock, base::IdleStrategy strategy,
                    const Page& page, const Word& word, base::Histogram& times, Ask ask, Take take) {
  base::Idle idle(strategy);
  const std::uint64_t first = plan.before + 1;
  for (std::uint64_t round = first; round < first + plan.warm_rounds + plan.rounds; ++round) {
    std::uint64_t begun_ns = clock.NowNs();
    while (clock.NowNs() - begun_ns < plan.rest_ns) {
      idle.OnAwaiting();
    }
    begun_ns = clock.NowNs();
    if (!ask(round)) {
      return absl::InternalError(kBroken);
    }
    while (word.value.load(std::memory_order_acquire) != round) {
      idle.OnAwaiting();
      if (page.broken.value.load(std::memory_order_acquire)) {
        return absl::InternalError(kBroken);
      }
      if (clock.NowNs() - begun_ns > kPatienceNs) {
        return absl::DeadlineExceededError("a round trip took 20 s; is the machine overloaded?");
      }
    }
    if (!take()) {
      return absl::InternalError(kBroken);
    }
    idle.OnWork();
    if (round >= first + plan.warm_rounds) {
      times.Record(clock.NowNs() - begun_ns);
    }
  }
  return absl::OkStatus();
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
  if (::socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC | SOCK_NONBLOCK, 0, ends.data()) != 0) {
    return absl::ErrnoToStatus(errno, "no pair of sockets");
  }
  const base::UniqueFd own(ends[0]);
  const base::UniqueFd others(ends[1]);
  std::vector<ChildProcess> followers;
  for (std::size_t i = 1; i < options.replicas; ++i) {
    auto child = ChildProcess::Fork(placement.follower_cpu, [&page, &others, idle, i] {
      return Answer(**page, others.get(), idle, i == 1);
    });
    if (!child.ok()) {
      return child.status();
    }
    followers.push_back(*std::move(child));
  }
  absl::Status status = base::PinThisThread(placement.leader_cpu);
  base::Histogram words;
  base::Histogram rare_words;
  base::Histogram messages;
  if (status.ok()) {
    MessageBytes message = {};
    const auto store = [&page](std::uint64_t round) {
      (*page)->asked.value.store(round, std::memory_order_release);
      return true;
    };
    const auto send = [&page, &own, &message](std::uint64_t /*round*/) {
      return Send(own.get(), message, (*page)->asked_by_message);
    };
    const auto receive = [&own, &message] { return Receive(own.get(), message); };
    const Plan often = {.warm_rounds = kWarmRounds, .rounds = kRounds};
    const Plan seldom = {.rounds = kRareRounds, .rest_ns = options.rest_ms * 1'000'000};
    const auto nothing = [] { return true; };
    status = Rounds(often, clock, idle, **page, (*page)->answered, words, store, nothing);
    if (status.ok()) {
      Plan on = seldom;
      on.before = kWarmRounds + kRounds;
      status = Rounds(on, clock, idle, **page, (*page)->answered, rare_words, store, nothing);
    }
    if (status.ok()) {
      status = Rounds(seldom, clock, idle, **page, (*page)->answered_by_message, messages, send, receive);
    }
  }
  (*page)->stop.value.store(true, std::memory_order_relaxed);
  for (ChildProcess& follower : followers) {
    follower.Join();
  }
  if (!status.ok()) {
    return status;
  }
  return RoundTrips{.often_ns = static_cast<double>(words.ValueAtPercentile(50)),
                    .rare_ns = static_cast<double>(rare_words.ValueAtPercentile(50)),
                    .message_ns = static_cast<double>(messages.ValueAtPercentile(50))};
}

}  // namespace gaios::bench
