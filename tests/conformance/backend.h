#ifndef GAIOS_TESTS_CONFORMANCE_BACKEND_H_
#define GAIOS_TESTS_CONFORMANCE_BACKEND_H_

// What a backend must offer to be put through the conformance suite of transport/transport.h: replicas that
// can be started, driven one Poll at a time, and killed. The suite (suite.h) knows nothing else about a
// backend.
//
// Where replicas are processes, Endpoint is a stub that drives one of them; where they are objects of one
// simulation, it calls them. Everything is used from one thread.

#include <cstddef>
#include <cstdint>
#include <functional>
#include <memory>
#include <ostream>
#include <string>
#include <vector>

#include "gaios/transport/transport.h"

namespace gaios::transport::conformance {

using Bytes = std::vector<std::byte>;

// One call of an EventHandler.
struct Event {
  enum class Kind : std::uint8_t { kCompletion, kControl, kMessage, kGranted, kLinkUp, kLinkDown };
  Kind kind = Kind::kCompletion;
  ReplicaId peer;                    // all but kGranted
  Completion completion;             // kCompletion
  Outcome outcome = Outcome::kDown;  // kControl
  ControlView control;               // kControl
  Incarnation incarnation;           // kMessage, kLinkUp
  Grant grant;                       // kGranted
  Bytes bytes;                       // kMessage
};

// Where a writer can be held. The names are those of the argument, not of an implementation.
enum class HoldPoint : std::uint8_t {
  kBeforeStore,  // between finding the path good and the first store of a write
  kBeforeCheck,  // between the last store and the look at the acceptor's promise
};

// One life of one replica.
class Endpoint {
 public:
  virtual ~Endpoint() = default;

  // The contract's calls, with the own log as bytes that are copied in and out.
  virtual void FillLog(Position at, const Bytes& bytes) = 0;
  virtual Bytes LogBytes(Range range) = 0;
  virtual std::uint64_t ReadLogWord(LogWord which) = 0;
  virtual void Publish(ControlWord which, std::uint64_t value) = 0;
  virtual void GrantTo(ReplicaId to, Grant grant) = 0;
  // What the handler answers when it is asked for the live range; an empty range at first.
  virtual void SetLiveRange(Range range) = 0;
  virtual Post Write(ReplicaId peer, Grant grant, Incarnation acceptor, Range range, std::uint64_t token) = 0;
  virtual Post WriteWord(ReplicaId peer, Grant grant, Incarnation acceptor, LogWord which,
                         std::uint64_t value, std::uint64_t token) = 0;
  virtual Post ReadLog(ReplicaId peer, Grant grant, Incarnation acceptor, Range range,
                       std::uint64_t token) = 0;
  virtual Post ReadControl(ReplicaId peer) = 0;
  virtual void Send(ReplicaId peer, const Bytes& message) = 0;
  virtual void Abandon(ReplicaId peer) = 0;
  // One Poll; what it reported, in order.
  virtual std::vector<Event> Poll() = 0;

  // Posts a write and polls, but stops the replica at `point` on the way and returns. Until Release, only
  // other endpoints may be used. Only called when the backend can hold writers.
  virtual void WriteAndHold(HoldPoint point, ReplicaId peer, Grant grant, Incarnation acceptor, Range range,
                            std::uint64_t token) = 0;
  // Lets it go on to the end of that Poll; what it reported.
  virtual std::vector<Event> Release() = 0;
};

struct EndpointOptions {
  ReplicaId id;
  Incarnation incarnation{1};
  paxos::GroupId group_id{77};
  std::size_t capacity = 4096;
  std::size_t replicas = 3;
};

class Backend {
 public:
  virtual ~Backend() = default;
  // Starts a life of a replica. The endpoint lives until Kill of its id or the end of the backend.
  virtual Endpoint& Start(const EndpointOptions& options) = 0;
  // Ends a life without notice.
  virtual void Kill(ReplicaId id) = 0;
  // Lets time pass where time is simulated; called between rounds of Poll.
  virtual void Advance() {}
};

// Instances of the suite are named by backend.
struct BackendFactory {
  std::string name;
  std::function<std::unique_ptr<Backend>()> make;
  friend void PrintTo(const BackendFactory& factory, std::ostream* out) { *out << factory.name; }
};

}  // namespace gaios::transport::conformance

#endif  // GAIOS_TESTS_CONFORMANCE_BACKEND_H_
