#ifndef GAIOS_TESTS_CHAOS_CROWD_CLIENT_H_
#define GAIOS_TESTS_CHAOS_CROWD_CLIENT_H_

// A client of a group of the counter that writes down all it asks and all it is told, for judge.h.
//
// It adds one, or adds nothing: an addition of nothing is a read that goes through the log. The sum that it
// is told says where the command is in the order of all additions, so in the history the counter is a log:
// the addition that made the sum n is in slot n - 1, and a read that was told n saw all slots below n.
//
// Its commands are numbered from 1, and the number travels with the command to the replicas' journals
// (cli/demo/journaled_machine.h). Times are in nanoseconds of the kernel's monotonic clock. One thread.

#include <cstddef>
#include <cstdint>
#include <memory>
#include <span>
#include <string>
#include <vector>

#include "gaios/base/clock.h"
#include "gaios/cli/demo/record_file.h"
#include "gaios/cli/load/history.h"
#include "gaios/rsm/client/client.h"
#include "gaios/rsm/config.h"

namespace gaios::chaos {

// A command as it travels: what the counter adds, and who sent it.
struct Numbered {
  std::uint64_t add = 0;
  std::uint64_t number = 0;
};
static_assert(sizeof(Numbered) == 16);

// Numbers of commands are the client's own, below its own number.
inline constexpr int kNumberBits = 40;

[[nodiscard]] std::string AcksPath(const std::string& directory, std::size_t client);
[[nodiscard]] std::string SessionsPath(const std::string& directory, std::size_t client);

struct Habits {
  std::size_t window = 1;           // commands under way at once
  std::uint32_t reads_percent = 0;  // of its commands
  std::uint32_t mean_gap_us = 0;    // between commands, in the mean
  std::uint64_t operation_timeout_ns = 60'000'000'000;
  std::size_t ids = 0;  // of replicas that it looks for; 0: those of the config
};

class CrowdClient final : private rsm::ClientListener {
 public:
  // What it writes goes to files of its number in `directory`, and to the `history` that all share.
  CrowdClient(const rsm::Config& config, std::size_t number, const Habits& habits, cli::History& history,
              const base::Clock& clock, const std::string& directory);
  CrowdClient(const CrowdClient&) = delete;
  CrowdClient& operator=(const CrowdClient&) = delete;
  // What is under way has an unknown end.
  ~CrowdClient() override;

  // Sends the next command if it is due, there is room, and `sends`. Then polls. Whether anything was done.
  // `random` draws what it sends, and when the next is due.
  bool Turn(bool sends, std::uint64_t random);

  [[nodiscard]] std::size_t outstanding() const { return client_->outstanding(); }
  [[nodiscard]] std::uint64_t acknowledged() const { return acknowledged_; }
  [[nodiscard]] std::uint64_t unknown() const { return unknown_; }
  // Answers that no counter gives.
  [[nodiscard]] std::uint64_t absurd() const { return absurd_; }
  // Its files have all that it was told.
  [[nodiscard]] bool written() const { return written_; }
  [[nodiscard]] std::string trouble() const { return client_->trouble(); }

 private:
  struct Place {
    std::uint64_t process = 0;
    bool read = false;
  };

  bool Submit(std::uint64_t random);
  void OnCommitted(std::uint64_t tag, std::uint64_t slot, rsm::Applied how,
                   std::span<const std::byte> reply) override;
  void OnUnknown(std::uint64_t tag) override;
  [[nodiscard]] Place& PlaceOf(std::uint64_t tag) { return places_[tag % places_.size()]; }
  [[nodiscard]] cli::History::Value ValueOf(std::uint64_t tag);

  const std::uint64_t base_;  // of its numbers
  const Habits habits_;
  cli::History& history_;
  const base::Clock& clock_;
  std::unique_ptr<rsm::Client> client_;
  std::unique_ptr<cli::RecordWriter> acks_;
  std::unique_ptr<cli::RecordWriter> sessions_;
  std::vector<Place> places_;
  std::uint64_t submitted_ = 0;  // tags are the client's own numbers
  std::uint64_t answered_ = 0;   // in the order of submission
  std::uint64_t due_ns_ = 0;
  bool new_session_ = true;
  std::uint64_t acknowledged_ = 0;
  std::uint64_t unknown_ = 0;
  std::uint64_t absurd_ = 0;
  bool written_ = true;
};

}  // namespace gaios::chaos

#endif  // GAIOS_TESTS_CHAOS_CROWD_CLIENT_H_
