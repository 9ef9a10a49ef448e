// The owner's side: who may write to the log, and how that ends.

#include <utility>

#include <absl/strings/str_cat.h>

#include "gaios/transport/verbs/verbs_transport.h"

namespace gaios::transport::verbs {

void VerbsTransport::GrantTo(ReplicaId to, Grant grant) {
  GAIOS_CHECK(to.value() < options_.replicas, "a grant goes to a replica of the group");
  GAIOS_CHECK(!grant.ballot.none(), "a grant has a ballot");
  GAIOS_CHECK(begun_, "P7: nothing is promised by a life that has not begun");
  if (grant == latest_grant_) {
    GAIOS_CHECK(to == latest_to_, "P2: one grant has one holder");
    if (granting_ == Granting::kNothing) {
      granting_ = Granting::kAnnounce;
    }
    return;
  }
  GAIOS_CHECK(granting_ == Granting::kNothing || granting_ == Granting::kAnnounce, "one grant at a time");
  GAIOS_CHECK(to == options_.self || read_from_ == nullptr,
              "P2: a read of ours would land in a log that is granted to somebody else");
  GAIOS_CHECK(grant > latest_grant_, "P1: promised (ballot, grant number) never decreases");
  // Before the fence: a writer that finds its queue pair in error reads this to learn why.
  PublishPromise(*control_, ++promises_, grant);
  latest_grant_ = grant;
  latest_to_ = to;
  for (Link& link : links_) {
    link.grant_untold = false;
  }
  flush_fails_ = false;
  granting_ = Granting::kFence;
}

// Each step is done when it returns; where one has to wait, the next Poll goes on from there.
std::size_t VerbsTransport::AdvanceGrant(EventHandler& handler) {
  if (device_fails_) {
    return 0;  // what it says from now on is no fence
  }
  if (granting_ == Granting::kFence) {
    if (!FenceHolder()) {
      return 0;
    }
    TakeRegistration();
    granting_ = Granting::kFlush;
  }
  if (granting_ == Granting::kFlush) {
    if (flush_needed_) {
      Flush();
      return 0;
    }
    granting_ = Granting::kOpen;
  }
  if (granting_ == Granting::kOpen) {
    // Nobody else writes now, and the device has nothing left that it would write. That does not take a
    // registration to be there (P2): one that is not there lets nobody in, and one that comes later has a key
    // that nobody knows before OpenToHolder, which is of this grant or a later one.
    ClearLogWords();
    ++counters_.grants;
    Link& link = links_[latest_to_.value()];
    if (latest_to_ != options_.self && link.up()) {
      link.grant_untold = true;
      if (!link.own.pair || !registration_) {
        ++counters_.grants_without_spare;
      }
      SendWaiting(link);
    }
  }
  granting_ = Granting::kNothing;
  handler.OnGranted(latest_grant_);
  return 1;
}

// P2: takes write access from whoever has it. False when the device would not do it; then nothing is granted,
// and it is tried again.
bool VerbsTransport::FenceHolder() {
  if (holder_.pair) {
    // Into error first: what arrives from here on is not begun. Its destruction then waits for what is being
    // executed, and drops the hold that a write of many packets has on its registration.
    (void)holder_.pair.Fail();
    if (holder_.pair.Destroy() != 0) {
      ++counters_.fences_retried;
      return false;
    }
    ++counters_.fences;
    Link& link = links_[holder_.peer.value()];
    if (link.up() && link.life == holder_.link_life && holder_.peer != latest_to_) {
      link.fence_untold = true;
      link.fenced = holder_.grant;
      attention_ |= link.bit;
    }
  }
  return fence_ != FenceStrategy::kDeregistration || !key_known_ || GiveUpRegistration();
}

// When it returns true nobody can write by what it was, and what the device had taken for it is in memory.
bool VerbsTransport::GiveUpRegistration() {
  if (registration_.GiveUp() != 0) {
    ++counters_.fences_retried;
    return false;
  }
  key_known_ = false;
  return true;
}

// Has a registration of the log whose key nobody knows take the place of one that was given up, if there is
// one; otherwise asks for it.
void VerbsTransport::TakeRegistration() {
  if (!registration_) {
    registration_ = std::exchange(spare_, Registration());
  }
  const bool wanted = fence_ == FenceStrategy::kDeregistration || !registration_;
  if (wanted && !spare_ && !spare_asked_) {
    spare_asked_ = true;
    connector_->Ask({.kind = Task::Kind::kRegister});
  }
}

// Goes on with the read after a fence. A device that does not read, as where its port is down, gives up the
// registration instead: then the system takes the memory back from it, and the device has nothing left that
// it would write there. So it is where the fence gave one up and there is no other to read by: the memory has
// been taken back already.
void VerbsTransport::Flush() {
  if (registration_ && !port_down_ && !flush_fails_) {
    if (!flushing_) {
      flushing_ = PostFlush();
    }
    return;
  }
  flushing_ = false;  // what comes back of it yet is late
  // Otherwise the fence has given it up, and nobody could write by the one that took its place.
  if (fence_ != FenceStrategy::kDeregistration) {
    if (!GiveUpRegistration()) {
      return;
    }
    TakeRegistration();
  }
  ++counters_.flushes_replaced;
  flush_needed_ = false;
}

void VerbsTransport::ClearLogWords() {
  auto* const words = reinterpret_cast<LogWords*>(log_ + options_.capacity);
  for (PaddedWord& word : words->words) {
    word.value.store(0, std::memory_order_release);
  }
}

// Of a device that is lost. It reads nothing any more, so no read can follow what it has taken; and a device
// that lost its completions alone goes on taking writes. So it is fenced when its driver has destroyed the
// queue pair by which somebody could write, and has given up every registration that lets others in: only
// then does the system take the memory back from it. What the device tells of itself is no proof (it does so
// before its queue pairs are gone), nor is an error, nor the word of a driver that says so without asking the
// device. Where there is no proof nothing is granted any more (P2); what was granted before stands.
std::size_t VerbsTransport::GrantWithoutDevice(EventHandler& handler) {
  if (granting_ == Granting::kNothing) {
    return 0;
  }
  if (granting_ != Granting::kAnnounce) {
    if (!DestroysWhenLost(device_->facts())) {
      return 0;  // LoseDevice has told
    }
    (void)holder_.pair.Fail();
    if (holder_.pair.Destroy() != 0 || registration_.GiveUp() != 0 || spare_.GiveUp() != 0) {
      ++counters_.fences_retried;
      if (!std::exchange(told_of_no_fence_, true)) {
        connector_->Tell(absl::StrCat(
            "RDMA device ", device_->facts().name,
            ", which is lost, does not let go of the log: who could write to it may do so still, and so this "
            "replica promises nothing to anybody. Start it again"));
      }
      return 0;
    }
    key_known_ = flush_needed_ = false;
    ClearLogWords();
    ++counters_.grants;
  }
  granting_ = Granting::kNothing;
  handler.OnGranted(latest_grant_);
  return 1;
}

// Gives the latest holder its queue pair, if it is ready, and there is a registration for it to write by.
void VerbsTransport::OpenToHolder() {
  Link& link = links_[latest_to_.value()];
  if (holder_.pair) {
    return;
  }
  TakeRegistration();
  if (!link.own.pair || !registration_) {
    return;
  }
  holder_.peer = latest_to_;
  holder_.link_life = link.life;
  holder_.grant = latest_grant_;
  holder_.pair_id = link.own.id;
  holder_.pair = std::exchange(link.own.pair, QueuePair());
  // P2: its other end could do nothing with it until now. Where the device refuses, it still cannot: it finds
  // the path down, and the next grant has another one.
  if (holder_.pair.Allow(IBV_ACCESS_REMOTE_WRITE | IBV_ACCESS_REMOTE_READ, Times()) != 0) {
    ++counters_.grants_not_opened;
  }
  key_known_ = true;
  flush_needed_ = true;
  connector_->Ask({.kind = Task::Kind::kMakePair, .peer = link.peer, .life = link.life});
}

// Reads a word of the log through the device: what it took from the network before stands in memory when the
// answer does, since both go the same way. False when there is no queue pair for it yet, or none to be had;
// of the latter there is news.
bool VerbsTransport::PostFlush() {
  if (!loopback_) {
    if (!loopback_asked_) {
      loopback_asked_ = true;
      connector_->Ask({.kind = Task::Kind::kMakeLoopback});
    }
    return false;
  }
  ibv_sge where = {.addr = reinterpret_cast<std::uintptr_t>(local_.flush()),
                   .length = sizeof(std::uint64_t),
                   .lkey = local_registration_.get()->lkey};
  ibv_send_wr work = {};
  work.wr_id = WorkId{.kind = WorkKind::kFlush, .number = ++flushes_}.Packed();
  work.sg_list = &where;
  work.num_sge = 1;
  work.opcode = IBV_WR_RDMA_READ;
  work.send_flags = IBV_SEND_SIGNALED;
  work.wr.rdma.remote_addr = reinterpret_cast<std::uintptr_t>(log_ + options_.capacity);
  work.wr.rdma.rkey = registration_.get()->rkey;
  ibv_send_wr* bad = nullptr;
  if (device_->PostSend(loopback_.handle(), &work, &bad) != 0) {
    ++counters_.posts_failed;
    flush_fails_ = true;
    loopback_ = QueuePair();
    loopback_answering_ = QueuePair();
    return false;
  }
  return true;
}

void VerbsTransport::OnFlush(std::uint32_t number, ibv_wc_status status) {
  if (!flushing_ || number != flushes_) {
    ++counters_.late_completions;
    return;
  }
  flushing_ = false;
  if (JudgeWork(status) == WorkVerdict::kDone) {
    flush_needed_ = false;
    return;
  }
  ++counters_.flushes_failed;
  flush_fails_ = true;
  ++counters_.failed_work[WorkStatusIndex(status)];
  loopback_ = QueuePair();
  loopback_answering_ = QueuePair();
}

}  // namespace gaios::transport::verbs
