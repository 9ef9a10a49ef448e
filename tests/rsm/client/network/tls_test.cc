// How clients and replicas meet, over the loopback: who is welcome, who is refused and told why, and how each
// end sees the other go.

#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <chrono>
#include <cstring>
#include <fstream>
#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <thread>
#include <utility>
#include <vector>

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "gaios/base/check.h"
#include "gaios/base/clock.h"
#include "gaios/base/unique_fd.h"
#include "gaios/rsm/client/network/network_client.h"
#include "gaios/rsm/client/network/tls_meeting.h"
#include "gaios/rsm/client/network/tls_reception.h"
#include "gaios/transport/bootstrap/socket.h"
#include "gaios/transport/bootstrap/wire.h"
#include "gaios/transport/udp/socket_port.h"

#include "tests/support/scratch_directory.h"

namespace gaios::rsm {
namespace {

using ::testing::HasSubstr;
using transport::bootstrap::FrameType;
using transport::bootstrap::TlsContext;
using transport::bootstrap::TlsResult;

constexpr paxos::GroupId kGroup{77};

class Meetings : public ::testing::Test {
 protected:
  void SetUp() override {
    key_ = Key("cluster.key", 'a');
    Open({});
  }
  std::string Key(const std::string& name, char digit) {
    const std::string path = directory_.path() + "/" + name;
    std::ofstream(path) << std::string(62, digit) << "07\n";
    EXPECT_EQ(::chmod(path.c_str(), 0600), 0);
    return path;
  }
  // Receives at a port that is free.
  void Open(TlsReceptionOptions options) {
    reception_.reset();
    port_ = FreePort();
    options.address = "127.0.0.1";
    options.port = port_;
    options.udp_port = port_;
    options.identity = {.group = kGroup,
                        .group_name = "book-1 of today",
                        .replica = paxos::ReplicaId(1),
                        .request_ring_bytes = 64U << 10,
                        .response_ring_bytes = 64U << 10};
    options.cluster = "book-1";
    options.max_command_bytes = 1000;
    options.credentials.key_file = key_;
    options.clock = &clock_;
    absl::StatusOr<std::unique_ptr<TlsReception>> opened = TlsReception::Open(std::move(options));
    ASSERT_TRUE(opened.ok()) << opened.status();
    reception_ = *std::move(opened);
  }
  static std::uint16_t FreePort() {
    const auto listener = transport::bootstrap::Listen(*transport::bootstrap::ParseAddress("127.0.0.1", 0));
    GAIOS_CHECK(listener.ok(), "there is a free port");
    return transport::bootstrap::ListeningPort(listener->get());
  }
  [[nodiscard]] std::shared_ptr<const TlsContext> Context(const std::string& key) const {
    transport::bootstrap::Credentials credentials;
    credentials.key_file = key;
    absl::StatusOr<std::unique_ptr<TlsContext>> context = TlsContext::Load(credentials);
    GAIOS_CHECK(context.ok(), context.status().ToString().c_str());
    return *std::move(context);
  }
  [[nodiscard]] TlsMeetingOptions ForMeeting() const {
    TlsMeetingOptions options;
    options.replica = paxos::ReplicaId(1);
    options.address = "127.0.0.1";
    options.port = port_;
    options.cluster = "book-1";
    options.clock = &clock_;
    options.tls = Context(key_);
    options.group = std::make_shared<std::uint64_t>(0);
    return options;
  }
  // Calls `step` until it says so. Not for ever.
  static bool Await(const std::function<bool()>& step) {
    for (const auto end = std::chrono::steady_clock::now() + std::chrono::minutes(1);
         std::chrono::steady_clock::now() < end;) {
      if (step()) {
        return true;
      }
      std::this_thread::yield();
    }
    return false;
  }
  // Whether an attempt comes to `state`.
  static bool ComesTo(Meeting& meeting, Meeting::State state) {
    Meeting::State now = meeting.Advance();
    return Await([&] {
             now = now == Meeting::State::kUnderWay || (now == Meeting::State::kMet && state != now)
                       ? meeting.Advance()
                       : now;
             return now == state || now == Meeting::State::kApart;
           }) &&
           now == state;
  }
  // Why an attempt fails.
  static std::string Failure(const TlsMeetingOptions& options) {
    TlsMeeting meeting(options);
    EXPECT_TRUE(ComesTo(meeting, Meeting::State::kApart));
    return meeting.failure();
  }
  std::vector<Reception::News> AwaitNews() {
    EXPECT_TRUE(Await([this] { return reception_->any_news(); }));
    return reception_->TakeNews();
  }
  [[nodiscard]] std::uint64_t Counted(NetworkCounter counter) const {
    NetworkCounters counters;
    reception_->Count(counters);
    return counters[counter];
  }
  [[nodiscard]] std::string Notices() const {
    std::string all;
    for (const std::string& notice : reception_->TakeNotices()) {
      all += notice + "\n";
    }
    return all;
  }

  const ScratchDirectory directory_;
  const base::TscClock clock_;
  std::string key_;
  std::uint16_t port_ = 0;
  std::unique_ptr<TlsReception> reception_;
};

TEST_F(Meetings, BothHaveTheSameTermsAndKeys) {
  const TlsMeetingOptions options = ForMeeting();
  TlsMeeting meeting(options);
  ASSERT_TRUE(ComesTo(meeting, Meeting::State::kMet)) << meeting.failure();
  EXPECT_EQ(*options.group, kGroup.value());
  Met met = meeting.Take();
  std::vector<Reception::News> news = AwaitNews();
  ASSERT_EQ(news.size(), 1U);
  ASSERT_NE(news[0].arrived, nullptr);
  NetworkClient& client = *news[0].arrived;
  EXPECT_EQ(met.terms.place, client.stream.terms().place);
  EXPECT_EQ(met.terms.tag_out, client.stream.terms().tag_in);
  EXPECT_EQ(met.terms.tag_in, client.stream.terms().tag_out);
  EXPECT_NE(met.terms.tag_in, met.terms.tag_out);
  EXPECT_EQ(met.terms.payload_bytes, 1400U);
  EXPECT_EQ(met.replica, (transport::udp::Endpoint{.address = 0x7f000001, .port = port_}));
  EXPECT_EQ(met.max_command_bytes, 1000U);
  EXPECT_EQ(met.request_ring_bytes, 64U << 10);
  // A datagram that one end seals opens at the other.
  NetworkHeader header;
  header.kind = static_cast<std::uint8_t>(NetworkKind::kRequests);
  header.group = kGroup.value();
  header.tag = met.terms.tag_out;
  std::vector<std::byte> payload(kNetworkOverheadBytes);
  std::memcpy(payload.data(), &header, sizeof(header));
  ASSERT_TRUE(met.seal.Close(payload));
  NetworkDatagram datagram;
  ASSERT_EQ(ParseNetworkDatagram(payload, NetworkKind::kRequests, kGroup.value(), datagram), std::nullopt);
  EXPECT_EQ(client.stream.Take(datagram, payload, clock_.NowNs()), std::nullopt);
}

TEST_F(Meetings, EachEndSeesTheOtherGo) {
  TlsMeeting meeting(ForMeeting());
  ASSERT_TRUE(ComesTo(meeting, Meeting::State::kMet)) << meeting.failure();
  std::vector<Reception::News> first = AwaitNews();
  meeting.End();
  std::vector<Reception::News> left = AwaitNews();
  ASSERT_EQ(left.size(), 1U);
  EXPECT_EQ(left[0].arrived, nullptr);
  EXPECT_EQ(left[0].life, first[0].arrived->life());
  reception_->Release(std::move(first[0].arrived));

  ASSERT_TRUE(ComesTo(meeting, Meeting::State::kMet)) << meeting.failure();
  std::vector<Reception::News> second = AwaitNews();
  EXPECT_GT(second[0].life, left[0].life);
  reception_->Release(std::move(second[0].arrived));  // forgotten by the replica
  EXPECT_TRUE(ComesTo(meeting, Meeting::State::kOver));
}

TEST_F(Meetings, OneMoreThanThereIsRoomForIsRefusedByName) {
  TlsReceptionOptions one;
  one.max_clients = 1;
  Open(one);
  TlsMeeting first(ForMeeting());
  ASSERT_TRUE(ComesTo(first, Meeting::State::kMet)) << first.failure();
  EXPECT_THAT(Failure(ForMeeting()),
              HasSubstr("replica 1 serves 1 clients of the network already; raise max"));
  EXPECT_EQ(Counted(NetworkCounter::kRefusedNoRoom), 1U);
  EXPECT_EQ(Counted(NetworkCounter::kClientsWelcomed), 1U);
  std::vector<Reception::News> news = AwaitNews();
  first.End();
  (void)AwaitNews();
  reception_->Release(std::move(news[0].arrived));
  TlsMeeting second(ForMeeting());
  EXPECT_TRUE(Await([&] { return second.Advance() == Meeting::State::kMet; }));
}

TEST_F(Meetings, AnotherKeyIsRefusedByNameAtBothEnds) {
  TlsMeetingOptions options = ForMeeting();
  options.tls = Context(Key("other.key", 'b'));
  EXPECT_THAT(Failure(options), HasSubstr("key"));
  EXPECT_TRUE(Await([&] { return Counted(NetworkCounter::kRefusedKey) == 1; }));
  EXPECT_THAT(Notices(), HasSubstr("was refused (wrong-key)"));
}

TEST_F(Meetings, AnotherClusterGroupOrReplicaIsRefusedByName) {
  TlsMeetingOptions options = ForMeeting();
  options.cluster = "book-2";
  EXPECT_THAT(Failure(options), HasSubstr("the client is of cluster \"book-2\", replica 1 of \"book-1\""));
  options = ForMeeting();
  *options.group = 78;
  EXPECT_THAT(Failure(options), HasSubstr("another group: book-1 of today"));
  options = ForMeeting();
  options.replica = paxos::ReplicaId(2);
  EXPECT_THAT(Failure(options), HasSubstr("this is replica 1, not 2"));
  EXPECT_EQ(Counted(NetworkCounter::kRefusedCluster), 1U);
  EXPECT_EQ(Counted(NetworkCounter::kRefusedGroup), 1U);
  EXPECT_EQ(Counted(NetworkCounter::kRefusedReplica), 1U);
}

TEST_F(Meetings, BothEncryptOrTheOneThatDoesNotIsRefusedByNameAtBothEnds) {
  TlsMeetingOptions encrypting = ForMeeting();
  encrypting.encrypt = true;
  EXPECT_THAT(Failure(encrypting),
              HasSubstr("the client encrypts its datagrams, and replica 1 does not; write the "
                        "same for `encrypt` in the [clients] section"));
  EXPECT_THAT(Notices(), HasSubstr("was refused (encryption): the client encrypts"));
  EXPECT_EQ(Counted(NetworkCounter::kRefusedEncryption), 1U);
  TlsReceptionOptions options;
  options.encrypt = true;
  Open(options);
  EXPECT_THAT(Failure(ForMeeting()),
              HasSubstr("the client does not encrypt its datagrams, and replica 1 does;"));
  EXPECT_EQ(Counted(NetworkCounter::kRefusedEncryption), 1U);
  encrypting.port = port_;
  TlsMeeting meeting(encrypting);
  ASSERT_TRUE(ComesTo(meeting, Meeting::State::kMet)) << meeting.failure();
  Met met = meeting.Take();
  EXPECT_TRUE(met.seal.encrypts());
  // A datagram that one end seals opens at the other.
  std::vector<Reception::News> news = AwaitNews();
  NetworkHeader header;
  header.kind = static_cast<std::uint8_t>(NetworkKind::kRequests) | kEncryptedFlag;
  header.group = kGroup.value();
  header.tag = met.terms.tag_out;
  std::vector<std::byte> payload(kNetworkOverheadBytes);
  std::memcpy(payload.data(), &header, sizeof(header));
  ASSERT_TRUE(met.seal.Close(payload));
  NetworkDatagram datagram;
  ASSERT_EQ(ParseNetworkDatagram(payload, NetworkKind::kRequests, kGroup.value(), datagram), std::nullopt);
  EXPECT_EQ(news[0].arrived->stream.Take(datagram, payload, clock_.NowNs()), std::nullopt);
}

TEST_F(Meetings, NobodyThereIsNamed) {
  TlsMeetingOptions options = ForMeeting();
  options.port = FreePort();
  EXPECT_THAT(Failure(options), HasSubstr("replica 1 at 127.0.0.1:"));
  EXPECT_THAT(Failure(options), HasSubstr("nobody listens"));
}

// An end made by hand, with the key.
class RawClient {
 public:
  RawClient(std::uint16_t port, const TlsContext& context) {
    base::UniqueFd socket =
        transport::bootstrap::Dial(*transport::bootstrap::ParseAddress("127.0.0.1", port));
    auto channel = transport::bootstrap::TlsChannel::Create(context, socket.get(), true);
    connection_ =
        std::make_unique<transport::bootstrap::Connection>(std::move(socket), std::move(channel), true, "");
  }
  bool StepOfHandshake() { return connection_->tls->Handshake() == TlsResult::kDone; }
  void Send(FrameType type, std::span<const std::byte> payload) {
    EXPECT_TRUE(connection_->outbox.Append(type, payload));
    EXPECT_EQ(connection_->Flush(), TlsResult::kDone);
  }
  // The frame that has come, if one has; its type is put into `type`.
  std::optional<std::string> Receive(FrameType& type) {
    transport::bootstrap::Frame frame;
    (void)connection_->Fill();
    if (connection_->reader.Next(frame) != transport::bootstrap::FrameReader::Found::kFrame) {
      return std::nullopt;
    }
    type = frame.type;
    return std::string(reinterpret_cast<const char*>(frame.payload.data()), frame.payload.size());
  }

 private:
  std::unique_ptr<transport::bootstrap::Connection> connection_;
};

TEST_F(Meetings, AnotherVersionAndWhatIsNoGreetingAreRefusedByName) {
  const auto context = Context(key_);
  const auto answer = [&](FrameType sent, std::span<const std::byte> payload) {
    RawClient client(port_, *context);
    EXPECT_TRUE(Await([&] { return client.StepOfHandshake(); }));
    client.Send(sent, payload);
    std::optional<std::string> came;
    FrameType type = FrameType::kPing;
    EXPECT_TRUE(Await([&] {
      came = client.Receive(type);
      return came.has_value();
    }));
    EXPECT_EQ(type, FrameType::kRefuse);
    return came.value_or("");
  };
  NetworkHello hello;
  hello.version = 7;
  EXPECT_THAT(
      answer(FrameType::kHello, std::as_bytes(std::span(&hello, 1))),
      HasSubstr("the client speaks version 7, replica 1 versions 1 and 2; run the same release of both"));
  EXPECT_THAT(answer(FrameType::kData, std::as_bytes(std::span(&hello, 1))),
              HasSubstr("is not that of a client"));
  EXPECT_EQ(Counted(NetworkCounter::kRefusedVersion), 1U);
  EXPECT_EQ(Counted(NetworkCounter::kRefusedMalformed), 1U);
}

TEST_F(Meetings, StrangersAreBoundedAndKeepNobodyOut) {
  std::vector<base::UniqueFd> strangers;
  for (std::size_t i = 0; i < TlsReception::kMaxPending + 8; ++i) {
    strangers.push_back(transport::bootstrap::Dial(*transport::bootstrap::ParseAddress("127.0.0.1", port_)));
    ASSERT_TRUE(strangers.back().valid());
  }
  const std::string garbage(100, 'g');
  EXPECT_TRUE(Await([&] {
    return transport::bootstrap::StateOfDial(strangers.back().get()) ==
           transport::bootstrap::DialState::kConnected;
  }));
  EXPECT_EQ(::write(strangers.back().get(), garbage.data(), garbage.size()), 100);
  EXPECT_TRUE(Await([&] { return Counted(NetworkCounter::kStrangers) >= 9; }));
  TlsMeeting meeting(ForMeeting());
  EXPECT_TRUE(ComesTo(meeting, Meeting::State::kMet)) << meeting.failure();
}

TEST_F(Meetings, AnAddressThatCannotBeHadIsNamed) {
  TlsReceptionOptions options;
  options.address = "192.0.2.1";
  options.port = 7500;
  options.credentials.key_file = key_;
  options.clock = &clock_;
  EXPECT_THAT(std::string(TlsReception::Open(options).status().message()), HasSubstr("192.0.2.1:7500"));
  options.credentials.key_file = directory_.path() + "/none";
  EXPECT_EQ(TlsReception::Open(options).status().code(), absl::StatusCode::kNotFound);
}

TEST_F(Meetings, OptionsOfAClientThatAreWrongAreNamed) {
  NetworkClientOptions options;
  options.cluster = "book-1";
  options.credentials.key_file = key_;
  EXPECT_THAT(std::string(OpenNetworkClient(options, clock_).status().message()), HasSubstr("0 addresses"));
  options.addresses.push_back({"127.0.0.1", port_});
  EXPECT_TRUE(OpenNetworkClient(options, clock_).ok());
  options.payload_bytes = 100;
  EXPECT_THAT(std::string(OpenNetworkClient(options, clock_).status().message()), HasSubstr("512 to 8900"));
  options.payload_bytes = 1400;
  options.cluster =
      "b\xc3\xbc"
      "cher";
  EXPECT_THAT(std::string(OpenNetworkClient(options, clock_).status().message()),
              HasSubstr("printable ASCII"));
}

}  // namespace
}  // namespace gaios::rsm
