// Everything between Write and its completion. Nothing here allocates, locks or calls the system.

#include <algorithm>
#include <bit>
#include <utility>

#include "gaios/base/check.h"
#include "gaios/base/prefetch.h"
#include "gaios/transport/shm/shared_bytes.h"
#include "gaios/transport/shm/shm_transport.h"

namespace gaios::transport::shm {
namespace {

// A Poll that completed something, or that comes after what was done at once, reads the clock only every so
// many times: its price would show in each commit.
constexpr std::uint32_t kBusyPollsPerClock = 16;

// The lines that small writes to come will go to are asked for so far ahead: beyond the next entry, whose
// first line the peer is looking at.
constexpr std::uint64_t kAheadBytes = 256;

// From here on a copy is worth a call of the system that makes its pages present.
constexpr std::uint64_t kLongBytes = std::uint64_t{256} << 10;

// Whether `function` is true of 0 to `count` - 1, asked in that order up to the first of which it is not. A
// count that is known here takes no loop.
template <std::size_t kCount, typename Function>
[[gnu::always_inline]] inline bool IsTrueOfAll(std::size_t count, Function function) {
  if constexpr (kCount == std::dynamic_extent) {
    for (std::size_t i = 0; i < count; ++i) {
      if (!function(i)) [[unlikely]] {
        return false;
      }
    }
    return true;
  } else {
    return [&function]<std::size_t... kIndex>(std::index_sequence<kIndex...> /*places*/) {
      return (function(kIndex) && ...);
    }(std::make_index_sequence<kCount>());
  }
}

}  // namespace

// Decides about an operation that does not simply belong to the path: it is late, early, or there is no path.
Post ShmTransport::Admit(Link& link, Operation operation, const Grant& grant, Incarnation acceptor,
                         std::uint64_t token) {
  if (!link.up() || link.path.ring == nullptr) {
    return Post::kDown;
  }
  if (acceptor > link.path.acceptor || (acceptor == link.path.acceptor && grant > link.path.grant)) {
    return Post::kDown;  // not granted yet, as far as is known here
  }
  Enqueue(link, operation, grant, token, Outcome::kFenced);
  return Post::kPosted;
}

inline void ShmTransport::Enqueue(Link& link, Operation operation, const Grant& grant, std::uint64_t token,
                                  Outcome outcome) {
  link.posted.Push(link.peer, operation, grant, token, outcome);
  pending_links_ |= link.bit;
}

// A write that is long, or goes on at the start of the ring, or is watched.
void ShmTransport::StoreMany(Link& link, Range range) const {
  if (options_.pause_points != nullptr) {
    options_.pause_points->Reached(PausePoint::kBeforeStore);
  }
  GAIOS_CHECK(range.size() <= options_.capacity, "a range of the log fits into its ring");
  const std::size_t offset = range.from.value() & (options_.capacity - 1);
  const std::size_t first = std::min<std::size_t>(range.size(), options_.capacity - offset);
  if (range.size() >= kLongBytes && !link.granted.ready()) [[unlikely]] {
    // Granted before its pages were present here: a peer that has just come, and is filled.
    link.granted.Expect(offset, first);
    link.granted.Expect(0, range.size() - first);
  }
  CopyManyShared(link.path.ring + offset, store_.log() + offset, first);
  CopyManyShared(link.path.ring, store_.log(), range.size() - first);
}

[[gnu::always_inline]] inline bool ShmTransport::Watched() const {
  return options_.pause_points != nullptr && options_.pause_points->Watches();
}

// Whether a range is short, does not go on at the start of the ring, and is not watched.
[[gnu::always_inline]] inline bool ShmTransport::IsFew(Range range) const {
  const std::size_t bytes = range.size();  // huge when it ends before it begins
  const std::size_t capacity = options_.capacity;
  return bytes <= base::kFewBytes && (range.from.value() & (capacity - 1)) + bytes <= capacity && !Watched();
}

// Copies a range of the own log, of which IsFew is true, to where the link's path leads.
[[gnu::always_inline]] inline void ShmTransport::StoreFew(Link& link, Range range) const {
  const std::size_t bytes = range.size();
  const std::size_t offset = range.from.value() & (options_.capacity - 1);
  std::byte* const to = link.path.ring + offset;
  CopyShared(to, store_.log() + offset, bytes);
  // Near the end of the ring these are lines of the log words, which comes to nothing.
  base::PrefetchForWrite(to + bytes + kAheadBytes, bytes);
}

[[gnu::always_inline]] inline Post ShmTransport::WriteOne(const RangeWrite& write) {
  Link& link = LinkTo(write.peer);
  if (link.posted.full()) [[unlikely]] {
    return Post::kFull;
  }
  if (!link.path.Is(write.grant, write.acceptor)) [[unlikely]] {
    return Admit(link, Operation::kWrite, write.grant, write.acceptor, write.token);
  }
  if (IsFew(write.range)) [[likely]] {
    StoreFew(link, write.range);
  } else {
    StoreMany(link, write.range);
  }
  Enqueue(link, Operation::kWrite, write.grant, write.token, Outcome::kDone);
  return Post::kPosted;
}

Post ShmTransport::Write(ReplicaId peer, Grant grant, Incarnation acceptor, Range range,
                         std::uint64_t token) {
  return WriteOne({.peer = peer, .acceptor = acceptor, .grant = grant, .range = range, .token = token});
}

std::size_t ShmTransport::WriteMany(std::span<const RangeWrite> writes) {
  std::size_t posted = 0;
  for (const RangeWrite& write : writes) {
    if (WriteOne(write) != Post::kPosted) [[unlikely]] {
      break;
    }
    ++posted;
  }
  return posted;
}

// Keeps where the paths lead that `targets` name, and where it is to be seen that their grants hold. False
// when there is no such path to one of them, as there is none to the replica itself: then nothing is kept.
bool ShmTransport::KeepPaths(std::span<const WriteTarget> targets, std::uint64_t formation) {
  EndKept();
  for (const WriteTarget& target : targets) {
    Link& link = LinkTo(target.peer);
    if (!link.path.Is(target.grant, target.acceptor)) {
      return false;
    }
    kept_.paths.at(kept_.size++) = {.link = &link,
                                    .ring = link.path.ring,
                                    .fence = &link.control->fence,
                                    .promise = link.path.promise,
                                    .acceptor = link.path.acceptor.value()};
  }
  // Whoever is to be held between the steps goes the longer way each time.
  kept_.formation = formation == 0 || options_.pause_points != nullptr ? kNoFormation : formation;
  kept_.of_three = kept_.size == kOfThree ? kept_.formation : kNoFormation;
  return true;
}

// As CompletePosted, without a record of what was posted: the stores, one fence after all of them, and then a
// look at each peer's promise. Each line is read once.
template <std::size_t kCount>
[[gnu::always_inline]] inline bool ShmTransport::WriteLinesToAll(std::size_t offset, std::size_t bytes) {
  const std::byte* from = store_.log() + offset;
  const std::byte* const end = from + bytes;
  constexpr bool kKnown = kCount != std::dynamic_extent;
  const std::size_t count = kKnown ? kCount : kept_.size;
  std::array<std::byte*, kKnown ? kCount : paxos::kMaxReplicas> to;
  for (std::size_t i = 0; i < count; ++i) {
    to[i] = kept_.paths[i].ring + offset;
  }
  do {
    const SharedLine line(from);
    from += base::kCacheLineBytes;
    for (std::size_t i = 0; i < count; ++i) {
      line.CopyTo(to[i]);
      base::PrefetchForWrite(to[i] + bytes + kAheadBytes, base::kCacheLineBytes);  // as in StoreFew
      to[i] += base::kCacheLineBytes;
    }
  } while (from != end);
  return FenceAndLook<kCount>();
}

// Fences off what has been stored so far. Whether all of it is done: as Link::GrantHolds.
template <std::size_t kCount>
[[gnu::always_inline]] inline bool ShmTransport::FenceAndLook() {
  wrote_ = true;
  FullFence();
  return IsTrueOfAll<kCount>(kept_.size, [this](std::size_t i) {
    const KeptPath& path = kept_.paths[i];
    const FenceLine* const fence = path.fence;
    return fence->promises.load(std::memory_order_acquire) == path.promise &&
           fence->incarnation.load(std::memory_order_acquire) == path.acceptor;
  });
}

// A few lines, whole ones, one at least.
constexpr bool IsFewLines(std::size_t bytes) {
  constexpr std::size_t kCounts = base::kFewBytes - base::kCacheLineBytes;
  static_assert(std::has_single_bit(base::kFewBytes));
  return ((bytes - base::kCacheLineBytes) & ~kCounts) == 0;
}

// Entries are whole lines, and short ones do not go on at the start of the ring.
bool ShmTransport::WriteToAll(std::span<const WriteTarget> targets, std::uint64_t formation, Range range) {
  const std::size_t bytes = range.size();
  const std::size_t capacity = options_.capacity;
  const std::size_t offset = range.from.value() & (capacity - 1);
  if (formation == kept_.of_three && IsFewLines(bytes) && offset + bytes <= capacity) [[likely]] {
    return WriteLinesToAll<kOfThree>(offset, bytes);
  }
  return WriteToAllSlowly(targets, formation, range);
}

[[gnu::noinline]] bool ShmTransport::WriteToAllSlowly(std::span<const WriteTarget> targets,
                                                      std::uint64_t formation, Range range) {
  if (formation != kept_.formation && !KeepPaths(targets, formation)) [[unlikely]] {
    return false;
  }
  if (range.empty() || range.size() % base::kCacheLineBytes != 0 || !IsFew(range)) {
    return WriteMuchToAll(range);
  }
  return WriteLinesToAll<std::dynamic_extent>(range.from.value() & (options_.capacity - 1), range.size());
}

bool ShmTransport::WriteMuchToAll(Range range) {
  if (Watched()) {
    return false;  // a test wants to be in between
  }
  for (const KeptPath& path : std::span(kept_.paths).first(kept_.size)) {
    StoreMany(*path.link, range);
  }
  return FenceAndLook<std::dynamic_extent>();
}

Post ShmTransport::WriteWord(ReplicaId peer, Grant grant, Incarnation acceptor, LogWord which,
                             std::uint64_t value, std::uint64_t token) {
  Link& link = LinkTo(peer);
  if (link.posted.full()) [[unlikely]] {
    return Post::kFull;
  }
  if (!link.path.Is(grant, acceptor)) [[unlikely]] {
    return Admit(link, Operation::kWriteWord, grant, acceptor, token);
  }
  // Release: whoever sees the word sees the bytes written before it.
  link.path.words->words[static_cast<std::size_t>(which)].value.store(value, std::memory_order_release);
  Enqueue(link, Operation::kWriteWord, grant, token, Outcome::kDone);
  return Post::kPosted;
}

Post ShmTransport::ReadLog(ReplicaId peer, Grant grant, Incarnation acceptor, Range range,
                           std::uint64_t token) {
  Link& link = LinkTo(peer);
  GAIOS_CHECK(range.from <= range.to && range.size() <= staging_.size(),
              "a read of the log takes kMaxWriteBytes at most");
  if (link.posted.full() || read_from_ != nullptr) [[unlikely]] {
    return Post::kFull;
  }
  if (!link.path.Is(grant, acceptor)) [[unlikely]] {
    return Admit(link, Operation::kReadLog, grant, acceptor, token);
  }
  // Not into the own log: whether these are the acceptor's bytes, or what it has left behind by now, is known
  // only after the fence.
  CopyOutOfRing(staging_.data(), link.path.ring, options_.capacity, range);
  read_from_ = &link;
  read_range_ = range;
  Enqueue(link, Operation::kReadLog, grant, token, Outcome::kDone);
  return Post::kPosted;
}

// Ends the one read under way. Of all that a replica holds, the suffix of its own log that it has accepted
// must not be lost (P4), and that is where a read lands: so it lands only when it is known to be good.
void ShmTransport::EndRead(Outcome outcome) {
  if (outcome == Outcome::kDone) {
    CopyIntoRing(store_.log(), staging_.data(), options_.capacity, read_range_);
  }
  read_from_ = nullptr;
}

Post ShmTransport::ReadControl(ReplicaId peer) {
  Link& link = LinkTo(peer);
  if (link.control == nullptr) {
    return Post::kDown;
  }
  if (link.control_reads == paxos::kMaxPostedPerLink) {
    return Post::kFull;
  }
  ++link.control_reads;
  pending_links_ |= link.bit;
  return Post::kPosted;
}

void ShmTransport::Abandon(ReplicaId peer) {
  DropPath(LinkTo(peer), Outcome::kDown);
}

void ShmTransport::DropPath(Link& link, Outcome outcome) {
  EndKept();  // this path may be one of them
  link.posted.DecideAll(outcome);
  if (read_from_ == &link) {
    EndRead(outcome);
  }
  link.path = {};
  left_paths_.Add(std::move(link.granted));
  link.granted = {};
}

std::size_t ShmTransport::Poll(EventHandler& handler) {
  std::size_t events = 0;
  const bool granting = granting_ != Granting::kNothing;
  bool busy = wrote_;
  wrote_ = false;
  if (pending_links_ != 0) {
    busy = true;
    events += CompletePosted(handler);
  }
  if (granting) [[unlikely]] {
    // After the looks that were posted with it, which say how much of the log is to be carried over.
    events += AdvanceGrant(handler);
  }
  if (const std::uint64_t bell = bell_->load(std::memory_order_acquire); bell != bell_seen_) [[unlikely]] {
    events += (bell - bell_seen_) % kInboxRing == 0 ? ReadInboxes(handler)
                                                    : PollConnections(options_.clock->NowNs(), handler);
  } else if (!busy || ++busy_polls_ % kBusyPollsPerClock == 0) {
    if (const std::uint64_t now_ns = options_.clock->NowNs(); now_ns >= next_poll_ns_) {
      events += PollConnections(now_ns, handler);
    }
  }
  return events;
}

// Reports the oldest `count` operations of a link, which are of different kinds or fates.
std::size_t ShmTransport::CompleteOneByOne(Link& link, std::size_t count, Outcome judged,
                                           EventHandler& handler) {
  for (std::size_t i = 0; i < count; ++i) {
    Completion& completion = link.posted.Pop();
    if (completion.outcome == Outcome::kDone) {
      completion.outcome = judged;
      if (completion.operation == Operation::kReadLog) [[unlikely]] {
        EndRead(judged);  // at most one read is not decided yet: this one
      }
    }
    handler.OnCompletion(completion);
  }
  return count;
}

// The writer's half of the argument: one fence after all stores posted so far, for all peers, and then a look
// at each peer's promise.
std::size_t ShmTransport::CompletePosted(EventHandler& handler) {
  if (options_.pause_points != nullptr) [[unlikely]] {
    options_.pause_points->Reached(PausePoint::kBeforeCheck);
  }
  FullFence();
  std::uint32_t pending = pending_links_;
  pending_links_ = 0;
  // Handlers may post more. That is stored after this fence and waits for the next; what is judged here is
  // counted now.
  for (std::uint32_t rest = pending; rest != 0; rest &= rest - 1) {
    links_[static_cast<std::size_t>(std::countr_zero(rest))].posted.Count();
  }
  std::size_t events = 0;
  for (; pending != 0; pending &= pending - 1) {
    Link& link = links_[static_cast<std::size_t>(std::countr_zero(pending))];
    if (const std::size_t count = link.posted.counted(); count != 0) {
      const bool holds = link.path.ring != nullptr && link.GrantHolds();
      if (holds && link.posted.alike()) [[likely]] {
        handler.OnCompletion(link.posted.PopMany(count));
        ++events;
      } else {
        events += CompleteOneByOne(link, count, holds ? Outcome::kDone : Outcome::kFenced, handler);
      }
    }
    if (link.control_reads != 0) [[unlikely]] {
      events += AnswerControlReads(link, handler);
    }
  }
  return events;
}

std::size_t ShmTransport::AnswerControlReads(Link& link, EventHandler& handler) {
  const std::size_t count = link.control_reads;
  link.control_reads = 0;
  for (std::size_t i = 0; i < count; ++i) {
    ControlView view;
    Outcome outcome = Outcome::kDown;
    if (link.control != nullptr) {
      const FenceLine& line = link.control->fence;
      std::uint64_t promise = line.promises.load(std::memory_order_acquire);
      for (;;) {
        const PromisedGrant& promised = line.promised[promise % 2];
        view.promised.ballot = paxos::Ballot::FromPacked(promised.ballot.load(std::memory_order_acquire));
        view.promised.number = promised.number.load(std::memory_order_acquire);
        const std::uint64_t again = line.promises.load(std::memory_order_acquire);
        if (again == promise) {
          break;
        }
        promise = again;
      }
      for (std::size_t word = 0; word < kControlWords; ++word) {
        view.words[word] = link.control->words[word].value.load(std::memory_order_acquire);
      }
      // Read last: a life that is over by now may have been over for all of it.
      view.incarnation =
          Incarnation(static_cast<std::uint32_t>(line.incarnation.load(std::memory_order_acquire)));
      outcome = view.incarnation == link.incarnation ? Outcome::kDone : Outcome::kDown;
    }
    handler.OnControl(link.peer, outcome, view);
  }
  return count;
}

}  // namespace gaios::transport::shm
