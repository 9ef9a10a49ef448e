// What it costs to seal a datagram and to open one, by the bytes of its payload.

#include <cstddef>
#include <utility>
#include <vector>

#include <benchmark/benchmark.h>

#include "gaios/base/check.h"
#include "gaios/transport/udp/authenticator.h"

namespace gaios::transport::udp {
namespace {

constexpr DirectionKey kForth = {.key = {1}, .salt = {2}};
constexpr DirectionKey kBack = {.key = {3}, .salt = {4}};

// As of the datagrams between replicas.
constexpr std::size_t kReadable = 32;

Authenticator Make(const DirectionKey& send, const DirectionKey& receive,
                   std::size_t readable_bytes = kAllReadable) {
  absl::StatusOr<Authenticator> made =
      Authenticator::Create({.send = send, .receive = receive, .readable_bytes = readable_bytes});
  GAIOS_CHECK(made.ok(), "an authenticator can be made");
  return *std::move(made);
}

std::size_t PayloadBytes(const benchmark::State& state) {
  return static_cast<std::size_t>(state.range(0));
}

void Seal(benchmark::State& state) {
  Authenticator sender = Make(kForth, kBack);
  std::vector<std::byte> datagram(PayloadBytes(state) + kSealBytes);
  for (auto _ : state) {
    GAIOS_CHECK(sender.Seal(datagram), "the numbers do not run out");
    benchmark::ClobberMemory();
  }
}

void SealAndOpen(benchmark::State& state) {
  Authenticator sender = Make(kForth, kBack);
  Authenticator receiver = Make(kBack, kForth);
  std::vector<std::byte> datagram(PayloadBytes(state) + kSealBytes);
  for (auto _ : state) {
    GAIOS_CHECK(sender.Seal(datagram), "the numbers do not run out");
    GAIOS_CHECK(receiver.Open(datagram) == OpenVerdict::kGood, "what was sealed is good");
  }
}

void EncryptAndDecrypt(benchmark::State& state) {
  Authenticator sender = Make(kForth, kBack, kReadable);
  Authenticator receiver = Make(kBack, kForth, kReadable);
  std::vector<std::byte> datagram(PayloadBytes(state) + kSealBytes);
  for (auto _ : state) {
    GAIOS_CHECK(sender.Seal(datagram), "the numbers do not run out");
    GAIOS_CHECK(receiver.Open(datagram) == OpenVerdict::kGood, "what was sealed is good");
  }
}

void RefuseForged(benchmark::State& state) {
  Authenticator receiver = Make(kBack, kForth, state.range(1) != 0 ? kReadable : kAllReadable);
  std::vector<std::byte> datagram(PayloadBytes(state) + kSealBytes);
  datagram[PayloadBytes(state)] = std::byte{1};  // number 1
  for (auto _ : state) {
    GAIOS_CHECK(receiver.Open(datagram) == OpenVerdict::kForged, "a wrong tag is refused");
  }
}

// What was taken before, or has the number of one that was.
void RefuseReplayed(benchmark::State& state) {
  Authenticator sender = Make(kForth, kBack);
  Authenticator receiver = Make(kBack, kForth);
  std::vector<std::byte> datagram(PayloadBytes(state) + kSealBytes);
  GAIOS_CHECK(sender.Seal(datagram) && receiver.Open(datagram) == OpenVerdict::kGood,
              "what was sealed is good");
  for (auto _ : state) {
    GAIOS_CHECK(receiver.Open(datagram) == OpenVerdict::kReplayed, "a number is good once");
  }
}

BENCHMARK(Seal)->Arg(64)->Arg(256)->Arg(1400)->Arg(8900);
BENCHMARK(SealAndOpen)->Arg(64)->Arg(256)->Arg(1400)->Arg(8900);
BENCHMARK(EncryptAndDecrypt)->Arg(64)->Arg(256)->Arg(1400)->Arg(8900);
BENCHMARK(RefuseForged)->ArgNames({"bytes", "encrypt"})->ArgsProduct({{64, 1400, 8900}, {0, 1}});
BENCHMARK(RefuseReplayed)->Arg(64)->Arg(1400)->Arg(8900);

}  // namespace
}  // namespace gaios::transport::udp

BENCHMARK_MAIN();
