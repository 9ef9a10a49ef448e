#include "tests/sim/desk.h"

#include <cstring>
#include <optional>
#include <utility>

#include "gaios/base/check.h"

namespace gaios::sim {

std::uint64_t Desk::Keep(const Waiting& waiting) {
  std::uint64_t tag = asked_.size();
  if (free_tags_.empty()) {
    asked_.emplace_back();
  } else {
    tag = free_tags_.back();
    free_tags_.pop_back();
  }
  asked_[tag] = {waiting.client, waiting.request.number, waiting.request.kind, waiting.request.session};
  return tag;
}

Desk::Asked Desk::Take(std::uint64_t tag) {
  free_tags_.push_back(tag);
  return asked_.at(tag);
}

Response Desk::ResponseTo(const Asked& asked) {
  Response response;
  response.kind = asked.kind;
  response.number = asked.number;
  response.session = asked.session.session;
  return response;
}

void Desk::Reply(std::size_t client, const Response& response) {
  Letter letter;
  letter.client = client;
  letter.replica = self_.id;
  letter.response = response;
  mail_.Post(std::move(letter), now_ns_());
}

void Desk::Serve(rsm::Replica& replica) {
  while (!waiting_.empty()) {
    const Waiting waiting = std::move(waiting_.front());
    waiting_.pop_front();
    const std::uint64_t tag = Keep(waiting);
    rsm::Taken taken = rsm::Taken::kNotLeader;
    switch (waiting.request.kind) {
      case RequestKind::kOpenSession:
        taken = replica.OpenSession(*this, tag);
        break;
      case RequestKind::kSubmit:
        taken = replica.ProposeIn(waiting.request.session, waiting.request.command, *this, tag);
        break;
      case RequestKind::kRead:
        taken = replica.Read(*this, tag);
        break;
    }
    if (taken == rsm::Taken::kTaken) {
      continue;
    }
    GAIOS_CHECK(taken != rsm::Taken::kTooLarge, "clients send what an entry has room for");
    const Asked asked = Take(tag);
    Response response = ResponseTo(asked);
    response.answer = taken == rsm::Taken::kFull ? Answer::kFull : Answer::kNotLeader;
    const std::optional<paxos::ReplicaId> leader = replica.leader();
    response.leader = leader.value_or(self_.id);
    Reply(asked.client, response);
  }
}

void Desk::OnCommitted(std::uint64_t tag, std::uint64_t /*slot*/, rsm::Applied how,
                       std::span<const std::byte> reply) {
  const Asked asked = Take(tag);
  Response response = ResponseTo(asked);
  response.how = how;
  if (asked.kind == RequestKind::kOpenSession) {
    GAIOS_CHECK(reply.size() == sizeof(response.session), "the reply to an opening is the session's id");
    std::memcpy(&response.session, reply.data(), sizeof(response.session));
  } else {
    response.digest = DigestOf(reply);
    if (how == rsm::Applied::kApplied) {
      response.place = ran_ - 1;
      response.place_known = true;
    } else if (const Agreed::Place before = agreed_.Find(asked.session.session, asked.session.sequence);
               before.ran && before.place < ran_) {
      response.place = before.place;
      response.place_known = true;
    }
  }
  Reply(asked.client, response);
}

void Desk::OnUnknown(std::uint64_t tag) {
  const Asked asked = Take(tag);
  Response response = ResponseTo(asked);
  response.answer = Answer::kUnknown;
  Reply(asked.client, response);
}

void Desk::OnReadable(std::uint64_t tag) {
  const Asked asked = Take(tag);
  Response response = ResponseTo(asked);
  response.place = ran_;
  response.place_known = true;
  response.digest = state_machine_.StateHash();
  Reply(asked.client, response);
}

void Desk::OnApplied(const rsm::Command& command, rsm::Applied how, std::span<const std::byte> reply) {
  AppliedCommand applied;
  applied.slot = command.slot;
  applied.session = command.session;
  applied.sequence = command.sequence;
  applied.command_digest = DigestOf(command.bytes);
  applied.how = how;
  applied.reply_digest = DigestOf(reply);
  applied.state_hash = state_machine_.StateHash();
  ran_ += how == rsm::Applied::kApplied ? 1U : 0U;
  digest_.Add(now_ns_());
  digest_.Add(applied.slot);
  digest_.Add(applied.command_digest);
  digest_.Add(applied.state_hash);
  agreed_.OnApplied(self_, applied);
}

}  // namespace gaios::sim
