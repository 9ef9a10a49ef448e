// A replica of another release: the same sources, built with another version of the wire (CMakeLists.txt). It
// runs as a replica of a group whose others are of this release.
//
//   gaios-next-release CONFIG ID

#include <cstdio>
#include <cstdlib>
#include <memory>
#include <string>

#include "gaios/base/clock.h"
#include "gaios/base/idle.h"
#include "gaios/rsm/config.h"
#include "gaios/rsm/marker.h"
#include "gaios/rsm/replica.h"
#include "gaios/transport/shm/shm_transport.h"

#include "tests/rsm/scratch_group.h"

namespace gaios {
namespace {

using transport::shm::ShmTransport;

static_assert(transport::shm::kWireVersion == 1001, "built with the sources of this release");

int Fail(const absl::Status& status) {
  std::fprintf(stderr, "%s\n", status.ToString().c_str());
  return 1;
}

int Run(const std::string& path, paxos::ReplicaId self) {
  const absl::StatusOr<rsm::Config> config = rsm::LoadConfig(path);
  if (!config.ok()) {
    return Fail(config.status());
  }
  absl::StatusOr<transport::shm::IdLock> lock = transport::shm::IdLock::Take(config->directory, self);
  if (!lock.ok()) {
    return Fail(lock.status());
  }
  const absl::StatusOr<rsm::Start> start = rsm::PlanStart(*config, self);
  if (!start.ok()) {
    return Fail(start.status());
  }
  const base::TscClock clock;
  const paxos::GroupId group = rsm::GroupIdOf(*config, start->uuid);
  transport::shm::ShmOptions options;
  options.directory = config->directory;
  options.self = self;
  options.incarnation = start->incarnation;
  options.group_id = group;
  options.capacity = config->capacity_bytes;
  options.replicas = config->replicas.size();
  options.clock = &clock;
  const absl::StatusOr<std::unique_ptr<ShmTransport>> transport =
      ShmTransport::Reserve(options, *std::move(lock));
  if (!transport.ok()) {
    return Fail(transport.status());
  }
  rsm::ReplicaOptions replica_options;
  replica_options.protocol = rsm::ProtocolOptions(*config, group, self, start->incarnation);
  rsm::CountingMachine machine;
  rsm::Replica replica(replica_options, **transport, clock, machine);
  absl::Status begun = rsm::CountStart(*config, self, *start);
  begun.Update((*transport)->Begin());
  if (!begun.ok()) {
    return Fail(begun);
  }
  base::Idle idle(base::IdleStrategy::kBackOff);
  for (;;) {
    if (replica.Poll()) {
      idle.OnWork();
    } else {
      idle.OnIdle();
    }
    for (const std::string& notice : (*transport)->TakeNotices()) {
      std::printf("%s\n", notice.c_str());
      std::fflush(stdout);
    }
  }
}

}  // namespace
}  // namespace gaios

int main(int argc, char** argv) {
  if (argc != 3) {
    return 2;
  }
  return gaios::Run(argv[1], gaios::paxos::ReplicaId(static_cast<std::uint8_t>(std::atoi(argv[2]))));
}
