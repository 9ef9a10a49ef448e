#ifndef GAIOS_TESTS_SUPPORT_MEMORY_SNAPSHOT_H_
#define GAIOS_TESTS_SUPPORT_MEMORY_SNAPSHOT_H_

// Snapshots that go into memory and come from there.

#include <cstddef>
#include <cstring>
#include <span>
#include <vector>

#include <absl/status/status.h>

#include "gaios/rsm/state_machine.h"

namespace gaios::rsm {

class MemorySink final : public SnapshotSink {
 public:
  absl::Status Append(std::span<const std::byte> bytes) override {
    bytes_.insert(bytes_.end(), bytes.begin(), bytes.end());
    return absl::OkStatus();
  }
  [[nodiscard]] const std::vector<std::byte>& bytes() const { return bytes_; }

 private:
  std::vector<std::byte> bytes_;
};

class MemorySource final : public SnapshotSource {
 public:
  explicit MemorySource(std::span<const std::byte> bytes) : bytes_(bytes) {}
  absl::Status Read(std::span<std::byte> bytes) override {
    if (bytes.size() > bytes_.size()) {
      return absl::DataLossError("the bytes end too early");
    }
    if (!bytes.empty()) {
      std::memcpy(bytes.data(), bytes_.data(), bytes.size());
    }
    bytes_ = bytes_.subspan(bytes.size());
    return absl::OkStatus();
  }

 private:
  std::span<const std::byte> bytes_;
};

}  // namespace gaios::rsm

#endif  // GAIOS_TESTS_SUPPORT_MEMORY_SNAPSHOT_H_
