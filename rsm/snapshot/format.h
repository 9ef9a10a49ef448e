#ifndef GAIOS_RSM_SNAPSHOT_FORMAT_H_
#define GAIOS_RSM_SNAPSHOT_FORMAT_H_

// The bytes of a snapshot file. Little-endian, in this order and with nothing between or after:
//
//   FileHeader                      what it is a snapshot of
//   ChunkHeader, then its content   as often as there are chunks; all but the last carry kChunkBytes
//   FileFooter                      how much there was, and a hash over all of it
//
// The content of all chunks, joined, is what Sessions::Save wrote (sessions_bytes of it), then what
// StateMachine::Save wrote. A checksum of a chunk covers its content, its number and, by way of the header's
// checksum, which snapshot it is of: a chunk of another snapshot, or in another place, is never taken for
// it. The footer's hash covers the header and every chunk, and is the name of the snapshot: two files with
// the same one hold the same bytes.
//
// The checksums find accidents, not forgers. Stateless; any thread.

#include <array>
#include <cstddef>
#include <cstdint>
#include <span>
#include <string_view>
#include <type_traits>

#include <absl/status/status.h>
#include <absl/status/statusor.h>

#include "gaios/paxos/limits.h"
#include "gaios/rsm/snapshot/facts.h"

namespace gaios::rsm {

inline constexpr std::uint64_t kSnapshotMagic = 0x50414e534f494147U;        // "GAIOSNAP" in the file
inline constexpr std::uint64_t kSnapshotFooterMagic = 0x444e45534f494147U;  // "GAIOSEND"
inline constexpr std::uint32_t kSnapshotVersion = 2;
inline constexpr std::size_t kChunkBytes = std::size_t{256} << 10;  // content of a chunk that is not the last
inline constexpr std::uint64_t kMaxChunks = std::uint64_t{1} << 32;

// What the configuration says of one replica.
struct FileMember {
  std::uint32_t standing = 0;     // a paxos::Standing
  std::uint32_t incarnation = 0;  // that votes; 0 when none does
  std::uint32_t gone = 0;         // the last that voted and was removed; 0 when none was
  std::uint32_t zero = 0;
  std::array<char, paxos::Address::kMaxBytes + 1> address = {};  // filled up with zeros
};

struct FileHeader {
  std::uint64_t magic = 0;
  std::uint32_t version = 0;
  std::uint32_t chunk_bytes = 0;  // kChunkBytes
  std::uint64_t group = 0;
  std::uint32_t epoch = 0;
  std::uint32_t voters = 0;  // of the configuration
  std::uint64_t position = 0;
  std::uint64_t slot = 0;
  std::uint64_t ballot = 0;
  std::uint64_t chain = 0;     // checksum of the last entry that was applied
  std::uint64_t promised = 0;  // the ballot that the replica it was taken at had promised
  std::uint64_t applied_commands = 0;
  std::uint64_t time_ns = 0;
  std::uint64_t state_hash = 0;
  std::uint64_t sessions_bytes = 0;
  std::array<FileMember, paxos::kMaxReplicas> configuration = {};  // by id
  std::array<char, kMaxGroupNameBytes + 1> group_name = {};        // filled up with zeros
  std::array<char, kMaxStateMachineNameBytes + 1> state_machine = {};
  std::uint64_t checksum = 0;  // XXH3 over all of the above
};
static_assert(sizeof(FileHeader) == 768 && std::is_trivially_copyable_v<FileHeader> &&
              std::has_unique_object_representations_v<FileHeader>);
static_assert(offsetof(FileHeader, version) == 8 && offsetof(FileHeader, group) == 16 &&
              offsetof(FileHeader, position) == 32 && offsetof(FileHeader, applied_commands) == 72 &&
              offsetof(FileHeader, configuration) == 104 && offsetof(FileHeader, group_name) == 664 &&
              offsetof(FileHeader, state_machine) == 728 && offsetof(FileHeader, checksum) == 760);

struct ChunkHeader {
  std::uint32_t index = 0;   // from 0
  std::uint32_t length = 0;  // bytes of content, at least 1
  std::uint64_t checksum = 0;
};
static_assert(sizeof(ChunkHeader) == 16 && std::has_unique_object_representations_v<ChunkHeader>);

struct FileFooter {
  std::uint64_t magic = 0;
  std::uint64_t content_bytes = 0;
  std::uint64_t chunks = 0;
  std::uint64_t total = 0;     // see TotalHash
  std::uint64_t checksum = 0;  // XXH3 over all of the above
};
static_assert(sizeof(FileFooter) == 40 && std::has_unique_object_representations_v<FileFooter>);

// Where chunk `index` begins in the file.
[[nodiscard]] constexpr std::uint64_t ChunkOffset(std::uint64_t index) {
  return sizeof(FileHeader) + index * (sizeof(ChunkHeader) + kChunkBytes);
}
[[nodiscard]] constexpr std::uint64_t ChunkCount(std::uint64_t content_bytes) {
  return (content_bytes + kChunkBytes - 1) / kChunkBytes;
}
[[nodiscard]] constexpr std::uint64_t FileBytes(std::uint64_t content_bytes) {
  return sizeof(FileHeader) + ChunkCount(content_bytes) * sizeof(ChunkHeader) + content_bytes +
         sizeof(FileFooter);
}

[[nodiscard]] FileHeader EncodeHeader(const SnapshotFacts& facts);
// `name` stands for the file in errors. DataLoss when it is damaged; FailedPrecondition when it is whole but
// of another version; InvalidArgument when it is no snapshot.
[[nodiscard]] absl::StatusOr<SnapshotFacts> DecodeHeader(const FileHeader& header, std::string_view name);

// `header_checksum` is that of the snapshot's header.
[[nodiscard]] ChunkHeader MakeChunkHeader(std::uint64_t header_checksum, std::uint32_t index,
                                          std::span<const std::byte> content);
// Whether `chunk` says what `content` is, and both are chunk `index` of that snapshot.
[[nodiscard]] bool ChunkHolds(std::uint64_t header_checksum, std::uint32_t index, const ChunkHeader& chunk,
                              std::span<const std::byte> content);

// The hash over a header and chunks, in order.
class TotalHash {
 public:
  explicit TotalHash(std::uint64_t header_checksum) : value_(header_checksum) {}
  void Add(const ChunkHeader& chunk);
  [[nodiscard]] std::uint64_t value() const { return value_; }

 private:
  std::uint64_t value_;
};

[[nodiscard]] FileFooter EncodeFooter(std::uint64_t content_bytes, const TotalHash& total);
// Whether the footer is whole and its numbers go together.
[[nodiscard]] absl::Status CheckFooter(const FileFooter& footer, std::string_view name);

// DataLoss, with what to do.
[[nodiscard]] absl::Status SnapshotDamaged(std::string_view name, std::string_view what);

// Whether a snapshot of `found` may be installed where `own` is: FailedPrecondition, naming what is foreign.
[[nodiscard]] absl::Status CheckOrigin(const SnapshotOrigin& found, const SnapshotOrigin& own,
                                       std::string_view name);

}  // namespace gaios::rsm

#endif  // GAIOS_RSM_SNAPSHOT_FORMAT_H_
