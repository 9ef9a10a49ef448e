#include "gaios/rsm/client/port_connection.h"

#include <array>
#include <cstring>
#include <new>
#include <optional>
#include <utility>

#include <absl/status/statusor.h>
#include <absl/strings/str_cat.h>

#include "gaios/base/check.h"
#include "gaios/paxos/configuration_change.h"
#include "gaios/transport/shm/socket.h"
#include "gaios/transport/shm/wire.h"

namespace gaios::rsm {
namespace {

using transport::shm::Packet;
using transport::shm::Received;
using transport::shm::Region;
using transport::shm::SendResult;

// A client greets as soon as it is connected; one that does not holds a place that others may need.
constexpr std::uint64_t kGreetingTimeoutNs = 1'000'000'000;

constexpr const char* kNoMemoryText =
    "the replica has no memory for another client; free some, or close clients";

}  // namespace

PortConnection::PortConnection(base::UniqueFd socket, const PortIdentity& identity, std::uint64_t now_ns)
    : identity_(identity), accepted_ns_(now_ns), socket_(std::move(socket)) {}

PortConnection::PortConnection(const PortIdentity& identity, const RingReader& requests,
                               const RingWriter& responses)
    : identity_(identity),
      accepted_ns_(0),
      of_this_host_(false),
      state_(State::kServing),
      requests_(requests),
      responses_(responses) {}

void PortConnection::CheckSocket(std::uint64_t now_ns, std::size_t max_command_bytes) {
  if (end_ != End::kNone) {
    return;
  }
  std::array<std::byte, transport::shm::kMaxPacketBytes> buffer;
  const Received received = transport::shm::ReceivePacket(socket_.get(), buffer);
  switch (received.kind) {
    case Received::Kind::kNothing:
      if (state_ == State::kGreeting && now_ns - accepted_ns_ >= kGreetingTimeoutNs) {
        Close(End::kMisbehaved);
      }
      return;
    case Received::Kind::kClosed:
      // What it had asked for before it left still counts as asked, but nobody reads an answer.
      Close(End::kLeft);
      return;
    case Received::Kind::kMalformed:
      Close(End::kMisbehaved);
      return;
    case Received::Kind::kPacket:
      break;
  }
  const std::span<const std::byte> packet(buffer.data(), received.size);
  if (state_ != State::kGreeting || received.fd_count != 0 ||
      transport::shm::DecodeType(packet) != transport::shm::PacketType::kMessage) {
    Close(End::kMisbehaved);
    return;
  }
  Greeted(packet.subspan(sizeof(transport::shm::PacketHeader)));
  Prepare(max_command_bytes);
}

void PortConnection::Greeted(std::span<const std::byte> packet) {
  const std::optional<Greeting> greeting = DecodePacket<Greeting>(packet);
  if (!greeting.has_value()) {
    Close(End::kMisbehaved);
    return;
  }
  if (greeting->version != kClientWireVersion) {
    Refuse(absl::StrCat("the client speaks version ", greeting->version, ", replica ",
                        identity_.replica.value(), " version ", kClientWireVersion,
                        "; run the same release of both"));
    return;
  }
  if (greeting->group != identity_.group.value()) {
    // A client of an earlier group of the same name, perhaps, with sessions that mean nothing here.
    Refuse(absl::StrCat("another group", identity_.group_name.empty() ? "" : ": ", identity_.group_name,
                        "; open a new client for it"));
    return;
  }
  if (greeting->replica != identity_.replica.value()) {
    Refuse(absl::StrCat("this is replica ", identity_.replica.value(), ", not ", greeting->replica));
    return;
  }
  absl::StatusOr<Region> memory = Region::Create(
      "gaios-client", kRingsOffset + identity_.request_ring_bytes + identity_.response_ring_bytes);
  if (!memory.ok()) {
    Refuse(kNoMemoryText, End::kNoMemory);
    return;
  }
  memory_ = *std::move(memory);
  state_ = State::kPreparing;
}

void PortConnection::Refuse(const std::string& why, End end) {
  (void)transport::shm::SendPacket(socket_.get(), Packet::Message(BytesOf(MakeRefusal(why))));
  Close(end);
}

bool PortConnection::Prepare(std::size_t max_command_bytes) {
  if (end_ != End::kNone || state_ != State::kPreparing) {
    return false;
  }
  if (!memory_.PrepareStep().ok()) {
    Refuse(kNoMemoryText, End::kNoMemory);
    return true;
  }
  if (memory_.ready()) {
    Welcomed(max_command_bytes);
  }
  return true;
}

void PortConnection::Welcomed(std::size_t max_command_bytes) {
  ClientRings& rings = *::new (memory_.data()) ClientRings;
  std::byte* const request_memory = memory_.data() + kRingsOffset;
  requests_ =
      RingReader(rings.requests, std::span<const std::byte>(request_memory, identity_.request_ring_bytes));
  responses_ = RingWriter(rings.responses, std::span<std::byte>(request_memory + identity_.request_ring_bytes,
                                                                identity_.response_ring_bytes));
  Welcome welcome;
  welcome.request_ring_bytes = identity_.request_ring_bytes;
  welcome.response_ring_bytes = identity_.response_ring_bytes;
  welcome.max_command_bytes = max_command_bytes;
  const std::array<int, 1> fds = {memory_.fd()};
  if (transport::shm::SendPacket(socket_.get(), Packet::Message(BytesOf(welcome)), fds) !=
      SendResult::kSent) {
    // It is the first packet on this socket: nothing but a client that is gone keeps it back.
    Close(End::kLeft);
    return;
  }
  state_ = State::kServing;
}

bool PortConnection::Serve(Replica& replica, std::size_t limit) {
  if (end_ != End::kNone || state_ != State::kServing) {
    return false;
  }
  std::size_t taken = 0;
  for (; taken < limit; ++taken) {
    std::span<const std::byte> record;
    const RingReader::Next next = requests_.Front(record);
    if (next == RingReader::Next::kEmpty) {
      break;
    }
    RequestHeader header;
    if (next == RingReader::Next::kBroken || record.size() < sizeof(header)) {
      Close(End::kMisbehaved);
      break;
    }
    if (!HasRoomForResponse()) {
      if (responses_.broken()) {
        Close(End::kMisbehaved);
      }
      break;
    }
    std::memcpy(&header, record.data(), sizeof(header));
    const std::span<const std::byte> command = record.subspan(sizeof(header));
    if (IsOperators(header, command)) {
      if (!of_this_host_ && header.kind != RequestKind::kMembers) {
        Close(End::kMisbehaved);
        break;
      }
      if (under_way_ > 0) {
        break;  // answers come in the order of the requests
      }
      RespondToOperator(replica, header, command);
      requests_.Pop();
      continue;
    }
    Taken how = Taken::kNotLeader;
    if (header.kind == RequestKind::kOpenSession && command.empty()) {
      how = replica.OpenSession(*this, header.request);
    } else if (header.kind == RequestKind::kCommand && header.session != 0 && header.sequence != 0) {
      how = replica.ProposeIn({header.session, header.sequence}, command, *this, header.request);
    } else {
      Close(End::kMisbehaved);
      break;
    }
    // What is full stays in the ring, and the client finds that full in its turn. What is refused waits there
    // too while earlier requests are under way: answers come in the order of the requests, and a leader that
    // is taking its leadership back will take the request then. So it does while it is being decided who
    // leads: the client would have to ask again, and perhaps again.
    if (how == Taken::kFull || (how != Taken::kTaken && under_way_ > 0) ||
        (how == Taken::kNotLeader && header.kind == RequestKind::kCommand && replica.leader_undecided())) {
      break;
    }
    if (how == Taken::kTaken) {
      ++under_way_;
    }
    if (end_ != End::kNone) {
      break;  // closed by an answer that the proposal brought about
    }
    requests_.Pop();
    if (how == Taken::kTaken) {
      continue;
    }
    ResponseHeader response;
    response.request = header.request;
    if (how == Taken::kTooLarge) {
      response.status = ResponseStatus::kTooLarge;
    } else {
      response.status = ResponseStatus::kNotLeader;
      const std::optional<paxos::ReplicaId> leader = replica.leader();
      response.leader = leader.has_value() ? leader->value() : kNoLeader;
    }
    Respond(response, {});
  }
  return taken > 0;
}

bool PortConnection::IsOperators(const RequestHeader& header, std::span<const std::byte> command) {
  switch (header.kind) {
    case RequestKind::kHandOver:
      return command.empty() && header.sequence < paxos::kMaxReplicas;
    case RequestKind::kChangeMembership:
      return paxos::DecodeConfigurationChange(command).has_value();
    case RequestKind::kMembers:
      return command.empty();
    case RequestKind::kDrain:
      return command.empty() && header.sequence <= 1;
    case RequestKind::kOpenSession:
    case RequestKind::kCommand:
      break;
  }
  return false;
}

void PortConnection::RespondToOperator(Replica& replica, const RequestHeader& header,
                                       std::span<const std::byte> command) {
  if (header.kind == RequestKind::kHandOver) {
    RespondToHandOver(replica, header);
  } else if (header.kind == RequestKind::kChangeMembership) {
    RespondToChange(replica, header, command);
  } else if (header.kind == RequestKind::kDrain) {
    ResponseHeader response;
    response.request = header.request;
    response.status = replica.Drain(header.sequence == 1) ? ResponseStatus::kBegun : ResponseStatus::kNotAble;
    Respond(response, {});
  } else {
    RespondWithMembers(replica, header);
  }
}

void PortConnection::RespondToChange(Replica& replica, const RequestHeader& header,
                                     std::span<const std::byte> command) {
  ResponseHeader response;
  response.request = header.request;
  const std::optional<paxos::ConfigurationChange> change = paxos::DecodeConfigurationChange(command);
  GAIOS_CHECK(change.has_value(), "a request that is none was refused before");
  const paxos::ChangeRefusal refusal = replica.ChangeMembership(*change);
  response.status = refusal == paxos::ChangeRefusal::kNone        ? ResponseStatus::kBegun
                    : refusal == paxos::ChangeRefusal::kNotLeader ? ResponseStatus::kNotLeader
                                                                  : ResponseStatus::kRefused;
  response.refusal = static_cast<std::uint8_t>(refusal);
  const std::optional<paxos::ReplicaId> leader = replica.leader();
  response.leader = leader.has_value() ? leader->value() : kNoLeader;
  Respond(response, {});
}

void PortConnection::RespondWithMembers(const Replica& replica, const RequestHeader& header) {
  ResponseHeader response;
  response.request = header.request;
  response.status = ResponseStatus::kAnswered;
  const paxos::Configuration& configuration = replica.core().configuration();
  MembersReply reply;
  reply.leads = replica.leading() ? 1 : 0;
  reply.settled = replica.core().change_settled() ? 1 : 0;
  for (std::size_t i = 0; i < reply.members.size(); ++i) {
    const paxos::ReplicaId id(static_cast<std::uint8_t>(i));
    reply.members[i] = {static_cast<std::uint32_t>(configuration.StandingOf(id)),
                        configuration.IncarnationOf(id).value(), configuration.AddressOf(id)};
  }
  Respond(response, std::as_bytes(std::span(&reply, 1)));
}

void PortConnection::RespondToHandOver(Replica& replica, const RequestHeader& header) {
  ResponseHeader response;
  response.request = header.request;
  switch (replica.HandOver(paxos::ReplicaId(static_cast<std::uint8_t>(header.sequence)))) {
    case HandOverAnswer::kBegun:
    case HandOverAnswer::kUnderWay:
      response.status = ResponseStatus::kBegun;
      break;
    case HandOverAnswer::kNotAble:
      response.status = ResponseStatus::kNotAble;
      break;
    case HandOverAnswer::kNotLeader: {
      response.status = ResponseStatus::kNotLeader;
      const std::optional<paxos::ReplicaId> leader = replica.leader();
      response.leader = leader.has_value() ? leader->value() : kNoLeader;
      break;
    }
  }
  Respond(response, {});
}

// One response for each request under way, one for the next, and a filler at the end of the lap.
bool PortConnection::HasRoomForResponse() {
  return responses_.HasRoom((under_way_ + 2) * kMaxResponseRecordBytes);
}

void PortConnection::Respond(const ResponseHeader& header, std::span<const std::byte> reply) {
  if (end_ != End::kNone) {
    return;  // nobody is left to hear it
  }
  GAIOS_CHECK(reply.size() <= kMaxReplyBytes, "a reply larger than any");
  std::byte* const place = responses_.Claim(sizeof(header) + reply.size());
  if (place == nullptr) {
    GAIOS_CHECK(responses_.broken(), "room for every response is set aside");
    Close(End::kMisbehaved);
    return;
  }
  std::memcpy(place, &header, sizeof(header));
  if (!reply.empty()) {
    std::memcpy(place + sizeof(header), reply.data(), reply.size());
  }
  responses_.Commit();
}

void PortConnection::OnCommitted(std::uint64_t tag, std::uint64_t slot, Applied how,
                                 std::span<const std::byte> reply) {
  --under_way_;
  ResponseHeader response;
  response.request = tag;
  response.slot = slot;
  response.status = ResponseStatus::kCommitted;
  response.applied = static_cast<std::uint8_t>(how);
  Respond(response, reply);
}

void PortConnection::OnUnknown(std::uint64_t tag) {
  --under_way_;
  ResponseHeader response;
  response.request = tag;
  response.status = ResponseStatus::kUnknown;
  Respond(response, {});
}

void PortConnection::Close(End why) {
  end_ = why;
  requests_ = RingReader();
  responses_ = RingWriter();
  memory_ = Region();
  socket_.Close();
}

}  // namespace gaios::rsm
