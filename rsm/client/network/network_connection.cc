#include "gaios/rsm/client/network/network_connection.h"

#include <utility>

#include "gaios/rsm/client/network/wire.h"

namespace gaios::rsm {
namespace {

// Datagrams taken in one turn, so that each turn ends.
constexpr std::size_t kPerTurn = 64;

}  // namespace

void NetworkConnection::Advance() {
  if (state_ == State::kLost) {
    return;
  }
  switch (meeting_->Advance()) {
    case Meeting::State::kApart:
      failure_ = meeting_->failure();
      Close();
      return;
    case Meeting::State::kUnderWay:
      state_ = State::kGreeting;
      return;
    case Meeting::State::kMet:
      if (state_ != State::kReady) {
        Begin(meeting_->Take());
      }
      return;
    case Meeting::State::kOver:
      if (state_ == State::kReady) {
        Fetch(clock_.NowNs());  // what it had answered
        state_ = State::kLost;
      } else {
        Close();
      }
      return;
  }
}

void NetworkConnection::Begin(Met met) {
  rings_ = std::make_unique<Rings>();
  rings_->port = std::move(met.port);
  rings_->replica = met.replica;
  rings_->requests.resize(met.request_ring_bytes);
  rings_->responses.resize(met.response_ring_bytes);
  rings_->stream.emplace(NetworkKind::kRequests,
                         StreamRings{.out_indexes = &rings_->request_indexes,
                                     .out = rings_->requests,
                                     .in_indexes = &rings_->response_indexes,
                                     .in = rings_->responses},
                         met.terms, std::move(met.seal), clock_.NowNs());
  requests_ = RingWriter(rings_->request_indexes, rings_->requests);
  responses_ = RingReader(rings_->response_indexes, rings_->responses);
  max_command_bytes_ = met.max_command_bytes;
  failure_.clear();
  state_ = State::kReady;
}

void NetworkConnection::Close() {
  state_ = State::kDown;
  requests_ = RingWriter();
  responses_ = RingReader();
  rings_.reset();
  meeting_->End();
}

// NOLINTBEGIN(bugprone-unchecked-optional-access): a connection that is ready has a stream

void NetworkConnection::Fetch(std::uint64_t now_ns) {
  if (state_ != State::kReady) {
    return;
  }
  fetching_ns_ = now_ns;
  rings_->port->Look(now_ns);
  static_cast<void>(rings_->port->Receive(*this, kPerTurn));
  if (rings_->stream->broken() || rings_->stream->SilentNs(now_ns) >= kSilenceNs) {
    state_ = State::kLost;
  }
}

void NetworkConnection::OnDatagram(transport::udp::Endpoint from, std::span<std::byte> payload) {
  NetworkDatagram datagram;
  const bool good =
      from == rings_->replica &&
      !ParseNetworkDatagram(payload, NetworkKind::kResponses, rings_->stream->terms().group, datagram)
           .has_value() &&
      datagram.header.place == rings_->stream->terms().place &&
      !rings_->stream->Take(datagram, payload, fetching_ns_).has_value();
  dropped_ += good ? 0 : 1;
}

void NetworkConnection::PassOn(std::uint64_t now_ns) {
  if (state_ == State::kReady && rings_->stream->SendDue(*rings_->port, rings_->replica, now_ns)) {
    rings_->port->Flush();
  }
}

void NetworkConnection::PassOnIfIdle(std::uint64_t now_ns) {
  if (state_ == State::kReady && rings_->stream->idle()) {
    PassOn(now_ns);
  }
}

// NOLINTEND(bugprone-unchecked-optional-access)

}  // namespace gaios::rsm
