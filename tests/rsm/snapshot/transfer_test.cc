// How snapshots are given and taken: whole, in pieces after a connection was cut, and not at all when what
// comes is damaged, foreign or too old. Givers are made by hand, or are a Donor on a real socket, of this
// host or, by TLS, as if of another.

#include "gaios/rsm/snapshot/transfer.h"

#include <sys/socket.h>
#include <sys/un.h>

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
#include "gaios/rsm/group_identity.h"
#include "gaios/rsm/marker.h"
#include "gaios/rsm/snapshot/donor.h"
#include "gaios/rsm/snapshot/donor_route.h"
#include "gaios/rsm/snapshot/fetcher.h"
#include "gaios/rsm/snapshot/joining.h"
#include "gaios/rsm/snapshot/seed.h"
#include "gaios/rsm/snapshot/visitor_queue.h"
#include "gaios/transport/bootstrap/bootstrap.h"

#include "tests/support/scratch_directory.h"

namespace gaios::rsm {
namespace {

using paxos::ReplicaId;

constexpr std::size_t kContentBytes = 5 * kChunkBytes + 1000;
const SnapshotOrigin kOrigin = {paxos::GroupId(77), "orders", 3, "order-book"};

void WriteSnapshot(const std::string& path, std::uint64_t position, std::size_t bytes = kContentBytes,
                   const SnapshotOrigin& origin = kOrigin) {
  SnapshotFacts facts;
  facts.origin = origin;
  facts.cursor.position = paxos::Position(position);
  const auto writer = SnapshotWriter::Create(path, facts);
  ASSERT_TRUE(writer.ok()) << writer.status();
  std::string content(bytes, '\0');
  for (std::size_t i = 0; i < bytes; ++i) {
    content[i] = static_cast<char>(i * 2654435761U >> 13);
  }
  ASSERT_TRUE((*writer)->Append(std::as_bytes(std::span(content))).ok());
  ASSERT_TRUE((*writer)->Finish().ok());
}

// What a giver has said, and what the taker says to it.
class ScriptedStream final : public TransferStream {
 public:
  absl::Status Send(std::span<const std::byte> bytes) override {
    sent.append(reinterpret_cast<const char*>(bytes.data()), bytes.size());
    return absl::OkStatus();
  }
  absl::Status Receive(std::span<std::byte> bytes) override {
    if (said.size() - at < bytes.size()) {
      at = said.size();
      return absl::UnavailableError("the script ends");
    }
    std::memcpy(bytes.data(), said.data() + at, bytes.size());
    at += bytes.size();
    return absl::OkStatus();
  }
  void set_patience_ms(int /*patience_ms*/) override {}
  [[nodiscard]] TransferRequest request() const {
    TransferRequest request;
    GAIOS_CHECK(sent.size() == sizeof(request), "a taker sends its request and nothing else");
    std::memcpy(&request, sent.data(), sizeof(request));
    return request;
  }
  std::string said;
  std::size_t at = 0;
  std::string sent;
};

// What a giver says to `request` when it has the snapshot at `path`.
std::string Script(const std::string& path, const TransferRequest& request = {}) {
  const auto reader = SnapshotReader::Open(path);
  EXPECT_TRUE(reader.ok()) << reader.status();
  ScriptedStream stream;
  EXPECT_TRUE(SendSnapshot(stream, request, **reader, [](std::uint64_t) { return absl::OkStatus(); }).ok());
  return stream.sent;
}

constexpr std::size_t kFirstChunkAt = sizeof(TransferAnswer) + sizeof(FileHeader);
constexpr std::size_t kChunkSize = sizeof(ChunkHeader) + kChunkBytes;

class Transfer : public ::testing::Test {
 protected:
  Transfer() { WriteSnapshot(source_, 100); }
  [[nodiscard]] absl::Status Take(const std::string& said, std::uint64_t at_least = 0) {
    ScriptedStream stream;
    stream.said = said;
    const absl::Status status = incoming_.Take(stream, at_least);
    request_ = stream.request();
    return status;
  }
  void ExpectTaken() {
    EXPECT_TRUE(ReadWhole(target_) == ReadWhole(source_));
    EXPECT_FALSE(std::filesystem::exists(target_ + ".unfinished"));
  }

  ScratchDirectory directory_;
  const std::string source_ = directory_.PathOf("source");
  const std::string target_ = directory_.PathOf("target");
  IncomingSnapshot incoming_{target_, kOrigin};
  TransferRequest request_;
};

TEST_F(Transfer, BringsTheSameBytes) {
  ASSERT_TRUE(Take(Script(source_)).ok());
  ExpectTaken();
  WriteSnapshot(source_, 100, 0);
  ASSERT_TRUE(Take(Script(source_)).ok());
  ExpectTaken();
}

TEST_F(Transfer, CutAnywhereItGoesOnFromTheFirstChunkThatIsMissing) {
  const std::string whole = Script(source_);
  for (const std::uint64_t chunks : {0U, 1U, 3U, 5U, 6U}) {
    SCOPED_TRACE(chunks);
    const std::size_t got =
        chunks == 6 ? whole.size() - sizeof(FileFooter) : kFirstChunkAt + chunks * kChunkSize;
    EXPECT_EQ(Take(whole.substr(0, got + 7)).code(), absl::StatusCode::kUnavailable);
    EXPECT_EQ(incoming_.chunks(), chunks);
    EXPECT_FALSE(std::filesystem::exists(target_));
    // It asks for the rest, and whoever has the same one gives that and no more.
    EXPECT_EQ(Take("").code(), absl::StatusCode::kUnavailable);
    EXPECT_EQ(request_.resume_chunk, chunks);
    const std::string rest = Script(source_, request_);
    EXPECT_EQ(rest.size(), whole.size() - (std::min(got, whole.size()) - kFirstChunkAt));
    ASSERT_TRUE(Take(rest).ok());
    EXPECT_EQ(incoming_.resumed_at(), chunks);
    ExpectTaken();
    std::filesystem::remove(target_);
  }
}

TEST_F(Transfer, AnotherSnapshotBeginsAnew) {
  EXPECT_FALSE(Take(Script(source_).substr(0, kFirstChunkAt + 2 * kChunkSize)).ok());
  EXPECT_EQ(incoming_.chunks(), 2U);
  WriteSnapshot(source_, 200);
  EXPECT_EQ(Take("").code(), absl::StatusCode::kUnavailable);
  ASSERT_TRUE(Take(Script(source_, request_)).ok());
  EXPECT_EQ(incoming_.resumed_at(), 0U);
  ExpectTaken();
}

TEST_F(Transfer, ARestOfAnotherSnapshotIsRefused) {
  EXPECT_FALSE(Take(Script(source_).substr(0, kFirstChunkAt + 2 * kChunkSize)).ok());
  WriteSnapshot(source_, 200);
  TransferRequest of_the_other;
  of_the_other.resume_id = (*SnapshotReader::Open(source_))->id();
  of_the_other.resume_chunk = 2;
  EXPECT_EQ(Take(Script(source_, of_the_other)).code(), absl::StatusCode::kDataLoss);
  EXPECT_FALSE(std::filesystem::exists(target_));
}

TEST_F(Transfer, ADamagedByteAnywhereIsRefused) {
  const std::string whole = Script(source_);
  std::vector<std::size_t> places = {sizeof(TransferAnswer) - 25, whole.size() - 1, whole.size() - 20};
  for (std::size_t place = sizeof(TransferAnswer); place < kFirstChunkAt + sizeof(ChunkHeader); ++place) {
    places.push_back(place);
  }
  for (std::size_t place = kFirstChunkAt; place < whole.size(); place += 100'003) {
    places.push_back(place);
  }
  for (const std::size_t place : places) {
    std::string damaged = whole;
    damaged[place] = static_cast<char>(damaged[place] ^ 4);
    ASSERT_FALSE(Take(damaged).ok()) << place;
    ASSERT_FALSE(std::filesystem::exists(target_)) << place;
  }
  ASSERT_TRUE(Take(whole).ok());
}

TEST_F(Transfer, AForeignOrOldOneIsRefusedBeforeItIsKept) {
  SnapshotOrigin other = kOrigin;
  other.group_name = "trades";
  WriteSnapshot(source_, 100, kContentBytes, other);
  const absl::Status foreign = Take(Script(source_));
  EXPECT_EQ(foreign.code(), absl::StatusCode::kFailedPrecondition);
  EXPECT_NE(foreign.message().find("\"trades\""), absl::string_view::npos) << foreign;
  WriteSnapshot(source_, 100);
  const absl::Status old = Take(Script(source_), 101);
  EXPECT_EQ(old.code(), absl::StatusCode::kFailedPrecondition);
  EXPECT_NE(old.message().find("101 or later"), absl::string_view::npos) << old;
  EXPECT_EQ(directory_.files(), 1U);
  EXPECT_TRUE(Take(Script(source_), 100).ok());
}

TEST_F(Transfer, WaitsWhileItIsToldToAndHearsWhyNot) {
  ScriptedStream giver;
  ASSERT_TRUE(SendWait(giver).ok());
  ASSERT_TRUE(SendWait(giver).ok());
  ASSERT_TRUE(SendRefusal(giver, "not today").ok());
  const absl::Status refused = Take(giver.sent);
  EXPECT_EQ(refused.code(), absl::StatusCode::kFailedPrecondition);
  EXPECT_EQ(refused.message(), "not today");
}

TEST_F(Transfer, WhatSpeaksOtherwiseIsRefused) {
  EXPECT_EQ(Take(std::string(5000, 'x')).code(), absl::StatusCode::kFailedPrecondition);
  std::string script = Script(source_);
  script[8] = 9;  // another version
  EXPECT_EQ(Take(script).code(), absl::StatusCode::kFailedPrecondition);
  script = Script(source_);
  script[12] = 9;  // no such verdict
  EXPECT_EQ(Take(script).code(), absl::StatusCode::kFailedPrecondition);
  script = Script(source_);
  std::fill_n(script.begin() + offsetof(TransferAnswer, content_bytes), 8, '\x7f');
  EXPECT_EQ(Take(script).code(), absl::StatusCode::kFailedPrecondition);
}

// ---- a donor
// ----------------------------------------------------------------------------------------------------------

class Donors : public ::testing::Test {
 protected:
  [[nodiscard]] DonorOptions OptionsOf(std::uint8_t id) const {
    DonorOptions options;
    options.socket_path = DonorPath(directory_.PathOf("."), ReplicaId(id));
    options.snapshot_path = directory_.PathOf("kept-" + std::to_string(id));
    options.origin = kOrigin;
    return options;
  }
  std::unique_ptr<Donor> Open(const DonorOptions& options) {
    absl::StatusOr<std::unique_ptr<Donor>> donor = Donor::Open(options);
    EXPECT_TRUE(donor.ok()) << donor.status();
    return *std::move(donor);
  }
  // Answers what the donors ask for by `take` until the fetch is done.
  template <typename TakeOne>
  Fetcher::Result Fetch(std::vector<ReplicaId> sources, std::uint64_t at_least, TakeOne take) {
    fetcher_->Start(std::move(sources), at_least);
    for (;;) {
      take();
      if (std::optional<Fetcher::Result> result = fetcher_->Poll(); result.has_value()) {
        return *std::move(result);
      }
      std::this_thread::yield();
    }
  }
  Fetcher::Result Fetch(std::vector<ReplicaId> sources, std::uint64_t at_least = 0) {
    return Fetch(std::move(sources), at_least, [] {});
  }

  ScratchDirectory directory_;
  const std::string target_ = directory_.PathOf("target");
  std::unique_ptr<Fetcher> fetcher_ =
      *Fetcher::Create(target_, kOrigin, std::make_unique<HostRoute>(directory_.PathOf(".")));
};

TEST_F(Donors, GiveWhatTheyHave) {
  const auto donor = Open(OptionsOf(0));
  WriteSnapshot(OptionsOf(0).snapshot_path, 100);
  const Fetcher::Result result = Fetch({ReplicaId(0)});
  ASSERT_TRUE(result.fetched) << result.failures[0].status;
  EXPECT_TRUE(ReadWhole(target_) == ReadWhole(OptionsOf(0).snapshot_path));
  EXPECT_EQ(donor->asked(), 0U);
}

TEST_F(Donors, HaveOneTakenWhenTheirsIsTooOld) {
  const auto donor = Open(OptionsOf(0));
  WriteSnapshot(OptionsOf(0).snapshot_path, 100);
  std::uint64_t answered = 0;
  const Fetcher::Result result = Fetch({ReplicaId(0)}, 150, [&] {
    if (donor->asked() > answered) {
      EXPECT_EQ(donor->at_least(), 150U);
      WriteSnapshot(OptionsOf(0).snapshot_path, 160);
      donor->Answer(++answered, absl::OkStatus());
    }
  });
  ASSERT_TRUE(result.fetched) << result.failures[0].status;
  EXPECT_EQ((*SnapshotReader::Open(target_))->facts().cursor.position.value(), 160U);
}

TEST_F(Donors, TakeAFreshOneForWhoeverAsksForThat) {
  const auto donor = Open(OptionsOf(0));
  WriteSnapshot(OptionsOf(0).snapshot_path, 100);
  std::uint64_t answered = 0;
  const Fetcher::Result result = Fetch({ReplicaId(0)}, kFreshSnapshot, [&] {
    if (donor->asked() > answered) {
      WriteSnapshot(OptionsOf(0).snapshot_path, 130);
      donor->Answer(++answered, absl::OkStatus());
    }
  });
  ASSERT_TRUE(result.fetched);
  EXPECT_EQ(answered, 1U);
  EXPECT_EQ((*SnapshotReader::Open(target_))->facts().cursor.position.value(), 130U);
}

TEST_F(Donors, SayWhyNoneCouldBeTakenAndTheNextIsTried) {
  const auto first = Open(OptionsOf(0));
  const auto second = Open(OptionsOf(1));
  WriteSnapshot(OptionsOf(1).snapshot_path, 100);
  std::uint64_t answered = 0;
  const Fetcher::Result result = Fetch({ReplicaId(2), ReplicaId(0), ReplicaId(1)}, 1, [&] {
    if (first->asked() > answered) {
      first->Answer(++answered, absl::ResourceExhaustedError("the disk is full"));
    }
  });
  ASSERT_TRUE(result.fetched);
  ASSERT_EQ(result.failures.size(), 2U);
  EXPECT_EQ(result.failures[0].replica, ReplicaId(2));
  EXPECT_EQ(result.failures[0].status.code(), absl::StatusCode::kUnavailable);
  EXPECT_EQ(result.failures[1].replica, ReplicaId(0));
  EXPECT_EQ(result.failures[1].status.message(), "the disk is full");
}

TEST_F(Donors, WhoseSnapshotIsDamagedAreLeftForTheNextWhichGoesOn) {
  const auto first = Open(OptionsOf(0));
  const auto second = Open(OptionsOf(1));
  WriteSnapshot(OptionsOf(0).snapshot_path, 100);
  WriteSnapshot(OptionsOf(1).snapshot_path, 100);
  std::string damaged = ReadWhole(OptionsOf(0).snapshot_path);
  damaged[ChunkOffset(3) + 500] ^= 1;
  WriteWhole(OptionsOf(0).snapshot_path, damaged);
  const Fetcher::Result result = Fetch({ReplicaId(0), ReplicaId(1)});
  ASSERT_TRUE(result.fetched);
  ASSERT_EQ(result.failures.size(), 1U);
  EXPECT_EQ(result.resumed_at, 3U) << "three chunks came from the first";
  EXPECT_TRUE(ReadWhole(target_) == ReadWhole(OptionsOf(1).snapshot_path));
  EXPECT_FALSE(std::filesystem::exists(OptionsOf(0).snapshot_path)) << "nobody is given it again";
  EXPECT_EQ(first->counters().damaged, 1U);
}

TEST_F(Donors, OfAnotherGroupRefuseByName) {
  DonorOptions options = OptionsOf(0);
  options.origin.group = paxos::GroupId(78);
  const auto donor = Open(options);
  const Fetcher::Result result = Fetch({ReplicaId(0)});
  ASSERT_FALSE(result.fetched);
  EXPECT_NE(result.failures[0].status.message().find("another group"), absl::string_view::npos);
}

TEST_F(Donors, DropStrangersAndServeTheNext) {
  const auto donor = Open(OptionsOf(0));
  WriteSnapshot(OptionsOf(0).snapshot_path, 100);
  const SignalFd never = *SignalFd::Create();
  {
    const auto stranger = UnixStream::Connect(OptionsOf(0).socket_path, never.fd(), 60'000);
    ASSERT_TRUE(stranger.ok()) << stranger.status();
    const std::string noise(sizeof(TransferRequest), 'x');
    ASSERT_TRUE((*stranger)->Send(std::as_bytes(std::span(noise))).ok());
    std::array<std::byte, 1> answer = {};
    EXPECT_EQ((*stranger)->Receive(answer).code(), absl::StatusCode::kUnavailable) << "it is sent away";
  }
  EXPECT_TRUE(Fetch({ReplicaId(0)}).fetched);
  EXPECT_EQ(donor->counters().strangers, 1U);
}

TEST_F(Donors, KeepToTheirBandwidth) {
  DonorOptions options = OptionsOf(0);
  options.bytes_per_second = 1;  // for ever
  auto donor = Open(options);
  WriteSnapshot(options.snapshot_path, 100);
  fetcher_->Start({ReplicaId(0)}, 0);
  while (donor->counters().bytes_given == 0) {
    std::this_thread::yield();
  }
  EXPECT_FALSE(fetcher_->Poll().has_value());
  EXPECT_EQ(donor->counters().bytes_given, kChunkSize) << "no more than one chunk";
  // Closing one that waits does not take for ever either.
  donor.reset();
  while (!fetcher_->Poll().has_value()) {
    std::this_thread::yield();
  }
}

TEST_F(Donors, ThatGoAwayMidwayLeaveWhatCame) {
  DonorOptions slow = OptionsOf(0);
  slow.bytes_per_second = 1;
  auto first = Open(slow);
  const auto second = Open(OptionsOf(1));
  WriteSnapshot(slow.snapshot_path, 100);
  WriteSnapshot(OptionsOf(1).snapshot_path, 100);
  fetcher_->Start({ReplicaId(0), ReplicaId(1)}, 0);
  while (first->counters().bytes_given == 0) {
    std::this_thread::yield();
  }
  first.reset();
  std::optional<Fetcher::Result> result;
  while (!(result = fetcher_->Poll()).has_value()) {
    std::this_thread::yield();
  }
  ASSERT_TRUE(result->fetched);
  EXPECT_EQ(result->resumed_at, 1U);
  EXPECT_TRUE(ReadWhole(target_) == ReadWhole(OptionsOf(1).snapshot_path));
}

TEST_F(Donors, ReplaceTheSocketOfALifeThatEndedAndNothingElse) {
  const DonorOptions options = OptionsOf(0);
  {
    const base::UniqueFd left = *ListenForTransfers(options.socket_path);
  }
  ASSERT_TRUE(std::filesystem::exists(options.socket_path));
  EXPECT_TRUE(Donor::Open(options).ok());
  EXPECT_FALSE(std::filesystem::exists(options.socket_path)) << "it goes with its donor";
  std::filesystem::create_directory(options.socket_path);
  const absl::Status status = Donor::Open(options).status();
  EXPECT_EQ(status.code(), absl::StatusCode::kAlreadyExists);
  EXPECT_NE(status.message().find(options.socket_path), absl::string_view::npos);
}

// ---- between hosts
// -----------------------------------------------------------------------------------------------------

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
    return std::make_unique<NetworkRoute>(tls_, book_, ReplicaId(self), kOrigin.group, "harbour");
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
  EXPECT_EQ(host->donor().counters().given, 1U);
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
  EXPECT_EQ(first->donor().counters().damaged, 1U);
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
  EXPECT_EQ(host->donor().counters().joined, 3U);
  // Of another epoch than its config says.
  joins.directory = directory_.PathOf("other");
  joins.epoch = 2;
  const absl::Status other = JoinGroup(joins, ReplicaId(1), credentials);
  EXPECT_EQ(other.code(), absl::StatusCode::kFailedPrecondition) << other;
  EXPECT_NE(other.message().find("epoch"), absl::string_view::npos);
}

}  // namespace
}  // namespace gaios::rsm
