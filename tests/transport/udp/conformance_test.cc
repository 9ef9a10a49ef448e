// The conformance suite on the UDP transport: over sockets on loopback, over a network in memory, and over
// both with datagrams that are lost, doubled, altered, late and out of order.

#include <memory>
#include <string>

#include "tests/conformance/suite.h"
#include "tests/transport/udp/udp_backend.h"

namespace gaios::transport::conformance {
namespace {

using udp::Faults;
using udp::UdpBackendOptions;

BackendFactory Udp(const std::string& name, const UdpBackendOptions& options) {
  return {.name = name, .make = [=] { return std::make_unique<udp::UdpBackend>(options); }};
}

Faults Bad(std::uint64_t seed) {
  return {.seed = seed, .lost = 100, .doubled = 100, .altered = 50, .held = 200, .most_flushes = 12};
}

}  // namespace

INSTANTIATE_TEST_SUITE_P(
    Udp, ConformanceTest,
    testing::Values(Udp("memory", {}), Udp("memory_without_macs", {.authenticate = false}),
                    Udp("memory_short", {.payload_bytes = udp::kMinPayloadBytes}),
                    Udp("memory_faults_1", {.payload_bytes = udp::kMinPayloadBytes, .faults = Bad(1)}),
                    Udp("memory_faults_2", {.faults = Bad(2)}),
                    Udp("memory_faults_without_macs", {.authenticate = false, .faults = Bad(3)}),
                    Udp("memory_lent", {.loans = {.least_bytes = 1, .flushes = 7}}),
                    Udp("memory_lent_without_macs",
                        {.authenticate = false, .loans = {.least_bytes = 8, .flushes = 0}}),
                    Udp("memory_encrypted", {.encrypt = true, .payload_bytes = udp::kMinPayloadBytes}),
                    Udp("memory_faults_encrypted", {.encrypt = true, .faults = Bad(5)}),
                    Udp("sockets", {.sockets = true}),
                    Udp("sockets_encrypted", {.sockets = true, .encrypt = true, .own_thread = true}),
                    Udp("sockets_thread", {.sockets = true, .own_thread = true}),
                    Udp("sockets_long", {.sockets = true, .payload_bytes = udp::kMaxPayloadBytes}),
                    Udp("sockets_faults", {.sockets = true, .faults = Bad(4)})),
    NameOf);

}  // namespace gaios::transport::conformance
