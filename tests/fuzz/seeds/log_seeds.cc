#include <algorithm>

#include "tests/fuzz/log_ring.h"
#include "tests/fuzz/seeds/corpus.h"

namespace gaios::fuzz {
namespace {

using paxos::EntryHeader;
using paxos::EntryKind;

constexpr std::uint64_t kMostBytes = 3900;

// The head of an input of log_recovery: how many checksums to make right, where the scan begins, its slot and
// how far it may go.
Says Scan(std::uint8_t right, std::uint16_t unit, std::uint16_t slot, std::uint16_t limit) {
  return Says{right}.Value(unit).Value(slot).Value(limit);
}

// An entry whose checksum is not right. What does not fit into a file of the corpus is left out: it reads as
// zeros.
Says Unsealed(std::uint32_t length, EntryKind kind, std::uint16_t commands) {
  EntryHeader header;
  header.length = length;
  header.kind = static_cast<std::uint16_t>(kind);
  header.commands = commands;
  header.ballot = paxos::Ballot(3, paxos::ReplicaId(1), paxos::Incarnation(1)).packed();
  Says says;
  says.Value(header);
  const std::uint64_t rest = paxos::EntryBytes(length) - sizeof(header);
  for (std::uint64_t i = 0; i < std::min<std::uint64_t>(rest, kMostBytes); ++i) {
    says.Value(static_cast<std::uint8_t>(i < length ? 'x' : 0));
  }
  return says;
}

// A chain as a leader writes it, from the start of the log.
Says Sealed(std::initializer_list<std::uint32_t> lengths) {
  LogRing ring;
  paxos::Cursor at = paxos::StartOfLog(kGroup);
  for (const std::uint32_t length : lengths) {
    EntryHeader header;
    header.length = length;
    header.kind = static_cast<std::uint16_t>(length == 0 ? EntryKind::kBallotRecord : EntryKind::kBatch);
    header.commands = 1;
    at = ring.log().Seal(at, paxos::Ballot(2, paxos::ReplicaId(0), paxos::Incarnation(1)), header);
  }
  return Says().Bytes(ring.bytes().first(at.position.value()));
}

}  // namespace

void WriteLogSeeds(const Corpus& corpus) {
  const std::string target = "log_recovery";
  corpus.Add(target, "one-entry", Scan(1, 0, 0, 4096).Then(Unsealed(5, EntryKind::kBatch, 1)));
  corpus.Add(target, "chain",
             Scan(9, 0, 0, 4096)
                 .Then(Unsealed(0, EntryKind::kBallotRecord, 0))
                 .Then(Unsealed(5, EntryKind::kBatch, 1))
                 .Then(Unsealed(100, EntryKind::kBatch, 7))
                 .Then(Unsealed(16, EntryKind::kBatch, 2)));
  corpus.Add(target, "around-the-end",
             Scan(9, 61, 300, 8192)
                 .Then(Unsealed(40, EntryKind::kBatch, 1))
                 .Then(Unsealed(16, EntryKind::kFiller, 0))
                 .Then(Unsealed(40, EntryKind::kBatch, 1)));
  corpus.Add(target, "past-the-end", Scan(9, 63, 0, 4096).Then(Unsealed(17, EntryKind::kBatch, 1)));
  corpus.Add(target, "largest-length",
             Scan(9, 0, 0, 4096).Then(Unsealed(~std::uint32_t{0}, EntryKind::kBatch, 1)));
  corpus.Add(target, "whole-ring", Scan(9, 0, 0, 4096).Then(Unsealed(4048, EntryKind::kBatch, 1)));
  corpus.Add(target, "unknown-kind", Scan(9, 0, 0, 4096).Then(Unsealed(5, static_cast<EntryKind>(6), 1)));
  corpus.Add(target, "as-written", Scan(0, 0, 0, 4096).Then(Sealed({0, 8, 200, 64, 16, 17})));
  corpus.Add(target, "as-written-limited", Scan(0, 0, 0, 130).Then(Sealed({0, 8, 200})));
  corpus.AddRandom("log_damage", 10, 120, 11);
}

}  // namespace gaios::fuzz
