// What comes from the link to a port that sees all of it: frames around datagrams, and ARP. The first byte
// says which checksums a device has found good; so the ways behind a right checksum are not closed to the
// fuzzer.

#include <algorithm>
#include <array>
#include <cstring>
#include <optional>
#include <vector>

#include "gaios/base/check.h"
#include "gaios/transport/udp/dpdk/frame.h"

#include "tests/fuzz/target.h"

namespace gaios::fuzz {
namespace {

using namespace transport::udp::dpdk;  // NOLINT(google-build-using-namespace): the whole of it is under test

// As in frame_seeds.cc.
constexpr LinkEndpoint kSelf = {.mac = {2, 0, 0, 0, 0, 2}, .endpoint = {.address = 0x0a090002, .port = 7000}};
constexpr LinkEndpoint kPeer = {.mac = {2, 0, 0, 0, 0, 1}, .endpoint = {.address = 0x0a090001, .port = 7000}};

// A datagram that was found, sent on by this end, is found by the next one with the same payload.
void SendOn(std::span<const std::byte> payload) {
  std::vector<std::byte> frame(kHeaderBytes + payload.size());
  std::ranges::copy(payload, frame.begin() + kHeaderBytes);
  WriteHeaders(frame, kSelf, kPeer, {});
  FoundDatagram found;
  GAIOS_CHECK(ParseFrame(frame, kPeer, {}, found) == FrameFound::kDatagram, "what is written is found");
  GAIOS_CHECK(found.from == kSelf.endpoint, "it comes from who wrote it");
  GAIOS_CHECK(std::ranges::equal(std::span(frame).subspan(found.offset, found.bytes), payload),
              "it is what was written");
}

void Answer(const ArpMessage& message) {
  std::array<std::byte, kArpFrameBytes> frame = {};
  WriteArp(frame, message, kSelf.mac);
  const std::optional<ArpMessage> again = ParseArp(frame);
  GAIOS_CHECK(again.has_value() && again->request == message.request &&
                  again->sender_mac == message.sender_mac && again->sender == message.sender &&
                  again->target == message.target,
              "a message of ARP that is written is found");
}

}  // namespace

void RunTarget(std::span<const std::byte> input) {
  if (input.empty()) {
    return;
  }
  const ChecksumsByDevice checked = {.ipv4 = (input[0] & std::byte{1}) != std::byte{0},
                                     .udp = (input[0] & std::byte{2}) != std::byte{0}};
  const std::vector<std::byte> frame(input.begin() + 1,
                                     input.end());  // of its own, so that reading past it shows
  FoundDatagram found;
  if (ParseFrame(frame, kSelf, checked, found) == FrameFound::kDatagram) {
    GAIOS_CHECK(found.offset >= kHeaderBytes && found.offset <= frame.size() &&
                    found.bytes <= frame.size() - found.offset,
                "a payload lies in its frame, behind the headers");
    SendOn(std::span(frame).subspan(found.offset, found.bytes));
  }
  if (const std::optional<ArpMessage> message = ParseArp(frame)) {
    Answer(*message);
  }
}

}  // namespace gaios::fuzz
