#ifndef GAIOS_TESTS_RSM_FEEDS_FIXTURES_H_
#define GAIOS_TESTS_RSM_FEEDS_FIXTURES_H_

// The committed fixtures: small recordings of both formats that the generator and the writers made. A test
// compares what is committed with what they make today; feeds_fixtures writes them anew.

#include <string>
#include <vector>

#include "gaios/rsm/feeds/decoder.h"
#include "gaios/rsm/feeds/order_event.h"

namespace gaios::feeds {

struct Fixture {
  std::string name;  // of the file
  std::string content;
  Compression compression;
};

// What the fixtures hold.
[[nodiscard]] std::vector<OrderEvent> ItchFixtureEvents();
[[nodiscard]] std::vector<OrderEvent> BitstampFixtureEvents();

[[nodiscard]] std::vector<Fixture> Fixtures();

}  // namespace gaios::feeds

#endif  // GAIOS_TESTS_RSM_FEEDS_FIXTURES_H_
