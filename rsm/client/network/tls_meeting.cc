#include "gaios/rsm/client/network/tls_meeting.h"

#include <arpa/inet.h>
#include <netinet/in.h>
#include <sys/socket.h>

#include <algorithm>
#include <array>
#include <optional>
#include <span>
#include <utility>

#include <absl/status/status.h>
#include <absl/status/statusor.h>
#include <absl/strings/str_cat.h>

#include "gaios/base/unique_fd.h"
#include "gaios/rsm/client/network/stream_keys.h"
#include "gaios/transport/bootstrap/wire.h"
#include "gaios/transport/udp/socket_port.h"

namespace gaios::rsm {

using transport::bootstrap::Connection;
using transport::bootstrap::DialState;
using transport::bootstrap::Frame;
using transport::bootstrap::FrameReader;
using transport::bootstrap::FrameType;
using transport::bootstrap::Stage;
using transport::bootstrap::TlsChannel;
using transport::bootstrap::TlsResult;

namespace {

// What a replica may send before and after its welcome, which is little.
constexpr std::size_t kReceiveLimit = std::size_t{48} << 10;

// The address of this host that the way to the other end begins at; empty when it is no IPv4.
std::string OwnAddress(int socket) {
  sockaddr_in own = {};
  socklen_t size = sizeof(own);
  std::array<char, INET_ADDRSTRLEN> text = {};
  if (::getsockname(socket, reinterpret_cast<sockaddr*>(&own), &size) != 0 || own.sin_family != AF_INET ||
      ::inet_ntop(AF_INET, &own.sin_addr, text.data(), text.size()) == nullptr) {
    return "";
  }
  return text.data();
}

}  // namespace

TlsMeeting::TlsMeeting(TlsMeetingOptions options)
    : options_(std::move(options)),
      who_(absl::StrCat("replica ", options_.replica.value(), " at ", options_.address, ":", options_.port)) {
}

Meeting::State TlsMeeting::Advance() {
  if (state_ == State::kApart && options_.clock->NowNs() >= again_ns_) {
    Dial();
  }
  while (state_ == State::kUnderWay && Step()) {
  }
  if (state_ == State::kUnderWay && options_.clock->NowNs() >= deadline_ns_) {
    Fail("does not answer; see whether its host can be reached, and the port is open in its firewall");
  }
  if (state_ == State::kMet) {
    Watch();
  }
  return state_;
}

void TlsMeeting::End() {
  state_ = State::kApart;
  if (connection_ != nullptr) {
    connection_->tls->Close();
  }
  connection_.reset();
  met_ = Met();
}

void TlsMeeting::Fail(const std::string& why) {
  failure_ = absl::StrCat(who_, " ", why);
  End();
}

void TlsMeeting::Dial() {
  const std::optional<transport::bootstrap::SocketAddress> address =
      transport::bootstrap::ParseAddress(options_.address, options_.port);
  base::UniqueFd socket;
  if (address.has_value()) {
    socket = transport::bootstrap::Dial(*address);
  }
  if (!socket.valid()) {
    Fail(
        "cannot be dialled: nobody listens, or there is no way to it. Start it, or correct its "
        "client_address");
    return;
  }
  std::unique_ptr<TlsChannel> channel = TlsChannel::Create(*options_.tls, socket.get(), /*dials=*/true);
  if (channel == nullptr) {
    Fail("cannot be dialled: there is no memory for TLS");
    return;
  }
  connection_ = std::make_unique<Connection>(std::move(socket), std::move(channel), /*dialled=*/true, who_);
  connection_->tls->SetReceiveLimit(kReceiveLimit);
  deadline_ns_ = options_.clock->NowNs() + kTimeoutNs;
  state_ = State::kUnderWay;
}

bool TlsMeeting::Step() {
  switch (connection_->stage) {
    case Stage::kConnecting:
      return StepOfDial();
    case Stage::kHandshaking:
      return StepOfHandshake();
    default:
      return StepOfGreeting();
  }
}

bool TlsMeeting::StepOfDial() {
  switch (transport::bootstrap::StateOfDial(connection_->socket.get())) {
    case DialState::kWaiting:
      return false;
    case DialState::kConnected:
      connection_->stage = Stage::kHandshaking;
      return true;
    case DialState::kFailed:
      break;
  }
  Fail("is not there: nobody listens. Start it, or correct its client_address");
  return false;
}

bool TlsMeeting::StepOfHandshake() {
  const TlsResult result = connection_->tls->Handshake();
  if (result == TlsResult::kWait) {
    return false;
  }
  if (result != TlsResult::kDone) {
    FailTls(result);
    return false;
  }
  NetworkHello hello;
  hello.replica = options_.replica.value();
  hello.cluster_bytes = static_cast<std::uint8_t>(options_.cluster.size());
  hello.group = *options_.group;
  hello.payload_bytes = static_cast<std::uint32_t>(options_.payload_bytes);
  hello.version = options_.encrypt ? kEncryptingNetworkVersion : kNetworkVersion;
  std::ranges::copy(options_.cluster, hello.cluster.begin());
  static_cast<void>(connection_->outbox.Append(FrameType::kHello, std::as_bytes(std::span(&hello, 1))));
  connection_->stage = Stage::kGreeting;
  return true;
}

bool TlsMeeting::StepOfGreeting() {
  if (const TlsResult result = connection_->Flush();
      result != TlsResult::kDone && result != TlsResult::kWait) {
    FailTls(result);
    return false;
  }
  Frame frame;
  switch (connection_->reader.Next(frame)) {
    case FrameReader::Found::kFrame:
      TakeFrame(frame);
      return false;
    case FrameReader::Found::kMalformed:
      FailTls(TlsResult::kNotThisProtocol);
      return false;
    case FrameReader::Found::kNothing:
      break;
  }
  const TlsResult result = connection_->Fill();
  if (result != TlsResult::kDone && result != TlsResult::kWait) {
    FailTls(result);
  }
  return result == TlsResult::kDone;
}

void TlsMeeting::FailTls(TlsResult result) {
  switch (result) {
    case TlsResult::kUntrusted:
    case TlsResult::kRejected:
      FailForNow(absl::StrCat("is of another cluster, or this client is: ", options_.tls->advice()));
      return;
    case TlsResult::kOversized:
    case TlsResult::kNotThisProtocol:
      FailForNow(
          "does not speak as replicas do to clients; correct its client_address, and run the same release");
      return;
    default:
      Fail("has closed the connection");
      return;
  }
}

void TlsMeeting::TakeFrame(const Frame& frame) {
  if (frame.type == FrameType::kRefuse) {
    const std::optional<transport::bootstrap::RefuseFrame> refuse =
        transport::bootstrap::ParseRefuse(frame.payload);
    FailForNow(absl::StrCat("refused: ", refuse.has_value() ? refuse->reason : "no reason was given"));
    return;
  }
  NetworkWelcome welcome;
  const GreetingFound found = frame.type == FrameType::kHello ? ParseNetworkWelcome(frame.payload, welcome)
                                                              : GreetingFound::kMalformed;
  if (found == GreetingFound::kOtherVersion) {
    FailForNow(absl::StrCat("speaks version ", welcome.version, " to clients, this one version ",
                            kNetworkVersion, "; run the same release of both"));
  } else if (found == GreetingFound::kMalformed) {  // NOLINT(bugprone-branch-clone): told in this order
    FailTls(TlsResult::kNotThisProtocol);
  } else if (*options_.group != 0 && *options_.group != welcome.group) {
    FailForNow("is of another group than this client; open a new client for it");
  } else if (welcome.payload_bytes > options_.payload_bytes) {
    FailTls(TlsResult::kNotThisProtocol);
  } else {
    TakeWelcome(welcome);
  }
}

void TlsMeeting::TakeWelcome(const NetworkWelcome& welcome) {
  StreamTerms terms = {
      .group = welcome.group, .place = welcome.place, .payload_bytes = welcome.payload_bytes};
  absl::StatusOr<transport::udp::Seal> seal =
      DeriveStreamKeys(*connection_->tls, NetworkKind::kRequests, options_.encrypt, terms);
  if (!seal.ok()) {
    Fail(absl::StrCat("cannot be talked to: ", std::string(seal.status().message())));
    return;
  }
  in_addr address = {};
  static_cast<void>(::inet_pton(AF_INET, options_.address.c_str(), &address));
  const transport::udp::Endpoint replica = {.address = ntohl(address.s_addr), .port = welcome.port};
  absl::StatusOr<std::unique_ptr<transport::udp::Port>> port = OpenPort(welcome, replica);
  if (!port.ok()) {
    Fail(absl::StrCat("cannot be sent datagrams: ", std::string(port.status().message())));
    return;
  }
  met_ = {.port = *std::move(port),
          .replica = replica,
          .terms = terms,
          .seal = *std::move(seal),
          .request_ring_bytes = welcome.request_ring_bytes,
          .response_ring_bytes = welcome.response_ring_bytes,
          .max_command_bytes = static_cast<std::size_t>(welcome.max_command_bytes)};
  *options_.group = welcome.group;
  failure_.clear();
  connection_->stage = Stage::kUp;
  state_ = State::kMet;
}

absl::StatusOr<std::unique_ptr<transport::udp::Port>> TlsMeeting::OpenPort(
    const NetworkWelcome& welcome, transport::udp::Endpoint replica) const {
  if (options_.shared_port != nullptr) {
    return options_.shared_port->OpenLine(replica, welcome.place);
  }
  absl::StatusOr<std::unique_ptr<transport::udp::SocketPort>> port = transport::udp::SocketPort::Open(
      {.address = OwnAddress(connection_->socket.get()), .max_payload = welcome.payload_bytes});
  if (!port.ok()) {
    return port.status();
  }
  return *std::move(port);
}

// A replica that has welcomed says nothing more.
void TlsMeeting::Watch() {
  if (connection_->Fill() != TlsResult::kWait) {
    state_ = State::kOver;
  }
}

}  // namespace gaios::rsm
