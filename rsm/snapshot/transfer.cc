#include "gaios/rsm/snapshot/transfer.h"

#include <algorithm>
#include <cstring>

#include <absl/strings/str_cat.h>

namespace gaios::rsm {
namespace {

constexpr std::string_view kWhatCame = "that was sent";

template <typename T>
std::span<const std::byte> BytesOf(const T& record) {
  return std::as_bytes(std::span(&record, 1));
}

template <typename T>
std::span<std::byte> WritableBytesOf(T& record) {
  return std::as_writable_bytes(std::span(&record, 1));
}

absl::Status Misunderstood() {
  return absl::FailedPreconditionError(
      "what answers there does not give snapshots as this release does; run one release on all replicas");
}

}  // namespace

// ---- the giver
// --------------------------------------------------------------------------------------------------------

absl::Status SendWait(TransferStream& stream) {
  TransferAnswer answer;
  answer.verdict = static_cast<std::uint32_t>(TransferVerdict::kWait);
  return stream.Send(BytesOf(answer));
}

absl::Status SendRefusal(TransferStream& stream, std::string_view why) {
  why = why.substr(0, kMaxRefusalBytes);
  TransferAnswer answer;
  answer.verdict = static_cast<std::uint32_t>(TransferVerdict::kRefused);
  answer.text_bytes = static_cast<std::uint32_t>(why.size());
  if (absl::Status status = stream.Send(BytesOf(answer)); !status.ok()) {
    return status;
  }
  return stream.Send(std::as_bytes(std::span(why)));
}

absl::Status SendSnapshot(TransferStream& stream, const TransferRequest& request, SnapshotReader& snapshot,
                          const std::function<absl::Status(std::uint64_t)>& sent) {
  const std::uint64_t chunks = snapshot.footer().chunks;
  TransferAnswer answer;
  answer.verdict = static_cast<std::uint32_t>(TransferVerdict::kOffer);
  answer.id = snapshot.id();
  answer.first_chunk =
      request.resume_id == answer.id && request.resume_chunk <= chunks ? request.resume_chunk : 0;
  answer.content_bytes = snapshot.content_bytes();
  if (absl::Status status = stream.Send(BytesOf(answer)); !status.ok()) {
    return status;
  }
  if (absl::Status status = stream.Send(BytesOf(snapshot.header())); !status.ok()) {
    return status;
  }
  for (std::uint64_t index = answer.first_chunk; index < chunks; ++index) {
    const absl::StatusOr<std::span<const std::byte>> raw = snapshot.RawChunk(index);
    if (!raw.ok()) {
      return raw.status();
    }
    if (absl::Status status = stream.Send(*raw); !status.ok()) {
      return status;
    }
    if (absl::Status status = sent(raw->size()); !status.ok()) {
      return status;
    }
  }
  return stream.Send(BytesOf(snapshot.footer()));
}

// ---- the taker
// --------------------------------------------------------------------------------------------------------

void IncomingSnapshot::Drop() {
  file_.reset();
  id_ = 0;
  next_chunk_ = 0;
}

absl::Status IncomingSnapshot::Take(TransferStream& stream, std::uint64_t at_least) {
  TransferRequest request;
  request.group = own_.has_value() ? own_->group.value() : 0;
  request.at_least = at_least;
  request.resume_id = id_;
  request.resume_chunk = next_chunk_;
  if (absl::Status status = stream.Send(BytesOf(request)); !status.ok()) {
    return status;
  }
  TransferAnswer offer;
  if (absl::Status status = AwaitOffer(stream, offer); !status.ok()) {
    return status;
  }
  absl::Status status = Begin(stream, offer, at_least);
  const std::uint64_t chunks = ChunkCount(content_bytes_);
  while (status.ok() && next_chunk_ < chunks) {
    status = TakeChunk(stream);
  }
  if (status.ok()) {
    status = TakeFooter(stream);
  }
  if (absl::IsDataLoss(status)) {
    Drop();  // whose fault it was cannot be known
  }
  return status;
}

absl::Status IncomingSnapshot::AwaitOffer(TransferStream& stream, TransferAnswer& offer) const {
  for (;;) {
    if (absl::Status status = stream.Receive(WritableBytesOf(offer)); !status.ok()) {
      return status;
    }
    if (offer.magic != kTransferMagic || offer.version != kTransferVersion) {
      return Misunderstood();
    }
    switch (static_cast<TransferVerdict>(offer.verdict)) {
      case TransferVerdict::kWait:
        continue;
      case TransferVerdict::kOffer:
        return offer.content_bytes > kMaxChunks * kChunkBytes ? Misunderstood() : absl::OkStatus();
      case TransferVerdict::kRefused: {
        std::string text(std::min<std::size_t>(offer.text_bytes, kMaxRefusalBytes), '\0');
        if (absl::Status status = stream.Receive(std::as_writable_bytes(std::span(text))); !status.ok()) {
          return status;
        }
        return absl::FailedPreconditionError(text);
      }
    }
    return Misunderstood();
  }
}

absl::Status IncomingSnapshot::Begin(TransferStream& stream, const TransferAnswer& offer,
                                     std::uint64_t at_least) {
  FileHeader header;
  if (absl::Status status = stream.Receive(WritableBytesOf(header)); !status.ok()) {
    return status;
  }
  const absl::StatusOr<SnapshotFacts> facts = DecodeHeader(header, kWhatCame);
  if (!facts.ok()) {
    return facts.status();
  }
  if (own_.has_value()) {
    if (absl::Status status = CheckOrigin(facts->origin, *own_, kWhatCame); !status.ok()) {
      return status;
    }
  }
  if (IsPosition(at_least) && facts->cursor.position.value() < at_least) {
    return absl::FailedPreconditionError(absl::StrCat("the snapshot is of position ",
                                                      facts->cursor.position.value(), ", one of ", at_least,
                                                      " or later is needed; another replica may have it"));
  }
  const bool goes_on = id_ != 0 && offer.id == id_ && offer.first_chunk == next_chunk_ &&
                       offer.content_bytes == content_bytes_ && header.checksum == header_.checksum;
  if (goes_on) {
    resumed_at_ = next_chunk_;
    return absl::OkStatus();
  }
  if (offer.first_chunk != 0) {
    return SnapshotDamaged(kWhatCame, "it does not begin where it was asked to");
  }
  Drop();
  absl::StatusOr<std::unique_ptr<UnfinishedFile>> file = UnfinishedFile::Create(path_);
  if (!file.ok()) {
    return file.status();
  }
  if (absl::Status status = (*file)->Append(BytesOf(header)); !status.ok()) {
    return status;
  }
  file_ = *std::move(file);
  id_ = offer.id;
  content_bytes_ = offer.content_bytes;
  header_ = header;
  total_ = TotalHash(header.checksum);
  resumed_at_ = 0;
  return absl::OkStatus();
}

absl::Status IncomingSnapshot::TakeChunk(TransferStream& stream) {
  const std::uint64_t length =
      std::min<std::uint64_t>(kChunkBytes, content_bytes_ - next_chunk_ * kChunkBytes);
  chunk_.resize(sizeof(ChunkHeader) + length);
  if (absl::Status status = stream.Receive(chunk_); !status.ok()) {
    return status;
  }
  ChunkHeader chunk;
  std::memcpy(&chunk, chunk_.data(), sizeof(chunk));
  if (!ChunkHolds(header_.checksum, static_cast<std::uint32_t>(next_chunk_), chunk,
                  std::span(chunk_).subspan(sizeof(chunk)))) {
    return SnapshotDamaged(kWhatCame, absl::StrCat("chunk ", next_chunk_, " is not what was written"));
  }
  if (absl::Status status = file_->Append(chunk_); !status.ok()) {
    Drop();  // how much of it the file has got is not known
    return status;
  }
  total_.Add(chunk);
  ++next_chunk_;
  return absl::OkStatus();
}

absl::Status IncomingSnapshot::TakeFooter(TransferStream& stream) {
  FileFooter footer;
  if (absl::Status status = stream.Receive(WritableBytesOf(footer)); !status.ok()) {
    return status;
  }
  if (absl::Status status = CheckFooter(footer, kWhatCame); !status.ok()) {
    return status;
  }
  if (footer.total != total_.value() || footer.total != id_ || footer.content_bytes != content_bytes_) {
    return SnapshotDamaged(kWhatCame, "its chunks are not those that its footer was written for");
  }
  absl::Status status = file_->Append(BytesOf(footer));
  if (status.ok()) {
    status = file_->Finish();
  }
  Drop();
  return status;
}

}  // namespace gaios::rsm
