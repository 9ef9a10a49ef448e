// The port by a socket of the kernel: what it carries, and what it says when it cannot be had.

#include "gaios/transport/udp/socket_port.h"

#include <linux/filter.h>
#include <linux/seccomp.h>
#include <net/if.h>
#include <sched.h>
#include <sys/ioctl.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <sys/syscall.h>
#include <unistd.h>

#include <array>
#include <atomic>
#include <cerrno>
#include <chrono>
#include <cstddef>
#include <cstdlib>
#include <cstring>
#include <functional>
#include <memory>
#include <string>
#include <thread>
#include <vector>

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "gaios/base/idle.h"
#include "gaios/base/unique_fd.h"
#include "gaios/base/wakeup.h"
#include "gaios/transport/udp/interface_state.h"

namespace gaios::transport::udp {
namespace {

using testing::HasSubstr;

std::unique_ptr<SocketPort> Open(std::size_t max_payload = 1400) {
  absl::StatusOr<std::unique_ptr<SocketPort>> port =
      SocketPort::Open({.address = "127.0.0.1", .max_payload = max_payload});
  EXPECT_TRUE(port.ok()) << port.status();
  return *std::move(port);
}

class Collector final : public DatagramReceiver {
 public:
  void OnDatagram(Endpoint from, std::span<std::byte> payload) override {
    from_ = from;
    datagrams_.emplace_back(payload.begin(), payload.end());
  }
  // Until so many have come, or a time that is plenty has passed.
  void Await(Port& port, std::size_t count) {
    const auto deadline = std::chrono::steady_clock::now() + std::chrono::seconds(60);
    while (datagrams_.size() < count && std::chrono::steady_clock::now() < deadline) {
      port.Receive(*this, 64);
    }
  }
  Endpoint from_;
  std::vector<std::vector<std::byte>> datagrams_;
};

void Send(Port& port, Endpoint to, std::size_t bytes, std::byte fill) {
  const std::span<std::byte> buffer = port.Claim();
  ASSERT_EQ(buffer.size(), port.max_payload());
  std::memset(buffer.data(), static_cast<int>(fill), bytes);
  port.Send(bytes, to);
}

TEST(SocketPortTest, DatagramsGoWholeAndSayWhereTheyAreFrom) {
  const std::unique_ptr<SocketPort> one = Open();
  const std::unique_ptr<SocketPort> other = Open();
  EXPECT_NE(one->local().port, 0);
  EXPECT_GT(one->receive_room(), 8U);
  for (const std::size_t bytes : {std::size_t{1}, std::size_t{700}, std::size_t{1400}}) {
    Send(*one, other->local(), bytes, std::byte{7});
  }
  one->Flush();
  Collector collector;
  collector.Await(*other, 3);
  ASSERT_EQ(collector.datagrams_.size(), 3U);
  EXPECT_EQ(collector.datagrams_[2], std::vector<std::byte>(1400, std::byte{7}));
  EXPECT_EQ(collector.from_, one->local());
  EXPECT_EQ(one->counters().sent, 3U);
  EXPECT_EQ(one->counters().sent_bytes, 2101U);
  EXPECT_EQ(other->counters().received, 3U);
  EXPECT_EQ(other->counters().received_bytes, 2101U);
}

// Ends only if each datagram, by itself, ends a block of an hour.
TEST(SocketPortTest, ALoopThatWaitsOnItIsWokenByEachDatagram) {
  constexpr std::size_t kRounds = 500;
  const std::unique_ptr<SocketPort> asking = Open();
  const std::unique_ptr<SocketPort> answering = Open();
  std::thread loop([&] {
    const auto wakeup = base::Wakeup::Create();
    ASSERT_TRUE(wakeup.ok()) << wakeup.status();
    (*wakeup)->Watch(std::array{answering->poll_fd()});
    base::Idle idle(base::IdleStrategy::kBlock, {.spins = 0, .yields = 0, .max_block_ns = 3'600'000'000'000},
                    wakeup->get());
    Collector taken;
    while (taken.datagrams_.size() < kRounds) {
      if (answering->Receive(taken, 64) == 0) {
        idle.OnIdle();
        continue;
      }
      idle.OnWork();
      Send(*answering, taken.from_, 8, std::byte{2});
      answering->Flush();
    }
  });
  Collector answers;
  for (std::size_t round = 1; round <= kRounds; ++round) {
    Send(*asking, answering->local(), 8, std::byte{1});
    asking->Flush();
    answers.Await(*asking, round);
  }
  loop.join();
  EXPECT_EQ(answers.datagrams_.size(), kRounds);
}

TEST(SocketPortTest, AFullQueueHasNoBufferUntilItIsFlushed) {
  const std::unique_ptr<SocketPort> port = Open();
  std::size_t queued = 0;
  while (!port->Claim().empty()) {
    Send(*port, port->local(), 8, std::byte{1});
    ASSERT_LT(++queued, 10'000U);
  }
  port->Flush();
  EXPECT_FALSE(port->Claim().empty());
  Collector collector;
  collector.Await(*port, queued);
  EXPECT_EQ(collector.datagrams_.size(), queued);
}

TEST(SocketPortTest, ADatagramThatIsTooLongIsDroppedAndCounted) {
  const std::unique_ptr<SocketPort> small = Open(512);
  const std::unique_ptr<SocketPort> large = Open(1400);
  Send(*large, small->local(), 513, std::byte{1});
  Send(*large, small->local(), 512, std::byte{2});
  large->Flush();
  Collector collector;
  collector.Await(*small, 1);
  ASSERT_EQ(collector.datagrams_.size(), 1U);
  EXPECT_EQ(collector.datagrams_[0][0], std::byte{2});
  EXPECT_EQ(small->counters().malformed, 1U);
}

TEST(SocketPortTest, WhatTheQueueOfTheKernelDoesNotHoldIsCountedAsMissed) {
  absl::StatusOr<std::unique_ptr<SocketPort>> port =
      SocketPort::Open({.address = "127.0.0.1", .receive_buffer_bytes = 4096});
  ASSERT_TRUE(port.ok()) << port.status();
  const std::unique_ptr<SocketPort> sender = Open();
  for (int i = 0; i < 200; ++i) {
    Send(*sender, (*port)->local(), 1000, std::byte{1});
    sender->Flush();
  }
  Collector collector;
  collector.Await(**port, 1);
  while ((*port)->Receive(collector, 64) != 0) {
  }
  // The count comes with a datagram that was taken into the queue after the loss.
  Send(*sender, (*port)->local(), 1000, std::byte{1});
  sender->Flush();
  collector.Await(**port, collector.datagrams_.size() + 1);
  EXPECT_EQ((*port)->counters().missed + collector.datagrams_.size(), 201U);
  EXPECT_GT((*port)->counters().missed, 0U);
}

TEST(SocketPortTest, APortInUseIsSaidToBe) {
  const std::unique_ptr<SocketPort> port = Open();
  const absl::Status status = SocketPort::Open({.address = "127.0.0.1", .port = port->local().port}).status();
  EXPECT_EQ(status.code(), absl::StatusCode::kAlreadyExists);
  EXPECT_THAT(std::string(status.message()),
              HasSubstr("127.0.0.1 port " + std::to_string(port->local().port)));
  EXPECT_THAT(std::string(status.message()), HasSubstr("ss -ulpn"));
}

// By a kernel that answers SO_BUSY_POLL with `error`: a filter of this thread's system calls.
absl::Status OpenBusyPolled(std::uint32_t busy_poll_us, std::uint32_t error) {
  absl::Status opened;
  std::thread filtered([&] {
    constexpr std::uint32_t kNumber = offsetof(seccomp_data, nr);
    constexpr std::uint32_t kOption = offsetof(seccomp_data, args) + 2 * sizeof(std::uint64_t);
    std::array<sock_filter, 6> program = {
        {BPF_STMT(BPF_LD | BPF_W | BPF_ABS, kNumber),
         BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, SYS_setsockopt, 0, 3),
         BPF_STMT(BPF_LD | BPF_W | BPF_ABS, kOption), BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, SO_BUSY_POLL, 0, 1),
         BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_ERRNO | error), BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_ALLOW)}};
    const sock_fprog filter = {.len = program.size(), .filter = program.data()};
    ASSERT_EQ(::prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0), 0);
    ASSERT_EQ(::prctl(PR_SET_SECCOMP, SECCOMP_MODE_FILTER, &filter), 0);
    opened = SocketPort::Open({.address = "127.0.0.1", .busy_poll_us = busy_poll_us}).status();
  });
  filtered.join();
  return opened;
}

TEST(SocketPortTest, BusyPollingThatTheKernelRefusesIsSaidToBe) {
  const absl::Status no_right = OpenBusyPolled(50, EPERM);
  EXPECT_TRUE(absl::IsPermissionDenied(no_right)) << no_right;
  EXPECT_THAT(std::string(no_right.message()),
              testing::AllOf(HasSubstr("busy_poll_us = 50"), HasSubstr("cap_net_admin")));
  const absl::Status unknown = OpenBusyPolled(50, ENOPROTOOPT);
  EXPECT_TRUE(absl::IsUnavailable(unknown)) << unknown;
  EXPECT_THAT(std::string(unknown.message()),
              testing::AllOf(HasSubstr("busy_poll_us = 50"), HasSubstr("leave busy_poll_us out")));
  EXPECT_TRUE(OpenBusyPolled(0, EPERM).ok()) << "it is asked for nothing";
}

TEST(SocketPortTest, AnAddressOfAnotherHostIsSaidToBe) {
  const absl::Status status = SocketPort::Open({.address = "192.0.2.1", .port = 7400}).status();
  EXPECT_EQ(status.code(), absl::StatusCode::kFailedPrecondition);
  EXPECT_THAT(std::string(status.message()), HasSubstr("no interface of this host has that address"));
}

// ---- what becomes of the interface below it

bool Succeeds(const std::string& command) {
  return std::system(command.c_str()) == 0;  // NOLINT(concurrency-mt-unsafe): nothing else runs meanwhile
}

// Runs `body` in a network namespace of its own, with the interface v0 at 10.9.8.1 and w0 as its other end.
void OnAnInterface(const std::function<void()>& body) {
  if (::geteuid() != 0 || !Succeeds("unshare -n ip link add v0 type veth 2>/dev/null")) {
    GTEST_SKIP() << "interfaces that come and go need root, and a kernel with veth";
  }
  std::thread([&] {
    ASSERT_EQ(::unshare(CLONE_NEWNET), 0);
    ASSERT_TRUE(
        Succeeds("ip link add v0 type veth peer name w0 && ip link set w0 up && ip link set v0 up && "
                 "ip addr add 10.9.8.1/24 dev v0"));
    body();
  }).join();
}

// At the first look that finds `expected`, or at the last, when the kernel has had plenty of time: it tells
// of a carrier some time after the change.
std::string WhyDown(SocketPort& port, const std::string& expected) {
  static std::uint64_t now_ns = 1;
  const auto deadline = std::chrono::steady_clock::now() + std::chrono::seconds(60);
  do {
    port.Look(now_ns += 1'000'000'000);
  } while (port.WhyDown() != expected && std::chrono::steady_clock::now() < deadline);
  return port.WhyDown();
}

constexpr const char* kMakeAgain =
    "ip link add v0 type veth peer name w0 && ip link set w0 up && ip link set v0 up";

TEST(SocketPortTest, AnInterfaceThatGoesDownIsNamedAndServesAgainWhenItIsUp) {
  OnAnInterface([] {
    const auto port = *SocketPort::Open({.address = "10.9.8.1"});
    EXPECT_TRUE(port->up());
    EXPECT_EQ(WhyDown(*port, ""), "");
    ASSERT_TRUE(Succeeds("ip link set v0 down"));
    EXPECT_EQ(WhyDown(*port, "the interface v0 is down"), "the interface v0 is down");
    EXPECT_FALSE(port->up());
    ASSERT_TRUE(Succeeds("ip link set v0 up"));
    EXPECT_EQ(WhyDown(*port, ""), "");
    ASSERT_TRUE(Succeeds("ip link set w0 down"));
    EXPECT_EQ(WhyDown(*port, "the interface v0 has no carrier"), "the interface v0 has no carrier");
    ASSERT_TRUE(Succeeds("ip link set w0 up"));
    EXPECT_EQ(WhyDown(*port, ""), "");
    EXPECT_EQ(port->counters().links_down, 2U);
  });
}

TEST(SocketPortTest, AnInterfaceThatGetsAnotherNameServesOn) {
  OnAnInterface([] {
    const auto port = *SocketPort::Open({.address = "10.9.8.1"});
    ASSERT_TRUE(Succeeds("ip link set v0 down && ip link set v0 name x0 && ip link set x0 up"));
    EXPECT_EQ(WhyDown(*port, ""), "");
    ASSERT_TRUE(Succeeds("ip link del x0"));
    EXPECT_EQ(WhyDown(*port, "the interface v0 is gone"), "the interface v0 is gone");
  });
}

// All addresses of the host are asked for each time.
TEST(SocketPortTest, AnAddressIsLookedForOnceASecond) {
  OnAnInterface([] {
    ASSERT_TRUE(Succeeds("ip link set v0 down"));
    const auto port = *SocketPort::Open({.address = "10.9.8.1"});
    constexpr std::uint64_t kSecondNs = 1'000'000'000;
    std::uint64_t now_ns = kSecondNs;
    port->Look(now_ns);
    ASSERT_TRUE(Succeeds("ip link del v0"));
    port->Look(now_ns += 10'000'000);
    EXPECT_EQ(port->WhyDown(), "the interface v0 is gone");
    ASSERT_TRUE(Succeeds("ip link add v0 type veth peer name w0 && ip addr add 10.9.8.1/24 dev v0"));
    const std::uint64_t searched_ns = now_ns;
    while (now_ns + 10'000'000 < searched_ns + kSecondNs) {
      port->Look(now_ns += 10'000'000);
      ASSERT_EQ(port->WhyDown(), "the interface v0 is gone");
    }
    port->Look(now_ns += 10'000'000);
    EXPECT_EQ(port->WhyDown(), "the interface v0 is down") << "it is found, and another one";
  });
}

TEST(InterfaceStateTest, AnInterfaceIsKnownByItsIndex) {
  OnAnInterface([] {
    const base::UniqueFd socket(::socket(AF_INET, SOCK_DGRAM | SOCK_CLOEXEC, 0));
    const int index = IndexOfLabel("v0");
    ASSERT_TRUE(Succeeds("ip link set v0 down && ip link set v0 name x0"));
    EXPECT_EQ(LookAtInterface(socket.get(), "v0", index), InterfaceState::kDown) << "by another name";
    EXPECT_EQ(LookAtInterface(socket.get(), "v0", 0), InterfaceState::kGone);
    ASSERT_TRUE(Succeeds("ip link add v0 type veth peer name y0"));
    EXPECT_EQ(LookAtInterface(socket.get(), "v0", index), InterfaceState::kDown) << "not the other one";
    ASSERT_TRUE(Succeeds("ip link del x0"));
    EXPECT_EQ(LookAtInterface(socket.get(), "v0", index), InterfaceState::kGone);
    EXPECT_EQ(LookAtInterface(socket.get(), "v0", 0), InterfaceState::kDown);
  });
}

// It is asked for by its index, and then by its name: between the two it may get another one.
TEST(InterfaceStateTest, AnInterfaceThatChangesItsNameMeanwhileIsNotGone) {
  OnAnInterface([] {
    const base::UniqueFd socket(::socket(AF_INET, SOCK_DGRAM | SOCK_CLOEXEC, 0));
    const int index = IndexOfLabel("v0");
    ASSERT_TRUE(Succeeds("ip link set v0 down"));
    std::atomic<bool> done = false;
    std::thread looks([&] {  // in the same network namespace: it is inherited
      while (!done) {
        EXPECT_EQ(LookAtInterface(socket.get(), "v0", index), InterfaceState::kDown);
      }
    });
    constexpr int kChanges = 10'000;  // some dozens of them fall between the two
    for (int change = 0; change < kChanges; ++change) {
      ifreq request = {};
      std::memcpy(request.ifr_name, change % 2 == 0 ? "v0" : "x0", 2);
      std::memcpy(request.ifr_newname, change % 2 == 0 ? "x0" : "v0", 2);
      EXPECT_EQ(::ioctl(socket.get(), SIOCSIFNAME, &request), 0);
    }
    done = true;
    looks.join();
  });
}

TEST(InterfaceStateTest, ALabelBelongsToTheInterfaceWhoseNameItBeginsWith) {
  OnAnInterface([] {
    EXPECT_EQ(IndexOfLabel("v0"), static_cast<int>(::if_nametoindex("v0")));
    EXPECT_EQ(IndexOfLabel("v0:1"), static_cast<int>(::if_nametoindex("v0")));
    EXPECT_EQ(IndexOfLabel("v0x"), static_cast<int>(::if_nametoindex("v0")));
    EXPECT_EQ(IndexOfLabel("q"), 0);
    EXPECT_EQ(IndexOfLabel(""), 0);
  });
}

TEST(SocketPortTest, AnInterfaceThatIsTakenOutIsNamedAndAnotherWithTheAddressTakesItsPlace) {
  OnAnInterface([] {
    const auto port = *SocketPort::Open({.address = "10.9.8.1"});
    ASSERT_TRUE(Succeeds("ip link del v0"));
    EXPECT_EQ(WhyDown(*port, "the interface v0 is gone"), "the interface v0 is gone");
    EXPECT_FALSE(port->gone()) << "the socket stays as it is";
    ASSERT_TRUE(Succeeds(kMakeAgain));
    EXPECT_EQ(WhyDown(*port, "no interface of this host has its address"),
              "no interface of this host has its address");
    ASSERT_TRUE(Succeeds("ip addr add 10.9.8.1/24 dev v0"));
    EXPECT_EQ(WhyDown(*port, ""), "");
    const auto other = *SocketPort::Open({.address = "10.9.8.1"});
    ASSERT_TRUE(Succeeds("ip link set lo up"));
    Send(*other, port->local(), 8, std::byte{3});
    other->Flush();
    Collector collector;
    collector.Await(*port, 1);
    EXPECT_EQ(collector.datagrams_.size(), 1U);
  });
}

TEST(SocketPortTest, AnAddressThatIsTakenFromItsInterfaceIsMissedWhenSomethingIsSent) {
  OnAnInterface([] {
    const auto port = *SocketPort::Open({.address = "10.9.8.1"});
    ASSERT_TRUE(Succeeds("ip addr del 10.9.8.1/24 dev v0"));
    Send(*port, {.address = 0x0a090802, .port = 7400}, 8, std::byte{1});
    port->Flush();
    EXPECT_EQ(WhyDown(*port, "no interface of this host has its address"),
              "no interface of this host has its address");
    ASSERT_TRUE(Succeeds("ip addr add 10.9.8.1/24 dev v0"));
    EXPECT_EQ(WhyDown(*port, ""), "");
  });
}

TEST(SocketPortTest, AnAddressThatIsNotThereYetIsWaitedFor) {
  OnAnInterface([] {
    ASSERT_TRUE(Succeeds("ip link del v0"));
    EXPECT_FALSE(SocketPort::Open({.address = "10.9.8.1"}).ok());
    const auto port = *SocketPort::Open({.address = "10.9.8.1", .wait_for_address = true});
    EXPECT_FALSE(port->up());
    EXPECT_EQ(WhyDown(*port, "no interface of this host has its address"),
              "no interface of this host has its address");
    ASSERT_TRUE(Succeeds(kMakeAgain));
    ASSERT_TRUE(Succeeds("ip link set v0 mtu 1000 && ip addr add 10.9.8.1/24 dev v0"));
    const std::string small = "datagrams of 1400 bytes do not go whole through v0, whose MTU is 1000";
    EXPECT_EQ(WhyDown(*port, small), small);
    ASSERT_TRUE(Succeeds("ip link set v0 mtu 1500"));
    EXPECT_EQ(WhyDown(*port, ""), "");
    EXPECT_EQ(port->counters().links_down, 0U) << "it has not been up before";
  });
}

TEST(SocketPortTest, WhatIsNoAddressIsSaidToBe) {
  for (const char* const address : {"", "localhost", "::1", "0.0.0.0", "239.1.2.3"}) {
    const absl::Status status = SocketPort::Open({.address = address}).status();
    EXPECT_EQ(status.code(), absl::StatusCode::kInvalidArgument) << address;
  }
}

TEST(SocketPortTest, DatagramsThatTheInterfaceDoesNotTakeWholeAreRefusedWithWhatItTakes) {
  const absl::Status status = SocketPort::Open({.address = "127.0.0.1", .max_payload = 65'509}).status();
  EXPECT_EQ(status.code(), absl::StatusCode::kInvalidArgument);
  EXPECT_THAT(std::string(status.message()), HasSubstr("payload_bytes = "));
}

}  // namespace
}  // namespace gaios::transport::udp
