// What an end that has the key may say inside of TLS: a stream of frames, and the hellos and refusals in it.

#include <algorithm>
#include <cstring>
#include <string>
#include <vector>

#include "gaios/base/check.h"
#include "gaios/transport/bootstrap/admission.h"
#include "gaios/transport/bootstrap/wire.h"

#include "tests/fuzz/choices.h"
#include "tests/fuzz/target.h"

namespace gaios::fuzz {
namespace {

using transport::bootstrap::Admission;
using transport::bootstrap::BootstrapOptions;
using transport::bootstrap::Frame;
using transport::bootstrap::FrameReader;
using transport::bootstrap::FrameType;
using transport::bootstrap::Hello;
using transport::bootstrap::HelloFound;
using transport::bootstrap::Refusal;
using transport::bootstrap::RefuseFrame;
using transport::bootstrap::Verdict;

struct Found {
  FrameType type;
  std::string payload;
  friend bool operator==(const Found&, const Found&) = default;
};

struct Stream {
  std::vector<Found> frames;
  bool malformed = false;
  friend bool operator==(const Stream&, const Stream&) = default;
};

std::string TextOf(std::span<const std::byte> bytes) {
  return {reinterpret_cast<const char*>(bytes.data()), bytes.size()};
}

// As a connection reads it, so many bytes at a time at most.
Stream Read(std::span<const std::byte> bytes, std::size_t allowed, std::size_t step) {
  FrameReader reader;
  reader.Allow(allowed);
  Stream stream;
  for (;;) {
    Frame frame;
    switch (reader.Next(frame)) {
      case FrameReader::Found::kFrame:
        GAIOS_CHECK(frame.payload.size() <= allowed, "no frame is longer than allowed");
        stream.frames.push_back({frame.type, TextOf(frame.payload)});
        break;
      case FrameReader::Found::kMalformed:
        stream.malformed = true;
        return stream;
      case FrameReader::Found::kNothing: {
        const std::span<std::byte> space = reader.Space();
        GAIOS_CHECK(!space.empty(), "there is room for the rest of a frame");
        const std::size_t size = std::min({step, space.size(), bytes.size()});
        if (size == 0) {
          return stream;
        }
        std::memcpy(space.data(), bytes.data(), size);
        reader.Filled(size);
        bytes = bytes.subspan(size);
        break;
      }
    }
  }
}

BootstrapOptions Options() {
  BootstrapOptions options;
  options.cluster = "harbour";
  options.group = paxos::GroupId(77);
  options.capacity_bytes = 1 << 20;
  options.self = paxos::ReplicaId(1);
  options.incarnation = paxos::Incarnation(1);
  options.peers = {{paxos::ReplicaId(0), "", 0}, {paxos::ReplicaId(2), "127.0.0.1", 1}};
  return options;
}

void CheckHello(Admission& admission, std::span<const std::byte> payload) {
  Hello hello;
  const HelloFound found = ParseHello(payload, hello);
  if (found == HelloFound::kGood) {
    GAIOS_CHECK(payload.size() == sizeof(hello) && std::memcmp(payload.data(), &hello, sizeof(hello)) == 0,
                "what is good is taken as it came");
  }
  Hello judged;
  const Verdict verdict = admission.Judge(payload, std::nullopt, 0, judged);
  GAIOS_CHECK(verdict.admitted() == verdict.reason.empty(), "who is refused is told why");
  if (!verdict.admitted()) {
    return;
  }
  GAIOS_CHECK(found == HelloFound::kGood && hello.cluster_name() == "harbour" && hello.group == 77 &&
                  hello.from == 0 && hello.to == 1 && hello.capacity_bytes == 1 << 20 && hello.replicas == 3,
              "only a peer that dials, of this group, is admitted");
  GAIOS_CHECK(admission.JudgeAgain(hello).admitted(), "it is the latest");
  GAIOS_CHECK(admission.Judge(payload, std::nullopt, 0, judged).refusal == Refusal::kStale,
              "the same again is stale");
}

void CheckRefuse(std::span<const std::byte> payload) {
  const std::optional<RefuseFrame> refuse = transport::bootstrap::ParseRefuse(payload);
  if (!refuse.has_value()) {
    return;
  }
  GAIOS_CHECK(std::ranges::all_of(refuse->reason, [](char c) { return c >= ' ' && c <= '~'; }),
              "a reason is printable");
  GAIOS_CHECK(refuse->refusal > Refusal::kAuthentication, "a frame names no refusal that is none");
  const std::string again = EncodeRefuse(refuse->refusal, refuse->reason);
  const std::optional<RefuseFrame> twice = transport::bootstrap::ParseRefuse(std::as_bytes(std::span(again)));
  GAIOS_CHECK(twice.has_value() && twice->refusal == refuse->refusal &&
                  twice->reason == refuse->reason.substr(0, transport::bootstrap::kMaxReasonBytes),
              "a refusal comes back as it was sent");
}

}  // namespace

void RunTarget(std::span<const std::byte> input) {
  Choices choices(input);
  const std::size_t step = 1U + choices.Take<std::uint8_t>();
  const std::size_t allowed =
      choices.Flip() ? transport::bootstrap::kMaxFrameBytes : transport::bootstrap::kMaxGreetingBytes;
  const std::span<const std::byte> bytes = choices.Rest();
  const Stream stream = Read(bytes, allowed, bytes.size() + 1);
  GAIOS_CHECK(stream == Read(bytes, allowed, step), "frames do not depend on how their bytes came");
  Admission admission(Options(), 4711);
  for (const Found& frame : stream.frames) {
    const std::span<const std::byte> payload = std::as_bytes(std::span(frame.payload));
    CheckHello(admission, payload);
    CheckRefuse(payload);
  }
  CheckHello(admission, bytes);
  CheckRefuse(bytes);
}

}  // namespace gaios::fuzz
