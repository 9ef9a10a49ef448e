#ifndef GAIOS_TESTS_PROCESSES_SWITCHED_NETWORK_H_
#define GAIOS_TESTS_PROCESSES_SWITCHED_NETWORK_H_

// Hosts on one switch: each a network namespace with an interface v0, joined by a bridge in one more. They go
// with the object. Needs root. Not for several threads.

#include <cstddef>
#include <cstdint>
#include <string>
#include <vector>

namespace gaios::cli {

class SwitchedNetwork {
 public:
  // Why there can be none here; empty when there can.
  static std::string Missing();

  explicit SwitchedNetwork(std::size_t hosts);
  SwitchedNetwork(const SwitchedNetwork&) = delete;
  SwitchedNetwork& operator=(const SwitchedNetwork&) = delete;
  ~SwitchedNetwork();

  // What goes in front of a command that is to run on a host.
  [[nodiscard]] std::vector<std::string> Enter(std::size_t host) const;
  // The address that the kernel has there, and one that nobody has.
  [[nodiscard]] static std::string KernelAddress(std::size_t host);
  [[nodiscard]] static std::string FreeAddress(std::size_t host);
  // Takes the interface of a host down, and brings it back.
  void Down(std::size_t host) const;
  void Up(std::size_t host) const;
  // Takes the interface out of the host, for good, and gives it another of that name and address.
  void Remove(std::size_t host) const;
  void Attach(std::size_t host) const;
  // Datagrams that the kernel of a host has sent and received as its own.
  [[nodiscard]] std::uint64_t KernelDatagrams(std::size_t host) const;

 private:
  [[nodiscard]] std::string Name(std::size_t host) const;

  const std::string base_;
  const std::size_t hosts_;
};

}  // namespace gaios::cli

#endif  // GAIOS_TESTS_PROCESSES_SWITCHED_NETWORK_H_
