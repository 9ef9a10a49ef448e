#include "gaios/rsm/feeds/input.h"

#include <unistd.h>

#include <filesystem>

#include <gtest/gtest.h>

#include "gaios/rsm/feeds/random.h"

#include "tests/rsm/feeds/writers.h"

namespace gaios::feeds {
namespace {

constexpr Compression kCompressions[] = {Compression::kNone, Compression::kGzip, Compression::kXz};

// Several windows long; half of it compresses badly.
std::string LongContent() {
  Random random(5);
  std::string content;
  while (content.size() < 700'000) {
    content += BigEndian(random.Next(), 8) + "order by order ";
  }
  return content;
}

std::string ReadInSteps(Input& input, std::size_t peek_bytes, std::size_t consume_bytes) {
  std::string content;
  while (true) {
    const std::span<const std::byte> view = input.Peek(peek_bytes);
    if (view.empty()) {
      return content;
    }
    const std::size_t taken = std::min(consume_bytes, view.size());
    content.append(reinterpret_cast<const char*>(view.data()), taken);
    input.Consume(taken);
    EXPECT_EQ(input.offset(), content.size());
  }
}

void ExpectRefused(const std::string& path, absl::StatusCode code, const std::string& words) {
  const absl::Status status = Input::Open(path).status();
  EXPECT_EQ(status.code(), code) << status;
  const std::string message(status.message());
  EXPECT_NE(message.find(path), std::string::npos) << status;
  EXPECT_NE(message.find(words), std::string::npos) << status;
  EXPECT_NE(message.find(';'), std::string::npos) << "nothing about what to do: " << status;
}

TEST(Input, ReadsEveryCompressionInAnyStep) {
  const std::string content = LongContent();
  for (const Compression compression : kCompressions) {
    const std::string path = TemporaryFile("long", Compress(compression, content));
    for (const auto& [peek, consume] : {std::pair<std::size_t, std::size_t>{1, 1'000'000},
                                        {4096, 4096},
                                        {51, 1237},
                                        {Input::kMaxPeekBytes, 70'001}}) {
      absl::StatusOr<std::unique_ptr<Input>> input = Input::Open(path);
      ASSERT_TRUE(input.ok()) << input.status();
      EXPECT_EQ((*input)->compression(), compression);
      EXPECT_EQ(ReadInSteps(**input, peek, consume), content) << Name(compression);
      EXPECT_EQ((*input)->damage(), "");
    }
  }
}

TEST(Input, ReadsConcatenatedAndPaddedStreams) {
  const std::string gzip = Compress(Compression::kGzip, "one,") + Compress(Compression::kGzip, "two");
  const std::string xz = Compress(Compression::kXz, "one,") + Compress(Compression::kXz, "two");
  for (const std::string& bytes : {gzip, gzip + std::string(100, '\0'), xz, xz + std::string(8, '\0')}) {
    absl::StatusOr<std::unique_ptr<Input>> input = Input::Open(TemporaryFile("two", bytes));
    ASSERT_TRUE(input.ok()) << input.status();
    EXPECT_EQ(ReadInSteps(**input, 1, 100), "one,two");
    EXPECT_EQ((*input)->damage(), "");
  }
}

TEST(Input, SaysHowACompressedStreamEnds) {
  for (const Compression compression : {Compression::kGzip, Compression::kXz}) {
    const std::string content = LongContent();
    const std::string whole = Compress(compression, content);
    absl::StatusOr<std::unique_ptr<Input>> input =
        Input::Open(TemporaryFile("cut", whole.substr(0, whole.size() / 2)));
    ASSERT_TRUE(input.ok()) << input.status();
    const std::string read = ReadInSteps(**input, 4096, 4096);
    EXPECT_GT(read.size(), 0U);
    EXPECT_EQ(read, content.substr(0, read.size()));
    EXPECT_NE((*input)->damage().find("breaks off"), std::string::npos) << (*input)->damage();

    input = Input::Open(TemporaryFile("tail", whole + "something else"));
    ASSERT_TRUE(input.ok()) << input.status();
    EXPECT_EQ(ReadInSteps(**input, 4096, 4096), content);
    EXPECT_NE((*input)->damage().find("is damaged"), std::string::npos) << (*input)->damage();
  }
}

TEST(Input, RefusesWhatCannotBeReadAndSaysWhatToDo) {
  ExpectRefused(testing::TempDir() + "no_such_file", absl::StatusCode::kNotFound, "existing recording");
  ExpectRefused(testing::TempDir(), absl::StatusCode::kInvalidArgument, "is a directory");
  ExpectRefused(TemporaryFile("empty", ""), absl::StatusCode::kInvalidArgument, "is empty");
  ExpectRefused(TemporaryFile("not.gz", "plain text"), absl::StatusCode::kInvalidArgument,
                "its name says gzip");
  ExpectRefused(TemporaryFile("not.xz", Compress(Compression::kGzip, "text")),
                absl::StatusCode::kInvalidArgument, "its name says xz but its content is gzip");
  ExpectRefused(TemporaryFile("none.xz", Compress(Compression::kXz, "")), absl::StatusCode::kInvalidArgument,
                "no bytes");
  ExpectRefused(TemporaryFile("head.gz", Compress(Compression::kGzip, "text").substr(0, 9)),
                absl::StatusCode::kDataLoss, "breaks off before its first byte");
  ExpectRefused(TemporaryFile("bad.xz", Compress(Compression::kXz, "text").replace(6, 4, "oops")),
                absl::StatusCode::kDataLoss, "is damaged before its first byte");
}

TEST(Input, RefusesAFileWithoutPermission) {
  const std::string path = TemporaryFile("secret", "text");
  std::filesystem::permissions(path, std::filesystem::perms::none);
  // The superuser may read everything, so for this one call it is somebody else.
  constexpr uid_t kNobody = 65534;
  const uid_t self = geteuid();
  if (self == 0 && seteuid(kNobody) != 0) {
    GTEST_SKIP() << "runs as root, who is refused no file, and cannot become another user";
  }
  ExpectRefused(path, absl::StatusCode::kPermissionDenied, "readable for this user");
  ASSERT_EQ(seteuid(self), 0);
}

}  // namespace
}  // namespace gaios::feeds
