// The parts of the verbs transport that are pure: what a copy of a control region says, frames and messages,
// addresses and ports.

#include <cstring>
#include <string>
#include <utility>
#include <vector>

#include <gtest/gtest.h>

#include "gaios/transport/verbs/kept_paths.h"
#include "gaios/transport/verbs/layout.h"
#include "gaios/transport/verbs/libverbs_device.h"
#include "gaios/transport/verbs/local_memory.h"
#include "gaios/transport/verbs/wire.h"
#include "gaios/transport/verbs/work_id.h"

namespace gaios::transport::verbs {
namespace {

Grant GrantOf(std::uint32_t round) {
  return {.ballot = paxos::Ballot(round, ReplicaId(1), Incarnation(1)), .number = round};
}

std::vector<std::byte> CopyOf(const ControlRegion& region) {
  std::vector<std::byte> bytes(sizeof(region));
  std::memcpy(bytes.data(), static_cast<const void*>(&region), bytes.size());
  return bytes;
}

TEST(LocalMemory, PeersReachNothingButThePageInFrontOfTheBuffers) {
  constexpr std::size_t kStagingBytes = std::size_t{1} << 20;
  absl::StatusOr<base::Memory> memory = base::Memory::Create(LocalMemory::Bytes(kStagingBytes));
  ASSERT_TRUE(memory.ok()) << memory.status();
  const LocalMemory local(*std::move(memory), kStagingBytes);
  EXPECT_EQ(local.control_page(), local.memory().data());
  EXPECT_EQ(local.buffers(), local.control_page() + kPageBytes);
  EXPECT_GE(local.flush(), local.buffers());
  EXPECT_GE(local.receive_slot(0, 0), local.flush() + sizeof(std::uint64_t));
  EXPECT_EQ(local.buffers() + local.buffers_bytes(), local.memory().data() + local.memory().size());
  EXPECT_LE(local.staging() + kStagingBytes, local.buffers() + local.buffers_bytes());
  EXPECT_GE(local.memory().size(), std::size_t{1} << 20) << "enough for a huge page";
}

TEST(ControlRegion, SaysTheNewestPromiseAndTheWords) {
  ControlRegion region;
  region.incarnation.value = 3;
  EXPECT_EQ(DecodeControl(CopyOf(region), false)->promised, Grant{});
  for (std::uint32_t n = 1; n < 6; ++n) {
    PublishPromise(region, n, GrantOf(n));
    region.words[2].value = n * 10;
    const std::optional<ControlView> view = DecodeControl(CopyOf(region), false);
    ASSERT_TRUE(view.has_value());
    EXPECT_EQ(view->promised, GrantOf(n));
    EXPECT_EQ(view->incarnation, Incarnation(3));
    EXPECT_EQ(view->words[2], n * 10);
  }
}

TEST(ControlRegion, ATornPromiseIsReadAgainAndThenTheWholeOneWillDo) {
  ControlRegion region;
  PublishPromise(region, 1, GrantOf(1));
  PublishPromise(region, 2, GrantOf(2));
  region.promised[1].ballot = 99;  // promise 3, half written
  EXPECT_FALSE(DecodeControl(CopyOf(region), false).has_value());
  EXPECT_EQ(DecodeControl(CopyOf(region), true)->promised, GrantOf(2));
  region.promised[0].number = 99;
  EXPECT_FALSE(DecodeControl(CopyOf(region), true).has_value());
}

TEST(ControlRegion, OfAnotherSizeIsNone) {
  EXPECT_FALSE(DecodeControl(std::vector<std::byte>(100), true).has_value());
}

TEST(Wire, FramesThatAreNoneAreNothing) {
  Hello hello;
  hello.mtu = IBV_MTU_1024;
  hello.reads = 1;
  EXPECT_TRUE(DecodeHello(EncodeFrame(hello)).has_value());
  hello.version = kWireVersion + 1;
  EXPECT_FALSE(DecodeHello(EncodeFrame(hello)).has_value());
  hello.version = kWireVersion;
  hello.mtu = 6;
  EXPECT_FALSE(DecodeHello(EncodeFrame(hello)).has_value());
  hello.mtu = IBV_MTU_1024;
  hello.reads = 0;
  EXPECT_FALSE(DecodeHello(EncodeFrame(hello)).has_value());
  EXPECT_FALSE(DecodeHello(EncodeFrame(Ready{})).has_value());
  EXPECT_FALSE(DecodeFrameType({}).has_value());
  const std::uint32_t unknown = 9;
  EXPECT_FALSE(DecodeFrameType(EncodeFrame(unknown)).has_value());
}

TEST(Wire, MessagesThatAreNoneAreNothing) {
  std::vector<std::byte> bytes(sizeof(MessageHeader) + 10);
  MessageHeader header = {.type = MessageType::kMessage, .size = 10, .taken = 0};
  const auto decodes = [&] {
    std::memcpy(bytes.data(), &header, sizeof(header));
    return DecodeMessage(bytes).has_value();
  };
  EXPECT_TRUE(decodes());
  header.size = 11;
  EXPECT_FALSE(decodes());
  header.size = 10;
  header.type = MessageType::kGranted;
  EXPECT_FALSE(decodes());
  header.type = MessageType::kFenced;
  EXPECT_FALSE(decodes());
  header.type = MessageType::kCredit;
  EXPECT_FALSE(decodes());
  header.type = static_cast<MessageType>(77);
  EXPECT_FALSE(decodes());
  EXPECT_FALSE(DecodeMessage(std::span(bytes).first(3)).has_value());
}

TEST(WorkIds, ComeBackAsTheyWent) {
  const WorkId id = {.kind = WorkKind::kReceive, .peer = 6, .life = 65535, .number = 0xfedcba98};
  const WorkId back = WorkId::FromPacked(id.Packed());
  EXPECT_EQ(back.kind, id.kind);
  EXPECT_EQ(back.peer, id.peer);
  EXPECT_EQ(back.life, id.life);
  EXPECT_EQ(back.number, id.number);
}

Gid Ipv4() {
  return {0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0xff, 0xff, 10, 0, 0, 1};
}
Gid LinkLocal() {
  return {0xfe, 0x80, 0, 0, 0, 0, 0, 0, 1};
}
Gid Global() {
  return {0x20, 0x01, 0x0d, 0xb8, 0, 0, 0, 0, 1};
}

TEST(ChooseGid, TakesRoceV2OfIpv4ThenGlobalThenLinkLocal) {
  const GidEntry v1 = {.index = 0, .roce_v2 = false, .gid = Ipv4()};
  const GidEntry link_local = {.index = 1, .roce_v2 = true, .gid = LinkLocal()};
  const GidEntry global = {.index = 2, .roce_v2 = true, .gid = Global()};
  const GidEntry ipv4 = {.index = 3, .roce_v2 = true, .gid = Ipv4()};
  EXPECT_FALSE(ChooseGid({}).has_value());
  EXPECT_FALSE(ChooseGid(std::vector{v1}).has_value());
  EXPECT_EQ(ChooseGid(std::vector{v1, link_local})->index, 1U);
  EXPECT_EQ(ChooseGid(std::vector{v1, link_local, global})->index, 2U);
  EXPECT_EQ(ChooseGid(std::vector{v1, link_local, global, ipv4})->index, 3U);
}

TEST(Gid, IsWrittenAsAnAddressAndReadAgain) {
  EXPECT_EQ(AddressOf(Ipv4()), AddressOf(*GidOf(AddressOf(Ipv4()))));
  EXPECT_EQ(GidOf("10.0.0.1"), (Gid{0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0xff, 0xff, 10, 0, 0, 1}));
  EXPECT_EQ(AddressOf(*GidOf("10.0.0.1")), "10.0.0.1");
  EXPECT_EQ(GidOf(AddressOf(Global())), Global());
  EXPECT_EQ(AddressOf(*GidOf("2001:db8::1")), "2001:db8::1");
  for (const char* const wrong : {"", "host1", "10.0.0", "10.0.0.1:7400", "::g"}) {
    EXPECT_FALSE(GidOf(wrong).has_value()) << wrong;
  }
}

// Numbers of work requests must not run into what stands above them in an id: then paths are kept anew.
TEST(KeptPaths, NoMoreArePostedThanThereAreNumbersFor) {
  KeptPaths kept;
  kept.size = 1;
  kept.paths[0].room = paxos::kMaxPostedPerLink;
  kept.posted = 2;
  kept.most_posted = 3;
  EXPECT_TRUE(kept.RaiseLimit());
  EXPECT_EQ(kept.posted_limit, 3U);
  kept.posted = 3;
  EXPECT_FALSE(kept.RaiseLimit());
}

TEST(CheckPort, SaysWhatToDoAboutOneThatIsDown) {
  ibv_port_attr port = {};
  port.state = IBV_PORT_ACTIVE;
  EXPECT_TRUE(CheckPort("dev0", 1, port).ok());
  port.state = IBV_PORT_DOWN;
  port.link_layer = IBV_LINK_LAYER_ETHERNET;
  EXPECT_NE(CheckPort("dev0", 1, port).message().find("ip link set"), absl::string_view::npos);
  port.link_layer = IBV_LINK_LAYER_INFINIBAND;
  EXPECT_NE(CheckPort("dev0", 1, port).message().find("subnet manager"), absl::string_view::npos);
}

TEST(LibverbsDevice, ADeviceThatIsNotThereIsNotFound) {
  const auto opened = LibverbsDevice::Open("no-such-device0", 1);
  EXPECT_EQ(opened.status().code(), absl::StatusCode::kNotFound);
  EXPECT_NE(opened.status().message().find("no RDMA device"), absl::string_view::npos) << opened.status();
}

}  // namespace
}  // namespace gaios::transport::verbs
