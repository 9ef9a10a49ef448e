// The conformance suite on the UDP transport over DPDK: each replica with a device of its own on a bridge,
// and groups in which some replicas have kernel sockets.

#include <sys/socket.h>
#include <unistd.h>

#include <memory>
#include <string>

#include "gaios/base/check.h"
#include "gaios/base/clock.h"
#include "gaios/base/unique_fd.h"
#include "gaios/transport/udp/dpdk/dpdk_port.h"
#include "gaios/transport/udp/socket_port.h"

#include "tests/conformance/suite.h"
#include "tests/transport/udp/dpdk/bridge.h"
#include "tests/transport/udp/udp_backend.h"

namespace gaios::transport::conformance {
namespace {

using udp::Port;
using udp::UdpBackendOptions;

constexpr std::size_t kEnds = 4;
constexpr std::uint16_t kUdpPort = 7000;

// The rest of a device's name, behind its number.
std::unique_ptr<Port> OpenDevice(ReplicaId id, const std::string& driver, const std::string& arguments,
                                 std::size_t least_loan_bytes = udp::dpdk::kLeastLoanBytes,
                                 udp::dpdk::ZeroCopy zero_copy = udp::dpdk::ZeroCopy::kIfSupported) {
  static const base::TscClock clock(base::TscClock::Source::kKernel);
  udp::dpdk::EnterBridge(kEnds);
  const std::string number = std::to_string(id.value());
  udp::dpdk::DpdkOptions options;
  options.device = driver + number + ",iface=e" + number + arguments;
  options.local = {.address = udp::dpdk::DpdkAddress(id.value()), .port = kUdpPort};
  options.max_payload = 1'400;
  options.file_prefix = "gaios-conformance-" + std::to_string(::getpid());
  options.clock = &clock;
  options.least_loan_bytes = least_loan_bytes;
  options.zero_copy = zero_copy;
  options.more_memory_mib = 128;
  absl::StatusOr<std::unique_ptr<udp::dpdk::DpdkPort>> port = udp::dpdk::DpdkPort::Open(options);
  GAIOS_CHECK(port.ok(), port.status().ToString().c_str());
  return *std::move(port);
}

std::unique_ptr<Port> OpenDpdk(ReplicaId id) {
  return OpenDevice(id, "net_af_packet", ",framecnt=1024");
}
// Writes are sent from the log, however short they are.
std::unique_ptr<Port> OpenLending(ReplicaId id) {
  return OpenDevice(id, "net_af_packet", ",framecnt=1024", 1);
}
std::unique_ptr<Port> OpenCopying(ReplicaId id) {
  return OpenDevice(id, "net_af_packet", ",framecnt=1024", 0, udp::dpdk::ZeroCopy::kNever);
}
std::unique_ptr<Port> OpenXdp(ReplicaId id) {
  // The driver keeps its socket when it is closed, and the queue with that: each port has another interface.
  udp::dpdk::EnterBridge(kEnds);
  udp::dpdk::RenewEnd(id.value());
  return OpenDevice(id, "net_af_xdp", "");
}

std::unique_ptr<Port> OpenSocket(ReplicaId id) {
  udp::dpdk::EnterBridge(kEnds);
  absl::StatusOr<std::unique_ptr<udp::SocketPort>> port =
      udp::SocketPort::Open({.address = udp::dpdk::KernelAddress(id.value()), .port = kUdpPort});
  GAIOS_CHECK(port.ok(), port.status().ToString().c_str());
  return *std::move(port);
}

// Replica 0 by DPDK, which copies, the others by sockets; or the other way round.
std::unique_ptr<Port> OpenMixed(ReplicaId id) {
  return id.value() == 0 ? OpenCopying(id) : OpenSocket(id);
}
std::unique_ptr<Port> OpenMixedOtherwise(ReplicaId id) {
  return id.value() == 0 ? OpenSocket(id) : OpenDpdk(id);
}

void SkipWithoutBridge() {
  if (const std::string missing = udp::dpdk::BridgeMissing(); !missing.empty()) {
    GTEST_SKIP() << missing;
  }
}

void SkipWithoutXdp() {
  SkipWithoutBridge();
  if (!base::UniqueFd(::socket(AF_XDP, SOCK_RAW | SOCK_CLOEXEC, 0)).valid()) {
    GTEST_SKIP() << "this kernel has no XDP sockets";
  }
}

BackendFactory Xdp(const std::string& name, const UdpBackendOptions& options) {
  return {.name = name, .make = [=] {
            SkipWithoutXdp();
            return std::make_unique<udp::UdpBackend>(options);
          }};
}

BackendFactory Dpdk(const std::string& name, const UdpBackendOptions& options) {
  return {.name = name, .make = [=] {
            SkipWithoutBridge();
            return std::make_unique<udp::UdpBackend>(options);
          }};
}

class LoansTest : public ConformanceTest {};

TEST_P(LoansTest, AWriteIsSentFromTheLog) {
  StartGroup();
  const Grant grant = MakeGrant(1, kWriter);
  Give(kAcceptor, kWriter, grant);
  const Range range = MakeRange(0, 1'024);
  at(kWriter).FillLog(range.from, Pattern(range.size(), 4));
  ASSERT_EQ(WriteAndWait(kWriter, grant, range), Outcome::kDone);
  EXPECT_EQ(at(kAcceptor).LogBytes(range), Pattern(range.size(), 4));
  EXPECT_GT(static_cast<udp::UdpBackend&>(backend()).port(kWriter).counters().lent, 0U);
}

}  // namespace

INSTANTIATE_TEST_SUITE_P(Dpdk, LoansTest,
                         testing::Values(Dpdk("all", {.make_port = OpenLending, .lends = true})), NameOf);

INSTANTIATE_TEST_SUITE_P(Dpdk, ConformanceTest,
                         testing::Values(Dpdk("all", {.make_port = OpenLending, .lends = true}),
                                         Dpdk("first", {.make_port = OpenMixed}),
                                         Dpdk("others", {.make_port = OpenMixedOtherwise}),
                                         Dpdk("faults", {.make_port = OpenDpdk,
                                                         .faults = {.seed = 5,
                                                                    .lost = 100,
                                                                    .doubled = 100,
                                                                    .altered = 50,
                                                                    .held = 200,
                                                                    .most_flushes = 12}})),
                         NameOf);

INSTANTIATE_TEST_SUITE_P(Xdp, ConformanceTest, testing::Values(Xdp("xdp", {.make_port = OpenXdp})), NameOf);

}  // namespace gaios::transport::conformance
