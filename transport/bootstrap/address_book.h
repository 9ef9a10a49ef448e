#ifndef GAIOS_TRANSPORT_BOOTSTRAP_ADDRESS_BOOK_H_
#define GAIOS_TRANSPORT_BOOTSTRAP_ADDRESS_BOOK_H_

// Where the replicas of a group are to be found, and which lives of them were removed from it, as the log
// says by and by: written by the thread that follows the log, read by the one that connects. Any thread.

#include <array>
#include <atomic>
#include <cstdint>
#include <mutex>
#include <optional>
#include <string>

#include "gaios/paxos/limits.h"
#include "gaios/paxos/types.h"

namespace gaios::transport::bootstrap {

struct AddressBookEntry {
  std::string address;  // numeric; empty: not known
  std::uint16_t port = 0;
  paxos::Incarnation expelled;  // the latest life that was removed; none when there is none
  friend bool operator==(const AddressBookEntry&, const AddressBookEntry&) = default;
};
using AddressBookEntries = std::array<AddressBookEntry, paxos::kMaxReplicas>;  // by id

class AddressBook {
 public:
  void Set(const AddressBookEntries& entries) {
    const std::lock_guard lock(mutex_);
    entries_ = entries;
    version_.fetch_add(1, std::memory_order_release);
  }
  [[nodiscard]] AddressBookEntries Current() const {
    const std::lock_guard lock(mutex_);
    return entries_;
  }
  // What has been set, when that is later than version `seen`, which becomes its version. Version 0 is before
  // anything.
  [[nodiscard]] std::optional<AddressBookEntries> News(std::uint64_t& seen) const {
    if (version_.load(std::memory_order_acquire) == seen) {
      return std::nullopt;
    }
    const std::lock_guard lock(mutex_);
    seen = version_.load(std::memory_order_relaxed);
    return entries_;
  }

 private:
  mutable std::mutex mutex_;
  AddressBookEntries entries_;
  std::atomic<std::uint64_t> version_ = 0;
};

}  // namespace gaios::transport::bootstrap

#endif  // GAIOS_TRANSPORT_BOOTSTRAP_ADDRESS_BOOK_H_
