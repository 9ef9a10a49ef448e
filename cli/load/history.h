#ifndef GAIOS_CLI_LOAD_HISTORY_H_
#define GAIOS_CLI_LOAD_HISTORY_H_

// Writes down what clients asked and what they were told, one JSON object a line, for a checker to judge:
//
//   {"process":N,"type":"invoke|ok|info","f":"submit|read","key":null,"value":V,"slot":S,"time_ns":T}
//                                       and "answer":A in an ok, where the answer is a number of eight bytes
//
// `value` numbers the commands of the run; what has none is a read. A process has one thing under way at a
// time; one whose outcome is unknown (info) is not heard of again. `slot` is that in the log, of a read how
// many it saw; null where it is not known: in invoke and info, and in an ok for a command that had been run
// on an earlier sending. Times are of the machine's monotonic clock. One thread.

#include <cstddef>
#include <cstdint>
#include <cstdio>
#include <memory>
#include <optional>
#include <span>
#include <string>
#include <vector>

#include <absl/status/statusor.h>

namespace gaios::cli {

class History {
 public:
  // `path` is "" for a history that nobody wants.
  [[nodiscard]] static absl::StatusOr<std::unique_ptr<History>> Create(const std::string& path);
  History(const History&) = delete;
  History& operator=(const History&) = delete;
  ~History();

  // What a command is called by; nothing for a read.
  using Value = std::optional<std::uint64_t>;
  // Returns the process that asks.
  [[nodiscard]] std::uint64_t Invoke(Value value, std::uint64_t time_ns);
  // `answer` is what the state machine said.
  void Ok(std::uint64_t process, Value value, std::optional<std::uint64_t> slot, std::uint64_t time_ns,
          std::span<const std::byte> answer = {});
  void Info(std::uint64_t process, Value value, std::uint64_t time_ns);
  // Everything has been written. Call once, last.
  [[nodiscard]] bool Finish();

 private:
  explicit History(std::FILE* file) : file_(file) {}
  void Write(std::uint64_t process, const char* type, Value value, std::optional<std::uint64_t> slot,
             std::uint64_t time_ns, std::span<const std::byte> answer = {});

  std::FILE* file_;  // null: nobody wants it
  std::vector<std::uint64_t> free_;
  std::uint64_t processes_ = 0;
};

}  // namespace gaios::cli

#endif  // GAIOS_CLI_LOAD_HISTORY_H_
