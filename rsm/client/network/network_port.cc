#include "gaios/rsm/client/network/network_port.h"

#include <algorithm>
#include <optional>
#include <utility>

#include "gaios/base/check.h"
#include "gaios/rsm/client/network/wire.h"

namespace gaios::rsm {
namespace {

using transport::udp::Drop;

// Datagrams taken, and requests of one client, in one turn, so that others and the protocol have their turns
// too.
constexpr std::size_t kDatagramsPerTurn = 32;
constexpr std::size_t kRequestsPerTurn = 32;
// Of looking who is silent, and who has ended.
constexpr std::uint64_t kCheckIntervalNs = 500'000;

void AddStream(const RingStream& stream, NetworkCounters& counters) {
  const StreamCounters& counted = stream.counters();
  counters[NetworkCounter::kDatagramsTaken] += counted.taken;
  counters[NetworkCounter::kDatagramsAgain] += counted.again;
  counters[NetworkCounter::kDatagramsSent] += counted.sent;
  counters[NetworkCounter::kDatagramsSentAgain] += counted.sent_again;
  counters[NetworkCounter::kTimeouts] += counted.timeouts;
}

}  // namespace

NetworkPort::NetworkPort(const NetworkPortOptions& options, std::unique_ptr<transport::udp::Port> port,
                         std::unique_ptr<Reception> reception, const base::Clock& clock)
    : options_(options),
      port_(std::move(port)),
      reception_(std::move(reception)),
      clock_(clock),
      places_(options.max_clients) {
  clients_.reserve(options.max_clients);
}

bool NetworkPort::Poll(Replica& replica) {
  if (reception_->any_news()) [[unlikely]] {
    TakeNews();
  }
  if (brought_ || replica.now_ns() >= next_look_ns_) {
    Look();
  }
  bool worked = brought_;
  const std::size_t count = clients_.size();
  if (count != 0) {
    first_ = first_ + 1 < count ? first_ + 1 : 0;
    for (std::size_t i = 0; i < count; ++i) {
      NetworkClient& client = *clients_[first_ + i < count ? first_ + i : first_ + i - count];
      if (client.asks()) {
        worked |= client.connection.Serve(replica, kRequestsPerTurn);
      }
    }
  }
  return worked;
}

void NetworkPort::Look() {
  now_ns_ = clock_.NowNs();
  next_look_ns_ = now_ns_ + (clients_.empty() ? kStrangerLookNs : kQuietLookNs);
  brought_ = port_->Receive(*this, kDatagramsPerTurn) != 0;
}

void NetworkPort::OnDatagram(transport::udp::Endpoint from, std::span<std::byte> payload) {
  NetworkDatagram datagram;
  std::optional<Drop> drop =
      ParseNetworkDatagram(payload, NetworkKind::kRequests, options_.group.value(), datagram);
  if (!drop.has_value()) {
    NetworkClient* const client = ClientOf(datagram.header.place);
    if (client == nullptr || (client->from.port != 0 && client->from != from)) {
      drop = Drop::kStranger;
    } else {
      drop = client->stream.Take(datagram, payload, now_ns_);
      if (!drop.has_value()) {
        client->from = from;
      }
    }
  }
  if (drop.has_value()) {
    ++counters_[CounterOf(*drop)];
  }
}

void NetworkPort::Flush(std::uint64_t turn_ns) {
  bool more = false;
  for (const std::unique_ptr<NetworkClient>& client : clients_) {
    more |= client->stream.has_more();
  }
  const bool timer = turn_ns >= next_timer_ns_;
  if (clients_.empty() || (!more && !timer)) {
    return;
  }
  const std::uint64_t now_ns = clock_.NowNs();
  if (timer) {
    next_timer_ns_ = now_ns + kTimerIntervalNs;
  }
  bool any = false;
  for (const std::unique_ptr<NetworkClient>& client : clients_) {
    if (client->from.port != 0 && (timer || client->stream.has_more())) {
      any |= client->stream.SendDue(*port_, client->from, now_ns);
    }
  }
  if (any) {
    port_->Flush();
  }
  if (now_ns >= next_check_ns_) {
    next_check_ns_ = now_ns + kCheckIntervalNs;
    CheckClients(now_ns);
  }
}

void NetworkPort::CheckClients(std::uint64_t now_ns) {
  for (const std::unique_ptr<NetworkClient>& client : clients_) {
    if (places_[client->place()] != client.get()) {
      continue;
    }
    if (client->stream.broken()) {
      Leave(*client, PortConnection::End::kMisbehaved, NetworkCounter::kClientsMisbehaved);
    } else if (client->connection.end() != PortConnection::End::kNone) {
      Leave(*client, client->connection.end(), NetworkCounter::kClientsMisbehaved);
    } else if (now_ns - client->stream.heard_ns() >= options_.silence_timeout_ns) {
      Leave(*client, PortConnection::End::kLeft, NetworkCounter::kClientsSilent);
    }
  }
  for (std::size_t i = clients_.size(); i-- > 0;) {
    if (clients_[i]->connection.finished()) {
      AddStream(clients_[i]->stream, counters_);
      reception_->Release(std::move(clients_[i]));
      clients_[i] = std::move(clients_.back());
      clients_.pop_back();
    }
  }
}

// Its place takes no datagram any more. What it had asked for still counts as asked.
void NetworkPort::Leave(NetworkClient& client, PortConnection::End why, NetworkCounter counted) {
  client.connection.Leave(why);
  places_[client.place()] = nullptr;
  ++counters_[counted];
}

void NetworkPort::TakeNews() {
  next_look_ns_ = 0;
  for (Reception::News& news : reception_->TakeNews()) {
    NetworkClient* const there = ClientOf(news.place);
    if (news.arrived != nullptr) {
      GAIOS_CHECK(news.place < places_.size() && there == nullptr, "a place is given to one client");
      places_[news.place] = news.arrived.get();
      clients_.push_back(std::move(news.arrived));
    } else if (there != nullptr && there->life() == news.life) {
      Leave(*there, PortConnection::End::kLeft, NetworkCounter::kClientsLeft);
    }
  }
}

NetworkCounters NetworkPort::counters() const {
  NetworkCounters all = counters_;
  for (const std::unique_ptr<NetworkClient>& client : clients_) {
    AddStream(client->stream, all);
  }
  const transport::udp::PortCounters& port = port_->counters();
  all[NetworkCounter::kDroppedOversized] += port.malformed;
  all[NetworkCounter::kDatagramsNotSent] = port.not_sent + port.unreachable;
  all[NetworkCounter::kDatagramsMissed] = port.missed;
  all[NetworkCounter::kClientsNow] = clients_.size();
  reception_->Count(all);
  return all;
}

}  // namespace gaios::rsm
