#ifndef GAIOS_TESTS_CONFORMANCE_PROCESS_ENDPOINT_H_
#define GAIOS_TESTS_CONFORMANCE_PROCESS_ENDPOINT_H_

// An endpoint in a process of its own, driven over a socket: the stub that a test holds (ProcessEndpoint) and
// the loop that the process runs (ServeEndpoint). One request is answered before the next is sent. The
// process ends when its driver is gone. A process that ends unasked aborts the test, since nothing sensible
// can follow.

#include <sys/types.h>

#include <cstdint>
#include <functional>
#include <string>
#include <string_view>
#include <vector>

#include "tests/conformance/backend.h"

namespace gaios::transport::conformance {

// Where the serving process finds its end of the socket.
inline constexpr int kServeFd = 3;

// One direction's worth of plain values and bytes.
class Parcel {
 public:
  template <typename T>
  void Put(const T& value) {
    static_assert(std::is_trivially_copyable_v<T>);
    Append(&value, sizeof(value));
  }
  void PutBytes(const Bytes& bytes);
  template <typename T>
  T Get() {
    static_assert(std::is_trivially_copyable_v<T>);
    T value;
    Extract(&value, sizeof(value));
    return value;
  }
  Bytes GetBytes();

  // Whole parcels over a stream. False when the other end is gone.
  [[nodiscard]] bool SendTo(int fd) const;
  [[nodiscard]] bool ReceiveFrom(int fd);

 private:
  void Append(const void* data, std::size_t size);
  void Extract(void* data, std::size_t size);

  Bytes data_;
  std::size_t read_ = 0;
};

class ProcessEndpoint final : public Endpoint {
 public:
  // Runs `program` with `arguments`.
  ProcessEndpoint(const std::string& program, const std::vector<std::string>& arguments);
  ProcessEndpoint(const ProcessEndpoint&) = delete;
  ProcessEndpoint& operator=(const ProcessEndpoint&) = delete;
  // Kills the process and waits for it.
  ~ProcessEndpoint() override;

  [[nodiscard]] pid_t pid() const { return pid_; }
  // What the process says of itself; see ServeEndpoint.
  std::string Ask(std::string_view question);

  void FillLog(Position at, const Bytes& bytes) override;
  Bytes LogBytes(Range range) override;
  std::uint64_t ReadLogWord(LogWord which) override;
  void Publish(ControlWord which, std::uint64_t value) override;
  void GrantTo(ReplicaId to, Grant grant) override;
  void SetLiveRange(Range range) override;
  Post Write(ReplicaId peer, Grant grant, Incarnation acceptor, Range range, std::uint64_t token) override;
  Post WriteWord(ReplicaId peer, Grant grant, Incarnation acceptor, LogWord which, std::uint64_t value,
                 std::uint64_t token) override;
  Post ReadLog(ReplicaId peer, Grant grant, Incarnation acceptor, Range range, std::uint64_t token) override;
  Post ReadControl(ReplicaId peer) override;
  void Send(ReplicaId peer, const Bytes& message) override;
  void Abandon(ReplicaId peer) override;
  std::vector<Event> Poll() override;
  void WriteAndHold(HoldPoint point, ReplicaId peer, Grant grant, Incarnation acceptor, Range range,
                    std::uint64_t token) override;
  std::vector<Event> Release() override;

  // Posts without waiting for the answer of a question that takes long; TakeAnswer waits.
  void StartAsking(std::string_view question);
  std::string TakeAnswer();

 private:
  void SendRequest(const Parcel& request) const;
  [[nodiscard]] Parcel ReceiveReply() const;
  [[nodiscard]] Parcel Call(const Parcel& request) const;

  pid_t pid_ = -1;
  int fd_ = -1;
};

// Serves `endpoint` on kServeFd until the driver is gone. `answer` answers Ask.
void ServeEndpoint(Endpoint& endpoint, const std::function<std::string(std::string_view)>& answer);
// For a serving endpoint's WriteAndHold: tells the driver that the hold point is reached and waits for its
// Release.
void HoldUntilReleased();

}  // namespace gaios::transport::conformance

#endif  // GAIOS_TESTS_CONFORMANCE_PROCESS_ENDPOINT_H_
