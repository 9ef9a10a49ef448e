// How sessions are saved and restored. The bytes are a function of the state alone. Little-endian:
//
//   SavedSessions                          the limits, and how many sessions there are
//   for each session, by its place:
//     SavedSession                         with the place of every reply that is kept
//     the bytes of those replies           in the order of that list

#include <array>
#include <cstring>
#include <string>
#include <type_traits>
#include <utility>

#include "gaios/rsm/sessions.h"

namespace gaios::rsm {
namespace {

struct SavedSessions {
  std::uint64_t max_sessions = 0;
  std::uint64_t reply_bytes = 0;
  std::uint64_t idle_timeout_ns = 0;
  std::uint64_t open = 0;
};

struct SavedReply {
  std::uint64_t sequence = 0;  // 0: none is kept here
  std::uint32_t offset = 0;
  std::uint32_t length = 0;
};

struct SavedSession {
  std::uint64_t id = 0;
  std::uint64_t last_sequence = 0;
  std::uint64_t used_ns = 0;
  std::uint64_t oldest_kept = 0;
  std::uint32_t next_offset = 0;
  std::uint32_t place = 0;  // it is part of the state: who makes room for whom depends on it
  std::array<SavedReply, Sessions::kWindow> replies = {};
};
static_assert(sizeof(SavedSessions) == 32 && sizeof(SavedReply) == 16 &&
              sizeof(SavedSession) == 40 + Sessions::kWindow * 16 &&
              std::has_unique_object_representations_v<SavedSession>);

absl::Status Impossible(const char* what) {
  return absl::DataLossError(std::string("the sessions of the snapshot are damaged: ") + what +
                             "; take or fetch another");
}

template <typename T>
std::span<const std::byte> BytesOf(const T& record) {
  return std::as_bytes(std::span(&record, 1));
}

template <typename T>
std::span<std::byte> WritableBytesOf(T& record) {
  return std::as_writable_bytes(std::span(&record, 1));
}

}  // namespace

std::uint64_t Sessions::SavedBytes() const {
  std::uint64_t bytes = sizeof(SavedSessions);
  for (std::size_t place = 0; place < sessions_.size(); ++place) {
    if (sessions_[place].id == 0) {
      continue;
    }
    bytes += sizeof(SavedSession);
    for (std::size_t at = 0; at < kWindow; ++at) {
      bytes += Described(place, at).length;
    }
  }
  return bytes;
}

absl::Status Sessions::Save(SnapshotSink& sink) const {
  const SavedSessions head{options_.max_sessions, options_.reply_bytes, options_.idle_timeout_ns, open_};
  if (absl::Status status = sink.Append(BytesOf(head)); !status.ok()) {
    return status;
  }
  for (std::size_t place = 0; place < sessions_.size(); ++place) {
    if (sessions_[place].id == 0) {
      continue;
    }
    if (absl::Status status = SaveOne(place, sink); !status.ok()) {
      return status;
    }
  }
  return absl::OkStatus();
}

// What is kept at a place of a session's window, empty replies included.
Sessions::KeptReply Sessions::Described(std::size_t place, std::size_t at) const {
  const Session& session = sessions_[place];
  const std::uint64_t sequence = LatestAt(session, at);
  if (sequence != 0 && (session.bare >> (session.last_sequence - sequence) & 1) != 0) {
    return {sequence, 0, 0};
  }
  const KeptReply& kept = KeptAt(place, at);
  return sequence != 0 && kept.sequence == sequence ? kept : KeptReply();
}

absl::Status Sessions::SaveOne(std::size_t place, SnapshotSink& sink) const {
  const Session& session = sessions_[place];
  SavedSession saved{.id = session.id,
                     .last_sequence = session.last_sequence,
                     .used_ns = session.used_ns,
                     .oldest_kept = session.oldest_kept,
                     .next_offset = session.next_offset,
                     .place = static_cast<std::uint32_t>(place),
                     .replies = {}};
  for (std::size_t i = 0; i < kWindow; ++i) {
    const KeptReply reply = Described(place, i);
    saved.replies[i] = {reply.sequence, reply.offset, reply.length};
  }
  absl::Status status = sink.Append(BytesOf(saved));
  for (std::size_t i = 0; status.ok() && i < kWindow; ++i) {
    const SavedReply& reply = saved.replies[i];
    status = sink.Append({memory_.data() + MemoryOf(session) + reply.offset, reply.length});
  }
  return status;
}

absl::Status Sessions::Restore(SnapshotSource& source) {
  SavedSessions head;
  if (absl::Status status = source.Read(WritableBytesOf(head)); !status.ok()) {
    return status;
  }
  if (head.max_sessions != options_.max_sessions || head.reply_bytes != options_.reply_bytes ||
      head.idle_timeout_ns != options_.idle_timeout_ns) {
    return absl::FailedPreconditionError(
        "the snapshot was taken with other limits in [sessions] than this replica has (there max_sessions " +
        std::to_string(head.max_sessions) + ", reply_kib " + std::to_string(head.reply_bytes >> 10) +
        ", idle_timeout_s " + std::to_string(head.idle_timeout_ns / 1'000'000'000) +
        "), and replicas with other limits answer differently; give all replicas the same config");
  }
  if (head.open > head.max_sessions) {
    return Impossible("there are more than there is room for");
  }
  Sessions restored(options_);
  std::size_t first_free = 0;
  for (std::uint64_t i = 0; i < head.open; ++i) {
    if (absl::Status status = restored.RestoreOne(source, first_free); !status.ok()) {
      return status;
    }
  }
  Swap(restored);
  return absl::OkStatus();
}

void Sessions::Swap(Sessions& other) {
  GAIOS_CHECK(options_.max_sessions == other.options_.max_sessions &&
                  options_.reply_bytes == other.options_.reply_bytes,
              "sessions of the same limits");
  std::swap(sessions_, other.sessions_);
  std::swap(replies_, other.replies_);
  std::swap(memory_, other.memory_);
  std::swap(index_, other.index_);
  std::swap(open_, other.open_);
  judged_ = nullptr;
  other.judged_ = nullptr;
}

// The next session, whose place is `first_free` or later.
absl::Status Sessions::RestoreOne(SnapshotSource& source, std::size_t& first_free) {
  SavedSession saved;
  if (absl::Status status = source.Read(WritableBytesOf(saved)); !status.ok()) {
    return status;
  }
  if (saved.place < first_free || saved.place >= sessions_.size()) {
    return Impossible("one is in a place where it cannot be");
  }
  if (saved.id == 0 || Find(saved.id) != nullptr) {
    return Impossible("one has an id that it cannot have");
  }
  if (saved.next_offset > options_.reply_bytes || saved.oldest_kept == 0 ||
      saved.oldest_kept - 1 > saved.last_sequence) {
    return Impossible("one says of its replies what cannot be");
  }
  first_free = saved.place + 1;
  Session& session = sessions_[saved.place];
  session.id = saved.id;
  session.last_sequence = saved.last_sequence;
  session.used_ns = saved.used_ns;
  session.next_offset = saved.next_offset;
  session.oldest_kept = saved.oldest_kept;
  for (std::size_t i = 0; i < kWindow; ++i) {
    const SavedReply& reply = saved.replies[i];
    if (reply.sequence == 0 && (reply.offset != 0 || reply.length != 0)) {
      return Impossible("a reply that is not kept has bytes");
    }
    if ((reply.sequence != 0 && reply.sequence != LatestAt(session, i)) ||
        reply.offset > options_.reply_bytes || reply.length > options_.reply_bytes - reply.offset) {
      return Impossible("a reply is where it cannot be");
    }
    if (reply.sequence != 0 && reply.length == 0) {
      session.bare |= std::uint64_t{1} << (saved.last_sequence - reply.sequence);
    } else {
      KeptAt(saved.place, i) = {reply.sequence, reply.offset, reply.length};
    }
    const std::span<std::byte> bytes(memory_.data() + MemoryOf(session) + reply.offset, reply.length);
    if (absl::Status status = source.Read(bytes); !status.ok()) {
      return status;
    }
  }
  IndexInsert(saved.id, saved.place);
  ++open_;
  return absl::OkStatus();
}

}  // namespace gaios::rsm
