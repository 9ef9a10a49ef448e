#include <cstring>

#include "gaios/transport/bootstrap/admission.h"
#include "gaios/transport/bootstrap/connection.h"
#include "gaios/transport/bootstrap/wire.h"

#include "tests/fuzz/seeds/corpus.h"

namespace gaios::fuzz {
namespace {

using transport::bootstrap::FrameType;
using transport::bootstrap::Hello;
using transport::bootstrap::Refusal;

// As in bootstrap_frames.cc: bytes at a time, whether long frames are allowed, the stream.
constexpr const char* kPrefix = "\x10\x01";

Hello GoodHello() {
  transport::bootstrap::BootstrapOptions options;
  options.cluster = "harbour";
  options.group = paxos::GroupId(77);
  options.capacity_bytes = 1 << 20;
  options.self = paxos::ReplicaId(0);
  options.incarnation = paxos::Incarnation(3);
  options.peers = {{paxos::ReplicaId(1), "", 0}, {paxos::ReplicaId(2), "", 0}};
  return transport::bootstrap::Admission(options, 4711).HelloTo(paxos::ReplicaId(1), 2);
}

std::string FrameText(FrameType type, std::span<const std::byte> payload) {
  transport::bootstrap::Outbox outbox;
  outbox.Reserve(transport::bootstrap::kMaxWireFrameBytes);
  static_cast<void>(outbox.Append(type, payload));
  return {reinterpret_cast<const char*>(outbox.front().data()), outbox.size()};
}

std::string HelloText(const Hello& hello) {
  return FrameText(FrameType::kHello, std::as_bytes(std::span(&hello, 1)));
}

}  // namespace

void WriteBootstrapSeeds(const Corpus& corpus) {
  const std::string target = "bootstrap_frames";
  const Hello hello = GoodHello();
  const std::string admit = FrameText(FrameType::kAdmit, {});
  const std::string text = "some bytes";
  const std::string data = FrameText(FrameType::kData, std::as_bytes(std::span(text)));
  corpus.Add(target, "comes-up", kPrefix + HelloText(hello) + admit + data + FrameText(FrameType::kPing, {}));
  Hello later = hello;
  later.incarnation = 4;
  Hello other = hello;
  other.cluster[0] = 'x';
  corpus.Add(target, "lives", kPrefix + HelloText(later) + HelloText(hello));
  corpus.Add(target, "other-cluster", kPrefix + HelloText(other));
  Hello version = hello;
  version.version = 2;
  corpus.Add(target, "other-version", kPrefix + HelloText(version));
  const std::string refuse = transport::bootstrap::EncodeRefuse(Refusal::kGroup, "of another group");
  corpus.Add(target, "refused", kPrefix + FrameText(FrameType::kRefuse, std::as_bytes(std::span(refuse))));
  corpus.Add(target, "bare-refusal", kPrefix + refuse);
  const std::string longest(2048, 'x');
  corpus.Add(target, "long-frame", kPrefix + FrameText(FrameType::kData, std::as_bytes(std::span(longest))));
  corpus.Add(target, "cut", kPrefix + HelloText(hello).substr(0, 50));
  corpus.AddRandom(target, 4, 200, 14);
}

}  // namespace gaios::fuzz
