#include "gaios/rsm/feeds/decoder.h"

#include <algorithm>
#include <array>
#include <cstring>
#include <limits>

#include <lzma.h>
#include <zlib.h>

namespace gaios::feeds {
namespace {

constexpr std::array<std::uint8_t, 2> kGzipMagic = {0x1f, 0x8b};
constexpr std::array<std::uint8_t, 6> kXzMagic = {0xfd, '7', 'z', 'X', 'Z', 0x00};

// The largest preset of xz needs 65 MiB to decompress; a stream that asks for more than this is refused as
// damaged.
constexpr std::uint64_t kXzMemoryLimitBytes = std::uint64_t{256} << 20;

template <std::size_t kSize>
bool StartsWith(std::span<const std::byte> bytes, const std::array<std::uint8_t, kSize>& magic) {
  return bytes.size() >= kSize && std::memcmp(bytes.data(), magic.data(), kSize) == 0;
}

class PlainDecoder final : public Decoder {
 public:
  DecodeState Decode(std::span<const std::byte>& input, std::span<std::byte>& output, bool last) override {
    const std::size_t size = std::min(input.size(), output.size());
    if (size > 0) {
      std::memcpy(output.data(), input.data(), size);
    }
    input = input.subspan(size);
    output = output.subspan(size);
    return last && input.empty() ? DecodeState::kEnd : DecodeState::kMore;
  }
};

class GzipDecoder final : public Decoder {
 public:
  // 15 bits is the largest window, 16 more ask for the gzip wrapper.
  GzipDecoder() : usable_(inflateInit2(&stream_, 15 + 16) == Z_OK) {}
  ~GzipDecoder() override { inflateEnd(&stream_); }

  [[nodiscard]] bool usable() const { return usable_; }

  DecodeState Decode(std::span<const std::byte>& input, std::span<std::byte>& output, bool last) override {
    while (true) {
      if (between_members_ && !StartNextMember(input)) {
        return DecodeState::kDamaged;
      }
      if (between_members_) {
        return last ? DecodeState::kEnd : DecodeState::kMore;
      }
      const int result = Inflate(input, output);
      if (result == Z_STREAM_END) {
        between_members_ = true;
        continue;
      }
      if (result != Z_OK && result != Z_BUF_ERROR) {
        return DecodeState::kDamaged;
      }
      // With room left over and no input left, the decompressor waits for bytes that will not come.
      return last && input.empty() && !output.empty() ? DecodeState::kTruncated : DecodeState::kMore;
    }
  }

 private:
  // Skips zeros that pad the file (tapes, block devices) and begins another member if one follows. False if
  // what follows is neither.
  bool StartNextMember(std::span<const std::byte>& input) {
    while (!input.empty() && input.front() == std::byte{0}) {
      input = input.subspan(1);
    }
    if (input.empty()) {
      return true;
    }
    if (static_cast<std::uint8_t>(input.front()) != kGzipMagic[0] || inflateReset(&stream_) != Z_OK) {
      return false;
    }
    between_members_ = false;
    return true;
  }

  int Inflate(std::span<const std::byte>& input, std::span<std::byte>& output) {
    const std::size_t limit = std::numeric_limits<uInt>::max();
    const auto in_size = static_cast<uInt>(std::min(input.size(), limit));
    const auto out_size = static_cast<uInt>(std::min(output.size(), limit));
    // zlib reads through this pointer only; its C interface has no const.
    stream_.next_in = const_cast<Bytef*>(reinterpret_cast<const Bytef*>(input.data()));  // NOLINT
    stream_.avail_in = in_size;
    stream_.next_out = reinterpret_cast<Bytef*>(output.data());
    stream_.avail_out = out_size;
    const int result = inflate(&stream_, Z_NO_FLUSH);
    input = input.subspan(in_size - stream_.avail_in);
    output = output.subspan(out_size - stream_.avail_out);
    return result;
  }

  z_stream stream_ = {};
  bool between_members_ = false;
  bool usable_;
};

class XzDecoder final : public Decoder {
 public:
  XzDecoder() : usable_(lzma_stream_decoder(&stream_, kXzMemoryLimitBytes, LZMA_CONCATENATED) == LZMA_OK) {}
  ~XzDecoder() override { lzma_end(&stream_); }

  [[nodiscard]] bool usable() const { return usable_; }

  DecodeState Decode(std::span<const std::byte>& input, std::span<std::byte>& output, bool last) override {
    stream_.next_in = reinterpret_cast<const std::uint8_t*>(input.data());
    stream_.avail_in = input.size();
    stream_.next_out = reinterpret_cast<std::uint8_t*>(output.data());
    stream_.avail_out = output.size();
    const lzma_ret result = lzma_code(&stream_, last ? LZMA_FINISH : LZMA_RUN);
    input = input.last(stream_.avail_in);
    output = output.last(stream_.avail_out);
    switch (result) {
      case LZMA_STREAM_END:
        return DecodeState::kEnd;
      case LZMA_OK:
        return DecodeState::kMore;
      case LZMA_BUF_ERROR:  // no progress twice in a row: it waits for bytes, or for room
        return last && input.empty() && !output.empty() ? DecodeState::kTruncated : DecodeState::kMore;
      default:
        return DecodeState::kDamaged;
    }
  }

 private:
  lzma_stream stream_ = LZMA_STREAM_INIT;
  bool usable_;
};

template <typename Kind>
std::unique_ptr<Decoder> MakeUsable() {
  auto decoder = std::make_unique<Kind>();
  if (!decoder->usable()) {
    return nullptr;
  }
  return decoder;
}

}  // namespace

Compression CompressionOf(std::span<const std::byte> head) {
  if (StartsWith(head, kGzipMagic)) {
    return Compression::kGzip;
  }
  return StartsWith(head, kXzMagic) ? Compression::kXz : Compression::kNone;
}

const char* Name(Compression compression) {
  switch (compression) {
    case Compression::kNone:
      return "plain";
    case Compression::kGzip:
      return "gzip";
    case Compression::kXz:
      return "xz";
  }
  return "unknown";
}

std::unique_ptr<Decoder> MakeDecoder(Compression compression) {
  switch (compression) {
    case Compression::kGzip:
      return MakeUsable<GzipDecoder>();
    case Compression::kXz:
      return MakeUsable<XzDecoder>();
    case Compression::kNone:
      break;
  }
  return std::make_unique<PlainDecoder>();
}

}  // namespace gaios::feeds
