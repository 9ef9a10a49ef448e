#ifndef GAIOS_TESTS_TRANSPORT_UDP_DPDK_VETH_H_
#define GAIOS_TESTS_TRANSPORT_UDP_DPDK_VETH_H_

// Two network namespaces, "a" and "b", joined by a pair of interfaces, v0 in each, and processes in them.
// Needs root. Not for several threads.

#include <sys/types.h>

#include <memory>
#include <string>

#include "gaios/base/unique_fd.h"

namespace gaios::transport::udp::dpdk {

// A gaios-dpdk-agent in a namespace; killed when it goes.
class AgentProcess {
 public:
  // `arguments` as the agent has them, separated by spaces. `prefix`: a command in front of it, e.g.
  // taskset.
  AgentProcess(const std::string& network_namespace, const std::string& arguments,
               const std::string& prefix = "");
  AgentProcess(const AgentProcess&) = delete;
  AgentProcess& operator=(const AgentProcess&) = delete;
  ~AgentProcess();

  // Its first line.
  [[nodiscard]] const std::string& opened() const { return opened_; }
  // The answer to a question. A test failure, and empty, when there is none.
  std::string Ask(const std::string& question);
  // One of its counters.
  std::uint64_t Counter(const std::string& name);
  // kill -9, and waits until it is gone.
  void Kill();

 private:
  std::string ReadLine();

  pid_t pid_ = -1;
  base::UniqueFd input_;
  base::UniqueFd output_;
  std::string read_;  // and not yet taken
  std::string opened_;
};

class Veth {
 public:
  // Why there can be none here; empty when there can. Only then is a Veth made.
  static std::string Missing();

  explicit Veth(std::size_t mtu = 1'500);
  Veth(const Veth&) = delete;
  Veth& operator=(const Veth&) = delete;
  ~Veth();

  // The name of namespace 'a' or 'b'.
  [[nodiscard]] std::string Name(char side) const { return base_ + side; }
  // Runs `ip` in a namespace; a failure of it is one of the test.
  void Ip(char side, const std::string& arguments) const;

  // A DpdkPort at address 10.9.0.1 ('a') or 10.9.0.2 ('b'), port 7000. `more`: arguments of the agent
  // besides.
  [[nodiscard]] std::unique_ptr<AgentProcess> Dpdk(char side, const std::string& more = "",
                                                   const std::string& driver = "net_af_packet0") const;
  // A kernel socket at the same address, which the interface gets.
  [[nodiscard]] std::unique_ptr<AgentProcess> Kernel(char side) const;

 private:
  std::string base_;
  std::size_t mtu_;
};

// "10.9.0.1 7000" or "10.9.0.2 7000".
[[nodiscard]] std::string At(char side);

}  // namespace gaios::transport::udp::dpdk

#endif  // GAIOS_TESTS_TRANSPORT_UDP_DPDK_VETH_H_
