#ifndef GAIOS_RSM_CLIENT_CLIENT_H_
#define GAIOS_RSM_CLIENT_CLIENT_H_

// A client of a replicated state machine. It finds the leader, follows it when it changes, and has every
// command applied at most once: commands are numbered within a session that is itself part of the replicated
// state, kept until answered, and sent again under the same number whenever an answer may have been lost.
//
// Each command that Submit() takes is answered by exactly one call of the listener, in the order of
// submission: committed, with its reply; committed, the reply being no longer kept; or unknown, when no
// answer came within the operation timeout, the session is no longer known, or the group has no room for so
// large a command. Unknown means just that: the command may have been applied, may yet be, or may never be.
// All that was under way in that session is then unknown, and later commands go into a new one: the same
// command submitted again is another one, and both may be applied.
//
// Poll() must be called often; it does the work and calls the listener, which may Submit(). It never blocks.
// On the host of a replica it makes system calls only while connecting and, every kCheckIntervalNs, to see
// whether the replica still lives; over the network (network/network_client.h) it makes some in every turn.
// Nothing allocates after Open but connecting. One thread, and one process: a child that forks must not touch
// a client of its parent, and opens its own. Over the network it could send nothing by it (docs/wire.md).

#include <cstddef>
#include <cstdint>
#include <memory>
#include <optional>
#include <span>
#include <string>
#include <vector>

#include <absl/status/status.h>
#include <absl/status/statusor.h>

#include "gaios/base/clock.h"
#include "gaios/paxos/limits.h"
#include "gaios/paxos/replica_set.h"
#include "gaios/paxos/types.h"
#include "gaios/rsm/client/connection.h"
#include "gaios/rsm/client/wire.h"
#include "gaios/rsm/replica.h"
#include "gaios/rsm/sessions.h"

namespace gaios::rsm {

struct ClientOptions {
  std::string directory;  // of the group
  // Those that it looks for first are 0 to this less one. Others are found when they lead, or when none of
  // these is there.
  std::size_t replicas = 0;
  paxos::GroupId group;  // FindGroup(config) of group_identity.h. The client keeps it for its life

  // Commands under way at once, at most Sessions::kWindow.
  std::size_t window = Sessions::kWindow;
  // Largest command. So many bytes are reserved for each place of the window. The group may take less.
  std::size_t max_command_bytes = std::size_t{4} << 10;

  // From submission to "unknown". Must leave room for a failover, else each one leaves commands unknown.
  std::uint64_t operation_timeout_ns = 5'000'000'000;
  // Silence of a replica that has something of ours, after which the next one is asked.
  std::uint64_t answer_timeout_ns = 50'000'000;
  // Between attempts while there is no leader to be found.
  std::uint64_t connect_interval_ns = 1'000'000;
};

enum class [[nodiscard]] Submitted : std::uint8_t {
  kSubmitted,  // will be answered
  kFull,       // the window is full: poll, then try again
  kTooLarge,   // than the options, or the group, allow
};

class ClientListener {
 public:
  virtual ~ClientListener() = default;
  // `how` is kApplied, kDuplicate (the answer to an earlier sending was lost; `reply` is what it said, `slot`
  // the later one) or kReplyForgotten (the same, without the reply). `reply` is valid for the call.
  virtual void OnCommitted(std::uint64_t tag, std::uint64_t slot, Applied how,
                           std::span<const std::byte> reply) = 0;
  virtual void OnUnknown(std::uint64_t tag) = 0;
};

struct ClientCounters {
  std::uint64_t submitted = 0;
  std::uint64_t committed = 0;
  std::uint64_t unknown = 0;
  std::uint64_t sent = 0;        // commands sent, repetitions included
  std::uint64_t redirected = 0;  // answers that the replica does not lead
  std::uint64_t lost_connections = 0;
  std::uint64_t silences = 0;  // replicas left because they said nothing
  std::uint64_t sessions_opened = 0;
  std::uint64_t sessions_expired = 0;
};

class Client {
 public:
  static constexpr std::uint64_t kCheckIntervalNs = 500'000;

  // `clock` must outlive the client. Connects later, by Poll(): replicas may start after it. InvalidArgument
  // names the option that is wrong.
  [[nodiscard]] static absl::StatusOr<std::unique_ptr<Client>> Open(const ClientOptions& options,
                                                                    const base::Clock& clock);
  // By connections of the caller's own, by replica id, at least options.replicas of them: others are never
  // asked. `directory` and `group` of the options are not looked at.
  [[nodiscard]] static absl::StatusOr<std::unique_ptr<Client>> OpenWith(
      const ClientOptions& options, std::vector<std::unique_ptr<ClientConnection>> connections,
      const base::Clock& clock);
  Client(const Client&) = delete;
  Client& operator=(const Client&) = delete;

  // Takes a copy of `command`.
  Submitted Submit(std::span<const std::byte> command, std::uint64_t tag);
  // One turn. Returns whether there was anything to do. Not to be called by the listener.
  bool Poll(ClientListener& listener);

  // Submits one command and polls until it is answered; for programs that do one thing at a time.
  // FailedPrecondition while others are under way; InvalidArgument when too large; Unavailable when no
  // replica took it, so it has not been applied; Unknown when the outcome is.
  [[nodiscard]] absl::StatusOr<std::vector<std::byte>> Call(std::span<const std::byte> command);

  [[nodiscard]] std::size_t outstanding() const { return count_; }
  // It has a session at a leader, or had when it last heard from one: commands go out at once.
  [[nodiscard]] bool ready() const { return session_ != 0 && connections_[target_]->ready(); }
  // Whom it sends to.
  [[nodiscard]] paxos::ReplicaId target() const {
    return paxos::ReplicaId(static_cast<std::uint8_t>(target_));
  }
  [[nodiscard]] std::uint64_t session() const { return session_; }  // 0: none
  [[nodiscard]] const ClientCounters& counters() const { return counters_; }
  // For the user: why replicas could not be connected to when that was last tried, each with what to do;
  // empty when none has failed. A client of a group that is no more hears here that there is another one.
  [[nodiscard]] std::string trouble() const;

 private:
  struct Place {
    std::uint64_t tag = 0;
    std::uint64_t submitted_ns = 0;
    std::size_t bytes = 0;
  };

  Client(const ClientOptions& options, std::vector<std::unique_ptr<ClientConnection>> connections,
         const base::Clock& clock);

  void CheckConnection(std::uint64_t now_ns);
  void TendOthers(std::uint64_t now_ns);
  bool TakeResponses(ClientListener& listener, std::uint64_t now_ns);
  void Answered(const ClientConnection::Response& response, ClientListener& listener, std::uint64_t now_ns);
  void SessionAnswered(const ClientConnection::Response& response, std::uint64_t now_ns);
  void CommandAnswered(const ClientConnection::Response& response, ClientListener& listener,
                       std::uint64_t now_ns);
  void Redirected(std::uint8_t leader, std::uint64_t now_ns);
  void Send(std::uint64_t now_ns);
  bool SendNext(std::uint64_t now_ns);

  // What was sent and not answered will be sent again; answers that still come to it mean nothing.
  void RestartStream();
  // When so many attempts to connect have failed in a row, those of other ids are asked too.
  static constexpr std::size_t kFailuresBeforeOthers = 100;

  void AskNext(std::uint64_t now_ns);
  void TurnToNext();
  void Pause(std::uint64_t now_ns) { resume_ns_ = now_ns + options_.connect_interval_ns; }
  // Gives the session up. What was under way in it is unknown.
  void Abandon(ClientListener& listener);
  [[nodiscard]] std::uint64_t PopFront();
  [[nodiscard]] bool waiting() const { return expected_ != next_request_; }

  const ClientOptions options_;
  const base::Clock& clock_;
  std::vector<std::unique_ptr<ClientConnection>> connections_;  // by id; only the target's is advanced
  paxos::ReplicaSet known_;                                     // whom it asks in turn
  std::size_t failed_in_a_row_ = 0;                             // of them that could not be connected to
  std::size_t target_ = 0;

  // Commands under way, a ring, oldest first; place i has the bytes at i * max_command_bytes. The first
  // `sent_` of them have been sent to the target since the stream began.
  std::vector<Place> places_;
  std::vector<std::byte> memory_;
  std::size_t first_ = 0;
  std::size_t count_ = 0;
  std::size_t sent_ = 0;

  std::size_t max_command_bytes_;     // of the options, and of the group as far as known
  std::uint64_t session_ = 0;         // 0: none
  std::uint64_t front_sequence_ = 1;  // of the oldest command under way, in this session
  bool opening_ = false;              // a session has been asked for in this stream

  // Requests are numbered through the life of the client. A stream is what one replica is sent in one go: its
  // answers come in order, each to request `expected_`; lower ones answer to an earlier stream.
  std::uint64_t next_request_ = 1;
  std::uint64_t expected_ = 1;

  std::uint64_t heard_ns_ = 0;   // last answer, or start of waiting for one
  std::uint64_t resume_ns_ = 0;  // nothing is sent before
  std::uint64_t next_check_ns_ = 0;
  bool redirected_ = false;  // followed a hint, and had no answer since
  bool polling_ = false;
  ClientCounters counters_;
};

}  // namespace gaios::rsm

#endif  // GAIOS_RSM_CLIENT_CLIENT_H_
