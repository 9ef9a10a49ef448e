// PostToAll: one range to many paths, which are kept from call to call. Nothing here allocates or locks.

#include <algorithm>
#include <limits>

#include "gaios/base/check.h"
#include "gaios/transport/verbs/verbs_transport.h"

namespace gaios::transport::verbs {

bool VerbsTransport::PostToAll(std::span<const WriteTarget> targets, std::uint64_t formation, Range range) {
  if (formation != kept_.formation || formation == 0) [[unlikely]] {
    if (kept_.GoOnTo(targets)) {
      kept_.formation = formation;  // found anew to be what they were
    } else if (!KeepPaths(targets, formation)) {
      return false;
    }
  }
  const std::size_t bytes = range.size();  // huge when it ends before it begins
  const std::size_t offset = range.from.value() & (options_.capacity - 1);
  if (bytes - 1 >= paxos::kMaxWriteBytes || offset + bytes > options_.capacity) [[unlikely]] {
    return false;  // it goes on at the start of the ring
  }
  if (kept_.posted == kept_.posted_limit && !kept_.RaiseLimit()) [[unlikely]] {
    return false;
  }
  ++kept_.posted;
  RdmaDevice& device = *device_;
  const auto local = reinterpret_cast<std::uintptr_t>(log_ + offset);
  const unsigned int flags =
      IBV_SEND_SIGNALED | (bytes <= kept_.inline_bytes ? unsigned{IBV_SEND_INLINE} : 0U);
  bool failed = false;
  for (KeptPath& path : kept_.all()) {
    path.piece.addr = local;
    path.piece.length = static_cast<std::uint32_t>(bytes);
    ++path.work.wr_id;
    path.work.send_flags = flags;
    path.work.wr.rdma.remote_addr = path.log_address + offset;
    ibv_send_wr* bad = nullptr;
    if (device.PostSend(path.pair, &path.work, &bad) != 0) [[unlikely]] {
      path.refused = failed = true;
    }
  }
  if (failed) [[unlikely]] {
    BreakRefused();
  }
  return true;
}

// Of the paths whose queue pair has not taken what was posted last.
void VerbsTransport::BreakRefused() {
  std::uint32_t refused = 0;
  for (const KeptPath& path : kept_.all()) {
    refused |= path.refused ? path.link->bit : 0;
  }
  for (Link& link : links_) {
    if ((refused & link.bit) != 0) {
      ++counters_.posts_failed;
      BreakPath(link);
    }
  }
}

// Makes ready what is posted to each of `targets`. False when there is no such path to one of them, or no
// room on it: then nothing is kept.
bool VerbsTransport::KeepPaths(std::span<const WriteTarget> targets, std::uint64_t formation) {
  LetGo();
  for (const WriteTarget& target : targets) {
    Link& link = LinkTo(target.peer);
    if (link.posted.full() || !link.path.Is(target.grant, target.acceptor)) {
      LetGo();
      return false;
    }
    FlushChain(link);  // what is posted now goes behind it
    Keep(link, target);
  }
  if (kept_.size == 0 || std::ranges::any_of(targets, [this](const WriteTarget& target) {
        return LinkTo(target.peer).path.state != PathState::kOpen;
      })) {
    LetGo();
    return false;
  }
  kept_.formation = formation;
  kept_.posted_limit = 0;
  return true;
}

void VerbsTransport::Keep(Link& link, const WriteTarget& target) {
  const std::uint32_t inline_bytes = link.path.pair.inline_bytes();
  kept_.inline_bytes = kept_.size == 0 ? inline_bytes : std::min(kept_.inline_bytes, inline_bytes);
  const WorkId id{.kind = WorkKind::kPath,
                  .peer = link.peer.value(),
                  .life = link.path.life,
                  .number = link.path.next_work};
  const std::uint64_t until_wrap = std::numeric_limits<std::uint32_t>::max() - id.number;
  kept_.most_posted = kept_.size == 0 ? until_wrap : std::min(kept_.most_posted, until_wrap);
  WriteTarget& written = kept_.written.at(kept_.size);
  written = target;
  written.token = 0;
  KeptPath& path = kept_.paths.at(kept_.size++);
  path.link = &link;
  path.first_work = id.Packed();
  path.before_work = link.posted.empty() ? path.first_work - 1 : 0;
  path.before_token = target.token - 1;
  path.room = static_cast<std::uint32_t>(paxos::kMaxPostedPerLink - link.posted.size());
  path.refused = false;
  path.pair = link.path.pair.handle();
  path.log_address = link.log_address;
  path.piece.lkey = own_log_.get()->lkey;
  path.work.wr_id = path.first_work - 1;
  path.work.next = nullptr;
  path.work.sg_list = &path.piece;
  path.work.num_sge = 1;
  path.work.opcode = IBV_WR_RDMA_WRITE;
  path.work.wr.rdma.rkey = link.path.key;
  link.kept = true;
}

// Keeps no paths any more. What is under way on them becomes operations like any other, in posting order.
void VerbsTransport::LetGo() {
  GAIOS_CHECK(!kept_.news, "what has completed is told before anything else happens");
  for (const KeptPath& path : kept_.all()) {
    Link& link = *path.link;
    link.kept = false;
    const std::size_t i = static_cast<std::size_t>(&path - kept_.paths.data());
    const auto first_work = WorkId::FromPacked(path.first_work).number;
    link.path.next_work = first_work + static_cast<std::uint32_t>(kept_.posted);
    for (std::uint64_t number = kept_.Done(i); number != kept_.posted; ++number) {
      Enqueue(link, Operation::kWrite, kept_.written[i].grant, path.before_token + 1 + number);
      link.posted.back().last_work = first_work + static_cast<std::uint32_t>(number);
    }
  }
  kept_.size = 0;
  kept_.posted = 0;
  kept_.formation = 0;
}

// What was posted before the path was kept has completed, and perhaps, up to work request `number`, more.
void VerbsTransport::TakeOver(Link& link, std::uint32_t number) {
  for (std::size_t i = 0; i < kept_.size; ++i) {
    KeptPath& path = kept_.paths[i];
    if (path.link == &link) {
      path.before_work = path.first_work - 1;
      path.room = static_cast<std::uint32_t>(paxos::kMaxPostedPerLink);
      const auto first_work = WorkId::FromPacked(path.first_work).number;
      if (AtOrBefore(first_work, number)) {
        const std::uint64_t done = number - first_work + 1;
        GAIOS_CHECK(done <= kept_.posted, "P5: what has completed was posted");
        kept_.written[i].token = path.before_token + done;
        kept_.news = true;
      }
    }
  }
}

}  // namespace gaios::transport::verbs
