// Snapshot files: one that the input has filled, damaged by it, and its checksums made right again when the
// input says so, as whoever wrote the damage would have; or the input itself as a file.
//
// What is given out of a file that was verified is what its footer counts, chunk by chunk as it stands there;
// without making right it is what was written. Sessions restored from it are refused, or can be saved again
// as the same bytes. Nothing is ever given out after an error.

#include <fcntl.h>
#include <sys/mman.h>
#include <unistd.h>

#include <algorithm>
#include <cstring>
#include <string>
#include <vector>

#include <xxhash.h>

#include "gaios/base/check.h"
#include "gaios/base/unique_fd.h"
#include "gaios/rsm/sessions.h"
#include "gaios/rsm/snapshot/file.h"

#include "tests/fuzz/choices.h"
#include "tests/fuzz/scratch_directory.h"
#include "tests/fuzz/target.h"
#include "tests/support/memory_snapshot.h"

namespace gaios::fuzz {
namespace {

using Bytes = std::vector<std::byte>;

constexpr rsm::SessionOptions kSessions{.max_sessions = 3, .reply_bytes = 64, .idle_timeout_ns = 1000};

base::UniqueFd FileOf(std::span<const std::byte> bytes) {
  base::UniqueFd file(::memfd_create("snapshot", MFD_CLOEXEC));
  GAIOS_CHECK(file.valid() &&
                  ::pwrite(file.get(), bytes.data(), bytes.size(), 0) == static_cast<ssize_t>(bytes.size()),
              "a file in memory");
  return file;
}

Bytes ReadBack(const std::string& path) {
  const base::UniqueFd file(::open(path.c_str(), O_RDONLY | O_CLOEXEC));
  Bytes bytes(static_cast<std::size_t>(::lseek(file.get(), 0, SEEK_END)));
  GAIOS_CHECK(::pread(file.get(), bytes.data(), bytes.size(), 0) == static_cast<ssize_t>(bytes.size()),
              "what was written can be read");
  return bytes;
}

// A few sessions, as the input says.
Bytes SomeSessions(Choices& choices) {
  rsm::Sessions sessions(kSessions);
  for (std::uint8_t left = choices.Below(6); left > 0; --left) {
    const std::uint64_t id = 1 + choices.Below(5);
    const std::uint64_t sequence = 1 + choices.Below(4);
    std::span<const std::byte> reply;
    const rsm::Sessions::Verdict verdict = sessions.Judge({id, sequence}, 1, reply);
    if (verdict == rsm::Sessions::Verdict::kExpired) {
      static_cast<void>(sessions.Open(id, 1));
    } else if (verdict == rsm::Sessions::Verdict::kRun) {
      sessions.Finish(choices.Bytes(choices.Below(70)));
    }
  }
  rsm::MemorySink sink;
  GAIOS_CHECK(sessions.Save(sink).ok(), "memory takes everything");
  return sink.bytes();
}

// The content of a snapshot: sessions, then many bytes out of few.
Bytes SomeContent(Choices& choices, std::uint64_t& sessions_bytes) {
  Bytes content = SomeSessions(choices);
  sessions_bytes = content.size();
  const std::size_t more = std::size_t{choices.Take<std::uint16_t>()} * 12;
  const auto step = choices.Take<std::uint8_t>();
  for (std::size_t i = 0; i < more; ++i) {
    content.push_back(static_cast<std::byte>(i * step >> 3));
  }
  return content;
}

void Damage(Bytes& file, Choices& choices) {
  for (std::uint8_t left = choices.Below(6); left > 0 && !file.empty(); --left) {
    const std::size_t at = choices.Take<std::uint32_t>() % file.size();
    switch (choices.Below(4)) {
      case 0:
        file[at] = choices.Take<std::byte>();
        break;
      case 1:  // near the front, where most is said
        file[at % std::min(file.size(), sizeof(rsm::FileHeader) + 200)] = choices.Take<std::byte>();
        break;
      case 2:
        file.resize(at);
        break;
      default:
        file.insert(file.end(), choices.Below(50), std::byte{1});
        break;
    }
  }
}

// All checksums as they should be, where the file is long enough for what it says.
void MakeRight(Bytes& file) {
  if (file.size() < rsm::FileBytes(0)) {
    return;
  }
  rsm::FileHeader header;
  std::memcpy(&header, file.data(), sizeof(header));
  header.checksum = XXH3_64bits(&header, offsetof(rsm::FileHeader, checksum));
  std::memcpy(file.data(), &header, sizeof(header));
  rsm::TotalHash total(header.checksum);
  std::uint64_t content_bytes = 0;
  const std::size_t end = file.size() - sizeof(rsm::FileFooter);
  std::uint32_t index = 0;
  for (std::size_t at = sizeof(header); at + sizeof(rsm::ChunkHeader) < end;
       at += sizeof(rsm::ChunkHeader) + rsm::kChunkBytes, ++index) {
    const std::size_t from = at + sizeof(rsm::ChunkHeader);
    const std::span<const std::byte> content(file.data() + from, std::min(rsm::kChunkBytes, end - from));
    const rsm::ChunkHeader chunk = rsm::MakeChunkHeader(header.checksum, index, content);
    std::memcpy(file.data() + at, &chunk, sizeof(chunk));
    total.Add(chunk);
    content_bytes += content.size();
  }
  const rsm::FileFooter footer = rsm::EncodeFooter(content_bytes, total);
  std::memcpy(file.data() + end, &footer, sizeof(footer));
}

// What is in the file, or nothing when it is refused.
bool ReadAll(const Bytes& file, Choices& choices, Bytes& content, std::uint64_t& sessions_bytes) {
  const auto reader = rsm::SnapshotReader::Of(FileOf(file), "fuzzed");
  if (!reader.ok()) {
    return false;
  }
  GAIOS_CHECK((*reader)->file_bytes() == file.size(), "its size is what its footer says");
  if (!(*reader)->Verify().ok()) {
    std::byte none{0x77};
    GAIOS_CHECK(!(*reader)->Read(std::span(&none, 1)).ok() && none == std::byte{0x77},
                "nothing is given out of what is refused");
    return false;
  }
  content.resize((*reader)->content_bytes());
  for (std::size_t at = 0; at < content.size();) {
    const std::size_t size =
        std::min<std::size_t>(1 + choices.Take<std::uint16_t>() * 3, content.size() - at);
    GAIOS_CHECK((*reader)->Read(std::span(content).subspan(at, size)).ok(), "what was verified can be read");
    at += size;
  }
  GAIOS_CHECK((*reader)->left() == 0, "all of it was read");
  sessions_bytes = (*reader)->facts().sessions_bytes;
  GAIOS_CHECK(sessions_bytes <= content.size(), "the sessions are within the content");
  return true;
}

void RestoreSessions(std::span<const std::byte> bytes) {
  rsm::Sessions sessions(kSessions);
  rsm::MemorySource source(bytes);
  if (!sessions.Restore(source).ok()) {
    GAIOS_CHECK(sessions.size() == 0, "what is refused changes nothing");
    return;
  }
  rsm::MemorySink sink;
  GAIOS_CHECK(sessions.Save(sink).ok() && sink.bytes().size() <= bytes.size() &&
                  std::equal(sink.bytes().begin(), sink.bytes().end(), bytes.begin()),
              "sessions that were restored are saved as the same bytes");
  std::span<const std::byte> reply;
  for (std::uint64_t sequence = 0; sequence < 70; ++sequence) {
    for (std::uint64_t id = 1; id <= 5; ++id) {
      static_cast<void>(sessions.Judge({id, sequence}, 2, reply));
    }
  }
}

}  // namespace

void RunTarget(std::span<const std::byte> input) {
  Choices choices(input);
  if (choices.Below(8) == 0) {
    Bytes content;
    std::uint64_t sessions_bytes = 0;
    const auto rest = choices.Rest();
    static_cast<void>(ReadAll({rest.begin(), rest.end()}, choices, content, sessions_bytes));
    RestoreSessions(rest);
    return;
  }
  rsm::SnapshotFacts facts;
  facts.origin = {paxos::GroupId(7), "fuzzed", 1, "bytes"};
  facts.configuration = paxos::Configuration::Bootstrap(1 + choices.Below(paxos::kMaxReplicas));
  const Bytes written = SomeContent(choices, facts.sessions_bytes);
  const std::string path = ScratchPath() + "/snapshot";
  {
    const auto writer = rsm::SnapshotWriter::Create(path, facts);
    GAIOS_CHECK(writer.ok() && (*writer)->Append(written).ok() && (*writer)->Finish().ok(),
                "a snapshot is written");
  }
  Bytes file = ReadBack(path);
  ::unlink(path.c_str());
  const Bytes undamaged = file;
  MakeRight(file);
  GAIOS_CHECK(file == undamaged, "the checksums are understood here");

  const bool right = choices.Flip();
  Damage(file, choices);
  if (right) {
    MakeRight(file);
  }
  Bytes content;
  std::uint64_t sessions_bytes = 0;
  if (!ReadAll(file, choices, content, sessions_bytes)) {
    GAIOS_CHECK(file != undamaged, "what was written is not refused");
    return;
  }
  GAIOS_CHECK(right || content == written, "what is given out is what was written");
  RestoreSessions(std::span(content).first(sessions_bytes));
}

}  // namespace gaios::fuzz
