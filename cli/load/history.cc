#include "gaios/cli/load/history.h"

#include <cerrno>
#include <cstring>
#include <utility>

#include <absl/strings/str_cat.h>

namespace gaios::cli {

absl::StatusOr<std::unique_ptr<History>> History::Create(const std::string& path) {
  if (path.empty()) {
    return std::unique_ptr<History>(new History(nullptr));
  }
  std::FILE* const file = std::fopen(path.c_str(), "we");
  if (file == nullptr) {
    return absl::ErrnoToStatus(errno, absl::StrCat("cannot create --history ", path));
  }
  return std::unique_ptr<History>(new History(file));
}

History::~History() {
  if (file_ != nullptr) {
    std::fclose(file_);
  }
}

std::uint64_t History::Invoke(Value value, std::uint64_t time_ns) {
  if (free_.empty()) {
    free_.push_back(processes_++);
  }
  const std::uint64_t process = free_.back();
  free_.pop_back();
  Write(process, "invoke", value, std::nullopt, time_ns);
  return process;
}

void History::Ok(std::uint64_t process, Value value, std::optional<std::uint64_t> slot, std::uint64_t time_ns,
                 std::span<const std::byte> answer) {
  Write(process, "ok", value, slot, time_ns, answer);
  free_.push_back(process);
}

void History::Info(std::uint64_t process, Value value, std::uint64_t time_ns) {
  Write(process, "info", value, std::nullopt, time_ns);
}

void History::Write(std::uint64_t process, const char* type, Value value, std::optional<std::uint64_t> slot,
                    std::uint64_t time_ns, std::span<const std::byte> answer) {
  if (file_ == nullptr) {
    return;
  }
  const auto number = [](std::optional<std::uint64_t> n) {
    return n.has_value() ? absl::StrCat(*n) : "null";
  };
  std::string said;
  if (std::uint64_t number_said = 0; answer.size() == sizeof(number_said)) {
    std::memcpy(&number_said, answer.data(), sizeof(number_said));
    said = absl::StrCat(",\"answer\":", number_said);
  }
  const std::string line =
      absl::StrCat("{\"process\":", process, ",\"type\":\"", type, "\",\"f\":\"",
                   value.has_value() ? "submit" : "read", "\",\"key\":null,\"value\":", number(value),
                   ",\"slot\":", number(slot), said, ",\"time_ns\":", time_ns, "}\n");
  std::fputs(line.c_str(), file_);
}

bool History::Finish() {
  if (file_ == nullptr) {
    return true;
  }
  const bool good = std::ferror(file_) == 0;
  return std::fclose(std::exchange(file_, nullptr)) == 0 && good;
}

}  // namespace gaios::cli
