#include "tests/transport/udp/dpdk/veth.h"

#include <fcntl.h>
#include <poll.h>
#include <sys/wait.h>
#include <unistd.h>

#include <array>
#include <csignal>
#include <cstdlib>
#include <filesystem>
#include <sstream>
#include <string_view>
#include <system_error>
#include <vector>

#include <gtest/gtest.h>

#include "gaios/base/check.h"

#include "tests/support/paths.h"

namespace gaios::transport::udp::dpdk {
namespace {

// DPDK loads a hundred drivers when it starts, which takes its time on a machine that is busy.
constexpr int kPatienceMs = 60'000;

bool Succeeds(const std::string& command) {
  return std::system(command.c_str()) == 0;  // NOLINT(concurrency-mt-unsafe): tests have one thread
}

void Run(const std::string& command) {
  EXPECT_TRUE(Succeeds(command)) << command;
}

constexpr std::string_view kNamePrefix = "gaios-veth-";

// The namespaces of tests that were killed.
void RemoveLeftOver() {
  std::error_code ignored;
  for (const auto& entry : std::filesystem::directory_iterator("/run/netns", ignored)) {
    const std::string name = entry.path().filename().string();
    if (name.starts_with(kNamePrefix) &&
        !std::filesystem::exists(
            "/proc/" + std::to_string(std::strtoul(name.c_str() + kNamePrefix.size(), nullptr, 10)))) {
      static_cast<void>(Succeeds("ip netns del " + name + " 2>/dev/null"));
    }
  }
}

std::string AddressOf(char side) {
  return side == 'a' ? "10.9.0.1" : "10.9.0.2";
}

}  // namespace

std::string At(char side) {
  return AddressOf(side) + " 7000";
}

AgentProcess::AgentProcess(const std::string& network_namespace, const std::string& arguments,
                           const std::string& prefix) {
  std::vector<std::string> words;
  std::istringstream all("ip netns exec " + network_namespace + " " + prefix + " " + BinDirectory() +
                         "/gaios-dpdk-agent " + arguments);
  for (std::string word; all >> word;) {
    words.push_back(word);
  }
  std::vector<char*> pointers;
  pointers.reserve(words.size() + 1);
  for (std::string& word : words) {
    pointers.push_back(word.data());
  }
  pointers.push_back(nullptr);
  std::array<int, 2> to_agent = {};
  std::array<int, 2> from_agent = {};
  GAIOS_CHECK(::pipe2(to_agent.data(), O_CLOEXEC) == 0 && ::pipe2(from_agent.data(), O_CLOEXEC) == 0,
              "no pipe");
  pid_ = ::fork();
  GAIOS_CHECK(pid_ >= 0, "no process");
  if (pid_ == 0) {
    ::dup2(to_agent[0], STDIN_FILENO);
    ::dup2(from_agent[1], STDOUT_FILENO);
    ::execvp(pointers[0], pointers.data());
    ::_exit(127);
  }
  ::close(to_agent[0]);
  ::close(from_agent[1]);
  input_ = base::UniqueFd(to_agent[1]);
  output_ = base::UniqueFd(from_agent[0]);
  opened_ = ReadLine();
}

AgentProcess::~AgentProcess() {
  Kill();
}

void AgentProcess::Kill() {
  if (pid_ > 0) {
    ::kill(pid_, SIGKILL);
    ::waitpid(pid_, nullptr, 0);
    pid_ = -1;
  }
}

std::string AgentProcess::ReadLine() {
  for (;;) {
    if (const std::size_t end = read_.find('\n'); end != std::string::npos) {
      const std::string line = read_.substr(0, end);
      read_.erase(0, end + 1);
      return line;
    }
    pollfd ready = {.fd = output_.get(), .events = POLLIN, .revents = 0};
    std::array<char, 4'096> piece;
    ssize_t got = -1;
    if (::poll(&ready, 1, kPatienceMs) > 0) {
      got = ::read(output_.get(), piece.data(), piece.size());
    }
    if (got <= 0) {
      ADD_FAILURE() << "the agent " << (got == 0 ? "has ended" : "does not answer");
      return "";
    }
    read_.append(piece.data(), static_cast<std::size_t>(got));
  }
}

std::string AgentProcess::Ask(const std::string& question) {
  const std::string line = question + "\n";
  if (::write(input_.get(), line.data(), line.size()) != static_cast<ssize_t>(line.size())) {
    ADD_FAILURE() << "the agent takes no question";
    return "";
  }
  return ReadLine();
}

std::uint64_t AgentProcess::Counter(const std::string& name) {
  const std::string all = " " + Ask("counters");
  const std::size_t at = all.find(" " + name + "=");
  if (at == std::string::npos) {
    ADD_FAILURE() << "no counter " << name << " in" << all;
    return 0;
  }
  return std::strtoull(all.c_str() + at + name.size() + 2, nullptr, 10);
}

std::string Veth::Missing() {
  if (::geteuid() != 0) {
    return "network namespaces need root";
  }
  const std::string name = "gaios-probe-" + std::to_string(::getpid());
  if (!Succeeds("ip netns add " + name + " 2>/dev/null")) {
    return "`ip netns add` does not work here";
  }
  const bool veth = Succeeds("ip -n " + name + " link add v0 type veth peer name v1 2>/dev/null");
  Run("ip netns del " + name);
  return veth ? "" : "this kernel has no veth";
}

Veth::Veth(std::size_t mtu) : base_(std::string(kNamePrefix) + std::to_string(::getpid()) + "-"), mtu_(mtu) {
  RemoveLeftOver();
  Run("ip netns add " + Name('a'));
  Run("ip netns add " + Name('b'));
  for (const char side : {'a', 'b'}) {
    // No frames but those of the test.
    Run("ip netns exec " + Name(side) +
        " sh -c 'if [ -d /proc/sys/net/ipv6 ]; then echo 1 >/proc/sys/net/ipv6/conf/default/disable_ipv6; "
        "fi'");
  }
  Ip('a', "link add v0 type veth peer name v0 netns " + Name('b'));
  for (const char side : {'a', 'b'}) {
    Ip(side, "link set v0 mtu " + std::to_string(mtu) + " up");
    // Else the kernel leaves the checksums to the interface, and veth hands the frames on without.
    Run("ip netns exec " + Name(side) + " ethtool -K v0 tx off >/dev/null");
  }
}

Veth::~Veth() {
  Run("ip netns del " + Name('a'));
  Run("ip netns del " + Name('b'));
}

void Veth::Ip(char side, const std::string& arguments) const {
  Run("ip -n " + Name(side) + " " + arguments);
}

std::unique_ptr<AgentProcess> Veth::Dpdk(char side, const std::string& more,
                                         const std::string& driver) const {
  return std::make_unique<AgentProcess>(
      Name(side), "device=" + driver + ",iface=v0 address=" + AddressOf(side) + " port=7000 " + more);
}

std::unique_ptr<AgentProcess> Veth::Kernel(char side) const {
  Ip(side, "addr add " + AddressOf(side) + "/24 dev v0");
  return std::make_unique<AgentProcess>(
      Name(side), "address=" + AddressOf(side) + " port=7000 mtu=" + std::to_string(mtu_));
}

}  // namespace gaios::transport::udp::dpdk
