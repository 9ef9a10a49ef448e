// One end of a link as a process: what the tests over veth drive, in a network namespace of its own.
//
//   gaios-dpdk-agent [device=DEVICE] address=A.B.C.D port=N [mtu=N] [max_payload=N] [gateway=A.B.C.D]
//   [prefix=NAME]
//                    [hugepages=if_free|require|never] [flow_rules=if_supported|require|never]
//                    [address_space_mib=N]   what the system gives this process
//                    [lend=1 least_loan=N zero_copy=if_supported|always|never]   it sends from memory of its
//                    own where it can [second=DEVICE second_address=A.B.C.D] [spin=1]
//
// spin: it never yields, and looks at its input less often, as a replica that is measured would.
// A second device is opened after the first, by the same process, and echoes what it gets. Without a device:
// a UDP socket of the kernel. The first line of its output is "open" with what it has opened, or the status
// that says why not, and then it ends with 1. After that it answers each line of its input by one line, and
// meanwhile receives, and echoes when told so. It ends with its input.
//
//   echo on|off
//   counters                         name=value ...
//   await NAME VALUE                 "ok" as soon as a counter has reached the value; also `up` 0 or 1
//   send ADDRESS PORT BYTES COUNT    sends, and waits for nothing
//   exchange ADDRESS PORT FROM TO STEP   one datagram of each size there and back, repeated until it is, and
//                                    compared: "ok" and their number
//   round-trips ADDRESS PORT BYTES COUNT   one at a time; percentiles in ns
//   cost ADDRESS PORT BYTES COUNT    sends bursts of that, from memory that it lends if it does, and else by
//   a
//                                    copy; what a datagram of a burst took, percentiles in ns
//   hold on|off                      receives nothing until told
//   keep                             the device keeps what it is given to send, from now on
//   end-loans ADDRESS PORT           sends a datagram from a loan, and ends that in the middle of what is
//                                    received next
//   frame HEX                        sends that frame as it is, by a raw socket on the interface v0
//   notices                          what the user should be told

#include <arpa/inet.h>
#include <linux/if_packet.h>
#include <net/ethernet.h>
#include <net/if.h>
#include <poll.h>
#include <sched.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <charconv>
#include <csignal>
#include <cstdio>
#include <cstring>
#include <map>
#include <memory>
#include <optional>
#include <sstream>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "gaios/base/check.h"
#include "gaios/base/clock.h"
#include "gaios/base/histogram.h"
#include "gaios/base/unique_fd.h"
#include "gaios/transport/udp/dpdk/dpdk_port.h"
#include "gaios/transport/udp/socket_port.h"

#include "tests/transport/udp/dpdk/stuck_device.h"

namespace gaios::transport::udp::dpdk {
namespace {

constexpr std::uint64_t kSecondNs = 1'000'000'000;
// A question that is not answered by then has failed.
constexpr std::uint64_t kPatienceNs = 30 * kSecondNs;
// A datagram whose echo has not come by then is sent again.
constexpr std::uint64_t kRepeatNs = kSecondNs / 20;

std::uint64_t Number(std::string_view text) {
  std::uint64_t number = 0;
  GAIOS_CHECK(std::from_chars(text.data(), text.data() + text.size(), number).ec == std::errc(),
              "not a number");
  return number;
}

std::uint32_t Address(const std::string& text) {
  in_addr address = {};
  GAIOS_CHECK(::inet_pton(AF_INET, text.c_str(), &address) == 1, "not an address");
  return ::ntohl(address.s_addr);
}

std::span<std::byte> ClaimFrom(Port& port) {
  std::span<std::byte> room = port.Claim();
  if (room.empty()) {
    port.Flush();
    room = port.Claim();
  }
  return room;
}

// What a port may send from.
alignas(4'096) std::array<std::byte, std::size_t{1} << 20> lent_memory;

// From the memory that was lent, but for a few bytes before and behind.
void SendLent(Port& port, std::span<const std::byte> payload, Endpoint to) {
  constexpr std::size_t kEndBytes = 9;
  static std::size_t next = 0;
  const std::size_t bytes = payload.size() - 2 * kEndBytes;
  next = next + bytes > lent_memory.size() ? 0 : next;
  const std::span<std::byte> lent = std::span(lent_memory).subspan(next, bytes);
  next += bytes;
  const std::span<std::byte> room = ClaimFrom(port);
  if (!room.empty()) {
    std::ranges::copy(payload.subspan(kEndBytes, bytes), lent.begin());
    std::ranges::copy(payload.first(kEndBytes), room.begin());
    std::ranges::copy(payload.last(kEndBytes), room.begin() + kEndBytes);
    port.EndLoans(port.SendLent(kEndBytes, lent, kEndBytes, to));
  }
}

void SendPayload(Port& port, std::span<const std::byte> payload, Endpoint to) {
  constexpr std::size_t kLeastEnds = 18;
  if (payload.size() > kLeastEnds && payload.size() - kLeastEnds >= port.least_loan()) {
    SendLent(port, payload, to);
    return;
  }
  const std::span<std::byte> room = ClaimFrom(port);
  if (!room.empty()) {
    std::ranges::copy(payload, room.begin());
    port.Send(payload.size(), to);
  }
}

class Echo final : public DatagramReceiver {
 public:
  explicit Echo(Port& port) : port_(port) {}
  void OnDatagram(Endpoint from, std::span<std::byte> payload) override { SendPayload(port_, payload, from); }
  void Poll() {
    port_.Receive(*this, 64);
    port_.Flush();
  }

 private:
  Port& port_;
};

class Agent final : public DatagramReceiver {
 public:
  // `dpdk`: the same port, if it is one. `second` may be null.
  Agent(Port& port, DpdkPort* dpdk, Echo* second, const base::Clock& clock, bool spin)
      : port_(port), dpdk_(dpdk), second_(second), clock_(clock), spin_(spin) {}

  void OnDatagram(Endpoint from, std::span<std::byte> payload) override {
    if (ends_loan_ != 0) {
      port_.EndLoans(std::exchange(ends_loan_, 0));
    }
    if (echo_) {
      SendPayload(port_, payload, from);
      return;
    }
    if (waiting_for_echo_ && std::ranges::equal(payload, sent_)) {
      waiting_for_echo_ = false;
    }
  }

  // Until the input ends.
  void Serve() {
    std::string input;
    for (std::uint64_t turn = 0;; ++turn) {
      Poll();
      if (spin_ && turn % 1'024 != 0) {
        continue;
      }
      pollfd ready = {.fd = STDIN_FILENO, .events = POLLIN, .revents = 0};
      if (::poll(&ready, 1, 0) <= 0) {
        continue;
      }
      std::array<char, 65'536> piece;
      const ssize_t got = ::read(STDIN_FILENO, piece.data(), piece.size());
      if (got <= 0) {
        return;
      }
      input.append(piece.data(), static_cast<std::size_t>(got));
      for (std::size_t end = 0; (end = input.find('\n')) != std::string::npos; input.erase(0, end + 1)) {
        Say(Answer(input.substr(0, end)));
      }
    }
  }

  static void Say(const std::string& line) {
    std::printf("%s\n", line.c_str());
    std::fflush(stdout);
  }

 private:
  void Poll() {
    const bool found = !hold_ && port_.Receive(*this, 64) > 0;
    port_.Flush();
    if (second_ != nullptr) {
      second_->Poll();
    }
    if (!found && !spin_) {
      ::sched_yield();
    }
  }

  // What `sent_` is next: other bytes each time, as far as the size allows.
  void Fill(std::size_t bytes) {
    ++serial_;
    sent_.resize(bytes);
    for (std::size_t at = 0; at < bytes; ++at) {
      sent_[at] = static_cast<std::byte>(at * 31 + bytes + serial_ * 7);
    }
    std::memcpy(sent_.data(), &serial_, std::min(bytes, sizeof(serial_)));
  }

  bool ExchangeOne(std::size_t bytes, Endpoint to) {
    const std::uint64_t give_up_ns = clock_.NowNs() + kPatienceNs;
    for (std::uint64_t now_ns = clock_.NowNs(); now_ns < give_up_ns; now_ns = clock_.NowNs()) {
      Fill(bytes);
      waiting_for_echo_ = true;
      SendPayload(port_, sent_, to);
      port_.Flush();
      while (waiting_for_echo_ && clock_.NowNs() < now_ns + kRepeatNs) {
        Poll();
      }
      if (!waiting_for_echo_) {
        return true;
      }
    }
    waiting_for_echo_ = false;
    return false;
  }

  std::string Exchange(Endpoint to, std::size_t from_bytes, std::size_t to_bytes, std::size_t step) {
    std::size_t done = 0;
    for (std::size_t bytes = from_bytes;; bytes = std::min(bytes + step, to_bytes)) {
      if (!ExchangeOne(bytes, to)) {
        return "no echo of " + std::to_string(bytes) + " bytes";
      }
      ++done;
      if (bytes == to_bytes) {
        return "ok " + std::to_string(done);
      }
    }
  }

  std::string RoundTrips(Endpoint to, std::size_t bytes, std::uint64_t count) {
    base::Histogram histogram;
    for (std::uint64_t done = 0; done < count; ++done) {
      const std::uint64_t start_ns = clock_.NowNs();
      if (!ExchangeOne(bytes, to)) {
        return "no echo";
      }
      histogram.Record(clock_.NowNs() - start_ns);
    }
    std::ostringstream text;
    text << "ok p50=" << histogram.ValueAtPercentile(50) << " p99=" << histogram.ValueAtPercentile(99)
         << " p99_9=" << histogram.ValueAtPercentile(99.9);
    return text.str();
  }

  // Of the port's part and the system's: what is sent is made before.
  std::string Cost(Endpoint to, std::size_t bytes, std::uint64_t bursts) {
    constexpr std::size_t kInBurst = 32;
    base::Histogram histogram;
    std::size_t next = 0;
    for (std::uint64_t done = 0; done < bursts; ++done) {
      const std::uint64_t start_ns = clock_.NowNs();
      for (std::size_t one = 0; one < kInBurst; ++one) {
        next = next + bytes > lent_memory.size() ? 0 : next;
        SendFromMemory(std::span(lent_memory).subspan(next, bytes), to);
        next += bytes;
      }
      port_.Flush();
      histogram.Record((clock_.NowNs() - start_ns) / kInBurst);
      Poll();
    }
    std::ostringstream text;
    text << "ok least=" << histogram.ValueAtPercentile(0) << " p50=" << histogram.ValueAtPercentile(50)
         << " p90=" << histogram.ValueAtPercentile(90) << " lent=" << port_.counters().lent;
    return text.str();
  }
  // As a transport sends a write: a header of 96 bytes, the bytes, a trailer of 24.
  void SendFromMemory(std::span<const std::byte> bytes, Endpoint to) {
    constexpr std::size_t kHeadBytes = 96;
    constexpr std::size_t kTailBytes = 24;
    const std::span<std::byte> room = ClaimFrom(port_);
    if (room.empty()) {
      return;
    }
    if (bytes.size() >= port_.least_loan()) {
      static_cast<void>(port_.SendLent(kHeadBytes, bytes, kTailBytes, to));
      return;
    }
    std::ranges::copy(bytes, room.begin() + kHeadBytes);
    port_.Send(kHeadBytes + bytes.size() + kTailBytes, to);
  }

  std::map<std::string, std::uint64_t> Counters() const {
    const PortCounters& port = port_.counters();
    std::map<std::string, std::uint64_t> all = {{"up", port_.up() ? 1 : 0},
                                                {"sent", port.sent},
                                                {"sent_bytes", port.sent_bytes},
                                                {"not_sent", port.not_sent},
                                                {"unreachable", port.unreachable},
                                                {"received", port.received},
                                                {"malformed", port.malformed},
                                                {"foreign", port.foreign},
                                                {"received_bytes", port.received_bytes},
                                                {"lent", port.lent},
                                                {"links_down", port.links_down},
                                                {"wrong_checksums", port.wrong_checksums},
                                                {"arp_asked", port.arp_asked},
                                                {"arp_answered", port.arp_answered},
                                                {"arp_conflicts", port.arp_conflicts}};
    if (dpdk_ != nullptr) {
      const DpdkCounters& dpdk = dpdk_->dpdk_counters();
      all.insert({{"truncated", dpdk.truncated},
                  {"fragments", dpdk.fragments},
                  {"oversized", dpdk.oversized},
                  {"arp_malformed", dpdk.arp_malformed},
                  {"links_up", dpdk.links_up}});
    }
    return all;
  }

  std::string Await(const std::string& name, std::uint64_t value) {
    const std::uint64_t give_up_ns = clock_.NowNs() + kPatienceNs;
    const auto reached = [&] {
      const std::uint64_t now = Counters().at(name);
      return name == "up" ? now == value : now >= value;
    };
    while (!reached()) {
      if (clock_.NowNs() > give_up_ns) {
        return name + " is " + std::to_string(Counters().at(name));
      }
      Poll();
    }
    return "ok";
  }

  static std::string SendFrame(std::string_view hex) {
    const base::UniqueFd socket(::socket(AF_PACKET, SOCK_RAW | SOCK_CLOEXEC, 0));
    GAIOS_CHECK(socket.valid(), "no raw socket");
    std::vector<unsigned char> frame;
    for (std::size_t at = 0; at + 1 < hex.size(); at += 2) {
      unsigned byte = 0;
      std::from_chars(hex.data() + at, hex.data() + at + 2, byte, 16);
      frame.push_back(static_cast<unsigned char>(byte));
    }
    sockaddr_ll to = {};
    to.sll_family = AF_PACKET;
    to.sll_ifindex = static_cast<int>(::if_nametoindex("v0"));
    const ssize_t sent = ::sendto(socket.get(), frame.data(), frame.size(), 0,
                                  reinterpret_cast<const sockaddr*>(&to), sizeof(to));
    return sent == static_cast<ssize_t>(frame.size()) ? "ok" : "not sent";
  }

  std::string Answer(const std::string& question) {
    std::istringstream words(question);
    std::string verb;
    words >> verb;
    std::vector<std::string> rest;
    for (std::string word; words >> word;) {
      rest.push_back(word);
    }
    if (verb == "echo") {
      echo_ = rest.at(0) == "on";
      return "ok";
    }
    if (verb == "hold") {
      hold_ = rest.at(0) == "on";
      return "ok";
    }
    if (verb == "keep") {
      MakeDeviceStuck();
      return "ok";
    }
    if (verb == "counters") {
      std::string text;
      for (const auto& [name, value] : Counters()) {
        text += (text.empty() ? "" : " ") + name + "=" + std::to_string(value);
      }
      return text;
    }
    if (verb == "await") {
      return Await(rest.at(0), Number(rest.at(1)));
    }
    if (verb == "notices") {
      std::string text;
      for (const std::string& notice : dpdk_->TakeNotices()) {
        text += notice;
      }
      return text;
    }
    if (verb == "frame") {
      return SendFrame(rest.at(0));
    }
    const Endpoint to = {.address = Address(rest.at(0)),
                         .port = static_cast<std::uint16_t>(Number(rest.at(1)))};
    if (verb == "end-loans") {
      static_cast<void>(ClaimFrom(port_));
      ends_loan_ = port_.SendLent(8, std::span(lent_memory).first(1'000), 8, to);
      return ends_loan_ != 0 ? "ok" : "nothing is lent";
    }
    if (verb == "send") {
      for (std::uint64_t count = Number(rest.at(3)); count > 0; --count) {
        Fill(Number(rest.at(2)));
        SendPayload(port_, sent_, to);
        port_.Flush();
      }
      return "ok";
    }
    if (verb == "exchange") {
      return Exchange(to, Number(rest.at(2)), Number(rest.at(3)), Number(rest.at(4)));
    }
    if (verb == "cost") {
      return Cost(to, Number(rest.at(2)), Number(rest.at(3)));
    }
    if (verb == "round-trips") {
      return RoundTrips(to, Number(rest.at(2)), Number(rest.at(3)));
    }
    return "no such question";
  }

  Port& port_;
  DpdkPort* const dpdk_;
  Echo* const second_;
  const base::Clock& clock_;
  const bool spin_;
  bool echo_ = false;
  bool hold_ = false;
  std::uint64_t ends_loan_ = 0;  // within the next datagram; 0: none
  bool waiting_for_echo_ = false;
  std::uint64_t serial_ = 0;
  std::vector<std::byte> sent_;
};

DpdkOptions OptionsOf(std::map<std::string, std::string>& given, Endpoint local, const base::Clock& clock) {
  DpdkOptions options;
  options.device = given["device"];
  options.local = local;
  options.mtu = static_cast<std::uint16_t>(given["mtu"].empty() ? 0 : Number(given["mtu"]));
  options.max_payload = given["max_payload"].empty() ? 0 : Number(given["max_payload"]);
  options.gateway = given["gateway"].empty() ? 0 : Address(given["gateway"]);
  options.file_prefix =
      given["prefix"].empty() ? "gaios-test-" + std::to_string(::getpid()) : given["prefix"];
  options.hugepages = given["hugepages"] == "require" ? Hugepages::kRequire
                      : given["hugepages"] == "never" ? Hugepages::kNever
                                                      : Hugepages::kIfFree;
  options.flow_rules = given["flow_rules"] == "require" ? FlowRules::kRequire
                       : given["flow_rules"] == "never" ? FlowRules::kNever
                                                        : FlowRules::kIfSupported;
  options.zero_copy = given["zero_copy"] == "never"    ? ZeroCopy::kNever
                      : given["zero_copy"] == "always" ? ZeroCopy::kAlways
                                                       : ZeroCopy::kIfSupported;
  if (!given["least_loan"].empty()) {
    options.least_loan_bytes = Number(given["least_loan"]);
  }
  options.link_check_interval_ns = kSecondNs / 1'000;
  options.clock = &clock;
  return options;
}

int Run(const std::vector<std::string>& arguments) {
  // A test that ends early must not leave a process behind.
  GAIOS_CHECK(::prctl(PR_SET_PDEATHSIG, SIGKILL) == 0, "prctl failed");
  std::map<std::string, std::string> given;
  for (const std::string& argument : arguments) {
    const std::size_t equals = argument.find('=');
    given[argument.substr(0, equals)] = argument.substr(equals + 1);
  }
  if (!given["address_space_mib"].empty()) {
    const rlim_t bytes = rlim_t{Number(given["address_space_mib"])} << 20U;
    const rlimit limit = {.rlim_cur = bytes, .rlim_max = bytes};
    GAIOS_CHECK(::setrlimit(RLIMIT_AS, &limit) == 0, "setrlimit failed");
  }
  const bool spin = given["spin"] == "1";
  const base::TscClock clock;
  const Endpoint local = {.address = Address(given["address"]),
                          .port = static_cast<std::uint16_t>(Number(given["port"]))};
  if (given["device"].empty()) {
    const std::size_t mtu = given["mtu"].empty() ? 1'500 : Number(given["mtu"]);
    const absl::StatusOr<std::unique_ptr<SocketPort>> socket =
        SocketPort::Open({.address = given["address"], .port = local.port, .max_payload = MaxPayload(mtu)});
    if (!socket.ok()) {
      Agent::Say(socket.status().ToString());
      return 1;
    }
    Agent::Say("open max_payload=" + std::to_string((*socket)->max_payload()));
    Agent(**socket, nullptr, nullptr, clock, spin).Serve();
    return 0;
  }
  absl::StatusOr<std::unique_ptr<DpdkPort>> port = DpdkPort::Open(OptionsOf(given, local, clock));
  if (!port.ok()) {
    Agent::Say(port.status().ToString());
    return 1;
  }
  if (given["lend"] == "1") {
    (*port)->Lend(lent_memory);
  }
  std::unique_ptr<DpdkPort> second;
  std::optional<Echo> second_echo;
  if (!given["second"].empty()) {
    given["device"] = given["second"];
    const Endpoint second_local = {.address = Address(given["second_address"]), .port = local.port};
    absl::StatusOr<std::unique_ptr<DpdkPort>> opened = DpdkPort::Open(OptionsOf(given, second_local, clock));
    if (!opened.ok()) {
      Agent::Say(opened.status().ToString());
      return 1;
    }
    second = *std::move(opened);
    second_echo.emplace(*second);
  }
  std::string mac;
  for (const std::uint8_t byte : (*port)->mac()) {
    std::array<char, 3> digits;
    std::snprintf(digits.data(), digits.size(), "%02x", unsigned{byte});
    mac += digits.data();
  }
  Agent::Say("open max_payload=" + std::to_string((*port)->max_payload()) + " mac=" + mac);
  Agent(**port, port->get(), second_echo ? &*second_echo : nullptr, clock, spin).Serve();
  return 0;
}

}  // namespace
}  // namespace gaios::transport::udp::dpdk

int main(int argc, char** argv) {
  return gaios::transport::udp::dpdk::Run({argv + 1, argv + argc});
}
