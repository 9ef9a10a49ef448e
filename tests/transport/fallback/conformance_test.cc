// The conformance suite on links of two paths: both there, one of them there, and both bad.

#include <memory>
#include <string>

#include "tests/conformance/suite.h"
#include "tests/transport/fallback/fallback_backend.h"

namespace gaios::transport::conformance {
namespace {

using fallback::FallbackBackendOptions;
using udp::Faults;

BackendFactory Fallback(const std::string& name, const FallbackBackendOptions& options) {
  return {.name = name, .make = [=] { return std::make_unique<fallback::FallbackBackend>(options); }};
}

Faults Bad(std::uint64_t seed) {
  return {.seed = seed, .lost = 100, .doubled = 100, .altered = 50, .held = 200, .most_flushes = 12};
}

}  // namespace

INSTANTIATE_TEST_SUITE_P(Fallback, ConformanceTest,
                         testing::Values(Fallback("both", {}),
                                         Fallback("first_alone", {.cut = {false, true}}),
                                         Fallback("second_alone", {.cut = {true, false}}),
                                         Fallback("first_bad", {.faults = {Bad(1), Faults()}}),
                                         Fallback("second_bad", {.faults = {Faults(), Bad(2)}}),
                                         Fallback("both_bad", {.faults = {Bad(3), Bad(4)}})),
                         NameOf);

}  // namespace gaios::transport::conformance
