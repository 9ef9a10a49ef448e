#ifndef GAIOS_RSM_FEEDS_INPUT_H_
#define GAIOS_RSM_FEEDS_INPUT_H_

// The plain bytes of a file, compressed or not, as a window that moves forward. Memory is bounded whatever
// the size of the file: one block of compressed and one window of plain bytes.
//
// Threads: one at a time. Offsets are in uncompressed bytes.

#include <cstddef>
#include <cstdint>
#include <cstdio>
#include <memory>
#include <span>
#include <string>
#include <string_view>

#include <absl/status/status.h>
#include <absl/status/statusor.h>

#include "gaios/rsm/feeds/decoder.h"

namespace gaios::feeds {

class Input {
 public:
  // The largest view that Peek can be asked for, bytes.
  static constexpr std::size_t kMaxPeekBytes = std::size_t{128} << 10;

  // Opens the file and reads its beginning. Fails when it is missing, not permitted, not a file, empty, named
  // as compressed but not so, or damaged before its first byte; the status names the file and what to do.
  [[nodiscard]] static absl::StatusOr<std::unique_ptr<Input>> Open(std::string_view path);

  // All bytes at hand, at least `bytes` of them unless the input ends before. Valid until the next call.
  [[nodiscard]] std::span<const std::byte> Peek(std::size_t bytes) {
    if (filled_ - begin_ < bytes && !ended_) [[unlikely]] {
      Fill(bytes);
    }
    return {window_.get() + begin_, filled_ - begin_};
  }

  // Moves past the first `bytes` of the last Peek.
  void Consume(std::size_t bytes);

  // How many bytes were consumed since the beginning.
  [[nodiscard]] std::uint64_t offset() const { return offset_; }

  // Empty when the input ended as it should (or has not ended); otherwise why no more can be read.
  [[nodiscard]] const std::string& damage() const { return damage_; }

  [[nodiscard]] const std::string& path() const { return path_; }
  [[nodiscard]] Compression compression() const { return compression_; }

 private:
  struct CloseFile {
    void operator()(std::FILE* file) const { static_cast<void>(std::fclose(file)); }
  };
  using File = std::unique_ptr<std::FILE, CloseFile>;

  Input(std::string path, File file);
  [[nodiscard]] absl::Status Start();
  void ReadBlock();
  void Fill(std::size_t bytes);
  void End(DecodeState state);

  std::string path_;
  File file_;
  Compression compression_ = Compression::kNone;
  std::unique_ptr<Decoder> decoder_;

  std::unique_ptr<std::byte[]> block_;  // compressed bytes as read from the file
  std::span<const std::byte> pending_;  // those of them that the decoder has not taken
  bool file_ended_ = false;

  std::unique_ptr<std::byte[]> window_;  // plain bytes: [begin_, filled_) are at hand
  std::size_t begin_ = 0;
  std::size_t filled_ = 0;
  std::uint64_t offset_ = 0;
  bool ended_ = false;
  std::string damage_;
};

}  // namespace gaios::feeds

#endif  // GAIOS_RSM_FEEDS_INPUT_H_
