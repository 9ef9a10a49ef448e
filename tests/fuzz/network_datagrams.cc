// What arrives at the UDP port by which clients of the network come in to a replica, and the greeting before
// it. The stream behind the parser is given datagrams whose trailer is right, too: a client that has the key
// may say anything.

#include <algorithm>
#include <cstring>
#include <memory>
#include <optional>
#include <vector>

#include "gaios/base/check.h"
#include "gaios/rsm/client/byte_ring.h"
#include "gaios/rsm/client/network/ring_stream.h"
#include "gaios/rsm/client/network/wire.h"
#include "gaios/transport/udp/port.h"

#include "tests/fuzz/target.h"

namespace gaios::fuzz {
namespace {

using rsm::kNetworkOverheadBytes;
using rsm::NetworkDatagram;
using rsm::NetworkHeader;
using rsm::NetworkKind;

constexpr std::size_t kRingBytes = 4096;
constexpr std::size_t kGuardBytes = 64;
constexpr std::byte kGuard{0xa5};
constexpr std::uint64_t kGroup = 77;
constexpr std::size_t kPayloadBytes = 600;
constexpr std::uint64_t kTurnNs = 300'000;

// Sends nowhere, and looks at what is sent.
class Nowhere final : public transport::udp::Port {
 public:
  [[nodiscard]] transport::udp::Endpoint local() const override { return {}; }
  [[nodiscard]] std::size_t max_payload() const override { return kPayloadBytes; }
  [[nodiscard]] bool up() const override { return true; }
  [[nodiscard]] std::span<std::byte> Claim() override { return buffer_; }
  void Send(std::size_t bytes, transport::udp::Endpoint /*to*/) override {
    NetworkDatagram datagram;
    GAIOS_CHECK(
        !rsm::ParseNetworkDatagram(std::span(buffer_).first(bytes), NetworkKind::kResponses, kGroup, datagram)
             .has_value(),
        "what is sent is a datagram");
  }
  void Flush() override {}
  std::size_t Receive(transport::udp::DatagramReceiver& /*receiver*/, std::size_t /*limit*/) override {
    return 0;
  }
  [[nodiscard]] const transport::udp::PortCounters& counters() const override { return counters_; }

 private:
  std::vector<std::byte> buffer_ = std::vector<std::byte>(kPayloadBytes);
  transport::udp::PortCounters counters_;
};

// The replica's end of a connection.
class End {
 public:
  void Take(std::span<std::byte> payload) {
    NetworkDatagram datagram;
    if (rsm::ParseNetworkDatagram(payload, NetworkKind::kRequests, kGroup, datagram).has_value()) {
      return;
    }
    GAIOS_CHECK(datagram.bytes.size() + kNetworkOverheadBytes == payload.size(),
                "a datagram is header, bytes and trailer");
    // As if its seal had been right, and opened.
    if (datagram.encrypted && rsm::ParseDecrypted(payload, datagram).has_value()) {
      return;
    }
    datagram.encrypted = false;
    const std::uint64_t before = in_indexes_.tail.load();
    (void)stream_.Take(datagram, payload, now_ns_);
    const std::uint64_t tail = in_indexes_.tail.load();
    GAIOS_CHECK(tail >= before && tail - in_indexes_.head.load() <= kRingBytes,
                "no more comes than has room");
    GAIOS_CHECK(out_indexes_.head.load() <= out_indexes_.tail.load(), "no more is taken out than was put in");
  }
  // Answers what has come, as far as there is room.
  void Turn() {
    now_ns_ += kTurnNs;
    std::span<const std::byte> record;
    while (reader_.Front(record) == rsm::RingReader::Next::kRecord) {
      GAIOS_CHECK(record.data() >= in() && record.data() + record.size() <= in() + kRingBytes,
                  "a record lies in the ring");
      std::byte* const place = writer_.Claim(std::min<std::size_t>(record.size(), 1000));
      if (place == nullptr) {
        break;
      }
      writer_.Commit();
      reader_.Pop();
    }
    (void)stream_.SendDue(port_, {}, now_ns_);
  }
  void CheckGuards() const {
    const auto is_guard = [](std::byte byte) { return byte == kGuard; };
    GAIOS_CHECK(std::all_of(memory_.begin(), memory_.begin() + kGuardBytes, is_guard) &&
                    std::all_of(memory_.end() - kGuardBytes, memory_.end(), is_guard),
                "nothing lands outside of the ring");
  }

 private:
  [[nodiscard]] std::byte* in() { return memory_.data() + kGuardBytes; }

  std::vector<std::byte> memory_ = std::vector<std::byte>(kRingBytes + 2 * kGuardBytes, kGuard);
  std::vector<std::byte> out_ = std::vector<std::byte>(kRingBytes);
  rsm::RingIndexes in_indexes_;
  rsm::RingIndexes out_indexes_;
  std::uint64_t now_ns_ = 1'000'000;
  Nowhere port_;
  rsm::RingStream stream_{
      NetworkKind::kResponses,
      {.out_indexes = &out_indexes_,
       .out = out_,
       .in_indexes = &in_indexes_,
       .in = std::span<std::byte>(in(), kRingBytes)},
      {.group = kGroup, .place = 0, .tag_out = 2, .tag_in = 1, .payload_bytes = kPayloadBytes},
      transport::udp::Seal(),
      now_ns_};
  rsm::RingReader reader_{in_indexes_, std::span<const std::byte>(in(), kRingBytes)};
  rsm::RingWriter writer_{out_indexes_, out_};
};

}  // namespace

// Datagrams one after another, each behind its length of two bytes. The highest bit of the length says that
// what a client of the group gets right is made right.
void RunTarget(std::span<const std::byte> input) {
  rsm::NetworkHello hello;
  if (rsm::ParseNetworkHello(input, hello) == rsm::GreetingFound::kGood) {
    GAIOS_CHECK(!hello.cluster_name().empty(), "a cluster has a name");
  }
  rsm::NetworkWelcome welcome;
  if (rsm::ParseNetworkWelcome(input, welcome) == rsm::GreetingFound::kGood) {
    GAIOS_CHECK(welcome.max_command_bytes < welcome.request_ring_bytes, "a command fits");
  }
  End end;
  transport::udp::Seal seal;
  while (input.size() > 2) {
    std::uint16_t length = 0;
    std::memcpy(&length, input.data(), sizeof(length));
    input = input.subspan(2);
    const bool right = (length & 0x8000U) != 0;
    const std::size_t size = std::min<std::size_t>(length & 0x7fffU, input.size());
    std::vector<std::byte> payload(input.begin(), input.begin() + static_cast<std::ptrdiff_t>(size));
    input = input.subspan(size);
    if (right && payload.size() >= kNetworkOverheadBytes) {
      NetworkHeader header;
      std::memcpy(&header, payload.data(), sizeof(header));
      const NetworkHeader known;
      header.magic = known.magic;
      header.version = known.version;
      header.kind = static_cast<std::uint8_t>(NetworkKind::kRequests) | (header.kind & rsm::kEncryptedFlag);
      header.group = kGroup;
      header.tag = 1;
      header.bytes = static_cast<std::uint16_t>(payload.size() - kNetworkOverheadBytes);
      std::memcpy(payload.data(), &header, sizeof(header));
      GAIOS_CHECK(seal.Close(payload), "a checksum can always be made");
    }
    end.Take(payload);
    end.Turn();
  }
  end.CheckGuards();
}

}  // namespace gaios::fuzz
