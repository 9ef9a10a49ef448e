#include "gaios/transport/udp/dpdk/environment.h"

#include <rte_eal.h>
#include <rte_errno.h>
#include <rte_log.h>
#include <sched.h>
#include <stdio.h>
#include <sys/types.h>

#include <cstdint>
#include <cstdlib>
#include <filesystem>
#include <fstream>
#include <mutex>
#include <optional>
#include <string_view>
#include <system_error>
#include <utility>
#include <vector>

#include <absl/strings/ascii.h>
#include <absl/strings/str_cat.h>
#include <absl/strings/str_replace.h>

#include "gaios/base/check.h"
#include "gaios/transport/udp/dpdk/eal_arguments.h"

namespace gaios::transport::udp::dpdk {
namespace {

// What DPDK logs, from whichever thread, to be passed on in a Status instead of going to stderr.
class MessageLog {
 public:
  void Append(std::string_view text) {
    const std::lock_guard lock(mutex_);
    text_.append(text);
    if (text_.size() > kKeptBytes) {
      text_.erase(0, text_.size() - kKeptBytes);
    }
  }
  std::string Take() {
    const std::lock_guard lock(mutex_);
    return std::exchange(text_, {});
  }

 private:
  static constexpr std::size_t kKeptBytes = 2'048;
  std::mutex mutex_;
  std::string text_;
};

// DPDK's threads may log until the process ends: never destroyed.
MessageLog& Messages() {
  static MessageLog* const log = new MessageLog();
  return *log;
}

ssize_t WriteMessage(void* /*cookie*/, const char* text, size_t bytes) {
  Messages().Append({text, bytes});
  return static_cast<ssize_t>(bytes);
}

// A stream into Messages(), in place of stderr. False: there is no memory for it.
bool RedirectMessages() {
  const cookie_io_functions_t functions = {
      .read = nullptr, .write = WriteMessage, .seek = nullptr, .close = nullptr};
  std::FILE* const stream = ::fopencookie(nullptr, "w", functions);
  return stream != nullptr && ::rte_openlog_stream(stream) == 0;
}

// Those that the calling thread may run on.
std::vector<int> Processors() {
  cpu_set_t set;
  CPU_ZERO(&set);
  GAIOS_CHECK(::sched_getaffinity(0, sizeof(set), &set) == 0, "a thread knows its processors");
  std::vector<int> processors;
  for (int processor = 0; processor < CPU_SETSIZE; ++processor) {
    if (CPU_ISSET(static_cast<std::size_t>(processor), &set)) {
      processors.push_back(processor);
    }
  }
  return processors;
}

struct Started {
  absl::Status status;
  Environment environment;
  std::string pci_device;
};

absl::StatusOr<bool> ChooseHugepages(const EnvironmentWish& wish) {
  if (wish.hugepages == Hugepages::kNever && wish.pci_device.empty()) {
    return false;
  }
  const std::uint64_t wanted = std::uint64_t{wish.memory_mib} << 20U;
  if (wish.hugepages != Hugepages::kNever && FreeHugepageBytes() >= wanted) {
    return true;
  }
  if (wish.hugepages == Hugepages::kIfFree && wish.pci_device.empty()) {
    return false;
  }
  return absl::FailedPreconditionError(absl::StrCat(
      wish.pci_device.empty() ? "hugepages are required" : "a card needs hugepages", ", and there are not ",
      wish.memory_mib, " MiB of them free: sysctl -w vm.nr_hugepages=", (wish.memory_mib + 1) / 2 + 8,
      ", and once more at each boot (docs/dpdk.md)"));
}

absl::StatusOr<Started> Start(const EnvironmentWish& wish) {
  const absl::StatusOr<bool> hugepages = ChooseHugepages(wish);
  if (!hugepages.ok()) {
    return hugepages.status();
  }
  if (!RedirectMessages()) {
    return absl::ResourceExhaustedError("there is no memory for the messages of DPDK");
  }
  // EAL keeps pointers to its arguments.
  static std::vector<std::string>* const arguments = new std::vector<std::string>();
  *arguments = EalArguments({.file_prefix = wish.file_prefix,
                             .log_level = wish.log_level,
                             .pci_device = wish.pci_device,
                             .hugepages = *hugepages,
                             .memory_mib = wish.memory_mib,
                             .processors = Processors()});
  std::vector<char*> pointers;
  pointers.reserve(arguments->size() + 1);
  for (std::string& argument : *arguments) {
    pointers.push_back(argument.data());
  }
  pointers.push_back(nullptr);
  Started started;
  if (::rte_eal_init(static_cast<int>(arguments->size()), pointers.data()) < 0) {
    const int error = rte_errno;
    started.status = absl::AbortedError(
        absl::StrCat("DPDK did not start: ", TakeMessages(), " (", std::generic_category().message(error),
                     "). This process cannot try again: mend it and start anew (docs/dpdk.md)"));
  }
  started.environment.hugepages = *hugepages;
  started.pci_device = wish.pci_device;
  return started;
}

}  // namespace

std::uint64_t FreeHugepageBytes() {
  std::uint64_t bytes = 0;
  std::error_code ignored;
  for (const auto& entry : std::filesystem::directory_iterator("/sys/kernel/mm/hugepages", ignored)) {
    constexpr std::string_view kPrefix = "hugepages-";
    const std::string size = entry.path().filename().string();
    std::uint64_t free = 0;
    if (size.starts_with(kPrefix) && (std::ifstream(entry.path() / "free_hugepages") >> free)) {
      bytes += free * (std::strtoull(size.c_str() + kPrefix.size(), nullptr, 10) << 10U);
    }
  }
  return bytes;
}

absl::StatusOr<Environment> StartEnvironment(const EnvironmentWish& wish) {
  static std::optional<Started>* const started = new std::optional<Started>();
  if (!started->has_value()) {
    absl::StatusOr<Started> now = Start(wish);
    if (!now.ok()) {
      return now.status();
    }
    *started = *std::move(now);
  }
  const Started& environment = **started;
  if (!environment.status.ok()) {
    return environment.status;
  }
  if (!wish.pci_device.empty() && wish.pci_device != environment.pci_device) {
    return absl::AbortedError(absl::StrCat("DPDK has been started in this process without the card ",
                                           wish.pci_device,
                                           ": a process opens one card, before all virtual devices"));
  }
  if (wish.hugepages == Hugepages::kRequire && !environment.environment.hugepages) {
    return absl::AbortedError(
        "hugepages are required, and DPDK has been started in this process without: open this port first");
  }
  return environment.environment;
}

std::string TakeMessages() {
  std::string text = Messages().Take();
  absl::StripAsciiWhitespace(&text);
  return text.empty() ? "it gave no reason" : absl::StrReplaceAll(text, {{"\n", "; "}});
}

}  // namespace gaios::transport::udp::dpdk
