#ifndef GAIOS_RSM_SESSIONS_H_
#define GAIOS_RSM_SESSIONS_H_

// Client sessions: part of the replicated state, so that a command that a client sends again, to whatever
// leader, is run once. Each session runs its commands in the order of their numbers and keeps the replies to
// the latest ones. Deterministic: depends on the log alone. One thread; allocates at construction and in
// Restore only.

#include <cstddef>
#include <cstdint>
#include <span>
#include <vector>

#include <absl/status/status.h>

#include "gaios/base/align.h"
#include "gaios/base/check.h"
#include "gaios/rsm/command_codec.h"
#include "gaios/rsm/state_machine.h"

namespace gaios::rsm {

struct SessionOptions {
  // Sessions kept at once. Each reserves reply_bytes.
  std::size_t max_sessions = 256;
  // Memory for the replies of one session; at least the largest reply fits.
  std::size_t reply_bytes = std::size_t{32} << 10;
  // A session unused for this long, by the time in the log, may make room for a new one.
  std::uint64_t idle_timeout_ns = 60'000'000'000;
};

class Sessions {
 public:
  // Commands that a client may have under way in one session; so many replies are kept, as far as memory
  // goes.
  static constexpr std::size_t kWindow = 64;

  enum class Verdict : std::uint8_t { kRun, kDuplicate, kReplyForgotten, kExpired, kOutOfOrder };

  explicit Sessions(const SessionOptions& options);

  // Opens session `id`, which nobody has had before. False when there is no room for it.
  [[nodiscard]] bool Open(std::uint64_t id, std::uint64_t time_ns);

  // What is to be done with a command. For kDuplicate, `reply` is the one it had. kRun is to be followed by
  // Finish.
  [[nodiscard]] Verdict Judge(SessionCommand command, std::uint64_t time_ns,
                              std::span<const std::byte>& reply) {
    Session* const session = Find(command.session);
    if (session == nullptr) [[unlikely]] {
      return Verdict::kExpired;
    }
    if (session->used_ns < time_ns) {
      session->used_ns = time_ns;
    }
    if (command.sequence == session->last_sequence + 1) [[likely]] {
      judged_ = session;
      return Verdict::kRun;
    }
    return JudgeRetry(*session, command.sequence, reply);
  }
  // The command that Judge said last is to be run has been, with this reply.
  void Finish(std::span<const std::byte> reply) {
    GAIOS_CHECK(judged_ != nullptr, "a command that was not to be run");
    Session& session = *judged_;
    judged_ = nullptr;
    ++session.last_sequence;
    session.bare = session.bare << 1 | (reply.empty() ? 1U : 0U);
    if (!reply.empty()) {
      Keep(session, reply);
    }
  }

  // For snapshots. Equal sessions save equal bytes.
  [[nodiscard]] std::uint64_t SavedBytes() const;
  [[nodiscard]] absl::Status Save(SnapshotSink& sink) const;
  // Replaces all sessions, or fails and leaves them as they were: DataLoss for what no Save has written,
  // FailedPrecondition when it was saved with other limits, or what `source` says.
  [[nodiscard]] absl::Status Restore(SnapshotSource& source);
  // With the same limits.
  void Swap(Sessions& other);

  [[nodiscard]] std::size_t size() const { return open_; }
  [[nodiscard]] std::size_t reserved_bytes() const;

 private:
  // A reply that is not empty, at the place of its number in the window.
  struct KeptReply {
    std::uint64_t sequence = 0;  // 0: none
    std::uint32_t offset = 0;
    std::uint32_t length = 0;
  };
  // What every command of a session touches, on one cache line.
  struct alignas(base::kCacheLineBytes) Session {
    std::uint64_t id = 0;  // 0: free
    std::uint64_t last_sequence = 0;
    std::uint64_t used_ns = 0;
    std::uint64_t bare = 0;         // bit n: the reply to number last_sequence - n was empty
    std::uint64_t oldest_kept = 1;  // no reply before this number is kept in memory
    std::uint32_t next_offset = 0;
  };
  static_assert(kWindow == 64, "a bit for each number in the window");

  [[nodiscard]] Session* Find(std::uint64_t id) {
    for (std::size_t place = IndexHome(id); index_[place] != 0; place = (place + 1) & index_mask_) {
      Session& session = sessions_[index_[place] - 1];
      if (session.id == id) {
        return &session;
      }
    }
    return nullptr;
  }
  [[nodiscard]] Verdict JudgeRetry(const Session& session, std::uint64_t sequence,
                                   std::span<const std::byte>& reply) const;
  void Keep(Session& session, std::span<const std::byte> reply);
  [[nodiscard]] std::size_t PlaceOf(const Session& session) const {
    return static_cast<std::size_t>(&session - sessions_.data());
  }
  [[nodiscard]] std::size_t MemoryOf(const Session& session) const {
    return PlaceOf(session) * options_.reply_bytes;
  }
  // Whatever stands there of an earlier number than those in the window is not kept any more.
  [[nodiscard]] KeptReply& KeptAt(std::size_t place, std::uint64_t sequence) {
    return replies_[place * kWindow + sequence % kWindow];
  }
  [[nodiscard]] const KeptReply& KeptAt(std::size_t place, std::uint64_t sequence) const {
    return replies_[place * kWindow + sequence % kWindow];
  }
  // The latest number that a session has run whose place in the window is `at`; 0: none.
  [[nodiscard]] static std::uint64_t LatestAt(const Session& session, std::size_t at) {
    const std::uint64_t age = (session.last_sequence - at) % kWindow;
    return session.last_sequence >= age ? session.last_sequence - age : 0;
  }
  [[nodiscard]] KeptReply Described(std::size_t place, std::size_t at) const;
  [[nodiscard]] absl::Status SaveOne(std::size_t place, SnapshotSink& sink) const;
  [[nodiscard]] absl::Status RestoreOne(SnapshotSource& source, std::size_t& first_free);
  void IndexInsert(std::uint64_t id, std::uint32_t at);
  void IndexErase(std::uint64_t id);
  [[nodiscard]] std::size_t IndexHome(std::uint64_t id) const {
    return static_cast<std::size_t>((id * 0x9e3779b97f4a7c15ULL) >> index_shift_);
  }

  const SessionOptions options_;
  std::vector<Session> sessions_;
  std::vector<KeptReply> replies_;  // kWindow of each session
  std::vector<std::byte> memory_;
  std::vector<std::uint32_t> index_;  // open addressing: 0 for none, else position in sessions_ plus one
  std::size_t index_mask_;            // it has 2^n places
  int index_shift_;                   // 64 - n
  std::size_t open_ = 0;
  Session* judged_ = nullptr;  // whose command is being run
};

}  // namespace gaios::rsm

#endif  // GAIOS_RSM_SESSIONS_H_
