#include "gaios/rsm/sessions.h"

#include <algorithm>
#include <bit>
#include <cstring>

#include "gaios/base/check.h"

namespace gaios::rsm {

Sessions::Sessions(const SessionOptions& options)
    : options_(options),
      sessions_(options.max_sessions),
      replies_(options.max_sessions * kWindow),
      memory_(options.max_sessions * options.reply_bytes),
      index_(std::bit_ceil(options.max_sessions * 2)),
      index_mask_(index_.size() - 1),
      index_shift_(64 - std::countr_zero(index_.size())) {
  GAIOS_CHECK(options.max_sessions > 0 && options.reply_bytes > 0, "sessions need room");
}

std::size_t Sessions::reserved_bytes() const {
  return sessions_.size() * sizeof(Session) + replies_.size() * sizeof(KeptReply) + memory_.size() +
         index_.size() * sizeof(index_[0]);
}

void Sessions::IndexInsert(std::uint64_t id, std::uint32_t at) {
  std::size_t place = IndexHome(id);
  while (index_[place] != 0) {
    place = (place + 1) & index_mask_;
  }
  index_[place] = at + 1;
}

void Sessions::IndexErase(std::uint64_t id) {
  const std::size_t mask = index_mask_;
  std::size_t hole = IndexHome(id);
  while (sessions_[index_[hole] - 1].id != id) {
    hole = (hole + 1) & mask;
  }
  // Close the gap: move back whatever was pushed past it.
  for (std::size_t next = (hole + 1) & mask; index_[next] != 0; next = (next + 1) & mask) {
    const std::size_t home = IndexHome(sessions_[index_[next] - 1].id);
    if (((next - home) & mask) >= ((next - hole) & mask)) {
      index_[hole] = index_[next];
      hole = next;
    }
  }
  index_[hole] = 0;
}

bool Sessions::Open(std::uint64_t id, std::uint64_t time_ns) {
  GAIOS_CHECK(id != 0 && Find(id) == nullptr, "a session id is used once");
  std::size_t chosen = 0;
  if (open_ < sessions_.size()) {
    while (sessions_[chosen].id != 0) {
      ++chosen;
    }
  } else {
    // The longest unused; among equals the first, so that all replicas choose alike.
    for (std::size_t i = 1; i < sessions_.size(); ++i) {
      if (sessions_[i].used_ns < sessions_[chosen].used_ns) {
        chosen = i;
      }
    }
    if (time_ns < sessions_[chosen].used_ns + options_.idle_timeout_ns) {
      return false;
    }
    IndexErase(sessions_[chosen].id);
    --open_;
  }
  sessions_[chosen] = Session();
  for (std::size_t at = 0; at < kWindow; ++at) {
    KeptAt(chosen, at) = {};
  }
  sessions_[chosen].id = id;
  sessions_[chosen].used_ns = time_ns;
  IndexInsert(id, static_cast<std::uint32_t>(chosen));
  ++open_;
  return true;
}

Sessions::Verdict Sessions::JudgeRetry(const Session& session, std::uint64_t sequence,
                                       std::span<const std::byte>& reply) const {
  if (sequence > session.last_sequence || sequence == 0) {
    return Verdict::kOutOfOrder;
  }
  const std::uint64_t age = session.last_sequence - sequence;
  if (age >= kWindow) {
    return Verdict::kReplyForgotten;
  }
  if ((session.bare >> age & 1) != 0) {
    reply = {};
    return Verdict::kDuplicate;
  }
  const KeptReply& kept = KeptAt(PlaceOf(session), sequence);
  if (kept.sequence != sequence) {
    return Verdict::kReplyForgotten;
  }
  reply = {memory_.data() + MemoryOf(session) + kept.offset, kept.length};
  return Verdict::kDuplicate;
}

// Keeps the reply to the last command, which is not empty.
void Sessions::Keep(Session& session, std::span<const std::byte> reply) {
  const std::uint64_t sequence = session.last_sequence;
  KeptReply& kept = KeptAt(PlaceOf(session), sequence);
  kept = {};
  const auto size = static_cast<std::uint32_t>(reply.size());
  if (size > options_.reply_bytes) {
    return;  // its retry will hear that it was run and its reply is gone
  }
  const std::uint32_t from = session.next_offset + size > options_.reply_bytes ? 0 : session.next_offset;
  session.oldest_kept = std::max(session.oldest_kept, sequence >= kWindow ? sequence - kWindow + 1 : 1);
  // The memory is a ring, oldest first: only the oldest can be in the way.
  for (; session.oldest_kept < sequence; ++session.oldest_kept) {
    KeptReply& older = KeptAt(PlaceOf(session), session.oldest_kept);
    const bool kept_still = older.sequence == session.oldest_kept;
    if (kept_still && (older.offset >= from + size || from >= older.offset + older.length) &&
        !(from == 0 && older.offset >= session.next_offset)) {
      break;
    }
    if (kept_still) {
      older = {};
    }
  }
  std::memcpy(memory_.data() + MemoryOf(session) + from, reply.data(), size);
  session.next_offset = from + size;
  kept = {sequence, from, size};
}

}  // namespace gaios::rsm
