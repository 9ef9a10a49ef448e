// How snapshots travel: whole, in pieces after a connection was cut, and not at all when what comes is
// damaged, foreign or too old. Givers are made by hand.

#include "gaios/rsm/snapshot/transfer.h"

#include <algorithm>
#include <cstring>
#include <filesystem>
#include <string>
#include <vector>

#include <gtest/gtest.h>

#include "tests/rsm/snapshot/givers.h"

namespace gaios::rsm {
namespace {

// What a giver has said, and what the taker says to it.
class ScriptedStream final : public TransferStream {
 public:
  absl::Status Send(std::span<const std::byte> bytes) override {
    sent.append(reinterpret_cast<const char*>(bytes.data()), bytes.size());
    return absl::OkStatus();
  }
  absl::Status Receive(std::span<std::byte> bytes) override {
    if (said.size() - at < bytes.size()) {
      at = said.size();
      return absl::UnavailableError("the script ends");
    }
    std::memcpy(bytes.data(), said.data() + at, bytes.size());
    at += bytes.size();
    return absl::OkStatus();
  }
  void set_patience_ms(int /*patience_ms*/) override {}
  [[nodiscard]] TransferRequest request() const {
    TransferRequest request;
    GAIOS_CHECK(sent.size() == sizeof(request), "a taker sends its request and nothing else");
    std::memcpy(&request, sent.data(), sizeof(request));
    return request;
  }
  std::string said;
  std::size_t at = 0;
  std::string sent;
};

// What a giver says to `request` when it has the snapshot at `path`.
std::string Script(const std::string& path, const TransferRequest& request = {}) {
  const auto reader = SnapshotReader::Open(path);
  EXPECT_TRUE(reader.ok()) << reader.status();
  ScriptedStream stream;
  EXPECT_TRUE(SendSnapshot(stream, request, **reader, [](std::uint64_t) { return absl::OkStatus(); }).ok());
  return stream.sent;
}

constexpr std::size_t kFirstChunkAt = sizeof(TransferAnswer) + sizeof(FileHeader);

class Transfer : public ::testing::Test {
 protected:
  Transfer() { WriteSnapshot(source_, 100); }
  [[nodiscard]] absl::Status Take(const std::string& said, std::uint64_t at_least = 0) {
    ScriptedStream stream;
    stream.said = said;
    const absl::Status status = incoming_.Take(stream, at_least);
    request_ = stream.request();
    return status;
  }
  void ExpectTaken() {
    EXPECT_TRUE(ReadWhole(target_) == ReadWhole(source_));
    EXPECT_FALSE(std::filesystem::exists(target_ + ".unfinished"));
  }

  ScratchDirectory directory_;
  const std::string source_ = directory_.PathOf("source");
  const std::string target_ = directory_.PathOf("target");
  IncomingSnapshot incoming_{target_, kOrigin};
  TransferRequest request_;
};

TEST_F(Transfer, BringsTheSameBytes) {
  ASSERT_TRUE(Take(Script(source_)).ok());
  ExpectTaken();
  WriteSnapshot(source_, 100, 0);
  ASSERT_TRUE(Take(Script(source_)).ok());
  ExpectTaken();
}

TEST_F(Transfer, CutAnywhereItGoesOnFromTheFirstChunkThatIsMissing) {
  const std::string whole = Script(source_);
  for (const std::uint64_t chunks : {0U, 1U, 3U, 5U, 6U}) {
    SCOPED_TRACE(chunks);
    const std::size_t got =
        chunks == 6 ? whole.size() - sizeof(FileFooter) : kFirstChunkAt + chunks * kChunkSize;
    EXPECT_EQ(Take(whole.substr(0, got + 7)).code(), absl::StatusCode::kUnavailable);
    EXPECT_EQ(incoming_.chunks(), chunks);
    EXPECT_FALSE(std::filesystem::exists(target_));
    // It asks for the rest, and whoever has the same one gives that and no more.
    EXPECT_EQ(Take("").code(), absl::StatusCode::kUnavailable);
    EXPECT_EQ(request_.resume_chunk, chunks);
    const std::string rest = Script(source_, request_);
    EXPECT_EQ(rest.size(), whole.size() - (std::min(got, whole.size()) - kFirstChunkAt));
    ASSERT_TRUE(Take(rest).ok());
    EXPECT_EQ(incoming_.resumed_at(), chunks);
    ExpectTaken();
    std::filesystem::remove(target_);
  }
}

TEST_F(Transfer, AnotherSnapshotBeginsAnew) {
  EXPECT_FALSE(Take(Script(source_).substr(0, kFirstChunkAt + 2 * kChunkSize)).ok());
  EXPECT_EQ(incoming_.chunks(), 2U);
  WriteSnapshot(source_, 200);
  EXPECT_EQ(Take("").code(), absl::StatusCode::kUnavailable);
  ASSERT_TRUE(Take(Script(source_, request_)).ok());
  EXPECT_EQ(incoming_.resumed_at(), 0U);
  ExpectTaken();
}

TEST_F(Transfer, ARestOfAnotherSnapshotIsRefused) {
  EXPECT_FALSE(Take(Script(source_).substr(0, kFirstChunkAt + 2 * kChunkSize)).ok());
  WriteSnapshot(source_, 200);
  TransferRequest of_the_other;
  of_the_other.resume_id = (*SnapshotReader::Open(source_))->id();
  of_the_other.resume_chunk = 2;
  EXPECT_EQ(Take(Script(source_, of_the_other)).code(), absl::StatusCode::kDataLoss);
  EXPECT_FALSE(std::filesystem::exists(target_));
}

TEST_F(Transfer, ADamagedByteAnywhereIsRefused) {
  const std::string whole = Script(source_);
  std::vector<std::size_t> places = {sizeof(TransferAnswer) - 25, whole.size() - 1, whole.size() - 20};
  for (std::size_t place = sizeof(TransferAnswer); place < kFirstChunkAt + sizeof(ChunkHeader); ++place) {
    places.push_back(place);
  }
  for (std::size_t place = kFirstChunkAt; place < whole.size(); place += 100'003) {
    places.push_back(place);
  }
  for (const std::size_t place : places) {
    std::string damaged = whole;
    damaged[place] = static_cast<char>(damaged[place] ^ 4);
    ASSERT_FALSE(Take(damaged).ok()) << place;
    ASSERT_FALSE(std::filesystem::exists(target_)) << place;
  }
  ASSERT_TRUE(Take(whole).ok());
}

TEST_F(Transfer, AForeignOrOldOneIsRefusedBeforeItIsKept) {
  SnapshotOrigin other = kOrigin;
  other.group_name = "trades";
  WriteSnapshot(source_, 100, kContentBytes, other);
  const absl::Status foreign = Take(Script(source_));
  EXPECT_EQ(foreign.code(), absl::StatusCode::kFailedPrecondition);
  EXPECT_NE(foreign.message().find("\"trades\""), absl::string_view::npos) << foreign;
  WriteSnapshot(source_, 100);
  const absl::Status old = Take(Script(source_), 101);
  EXPECT_EQ(old.code(), absl::StatusCode::kFailedPrecondition);
  EXPECT_NE(old.message().find("101 or later"), absl::string_view::npos) << old;
  EXPECT_EQ(directory_.files(), 1U);
  EXPECT_TRUE(Take(Script(source_), 100).ok());
}

TEST_F(Transfer, WaitsWhileItIsToldToAndHearsWhyNot) {
  ScriptedStream giver;
  ASSERT_TRUE(SendWait(giver).ok());
  ASSERT_TRUE(SendWait(giver).ok());
  ASSERT_TRUE(SendRefusal(giver, "not today").ok());
  const absl::Status refused = Take(giver.sent);
  EXPECT_EQ(refused.code(), absl::StatusCode::kFailedPrecondition);
  EXPECT_EQ(refused.message(), "not today");
}

TEST_F(Transfer, WhatSpeaksOtherwiseIsRefused) {
  EXPECT_EQ(Take(std::string(5000, 'x')).code(), absl::StatusCode::kFailedPrecondition);
  std::string script = Script(source_);
  script[8] = 9;  // another version
  EXPECT_EQ(Take(script).code(), absl::StatusCode::kFailedPrecondition);
  script = Script(source_);
  script[12] = 9;  // no such verdict
  EXPECT_EQ(Take(script).code(), absl::StatusCode::kFailedPrecondition);
  script = Script(source_);
  std::fill_n(script.begin() + offsetof(TransferAnswer, content_bytes), 8, '\x7f');
  EXPECT_EQ(Take(script).code(), absl::StatusCode::kFailedPrecondition);
}

}  // namespace
}  // namespace gaios::rsm
