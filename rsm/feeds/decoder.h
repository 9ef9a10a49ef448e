#ifndef GAIOS_RSM_FEEDS_DECODER_H_
#define GAIOS_RSM_FEEDS_DECODER_H_

// Decompression, step by step, of the three ways in which recordings are kept: as they are, gzip and xz. A
// decoder does no I/O: it is given the next compressed bytes and a place for the plain ones.

#include <cstddef>
#include <cstdint>
#include <memory>
#include <span>

namespace gaios::feeds {

enum class Compression : std::uint8_t { kNone, kGzip, kXz };

// Told by the first bytes alone; six are enough.
[[nodiscard]] Compression CompressionOf(std::span<const std::byte> head);
[[nodiscard]] const char* Name(Compression compression);

enum class DecodeState : std::uint8_t {
  kMore,       // give it more input, or more room for output
  kEnd,        // the compressed stream ended as it should
  kTruncated,  // `last` input was given and the stream is not complete
  kDamaged,    // the input is not a valid stream
};

class Decoder {
 public:
  Decoder() = default;
  Decoder(const Decoder&) = delete;
  Decoder& operator=(const Decoder&) = delete;
  virtual ~Decoder() = default;

  // Takes bytes from the front of `input`, puts bytes at the front of `output`, and moves both past what was
  // used. `last` says that nothing follows `input`. Bytes put out together with kTruncated or kDamaged are
  // good.
  [[nodiscard]] virtual DecodeState Decode(std::span<const std::byte>& input, std::span<std::byte>& output,
                                           bool last) = 0;
};

// Concatenated gzip members and xz streams are read as one. nullptr when the decompressor cannot be set up,
// which means that memory has run out.
[[nodiscard]] std::unique_ptr<Decoder> MakeDecoder(Compression compression);

}  // namespace gaios::feeds

#endif  // GAIOS_RSM_FEEDS_DECODER_H_
