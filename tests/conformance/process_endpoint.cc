#include "tests/conformance/process_endpoint.h"

#include <poll.h>
#include <spawn.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <unistd.h>

#include <array>
#include <cerrno>
#include <csignal>
#include <cstdlib>
#include <cstring>

#include "gaios/base/check.h"

namespace gaios::transport::conformance {
namespace {

enum class Verb : std::uint8_t {
  kFillLog,
  kLogBytes,
  kReadLogWord,
  kPublish,
  kGrantTo,
  kSetLiveRange,
  kWrite,
  kWriteWord,
  kReadLog,
  kReadControl,
  kSend,
  kAbandon,
  kPoll,
  kWriteAndHold,
  kRelease,
  kAsk,
};

// A process that has ended is seen at once. This is for one that hangs, and far longer than any answer takes
// on a machine that has a hundred other things to do: within a virtual machine, where a few seconds of
// processor time may take minutes.
constexpr int kReplyTimeoutMs = 600'000;

bool WriteAll(int fd, const void* data, std::size_t size) {
  const auto* bytes = static_cast<const std::byte*>(data);
  while (size != 0) {
    const ssize_t sent = ::send(fd, bytes, size, MSG_NOSIGNAL);
    if (sent < 0 && errno == EINTR) {
      continue;
    }
    if (sent <= 0) {
      return false;
    }
    bytes += sent;
    size -= static_cast<std::size_t>(sent);
  }
  return true;
}

bool ReadAll(int fd, void* data, std::size_t size) {
  auto* bytes = static_cast<std::byte*>(data);
  while (size != 0) {
    const ssize_t received = ::recv(fd, bytes, size, 0);
    if (received < 0 && errno == EINTR) {
      continue;
    }
    if (received <= 0) {
      return false;
    }
    bytes += received;
    size -= static_cast<std::size_t>(received);
  }
  return true;
}

Bytes ToBytes(std::string_view text) {
  Bytes bytes(text.size());
  if (!text.empty()) {
    std::memcpy(bytes.data(), text.data(), text.size());
  }
  return bytes;
}

std::string ToText(const Bytes& bytes) {
  return {reinterpret_cast<const char*>(bytes.data()), bytes.size()};
}

void PutEvents(Parcel& parcel, const std::vector<Event>& events) {
  parcel.Put(events.size());
  for (const Event& event : events) {
    parcel.Put(event.kind);
    parcel.Put(event.peer);
    parcel.Put(event.completion);
    parcel.Put(event.outcome);
    parcel.Put(event.control);
    parcel.Put(event.incarnation);
    parcel.Put(event.grant);
    parcel.PutBytes(event.bytes);
  }
}

std::vector<Event> GetEvents(Parcel& parcel) {
  std::vector<Event> events(parcel.Get<std::size_t>());
  for (Event& event : events) {
    event.kind = parcel.Get<Event::Kind>();
    event.peer = parcel.Get<ReplicaId>();
    event.completion = parcel.Get<Completion>();
    event.outcome = parcel.Get<Outcome>();
    event.control = parcel.Get<ControlView>();
    event.incarnation = parcel.Get<Incarnation>();
    event.grant = parcel.Get<Grant>();
    event.bytes = parcel.GetBytes();
  }
  return events;
}

// What Write, ReadLog and WriteAndHold are told.
struct Posting {
  ReplicaId peer;
  Grant grant;
  Incarnation acceptor;
  Range range;
  std::uint64_t token = 0;
};

Parcel Request(Verb verb) {
  Parcel parcel;
  parcel.Put(verb);
  return parcel;
}

template <typename... Values>
Parcel Request(Verb verb, const Values&... values) {
  Parcel parcel = Request(verb);
  (parcel.Put(values), ...);
  return parcel;
}

}  // namespace

void Parcel::Append(const void* data, std::size_t size) {
  const std::size_t old = data_.size();
  data_.resize(old + size);
  std::memcpy(data_.data() + old, data, size);
}

void Parcel::Extract(void* data, std::size_t size) {
  GAIOS_CHECK(size <= data_.size() - read_, "a parcel is read as it was written");
  std::memcpy(data, data_.data() + read_, size);
  read_ += size;
}

void Parcel::PutBytes(const Bytes& bytes) {
  Put(bytes.size());
  data_.insert(data_.end(), bytes.begin(), bytes.end());
}

Bytes Parcel::GetBytes() {
  Bytes bytes(Get<std::size_t>());
  if (!bytes.empty()) {
    Extract(bytes.data(), bytes.size());
  }
  return bytes;
}

bool Parcel::SendTo(int fd) const {
  Bytes frame(sizeof(std::size_t));
  const std::size_t size = data_.size();
  std::memcpy(frame.data(), &size, sizeof(size));
  frame.insert(frame.end(), data_.begin(), data_.end());
  return WriteAll(fd, frame.data(), frame.size());
}

bool Parcel::ReceiveFrom(int fd) {
  std::size_t size = 0;
  if (!ReadAll(fd, &size, sizeof(size))) {
    return false;
  }
  data_.resize(size);
  read_ = 0;
  return ReadAll(fd, data_.data(), size);
}

ProcessEndpoint::ProcessEndpoint(const std::string& program, const std::vector<std::string>& arguments) {
  std::array<int, 2> pair = {-1, -1};
  GAIOS_CHECK(::socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, pair.data()) == 0, "socketpair failed");
  // The argument vector of exec is not const, though nobody writes to it.
  std::vector<std::string> copies = {program};
  copies.insert(copies.end(), arguments.begin(), arguments.end());
  std::vector<char*> argv;
  argv.reserve(copies.size() + 1);
  for (std::string& copy : copies) {
    argv.push_back(copy.data());
  }
  argv.push_back(nullptr);
  posix_spawn_file_actions_t actions;
  GAIOS_CHECK(::posix_spawn_file_actions_init(&actions) == 0, "posix_spawn_file_actions_init failed");
  GAIOS_CHECK(::posix_spawn_file_actions_adddup2(&actions, pair[1], kServeFd) == 0, "adddup2 failed");
  const int error = ::posix_spawn(&pid_, program.c_str(), &actions, nullptr, argv.data(), environ);
  GAIOS_CHECK(error == 0, "an endpoint's program could not be started");
  ::posix_spawn_file_actions_destroy(&actions);
  ::close(pair[1]);
  fd_ = pair[0];
}

ProcessEndpoint::~ProcessEndpoint() {
  ::kill(pid_, SIGKILL);
  ::waitpid(pid_, nullptr, 0);
  ::close(fd_);
}

void ProcessEndpoint::SendRequest(const Parcel& request) const {
  GAIOS_CHECK(request.SendTo(fd_), "an endpoint's process ended unasked");
}

Parcel ProcessEndpoint::ReceiveReply() const {
  pollfd waited = {.fd = fd_, .events = POLLIN, .revents = 0};
  GAIOS_CHECK(::poll(&waited, 1, kReplyTimeoutMs) == 1, "an endpoint's process does not answer");
  Parcel reply;
  GAIOS_CHECK(reply.ReceiveFrom(fd_), "an endpoint's process ended unasked");
  return reply;
}

Parcel ProcessEndpoint::Call(const Parcel& request) const {
  SendRequest(request);
  return ReceiveReply();
}

std::string ProcessEndpoint::Ask(std::string_view question) {
  StartAsking(question);
  return TakeAnswer();
}

void ProcessEndpoint::StartAsking(std::string_view question) {
  Parcel request = Request(Verb::kAsk);
  request.PutBytes(ToBytes(question));
  SendRequest(request);
}

std::string ProcessEndpoint::TakeAnswer() {
  return ToText(ReceiveReply().GetBytes());
}

void ProcessEndpoint::FillLog(Position at, const Bytes& bytes) {
  Parcel request = Request(Verb::kFillLog, at);
  request.PutBytes(bytes);
  (void)Call(request);
}

Bytes ProcessEndpoint::LogBytes(Range range) {
  return Call(Request(Verb::kLogBytes, range)).GetBytes();
}

std::uint64_t ProcessEndpoint::ReadLogWord(LogWord which) {
  return Call(Request(Verb::kReadLogWord, which)).Get<std::uint64_t>();
}

void ProcessEndpoint::Publish(ControlWord which, std::uint64_t value) {
  (void)Call(Request(Verb::kPublish, which, value));
}

void ProcessEndpoint::GrantTo(ReplicaId to, Grant grant) {
  (void)Call(Request(Verb::kGrantTo, to, grant));
}

void ProcessEndpoint::SetLiveRange(Range range) {
  (void)Call(Request(Verb::kSetLiveRange, range));
}

Post ProcessEndpoint::Write(ReplicaId peer, Grant grant, Incarnation acceptor, Range range,
                            std::uint64_t token) {
  return Call(Request(Verb::kWrite, Posting{peer, grant, acceptor, range, token})).Get<Post>();
}

Post ProcessEndpoint::WriteWord(ReplicaId peer, Grant grant, Incarnation acceptor, LogWord which,
                                std::uint64_t value, std::uint64_t token) {
  return Call(Request(Verb::kWriteWord, Posting{peer, grant, acceptor, Range{}, token}, which, value))
      .Get<Post>();
}

Post ProcessEndpoint::ReadLog(ReplicaId peer, Grant grant, Incarnation acceptor, Range range,
                              std::uint64_t token) {
  return Call(Request(Verb::kReadLog, Posting{peer, grant, acceptor, range, token})).Get<Post>();
}

Post ProcessEndpoint::ReadControl(ReplicaId peer) {
  return Call(Request(Verb::kReadControl, peer)).Get<Post>();
}

void ProcessEndpoint::Send(ReplicaId peer, const Bytes& message) {
  Parcel request = Request(Verb::kSend, peer);
  request.PutBytes(message);
  (void)Call(request);
}

void ProcessEndpoint::Abandon(ReplicaId peer) {
  (void)Call(Request(Verb::kAbandon, peer));
}

std::vector<Event> ProcessEndpoint::Poll() {
  Parcel reply = Call(Request(Verb::kPoll));
  return GetEvents(reply);
}

void ProcessEndpoint::WriteAndHold(HoldPoint point, ReplicaId peer, Grant grant, Incarnation acceptor,
                                   Range range, std::uint64_t token) {
  // The answer says that it is held; what the Poll reports comes as the answer to Release.
  (void)Call(Request(Verb::kWriteAndHold, point, Posting{peer, grant, acceptor, range, token}));
}

std::vector<Event> ProcessEndpoint::Release() {
  Parcel reply = Call(Request(Verb::kRelease));
  return GetEvents(reply);
}

void HoldUntilReleased() {
  Parcel request;
  // The driver may be gone by now; then there is nothing left to do here.
  if (!Parcel().SendTo(kServeFd) || !request.ReceiveFrom(kServeFd)) {
    std::_Exit(0);
  }
  GAIOS_CHECK(request.Get<Verb>() == Verb::kRelease, "a held endpoint is released next");
}

void ServeEndpoint(Endpoint& endpoint, const std::function<std::string(std::string_view)>& answer) {
  for (;;) {
    Parcel request;
    if (!request.ReceiveFrom(kServeFd)) {
      return;
    }
    Parcel reply;
    switch (request.Get<Verb>()) {
      case Verb::kFillLog: {
        const auto at = request.Get<Position>();
        endpoint.FillLog(at, request.GetBytes());
        break;
      }
      case Verb::kLogBytes:
        reply.PutBytes(endpoint.LogBytes(request.Get<Range>()));
        break;
      case Verb::kReadLogWord:
        reply.Put(endpoint.ReadLogWord(request.Get<LogWord>()));
        break;
      case Verb::kPublish: {
        const auto which = request.Get<ControlWord>();
        endpoint.Publish(which, request.Get<std::uint64_t>());
        break;
      }
      case Verb::kGrantTo: {
        const auto to = request.Get<ReplicaId>();
        endpoint.GrantTo(to, request.Get<Grant>());
        break;
      }
      case Verb::kSetLiveRange:
        endpoint.SetLiveRange(request.Get<Range>());
        break;
      case Verb::kWrite: {
        const auto posting = request.Get<Posting>();
        reply.Put(
            endpoint.Write(posting.peer, posting.grant, posting.acceptor, posting.range, posting.token));
        break;
      }
      case Verb::kWriteWord: {
        const auto posting = request.Get<Posting>();
        const auto which = request.Get<LogWord>();
        const auto value = request.Get<std::uint64_t>();
        reply.Put(
            endpoint.WriteWord(posting.peer, posting.grant, posting.acceptor, which, value, posting.token));
        break;
      }
      case Verb::kReadLog: {
        const auto posting = request.Get<Posting>();
        reply.Put(
            endpoint.ReadLog(posting.peer, posting.grant, posting.acceptor, posting.range, posting.token));
        break;
      }
      case Verb::kReadControl:
        reply.Put(endpoint.ReadControl(request.Get<ReplicaId>()));
        break;
      case Verb::kSend: {
        const auto peer = request.Get<ReplicaId>();
        endpoint.Send(peer, request.GetBytes());
        break;
      }
      case Verb::kAbandon:
        endpoint.Abandon(request.Get<ReplicaId>());
        break;
      case Verb::kPoll:
        PutEvents(reply, endpoint.Poll());
        break;
      case Verb::kWriteAndHold: {
        const auto point = request.Get<HoldPoint>();
        const auto posting = request.Get<Posting>();
        endpoint.WriteAndHold(point, posting.peer, posting.grant, posting.acceptor, posting.range,
                              posting.token);
        PutEvents(reply, endpoint.Release());
        break;
      }
      case Verb::kRelease:
        GAIOS_CHECK(false, "only a held endpoint is released");
        break;
      case Verb::kAsk:
        reply.PutBytes(ToBytes(answer(ToText(request.GetBytes()))));
        break;
    }
    if (!reply.SendTo(kServeFd)) {
      return;
    }
  }
}

}  // namespace gaios::transport::conformance
