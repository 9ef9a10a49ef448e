#ifndef GAIOS_TESTS_PROCESSES_CAPTURE_H_
#define GAIOS_TESTS_PROCESSES_CAPTURE_H_

// What somebody sees who reads along on a network: the datagrams of a group as they are on the wire, whatever
// the processes that send them say of themselves. Needs root. One thread.

#include <cstddef>
#include <cstdint>
#include <string>
#include <string_view>

#include "gaios/base/unique_fd.h"
#include "gaios/paxos/types.h"

namespace gaios::cli {

class Capture {
 public:
  // Why there can be none here; empty when there can.
  [[nodiscard]] static std::string Missing();

  // Of all interfaces of this network namespace, or of that of the file `netns`, from now on. `group`: of
  // others nothing is looked at. `command`: bytes of every command that is sent.
  Capture(paxos::GroupId group, std::string_view command, const std::string& netns = "");

  // Looks at what has come since. To be called often: the system keeps only so much, and loses the rest.
  void Look();

  [[nodiscard]] std::size_t of_replicas() const { return of_replicas_; }  // datagrams between replicas
  [[nodiscard]] std::size_t of_clients() const { return of_clients_; }    // and with clients
  // Of both together: those that do not say that they are encrypted, and those in which, behind what may be
  // read, the command is.
  [[nodiscard]] std::size_t readable() const { return readable_; }
  [[nodiscard]] std::size_t with_command() const { return with_command_; }

 private:
  void LookAtDatagram(std::string_view payload);

  const std::uint64_t group_;
  const std::string command_;
  base::UniqueFd socket_;
  std::size_t of_replicas_ = 0;
  std::size_t of_clients_ = 0;
  std::size_t readable_ = 0;
  std::size_t with_command_ = 0;
};

}  // namespace gaios::cli

#endif  // GAIOS_TESTS_PROCESSES_CAPTURE_H_
