#include "gaios/paxos/readmission.h"

#include <array>
#include <span>

#include <gtest/gtest.h>

namespace gaios::paxos {
namespace {

constexpr Readmission kReadmission{ReplicaId(2), Incarnation(3), Incarnation(70'000)};

TEST(ReadmissionBytes, AreReadAsTheyWereWritten) {
  std::array<std::byte, kReadmissionBytes> bytes;
  EncodeReadmission(kReadmission, bytes);
  EXPECT_EQ(DecodeReadmission(bytes), kReadmission);
}

TEST(ReadmissionBytes, OfAnotherLengthOrMeaningAreNone) {
  std::array<std::byte, kReadmissionBytes> bytes;
  EncodeReadmission(kReadmission, bytes);
  EXPECT_FALSE(DecodeReadmission(std::span(bytes).first(kReadmissionBytes - 1)).has_value());
  bytes[15] = std::byte{1};
  EXPECT_FALSE(DecodeReadmission(bytes).has_value());
  EncodeReadmission({ReplicaId(7), Incarnation(1), Incarnation(2)}, bytes);
  EXPECT_FALSE(DecodeReadmission(bytes).has_value()) << "no such replica";
  EncodeReadmission({ReplicaId(2), Incarnation(2), Incarnation(2)}, bytes);
  EXPECT_FALSE(DecodeReadmission(bytes).has_value()) << "an incarnation never comes back";
  EncodeReadmission({ReplicaId(2), Incarnation(1), Incarnation(1U << 24)}, bytes);
  EXPECT_FALSE(DecodeReadmission(bytes).has_value()) << "no such incarnation";
}

}  // namespace
}  // namespace gaios::paxos
