// What becomes of operations in the simulated world: how writes land, whole and in part, in time and late,
// how reads are taken, and what is told of both.

#include <algorithm>
#include <cstring>

#include "gaios/base/check.h"
#include "gaios/transport/sim/world.h"

namespace gaios::transport::sim {

Outcome World::Check(const Operation& operation) {
  const Node& owner = node(operation.to);
  const Link& there = link(operation.from, operation.to);
  if (operation.abandoned || there.cut || link(operation.to, operation.from).cut || !owner.alive) {
    return Outcome::kDown;
  }
  if (owner.incarnation != operation.acceptor ||
      (owner.effective != operation.grant && options_.defect != Defect::kNoFence)) {
    return Outcome::kFenced;
  }
  return Outcome::kDone;
}

void World::CopyRange(std::byte* to, const std::byte* from, Range range) const {
  const std::uint64_t mask = options_.capacity_bytes - 1;
  for (Position p = range.from; p < range.to;) {
    const std::uint64_t at = p.value() & mask;
    const std::uint64_t size = std::min(range.to - p, options_.capacity_bytes - at);
    std::memcpy(to + at, from + at, size);
    p = p + size;
  }
}

void World::CopyOut(std::byte* to, Position begin, const std::byte* ring, Range range) const {
  const std::uint64_t mask = options_.capacity_bytes - 1;
  for (Position p = range.from; p < range.to;) {
    const std::uint64_t at = p.value() & mask;
    const std::uint64_t size = std::min(range.to - p, options_.capacity_bytes - at);
    std::memcpy(to + (p - begin), ring + at, size);
    p = p + size;
  }
}

void World::CopyIn(std::byte* ring, const std::byte* from, Position begin, Range range) const {
  const std::uint64_t mask = options_.capacity_bytes - 1;
  for (Position p = range.from; p < range.to;) {
    const std::uint64_t at = p.value() & mask;
    const std::uint64_t size = std::min(range.to - p, options_.capacity_bytes - at);
    std::memcpy(ring + at, from + (p - begin), size);
    p = p + size;
  }
}

bool World::SameInRing(const std::byte* ring, const std::byte* bytes, Position begin, Range range) const {
  const std::uint64_t mask = options_.capacity_bytes - 1;
  for (Position p = range.from; p < range.to;) {
    const std::uint64_t at = p.value() & mask;
    const std::uint64_t size = std::min(range.to - p, options_.capacity_bytes - at);
    if (std::memcmp(ring + at, bytes + (p - begin), size) != 0) {
      return false;
    }
    p = p + size;
  }
  return true;
}

void World::LandWrite(Operation& operation, Range piece) {
  const Node& owner = node(operation.to);
  if (operation.settled || operation.stray) {
    if (std::ranges::find(operation.pieces, piece) == operation.pieces.end()) {
      return;  // has landed already
    }
    // It has left the poster for good: only a later grant keeps it out.
    if (owner.alive && owner.incarnation == operation.acceptor && owner.effective == operation.grant) {
      counters_.writes_stray += operation.stray ? 1U : 0U;
      SettleBelow(node(operation.to), operation, piece);
      ShowPiece(operation, piece);
    } else if (operation.stray && owner.alive && owner.incarnation == operation.acceptor) {
      ++counters_.strays_fenced;
    }
    return;
  }
  const Outcome outcome = Check(operation);
  if (outcome != Outcome::kDone) {
    ++(outcome == Outcome::kFenced ? counters_.writes_fenced : counters_.writes_lost);
    operation.outcome = operation.outcome == Outcome::kDone ? outcome : operation.outcome;
    return;
  }
  const Node& poster = node(operation.from);
  // What the NIC reads is what the ring holds now; it must be what was posted.
  if (poster.alive && poster.incarnation == operation.poster &&
      !SameInRing(poster.log.base, operation.bytes.data(), operation.range.from, piece)) {
    if (on_posted_bytes_changed) {
      on_posted_bytes_changed({operation.from, operation.poster}, piece);
    }
    CopyOut(operation.bytes.data() + (piece.from - operation.range.from), piece.from, poster.log.base, piece);
  }
  SettleBelow(node(operation.to), operation, piece);
  ShowPiece(operation, piece);
}

// What has completed is not seen after a later write to the same bytes of the ring.
void World::SettleBelow(Node& owner, const Operation& operation, Range piece) {
  const std::uint64_t capacity = options_.capacity_bytes;
  for (const OperationPtr& earlier : owner.settled) {
    if (earlier.get() == &operation) {
      return;
    }
    const std::vector<Range> pieces = earlier->pieces;
    for (const Range& old : pieces) {
      // Where the one begins in the ring, counted from where the other does.
      const std::uint64_t at = (piece.from.value() - old.from.value()) & (capacity - 1);
      if (at < old.size() || at + piece.size() > capacity) {
        LandWrite(*earlier, old);
      }
    }
  }
}

void World::ShowPiece(Operation& operation, Range piece) {
  const Node& owner = node(operation.to);
  CopyIn(owner.log.base, operation.bytes.data(), operation.range.from, piece);
  Touch(operation.to);
  std::erase(operation.pieces, piece);
  if (!operation.pieces.empty() && !operation.in_part) {
    operation.in_part = true;
    ++counters_.writes_torn;
    const bool gap =
        std::ranges::any_of(operation.pieces, [&piece](const Range& rest) { return rest.from < piece.from; });
    counters_.writes_out_of_order += gap ? 1U : 0U;
  }
  if (on_remote_write) {
    on_remote_write({operation.to, owner.incarnation}, operation.grant, owner.effective);
  }
}

// A grant is about to become effective: what has completed is there before that.
void World::Settle(Node& owner) {
  for (const OperationPtr& operation : owner.settled) {
    const std::vector<Range> pieces = operation->pieces;
    for (const Range& piece : pieces) {
      if (options_.defect != Defect::kEmptyPromise) {
        LandWrite(*operation, piece);
      }
    }
  }
  owner.settled.clear();
}

std::optional<AlignedCopy> World::LogToBe(ReplicaId id) const {
  std::optional<AlignedCopy> copy;
  AddWhatComes(id, copy);
  if (other_way_ != nullptr) {
    other_way_->AddWhatComes(id, copy);
  }
  return copy;
}

void World::AddWhatComes(ReplicaId id, std::optional<AlignedCopy>& copy) const {
  const Node& owner = node(id);
  const auto to_come = [&owner](const OperationPtr& operation) {
    return !operation->pieces.empty() && operation->grant == owner.effective;
  };
  if (std::ranges::none_of(owner.settled, to_come)) {
    return;
  }
  if (!copy.has_value()) {
    copy = Allocate();
    std::memcpy(copy->base, owner.log.base, options_.capacity_bytes);
  }
  for (const OperationPtr& operation : owner.settled) {
    for (const Range& piece : operation->pieces) {
      CopyIn(copy->base, operation->bytes.data() + (piece.from - operation->range.from), piece.from, piece);
    }
  }
}

void World::TakeRead(Operation& operation, Range piece) {
  const Outcome outcome = Check(operation);
  if (outcome != Outcome::kDone) {
    operation.outcome = operation.outcome == Outcome::kDone ? outcome : operation.outcome;
  }
  if (outcome == Outcome::kFenced && options_.move_log) {
    // The memory of the grant that has ended is left behind, and may hold anything by now.
    const std::vector<std::byte> left(options_.capacity_bytes, kJunk);
    CopyRange(operation.bytes.data(), left.data(), piece);
    return;
  }
  CopyRange(operation.bytes.data(), node(operation.to).log.base, piece);
}

void World::Happen(const Due& due) {
  Operation& operation = *due.operation;
  if (!due.finish) {
    if (operation.kind == Operation::Kind::kWrite) {
      LandWrite(operation, due.piece);
    } else if (operation.kind == Operation::Kind::kControl) {
      operation.view = node(operation.to).control;
    } else if (!operation.abandoned) {
      TakeRead(operation, due.piece);
    }
    return;
  }
  Finish(due.operation);
}

void World::Finish(const OperationPtr& operation) {
  Link& there = link(operation->from, operation->to);
  Node& target = node(operation->to);
  switch (operation->kind) {
    case Operation::Kind::kFence:
      Touch(operation->to);
      return;
    case Operation::Kind::kMessage:
      if (target.alive && there.up && !there.cut && node(operation->from).incarnation == operation->poster) {
        Event event;
        event.kind = Event::Kind::kMessage;
        event.peer = operation->from;
        event.incarnation = operation->poster;
        event.message = operation->bytes;
        counters_.messages_overtaken += operation->number < there.latest_delivered ? 1U : 0U;
        there.latest_delivered = std::max(there.latest_delivered, operation->number);
        Tell(operation->to, std::move(event));
      }
      return;
    case Operation::Kind::kControl: {
      Event event;
      event.kind = Event::Kind::kControl;
      event.peer = operation->to;
      event.outcome = there.up && !there.cut && !link(operation->to, operation->from).cut ? Outcome::kDone
                                                                                          : Outcome::kDown;
      event.view = operation->view;
      if (node(operation->from).alive && node(operation->from).incarnation == operation->poster) {
        Tell(operation->from, event);
      }
      return;
    }
    case Operation::Kind::kWord: {
      const Outcome outcome = Check(*operation);
      const bool lands_late = operation->stray && target.alive && target.incarnation == operation->acceptor &&
                              target.effective == operation->grant;
      if (outcome == Outcome::kDone || lands_late) {
        target.words[static_cast<std::size_t>(operation->word)] = operation->value;
        Touch(operation->to);
        if (on_remote_write) {
          on_remote_write({operation->to, target.incarnation}, operation->grant, target.effective);
        }
      } else {
        operation->outcome = outcome;
      }
      break;
    }
    case Operation::Kind::kWrite:
    case Operation::Kind::kRead:
      if (operation->outcome == Outcome::kDone && operation->abandoned) {
        operation->outcome = Outcome::kDown;
      }
      if (operation->early && operation->outcome == Outcome::kDone) {
        operation->outcome = Check(*operation);
        if (operation->outcome == Outcome::kDone && !operation->pieces.empty()) {
          operation->settled = true;
          ++counters_.completed_early;
          std::erase_if(target.settled, [](const OperationPtr& other) { return other->pieces.empty(); });
          target.settled.push_back(operation);
        }
        // What has failed is not read any more, though the path be whole again before the rest was to land.
        operation->abandoned = operation->outcome != Outcome::kDone;
      }
      break;
  }
  operation->finished = true;
  while (!there.posted.empty() && there.posted.front()->finished) {
    const OperationPtr front = there.posted.front();
    there.posted.pop_front();
    Deliver(*front);
    if (front->outcome != Outcome::kDone) {
      there.has_path = there.has_path && there.path != front->grant;
      FailPath(front->from, front->to, front->outcome);
    }
  }
}

void World::Deliver(Operation& operation) {
  const Node& poster = node(operation.from);
  if (!poster.alive || poster.incarnation != operation.poster) {
    return;
  }
  if (operation.kind == Operation::Kind::kRead && operation.outcome == Outcome::kDone) {
    CopyRange(poster.log.base, operation.bytes.data(), operation.range);
  }
  Event event;
  event.kind = Event::Kind::kCompletion;
  event.completion.peer = operation.to;
  event.completion.outcome = operation.outcome;
  event.completion.grant = operation.grant;
  event.completion.token = operation.token;
  event.completion.operation = operation.kind == Operation::Kind::kWrite  ? transport::Operation::kWrite
                               : operation.kind == Operation::Kind::kWord ? transport::Operation::kWriteWord
                                                                          : transport::Operation::kReadLog;
  Tell(operation.from, event);
}

void World::FailPath(ReplicaId from, ReplicaId to, Outcome outcome) {
  Link& there = link(from, to);
  std::deque<OperationPtr> failed;
  failed.swap(there.posted);
  const bool poster_dead = !node(from).alive;
  for (const OperationPtr& operation : failed) {
    if (poster_dead) {
      continue;  // what it had posted may still land, like that of a NIC that outlives its process
    }
    operation->abandoned = true;
    operation->stray = operation->kind != Operation::Kind::kRead && Chance(options_.stray_per_mille);
    operation->outcome = outcome;
    operation->finished = true;
    Deliver(*operation);
  }
}

}  // namespace gaios::transport::sim
