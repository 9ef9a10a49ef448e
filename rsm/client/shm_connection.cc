#include "gaios/rsm/client/shm_connection.h"

#include <array>
#include <optional>
#include <utility>

#include <absl/status/statusor.h>
#include <absl/strings/str_cat.h>

#include "gaios/base/align.h"
#include "gaios/transport/shm/socket.h"
#include "gaios/transport/shm/wire.h"

namespace gaios::rsm {
namespace {

using transport::shm::Packet;
using transport::shm::Received;
using transport::shm::Region;
using transport::shm::SendResult;

bool IsRingSize(std::uint64_t bytes) {
  return base::IsPowerOfTwo(bytes) && bytes >= kMinRingBytes && bytes <= kMaxRingBytes;
}

}  // namespace

ShmConnection::ShmConnection(const std::string& directory, paxos::ReplicaId replica, paxos::GroupId group)
    : replica_(replica), group_(group), path_(ClientSocketPath(directory, replica)) {}

void ShmConnection::Advance() {
  if (state_ == State::kDown) {
    Connect();
  } else if (state_ != State::kLost) {
    Receive();
  }
}

void ShmConnection::Close() {
  state_ = State::kDown;
  requests_ = RingWriter();
  responses_ = RingReader();
  memory_ = Region();
  socket_.Close();
}

void ShmConnection::Fail(std::string why) {
  failure_ = std::move(why);
  Close();
}

void ShmConnection::Connect() {
  socket_ = transport::shm::Connect(path_);
  if (!socket_.valid()) {
    Fail(absl::StrCat("no replica listens at ", path_, "; start it"));
    return;
  }
  if (!transport::shm::PeerIsTrusted(socket_.get())) {
    Fail(absl::StrCat("a process of another user listens at ", path_,
                      "; run clients and replicas as one user"));
    return;
  }
  Greeting greeting;
  greeting.group = group_.value();
  greeting.replica = replica_.value();
  if (transport::shm::SendPacket(socket_.get(), Packet::Message(BytesOf(greeting))) != SendResult::kSent) {
    Fail(absl::StrCat("the replica at ", path_, " closed the connection"));
    return;
  }
  state_ = State::kGreeting;
}

void ShmConnection::Receive() {
  std::array<std::byte, transport::shm::kMaxPacketBytes> buffer;
  Received received = transport::shm::ReceivePacket(socket_.get(), buffer);
  if (received.kind == Received::Kind::kNothing) {
    return;
  }
  if (state_ == State::kReady) {
    state_ = State::kLost;  // closed; there is nothing that a replica would say on it
    return;
  }
  const std::span<const std::byte> packet(buffer.data(), received.size);
  if (received.kind != Received::Kind::kPacket ||
      transport::shm::DecodeType(packet) != transport::shm::PacketType::kMessage) {
    Fail(absl::StrCat("the replica at ", path_, " closed the connection"));
    return;
  }
  TakeWelcome(packet.subspan(sizeof(transport::shm::PacketHeader)), {received.fds.data(), received.fd_count});
}

void ShmConnection::TakeWelcome(std::span<const std::byte> packet, std::span<base::UniqueFd> fds) {
  if (const std::optional<Refusal> refusal = DecodePacket<Refusal>(packet); refusal.has_value()) {
    Fail(absl::StrCat(path_, " refused: ", TextOf(*refusal)));
    return;
  }
  const std::optional<Welcome> welcome = DecodePacket<Welcome>(packet);
  if (!welcome.has_value() || welcome->version != kClientWireVersion || fds.size() != 1 ||
      !IsRingSize(welcome->request_ring_bytes) || !IsRingSize(welcome->response_ring_bytes) ||
      welcome->max_command_bytes > MaxRecordBytes(welcome->request_ring_bytes) - sizeof(RequestHeader)) {
    Fail(absl::StrCat("what listens at ", path_, " speaks another language; run the same release of both"));
    return;
  }
  absl::StatusOr<Region> memory = Region::Adopt(
      std::move(fds[0]), kRingsOffset + welcome->request_ring_bytes + welcome->response_ring_bytes);
  if (!memory.ok()) {
    Fail(absl::StrCat("the memory passed at ", path_, " is of no use: ", memory.status().message()));
    return;
  }
  memory_ = *std::move(memory);
  ClientRings& rings = *reinterpret_cast<ClientRings*>(memory_.data());
  std::byte* const request_memory = memory_.data() + kRingsOffset;
  requests_ = RingWriter(rings.requests, std::span<std::byte>(request_memory, welcome->request_ring_bytes));
  responses_ = RingReader(
      rings.responses,
      std::span<const std::byte>(request_memory + welcome->request_ring_bytes, welcome->response_ring_bytes));
  max_command_bytes_ = welcome->max_command_bytes;
  failure_.clear();
  state_ = State::kReady;
}

}  // namespace gaios::rsm
