#ifndef GAIOS_RSM_CLIENT_PORT_CONNECTION_H_
#define GAIOS_RSM_CLIENT_PORT_CONNECTION_H_

// One client, as its replica sees it: the socket, the shared rings, and the requests under way.
//
// The connection is itself the listener of what it proposes. It must live until the replica has answered all
// of that: one whose client is gone is closed at once and destroyed once finished().
//
// Nothing that the client sends or stores is believed: what no client of ours does closes the connection and
// nothing else. Room for the largest reply is set aside in the ring of responses before a request is taken,
// so an answer always finds room, however slow the client is; a client that does not read stops its own
// requests only.

#include <cstddef>
#include <cstdint>
#include <span>
#include <string>

#include "gaios/base/unique_fd.h"
#include "gaios/paxos/types.h"
#include "gaios/rsm/client/byte_ring.h"
#include "gaios/rsm/client/wire.h"
#include "gaios/rsm/replica.h"
#include "gaios/transport/shm/region.h"

namespace gaios::rsm {

// What a connection needs to know of the replica it belongs to.
struct PortIdentity {
  paxos::GroupId group;
  std::string group_name;  // for the user
  paxos::ReplicaId replica;
  std::size_t request_ring_bytes = 0;
  std::size_t response_ring_bytes = 0;
};

class PortConnection final : public ProposalListener {
 public:
  enum class End : std::uint8_t {
    kNone,        // it goes on
    kLeft,        // the client closed its socket, or died
    kRefused,     // greeted us wrongly: another group, version or replica
    kMisbehaved,  // did what no client does
    kNoMemory,    // there is none for its rings
  };

  // A connection accepted at `now_ns`.
  PortConnection(base::UniqueFd socket, const PortIdentity& identity, std::uint64_t now_ns);

  // One that is served from the start, by rings that its owner fills and empties: those of a client of the
  // network. The memory outlives it. CheckSocket and Prepare are not for it.
  PortConnection(const PortIdentity& identity, const RingReader& requests, const RingWriter& responses);

  // Looks at the socket. Makes system calls.
  void CheckSocket(std::uint64_t now_ns, std::size_t max_command_bytes);
  // Makes some more of the rings' memory present and, when all is, hands it to the client. Returns whether
  // there was anything to do. Makes system calls until the client is being served.
  bool Prepare(std::size_t max_command_bytes);
  // Takes up to `limit` requests. Returns whether there were any.
  bool Serve(Replica& replica, std::size_t limit);

  // Its client is gone, or is to be.
  void Leave(End why) {
    if (end_ == End::kNone) {
      Close(why);
    }
  }

  [[nodiscard]] End end() const { return end_; }
  [[nodiscard]] bool finished() const { return end_ != End::kNone && under_way_ == 0; }

  void OnCommitted(std::uint64_t tag, std::uint64_t slot, Applied how,
                   std::span<const std::byte> reply) override;
  void OnUnknown(std::uint64_t tag) override;

 private:
  enum class State : std::uint8_t { kGreeting, kPreparing, kServing };

  void Greeted(std::span<const std::byte> packet);
  void Refuse(const std::string& why, End end = End::kRefused);
  void Welcomed(std::size_t max_command_bytes);
  // Gives everything up but what the replica still has to answer.
  void Close(End why);
  bool HasRoomForResponse();
  // Whether the request was an operator's, and has been answered or waits for those before it.
  [[nodiscard]] static bool IsOperators(const RequestHeader& header, std::span<const std::byte> command);
  void RespondToOperator(Replica& replica, const RequestHeader& header, std::span<const std::byte> command);
  void RespondToHandOver(Replica& replica, const RequestHeader& header);
  void RespondToChange(Replica& replica, const RequestHeader& header, std::span<const std::byte> command);
  void RespondWithMembers(const Replica& replica, const RequestHeader& header);
  void Respond(const ResponseHeader& header, std::span<const std::byte> reply);

  const PortIdentity identity_;
  const std::uint64_t accepted_ns_;
  const bool of_this_host_ = true;  // others do not operate
  State state_ = State::kGreeting;
  End end_ = End::kNone;
  base::UniqueFd socket_;
  transport::shm::Region memory_;
  RingReader requests_;        // kServing
  RingWriter responses_;       // kServing
  std::size_t under_way_ = 0;  // taken by the replica and not yet answered by it
};

}  // namespace gaios::rsm

#endif  // GAIOS_RSM_CLIENT_PORT_CONNECTION_H_
