// A replicated counter: three replicas, each a process, agree on one number; a client adds to it.
#include <signal.h>
#include <stdlib.h>
#include <unistd.h>

#include <cstdio>
#include <cstring>
#include <filesystem>

#include "gaios/rsm/client/client.h"
#include "gaios/rsm/marker.h"
#include "gaios/rsm/node.h"
using namespace gaios;  // NOLINT(google-build-using-namespace): an example

class Counter final : public rsm::StateMachine {
 public:
  void Apply(const rsm::Command&, rsm::Reply& reply) override {
    ++value_;
    (void)reply.Append(std::as_bytes(std::span(&value_, 1)));
  }
  std::uint64_t StateHash() const override { return value_; }
  absl::Status Save(rsm::SnapshotSink& sink) const override {
    return sink.Append(std::as_bytes(std::span(&value_, 1)));
  }
  absl::Status Restore(rsm::SnapshotSource& source) override {
    return source.Read(std::as_writable_bytes(std::span(&value_, 1)));
  }

 private:
  std::uint64_t value_ = 0;
};
int main() {
  char directory[] = "/dev/shm/gaios-counter-XXXXXX";
  if (mkdtemp(directory) == nullptr) return 1;
  const std::string text = "transport='shm'\nstate_machine='counter'\nreplica=[{id=0},{id=1},{id=2}]\n";
  const auto config = rsm::ParseConfig(text + "group='demo'\ndirectory='" + directory + "'", "counter");
  if (!config.ok() || !rsm::Bootstrap(*config).ok()) return 2;  // bootstrapped once in the life of a group
  pid_t children[3] = {};
  for (std::uint8_t id = 0; id < 3; ++id) {
    children[id] = fork();
    if (children[id] != 0) continue;
    Counter counter;
    auto node = rsm::Node::Open(*config, paxos::ReplicaId(id), counter);
    for (base::Idle idle(base::IdleStrategy::kYield); node.ok();)
      (*node)->Poll() ? idle.OnWork() : (*node)->awaiting() ? idle.OnAwaiting() : idle.OnIdle();
    _exit(1);
  }
  const base::TscClock clock;
  auto client = rsm::Client::Open({directory, 3, *rsm::FindGroup(*config)}, clock);
  std::uint64_t value = 0;
  for (int i = 0; client.ok() && i < 10; ++i) {
    const auto reply = (*client)->Call({});  // returns once a majority has it
    if (reply.ok()) std::memcpy(&value, reply->data(), sizeof(value));
    std::printf("the counter is %lu\n", value);
  }
  for (const pid_t child : children) kill(child, SIGKILL);
  std::filesystem::remove_all(directory);
  return value == 10 ? 0 : 1;
}
