#include "gaios/rsm/client/network/tls_reception.h"

#include <poll.h>
#include <sys/eventfd.h>
#include <sys/socket.h>

#include <algorithm>
#include <cerrno>
#include <new>
#include <optional>
#include <span>
#include <system_error>
#include <utility>

#include <absl/status/status.h>
#include <absl/strings/str_cat.h>

#include "gaios/base/background.h"
#include "gaios/base/pinning.h"
#include "gaios/rsm/client/network/stream_keys.h"
#include "gaios/rsm/client/wire.h"
#include "gaios/transport/bootstrap/socket.h"
#include "gaios/transport/bootstrap/wire.h"

namespace gaios::rsm {

namespace bootstrap = transport::bootstrap;
using transport::bootstrap::Connection;
using transport::bootstrap::Frame;
using transport::bootstrap::FrameReader;
using transport::bootstrap::FrameType;
using transport::bootstrap::SocketAddress;
using transport::bootstrap::Stage;
using transport::bootstrap::TlsChannel;
using transport::bootstrap::TlsContext;
using transport::bootstrap::TlsResult;

namespace {

// What a client may send in all: a handshake with certificates, and a greeting.
constexpr std::size_t kReceiveLimit = std::size_t{48} << 10;
constexpr int kAcceptsPerTurn = 16;
constexpr int kDiscardsPerTurn = 16;  // of what somebody who is refused goes on sending
constexpr std::uint64_t kAcceptPauseNs = 100'000'000;
constexpr std::uint64_t kLingerNs = 1'000'000'000;
constexpr std::uint64_t kLongestWaitNs = 1'000'000'000;
constexpr std::uint64_t kTellAgainNs = 60'000'000'000;
constexpr std::size_t kMaxNotices = 64;

NetworkCounter CounterOf(bootstrap::Refusal refusal) {
  switch (refusal) {
    case bootstrap::Refusal::kAuthentication:
      return NetworkCounter::kRefusedKey;
    case bootstrap::Refusal::kVersion:
      return NetworkCounter::kRefusedVersion;
    case bootstrap::Refusal::kCluster:
      return NetworkCounter::kRefusedCluster;
    case bootstrap::Refusal::kGroup:
      return NetworkCounter::kRefusedGroup;
    case bootstrap::Refusal::kWrongPeer:
      return NetworkCounter::kRefusedReplica;
    case bootstrap::Refusal::kNoRoom:
      return NetworkCounter::kRefusedNoRoom;
    case bootstrap::Refusal::kEncryption:
      return NetworkCounter::kRefusedEncryption;
    default:
      return NetworkCounter::kRefusedMalformed;
  }
}

}  // namespace

absl::StatusOr<std::unique_ptr<TlsReception>> TlsReception::Open(TlsReceptionOptions options) {
  absl::StatusOr<std::unique_ptr<TlsContext>> tls = TlsContext::Load(options.credentials);
  if (!tls.ok()) {
    return tls.status();
  }
  const std::optional<SocketAddress> address =
      transport::bootstrap::ParseAddress(options.address, options.port);
  if (!address.has_value()) {
    return absl::InvalidArgumentError(
        absl::StrCat("client_address is \"", options.address, "\", which is not an address in numbers"));
  }
  absl::StatusOr<base::UniqueFd> listener = transport::bootstrap::Listen(*address);
  if (!listener.ok()) {
    return listener.status();
  }
  base::UniqueFd wake(::eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK));
  if (!wake.valid()) {
    return absl::ResourceExhaustedError(
        "the system has no descriptor left for the clients of the network; raise the limit (ulimit -n)");
  }
  std::unique_ptr<TlsReception> reception(
      new TlsReception(std::move(options), *std::move(tls), *std::move(listener), std::move(wake)));
  try {
    reception->thread_ = std::thread([raw = reception.get()] { raw->Run(); });
  } catch (const std::system_error&) {
    return absl::ResourceExhaustedError(
        "the system gives no thread for the clients of the network; raise the limit (ulimit -u)");
  }
  return reception;
}

TlsReception::TlsReception(TlsReceptionOptions options, std::unique_ptr<TlsContext> tls,
                           base::UniqueFd listener, base::UniqueFd wake)
    : options_(std::move(options)),
      tls_(std::move(tls)),
      listener_(std::move(listener)),
      wake_(std::move(wake)),
      places_(options_.max_clients) {}

TlsReception::~TlsReception() {
  stop_.store(true, std::memory_order_release);
  Wake();
  if (thread_.joinable()) {
    thread_.join();
  }
}

void TlsReception::Wake() const {
  static_cast<void>(::eventfd_write(wake_.get(), 1));
}

void TlsReception::Release(std::unique_ptr<NetworkClient> client) {
  released_.Post(std::move(client));
  Wake();
}

std::vector<std::string> TlsReception::TakeNotices() {
  const std::lock_guard lock(notices_mutex_);
  return std::exchange(notices_, {});
}

void TlsReception::Count(NetworkCounters& counters) const {
  for (std::size_t i = 0; i < kNetworkCounters; ++i) {
    counters.values.at(i) += counts_.at(i).load(std::memory_order_relaxed);
  }
}

// ---- the thread

void TlsReception::Run() {
  base::SetThisThreadName("client-greeter");
  base::GoToBackground(base::BackgroundPriority::kOrdinary);  // the loop may be pinned
  while (!stop_.load(std::memory_order_acquire)) {
    Wait();
    TakeReleased();
    AcceptAll();
    ServePending();
    WatchPlaces();
  }
}

void TlsReception::Wait() {
  const std::uint64_t now_ns = options_.clock->NowNs();
  std::uint64_t until_ns = now_ns + kLongestWaitNs;
  std::vector<pollfd> polled = {{.fd = wake_.get(), .events = POLLIN, .revents = 0}};
  if (accept_again_ns_ == 0) {
    polled.push_back({.fd = listener_.get(), .events = POLLIN, .revents = 0});
  } else {
    until_ns = std::min(until_ns, accept_again_ns_);
  }
  for (const std::unique_ptr<Connection>& connection : pending_) {
    const bool writes = !connection->outbox.empty() ||
                        (connection->stage == Stage::kHandshaking && connection->tls->wants_write());
    polled.push_back({.fd = connection->socket.get(),
                      .events = static_cast<short>(writes ? POLLIN | POLLOUT : POLLIN),
                      .revents = 0});
    until_ns = std::min(until_ns, connection->deadline_ns);
  }
  for (const Place& place : places_) {
    if (place.connection != nullptr) {
      polled.push_back({.fd = place.connection->socket.get(), .events = POLLIN, .revents = 0});
    }
  }
  const std::uint64_t wait_ns = until_ns > now_ns ? until_ns - now_ns : 0;
  const timespec timeout = {.tv_sec = static_cast<time_t>(wait_ns / 1'000'000'000),
                            .tv_nsec = static_cast<long>(wait_ns % 1'000'000'000)};
  if (::ppoll(polled.data(), polled.size(), &timeout, nullptr) > 0 && polled[0].revents != 0) {
    eventfd_t ignored = 0;
    static_cast<void>(::eventfd_read(wake_.get(), &ignored));
  }
}

// The rings of those that are gone are given back here.
void TlsReception::TakeReleased() {
  for (const std::unique_ptr<NetworkClient>& client : released_.TakeAll()) {
    Place& place = places_.at(client->place());
    place.given = false;
    place.connection.reset();
  }
}

void TlsReception::AcceptAll() {
  const std::uint64_t now_ns = options_.clock->NowNs();
  if (now_ns < accept_again_ns_) {
    return;
  }
  accept_again_ns_ = 0;
  for (int taken = 0; taken < kAcceptsPerTurn; ++taken) {
    SocketAddress from;
    base::UniqueFd socket = transport::bootstrap::Accept(listener_.get(), from);
    if (!socket.valid()) {
      if (errno == EMFILE || errno == ENFILE || errno == ENOBUFS || errno == ENOMEM) {
        accept_again_ns_ = now_ns + kAcceptPauseNs;
      }
      return;
    }
    std::unique_ptr<TlsChannel> channel = TlsChannel::Create(*tls_, socket.get(), /*dials=*/false);
    if (channel == nullptr) {
      CountOne(NetworkCounter::kStrangers);
      continue;
    }
    if (pending_.size() == kMaxPending) {
      CountOne(NetworkCounter::kStrangers);
      pending_.pop_front();
    }
    pending_.push_back(std::make_unique<Connection>(std::move(socket), std::move(channel), /*dialled=*/false,
                                                    transport::bootstrap::AddressText(from)));
    pending_.back()->tls->SetReceiveLimit(kReceiveLimit);
    pending_.back()->deadline_ns = now_ns + kGreetingTimeoutNs;
  }
}

void TlsReception::ServePending() {
  for (std::size_t left = pending_.size(); left > 0; --left) {
    std::unique_ptr<Connection> connection = std::move(pending_.front());
    pending_.pop_front();
    if (options_.clock->NowNs() >= connection->deadline_ns) {
      if (connection->stage != Stage::kLingering) {
        CountOne(NetworkCounter::kStrangers);
      }
      continue;
    }
    if (Advance(connection)) {
      pending_.push_back(std::move(connection));
    }
  }
}

bool TlsReception::Advance(std::unique_ptr<Connection>& connection) {
  if (connection->stage == Stage::kHandshaking && !ShakeHands(*connection)) {
    return false;
  }
  if (connection->stage == Stage::kGreeting && !Greet(connection)) {
    return false;
  }
  return connection->stage != Stage::kLingering || Linger(*connection);
}

bool TlsReception::ShakeHands(Connection& connection) {
  switch (connection.tls->Handshake()) {
    case TlsResult::kDone:
      connection.stage = Stage::kGreeting;
      return true;
    case TlsResult::kWait:
      return true;
    case TlsResult::kUntrusted:
      CountOne(NetworkCounter::kRefusedKey);
      Tell(connection, bootstrap::Refusal::kAuthentication, tls_->advice());
      connection.stage = Stage::kLingering;  // the alert is on its way
      connection.deadline_ns = options_.clock->NowNs() + kLingerNs;
      return true;
    case TlsResult::kRejected:
      CountOne(NetworkCounter::kRefusedKey);
      Tell(connection, bootstrap::Refusal::kAuthentication, tls_->advice());
      return false;
    default:
      CountOne(NetworkCounter::kStrangers);
      return false;
  }
}

bool TlsReception::Greet(std::unique_ptr<Connection>& connection) {
  for (;;) {
    Frame frame;
    const FrameReader::Found found = connection->reader.Next(frame);
    if (found == FrameReader::Found::kNothing) {
      const TlsResult result = connection->Fill();
      if (result == TlsResult::kDone) {
        continue;
      }
      if (result != TlsResult::kWait) {
        CountOne(NetworkCounter::kStrangers);
      }
      return result == TlsResult::kWait;
    }
    NetworkHello hello;
    std::string why;
    const bool greets = found == FrameReader::Found::kFrame && frame.type == FrameType::kHello;
    const bootstrap::Refusal refusal =
        Judge(greets ? frame.payload : std::span<const std::byte>(), hello, why);
    if (refusal != bootstrap::Refusal::kNone) {
      Refuse(*connection, refusal, why);
      return true;
    }
    const auto free = std::ranges::find(places_, false, &Place::given);
    if (free == places_.end()) {
      Refuse(
          *connection, bootstrap::Refusal::kNoRoom,
          absl::StrCat("replica ", options_.identity.replica.value(), " serves ", places_.size(),
                       " clients of the network already; raise max in the [clients] section, or close some"));
      return true;
    }
    TakeIn(std::move(connection), hello, static_cast<std::size_t>(free - places_.begin()));
    return false;
  }
}

bootstrap::Refusal TlsReception::Judge(std::span<const std::byte> payload, NetworkHello& hello,
                                       std::string& why) const {
  const PortIdentity& own = options_.identity;
  switch (ParseNetworkHello(payload, hello)) {
    case GreetingFound::kGood:
      break;
    case GreetingFound::kOtherVersion:
      why = absl::StrCat("the client speaks version ", hello.version, ", replica ", own.replica.value(),
                         " versions ", kNetworkVersion, " and ", kEncryptingNetworkVersion,
                         "; run the same release of both");
      return bootstrap::Refusal::kVersion;
    case GreetingFound::kMalformed:
      why = "the greeting is not that of a client; is it Gaios at both ends?";
      return bootstrap::Refusal::kMalformed;
  }
  if (hello.cluster_name() != options_.cluster) {
    why = absl::StrCat("the client is of cluster \"", std::string(hello.cluster_name()), "\", replica ",
                       own.replica.value(), " of \"", options_.cluster, "\"; give both the same config");
    return bootstrap::Refusal::kCluster;
  }
  if (hello.group != 0 && hello.group != own.group.value()) {
    // A client of an earlier group of the same name, perhaps, with sessions that mean nothing here.
    why = absl::StrCat("another group", own.group_name.empty() ? "" : ": ", own.group_name,
                       "; open a new client for it");
    return bootstrap::Refusal::kGroup;
  }
  if (hello.replica != own.replica.value()) {
    why = absl::StrCat("this is replica ", own.replica.value(), ", not ", hello.replica,
                       "; correct the addresses in the client's config");
    return bootstrap::Refusal::kWrongPeer;
  }
  if (hello.encrypts() != options_.encrypt) {
    why = absl::StrCat("the client ", options_.encrypt ? "does not encrypt" : "encrypts",
                       " its datagrams, and replica ", own.replica.value(), " does",
                       options_.encrypt ? "" : " not",
                       "; write the same for `encrypt` in the [clients] section of both configs");
    return bootstrap::Refusal::kEncryption;
  }
  return bootstrap::Refusal::kNone;
}

void TlsReception::TakeIn(std::unique_ptr<Connection> connection, const NetworkHello& hello, std::size_t at) {
  Place& place = places_[at];
  StreamTerms terms = {.group = options_.identity.group.value(),
                       .place = static_cast<std::uint16_t>(at),
                       .payload_bytes = std::min<std::size_t>(options_.payload_bytes, hello.payload_bytes)};
  absl::StatusOr<transport::udp::Seal> seal =
      DeriveStreamKeys(*connection->tls, NetworkKind::kResponses, options_.encrypt, terms);
  std::unique_ptr<NetworkClient> client;
  try {
    if (seal.ok()) {
      client = std::make_unique<NetworkClient>(options_.identity, terms, *std::move(seal), ++place.life,
                                               options_.clock->NowNs());
    }
  } catch (const std::bad_alloc&) {
    client = nullptr;
  }
  if (client == nullptr) {
    Refuse(*connection, bootstrap::Refusal::kNoRoom,
           absl::StrCat("replica ", options_.identity.replica.value(),
                        " has no memory or no keys for another client"));
    pending_.push_back(std::move(connection));
    return;
  }
  NetworkWelcome welcome;
  welcome.place = terms.place;
  welcome.group = terms.group;
  welcome.max_command_bytes =
      std::min<std::uint64_t>(options_.max_command_bytes,
                              MaxRecordBytes(options_.identity.request_ring_bytes) - sizeof(RequestHeader));
  welcome.request_ring_bytes = static_cast<std::uint32_t>(options_.identity.request_ring_bytes);
  welcome.response_ring_bytes = static_cast<std::uint32_t>(options_.identity.response_ring_bytes);
  welcome.payload_bytes = static_cast<std::uint32_t>(terms.payload_bytes);
  welcome.port = options_.udp_port;
  // The replica knows of it before the client may send.
  place.given = true;
  news_.Post({.arrived = std::move(client), .place = at, .life = place.life});
  CountOne(NetworkCounter::kClientsWelcomed);
  connection->stage = Stage::kUp;
  static_cast<void>(connection->outbox.Append(FrameType::kHello, std::as_bytes(std::span(&welcome, 1))));
  place.connection = std::move(connection);
  // It is the first that goes out: nothing but a client that is gone keeps it back.
  if (place.connection->Flush() != TlsResult::kDone) {
    place.connection.reset();
    news_.Post({.arrived = nullptr, .place = at, .life = place.life});
  }
}

void TlsReception::Refuse(Connection& connection, bootstrap::Refusal refusal, const std::string& why) {
  CountOne(CounterOf(refusal));
  Tell(connection, refusal, why);
  const std::string frame = transport::bootstrap::EncodeRefuse(refusal, why);
  static_cast<void>(connection.outbox.Append(FrameType::kRefuse, std::as_bytes(std::span(frame))));
  connection.stage = Stage::kLingering;
  connection.deadline_ns = options_.clock->NowNs() + kLingerNs;
}

// A socket that is closed while something lies in it unread sends a reset, which may overtake what was said
// last. So this end says that it is done, and reads until the other one is.
bool TlsReception::Linger(Connection& connection) const {
  if (!connection.said_all) {
    if (connection.Flush() == TlsResult::kWait) {
      return true;
    }
    connection.tls->Close();
    static_cast<void>(::shutdown(connection.socket.get(), SHUT_WR));
    connection.said_all = true;
  }
  for (int reads = 0; reads < kDiscardsPerTurn; ++reads) {
    const TlsResult result = connection.Discard();
    if (result != TlsResult::kDone) {
      return result == TlsResult::kWait;
    }
  }
  return true;  // others have their turn
}

// Each kind of refusal once in a while: who is refused tries again for ever.
void TlsReception::Tell(const Connection& connection, bootstrap::Refusal refusal, const std::string& why) {
  std::uint64_t& again_ns = tell_again_ns_.at(static_cast<std::size_t>(refusal));
  const std::uint64_t now_ns = options_.clock->NowNs();
  if (now_ns < again_ns) {
    return;
  }
  again_ns = now_ns + kTellAgainNs;
  const std::lock_guard lock(notices_mutex_);
  if (notices_.size() < kMaxNotices) {
    notices_.push_back(absl::StrCat("a client at ", connection.address, " was refused (",
                                    std::string(transport::bootstrap::RefusalName(refusal)), "): ", why));
  }
}

// A client that was welcomed says nothing more by this way.
void TlsReception::WatchPlaces() {
  for (std::size_t at = 0; at < places_.size(); ++at) {
    Place& place = places_[at];
    if (place.connection != nullptr && place.connection->Fill() != TlsResult::kWait) {
      place.connection.reset();
      news_.Post({.arrived = nullptr, .place = at, .life = place.life});
    }
  }
}

}  // namespace gaios::rsm
