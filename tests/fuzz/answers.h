#ifndef GAIOS_TESTS_FUZZ_ANSWERS_H_
#define GAIOS_TESTS_FUZZ_ANSWERS_H_

// A client's listener that checks: each command is answered once, in order, and what an answer points to can
// be read. Commands are tagged from 1.

#include <cstddef>
#include <cstdint>
#include <span>

#include "gaios/base/check.h"
#include "gaios/rsm/client/client.h"

namespace gaios::fuzz {

class Answers final : public rsm::ClientListener {
 public:
  void OnCommitted(std::uint64_t tag, std::uint64_t /*slot*/, rsm::Applied how,
                   std::span<const std::byte> reply) override {
    GAIOS_CHECK(how == rsm::Applied::kApplied || how == rsm::Applied::kDuplicate ||
                    how == rsm::Applied::kReplyForgotten,
                "an answer says one of three things");
    for (const std::byte byte : reply) {
      sum_ += std::to_integer<std::uint64_t>(byte);  // all of it can be read
    }
    Answered(tag);
  }
  void OnUnknown(std::uint64_t tag) override { Answered(tag); }
  [[nodiscard]] std::uint64_t answered() const { return answered_; }

 private:
  void Answered(std::uint64_t tag) {
    GAIOS_CHECK(tag == answered_ + 1, "each command is answered once, in order");
    ++answered_;
  }
  std::uint64_t answered_ = 0;
  std::uint64_t sum_ = 0;
};

}  // namespace gaios::fuzz

#endif  // GAIOS_TESTS_FUZZ_ANSWERS_H_
