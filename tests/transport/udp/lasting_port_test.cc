// A port whose device is taken out, comes back, or was not there from the start.

#include "gaios/transport/udp/lasting_port.h"

#include <atomic>
#include <chrono>
#include <functional>
#include <memory>
#include <string>
#include <utility>
#include <vector>

#include <gmock/gmock.h>
#include <gtest/gtest.h>

namespace gaios::transport::udp {
namespace {

using testing::AllOf;
using testing::Contains;
using testing::ElementsAre;
using testing::HasSubstr;
using testing::Not;

constexpr Endpoint kLocal = {.address = 0x0a000001, .port = 7400};

// What the test says of the device, which outlives its ports.
struct Device {
  std::atomic<bool> there = true;
  std::atomic<int> opened = 0;
  std::atomic<int> closed = 0;
  std::atomic<std::size_t> room = 256;
  std::atomic<bool> hopeless = false;
  std::atomic<std::size_t> lent = 0;     // bytes, to the latest port
  std::atomic<std::uint64_t> ended = 0;  // the latest loan that a port was told to end
  std::string notice;
};

class FakePort final : public Port {
 public:
  explicit FakePort(Device& device) : device_(device) {
    ++device_.opened;
    counters_.received = 1;
    counters_.links_down = 2;
  }
  FakePort(const FakePort&) = delete;
  FakePort& operator=(const FakePort&) = delete;
  ~FakePort() override { ++device_.closed; }

  [[nodiscard]] Endpoint local() const override { return kLocal; }
  [[nodiscard]] std::size_t max_payload() const override { return 1400; }
  [[nodiscard]] std::size_t receive_room() const override { return device_.room; }
  [[nodiscard]] bool up() const override { return device_.there; }
  [[nodiscard]] std::string WhyDown() const override { return up() ? "" : "the interface v0 is gone"; }
  [[nodiscard]] bool gone() const override { return !device_.there; }
  [[nodiscard]] std::vector<std::string> TakeNotices() override { return {device_.notice}; }
  [[nodiscard]] std::span<std::byte> Claim() override { return buffer_; }
  void Send(std::size_t bytes, Endpoint /*to*/) override { counters_.sent_bytes += bytes; }
  void Flush() override { ++counters_.sent; }
  std::size_t Receive(DatagramReceiver& /*receiver*/, std::size_t /*limit*/) override { return 3; }
  void Lend(std::span<std::byte> memory) override { device_.lent = memory.size(); }
  [[nodiscard]] std::size_t least_loan() const override { return 64; }
  std::uint64_t SendLent(std::size_t /*head*/, std::span<const std::byte> /*lent*/, std::size_t /*tail*/,
                         Endpoint /*to*/) override {
    return ++loans_;
  }
  [[nodiscard]] std::uint64_t loans_over() override { return over_; }
  void EndLoans(std::uint64_t loan) override { device_.ended = over_ = loan; }
  [[nodiscard]] const PortCounters& counters() const override { return counters_; }

 private:
  std::uint64_t loans_ = 0;
  std::uint64_t over_ = 0;
  Device& device_;
  std::vector<std::byte> buffer_ = std::vector<std::byte>(1400);
  PortCounters counters_;
};

class Nobody final : public DatagramReceiver {
 public:
  void OnDatagram(Endpoint /*from*/, std::span<std::byte> /*payload*/) override {}
};

class LastingPortTest : public testing::Test {
 protected:
  static constexpr std::uint64_t kHourNs = 3'600'000'000'000;

  std::unique_ptr<LastingPort> Make(std::unique_ptr<Port> first, std::uint64_t pause_ns = 1'000'000) {
    auto port =
        LastingPort::Make({.name = "net_fake0,iface=v0",
                           .local = kLocal,
                           .max_payload = 1400,
                           .open = [this]() -> absl::StatusOr<std::unique_ptr<Port>> {
                             ++attempts_;
                             if (device_.hopeless) {
                               return absl::AbortedError("DPDK cannot be started again");
                             }
                             if (!device_.there) {
                               return absl::NotFoundError("there is no network interface \"v0\" here");
                             }
                             return std::make_unique<FakePort>(device_);
                           },
                           .pause_ns = pause_ns,
                           .told = {"no telemetry"},
                           .remark = "it leaks"},
                          std::move(first));
    EXPECT_TRUE(port.ok()) << port.status();
    return *std::move(port);
  }
  static bool Await(LastingPort& port, const std::function<bool()>& holds) {
    const auto deadline = std::chrono::steady_clock::now() + std::chrono::seconds(60);
    while (!holds() && std::chrono::steady_clock::now() < deadline) {
      port.Look(0);
    }
    return holds();
  }

  Device device_;
  std::atomic<int> attempts_ = 0;
};

TEST_F(LastingPortTest, WhatIsBelowIsUsedWhileItIsThere) {
  const std::unique_ptr<LastingPort> port = Make(std::make_unique<FakePort>(device_));
  port->Look(0);
  EXPECT_TRUE(port->up());
  EXPECT_EQ(port->WhyDown(), "");
  EXPECT_EQ(port->local(), kLocal);
  ASSERT_EQ(port->Claim().size(), 1400U);
  port->Send(100, kLocal);
  port->Flush();
  Nobody nobody;
  EXPECT_EQ(port->Receive(nobody, 64), 3U);
  EXPECT_EQ(port->counters().sent, 1U);
  EXPECT_EQ(port->counters().sent_bytes, 100U);
  EXPECT_EQ(attempts_, 0);
}

TEST_F(LastingPortTest, ADeviceThatIsTakenOutIsOpenedAgainWhenItIsBack) {
  const std::unique_ptr<LastingPort> port = Make(std::make_unique<FakePort>(device_));
  port->Flush();
  device_.there = false;
  port->Look(0);
  EXPECT_FALSE(port->up());
  EXPECT_EQ(port->WhyDown(), "the interface v0 is gone");
  EXPECT_TRUE(port->Claim().empty()) << "there is nothing to send by";
  port->Flush();
  Nobody nobody;
  EXPECT_EQ(port->Receive(nobody, 64), 0U);
  EXPECT_EQ(port->counters().sent, 1U);
  ASSERT_TRUE(Await(*port, [&] { return attempts_ >= 3; }));
  EXPECT_EQ(device_.closed, 1);
  EXPECT_THAT(port->TakeNotices(),
              ElementsAre(HasSubstr("the interface v0 is gone: net_fake0,iface=v0 is closed"),
                          HasSubstr("cannot be opened yet: there is no network interface")))
      << "a failure is told once";
  device_.notice = "no hugepages";
  device_.there = true;
  ASSERT_TRUE(Await(*port, [&] { return port->up(); }));
  EXPECT_THAT(port->TakeNotices(), ElementsAre("no hugepages", "net_fake0,iface=v0 is open"));
  port->Flush();
  EXPECT_EQ(port->counters().sent, 2U) << "of both ports";
  EXPECT_EQ(port->counters().received, 2U);
  EXPECT_EQ(port->counters().links_down, 4U);
  EXPECT_EQ(device_.opened, 2);
  // What has been told of one port is not told of the next.
  static_cast<void>(port->TakeNotices());
  device_.there = false;
  port->Look(0);
  device_.there = true;
  ASSERT_TRUE(Await(*port, [&] { return port->up(); }));
  EXPECT_THAT(port->TakeNotices(),
              AllOf(Contains(HasSubstr("opened again when it is there (tried each 1 ms); it leaks")),
                    Contains("net_fake0,iface=v0 is open"), Not(Contains("no hugepages"))));
}

TEST_F(LastingPortTest, WhatWasToldOfTheFirstPortIsNotToldAgain) {
  device_.there = false;
  device_.notice = "no telemetry";
  const std::unique_ptr<LastingPort> port = Make(nullptr);
  device_.there = true;
  ASSERT_TRUE(Await(*port, [&] { return port->up(); }));
  EXPECT_THAT(port->TakeNotices(),
              AllOf(Contains("net_fake0,iface=v0 is open"), Not(Contains("no telemetry"))));
}

// A device that is gone as soon as it was opened does not keep the thread busy. Ends only if the second
// attempt, for which it is not time, is given up for the end.
TEST_F(LastingPortTest, ThereIsAPauseBetweenTwoAttemptsWhateverCameOfTheFirst) {
  std::unique_ptr<LastingPort> port = Make(nullptr, kHourNs);
  ASSERT_TRUE(Await(*port, [&] { return port->up(); }));
  device_.there = false;
  port->Look(0);
  ASSERT_TRUE(Await(*port, [&] { return device_.closed == 1; }));
  device_.there = true;
  port.reset();
  EXPECT_EQ(attempts_, 1);
}

TEST_F(LastingPortTest, WhatCannotBeOpenedInThisProcessIsNotTriedAgain) {
  device_.there = false;
  const std::unique_ptr<LastingPort> port = Make(std::make_unique<FakePort>(device_));
  device_.hopeless = true;
  port->Look(0);
  const std::string why = "net_fake0,iface=v0 cannot be opened before this process is started again";
  ASSERT_TRUE(Await(*port, [&] { return port->WhyDown() == why; }));
  EXPECT_EQ(attempts_, 1);
  EXPECT_THAT(port->TakeNotices(), Contains(why + ": DPDK cannot be started again"));
  EXPECT_FALSE(port->up());
}

TEST_F(LastingPortTest, APortThatHoldsLessThanPeersWereToldIsNotUsed) {
  device_.room = 255;
  const std::unique_ptr<LastingPort> port = Make(nullptr);
  ASSERT_TRUE(Await(*port, [&] { return attempts_ >= 3; }));
  EXPECT_FALSE(port->up());
  EXPECT_THAT(port->TakeNotices(),
              ElementsAre(HasSubstr("holds 255 datagrams of 1400 bytes, and peers count on 256")));
  device_.room = 256;
  ASSERT_TRUE(Await(*port, [&] { return port->up(); }));
}

TEST_F(LastingPortTest, ADeviceThatIsNotThereFromTheStartIsWaitedFor) {
  device_.there = false;
  const std::unique_ptr<LastingPort> port = Make(nullptr);
  EXPECT_FALSE(port->up());
  EXPECT_EQ(port->WhyDown(), "net_fake0,iface=v0 is not there yet");
  EXPECT_EQ(port->max_payload(), 1400U);
  EXPECT_EQ(port->counters().sent, 0U);
  device_.there = true;
  ASSERT_TRUE(Await(*port, [&] { return port->up(); }));
  EXPECT_EQ(port->Claim().size(), 1400U);
}

TEST_F(LastingPortTest, ItEndsWhileItWaits) {
  device_.there = false;
  std::unique_ptr<LastingPort> port = Make(std::make_unique<FakePort>(device_));
  port->Look(0);
  port.reset();
  EXPECT_EQ(device_.opened, device_.closed);
}

// P8: a port that is gone reads nothing any more, and the loans of the next one are others.
TEST_F(LastingPortTest, LoansGoOnFromPortToPort) {
  const std::unique_ptr<LastingPort> port = Make(std::make_unique<FakePort>(device_));
  std::vector<std::byte> memory(4096);
  port->Lend(memory);
  EXPECT_EQ(device_.lent, memory.size());
  EXPECT_EQ(port->SendLent(1, memory, 1, kLocal), 1U);
  EXPECT_EQ(port->SendLent(1, memory, 1, kLocal), 2U);
  EXPECT_EQ(port->loans_over(), 0U);
  device_.there = false;
  port->Look(0);
  EXPECT_EQ(device_.ended, 2U);
  EXPECT_EQ(port->loans_over(), 2U);
  EXPECT_EQ(port->least_loan(), kNoLoans);
  device_.lent = 0;
  device_.there = true;
  ASSERT_TRUE(Await(*port, [&] { return port->up(); }));
  EXPECT_EQ(device_.lent, memory.size());
  EXPECT_EQ(port->least_loan(), 64U);
  EXPECT_EQ(port->SendLent(1, memory, 1, kLocal), 3U);
  EXPECT_EQ(port->loans_over(), 2U);
  port->EndLoans(2);
  EXPECT_EQ(port->loans_over(), 2U);
  port->EndLoans(3);
  EXPECT_EQ(device_.ended, 1U) << "the first of that port";
  EXPECT_EQ(port->loans_over(), 3U);
}

}  // namespace
}  // namespace gaios::transport::udp
