// The leader's own work for a commit over shared memory, beside the floor's two copies, fence and two looks:
// see counted_run.h. The floor is that of `gaios-bench commit`, without its readers.
//
// shm_instructions COMMANDS: runs both in turn, each for so many commands of 64 bytes, and prints how long
// they took, as JSON. Exit codes: 0 done, 1 the group could not be made, or lost its leader, 2 wrong usage.

#include <memory>

#include "gaios/base/check.h"
#include "gaios/base/clock.h"
#include "gaios/transport/shm/shm_transport.h"

#include "bench/floor.h"
#include "bench/scratch_directory.h"
#include "bench/targets.h"
#include "tests/bench/counted_run.h"

namespace gaios::bench {
namespace {

using transport::shm::ShmOptions;
using transport::shm::ShmTransport;

class CopiesToNobody {
 public:
  CopiesToNobody() {
    auto floor = Floor::Start({.peers = kCountedReplicas - 1, .readers = false}, {});
    GAIOS_CHECK(floor.ok(), floor.status().ToString().c_str());
    floor_ = *std::move(floor);
    target_ = std::make_unique<FloorTarget>(*floor_, kCountedCommandBytes);
  }

  void Write() { GAIOS_CHECK(target_->Propose(), "a command fits into an entry"); }
  [[nodiscard]] bool Done() { return target_->Poll() != 0; }
  void Settle() { floor_->TakeAsRead(); }

 private:
  std::unique_ptr<Floor> floor_;
  std::unique_ptr<FloorTarget> target_;
};

int Run(std::size_t commands) {
  const auto directory = ScratchDirectory::Create();
  GAIOS_CHECK(directory.ok(), directory.status().ToString().c_str());
  CountedGroup<ShmTransport> group([&directory](paxos::ReplicaId id, const base::Clock& clock) {
    ShmOptions shm;
    shm.directory = directory->path();
    shm.self = id;
    shm.incarnation = paxos::Incarnation(1);
    shm.group_id = paxos::GroupId(1);
    shm.replicas = kCountedReplicas;
    shm.clock = &clock;
    auto transport = ShmTransport::Open(shm);
    GAIOS_CHECK(transport.ok(), transport.status().ToString().c_str());
    return *std::move(transport);
  });
  CopiesToNobody copies;
  return RunCounted("shm_instructions", group, copies, commands);
}

}  // namespace
}  // namespace gaios::bench

// NOLINTNEXTLINE(bugprone-exception-escape): out of memory ends the program, as it should
int main(int argc, char** argv) {
  const std::size_t commands = gaios::bench::CommandsOf("shm_instructions", argc, argv);
  return commands == 0 ? 2 : gaios::bench::Run(commands);
}
