// Donors as other hosts see them: by TLS, behind the port where replicas of a group meet.

#include <sys/eventfd.h>

#include <algorithm>
#include <array>
#include <atomic>
#include <cstring>
#include <filesystem>
#include <memory>
#include <optional>
#include <string>
#include <thread>
#include <utility>
#include <vector>

#include <gtest/gtest.h>

#include "gaios/base/clock.h"
#include "gaios/base/unique_fd.h"
#include "gaios/rsm/group_identity.h"
#include "gaios/rsm/marker.h"
#include "gaios/rsm/snapshot/donor.h"
#include "gaios/rsm/snapshot/donor_route.h"
#include "gaios/rsm/snapshot/fetcher.h"
#include "gaios/rsm/snapshot/joining.h"
#include "gaios/rsm/snapshot/seed.h"
#include "gaios/rsm/snapshot/visitor_queue.h"
#include "gaios/transport/bootstrap/bootstrap.h"

#include "tests/rsm/snapshot/givers.h"

namespace gaios::rsm {
namespace {

using paxos::ReplicaId;
namespace bootstrap = transport::bootstrap;

// A donor as other hosts see it: behind the port where replicas of its group meet.
class Host {
 public:
  Host(DonorOptions options, ReplicaId id, const std::string& key_file) : queue_(*VisitorQueue::Create()) {
    options.visitors = queue_.get();
    donor_ = *Donor::Open(options);
    bootstrap::BootstrapOptions meeting;
    meeting.listen_address = "127.0.0.1";
    meeting.credentials.key_file = key_file;
    meeting.cluster = "harbour";
    meeting.group = kOrigin.group;
    meeting.capacity_bytes = 1 << 20;
    meeting.self = id;
    meeting.incarnation = paxos::Incarnation(1);
    meeting.began_with = 3;
    meeting.visitors = queue_.get();
    meeting.clock = &clock_;
    meeting_ = *bootstrap::Bootstrap::Open(meeting);
    poller_ = std::thread([this] {
      Nobody nobody;
      while (!stop_) {
        meeting_->Poll(nobody);
        std::this_thread::yield();
      }
    });
  }
  Host(const Host&) = delete;
  Host& operator=(const Host&) = delete;
  ~Host() {
    stop_ = true;
    poller_.join();
  }

  [[nodiscard]] std::uint16_t port() const { return meeting_->port(); }
  [[nodiscard]] Donor& donor() { return *donor_; }
  void EndDonor() { donor_.reset(); }

 private:
  class Nobody final : public bootstrap::BootstrapHandler {
    void OnPeerUp(ReplicaId, const bootstrap::PeerHello&) override {}
    void OnFrame(ReplicaId, std::span<const std::byte>) override {}
    void OnPeerDown(ReplicaId, bootstrap::DownReason) override {}
    void OnRefused(const bootstrap::RefusedConnection&) override {}
  };

  const base::TscClock clock_;
  std::unique_ptr<VisitorQueue> queue_;
  std::unique_ptr<Donor> donor_;
  std::unique_ptr<bootstrap::Bootstrap> meeting_;
  std::atomic<bool> stop_ = false;
  std::thread poller_;
};

class Hosts : public Donors {
 protected:
  Hosts() {
    WriteWhole(key_file_, "00112233445566778899aabbccddeeff0123456789abcdef0123456789ABCDEF\n");
    std::filesystem::permissions(key_file_, std::filesystem::perms::owner_read);
    bootstrap::Credentials credentials;
    credentials.key_file = key_file_;
    tls_ = *bootstrap::TlsContext::Load(credentials);
    fetcher_ = *Fetcher::Create(target_, kOrigin, Route());
  }
  [[nodiscard]] std::unique_ptr<NetworkRoute> Route(std::uint8_t self = 6) const {
    return std::make_unique<NetworkRoute>(tls_, std::vector{&book_}, ReplicaId(self), kOrigin.group,
                                          "harbour");
  }
  // Starts the one of `options`, and writes down where it is.
  std::unique_ptr<Host> Start(const DonorOptions& options, std::uint8_t id) {
    auto host = std::make_unique<Host>(options, ReplicaId(id), key_file_);
    bootstrap::AddressBookEntries entries = book_.Current();
    entries.at(id) = {.address = "127.0.0.1", .port = host->port(), .expelled = {}};
    book_.Set(entries);
    return host;
  }

  const std::string key_file_ = directory_.PathOf("cluster.key");
  std::shared_ptr<bootstrap::TlsContext> tls_;
  bootstrap::AddressBook book_;
};

TEST_F(Hosts, GiveEachOtherWhatTheyHave) {
  WriteSnapshot(OptionsOf(0).snapshot_path, 100);
  const auto host = Start(OptionsOf(0), 0);
  const Fetcher::Result result = Fetch({ReplicaId(0)});
  ASSERT_TRUE(result.fetched) << result.failures[0].status;
  EXPECT_TRUE(ReadWhole(target_) == ReadWhole(OptionsOf(0).snapshot_path));
  ExpectCount(host->donor(), &DonorCounters::given, 1);
}

TEST_F(Hosts, AreGotToByAnotherNetworkWhenOneIsDown) {
  WriteSnapshot(OptionsOf(0).snapshot_path, 100);
  const auto host = Start(OptionsOf(0), 0);
  bootstrap::AddressBookEntries entries;
  entries.at(0) = {.address = "127.0.0.1", .port = 1, .expelled = {}};  // nobody listens there
  bootstrap::AddressBook down;
  down.Set(entries);
  for (const bool first : {true, false}) {
    std::vector<const bootstrap::AddressBook*> books = {&down, &book_};
    if (!first) {
      std::swap(books[0], books[1]);
    }
    std::filesystem::remove(target_);
    fetcher_ = *Fetcher::Create(
        target_, kOrigin,
        std::make_unique<NetworkRoute>(tls_, std::move(books), ReplicaId(6), kOrigin.group, "harbour"));
    const Fetcher::Result result = Fetch({ReplicaId(0)});
    ASSERT_TRUE(result.fetched) << result.failures[0].status;
    EXPECT_TRUE(ReadWhole(target_) == ReadWhole(OptionsOf(0).snapshot_path));
  }
}

// The network that served last is tried first; when that has failed meanwhile the others are tried, from the
// first again.
TEST_F(Hosts, AreGotToByTheFirstNetworkWhenTheSecondServedLast) {
  const auto host = Start(OptionsOf(0), 0);
  const bootstrap::AddressBookEntries up = book_.Current();
  bootstrap::AddressBookEntries down = up;
  down.at(0).port = 1;  // nobody listens there
  bootstrap::AddressBook first;
  NetworkRoute route(tls_, {&first, &book_}, ReplicaId(6), kOrigin.group, "harbour");
  const base::UniqueFd stop(::eventfd(0, EFD_CLOEXEC));
  const auto connect = [&] { return route.Connect(ReplicaId(0), stop.get(), 10'000).status(); };
  first.Set(down);
  EXPECT_TRUE(connect().ok()) << "by the second";
  first.Set(up);
  book_.Set(down);
  EXPECT_TRUE(connect().ok()) << connect();
  first.Set(down);
  EXPECT_FALSE(connect().ok());
  book_.Set(up);
  EXPECT_TRUE(connect().ok());
}

TEST_F(Hosts, HaveOneTakenForAnother) {
  const auto host = Start(OptionsOf(0), 0);
  std::uint64_t answered = 0;
  const Fetcher::Result result = Fetch({ReplicaId(0)}, 150, [&] {
    if (host->donor().asked() > answered) {
      WriteSnapshot(OptionsOf(0).snapshot_path, 160);
      host->donor().Answer(++answered, absl::OkStatus());
    }
  });
  ASSERT_TRUE(result.fetched) << result.failures[0].status;
  EXPECT_EQ(answered, 1U);
}

TEST_F(Hosts, ThatGoAwayMidwayLeaveWhatCameAndTheNextGoesOn) {
  DonorOptions slow = OptionsOf(0);
  slow.bytes_per_second = 1;
  WriteSnapshot(slow.snapshot_path, 100);
  WriteSnapshot(OptionsOf(1).snapshot_path, 100);
  const auto first = Start(slow, 0);
  const auto second = Start(OptionsOf(1), 1);
  fetcher_->Start({ReplicaId(0), ReplicaId(1)}, 0);
  while (first->donor().counters().bytes_given == 0) {
    std::this_thread::yield();
  }
  first->EndDonor();
  std::optional<Fetcher::Result> result;
  while (!(result = fetcher_->Poll()).has_value()) {
    std::this_thread::yield();
  }
  ASSERT_TRUE(result->fetched);
  EXPECT_EQ(result->resumed_at, 1U);
  ASSERT_EQ(result->failures.size(), 1U);
  EXPECT_EQ(result->failures[0].replica, ReplicaId(0));
  EXPECT_TRUE(ReadWhole(target_) == ReadWhole(OptionsOf(1).snapshot_path));
}

TEST_F(Hosts, WhoseSnapshotIsDamagedOrWhoAreNotThereAreLeftForTheNext) {
  WriteSnapshot(OptionsOf(0).snapshot_path, 100);
  WriteSnapshot(OptionsOf(1).snapshot_path, 100);
  std::string damaged = ReadWhole(OptionsOf(0).snapshot_path);
  damaged[ChunkOffset(2) + 500] ^= 1;
  WriteWhole(OptionsOf(0).snapshot_path, damaged);
  const auto first = Start(OptionsOf(0), 0);
  const auto second = Start(OptionsOf(1), 1);
  Start(OptionsOf(2), 2).reset();
  const Fetcher::Result result = Fetch({ReplicaId(3), ReplicaId(2), ReplicaId(0), ReplicaId(1)});
  ASSERT_TRUE(result.fetched);
  ASSERT_EQ(result.failures.size(), 3U);
  EXPECT_NE(result.failures[0].status.message().find("not known where replica 3 is"),
            absl::string_view::npos);
  EXPECT_NE(result.failures[1].status.message().find("nobody listens"), absl::string_view::npos)
      << result.failures[1].status;
  EXPECT_EQ(result.resumed_at, 2U) << "two chunks came from the first";
  ExpectCount(first->donor(), &DonorCounters::damaged, 1);
}

TEST_F(Hosts, CutOffWhoDoesNotTakeWhatItIsGivenAndServeTheNext) {
  DonorOptions options = OptionsOf(0);
  options.patience_ms = 20;
  WriteSnapshot(options.snapshot_path, 100, std::size_t{16} << 20);  // more than sockets hold
  const auto host = Start(options, 0);
  const SignalFd never = *SignalFd::Create();
  {
    const auto idle = Route(5)->Connect(ReplicaId(0), never.fd(), 60'000);
    ASSERT_TRUE(idle.ok()) << idle.status();
    TransferRequest request;
    request.group = kOrigin.group.value();
    ASSERT_TRUE((*idle)->Send(std::as_bytes(std::span(&request, 1))).ok());
    while (host->donor().counters().cut_off + host->donor().counters().strangers == 0) {
      std::this_thread::yield();
    }
  }
  EXPECT_EQ(host->donor().counters().cut_off, 1U);
  EXPECT_GT(host->donor().counters().bytes_given, 0U);
  WriteSnapshot(options.snapshot_path, 100, 1000);
  EXPECT_TRUE(Fetch({ReplicaId(0)}).fetched);
}

TEST_F(Hosts, SendAwayMoreThanCanWait) {
  DonorOptions options = OptionsOf(0);
  options.bytes_per_second = 1;  // whoever comes first is served for ever
  WriteSnapshot(options.snapshot_path, 100);
  const auto host = Start(options, 0);
  fetcher_->Start({ReplicaId(0)}, 0);
  while (host->donor().counters().bytes_given == 0) {
    std::this_thread::yield();
  }
  const SignalFd never = *SignalFd::Create();
  std::vector<std::unique_ptr<TransferStream>> waiting;
  for (std::size_t i = 0; i < VisitorQueue::kMaxWaiting; ++i) {
    auto stream = Route(5)->Connect(ReplicaId(0), never.fd(), 60'000);
    ASSERT_TRUE(stream.ok()) << stream.status();
    waiting.push_back(*std::move(stream));
  }
  const absl::Status refused = Route(5)->Connect(ReplicaId(0), never.fd(), 60'000).status();
  EXPECT_EQ(refused.code(), absl::StatusCode::kUnavailable);
  EXPECT_NE(refused.message().find("has others to serve"), absl::string_view::npos) << refused;
  host->EndDonor();
}

TEST_F(Hosts, AreEndedFromTheirOwnHostAlone) {
  WriteSnapshot(OptionsOf(0).snapshot_path, 100);
  const auto host = Start(OptionsOf(0), 0);
  const Fetcher::Result result = Fetch({ReplicaId(0)}, kLastSnapshot, [&] {
    if (host->donor().asked() > 0) {
      ADD_FAILURE() << "the replica was asked to end";
      host->donor().Answer(host->donor().asked(), absl::InternalError("no"));
    }
  });
  ASSERT_FALSE(result.fetched);
  EXPECT_NE(result.failures[0].status.message().find("on its own host"), absl::string_view::npos)
      << result.failures[0].status;
}

TEST_F(Hosts, TellWhoJoinsWhichGroupItIsAndWhatItBeganWith) {
  WriteSnapshot(OptionsOf(0).snapshot_path, 100);
  Config config;
  config.group = "harbour";
  config.transport = TransportKind::kUdp;
  config.directory = directory_.PathOf("group");
  config.replicas.resize(2);
  config.replicas[1].id = ReplicaId(1);
  ASSERT_TRUE(BootstrapFrom(config, OptionsOf(0).snapshot_path).ok());
  DonorOptions options = OptionsOf(0);
  options.group_directory = config.directory;
  const auto host = Start(options, 0);
  bootstrap::Credentials credentials;
  credentials.key_file = key_file_;
  Config joins = config;
  joins.replicas[0].address = "127.0.0.1";
  joins.replicas[0].port = host->port();
  for (const std::uint32_t latest : {0U, 7U, kFirstLearnerIncarnation + 8'000'000U}) {
    SCOPED_TRACE(latest);
    joins.directory = directory_.PathOf("joins-" + std::to_string(latest));
    host->donor().SetLife(ReplicaId(1), paxos::Incarnation(latest));
    ASSERT_TRUE(JoinGroup(joins, ReplicaId(1), credentials).ok());
    EXPECT_EQ(*FindGroup(joins), *FindGroup(config));
    EXPECT_EQ((*OpenSeed(joins))->id(), (*OpenSeed(config))->id());
    const auto start = PlanStart(joins, ReplicaId(1));
    ASSERT_TRUE(start.ok()) << start.status();
    EXPECT_GT(start->incarnation.value(), latest);
    EXPECT_GE(start->incarnation.value(), kFirstLearnerIncarnation) << "it does not vote";
    EXPECT_EQ(JoinGroup(joins, ReplicaId(1), credentials).code(), absl::StatusCode::kAlreadyExists);
  }
  // By the second network, where nobody is to be had by the first.
  Config by_second = joins;
  by_second.directory = directory_.PathOf("joins-by-second");
  by_second.paths = {LinkPath::kUdp, LinkPath::kUdp2};
  by_second.replicas[0].port = 1;
  by_second.replicas[0].udp2_address = "127.0.0.1";
  by_second.replicas[0].udp2_port = host->port();
  ASSERT_TRUE(JoinGroup(by_second, ReplicaId(1), credentials).ok());
  EXPECT_EQ(*FindGroup(by_second), *FindGroup(config));
  ExpectCount(host->donor(), &DonorCounters::joined, 4);
  // Of another epoch than its config says.
  joins.directory = directory_.PathOf("other");
  joins.epoch = 2;
  const absl::Status other = JoinGroup(joins, ReplicaId(1), credentials);
  EXPECT_EQ(other.code(), absl::StatusCode::kFailedPrecondition) << other;
  EXPECT_NE(other.message().find("epoch"), absl::string_view::npos);
}

}  // namespace
}  // namespace gaios::rsm
