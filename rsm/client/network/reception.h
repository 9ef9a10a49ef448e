#ifndef GAIOS_RSM_CLIENT_NETWORK_RECEPTION_H_
#define GAIOS_RSM_CLIENT_NETWORK_RECEPTION_H_

// Where clients of the network come in to a replica, and what is kept of one that was taken in. In production
// the reception is a thread of its own (tls_reception.h), so that no handshake holds up the replica.
//
// Threads: a Reception is called by the replica's thread. A NetworkClient belongs to the reception until it
// is handed over, then to the replica's thread, until it is released.

#include <cstddef>
#include <cstdint>
#include <memory>
#include <string>
#include <utility>
#include <vector>

#include "gaios/rsm/client/byte_ring.h"
#include "gaios/rsm/client/network/network_counters.h"
#include "gaios/rsm/client/network/ring_stream.h"
#include "gaios/rsm/client/port_connection.h"
#include "gaios/transport/udp/port.h"
#include "gaios/transport/udp/seal.h"

namespace gaios::rsm {

class NetworkClient {
 public:
  // Reserves and touches the rings, whose sizes `identity` has. May throw std::bad_alloc.
  NetworkClient(const PortIdentity& identity, const StreamTerms& terms, transport::udp::Seal seal,
                std::uint32_t life, std::uint64_t now_ns)
      : requests_(identity.request_ring_bytes),
        responses_(identity.response_ring_bytes),
        life_(life),
        stream(NetworkKind::kResponses,
               {.out_indexes = &response_indexes_,
                .out = responses_,
                .in_indexes = &request_indexes_,
                .in = requests_},
               terms, std::move(seal), now_ns),
        connection(identity, RingReader(request_indexes_, requests_),
                   RingWriter(response_indexes_, responses_)) {}
  NetworkClient(const NetworkClient&) = delete;
  NetworkClient& operator=(const NetworkClient&) = delete;
  ~NetworkClient() = default;

  [[nodiscard]] std::size_t place() const { return stream.terms().place; }
  // Counts the clients of its place.
  [[nodiscard]] std::uint32_t life() const { return life_; }
  // Whether there are requests that were not taken.
  [[nodiscard]] bool asks() const {
    return request_indexes_.tail.load(std::memory_order_relaxed) !=
           request_indexes_.head.load(std::memory_order_relaxed);
  }

 private:
  RingIndexes request_indexes_;
  RingIndexes response_indexes_;
  std::vector<std::byte> requests_;
  std::vector<std::byte> responses_;
  const std::uint32_t life_;

 public:
  RingStream stream;
  PortConnection connection;
  transport::udp::Endpoint from;  // where its datagrams come from; port 0: none has come
};

class Reception {
 public:
  struct News {
    std::unique_ptr<NetworkClient> arrived;  // null: that of `place` and `life` has left
    std::size_t place = 0;
    std::uint32_t life = 0;
  };

  virtual ~Reception() = default;
  [[nodiscard]] virtual bool any_news() const = 0;
  [[nodiscard]] virtual std::vector<News> TakeNews() = 0;
  // The client is gone, and nothing will be answered to it any more: its place is free.
  virtual void Release(std::unique_ptr<NetworkClient> client) = 0;
  // Sentences for the user since the last call.
  [[nodiscard]] virtual std::vector<std::string> TakeNotices() = 0;
  // Adds what it has counted.
  virtual void Count(NetworkCounters& counters) const = 0;
};

}  // namespace gaios::rsm

#endif  // GAIOS_RSM_CLIENT_NETWORK_RECEPTION_H_
