#ifndef GAIOS_TESTS_RSM_CLIENT_NETWORK_NETWORK_GROUP_H_
#define GAIOS_TESTS_RSM_CLIENT_NETWORK_NETWORK_GROUP_H_

// A LocalGroup whose replicas serve clients of a network in memory, with faults on every port. Who meets
// whom, and with which keys, is arranged here: there is no TCP. One thread, and the group's clock.

#include <algorithm>
#include <cstdint>
#include <memory>
#include <string>
#include <utility>
#include <vector>

#include "gaios/base/check.h"
#include "gaios/rsm/client/client.h"
#include "gaios/rsm/client/network/meeting.h"
#include "gaios/rsm/client/network/network_connection.h"
#include "gaios/rsm/client/network/network_port.h"
#include "gaios/rsm/client/network/reception.h"

#include "tests/rsm/client/local_group.h"
#include "tests/transport/udp/faulty_port.h"
#include "tests/transport/udp/memory_network.h"

namespace gaios::rsm::test {

inline constexpr std::size_t kPayloadBytes = 700;

// The reception of a replica, which the test fills.
class Lobby final : public Reception {
 public:
  struct Shared {
    std::vector<News> news;
    std::vector<bool> given;
    std::vector<std::uint32_t> lives;
    std::size_t released = 0;
  };
  explicit Lobby(std::shared_ptr<Shared> shared) : shared_(std::move(shared)) {}

  [[nodiscard]] bool any_news() const override { return !shared_->news.empty(); }
  [[nodiscard]] std::vector<News> TakeNews() override { return std::exchange(shared_->news, {}); }
  void Release(std::unique_ptr<NetworkClient> client) override {
    shared_->given[client->place()] = false;
    ++shared_->released;
  }
  [[nodiscard]] std::vector<std::string> TakeNotices() override { return {}; }
  void Count(NetworkCounters& /*counters*/) const override {}

 private:
  const std::shared_ptr<Shared> shared_;
};

class NetworkGroup {
 public:
  struct Options {
    LocalGroup::Options group = {};
    transport::udp::Faults faults = {};
    std::size_t max_clients = 4;
    std::uint64_t silence_timeout_ns = 10'000'000'000;
    std::size_t response_ring_bytes = std::size_t{256} << 10;
  };

  explicit NetworkGroup(const Options& options) : options_(options), group(options.group) {
    for (std::size_t i = 0; i < options.group.replicas; ++i) {
      lobbies.push_back(std::make_shared<Lobby::Shared>());
      lobbies[i]->given.resize(options.max_clients);
      lobbies[i]->lives.resize(options.max_clients);
      auto port = MakePort();
      endpoints_.push_back(port->local());
      replica_ports_.push_back(port.get());
      ports.push_back(
          std::make_unique<NetworkPort>(NetworkPortOptions{.group = kGroup,
                                                           .max_clients = options.max_clients,
                                                           .silence_timeout_ns = options.silence_timeout_ns},
                                        std::move(port), std::make_unique<Lobby>(lobbies[i]), group.clock()));
    }
  }

  [[nodiscard]] std::unique_ptr<Client> NewClient(std::size_t max_command_bytes = std::size_t{4} << 10) {
    std::vector<std::unique_ptr<ClientConnection>> connections;
    connections.reserve(group.replicas.size());
    for (std::size_t i = 0; i < group.replicas.size(); ++i) {
      connections.push_back(
          std::make_unique<NetworkConnection>(std::make_unique<Handshake>(*this, i), group.clock()));
    }
    ClientOptions options;
    options.replicas = group.replicas.size();
    options.max_command_bytes = max_command_bytes;
    absl::StatusOr<std::unique_ptr<Client>> client =
        Client::OpenWith(options, std::move(connections), group.clock());
    GAIOS_CHECK(client.ok(), client.status().ToString().c_str());
    return *std::move(client);
  }

  void Turn() {
    const auto runs = [this](std::size_t i) {
      return !group.dead.contains(i) && !group.stopped.contains(i) && ports[i] != nullptr;
    };
    for (std::size_t i = 0; i < ports.size(); ++i) {
      if (runs(i)) {
        ports[i]->Poll(*group.replicas[i]);
      }
    }
    group.Turn();
    for (std::size_t i = 0; i < ports.size(); ++i) {
      if (runs(i)) {
        ports[i]->Flush(group.clock().NowNs());
      }
    }
  }
  template <typename Done>
  bool Run(Client& client, Answers& answers, Done done, std::uint64_t limit_ms = 3000) {
    for (const std::uint64_t end_ns = group.clock().NowNs() + limit_ms * kMs; !done();) {
      if (group.clock().NowNs() >= end_ns) {
        return false;
      }
      Turn();
      client.Poll(answers);
    }
    return true;
  }
  bool WaitLeader() {
    for (int turns = 0; turns < 300'000 && group.Leader() == group.replicas.size(); ++turns) {
      Turn();
    }
    return group.Leader() != group.replicas.size();
  }
  // The process is gone.
  void Kill(std::size_t i) { group.Kill(i); }
  void SetFaults(const transport::udp::Faults& faults) {
    for (transport::udp::FaultyPort* const port : replica_ports_) {
      port->SetFaults(faults);
    }
    options_.faults = faults;
  }
  // A client that the test plays itself.
  [[nodiscard]] Met Meet(std::size_t i) {
    Met met;
    GAIOS_CHECK(Arrange(i, met), "there is a place");
    return met;
  }
  void Leave(std::size_t i, std::size_t place) {
    lobbies[i]->news.push_back({.arrived = nullptr, .place = place, .life = lobbies[i]->lives[place]});
  }

 private:
  // A meeting that takes no time.
  class Handshake final : public Meeting {
   public:
    Handshake(NetworkGroup& network_group, std::size_t replica) : group_(network_group), replica_(replica) {}
    State Advance() override {
      if (state_ == State::kMet && Gone()) {
        state_ = State::kOver;
      } else if (state_ == State::kApart && !group_.group.dead.contains(replica_)) {
        if (group_.Arrange(replica_, met_)) {
          place_ = met_.terms.place;
          life_ = group_.lobbies[replica_]->lives[place_];
          state_ = State::kMet;
        } else {
          failure_ = "no room";
        }
      }
      return state_;
    }
    Met Take() override { return std::move(met_); }
    void End() override {
      if (state_ == State::kMet && !Gone()) {
        group_.Leave(replica_, place_);
      }
      state_ = State::kApart;
    }
    [[nodiscard]] const std::string& failure() const override { return failure_; }

   private:
    [[nodiscard]] bool Gone() const {
      const Lobby::Shared& lobby = *group_.lobbies[replica_];
      return group_.group.dead.contains(replica_) || !lobby.given[place_] || lobby.lives[place_] != life_;
    }

    NetworkGroup& group_;
    const std::size_t replica_;
    State state_ = State::kApart;
    std::string failure_;
    Met met_;
    std::size_t place_ = 0;
    std::uint32_t life_ = 0;
  };

  std::unique_ptr<transport::udp::FaultyPort> MakePort() {
    transport::udp::Faults faults = options_.faults;
    faults.seed = faults.seed * 1000 + ++made_;
    return std::make_unique<transport::udp::FaultyPort>(network.MakePort(kPayloadBytes), faults);
  }
  static transport::udp::Seal SealOf(std::uint64_t number, bool client) {
    transport::udp::AuthenticatorOptions keys;
    std::copy_n(reinterpret_cast<const std::uint8_t*>(&number), sizeof(number), keys.send.key.begin());
    keys.receive.key = keys.send.key;
    (client ? keys.send : keys.receive).key[15] = 1;
    absl::StatusOr<transport::udp::Authenticator> made = transport::udp::Authenticator::Create(keys);
    GAIOS_CHECK(made.ok(), "libipsec-mb works");
    return transport::udp::Seal(*std::move(made));
  }
  bool Arrange(std::size_t i, Met& met) {
    Lobby::Shared& lobby = *lobbies[i];
    const auto free = std::ranges::find(lobby.given, false);
    if (free == lobby.given.end()) {
      return false;
    }
    *free = true;
    const auto place = static_cast<std::size_t>(free - lobby.given.begin());
    const std::uint64_t number = ++made_;
    met.terms = {.group = kGroup.value(),
                 .place = static_cast<std::uint16_t>(place),
                 .tag_out = 2 * number,
                 .tag_in = 2 * number + 1,
                 .payload_bytes = kPayloadBytes};
    StreamTerms other = met.terms;
    std::swap(other.tag_out, other.tag_in);
    const PortIdentity identity = {.group = kGroup,
                                   .group_name = "",
                                   .replica = LocalGroup::Id(i),
                                   .request_ring_bytes = std::size_t{64} << 10,
                                   .response_ring_bytes = options_.response_ring_bytes};
    lobby.news.push_back(
        {.arrived = std::make_unique<NetworkClient>(identity, other, SealOf(number, false),
                                                    ++lobby.lives[place], group.clock().NowNs()),
         .place = place,
         .life = lobby.lives[place]});
    met.port = MakePort();
    met.replica = endpoints_[i];
    met.seal = SealOf(number, true);
    met.request_ring_bytes = identity.request_ring_bytes;
    met.response_ring_bytes = identity.response_ring_bytes;
    met.max_command_bytes = group.replicas[i]->max_command_bytes();
    return true;
  }

  Options options_;
  std::uint64_t made_ = 0;
  std::vector<transport::udp::Endpoint> endpoints_;
  std::vector<transport::udp::FaultyPort*> replica_ports_;

 public:
  transport::udp::MemoryNetwork network;
  std::vector<std::shared_ptr<Lobby::Shared>> lobbies;
  std::vector<std::unique_ptr<NetworkPort>> ports;  // they outlive what answers to their clients
  LocalGroup group;
};

}  // namespace gaios::rsm::test

#endif  // GAIOS_TESTS_RSM_CLIENT_NETWORK_NETWORK_GROUP_H_
