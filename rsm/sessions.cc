#include "gaios/rsm/sessions.h"

#include <algorithm>
#include <bit>
#include <cstring>

#include "gaios/base/check.h"

namespace gaios::rsm {

Sessions::Sessions(const SessionOptions& options)
    : options_(options),
      sessions_(options.max_sessions),
      memory_(options.max_sessions * options.reply_bytes),
      index_(std::bit_ceil(options.max_sessions * 4)) {
  GAIOS_CHECK(options.max_sessions > 0 && options.reply_bytes > 0, "sessions need room");
}

std::size_t Sessions::reserved_bytes() const {
  return sessions_.size() * sizeof(Session) + memory_.size() + index_.size() * sizeof(index_[0]);
}

std::size_t Sessions::IndexHome(std::uint64_t id) const {
  return static_cast<std::size_t>((id * 0x9e3779b97f4a7c15ULL) >> 20) & (index_.size() - 1);
}

void Sessions::IndexInsert(std::uint64_t id, std::uint32_t at) {
  std::size_t place = IndexHome(id);
  while (index_[place] != 0) {
    place = (place + 1) & (index_.size() - 1);
  }
  index_[place] = at + 1;
}

void Sessions::IndexErase(std::uint64_t id) {
  const std::size_t mask = index_.size() - 1;
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

Sessions::Session* Sessions::Find(std::uint64_t id) {
  for (std::size_t place = IndexHome(id); index_[place] != 0; place = (place + 1) & (index_.size() - 1)) {
    Session& session = sessions_[index_[place] - 1];
    if (session.id == id) {
      return &session;
    }
  }
  return nullptr;
}

std::byte* Sessions::MemoryOf(const Session& session) {
  return memory_.data() + static_cast<std::size_t>(&session - sessions_.data()) * options_.reply_bytes;
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
  sessions_[chosen].id = id;
  sessions_[chosen].used_ns = time_ns;
  IndexInsert(id, static_cast<std::uint32_t>(chosen));
  ++open_;
  return true;
}

Sessions::Verdict Sessions::Judge(SessionCommand command, std::uint64_t time_ns,
                                  std::span<const std::byte>& reply) {
  Session* const session = Find(command.session);
  if (session == nullptr) {
    return Verdict::kExpired;
  }
  session->used_ns = std::max(session->used_ns, time_ns);
  if (command.sequence == session->last_sequence + 1) [[likely]] {
    judged_ = session;
    return Verdict::kRun;
  }
  if (command.sequence > session->last_sequence || command.sequence == 0) {
    return Verdict::kOutOfOrder;
  }
  const KeptReply& kept = session->replies[command.sequence % kWindow];
  if (kept.sequence != command.sequence) {
    return Verdict::kReplyForgotten;
  }
  reply = {MemoryOf(*session) + kept.offset, kept.length};
  return Verdict::kDuplicate;
}

void Sessions::Finish(SessionCommand command, std::span<const std::byte> reply) {
  Session* const session = judged_;
  GAIOS_CHECK(
      session != nullptr && session->id == command.session && command.sequence == session->last_sequence + 1,
      "a command that was not to be run");
  session->last_sequence = command.sequence;
  KeptReply& kept = session->replies[command.sequence % kWindow];
  kept = {};
  const auto size = static_cast<std::uint32_t>(reply.size());
  if (size > options_.reply_bytes) {
    return;  // its retry will hear that it was run and its reply is gone
  }
  if (size > 0) {
    const std::uint32_t from = session->next_offset + size > options_.reply_bytes ? 0 : session->next_offset;
    // The memory is a ring, oldest first: only the oldest can be in the way.
    for (; session->oldest_kept < command.sequence; ++session->oldest_kept) {
      KeptReply& older = session->replies[session->oldest_kept % kWindow];
      const bool kept_still = older.sequence == session->oldest_kept && older.length > 0;
      if (kept_still && (older.offset >= from + size || from >= older.offset + older.length) &&
          !(from == 0 && older.offset >= session->next_offset)) {
        break;
      }
      if (kept_still) {
        older = {};
      }
    }
    std::memcpy(MemoryOf(*session) + from, reply.data(), size);
    kept.offset = from;
    session->next_offset = from + size;
  }
  kept.sequence = command.sequence;
  kept.length = size;
}

}  // namespace gaios::rsm
