// One replica's verbs endpoint as a process, on a device of this host: what the tests in the lab drive.
//
//   gaios-verbs-agent DIRECTORY ID INCARNATION GROUP CAPACITY REPLICAS
//
// Questions that Ask answers: "ready" (ok), "fence", "counters", "notices", "race ROUND" (see Racer), "skip
// NUMBER": the next number that it writes, "wrong key" and "wrong number" (see InjectingDevice).

#include <sys/prctl.h>

#include <charconv>
#include <csignal>
#include <memory>
#include <sstream>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "gaios/base/check.h"
#include "gaios/base/clock.h"
#include "gaios/transport/verbs/libverbs_device.h"
#include "gaios/transport/verbs/verbs_transport.h"

#include "tests/conformance/process_endpoint.h"
#include "tests/conformance/recorder.h"
#include "tests/transport/verbs/injecting_device.h"
#include "tests/transport/verbs/racer.h"
#include "tests/transport/verbs/socket_channel.h"

namespace gaios::transport::verbs {
namespace {

std::string Counters(const VerbsCounters& counters) {
  std::ostringstream text;
  text << "links_up=" << counters.links_up << " links_down=" << counters.links_down
       << " grants=" << counters.grants << " grants_without_spare=" << counters.grants_without_spare
       << " fences=" << counters.fences << " fences_retried=" << counters.fences_retried
       << " flushes_failed=" << counters.flushes_failed << " flushes_replaced=" << counters.flushes_replaced
       << " paths_fenced=" << counters.paths_fenced << " paths_broken=" << counters.paths_broken
       << " posts_failed=" << counters.posts_failed << " late_completions=" << counters.late_completions
       << " messages_malformed=" << counters.messages_malformed;
  for (std::size_t status = 0; status < kWorkStatuses; ++status) {
    if (counters.failed_work[status] != 0) {
      text << " " << WorkStatusName(static_cast<ibv_wc_status>(status)) << "="
           << counters.failed_work[status];
    }
  }
  return text.str();
}

std::uint64_t Number(std::string_view text) {
  std::uint64_t number = 0;
  GAIOS_CHECK(std::from_chars(text.data(), text.data() + text.size(), number).ec == std::errc(),
              "not a number");
  return number;
}

int Serve(const std::vector<std::string>& arguments) {
  GAIOS_CHECK(arguments.size() == 7, "six arguments");
  // A test that ends early must not leave a process behind that races on.
  GAIOS_CHECK(::prctl(PR_SET_PDEATHSIG, SIGKILL) == 0, "prctl failed");
  const base::TscClock clock(base::TscClock::Source::kKernel);
  VerbsOptions options;
  options.self = ReplicaId(static_cast<std::uint8_t>(Number(arguments[2])));
  options.incarnation = Incarnation(static_cast<std::uint32_t>(Number(arguments[3])));
  options.capacity = Number(arguments[5]);
  options.replicas = Number(arguments[6]);
  options.clock = &clock;
  auto channel = std::make_unique<SocketChannel>(SocketChannelOptions{.directory = arguments[1],
                                                                      .self = options.self,
                                                                      .incarnation = options.incarnation,
                                                                      .group = Number(arguments[4]),
                                                                      .capacity = options.capacity,
                                                                      .replicas = options.replicas,
                                                                      .clock = &clock});
  absl::StatusOr<std::unique_ptr<LibverbsDevice>> device = LibverbsDevice::Open("", 1);
  GAIOS_CHECK(device.ok(), device.status().ToString().c_str());
  auto injecting = std::make_unique<InjectingDevice>(*std::move(device));
  InjectingDevice& orders = *injecting;
  absl::StatusOr<std::unique_ptr<VerbsTransport>> transport =
      VerbsTransport::Open(options, std::move(injecting), std::move(channel));
  GAIOS_CHECK(transport.ok(), transport.status().ToString().c_str());
  conformance::LocalEndpoint endpoint(**transport);
  Racer racer(**transport);
  conformance::ServeEndpoint(endpoint, [&](std::string_view question) -> std::string {
    if (question == "ready") {
      return "ok";
    }
    if (question == "fence") {
      return std::string(FenceName((*transport)->fence()));
    }
    if (question == "counters") {
      return Counters((*transport)->counters());
    }
    if (question == "notices") {
      std::string all;
      for (const std::string& notice : (*transport)->TakeNotices()) {
        all += notice + "\n";
      }
      return all;
    }
    if (question == "wrong key") {
      orders.wrong_key = true;
      return "ok";
    }
    if (question == "wrong number") {
      orders.wrong_number = true;
      return "ok";
    }
    if (question.starts_with("skip ")) {
      racer.Skip(Number(question.substr(5)));
      return "ok";
    }
    // "race ROUND": as the proposer of that round.
    const auto round = static_cast<std::uint32_t>(Number(question.substr(question.find(' ') + 1)));
    return std::to_string(
        racer.Run({.ballot = paxos::Ballot(round, options.self, options.incarnation), .number = 1}));
  });
  return 0;
}

}  // namespace
}  // namespace gaios::transport::verbs

int main(int argc, char** argv) {
  return gaios::transport::verbs::Serve(std::vector<std::string>(argv, argv + argc));
}
