#include "bench/snapshot_stream.h"

#include <poll.h>

#include <algorithm>
#include <atomic>
#include <filesystem>
#include <fstream>
#include <memory>
#include <optional>
#include <string>
#include <thread>
#include <utility>

#include "gaios/base/idle.h"
#include "gaios/rsm/snapshot/donor.h"
#include "gaios/rsm/snapshot/donor_route.h"
#include "gaios/rsm/snapshot/fetcher.h"
#include "gaios/rsm/snapshot/file.h"
#include "gaios/rsm/snapshot/signal_fd.h"
#include "gaios/rsm/snapshot/visitor_queue.h"
#include "gaios/transport/bootstrap/bootstrap.h"

#include "bench/scratch_directory.h"

namespace gaios::bench {
namespace {

namespace bootstrap = transport::bootstrap;
using paxos::ReplicaId;

constexpr int kPatienceMs = 60'000;
constexpr std::size_t kRounds = 10;
constexpr std::size_t kPieceBytes = rsm::kChunkBytes;
constexpr ReplicaId kGiver(0);
constexpr ReplicaId kTaker(1);
const rsm::SnapshotOrigin kOrigin = {paxos::GroupId(1), "bench", 1, "table"};

// The port of a host where visitors are let in, and the thread that does it.
class Host {
 public:
  static absl::StatusOr<std::unique_ptr<Host>> Open(const std::string& key_file,
                                                    const base::TscClock& clock) {
    absl::StatusOr<std::unique_ptr<rsm::VisitorQueue>> queue = rsm::VisitorQueue::Create();
    if (!queue.ok()) {
      return queue.status();
    }
    bootstrap::BootstrapOptions options;
    options.listen_address = "127.0.0.1";
    options.credentials.key_file = key_file;
    options.cluster = kOrigin.group_name;
    options.group = kOrigin.group;
    options.capacity_bytes = std::size_t{1} << 20;
    options.self = kGiver;
    options.incarnation = paxos::Incarnation(1);
    options.began_with = 2;
    options.visitors = queue->get();
    options.clock = &clock;
    absl::StatusOr<std::unique_ptr<bootstrap::Bootstrap>> meeting = bootstrap::Bootstrap::Open(options);
    if (!meeting.ok()) {
      return meeting.status();
    }
    return std::unique_ptr<Host>(new Host(*std::move(queue), *std::move(meeting)));
  }
  Host(const Host&) = delete;
  Host& operator=(const Host&) = delete;
  ~Host() {
    stop_.store(true, std::memory_order_relaxed);
    poller_.join();
  }

  [[nodiscard]] rsm::VisitorQueue& visitors() { return *queue_; }
  [[nodiscard]] std::uint16_t port() const { return meeting_->port(); }

 private:
  class Nobody final : public bootstrap::BootstrapHandler {
    void OnPeerUp(ReplicaId /*peer*/, const bootstrap::PeerHello& /*hello*/) override {}
    void OnFrame(ReplicaId /*peer*/, std::span<const std::byte> /*bytes*/) override {}
    void OnPeerDown(ReplicaId /*peer*/, bootstrap::DownReason /*reason*/) override {}
    void OnRefused(const bootstrap::RefusedConnection& /*refused*/) override {}
  };

  Host(std::unique_ptr<rsm::VisitorQueue> queue, std::unique_ptr<bootstrap::Bootstrap> meeting)
      : queue_(std::move(queue)), meeting_(std::move(meeting)), poller_([this] { Run(); }) {}
  void Run() {
    Nobody nobody;
    base::Idle idle(base::IdleStrategy::kBackOff);
    while (!stop_.load(std::memory_order_relaxed)) {
      if (meeting_->Poll(nobody) > 0) {
        idle.OnWork();
      } else {
        idle.OnIdle();
      }
    }
  }

  const std::unique_ptr<rsm::VisitorQueue> queue_;
  const std::unique_ptr<bootstrap::Bootstrap> meeting_;
  std::atomic<bool> stop_ = false;
  std::thread poller_;
};

absl::StatusOr<std::string> WriteKey(const std::string& directory) {
  std::string path = directory + "/cluster.key";
  std::ofstream(path) << "00112233445566778899aabbccddeeff00112233445566778899aabbccddeeff\n";
  std::error_code error;
  std::filesystem::permissions(path, std::filesystem::perms::owner_read, error);
  if (error) {
    return absl::UnavailableError("cannot write " + path + ": " + error.message());
  }
  return path;
}

absl::Status WriteSnapshot(const std::string& path, std::size_t bytes) {
  rsm::SnapshotFacts facts;
  facts.origin = kOrigin;
  facts.cursor.position = paxos::Position(1);
  const auto writer = rsm::SnapshotWriter::Create(path, facts);
  if (!writer.ok()) {
    return writer.status();
  }
  const std::vector<std::byte> piece(kPieceBytes, std::byte{0x5a});
  for (std::size_t left = bytes; left > 0; left -= std::min(left, piece.size())) {
    const auto status = (*writer)->Append(std::span(piece).first(std::min(left, piece.size())));
    if (!status.ok()) {
      return status;
    }
  }
  return (*writer)->Finish();
}

double PerSecond(std::size_t bytes, std::uint64_t elapsed_ns) {
  return static_cast<double>(bytes) * 1e9 / static_cast<double>(std::max<std::uint64_t>(elapsed_ns, 1));
}

// Gives the next visitor `bytes`, in pieces.
absl::Status GiveBytes(rsm::VisitorQueue& visitors, std::size_t bytes, int stop_fd) {
  pollfd arrives = {.fd = visitors.fd(), .events = POLLIN, .revents = 0};
  if (::poll(&arrives, 1, kPatienceMs) != 1) {
    return absl::DeadlineExceededError("nobody came to take bytes over TLS within a minute");
  }
  std::optional<rsm::VisitorQueue::Visitor> visitor = visitors.Take();
  if (!visitor.has_value()) {
    return absl::InternalError("a visitor had gone again");
  }
  const std::vector<std::byte> piece(kPieceBytes, std::byte{0x5a});
  absl::Status status;
  for (std::size_t left = bytes; status.ok() && left > 0; left -= std::min(left, piece.size())) {
    status = visitor->stream->Send(std::span(piece).first(std::min(left, piece.size())),
                                   {.stop_fd = stop_fd, .limit_ms = kPatienceMs});
  }
  return status;
}

absl::StatusOr<double> RawBytesPerSecond(Host& host, rsm::DonorRoute& route, std::size_t bytes,
                                         const base::TscClock& clock) {
  const absl::StatusOr<rsm::SignalFd> never = rsm::SignalFd::Create();
  if (!never.ok()) {
    return never.status();
  }
  absl::Status given;
  std::thread giver([&] { given = GiveBytes(host.visitors(), bytes, never->fd()); });
  const std::uint64_t begin_ns = clock.NowNs();
  const auto taken = [&]() -> absl::Status {
    const auto stream = route.Connect(kGiver, never->fd(), kPatienceMs);
    if (!stream.ok()) {
      return stream.status();
    }
    std::vector<std::byte> piece(kPieceBytes);
    absl::Status status;
    for (std::size_t left = bytes; status.ok() && left > 0; left -= std::min(left, piece.size())) {
      status = (*stream)->Receive(std::span(piece).first(std::min(left, piece.size())));
    }
    return status;
  }();
  const std::uint64_t elapsed_ns = clock.NowNs() - begin_ns;
  giver.join();
  if (!taken.ok() || !given.ok()) {
    return taken.ok() ? given : taken;
  }
  return PerSecond(bytes, elapsed_ns);
}

absl::StatusOr<double> SnapshotBytesPerSecond(Host& host, std::unique_ptr<rsm::DonorRoute> route,
                                              const std::string& directory, std::size_t bytes,
                                              const base::TscClock& clock) {
  rsm::DonorOptions options;
  options.group_directory = directory;
  options.socket_path = rsm::DonorPath(directory, kGiver);
  options.snapshot_path = directory + "/kept";
  options.origin = kOrigin;
  options.visitors = &host.visitors();
  const auto donor = rsm::Donor::Open(options);
  const auto fetcher = rsm::Fetcher::Create(directory + "/fetched", kOrigin, std::move(route));
  if (!donor.ok() || !fetcher.ok()) {
    return donor.ok() ? fetcher.status() : donor.status();
  }
  const std::uint64_t begin_ns = clock.NowNs();
  (*fetcher)->Start({kGiver}, 0);
  base::Idle idle(base::IdleStrategy::kBackOff);
  std::optional<rsm::Fetcher::Result> result;
  while (!(result = (*fetcher)->Poll()).has_value()) {
    idle.OnIdle();
  }
  const std::uint64_t elapsed_ns = clock.NowNs() - begin_ns;
  if (!result->fetched) {
    return result->failures.front().status;
  }
  return PerSecond(bytes, elapsed_ns);
}

}  // namespace

absl::Status MeasureStreams(const Options& options, const base::TscClock& clock, StreamRates& rates) {
  const auto directory = ScratchDirectory::Create();
  if (!directory.ok()) {
    return directory.status();
  }
  const auto key_file = WriteKey(directory->path());
  if (!key_file.ok()) {
    return key_file.status();
  }
  bootstrap::Credentials credentials;
  credentials.key_file = *key_file;
  absl::StatusOr<std::unique_ptr<bootstrap::TlsContext>> loaded = bootstrap::TlsContext::Load(credentials);
  const auto host = Host::Open(*key_file, clock);
  if (!loaded.ok() || !host.ok()) {
    return loaded.ok() ? host.status() : loaded.status();
  }
  const std::shared_ptr<bootstrap::TlsContext> tls = *std::move(loaded);
  bootstrap::AddressBook addresses;
  bootstrap::AddressBookEntries entries;
  entries.at(kGiver.value()) = {.address = "127.0.0.1", .port = (*host)->port(), .expelled = {}};
  addresses.Set(entries);
  const auto route = [&] {
    return std::make_unique<rsm::NetworkRoute>(tls, std::vector<const bootstrap::AddressBook*>{&addresses},
                                               kTaker, kOrigin.group, kOrigin.group_name);
  };
  if (absl::Status status = WriteSnapshot(directory->path() + "/kept", options.state_bytes); !status.ok()) {
    return status;
  }
  for (std::size_t round = 0; round < std::min(options.blocks, kRounds); ++round) {
    const absl::StatusOr<double> raw = RawBytesPerSecond(**host, *route(), options.state_bytes, clock);
    if (!raw.ok()) {
      return raw.status();
    }
    const absl::StatusOr<double> sent =
        SnapshotBytesPerSecond(**host, route(), directory->path(), options.state_bytes, clock);
    if (!sent.ok()) {
      return sent.status();
    }
    rates.raw_per_s.push_back(*raw);
    rates.sent_per_s.push_back(*sent);
  }
  return absl::OkStatus();
}

}  // namespace gaios::bench
