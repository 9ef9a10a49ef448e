#ifndef GAIOS_RSM_SNAPSHOT_TRANSFER_H_
#define GAIOS_RSM_SNAPSHOT_TRANSFER_H_

// How a snapshot gets from one process to another: the protocol, over any stream of bytes
// (transfer_stream.h).
//
//   taker                      giver
//   TransferRequest  ------>
//                    <------   TransferAnswer kWait, once a second while the snapshot is being taken
//                    <------   TransferAnswer kOffer, or kRefused with a text, and the end
//                    <------   FileHeader, the chunks from first_chunk on, FileFooter (format.h)
//
// A taker that has some chunks of a snapshot names it, and how many it has: a giver of the same one, the
// same replica or another, goes on from there. Whatever is sent is checked chunk by chunk before it is kept.
// The structs are little-endian; the end of the connection ends the transfer.

#include <cstddef>
#include <cstdint>
#include <functional>
#include <memory>
#include <optional>
#include <span>
#include <string>
#include <type_traits>
#include <utility>
#include <vector>

#include <absl/status/status.h>
#include <absl/status/statusor.h>

#include "gaios/paxos/types.h"
#include "gaios/rsm/snapshot/facts.h"
#include "gaios/rsm/snapshot/file.h"
#include "gaios/rsm/snapshot/format.h"
#include "gaios/rsm/snapshot/transfer_stream.h"
#include "gaios/rsm/snapshot/unfinished_file.h"

namespace gaios::rsm {

inline constexpr std::uint64_t kTransferMagic = 0x52454653534f4947U;
inline constexpr std::uint32_t kTransferVersion = 1;
// As TransferRequest::at_least: of a moment after the request.
inline constexpr std::uint64_t kFreshSnapshot = ~std::uint64_t{0};
// The same: the last one of this replica, which ends with it. An operator's, of the replica's host alone.
inline constexpr std::uint64_t kLastSnapshot = kFreshSnapshot - 1;
[[nodiscard]] constexpr bool IsPosition(std::uint64_t at_least) {
  return at_least < kLastSnapshot;
}
inline constexpr std::size_t kMaxRefusalBytes = 1024;

struct TransferRequest {
  std::uint64_t magic = kTransferMagic;
  std::uint32_t version = kTransferVersion;
  std::uint32_t reserved = 0;
  std::uint64_t group = 0;
  std::uint64_t at_least = 0;      // position, kFreshSnapshot or kLastSnapshot
  std::uint64_t resume_id = 0;     // of what the taker has in part; 0 for nothing
  std::uint64_t resume_chunk = 0;  // the first that it lacks
};
static_assert(sizeof(TransferRequest) == 48 && std::has_unique_object_representations_v<TransferRequest>);

enum class TransferVerdict : std::uint32_t { kOffer = 1, kWait = 2, kRefused = 3 };

struct TransferAnswer {
  std::uint64_t magic = kTransferMagic;
  std::uint32_t version = kTransferVersion;
  std::uint32_t verdict = 0;
  std::uint64_t id = 0;             // kOffer: SnapshotReader::id
  std::uint64_t first_chunk = 0;    // kOffer
  std::uint64_t content_bytes = 0;  // kOffer
  std::uint32_t text_bytes = 0;     // kRefused: a sentence follows
  std::uint32_t reserved = 0;
};
static_assert(sizeof(TransferAnswer) == 48 && std::has_unique_object_representations_v<TransferAnswer>);

// ---- the giver
// --------------------------------------------------------------------------------------------------------

[[nodiscard]] absl::Status SendWait(TransferStream& stream);
[[nodiscard]] absl::Status SendRefusal(TransferStream& stream, std::string_view why);
// All that `request` lacks. `sent` is told after each chunk of how many bytes that was, and may end the
// transfer by its status.
[[nodiscard]] absl::Status SendSnapshot(TransferStream& stream, const TransferRequest& request,
                                        SnapshotReader& snapshot,
                                        const std::function<absl::Status(std::uint64_t)>& sent);

// ---- the taker
// --------------------------------------------------------------------------------------------------------

// A snapshot that arrives, perhaps in several attempts. One thread at a time; blocks on disk and stream.
class IncomingSnapshot {
 public:
  // It will be at `path`. What is not of `own` is refused; without, whatever is whole is taken, for who
  // checks by itself what it is.
  IncomingSnapshot(std::string path, std::optional<SnapshotOrigin> own)
      : path_(std::move(path)), own_(std::move(own)) {}

  // Asks for a snapshot of `at_least`, or goes on where an earlier attempt was cut off. When it returns well
  // a snapshot is at the path, in whole, checked and on disk. FailedPrecondition: the giver refuses, or what
  // it has is foreign or too old; DataLoss: what came is damaged. Others are those of stream and file.
  [[nodiscard]] absl::Status Take(TransferStream& stream, std::uint64_t at_least);

  // Of what has come so far; for tests and for the user.
  [[nodiscard]] std::uint64_t chunks() const { return next_chunk_; }
  [[nodiscard]] std::uint64_t resumed_at() const { return resumed_at_; }
  [[nodiscard]] const std::string& path() const { return path_; }
  // Forgets what has come.
  void Drop();

 private:
  [[nodiscard]] absl::Status AwaitOffer(TransferStream& stream, TransferAnswer& offer) const;
  [[nodiscard]] absl::Status Begin(TransferStream& stream, const TransferAnswer& offer,
                                   std::uint64_t at_least);
  [[nodiscard]] absl::Status TakeChunk(TransferStream& stream);
  [[nodiscard]] absl::Status TakeFooter(TransferStream& stream);

  const std::string path_;
  const std::optional<SnapshotOrigin> own_;
  std::unique_ptr<UnfinishedFile> file_;
  std::uint64_t id_ = 0;  // of what is in the file; 0: nothing
  std::uint64_t content_bytes_ = 0;
  FileHeader header_;
  TotalHash total_{0};
  std::uint64_t next_chunk_ = 0;
  std::uint64_t resumed_at_ = 0;
  std::vector<std::byte> chunk_;
};

}  // namespace gaios::rsm

#endif  // GAIOS_RSM_SNAPSHOT_TRANSFER_H_
