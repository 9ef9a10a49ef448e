#include "gaios/rsm/client/client.h"

#include <algorithm>
#include <cstring>
#include <utility>

#include <absl/strings/str_cat.h>

#include "gaios/base/check.h"
#include "gaios/base/idle.h"
#include "gaios/paxos/limits.h"
#include "gaios/rsm/client/shm_connection.h"
#include "gaios/transport/shm/socket.h"

namespace gaios::rsm {
namespace {

constexpr std::uint64_t kNsPerMs = 1'000'000;

// For Client::Call: keeps the one answer.
class OneAnswer final : public ClientListener {
 public:
  enum class Outcome : std::uint8_t { kNone, kReplied, kReplyForgotten, kUnknown };

  void OnCommitted(std::uint64_t /*tag*/, std::uint64_t /*slot*/, Applied how,
                   std::span<const std::byte> reply) override {
    outcome = how == Applied::kReplyForgotten ? Outcome::kReplyForgotten : Outcome::kReplied;
    bytes.assign(reply.begin(), reply.end());
  }
  void OnUnknown(std::uint64_t /*tag*/) override { outcome = Outcome::kUnknown; }

  Outcome outcome = Outcome::kNone;
  std::vector<std::byte> bytes;
};

absl::Status CheckOptions(const ClientOptions& options) {
  if (options.replicas < 1 || options.replicas > paxos::kMaxReplicas) {
    return absl::InvalidArgumentError(absl::StrCat("ClientOptions.replicas is ", options.replicas,
                                                   "; a group has 1 to ", paxos::kMaxReplicas));
  }
  if (options.window < 1 || options.window > Sessions::kWindow) {
    return absl::InvalidArgumentError(
        absl::StrCat("ClientOptions.window is ", options.window, "; it must be 1 to ", Sessions::kWindow));
  }
  if (options.max_command_bytes < 1 || options.max_command_bytes > paxos::kMaxEntryPayloadBytes) {
    return absl::InvalidArgumentError(absl::StrCat("ClientOptions.max_command_bytes is ",
                                                   options.max_command_bytes, "; it must be 1 to ",
                                                   paxos::kMaxEntryPayloadBytes));
  }
  if (options.operation_timeout_ns == 0 || options.answer_timeout_ns == 0 ||
      options.connect_interval_ns == 0) {
    return absl::InvalidArgumentError(
        "a timeout or interval of ClientOptions is 0; leave it out for its default");
  }
  return absl::OkStatus();
}

}  // namespace

absl::StatusOr<std::unique_ptr<Client>> Client::Open(const ClientOptions& options, const base::Clock& clock) {
  std::vector<std::unique_ptr<ClientConnection>> connections;
  for (std::size_t i = 0; i < paxos::kMaxReplicas; ++i) {
    const paxos::ReplicaId id(static_cast<std::uint8_t>(i));
    if (absl::Status status = transport::shm::CheckSocketPath(ClientSocketPath(options.directory, id));
        !status.ok()) {
      return status;
    }
    connections.push_back(std::make_unique<ShmConnection>(options.directory, id, options.group));
  }
  return OpenWith(options, std::move(connections), clock);
}

absl::StatusOr<std::unique_ptr<Client>> Client::OpenWith(
    const ClientOptions& options, std::vector<std::unique_ptr<ClientConnection>> connections,
    const base::Clock& clock) {
  if (absl::Status status = CheckOptions(options); !status.ok()) {
    return status;
  }
  GAIOS_CHECK(connections.size() >= options.replicas, "a connection for each replica that is looked for");
  return std::unique_ptr<Client>(new Client(options, std::move(connections), clock));
}

Client::Client(const ClientOptions& options, std::vector<std::unique_ptr<ClientConnection>> connections,
               const base::Clock& clock)
    : options_(options),
      clock_(clock),
      connections_(std::move(connections)),
      places_(options.window),
      memory_(options.window * options.max_command_bytes),
      max_command_bytes_(options.max_command_bytes),
      heard_ns_(clock.NowNs()) {
  for (std::size_t i = 0; i < options.replicas; ++i) {
    known_.Add(paxos::ReplicaId(static_cast<std::uint8_t>(i)));
  }
}

// ---- submitting
// -------------------------------------------------------------------------------------------------------

Submitted Client::Submit(std::span<const std::byte> command, std::uint64_t tag) {
  if (command.size() > max_command_bytes_) {
    return Submitted::kTooLarge;
  }
  if (count_ == places_.size()) {
    return Submitted::kFull;
  }
  const std::uint64_t now_ns = clock_.NowNs();
  if (count_ == 0) {
    heard_ns_ = now_ns;  // nothing was to be heard until now
  }
  const std::size_t at = (first_ + count_) % places_.size();
  places_[at] = {tag, now_ns, command.size()};
  if (!command.empty()) {
    std::memcpy(memory_.data() + at * options_.max_command_bytes, command.data(), command.size());
  }
  ++count_;
  ++counters_.submitted;
  if (sent_ + 1 == count_ && SendNext(now_ns)) {
    connections_[target_]->PassOnIfIdle(now_ns);
  }
  return Submitted::kSubmitted;
}

bool Client::SendNext(std::uint64_t now_ns) {
  if (session_ == 0 || now_ns < resume_ns_) {
    return false;
  }
  const std::size_t at = (first_ + sent_) % places_.size();
  RequestHeader header;
  header.request = next_request_;
  header.session = session_;
  header.sequence = front_sequence_ + sent_;
  header.kind = RequestKind::kCommand;
  const std::span<const std::byte> command(memory_.data() + at * options_.max_command_bytes,
                                           places_[at].bytes);
  if (!connections_[target_]->Send(header, command)) {
    return false;
  }
  ++next_request_;
  ++sent_;
  ++counters_.sent;
  return true;
}

void Client::Send(std::uint64_t now_ns) {
  if (session_ != 0) {
    while (sent_ < count_ && SendNext(now_ns)) {
    }
    return;
  }
  if (opening_ || now_ns < resume_ns_) {
    return;
  }
  RequestHeader header;
  header.request = next_request_;
  header.kind = RequestKind::kOpenSession;
  if (connections_[target_]->Send(header, {})) {
    ++next_request_;
    opening_ = true;
  }
}

// ---- polling
// ----------------------------------------------------------------------------------------------------------

bool Client::Poll(ClientListener& listener) {
  GAIOS_CHECK(!polling_, "Poll() was called by its listener");
  polling_ = true;
  const std::uint64_t now_ns = clock_.NowNs();
  connections_[target_]->Fetch(now_ns);
  bool worked = TakeResponses(listener, now_ns);
  if (now_ns >= next_check_ns_) {
    CheckConnection(now_ns);
  }
  const std::size_t asked = target_;
  if (connections_[asked]->state() == ClientConnection::State::kLost) {
    // It may have answered before it died.
    static_cast<void>(TakeResponses(listener, now_ns));
    connections_[asked]->Close();
    ++counters_.lost_connections;
    if (target_ == asked) {
      AskNext(now_ns);
    }
    worked = true;
  }
  // Sums, not differences: what a listener has submitted in this turn is later than `now_ns`.
  if (count_ != 0 && now_ns >= places_[first_].submitted_ns + options_.operation_timeout_ns) {
    Abandon(listener);
    worked = true;
  }
  if (count_ == 0 && !waiting() && ready()) {
    heard_ns_ = now_ns;
  } else if (now_ns >= heard_ns_ + options_.answer_timeout_ns && known_.size() > 1) {
    ++counters_.silences;
    AskNext(now_ns);
  }
  Send(now_ns);
  connections_[target_]->PassOn(now_ns);
  polling_ = false;
  return worked;
}

void Client::CheckConnection(std::uint64_t now_ns) {
  next_check_ns_ = now_ns + std::min(kCheckIntervalNs, options_.connect_interval_ns);
  TendOthers(now_ns);
  ClientConnection& connection = *connections_[target_];
  const bool was_ready = connection.ready();
  connection.Advance();
  if (connection.ready()) {
    failed_in_a_row_ = 0;
  }
  if (connection.ready() && !was_ready) {
    max_command_bytes_ = std::min(options_.max_command_bytes, connection.max_command_bytes());
  }
  if (connection.state() == ClientConnection::State::kDown) {
    if (++failed_in_a_row_ >= kFailuresBeforeOthers) {
      for (std::size_t i = 0; i < connections_.size(); ++i) {  // the group may be other replicas by now
        known_.Add(paxos::ReplicaId(static_cast<std::uint8_t>(i)));
      }
    }
    AskNext(now_ns);
    next_check_ns_ = now_ns + options_.connect_interval_ns;
  }
}

// Those that were asked before and are still connected: so that they need not send again what nobody reads.
void Client::TendOthers(std::uint64_t now_ns) {
  for (std::size_t i = 0; i < connections_.size(); ++i) {
    if (i == target_ || !connections_[i]->ready()) {
      continue;
    }
    connections_[i]->Fetch(now_ns);
    connections_[i]->PassOn(now_ns);
    if (!connections_[i]->ready()) {
      connections_[i]->Close();
    }
  }
}

bool Client::TakeResponses(ClientListener& listener, std::uint64_t now_ns) {
  const std::size_t asked = target_;
  ClientConnection& connection = *connections_[asked];
  bool worked = false;
  // Each turn ends, even when the listener submits a command for each that is answered.
  for (std::size_t i = 0; i < 2 * Sessions::kWindow && target_ == asked; ++i) {
    const std::optional<ClientConnection::Response> response = connection.FrontResponse();
    if (!response.has_value()) {
      break;
    }
    worked = true;
    if (response->header.request > expected_ || (response->header.request == expected_ && !waiting())) {
      // An answer to what was not asked, or out of turn: this replica cannot be talked to.
      connection.Close();
      ++counters_.lost_connections;
      AskNext(now_ns);
      break;
    }
    if (response->header.request == expected_) {
      ++expected_;
      heard_ns_ = now_ns;
      Answered(*response, listener, now_ns);
    }
    connection.PopResponse();
  }
  return worked;
}

void Client::Answered(const ClientConnection::Response& response, ClientListener& listener,
                      std::uint64_t now_ns) {
  switch (response.header.status) {
    case ResponseStatus::kCommitted:
      if (opening_) {
        SessionAnswered(response, now_ns);
      } else {
        CommandAnswered(response, listener, now_ns);
      }
      return;
    case ResponseStatus::kNotLeader:
      Redirected(response.header.leader, now_ns);
      return;
    case ResponseStatus::kTooLarge:
      // Its number is never used, so nothing after it in this session would be run.
      Abandon(listener);
      return;
    case ResponseStatus::kUnknown:
    case ResponseStatus::kBegun:  // an operator's; no client asks for it
    case ResponseStatus::kNotAble:
    case ResponseStatus::kAnswered:
    case ResponseStatus::kRefused:
      break;
  }
  RestartStream();
  Pause(now_ns);
}

void Client::SessionAnswered(const ClientConnection::Response& response, std::uint64_t now_ns) {
  opening_ = false;
  std::uint64_t session = 0;
  if (static_cast<Applied>(response.header.applied) == Applied::kApplied &&
      response.reply.size() == sizeof(session)) {
    std::memcpy(&session, response.reply.data(), sizeof(session));
  }
  if (session == 0) {
    Pause(now_ns);  // the group has no room for another session now
    return;
  }
  session_ = session;
  front_sequence_ = 1;
  redirected_ = false;
  ++counters_.sessions_opened;
}

void Client::CommandAnswered(const ClientConnection::Response& response, ClientListener& listener,
                             std::uint64_t now_ns) {
  const auto how = static_cast<Applied>(response.header.applied);
  switch (how) {
    case Applied::kApplied:
    case Applied::kDuplicate:
    case Applied::kReplyForgotten:
      redirected_ = false;
      ++counters_.committed;
      listener.OnCommitted(PopFront(), response.header.slot, how, response.reply);
      return;
    case Applied::kExpired:
      ++counters_.sessions_expired;
      Abandon(listener);
      return;
    case Applied::kOutOfOrder:
      break;  // one before it was lost with a leader: all are sent again
  }
  RestartStream();
  Pause(now_ns);
}

void Client::Redirected(std::uint8_t leader, std::uint64_t now_ns) {
  ++counters_.redirected;
  RestartStream();
  next_check_ns_ = 0;
  const bool elsewhere = leader < connections_.size() && leader != target_;
  if (elsewhere) {
    known_.Add(paxos::ReplicaId(leader));
  }
  if (elsewhere && !redirected_) {
    redirected_ = true;
    target_ = leader;
    return;
  }
  // It knows no leader, or is about to be it, or two replicas send us back and forth: give them time.
  redirected_ = false;
  Pause(now_ns);
  if (elsewhere) {
    target_ = leader;
  } else if (leader != target_) {
    TurnToNext();
  }
}

// ---- streams and sessions
// ---------------------------------------------------------------------------------------------

void Client::RestartStream() {
  expected_ = next_request_;
  sent_ = 0;
  opening_ = false;
}

void Client::TurnToNext() {
  do {
    target_ = (target_ + 1) % connections_.size();
  } while (!known_.Contains(target()));
}

void Client::AskNext(std::uint64_t now_ns) {
  RestartStream();
  TurnToNext();
  redirected_ = false;
  heard_ns_ = now_ns;
  next_check_ns_ = 0;
}

void Client::Abandon(ClientListener& listener) {
  RestartStream();
  session_ = 0;
  // The listener may submit more, which are of the next session.
  for (std::size_t left = count_; left > 0; --left) {
    ++counters_.unknown;
    listener.OnUnknown(PopFront());
  }
}

std::uint64_t Client::PopFront() {
  const std::uint64_t tag = places_[first_].tag;
  first_ = (first_ + 1) % places_.size();
  --count_;
  if (sent_ > 0) {
    --sent_;
  }
  ++front_sequence_;
  return tag;
}

// ---- one at a time
// ----------------------------------------------------------------------------------------------------

absl::StatusOr<std::vector<std::byte>> Client::Call(std::span<const std::byte> command) {
  if (count_ != 0) {
    return absl::FailedPreconditionError(
        "Call() while commands of Submit() are under way; poll until they are answered");
  }
  const std::uint64_t sent_before = counters_.sent;
  if (Submit(command, 0) != Submitted::kSubmitted) {
    return absl::InvalidArgumentError(
        absl::StrCat("a command of ", command.size(), " bytes; at most ", max_command_bytes_, " are taken"));
  }
  OneAnswer answer;
  base::Idle idle(base::IdleStrategy::kYield);
  while (answer.outcome == OneAnswer::Outcome::kNone) {
    if (Poll(answer)) {
      idle.OnWork();
    } else {
      idle.OnIdle();
    }
  }
  switch (answer.outcome) {
    case OneAnswer::Outcome::kNone:
    case OneAnswer::Outcome::kReplied:
      return std::move(answer.bytes);
    case OneAnswer::Outcome::kReplyForgotten:
      return absl::UnknownError(
          "the command was applied, but its reply is no longer kept; do not send it again");
    case OneAnswer::Outcome::kUnknown:
      break;
  }
  const std::uint64_t waited_ms = options_.operation_timeout_ns / kNsPerMs;
  if (counters_.sent != sent_before) {
    return absl::UnknownError(
        absl::StrCat("no answer within ", waited_ms,
                     " ms, or none that counts because the session had expired: the command may have "
                     "been applied, or may yet be; look at the state before sending it again"));
  }
  const std::string why = trouble();
  return absl::UnavailableError(
      absl::StrCat("no replica took the command within ", waited_ms, " ms, so it has not been applied; ",
                   why.empty() ? std::string("the group has no leader: see `gaios status`") : why));
}

std::string Client::trouble() const {
  std::string why;
  for (const std::unique_ptr<ClientConnection>& connection : connections_) {
    if (!connection->failure().empty()) {
      absl::StrAppend(&why, why.empty() ? "" : "; ", connection->failure());
    }
  }
  return why;
}

}  // namespace gaios::rsm
