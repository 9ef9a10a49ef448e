// What an entry of the log costs to seal and to check, by the bytes of its payload.

#include <cstdint>
#include <memory>
#include <new>

#include <benchmark/benchmark.h>

#include "gaios/base/check.h"
#include "gaios/paxos/log.h"

namespace gaios::paxos {
namespace {

constexpr std::uint64_t kCapacityBytes = std::uint64_t{1} << 20;

// A ring of the right alignment.
class Ring {
 public:
  Ring() { log_.MoveTo(memory_.get()); }
  Log& log() { return log_; }

 private:
  struct Free {
    void operator()(std::byte* memory) const {
      ::operator delete[](memory, std::align_val_t{kEntryAlignment});
    }
  };
  std::unique_ptr<std::byte[], Free> memory_{new (std::align_val_t{kEntryAlignment})
                                                 std::byte[kCapacityBytes]()};
  Log log_{memory_.get(), kCapacityBytes, GroupId(1)};
};

EntryHeader HeaderFor(benchmark::State& state) {
  EntryHeader header;
  header.length = static_cast<std::uint32_t>(state.range(0));
  header.kind = static_cast<std::uint16_t>(EntryKind::kBatch);
  header.commands = 1;
  return header;
}

void Seal(benchmark::State& state) {
  Ring ring;
  const EntryHeader header = HeaderFor(state);
  const Cursor start = StartOfLog(GroupId(1));
  for (auto _ : state) {
    benchmark::DoNotOptimize(ring.log().Seal(start, Ballot(1, ReplicaId(0), Incarnation(1)), header));
  }
  state.SetBytesProcessed(state.iterations() * static_cast<std::int64_t>(EntryBytes(header.length)));
}

void Check(benchmark::State& state) {
  Ring ring;
  const Cursor start = StartOfLog(GroupId(1));
  const EntryHeader header = HeaderFor(state);
  static_cast<void>(ring.log().Seal(start, Ballot(1, ReplicaId(0), Incarnation(1)), header));
  for (auto _ : state) {
    const std::optional<Entry> entry = ring.log().Next(start);
    GAIOS_CHECK(entry.has_value(), "a sealed entry is valid");
    benchmark::DoNotOptimize(entry->range.to);
  }
  state.SetBytesProcessed(state.iterations() * static_cast<std::int64_t>(EntryBytes(header.length)));
}

BENCHMARK(Seal)->Name("Entry/seal")->ArgName("payload")->Arg(72)->Arg(1 << 10)->Arg(16 << 10);
BENCHMARK(Check)->Name("Entry/check")->ArgName("payload")->Arg(72)->Arg(1 << 10)->Arg(16 << 10);

}  // namespace
}  // namespace gaios::paxos

BENCHMARK_MAIN();
