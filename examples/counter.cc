// A replicated counter: three replicas on one host, each a process, that agree on one number.
//
//   counter CONFIG.toml ID [N]   runs replica ID; while it leads, it adds 1 until it has done so N times, and prints
//
// Bootstrap the group once before (`gaios bootstrap --config CONFIG.toml`), then start one process for each replica.

#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <string>

#include "gaios/rsm/node.h"

class Counter final : public gaios::rsm::StateMachine {
 public:
  void Apply(const gaios::rsm::Command&, gaios::rsm::Reply& reply) override {
    ++value_;
    static_cast<void>(reply.Append(std::as_bytes(std::span(&value_, 1))));
  }
  std::uint64_t StateHash() const override { return value_; }
  absl::Status Save(gaios::rsm::SnapshotSink& sink) const override {
    return sink.Append(std::as_bytes(std::span(&value_, 1)));
  }
  absl::Status Restore(gaios::rsm::SnapshotSource& source) override {
    return source.Read(std::as_writable_bytes(std::span(&value_, 1)));
  }

 private:
  std::uint64_t value_ = 0;
};

struct Printer final : gaios::rsm::ProposalListener {
  void OnCommitted(std::uint64_t, std::uint64_t slot, gaios::rsm::Applied, std::span<const std::byte> reply) override {
    std::uint64_t value = 0;
    std::memcpy(&value, reply.data(), sizeof(value));
    std::printf("slot %lu: the counter is %lu\n", slot, value);
    ++done;
  }
  void OnUnknown(std::uint64_t) override { std::puts("unknown: the leadership was lost"), ++done; }
  long done = 0;
};

int main(int argc, char** argv) {
  const auto config = gaios::rsm::LoadConfig(argc > 2 ? argv[1] : "usage: counter CONFIG.toml ID [N]");
  if (!config.ok()) return std::fprintf(stderr, "%s\n", config.status().ToString().c_str()), 2;
  Counter counter;
  Printer printer;
  const gaios::paxos::ReplicaId self(static_cast<std::uint8_t>(std::atoi(argv[2])));
  auto node = gaios::rsm::Node::Open(*config, self, counter);
  if (!node.ok()) return std::fprintf(stderr, "%s\n", node.status().ToString().c_str()), 2;
  for (long proposed = 0, wanted = argc > 3 ? std::atol(argv[3]) : 10; printer.done < wanted;) {
    (*node)->Poll();
    if (proposed < wanted && (*node)->replica().Propose({}, printer, 0) == gaios::rsm::Taken::kTaken) ++proposed;
  }
}
