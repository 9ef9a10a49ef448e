#ifndef GAIOS_RSM_SESSIONS_H_
#define GAIOS_RSM_SESSIONS_H_

// Client sessions: part of the replicated state, so that a command that a client sends again, to whatever
// leader, is run once. Each session runs its commands in the order of their numbers and keeps the replies to
// the latest ones. Deterministic: depends on the log alone. One thread; allocates at construction and in
// Restore only.

#include <algorithm>
#include <array>
#include <cstddef>
#include <cstdint>
#include <span>
#include <vector>

#include <absl/status/status.h>

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
    session->used_ns = std::max(session->used_ns, time_ns);
    if (command.sequence == session->last_sequence + 1) [[likely]] {
      judged_ = session;
      return Verdict::kRun;
    }
    return JudgeRetry(*session, command.sequence, reply);
  }
  void Finish(SessionCommand command, std::span<const std::byte> reply) {
    GAIOS_CHECK(judged_ != nullptr && judged_->id == command.session &&
                    command.sequence == judged_->last_sequence + 1,
                "a command that was not to be run");
    judged_->last_sequence = command.sequence;
    KeptReply& kept = judged_->replies[command.sequence % kWindow];
    if (reply.empty()) {
      kept = {command.sequence, 0, 0};
    } else {
      Keep(*judged_, kept, command.sequence, reply);
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
  struct KeptReply {
    std::uint64_t sequence = 0;  // 0: none
    std::uint32_t offset = 0;
    std::uint32_t length = 0;
  };
  struct Session {
    std::uint64_t id = 0;  // 0: free
    std::uint64_t last_sequence = 0;
    std::uint64_t used_ns = 0;
    std::uint32_t next_offset = 0;
    std::uint64_t oldest_kept = 1;  // no reply before this number is kept in memory
    std::array<KeptReply, kWindow> replies;
  };

  [[nodiscard]] Session* Find(std::uint64_t id) {
    for (std::size_t place = IndexHome(id); index_[place] != 0; place = (place + 1) & (index_.size() - 1)) {
      Session& session = sessions_[index_[place] - 1];
      if (session.id == id) {
        return &session;
      }
    }
    return nullptr;
  }
  [[nodiscard]] Verdict JudgeRetry(const Session& session, std::uint64_t sequence,
                                   std::span<const std::byte>& reply) const;
  void Keep(Session& session, KeptReply& kept, std::uint64_t sequence, std::span<const std::byte> reply);
  [[nodiscard]] std::size_t MemoryOf(const Session& session) const {
    return static_cast<std::size_t>(&session - sessions_.data()) * options_.reply_bytes;
  }
  [[nodiscard]] absl::Status SaveOne(std::size_t place, SnapshotSink& sink) const;
  [[nodiscard]] absl::Status RestoreOne(SnapshotSource& source, std::size_t& first_free);
  void IndexInsert(std::uint64_t id, std::uint32_t at);
  void IndexErase(std::uint64_t id);
  [[nodiscard]] std::size_t IndexHome(std::uint64_t id) const {
    return static_cast<std::size_t>((id * 0x9e3779b97f4a7c15ULL) >> 20) & (index_.size() - 1);
  }

  const SessionOptions options_;
  std::vector<Session> sessions_;
  std::vector<std::byte> memory_;
  std::vector<std::uint32_t> index_;  // open addressing: 0 for none, else position in sessions_ plus one
  std::size_t open_ = 0;
  Session* judged_ = nullptr;  // whose command is being run
};

}  // namespace gaios::rsm

#endif  // GAIOS_RSM_SESSIONS_H_
