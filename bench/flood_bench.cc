// What a datagram costs a replica that takes it in, and one that it drops: from the port on, which here is
// memory. What the kernel or a driver takes for it comes on top. A look takes 64 of them.

#include <algorithm>
#include <array>
#include <cstddef>
#include <cstdint>
#include <cstring>
#include <functional>
#include <memory>
#include <span>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include <benchmark/benchmark.h>

#include "gaios/base/check.h"
#include "gaios/base/clock.h"
#include "gaios/transport/bootstrap/peer_channel.h"
#include "gaios/transport/udp/udp_transport.h"

namespace gaios::transport::udp {
namespace {

constexpr ReplicaId kSelf{0};
constexpr ReplicaId kPeer{1};
constexpr Incarnation kLife{1};
constexpr Endpoint kSelfEndpoint = {.address = 0x0a000001, .port = 7400};
constexpr Endpoint kPeerEndpoint = {.address = 0x0a000002, .port = 7400};
constexpr std::size_t kBatch = 64;  // of a look
constexpr std::size_t kEntryBytes = 128;
constexpr std::uint64_t kGroup = 77;

// A secret of both ends, by its label.
void Derive(std::string_view label, std::span<std::byte> key) {
  std::size_t state = std::hash<std::string_view>()(label);
  for (std::byte& byte : key) {
    state = state * 0x9e3779b97f4a7c15 + 1;
    byte = static_cast<std::byte>(state >> 56U);
  }
}

// A peer that has been met, and has said a hello.
class MetPeer final : public bootstrap::PeerChannel {
 public:
  explicit MetPeer(const HelloFrame& hello) : hello_(hello) {}
  std::size_t Poll(bootstrap::PeerChannelHandler& handler) override {
    if (!std::exchange(met_, true)) {
      handler.OnPeerUp(kPeer, kLife);
      handler.OnFrame(kPeer, std::as_bytes(std::span(&hello_, 1)));
    }
    return 0;
  }
  [[nodiscard]] bool Send(ReplicaId /*peer*/, std::span<const std::byte> /*bytes*/) override { return true; }
  [[nodiscard]] bool ExportKey(ReplicaId /*peer*/, std::string_view label,
                               std::span<std::byte> key) const override {
    Derive(label, key);
    return true;
  }
  void Disconnect(ReplicaId /*peer*/) override {}
  [[nodiscard]] int poll_fd() const override { return -1; }
  [[nodiscard]] std::uint64_t NextTimeNs() const override { return 0; }
  [[nodiscard]] std::vector<std::string> TakeNotices() override { return {}; }

 private:
  const HelloFrame hello_;
  bool met_ = false;
};

// Gives what the benchmark has put there, and keeps the last that was sent.
class MemoryPort final : public Port {
 public:
  [[nodiscard]] Endpoint local() const override { return kSelfEndpoint; }
  [[nodiscard]] std::size_t max_payload() const override { return kDefaultPayloadBytes; }
  [[nodiscard]] bool up() const override { return true; }
  [[nodiscard]] std::span<std::byte> Claim() override { return claimed_; }
  void Send(std::size_t bytes, Endpoint /*to*/) override {
    sent.assign(claimed_.begin(), claimed_.begin() + static_cast<std::ptrdiff_t>(bytes));
  }
  void Flush() override {}
  std::size_t Receive(DatagramReceiver& receiver, std::size_t limit) override {
    const std::size_t count = std::min(limit, waiting.size());
    for (std::vector<std::byte>& datagram : waiting.first(count)) {
      receiver.OnDatagram(from, datagram);
    }
    waiting = waiting.subspan(count);
    return count;
  }
  [[nodiscard]] const PortCounters& counters() const override { return counters_; }

  Endpoint from = kPeerEndpoint;
  std::span<std::vector<std::byte>> waiting;
  std::vector<std::byte> sent;

 private:
  alignas(8) std::array<std::byte, kDefaultPayloadBytes> claimed_ = {};
  PortCounters counters_;
};

class Silent final : public EventHandler {
 public:
  void OnLinkUp(ReplicaId /*peer*/, Incarnation /*incarnation*/) override { up = true; }
  void OnLinkDown(ReplicaId /*peer*/) override { up = false; }
  void OnGranted(Grant /*grant*/) override {}
  void OnCompletion(const Completion& /*completion*/) override {}
  void OnControl(ReplicaId /*peer*/, Outcome /*outcome*/, const ControlView& /*view*/) override {}
  void OnMessage(ReplicaId /*peer*/, Incarnation /*incarnation*/,
                 std::span<const std::byte> /*message*/) override {}
  Range LiveRange(const std::byte* /*log*/) override { return {}; }
  bool up = false;
};

Seal SealOf(bool encrypt) {
  const char* const key = encrypt ? "encryption key" : "key";
  AuthenticatorOptions keys;
  keys.readable_bytes = encrypt ? sizeof(Header) : kAllReadable;
  const auto derive = [](const std::string& label, auto& value) {
    Derive(label, std::as_writable_bytes(std::span(&value, 1)));
  };
  derive(std::string("gaios udp 1 to 0 ") + key, keys.send.key);
  derive(std::string("gaios udp 0 to 1 ") + key, keys.receive.key);
  derive("gaios udp 1 to 0 salt", keys.send.salt);
  derive("gaios udp 0 to 1 salt", keys.receive.salt);
  absl::StatusOr<Authenticator> made = Authenticator::Create(keys);
  GAIOS_CHECK(made.ok(), "an authenticator can be made");
  return Seal(*std::move(made));
}

// A replica whose log the peer may write, and the peer's hand.
class Replica {
 public:
  explicit Replica(bool encrypt) : encrypt_(encrypt), seal_(SealOf(encrypt)) {
    Derive("gaios udp 1 to 0 tag", std::as_writable_bytes(std::span(&tag_, 1)));
    auto port = std::make_unique<MemoryPort>();
    port_ = port.get();
    HelloFrame hello = {.port = kPeerEndpoint.port,
                        .address = kPeerEndpoint.address,
                        .payload_bytes = kDefaultPayloadBytes,
                        .room = 100};
    SetProtection(encrypt ? Protection::kEncrypted : Protection::kMac, hello);
    UdpOptions options;
    options.self = kSelf;
    options.incarnation = kLife;
    options.group = paxos::GroupId(kGroup);
    options.capacity = std::size_t{1} << 20;
    options.clock = &clock_;
    options.encrypt = encrypt;
    options.own_thread = false;
    auto reserved = UdpTransport::Reserve(options, std::move(port), std::make_unique<MetPeer>(hello));
    GAIOS_CHECK(reserved.ok(), "a transport can be had");
    transport_ = *std::move(reserved);
    transport_->Begin();
    BringUp();
    transport_->GrantTo(kPeer, grant_);
    Poll();
  }
  void Poll() { transport_->Poll(handler_); }
  // Takes all in, a look at a time.
  void Take(std::vector<std::vector<std::byte>>& datagrams) {
    for (port_->waiting = datagrams; !port_->waiting.empty();) {
      Poll();
    }
  }
  // What the peer writes next, of one entry.
  std::vector<std::byte> Write() {
    const WriteBody body = {.ballot = grant_.ballot.packed(),
                            .number = grant_.number,
                            .sequence = ++sequence_,
                            .position = position_,
                            .stamp_ns = 1,
                            .bytes = kEntryBytes};
    position_ += kEntryBytes;
    return Datagram(Kind::kWrite, body, kEntryBytes);
  }
  // What was written has been applied, so that there is room.
  void Apply() { transport_->Publish(ControlWord::kApplied, position_); }
  [[nodiscard]] std::uint64_t taken() const { return transport_->counters().writes_taken; }
  [[nodiscard]] std::uint64_t dropped(Drop why) const {
    return transport_->counters().dropped[static_cast<std::size_t>(why)];
  }
  MemoryPort& port() { return *port_; }

 private:
  template <typename Body>
  std::vector<std::byte> Datagram(Kind kind, const Body& body, std::size_t bytes) {
    const Header header = {.kind = static_cast<std::uint8_t>(encrypt_ ? Kind::kEncrypted : kind),
                           .from = kPeer.value(),
                           .to = kSelf.value(),
                           .group = kGroup,
                           .from_incarnation = kLife.value(),
                           .to_incarnation = kLife.value(),
                           .tag = tag_};
    const std::size_t whole = sizeof(header) + sizeof(body) + bytes + (encrypt_ ? kKindBytes : 0);
    std::vector<std::byte> datagram(whole + kTrailerBytes);
    std::memcpy(datagram.data(), &header, sizeof(header));
    std::memcpy(datagram.data() + sizeof(header), &body, sizeof(body));
    if (encrypt_) {
      datagram[whole - kKindBytes] = static_cast<std::byte>(kind);
    }
    GAIOS_CHECK(seal_.Close(datagram), "the numbers do not run out");
    return datagram;
  }
  // Answers the ping of the full length.
  void BringUp() {
    for (int looks = 0; !handler_.up; ++looks) {
      GAIOS_CHECK(looks < 1000, "the link comes up");
      clock_.AdvanceNs(1'000'000);
      Poll();
      if (!port_->sent.empty()) {
        const PingBody body = {.stamp_ns = clock_.NowNs()};
        std::vector<std::vector<std::byte>> pong = {Datagram(Kind::kPong, body,
                                                             kDefaultPayloadBytes - sizeof(Header) -
                                                                 sizeof(body) - kTrailerBytes -
                                                                 (encrypt_ ? kKindBytes : 0))};
        Take(pong);
      }
    }
  }

  const bool encrypt_;
  base::ManualClock clock_{1'000'000'000};
  Seal seal_;
  std::uint64_t tag_ = 0;
  MemoryPort* port_ = nullptr;
  std::unique_ptr<UdpTransport> transport_;
  Silent handler_;
  const Grant grant_ = {.ballot = paxos::Ballot(1, kPeer, kLife), .number = 1};
  std::uint64_t sequence_ = 0;
  std::uint64_t position_ = 0;
};

using Datagrams = std::vector<std::vector<std::byte>>;

constexpr std::size_t kDatagrams = 4 * kBatch;  // prepared at a time

Datagrams Writes(Replica& replica) {
  Datagrams datagrams(kDatagrams);
  std::ranges::generate(datagrams, [&] { return replica.Write(); });
  return datagrams;
}

// Measures what `prepare` makes of genuine writes, kDatagrams at a time; the making does not count.
void Measure(benchmark::State& state, Replica& replica, const std::function<void(Datagrams&)>& prepare) {
  const base::TscClock clock;
  for (auto _ : state) {
    Datagrams datagrams = Writes(replica);
    prepare(datagrams);
    const std::uint64_t begin_ns = clock.NowNs();
    replica.Take(datagrams);
    state.SetIterationTime(static_cast<double>(clock.NowNs() - begin_ns) / 1e9);
    replica.Apply();
  }
  state.counters["datagram"] = benchmark::Counter(static_cast<double>(state.iterations() * kDatagrams),
                                                  benchmark::Counter::kIsRate | benchmark::Counter::kInvert);
}

void Genuine(benchmark::State& state) {
  Replica replica(state.range(0) != 0);
  Measure(state, replica, [](Datagrams&) {});
  GAIOS_CHECK(replica.taken() == static_cast<std::uint64_t>(state.iterations()) * kDatagrams,
              "all were taken");
}

// All of `change`d genuine ones are dropped for `why`.
void Dropped(benchmark::State& state, Drop why, const std::function<void(std::vector<std::byte>&)>& change,
             Endpoint from = kPeerEndpoint) {
  Replica replica(state.range(0) != 0);
  replica.port().from = from;
  Measure(state, replica, [&](Datagrams& datagrams) { std::ranges::for_each(datagrams, change); });
  GAIOS_CHECK(replica.dropped(why) == static_cast<std::uint64_t>(state.iterations()) * kDatagrams &&
                  replica.taken() == 0,
              "all were dropped, and for that");
}

void ForgedMac(benchmark::State& state) {
  Dropped(state, Drop::kForged, [](std::vector<std::byte>& datagram) { datagram.back() ^= std::byte{1}; });
}
void Replayed(benchmark::State& state) {
  Replica replica(state.range(0) != 0);
  Datagrams seen = Writes(replica);
  Datagrams copy = seen;
  replica.Take(copy);
  const std::uint64_t taken = replica.taken();
  Measure(state, replica, [&](Datagrams& datagrams) { datagrams = seen; });
  GAIOS_CHECK(
      replica.dropped(Drop::kReplayed) == static_cast<std::uint64_t>(state.iterations()) * kDatagrams &&
          replica.taken() == taken,
      "all were dropped, and for that");
}
void OtherConnection(benchmark::State& state) {
  Dropped(state, Drop::kStale,
          [](std::vector<std::byte>& datagram) { datagram[offsetof(Header, tag)] ^= std::byte{1}; });
}
void Stranger(benchmark::State& state) {
  Dropped(state, Drop::kStranger, [](std::vector<std::byte>&) {}, {.address = 0x0a000009, .port = 7400});
}
void ForeignCluster(benchmark::State& state) {
  Dropped(state, Drop::kForeign,
          [](std::vector<std::byte>& datagram) { datagram[offsetof(Header, group)] ^= std::byte{1}; });
}
void Truncated(benchmark::State& state) {
  Dropped(state, Drop::kTruncated,
          [](std::vector<std::byte>& datagram) { datagram.resize(sizeof(Header) + kTrailerBytes - 1); });
}
void NothingCame(benchmark::State& state) {
  Replica replica(state.range(0) != 0);
  for (auto _ : state) {
    replica.Poll();
  }
}

BENCHMARK(Genuine)->ArgName("encrypt")->Arg(0)->Arg(1)->UseManualTime();
BENCHMARK(ForgedMac)->ArgName("encrypt")->Arg(0)->Arg(1)->UseManualTime();
BENCHMARK(Replayed)->ArgName("encrypt")->Arg(0)->Arg(1)->UseManualTime();
BENCHMARK(OtherConnection)->ArgName("encrypt")->Arg(0)->UseManualTime();
BENCHMARK(Stranger)->ArgName("encrypt")->Arg(0)->UseManualTime();
BENCHMARK(ForeignCluster)->ArgName("encrypt")->Arg(0)->UseManualTime();
BENCHMARK(Truncated)->ArgName("encrypt")->Arg(0)->UseManualTime();
BENCHMARK(NothingCame)->ArgName("encrypt")->Arg(0);

}  // namespace
}  // namespace gaios::transport::udp

BENCHMARK_MAIN();
