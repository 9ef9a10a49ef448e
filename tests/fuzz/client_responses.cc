// What a replica's process can do to a client: the other side of client_requests.cc. Whatever it passes and
// stores, the client never looks outside of the memory that it was passed, and answers each command that it
// took once, at the latest when its time is over.

#include <sys/mman.h>
#include <unistd.h>

#include <array>
#include <memory>
#include <utility>
#include <vector>

#include "gaios/base/check.h"
#include "gaios/base/clock.h"
#include "gaios/rsm/client/client.h"
#include "gaios/rsm/client/wire.h"
#include "gaios/transport/shm/region.h"
#include "gaios/transport/shm/socket.h"
#include "gaios/transport/shm/wire.h"

#include "tests/fuzz/answers.h"
#include "tests/fuzz/choices.h"
#include "tests/fuzz/scratch_directory.h"
#include "tests/fuzz/shared_rings.h"
#include "tests/fuzz/target.h"

namespace gaios::fuzz {
namespace {

using base::UniqueFd;
using transport::shm::Packet;
using transport::shm::Region;

constexpr paxos::GroupId kGroup{77};
constexpr std::size_t kRingBytes = rsm::kMinRingBytes;
constexpr std::uint64_t kMs = 1'000'000;

class Hostile {
 public:
  Hostile() {
    const std::string path = rsm::ClientSocketPath(ScratchPath(), paxos::ReplicaId(0));
    ::unlink(path.c_str());
    absl::StatusOr<UniqueFd> listener = transport::shm::Listen(path);
    GAIOS_CHECK(listener.ok(), "a socket in a directory of our own");
    listener_ = *std::move(listener);
  }

  void Do(Choices& choices) {
    switch (choices.Below(8)) {
      case 0:
        socket_ = transport::shm::Accept(listener_.get());
        return;
      case 1:
        socket_.Close();
        return;
      case 2:
        Send(choices.Bytes(choices.Take<std::uint8_t>() % paxos::kMaxMessageBytes), choices.Below(4));
        return;
      case 3:
        Welcome(choices);
        return;
      case 4:
        if (!memory_.empty()) {
          StoreAnywhere(memory_, choices);
        }
        return;
      case 5:
        if (!memory_.empty()) {
          MoveIndex(memory_, choices);
        }
        return;
      default:
        if (!memory_.empty()) {
          Respond(choices);
        }
        return;
    }
  }

 private:
  void Welcome(Choices& choices) {
    rsm::Welcome welcome;
    welcome.request_ring_bytes = kRingBytes;
    welcome.response_ring_bytes = kRingBytes;
    welcome.max_command_bytes = 256;
    const std::array<std::uint64_t*, 3> fields = {&welcome.request_ring_bytes, &welcome.response_ring_bytes,
                                                  &welcome.max_command_bytes};
    if (choices.Below(4) == 0) {
      *fields.at(choices.Below(3)) = choices.Take<std::uint64_t>();
    }
    Send(rsm::BytesOf(welcome), 1 + (choices.Below(8) == 0 ? 1 : 0));
  }

  // With no descriptor, the memory, one of another size, or one that may yet change its size.
  void Send(std::span<const std::byte> bytes, std::uint8_t what) {
    if (!socket_.valid()) {
      return;
    }
    UniqueFd other;
    int fd = -1;
    if (what == 1) {
      absl::StatusOr<Region> memory = Region::Create("gaios-fuzz", rsm::kRingsOffset + 2 * kRingBytes);
      GAIOS_CHECK(memory.ok(), "a small memory");
      memory_ = *std::move(memory);
      fd = memory_.fd();
    } else if (what >= 2) {
      other = UniqueFd(::memfd_create("gaios-fuzz", MFD_CLOEXEC));
      const std::size_t size = rsm::kRingsOffset + (what == 2 ? 2 * kRingBytes : 0);
      GAIOS_CHECK(::ftruncate(other.get(), static_cast<off_t>(size)) == 0, "a small memory");
      fd = other.get();
    }
    static_cast<void>(transport::shm::SendPacket(socket_.get(), Packet::Message(bytes),
                                                 std::span<const int>(&fd, fd < 0 ? 0 : 1)));
  }

  // The number of the request is that of the client's latest ones, or near to it.
  void Respond(Choices& choices) {
    rsm::ResponseHeader header;
    request_ += choices.Below(3);
    header.request = request_;
    header.status = static_cast<rsm::ResponseStatus>(choices.Below(6));
    header.applied = choices.Below(6);
    header.leader = choices.Below(3);
    std::span<const std::byte> reply = choices.Bytes(choices.Below(16));
    const std::uint64_t session = 1;
    if (choices.Flip()) {
      reply = std::as_bytes(std::span(&session, 1));
    }
    AppendRecord(RingsIn(memory_).responses.tail,
                 {memory_.data() + rsm::kRingsOffset + kRingBytes, kRingBytes}, header, reply);
  }

  UniqueFd listener_;
  UniqueFd socket_;
  Region memory_;
  std::uint64_t request_ = 0;
};

}  // namespace

void RunTarget(std::span<const std::byte> input) {
  Choices choices(input);
  Hostile hostile;
  base::ManualClock clock(kMs);
  auto opened =
      rsm::Client::Open({.directory = ScratchPath(), .replicas = 2, .group = kGroup, .window = 8}, clock);
  GAIOS_CHECK(opened.ok(), "a client with good options");
  const std::unique_ptr<rsm::Client> client = *std::move(opened);
  Answers answers;
  std::uint64_t submitted = 0;
  while (!choices.empty()) {
    switch (choices.Below(4)) {
      case 0: {
        const std::vector<std::byte> command(choices.Take<std::uint16_t>() % 5000);
        if (client->Submit(command, submitted + 1) == rsm::Submitted::kSubmitted) {
          ++submitted;
        }
        break;
      }
      case 1:
        clock.SetNs(clock.NowNs() + choices.Below(64) * kMs);
        client->Poll(answers);
        break;
      default:
        hostile.Do(choices);
        client->Poll(answers);
        break;
    }
  }
  for (int turn = 0; turn < 8 && answers.answered() != submitted; ++turn) {
    clock.SetNs(clock.NowNs() + 2'000 * kMs);
    client->Poll(answers);
  }
  GAIOS_CHECK(answers.answered() == submitted && client->outstanding() == 0,
              "every command is answered in time");
}

}  // namespace gaios::fuzz
