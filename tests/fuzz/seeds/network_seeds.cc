#include <algorithm>
#include <cstring>
#include <string>

#include "gaios/rsm/client/byte_ring.h"
#include "gaios/rsm/client/network/wire.h"

#include "tests/fuzz/seeds/corpus.h"

namespace gaios::fuzz {
namespace {

template <typename Value>
std::string TextOf(const Value& value) {
  return {reinterpret_cast<const char*>(&value), sizeof(value)};
}

// As in network_datagrams.cc: its length, marked as one that is made right, and the datagram.
std::string DatagramText(const rsm::NetworkHeader& header, const std::string& bytes) {
  const std::string text = TextOf(header) + bytes + std::string(transport::udp::kTrailerBytes, 't');
  return TextOf(static_cast<std::uint16_t>(text.size() | 0x8000U)) + text;
}

std::string At(std::uint64_t position, const std::string& bytes, std::uint64_t received = 0,
               std::uint64_t consumed = 0) {
  rsm::NetworkHeader header;
  header.position = position;
  header.received = received;
  header.consumed = consumed;
  header.stamp_ns = 1000 + position;
  return DatagramText(header, bytes);
}

std::string Record(std::uint32_t bytes, std::uint32_t filler = 0) {
  return TextOf(rsm::RecordHeader{.bytes = bytes, .filler = filler}) +
         std::string(rsm::RecordBytes(bytes) - sizeof(rsm::RecordHeader), 'r');
}

}  // namespace

void WriteNetworkSeeds(const Corpus& corpus) {
  const std::string target = "network_datagrams";
  const std::string record = Record(56);  // 64 bytes of the ring
  corpus.Add(target, "in-order", At(0, record) + At(64, record, 64) + At(128, record, 128, 64));
  corpus.Add(target, "out-of-order", At(128, record) + At(64, record) + At(0, record) + At(0, record));
  corpus.Add(target, "in-pieces", At(0, record.substr(0, 20)) + At(20, record.substr(20)) + At(10, record));
  corpus.Add(target, "ends-of-the-ring",
             At(4032, record) + At(4033, record) + At(~std::uint64_t{0} - 63, record));
  corpus.Add(target, "filler-astray", At(0, record) + At(64, Record(8, 1)) + At(80, record));
  corpus.Add(target, "no-record", At(0, Record(0, 2)) + At(8, record));
  corpus.Add(target, "ack-of-nothing", At(0, record, 1000, 900));
  rsm::NetworkHeader ask;
  ask.answer = 1;
  ask.gap_end = 64;
  ask.beyond = 3;
  corpus.Add(target, "gap", At(0, record) + DatagramText(ask, "") + DatagramText({.answer = 1}, ""));
  rsm::NetworkHeader encrypted = {.kind = rsm::kEncryptedFlag, .stamp_ns = 1000};
  const std::string first = DatagramText(encrypted, record);
  encrypted.position = 64;
  corpus.Add(target, "encrypted", first + DatagramText(encrypted, record));
  rsm::NetworkHello hello;
  hello.payload_bytes = 1400;
  hello.cluster_bytes = 4;
  std::ranges::copy(std::string("book"), hello.cluster.begin());
  corpus.Add(target, "hello", TextOf(hello));
  hello.version = rsm::kEncryptingNetworkVersion;
  corpus.Add(target, "hello-that-encrypts", TextOf(hello));
  rsm::NetworkWelcome welcome;
  welcome.group = 77;
  welcome.request_ring_bytes = 4096;
  welcome.response_ring_bytes = 65536;
  welcome.payload_bytes = 1400;
  welcome.port = 7500;
  corpus.Add(target, "welcome", TextOf(welcome));
}

}  // namespace gaios::fuzz
