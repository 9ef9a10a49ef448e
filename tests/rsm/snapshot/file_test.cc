// Snapshot files: what was written is what is read, and whatever has been damaged, cut, mixed up or is
// somebody else's is refused by name.

#include "gaios/rsm/snapshot/file.h"

#include <sys/file.h>
#include <sys/resource.h>
#include <sys/wait.h>
#include <unistd.h>

#include <array>
#include <csignal>
#include <cstring>
#include <string>

#include <gtest/gtest.h>
#include <xxhash.h>

#include "tests/support/scratch_directory.h"

namespace gaios::rsm {
namespace {

SnapshotFacts Facts() {
  SnapshotFacts facts;
  facts.origin = {paxos::GroupId(77), "orders", 3, "order-book"};
  facts.cursor = {paxos::Position(640), paxos::Slot(9),
                  paxos::Ballot(4, paxos::ReplicaId(1), paxos::Incarnation(1)), 0x1234567890abcdefU};
  facts.applied_commands = 1000;
  facts.time_ns = 555;
  facts.state_hash = 42;
  facts.configuration = paxos::Configuration::Bootstrap(3);
  facts.promised = paxos::Ballot(5, paxos::ReplicaId(0), paxos::Incarnation(2));
  return facts;
}

// Content in which every chunk differs.
std::string Content(std::size_t bytes, char seed = 1) {
  std::string content(bytes, '\0');
  std::uint32_t state = static_cast<std::uint32_t>(seed);
  for (char& c : content) {
    state = state * 1664525 + 1013904223;
    c = static_cast<char>(state >> 24);
  }
  return content;
}

std::span<const std::byte> Bytes(const std::string& text) {
  return std::as_bytes(std::span(text));
}

class SnapshotFile : public ::testing::Test {
 protected:
  void Write(const SnapshotFacts& facts, const std::string& content) {
    const auto writer = SnapshotWriter::Create(path_, facts);
    ASSERT_TRUE(writer.ok()) << writer.status();
    // In uneven pieces.
    for (std::size_t at = 0, size = 1; at < content.size(); at += size, size = size * 3 % 100'003 + 1) {
      ASSERT_TRUE((*writer)->Append(Bytes(content.substr(at, size))).ok());
    }
    ASSERT_TRUE((*writer)->Finish().ok());
  }
  // Opens, verifies and reads the file; what is the first thing wrong with it.
  [[nodiscard]] absl::Status Check() const {
    const auto reader = SnapshotReader::Open(path_);
    if (!reader.ok()) {
      return reader.status();
    }
    if (absl::Status status = (*reader)->Verify(); !status.ok()) {
      return status;
    }
    std::string content((*reader)->content_bytes(), '\0');
    return (*reader)->Read(std::as_writable_bytes(std::span(content)));
  }
  void ExpectRefused(absl::StatusCode code, const std::string& word) {
    const absl::Status status = Check();
    EXPECT_EQ(status.code(), code) << status;
    EXPECT_NE(status.message().find(path_), absl::string_view::npos) << status;
    EXPECT_NE(status.message().find(word), absl::string_view::npos) << status;
  }

  ScratchDirectory directory_;
  const std::string path_ = directory_.PathOf("snapshot");
};

TEST_F(SnapshotFile, GivesBackWhatWasWritten) {
  for (const std::size_t bytes : {std::size_t{0}, std::size_t{1}, kChunkBytes - 1, kChunkBytes,
                                  kChunkBytes + 1, 3 * kChunkBytes + 777}) {
    const std::string content = Content(bytes);
    Write(Facts(), content);
    const auto reader = SnapshotReader::Open(path_);
    ASSERT_TRUE(reader.ok()) << reader.status();
    EXPECT_EQ(std::filesystem::file_size(path_), FileBytes(bytes));
    ASSERT_TRUE((*reader)->Verify().ok());
    std::string read(bytes, '\0');
    for (std::size_t at = 0, size = 1; at < bytes; at += size, size = size * 5 % 70'001 + 1) {
      size = std::min(size, bytes - at);
      ASSERT_TRUE((*reader)->Read(std::as_writable_bytes(std::span(read).subspan(at, size))).ok());
    }
    EXPECT_TRUE(read == content);
    EXPECT_EQ((*reader)->left(), 0U);
    std::array<std::byte, 1> more = {};
    EXPECT_EQ((*reader)->Read(more).code(), absl::StatusCode::kOutOfRange);
  }
}

TEST_F(SnapshotFile, KeepsAllFacts) {
  Write(Facts(), Content(10));
  const auto reader = SnapshotReader::Open(path_);
  ASSERT_TRUE(reader.ok()) << reader.status();
  const SnapshotFacts& facts = (*reader)->facts();
  EXPECT_EQ(facts.origin, Facts().origin);
  EXPECT_EQ(facts.cursor, Facts().cursor);
  EXPECT_EQ(facts.applied_commands, 1000U);
  EXPECT_EQ(facts.time_ns, 555U);
  EXPECT_EQ(facts.state_hash, 42U);
  EXPECT_EQ(facts.promised, Facts().promised);
  EXPECT_EQ(facts.configuration.size(), 3U);
  EXPECT_TRUE(facts.configuration.IsVoter({paxos::ReplicaId(2), paxos::Incarnation(1)}));
}

TEST_F(SnapshotFile, KeepsWhoIsInTheGroupAndWhoWasRemoved) {
  SnapshotFacts facts = Facts();
  facts.configuration.Remove(paxos::ReplicaId(1));
  facts.configuration.AddLearner(paxos::ReplicaId(4), true);
  facts.configuration.AddLearner(paxos::ReplicaId(6), false);
  facts.configuration.SetAddress(paxos::ReplicaId(4), *paxos::Address::Of("ten.example:7000"));
  facts.configuration.Readmit(paxos::ReplicaId(2), paxos::Incarnation(9));
  Write(facts, Content(10));
  const auto reader = SnapshotReader::Open(path_);
  ASSERT_TRUE(reader.ok()) << reader.status();
  EXPECT_EQ((*reader)->facts().configuration, facts.configuration);
  EXPECT_EQ((*reader)->facts().configuration.GoneAs(paxos::ReplicaId(1)), paxos::Incarnation(1));
}

TEST_F(SnapshotFile, AConfigurationThatNoGroupCanHaveIsDamage) {
  const auto decoded = [](auto edit) {
    FileHeader header = EncodeHeader(Facts());
    edit(header);
    header.checksum = XXH3_64bits(&header, offsetof(FileHeader, checksum));
    return DecodeHeader(header, "it").status();
  };
  EXPECT_TRUE(decoded([](FileHeader&) {}).ok());
  EXPECT_TRUE(absl::IsDataLoss(decoded([](FileHeader& h) { h.configuration[0].standing = 9; })));
  EXPECT_TRUE(absl::IsDataLoss(decoded([](FileHeader& h) { h.configuration[0].incarnation = 0; })));
  EXPECT_TRUE(absl::IsDataLoss(decoded([](FileHeader& h) { h.configuration[0].gone = 1; })));
  EXPECT_TRUE(absl::IsDataLoss(decoded([](FileHeader& h) { h.configuration[4].incarnation = 1; })));
  EXPECT_TRUE(absl::IsDataLoss(decoded([](FileHeader& h) { h.configuration[4].address[0] = 'x'; })));
  EXPECT_TRUE(absl::IsDataLoss(decoded([](FileHeader& h) { h.configuration[0].address[63] = 'x'; })));
  EXPECT_TRUE(absl::IsDataLoss(decoded([](FileHeader& h) { h.voters = 2; })));
}

TEST_F(SnapshotFile, EqualContentsHaveEqualIdsAndOthersHaveNot) {
  const auto id = [&](const SnapshotFacts& facts, const std::string& content) {
    Write(facts, content);
    return (*SnapshotReader::Open(path_))->id();
  };
  const std::uint64_t first = id(Facts(), Content(1000));
  EXPECT_EQ(id(Facts(), Content(1000)), first);
  EXPECT_NE(id(Facts(), Content(1000, 2)), first);
  SnapshotFacts later = Facts();
  later.cursor.position = paxos::Position(704);
  EXPECT_NE(id(later, Content(1000)), first);
}

TEST_F(SnapshotFile, ADamagedByteAnywhereIsFound) {
  Write(Facts(), Content(2 * kChunkBytes + 100));
  const std::string whole = ReadWhole(path_);
  // Every byte of what describes the content, and some of the content.
  std::vector<std::size_t> places;
  const auto add = [&](std::size_t from, std::size_t count, std::size_t step) {
    for (std::size_t i = 0; i < count; i += step) {
      places.push_back(from + i);
    }
  };
  add(0, sizeof(FileHeader), 1);
  for (std::uint64_t chunk = 0; chunk < 3; ++chunk) {
    add(ChunkOffset(chunk), sizeof(ChunkHeader), 1);
  }
  add(ChunkOffset(1), kChunkBytes, 20'011);
  add(whole.size() - sizeof(FileFooter), sizeof(FileFooter), 1);
  for (const std::size_t place : places) {
    std::string damaged = whole;
    damaged[place] = static_cast<char>(damaged[place] ^ 0x10);
    WriteWhole(path_, damaged);
    const absl::Status status = Check();
    ASSERT_FALSE(status.ok()) << "byte " << place;
    ASSERT_NE(status.message().find(path_), absl::string_view::npos) << status;
  }
  WriteWhole(path_, whole);
  EXPECT_TRUE(Check().ok());
}

TEST_F(SnapshotFile, CutShortAnywhereItIsRefused) {
  Write(Facts(), Content(kChunkBytes + 500));
  const std::string whole = ReadWhole(path_);
  for (std::size_t length = 0; length < whole.size();
       length += length < 400 || length > whole.size() - 600 ? 1 : 7919) {
    WriteWhole(path_, whole.substr(0, length));
    ASSERT_FALSE(Check().ok()) << "cut to " << length;
  }
  WriteWhole(path_, whole + "x");
  ExpectRefused(absl::StatusCode::kDataLoss, "damaged");
}

TEST_F(SnapshotFile, NoByteOfADamagedChunkIsGivenOut) {
  Write(Facts(), Content(2 * kChunkBytes));
  std::string damaged = ReadWhole(path_);
  damaged[ChunkOffset(2) - 1] ^= 1;  // the last byte of the second chunk
  WriteWhole(path_, damaged);
  const auto reader = SnapshotReader::Open(path_);
  ASSERT_TRUE(reader.ok()) << reader.status();
  std::string first(kChunkBytes, '\0');
  EXPECT_TRUE((*reader)->Read(std::as_writable_bytes(std::span(first))).ok());
  std::array<std::byte, 1> next = {std::byte{7}};
  EXPECT_EQ((*reader)->Read(next).code(), absl::StatusCode::kDataLoss);
  EXPECT_EQ(next[0], std::byte{7});
  EXPECT_FALSE((*reader)->Read(next).ok()) << "it stays refused";
}

TEST_F(SnapshotFile, ChunksOfOtherSnapshotsOrInOtherPlacesAreRefused) {
  Write(Facts(), Content(3 * kChunkBytes, 1));
  const std::string one = ReadWhole(path_);
  SnapshotFacts later = Facts();
  later.time_ns += 1;
  Write(later, Content(3 * kChunkBytes, 1));
  const std::string other = ReadWhole(path_);
  const auto chunk = [](const std::string& file, std::uint64_t index) {
    return file.substr(ChunkOffset(index), ChunkOffset(1) - ChunkOffset(0));
  };
  const auto with_second = [&](const std::string& second) {
    return one.substr(0, ChunkOffset(1)) + second + one.substr(ChunkOffset(2));
  };
  ASSERT_NE(chunk(one, 1), chunk(other, 1)) << "the content is the same, the snapshot is not";
  WriteWhole(path_, with_second(chunk(other, 1)));
  ExpectRefused(absl::StatusCode::kDataLoss, "chunk 1 of 3");
  WriteWhole(path_, with_second(chunk(one, 0)));
  ExpectRefused(absl::StatusCode::kDataLoss, "chunk 1 of 3");
}

TEST_F(SnapshotFile, TheFooterOfAnotherSnapshotIsRefused) {
  Write(Facts(), Content(kChunkBytes, 1));
  const std::string one = ReadWhole(path_);
  Write(Facts(), Content(kChunkBytes, 2));
  const std::string other = ReadWhole(path_);
  const std::size_t body = one.size() - sizeof(FileFooter);
  WriteWhole(path_, one.substr(0, body) + other.substr(body));
  ExpectRefused(absl::StatusCode::kDataLoss, "footer");
}

TEST_F(SnapshotFile, WhatIsNoSnapshotOrOfAnotherVersionIsToldApart) {
  WriteWhole(path_, std::string(5000, 'x'));
  ExpectRefused(absl::StatusCode::kInvalidArgument, "no snapshot");
  WriteWhole(path_, "");
  ExpectRefused(absl::StatusCode::kInvalidArgument, "no snapshot");
  Write(Facts(), Content(100));
  std::string newer = ReadWhole(path_);
  newer[8] = kSnapshotVersion + 1;
  WriteWhole(path_, newer);
  ExpectRefused(absl::StatusCode::kFailedPrecondition, "version 3");
  newer[8] = 1;
  WriteWhole(path_, newer);
  ExpectRefused(absl::StatusCode::kFailedPrecondition, "version 1");
  std::filesystem::remove(path_);
  ExpectRefused(absl::StatusCode::kNotFound, "cannot read");
  std::filesystem::create_directory(path_);
  ExpectRefused(absl::StatusCode::kInvalidArgument, "no file");
}

TEST_F(SnapshotFile, AForeignOneIsRefusedAndSaysWhose) {
  const SnapshotOrigin own = Facts().origin;
  const auto refused = [&](const SnapshotOrigin& other) {
    const absl::Status status = CheckOrigin(other, own, "F");
    EXPECT_EQ(status.code(), absl::StatusCode::kFailedPrecondition);
    return std::string(status.message());
  };
  EXPECT_TRUE(CheckOrigin(own, own, "F").ok());
  EXPECT_NE(refused({own.group, own.group_name, own.epoch, "counter"}).find("\"counter\""),
            std::string::npos);
  EXPECT_NE(refused({own.group, "trades", own.epoch, own.state_machine}).find("\"trades\""),
            std::string::npos);
  EXPECT_NE(refused({own.group, own.group_name, 4, own.state_machine}).find("epoch 4"), std::string::npos);
  EXPECT_NE(
      refused({paxos::GroupId(78), own.group_name, own.epoch, own.state_machine}).find("another bootstrap"),
      std::string::npos);
}

// ---- writing
// --------------------------------------------------------------------------------------------------------

TEST_F(SnapshotFile, UntilItIsFinishedTheFormerOneIsThere) {
  Write(Facts(), Content(100, 1));
  const std::string former = ReadWhole(path_);
  {
    const auto writer = SnapshotWriter::Create(path_, Facts());
    ASSERT_TRUE(writer.ok()) << writer.status();
    ASSERT_TRUE((*writer)->Append(Bytes(Content(2 * kChunkBytes, 2))).ok());
    EXPECT_EQ(ReadWhole(path_), former);
    EXPECT_EQ(SnapshotWriter::Create(path_, Facts()).status().code(), absl::StatusCode::kAlreadyExists);
  }
  EXPECT_EQ(ReadWhole(path_), former);
  EXPECT_EQ(directory_.files(), 1U) << "what was not finished is gone";
}

TEST_F(SnapshotFile, WhatAWriterThatDiedHasLeftIsWrittenOver) {
  WriteWhole(path_ + ".unfinished", Content(9 * kChunkBytes));
  Write(Facts(), Content(100));
  EXPECT_TRUE(Check().ok());
  EXPECT_EQ(directory_.files(), 1U);
}

TEST_F(SnapshotFile, ADiskThatIsFullIsToldAndLeavesTheFormerOne) {
  Write(Facts(), Content(100, 1));
  const std::string former = ReadWhole(path_);
  // A limit of its own process, which would be the end of this one otherwise.
  const pid_t child = ::fork();
  ASSERT_GE(child, 0);
  if (child == 0) {
    std::signal(SIGXFSZ, SIG_IGN);
    const rlimit limit{3 * kChunkBytes / 2, 3 * kChunkBytes / 2};
    ::setrlimit(RLIMIT_FSIZE, &limit);
    const auto writer = SnapshotWriter::Create(path_, Facts());
    absl::Status status = writer.status();
    if (status.ok()) {
      status = (*writer)->Append(Bytes(Content(2 * kChunkBytes, 2)));
    }
    const bool told =
        absl::IsResourceExhausted(status) && status.message().find("make room") != absl::string_view::npos;
    ::_exit(told ? 0 : 1);
  }
  int ended = 0;
  ASSERT_EQ(::waitpid(child, &ended, 0), child);
  EXPECT_EQ(ended, 0);
  EXPECT_EQ(ReadWhole(path_), former);
}

TEST_F(SnapshotFile, WhereItCannotBeWrittenItSaysSo) {
  const auto writer = SnapshotWriter::Create(directory_.PathOf("nowhere/snapshot"), Facts());
  EXPECT_EQ(writer.status().code(), absl::StatusCode::kUnavailable);
  EXPECT_NE(writer.status().message().find("nowhere/snapshot"), absl::string_view::npos);
}

}  // namespace
}  // namespace gaios::rsm
