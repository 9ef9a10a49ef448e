#include <array>

#include "gaios/paxos/message.h"
#include "gaios/transport/shm/wire.h"

#include "tests/fuzz/log_ring.h"
#include "tests/fuzz/seeds/corpus.h"

namespace gaios::fuzz {
namespace {

using paxos::Message;
using transport::shm::Packet;
using transport::shm::PacketType;

std::string TextOf(std::span<const std::byte> bytes) {
  return Says().Bytes(bytes).text();
}

void WriteMessages(const Corpus& corpus) {
  for (std::uint8_t kind = 1; kind <= static_cast<std::uint8_t>(paxos::kLastMessageKind); ++kind) {
    Message message;
    message.kind = static_cast<paxos::MessageKind>(kind);
    message.grant = {paxos::Ballot(7, paxos::ReplicaId(1), paxos::Incarnation(1)), 1};
    message.promised = paxos::Ballot(8, paxos::ReplicaId(2), paxos::Incarnation(1));
    message.commit = paxos::Position(640);
    message.applied = paxos::Position(576);
    message.retained = paxos::Position(64);
    message.valid_end = {paxos::Position(704), paxos::Slot(9), message.grant.ballot, 0x1234567890abcdef};
    std::array<std::byte, paxos::kEncodedMessageBytes> bytes;
    paxos::EncodeMessage(message, kGroup, bytes);
    corpus.Add("control_messages", "kind-" + std::to_string(kind), TextOf(bytes));
  }
  corpus.AddRandom("control_messages", 8, 600, 12);
}

// As in shm_packets.cc: an action from 2 on is a deed of a peer, the first or the second.
Says Deed(std::uint8_t peer, std::initializer_list<std::uint8_t> deed) {
  return Says{2, peer}.Then(Says(deed));
}

// Comes up as a peer should. Replica 0 is connected to, so the transport must try first.
Says LinkUp(std::uint8_t peer) {
  return Says{0, 200}
      .Then(Deed(peer, {0}))
      .Then(Deed(peer, {2, 1}))
      .Then(Deed(peer, {3}))
      .Then(Deed(peer, {9}));
}

void WritePackets(const Corpus& corpus) {
  const std::string target = "shm_packets";
  corpus.Add(target, "hello", TextOf(Packet(PacketType::kHello, transport::shm::Hello{}).bytes()));
  corpus.Add(target, "regions", TextOf(Packet(PacketType::kRegions, transport::shm::Regions{}).bytes()));
  corpus.Add(target, "refuse",
             TextOf(Packet(PacketType::kRefuse,
                           transport::shm::MakeRefuse(transport::shm::Refusal::kGroup, "of another group"))
                        .bytes()));
  corpus.Add(target, "granted", TextOf(Packet(PacketType::kGrant, transport::shm::Granted{}).bytes()));
  corpus.Add(target, "both-up", LinkUp(0).Then(LinkUp(1)));
  // Spare 1, the grant of it, a write under that grant, a later promise, another write.
  corpus.Add(target, "granted-and-fenced",
             LinkUp(1)
                 .Then(Deed(1, {4, 2, 1}))
                 .Then(Deed(1, {5, 1, 1, 1, 1, 1, 0}))
                 .Then(Says{1, 1, 0, 1, 1, 0})
                 .Then(Deed(1, {8, 9, 2}))
                 .Then(Says{1, 1, 0, 1, 1, 1}));
  corpus.Add(target, "grants-given",
             LinkUp(1).Then(Says{1, 1, 0, 0, 0, 4, 0, 50, 0, 50, 1, 1, 0, 0, 0, 4, 0, 50}));
  corpus.Add(target, "comes-again", LinkUp(1).Then(Deed(1, {1})).Then(LinkUp(1)));
  corpus.AddRandom(target, 6, 200, 13);
}

void WriteConfigs(const Corpus& corpus) {
  const std::string minimal =
      "group = \"book\"\ntransport = \"shm\"\ndirectory = \"/tmp/book\"\nstate_machine = \"counter\"\n"
      "[[replica]]\nid = 0\n[[replica]]\nid = 1\n[[replica]]\nid = 2\n";
  const std::string full =
      "group = 'book'\nepoch = 7\ntransport = \"shm\"\ndirectory = \"/dev/shm/x\"\ncapacity_bytes = "
      "1_048_576\n"
      "state_machine = \"order-book\"\nidle = \"spin\"\nmax_batch_bytes = 4096\nhash_interval_commands = 0\n"
      "[timing]\nheartbeat_interval_ms = 2\nsuspect_timeout_ms = 8\nelection_jitter_ms = 3\n"
      "election_timeout_ms = 30\ndrop_timeout_ms = 40\n[sessions]\nmax_sessions = 9\nreply_kib = 64\n"
      "idle_timeout_s = 5\n[[replica]]\nid = 1\ncpu = 3\n[[replica]]\nid = 0\n";
  const std::string target = "config";
  corpus.Add(target, "minimal", minimal);
  corpus.Add(target, "full", full);
  corpus.Add(target, "inline", "replica = [ { id = 0 }, { id = 1, cpu = 2 } ]\n" + minimal.substr(0, 80));
  corpus.Add(target, "not-a-table", minimal + "timing = 3\n[sessions.more]\na.b.c = [[1, 2.5], [\"x\"]]\n");
  corpus.Add(target, "other-values",
             "group = \"\"\"\nx\\u00e9\\U0001F600\"\"\"\nepoch = 0x7f\ndirectory = 1979-05-27T07:32:00Z\n"
             "idle = inf\ncapacity_bytes = 0b1000000000000\nmax_batch_bytes = 0o2000\ntransport = true\n");
  corpus.Add(target, "cut", minimal.substr(0, minimal.size() / 2));
  corpus.Add(target, "empty-group", "group = \"\"\n");
  std::string nested = "a = ";
  for (int depth = 0; depth < 300; ++depth) {
    nested += "[";
  }
  corpus.Add(target, "nested", nested);
}

}  // namespace

void WriteWireSeeds(const Corpus& corpus) {
  WriteMessages(corpus);
  WritePackets(corpus);
  WriteConfigs(corpus);
}

}  // namespace gaios::fuzz
