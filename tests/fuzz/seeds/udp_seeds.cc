#include <cstring>
#include <string>

#include "gaios/transport/udp/connector.h"
#include "gaios/transport/udp/wire.h"

#include "tests/fuzz/seeds/corpus.h"

namespace gaios::fuzz {
namespace {

using namespace transport::udp;  // NOLINT(google-build-using-namespace): as in datagrams.cc

template <typename Value>
std::string TextOf(const Value& value) {
  return {reinterpret_cast<const char*>(&value), sizeof(value)};
}

// As in datagrams.cc: its length, marked as one whose header is made right, and the datagram.
template <typename Body>
std::string DatagramText(Kind kind, const Body& body, std::size_t tail = 0, std::uint64_t bitmap = 0) {
  const Header header = {.kind = static_cast<std::uint8_t>(kind), .from = 1, .to = 0, .group = 77};
  std::string text = TextOf(header) + TextOf(body);
  text += bitmap != 0 ? TextOf(bitmap) : std::string(tail, 'b');
  text += std::string(kTrailerBytes, 't');
  return TextOf(static_cast<std::uint16_t>(text.size() | 0x8000U)) + text;
}
// One that was encrypted, and is not any more.
template <typename Body>
std::string EncryptedText(Kind kind, const Body& body, std::size_t tail) {
  const Header header = {
      .kind = static_cast<std::uint8_t>(Kind::kEncrypted), .from = 1, .to = 0, .group = 77};
  const std::string text =
      TextOf(header) + TextOf(body) + std::string(tail, 'b') + TextOf(kind) + std::string(kTrailerBytes, 't');
  return TextOf(static_cast<std::uint16_t>(text.size() | 0x8000U)) + text;
}

WriteBody Write(std::uint64_t sequence, std::uint64_t position, std::uint32_t bytes) {
  return {.ballot = 9,
          .number = 1,
          .sequence = sequence,
          .position = position,
          .stamp_ns = 7,
          .words = {position, sequence},
          .bytes = bytes,
          .word_set = 3};
}

}  // namespace

void WriteUdpSeeds(const Corpus& corpus) {
  const std::string target = "datagrams";
  corpus.Add(target, "writes-out-of-order",
             DatagramText(Kind::kWrite, Write(2, 64, 64), 64) +
                 DatagramText(Kind::kWrite, Write(1, 0, 64), 64) +
                 DatagramText(Kind::kWrite, Write(2, 64, 64), 64));
  corpus.Add(target, "write-across-the-end", DatagramText(Kind::kWrite, Write(1, 4000, 200), 200));
  corpus.Add(target, "write-outside", DatagramText(Kind::kWrite, Write(1, 5000, 200), 200));
  corpus.Add(target, "write-of-words-alone", DatagramText(Kind::kWrite, Write(1, ~std::uint64_t{0}, 0)));
  corpus.Add(
      target, "ack-with-gap",
      DatagramText(Kind::kAck, AckBody{.ballot = 9, .cumulative = 1, .stamp_ns = 1000, .bitmap_words = 1}, 8,
                   0b10) +
          DatagramText(Kind::kAck, AckBody{.ballot = 9, .cumulative = 4, .stamp_ns = 1000}));
  corpus.Add(target, "ack-of-too-much", DatagramText(Kind::kAck, AckBody{.ballot = 9, .cumulative = 5}));
  corpus.Add(target, "log",
             DatagramText(Kind::kLog, LogBody{.ballot = 9, .read = 1, .position = 64, .bytes = 1000}, 1000));
  corpus.Add(target, "message", DatagramText(Kind::kMessage, MessageBody{.bytes = 10}, 10));
  corpus.Add(target, "pings",
             DatagramText(Kind::kPing, PingBody{.stamp_ns = 1}, 100) +
                 DatagramText(Kind::kPong, PingBody{.stamp_ns = 1}, 100));
  corpus.Add(target, "grants",
             DatagramText(Kind::kGrant, GrantBody{.ballot = 9, .number = 1}) +
                 DatagramText(Kind::kFenced, GrantBody{.ballot = 10, .number = 1}));
  corpus.Add(target, "encrypted-write", EncryptedText(Kind::kWrite, Write(1, 0, 64), 64));
  corpus.Add(target, "hello",
             TextOf(HelloFrame{.version = kVersion,
                               .authenticate = 1,
                               .port = 7400,
                               .address = 0x7f000001,
                               .payload_bytes = 1400,
                               .room = 100}));
}

}  // namespace gaios::fuzz
