#include "gaios/rsm/feeds/input.h"

#include <sys/stat.h>

#include <cerrno>
#include <cstring>
#include <system_error>
#include <utility>

#include <absl/strings/match.h>
#include <absl/strings/str_cat.h>

#include "gaios/base/check.h"

namespace gaios::feeds {
namespace {

constexpr std::size_t kBlockBytes = std::size_t{64} << 10;
constexpr std::size_t kWindowBytes = std::size_t{256} << 10;
static_assert(Input::kMaxPeekBytes * 2 <= kWindowBytes, "filling moves each byte at most about once");

std::string ErrorText(int error) {
  return std::generic_category().message(error);
}

absl::Status OpenError(const std::string& path, int error) {
  const std::string reason = ErrorText(error);
  if (error == ENOENT || error == ENOTDIR) {
    return absl::NotFoundError(
        absl::StrCat("feed file ", path, ": ", reason, "; give the path of an existing recording"));
  }
  if (error == EACCES || error == EPERM) {
    return absl::PermissionDeniedError(
        absl::StrCat("feed file ", path, ": ", reason, "; make it readable for this user"));
  }
  return absl::UnavailableError(absl::StrCat("feed file ", path, ": cannot be opened: ", reason));
}

// What the name of a file promises about its content.
Compression CompressionInName(const std::string& path) {
  if (absl::EndsWithIgnoreCase(path, ".gz")) {
    return Compression::kGzip;
  }
  return absl::EndsWithIgnoreCase(path, ".xz") ? Compression::kXz : Compression::kNone;
}

}  // namespace

Input::Input(std::string path, File file) : path_(std::move(path)), file_(std::move(file)) {}

absl::StatusOr<std::unique_ptr<Input>> Input::Open(std::string_view path) {
  std::string name(path);
  File file(std::fopen(name.c_str(), "rbe"));
  if (file == nullptr) {
    return OpenError(name, errno);
  }
  struct stat info = {};
  if (fstat(fileno(file.get()), &info) != 0) {
    return OpenError(name, errno);
  }
  if (S_ISDIR(info.st_mode)) {
    return absl::InvalidArgumentError(
        absl::StrCat("feed file ", name, ": is a directory; give the path of a recording inside it"));
  }
  std::unique_ptr<Input> input(new Input(std::move(name), std::move(file)));
  absl::Status status = input->Start();
  if (!status.ok()) {
    return status;
  }
  return input;
}

absl::Status Input::Start() {
  block_ = std::make_unique_for_overwrite<std::byte[]>(kBlockBytes);
  window_ = std::make_unique_for_overwrite<std::byte[]>(kWindowBytes);
  ReadBlock();
  if (!damage_.empty()) {
    return absl::DataLossError(
        absl::StrCat("feed file ", path_, ": ", damage_, "; check the disk or copy it again"));
  }
  if (pending_.empty()) {
    return absl::InvalidArgumentError(
        absl::StrCat("feed file ", path_, ": is empty; fetch or generate it again"));
  }
  compression_ = CompressionOf(pending_);
  const Compression promised = CompressionInName(path_);
  if (promised != Compression::kNone && compression_ != promised) {
    return absl::InvalidArgumentError(absl::StrCat("feed file ", path_, ": its name says ", Name(promised),
                                                   " but its content is ", Name(compression_),
                                                   "; rename it, or fetch it again if it is damaged"));
  }
  decoder_ = MakeDecoder(compression_);
  if (decoder_ == nullptr) {
    return absl::ResourceExhaustedError(absl::StrCat("feed file ", path_, ": no memory to decompress ",
                                                     Name(compression_), "; free some memory"));
  }
  Fill(1);
  if (filled_ > 0) {
    return absl::OkStatus();
  }
  if (damage_.empty()) {
    return absl::InvalidArgumentError(absl::StrCat("feed file ", path_, ": holds ", Name(compression_),
                                                   " data of no bytes; fetch or generate it again"));
  }
  return absl::DataLossError(
      absl::StrCat("feed file ", path_, ": ", damage_, " before its first byte; fetch it again"));
}

void Input::ReadBlock() {
  const std::size_t size = std::fread(block_.get(), 1, kBlockBytes, file_.get());
  pending_ = {block_.get(), size};
  if (size == kBlockBytes) {
    return;
  }
  file_ended_ = true;
  if (std::ferror(file_.get()) != 0) {
    damage_ = absl::StrCat("cannot be read: ", ErrorText(errno));
  }
}

void Input::Fill(std::size_t bytes) {
  GAIOS_CHECK(bytes <= kMaxPeekBytes, "a peek larger than the window allows");
  if (begin_ > 0) {
    std::memmove(window_.get(), window_.get() + begin_, filled_ - begin_);
    filled_ -= begin_;
    begin_ = 0;
  }
  while (filled_ < bytes && !ended_) {
    if (pending_.empty() && !file_ended_) {
      ReadBlock();
    }
    std::span<std::byte> room(window_.get() + filled_, kWindowBytes - filled_);
    const DecodeState state = decoder_->Decode(pending_, room, file_ended_);
    filled_ = kWindowBytes - room.size();
    if (state != DecodeState::kMore) {
      End(state);
    }
  }
}

void Input::End(DecodeState state) {
  ended_ = true;
  if (!damage_.empty()) {
    return;  // the file could not be read to its end, which explains the rest
  }
  if (state == DecodeState::kTruncated) {
    damage_ = absl::StrCat("the ", Name(compression_), " stream breaks off");
  } else if (state == DecodeState::kDamaged) {
    damage_ = absl::StrCat("the ", Name(compression_), " stream is damaged");
  }
}

void Input::Consume(std::size_t bytes) {
  GAIOS_CHECK(bytes <= filled_ - begin_, "consumed more than was at hand");
  begin_ += bytes;
  offset_ += bytes;
}

}  // namespace gaios::feeds
