#ifndef GAIOS_TESTS_PROCESSES_SWITCHED_NETWORK_H_
#define GAIOS_TESTS_PROCESSES_SWITCHED_NETWORK_H_

// Hosts on one switch or several: each a network namespace with an interface v0, and v1 and so on for the
// others, joined by bridges in one more. They go with the object. Needs root. Not for several threads.

#include <cstddef>
#include <cstdint>
#include <memory>
#include <string>
#include <vector>

#include "tests/processes/lossy_switch.h"

namespace gaios::cli {

class SwitchedNetwork {
 public:
  // Why there can be none here; empty when there can.
  static std::string Missing();

  explicit SwitchedNetwork(std::size_t hosts, std::size_t networks = 1);
  SwitchedNetwork(const SwitchedNetwork&) = delete;
  SwitchedNetwork& operator=(const SwitchedNetwork&) = delete;
  ~SwitchedNetwork();

  // What goes in front of a command that is to run on a host.
  [[nodiscard]] std::vector<std::string> Enter(std::size_t host) const;
  // The address that the kernel has there in a network, and one of the first that nobody has.
  [[nodiscard]] static std::string KernelAddress(std::size_t host, std::size_t network = 0);
  [[nodiscard]] static std::string FreeAddress(std::size_t host);
  // The file of the namespace of the switches, through which everything goes.
  [[nodiscard]] std::string SwitchNamespace() const;
  // Takes the interface of a host down, and brings it back.
  void Down(std::size_t host, std::size_t network = 0) const;
  void Up(std::size_t host, std::size_t network = 0) const;
  // The switch lets nothing pass any more, of which its hosts see nothing, and everything again.
  void Cut(std::size_t network) const;
  void Heal(std::size_t network) const;
  // The switch loses `percent` of the UDP datagrams of a network, and then none again. One network at a time.
  void Lose(std::size_t network, unsigned percent);
  void LoseNone();
  // Takes the interface out of the host, for good, and gives it another of that name and address.
  void Remove(std::size_t host, std::size_t network = 0) const;
  void Attach(std::size_t host, std::size_t network = 0) const;
  // Datagrams that the kernel of a host has sent and received as its own.
  [[nodiscard]] std::uint64_t KernelDatagrams(std::size_t host) const;

 private:
  [[nodiscard]] std::string Name(std::size_t host) const;

  const std::string base_;
  const std::size_t hosts_;
  std::unique_ptr<LossySwitch> lossy_;  // in place of a bridge
  std::size_t lossy_network_ = 0;
};

}  // namespace gaios::cli

#endif  // GAIOS_TESTS_PROCESSES_SWITCHED_NETWORK_H_
