// Everything between Write and its completion. Nothing here allocates or locks; a path that ends costs a
// system call, for its queue pair.

#include <algorithm>
#include <array>
#include <bit>
#include <cerrno>
#include <cstring>

#include "gaios/transport/verbs/verbs_transport.h"

namespace gaios::transport::verbs {
namespace {

constexpr int kCompletionsPerLook = 32;

}  // namespace

// Decides about an operation that does not simply belong to the path: it is late, early, or there is no path.
Post VerbsTransport::Admit(Link& link, Operation operation, const Grant& grant, Incarnation acceptor,
                           std::uint64_t token) {
  const Path& path = link.path;
  if (!link.up() || path.state == PathState::kNone) {
    return Post::kDown;
  }
  if (acceptor > path.acceptor || (acceptor == path.acceptor && grant > path.grant)) {
    return Post::kDown;  // not granted yet, as far as is known here
  }
  const bool undecided = path.state == PathState::kBroken && grant == path.grant && acceptor == path.acceptor;
  Enqueue(link, operation, grant, token);
  PostedOperation& posted = link.posted.back();
  if (undecided) {
    posted.last_work = link.path.next_work++;  // a work request that is never posted
  } else {
    posted.decided = true;
    posted.completion.outcome = Outcome::kFenced;
    attention_ |= link.bit;
  }
  return Post::kPosted;
}

void VerbsTransport::Enqueue(Link& link, Operation operation, const Grant& grant, std::uint64_t token) {
  PostedOperation& posted = link.posted.Push();
  posted.completion.peer = link.peer;
  posted.completion.operation = operation;
  posted.completion.outcome = Outcome::kDone;
  posted.completion.grant = grant;
  posted.completion.token = token;
  posted.decided = false;
  posted.last_work = link.path.next_work - 1;
}

// Puts a work request at the end of the chain of the link's path, which has room.
[[gnu::always_inline]] inline void VerbsTransport::PutWork(Link& link, ibv_wr_opcode opcode,
                                                           const void* local, std::uint32_t key,
                                                           std::uint64_t remote, std::size_t bytes) {
  Chain& chain = link.path.chain;
  ibv_sge& piece = chain.pieces[chain.size];
  piece.addr = reinterpret_cast<std::uintptr_t>(local);
  piece.length = static_cast<std::uint32_t>(bytes);
  piece.lkey = key;
  ibv_send_wr& work = chain.work[chain.size];
  work.wr_id = WorkId{.kind = WorkKind::kPath,
                      .peer = link.peer.value(),
                      .life = link.path.life,
                      .number = link.path.next_work++}
                   .Packed();
  work.sg_list = &piece;
  work.num_sge = bytes == 0 ? 0 : 1;
  work.opcode = opcode;
  work.send_flags = 0;
  work.wr.rdma.remote_addr = remote;
  work.wr.rdma.rkey = link.path.key;
  ++chain.size;
  chained_ |= link.bit;
}

// Adds a work request to the chain of the link's path. One that goes on where the one before it ends, in both
// memories, becomes part of it.
void VerbsTransport::AddWork(Link& link, ibv_wr_opcode opcode, const void* local, std::uint32_t key,
                             std::uint64_t remote, std::size_t bytes) {
  Chain& chain = link.path.chain;
  const auto from = reinterpret_cast<std::uintptr_t>(local);
  if (chain.size != 0) {
    const ibv_send_wr& last = chain.work[chain.size - 1];
    ibv_sge& piece = chain.pieces[chain.size - 1];
    if (last.opcode == opcode && piece.lkey == key && last.num_sge != 0 && bytes != 0 &&
        piece.addr + piece.length == from && last.wr.rdma.remote_addr + piece.length == remote &&
        piece.length + bytes <= paxos::kMaxWriteBytes) {
      piece.length += static_cast<std::uint32_t>(bytes);
      return;
    }
    if (chain.size == kChainLength) {
      FlushChain(link);
    }
  }
  PutWork(link, opcode, local, key, remote, bytes);
}

[[gnu::always_inline]] inline Post VerbsTransport::WriteOne(const RangeWrite& write) {
  Link& link = LoneLinkTo(write.peer);
  const std::size_t bytes = write.range.size();  // huge when it ends before it begins
  GAIOS_CHECK(bytes <= options_.capacity, "a range of the log fits into its ring");
  if (link.posted.full()) [[unlikely]] {
    return Post::kFull;
  }
  if (!link.path.Is(write.grant, write.acceptor)) [[unlikely]] {
    return Admit(link, Operation::kWrite, write.grant, write.acceptor, write.token);
  }
  const std::size_t offset = write.range.from.value() & (options_.capacity - 1);
  const std::size_t first = std::min(bytes, options_.capacity - offset);
  const std::uint32_t key = own_log_.get()->lkey;
  if (link.path.chain.size == 0) [[likely]] {
    PutWork(link, IBV_WR_RDMA_WRITE, log_ + offset, key, link.log_address + offset, first);
  } else {
    AddWork(link, IBV_WR_RDMA_WRITE, log_ + offset, key, link.log_address + offset, first);
  }
  if (first != bytes) [[unlikely]] {
    AddWork(link, IBV_WR_RDMA_WRITE, log_, key, link.log_address, bytes - first);
  }
  Enqueue(link, Operation::kWrite, write.grant, write.token);
  return Post::kPosted;
}

Post VerbsTransport::Write(ReplicaId peer, Grant grant, Incarnation acceptor, Range range,
                           std::uint64_t token) {
  return WriteOne({.peer = peer, .acceptor = acceptor, .grant = grant, .range = range, .token = token});
}

std::size_t VerbsTransport::WriteMany(std::span<const RangeWrite> writes) {
  std::size_t posted = 0;
  for (const RangeWrite& write : writes) {
    if (WriteOne(write) != Post::kPosted) [[unlikely]] {
      break;
    }
    ++posted;
  }
  return posted;
}

Post VerbsTransport::WriteWord(ReplicaId peer, Grant grant, Incarnation acceptor, LogWord which,
                               std::uint64_t value, std::uint64_t token) {
  Link& link = LoneLinkTo(peer);
  if (link.posted.full()) [[unlikely]] {
    return Post::kFull;
  }
  if (!link.path.Is(grant, acceptor)) [[unlikely]] {
    return Admit(link, Operation::kWriteWord, grant, acceptor, token);
  }
  // Not written again before as many operations as the queue holds have been completed, this one with them.
  std::uint64_t* const slot = local_.word_slot(peer.value(), link.posted.pushed() % kWordSlots);
  *slot = value;
  AddWork(link, IBV_WR_RDMA_WRITE, slot, local_registration_.get()->lkey,
          link.log_address + LogWordOffset(options_.capacity, which), sizeof(value));
  Enqueue(link, Operation::kWriteWord, grant, token);
  return Post::kPosted;
}

Post VerbsTransport::ReadLog(ReplicaId peer, Grant grant, Incarnation acceptor, Range range,
                             std::uint64_t token) {
  Link& link = LoneLinkTo(peer);
  GAIOS_CHECK(range.from <= range.to && range.size() <= local_.staging_bytes(),
              "a read of the log takes kMaxWriteBytes at most");
  if (link.posted.full() || read_from_ != nullptr) [[unlikely]] {
    return Post::kFull;
  }
  if (!link.path.Is(grant, acceptor)) [[unlikely]] {
    return Admit(link, Operation::kReadLog, grant, acceptor, token);
  }
  // Not into the own log: whether these are the bytes of a log that was granted to us is known only when the
  // read completes.
  const std::size_t offset = range.from.value() & (options_.capacity - 1);
  const std::size_t first = std::min<std::size_t>(range.size(), options_.capacity - offset);
  const std::uint32_t key = local_registration_.get()->lkey;
  AddWork(link, IBV_WR_RDMA_READ, local_.staging(), key, link.log_address + offset, first);
  if (first != range.size()) {
    AddWork(link, IBV_WR_RDMA_READ, local_.staging() + first, key, link.log_address, range.size() - first);
  }
  read_from_ = &link;
  read_range_ = range;
  Enqueue(link, Operation::kReadLog, grant, token);
  return Post::kPosted;
}

// Ends the one read under way. Of all that a replica holds, the suffix of its own log that it has accepted
// must not be lost (P4), and that is where a read lands: so it lands only when it is known to be good.
void VerbsTransport::EndRead(Outcome outcome) {
  if (outcome == Outcome::kDone) {
    const std::size_t offset = read_range_.from.value() & (options_.capacity - 1);
    const std::size_t first = std::min<std::size_t>(read_range_.size(), options_.capacity - offset);
    std::memcpy(log_ + offset, local_.staging(), first);
    std::memcpy(log_, local_.staging() + first, read_range_.size() - first);
  }
  read_from_ = nullptr;
}

void VerbsTransport::Abandon(ReplicaId peer) {
  DropPath(LinkTo(peer), Outcome::kDown, PathState::kNone);
}

// Of the link's path.
void VerbsTransport::GiveUpPair(Link& link) {
  const int error = link.path.pair.Destroy();
  if (error == EIO) {
    // So the kernel says that the device, and all that it had made, is gone. It may say so before the
    // device's own event has been looked at: then this is how its loss is found out.
    link.path.pair.Forget();
    device_fails_ = true;
    attention_ |= link.bit;
    return;
  }
  GAIOS_CHECK(error == 0, "P8: a queue pair that stays may go on reading the ring");
}

// The path is over; all that is posted on it has this outcome. When it returns the device reads no byte of
// the ring for it (P8), and writes none of the staging memory (P4).
void VerbsTransport::DropPath(Link& link, Outcome outcome, PathState state) {
  Path& path = link.path;
  if (link.kept) {
    LetGo();
  }
  GiveUpPair(link);
  if (read_from_ == &link) {
    EndRead(outcome);
  }
  link.posted.DecideAll(outcome);
  if (!link.posted.empty()) {
    attention_ |= link.bit;
  }
  path.state = state;
  path.chain.size = 0;
  ++path.life;
  link.ask = false;
}

// The queue pair of a path has failed. Whether that is a fence it does not say: the peer has to be asked.
void VerbsTransport::BreakPath(Link& link) {
  if (link.path.state != PathState::kOpen) {
    return;
  }
  if (link.kept) {
    LetGo();
  }
  link.path.state = PathState::kBroken;
  link.path.chain.size = 0;
  link.ask = true;
  attention_ |= link.bit;
}

void VerbsTransport::FlushChain(Link& link) {
  Chain& chain = link.path.chain;
  if (chain.size == 0 || link.path.state != PathState::kOpen) {
    chain.size = 0;
    return;
  }
  const std::uint32_t inline_bytes = link.path.pair.inline_bytes();
  for (std::uint32_t i = 0; i < chain.size; ++i) {
    ibv_send_wr& work = chain.work[i];
    work.next = i + 1 < chain.size ? &chain.work[i + 1] : nullptr;
    if (work.opcode == IBV_WR_RDMA_WRITE && chain.pieces[i].length <= inline_bytes) {
      work.send_flags |= IBV_SEND_INLINE;
    }
  }
  // The completion of the last one stands for all before it: they complete in order.
  chain.work[chain.size - 1].send_flags |= IBV_SEND_SIGNALED;
  chain.size = 0;
  ibv_send_wr* bad = nullptr;
  if (device_->PostSend(link.path.pair.handle(), chain.work.data(), &bad) != 0) [[unlikely]] {
    ++counters_.posts_failed;
    BreakPath(link);
  }
}

void VerbsTransport::FlushChains() {
  for (std::uint32_t rest = chained_; rest != 0; rest &= rest - 1) {
    FlushChain(links_[static_cast<std::size_t>(std::countr_zero(rest))]);
  }
  chained_ = 0;
}

void VerbsTransport::StepConnections() {
  if (!options_.own_thread) {
    connector_->Step();
  }
}

// What is to be done before completions are looked for, in few turns. False: there is no device to look at.
bool VerbsTransport::BeforeLook(EventHandler& handler, std::size_t& events) {
  StepConnections();
  if (lost_) {
    RefuseNews();
    events += GrantWithoutDevice(handler);
    return false;
  }
  if (connector_->any_news()) {
    events += TakeNews(handler);
  }
  if (!lost_) {
    FlushChains();
  }
  return !lost_;
}

// What is to be done after completions were looked for, in few turns.
std::size_t VerbsTransport::AfterLook(EventHandler& handler) {
  if (lost_) {
    return 0;
  }
  std::size_t events = 0;
  if (granting_ != Granting::kNothing) {
    events += AdvanceGrant(handler);
  }
  if (attention_ != 0) {
    events += Attend(handler);
  }
  // What handlers have posted goes out now, not with the next look.
  FlushChains();
  return events;
}

[[gnu::always_inline]] inline std::size_t VerbsTransport::TellWritten(EventHandler& handler) {
  kept_.news = false;
  handler.OnWritten(kept_.formation, {kept_.written.data(), kept_.size});
  return 1;
}

std::size_t VerbsTransport::Poll(EventHandler& handler) {
  std::size_t events = 0;
  if (connector_->any_news() || chained_ != 0 || lost_ || !options_.own_thread) [[unlikely]] {
    if (!BeforeLook(handler, events)) {
      return events;
    }
  }
  std::array<ibv_wc, kCompletionsPerLook> completions;
  // More at a look than stand there when it begins would keep the caller for as long as peers please.
  const int taken = device_->PollCompletions(completions_.get(), kCompletionsPerLook, completions.data());
  if (taken < 0) [[unlikely]] {
    return events + LoseDevice("has lost its completions", handler);
  }
  const std::span<const ibv_wc> all(completions.data(), static_cast<std::size_t>(taken));
  std::size_t done = kept_.Take(all);
  while (done != all.size()) [[unlikely]] {
    if (kept_.news) {
      events += TellWritten(handler);
    }
    events += OnWork(all[done++], handler);
    done += kept_.Take(all.subspan(done));
  }
  if (kept_.news) [[likely]] {
    events += TellWritten(handler);
  }
  if ((attention_ | chained_) != 0 || granting_ != Granting::kNothing) [[unlikely]] {
    events += AfterLook(handler);
  }
  return events;
}

std::size_t VerbsTransport::OnWork(const ibv_wc& work, EventHandler& handler) {
  const WorkId id = WorkId::FromPacked(work.wr_id);
  if (id.kind == WorkKind::kFlush) [[unlikely]] {
    OnFlush(id.number, work.status);
    return 0;
  }
  Link& link = links_[id.peer % links_.size()];
  if (id.kind == WorkKind::kPath) [[likely]] {
    if (id.life != link.path.life || !link.path.pair) [[unlikely]] {
      ++counters_.late_completions;
      return 0;
    }
    if (work.status == IBV_WC_SUCCESS) [[likely]] {
      return OnPathWork(link, id.number, handler);
    }
    ++counters_.failed_work[WorkStatusIndex(work.status)];
    BreakPath(link);
    return 0;
  }
  std::size_t events = 0;
  if (link.state == LinkState::kClosed || id.life != link.life) {
    // The news of a link is given before its peer can send anything.
    events += lost_ ? 0 : TakeNews(handler);
    if (link.state == LinkState::kClosed || id.life != link.life) {
      ++counters_.late_completions;
      return events;
    }
  }
  if (JudgeWork(work.status) != WorkVerdict::kDone) {
    ++counters_.failed_work[WorkStatusIndex(work.status)];
    link.broken = true;
    attention_ |= link.bit;
    return events;
  }
  switch (id.kind) {
    case WorkKind::kControl:
      return events + OnControlWork(link, id.number % kControlSlots, handler);
    case WorkKind::kSend:
      link.free_sends |= std::uint32_t{1} << (id.number % kSendSlots);
      return events;
    case WorkKind::kReceive:
      return events + OnReceive(link, id.number % kReceives, work.byte_len, handler);
    case WorkKind::kPath:
    case WorkKind::kFlush:
      break;
  }
  return events;
}

// Work request `number` of the path is done, and so is every one before it.
std::size_t VerbsTransport::OnPathWork(Link& link, std::uint32_t number, EventHandler& handler) {
  if (link.posted.size() == 1) [[likely]] {
    const PostedOperation& only = link.posted.front();
    if (!only.decided && only.completion.operation != Operation::kReadLog &&
        AtOrBefore(only.last_work, number) && !link.kept) [[likely]] {
      handler.OnCompletion(link.posted.Pop().completion);
      return 1;
    }
  }
  std::size_t events = 0;
  // The latest write or word that is done: its report is that of those before it.
  const Completion* done = nullptr;
  const auto report = [&](const Completion& completion) {
    handler.OnCompletion(completion);
    ++events;
  };
  PostedQueue& queue = link.posted;
  const std::uint16_t life = link.path.life;
  while (!queue.empty()) {
    const PostedOperation& oldest = queue.front();
    const bool decided = oldest.decided;
    if (!decided && (link.path.life != life || !AtOrBefore(oldest.last_work, number))) {
      break;
    }
    const Completion& completion = queue.Pop().completion;
    if (!decided && completion.operation != Operation::kReadLog) [[likely]] {
      done = &completion;
      continue;
    }
    if (done != nullptr) {
      report(*std::exchange(done, nullptr));
    }
    if (!decided) {
      EndRead(Outcome::kDone);
    }
    report(completion);
  }
  if (done != nullptr) [[likely]] {
    report(*done);
  }
  if (link.kept && queue.empty()) {
    TakeOver(link, number);
  }
  return events;
}

// Reports what was decided before its work requests completed, as far as nothing older is open.
std::size_t VerbsTransport::ReportDecided(Link& link, EventHandler& handler) {
  std::size_t events = 0;
  while (link.posted.front_decided()) {
    handler.OnCompletion(link.posted.Pop().completion);
    ++events;
  }
  return events;
}

}  // namespace gaios::transport::verbs
