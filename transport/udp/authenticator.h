#ifndef GAIOS_TRANSPORT_UDP_AUTHENTICATOR_H_
#define GAIOS_TRANSPORT_UDP_AUTHENTICATOR_H_

// Shows that a datagram comes from the peer it claims to come from, is as that peer sent it, and is not a
// repetition: AES-128-GMAC (NIST SP 800-38D) over the whole datagram, with a sequence number as nonce. That
// hides nothing. Where contents are to be hidden it is AES-128-GCM: the first bytes stay readable, and are
// authenticated; the rest is encrypted. One Authenticator is one end of one pair of peers.
//
// A sealed datagram of n bytes:
//
//   offset   bytes  content
//   0        n-24   what is authenticated; may be empty. With `readable_bytes` r: bytes r to n-25 are
//                   encrypted, in place
//   n-24     8      sequence number, little-endian: 1, 2, ... for each datagram sealed under this key
//   n-16     16     tag: GMAC with the sender's key over bytes 0 to n-25, or GCM with bytes 0 to r-1 as
//                   additional data; the nonce of 12 bytes is the sender's salt, then the 8 bytes of the
//                   sequence number as they stand in the datagram
//
// The nonce must never repeat under a key: keys are of one session and one direction, so that one end alone
// seals under each; both ends make new ones for the next session; each datagram, also one that is sent
// again, has the next number; and when the numbers run out nothing is sealed any more. A process that forks
// has the keys of its parent, and its numbers have run out (MADV_WIPEONFORK).
//
// Threads: belongs to one thread. Only Create allocates.

#include <array>
#include <cstddef>
#include <cstdint>
#include <limits>
#include <memory>
#include <span>

#include <absl/status/status.h>
#include <absl/status/statusor.h>

namespace gaios::transport::udp {

// At the end of each sealed datagram.
inline constexpr std::size_t kSealBytes = 24;

// Of one direction. Secret, salt excepted.
struct DirectionKey {
  std::array<std::uint8_t, 16> key = {};
  std::array<std::uint8_t, 4> salt = {};
};

// Nothing is encrypted.
inline constexpr std::size_t kAllReadable = std::numeric_limits<std::size_t>::max();

struct AuthenticatorOptions {
  DirectionKey send;
  DirectionKey receive;
  // At the beginning of each datagram; what follows up to the seal is encrypted. Every datagram has as many.
  std::size_t readable_bytes = kAllReadable;
  // Of the first datagram that is sealed, at least 1. Larger than any used under the `send` key before.
  std::uint64_t first_sequence = 1;
};

enum class OpenVerdict : std::uint8_t {
  kGood,
  kTruncated,  // shorter than what is readable and a seal
  kForged,     // the tag is wrong: another key, or a byte was changed. Reflected datagrams are this, too
  kReplayed,   // this sequence number has been opened before; whether the tag is right was not looked at
  kTooOld,     // the number is too far behind to tell (kReplayWindow), or 0; nor was it for this
};

// Each only grows.
struct AuthenticatorCounters {
  std::uint64_t sealed = 0;
  std::uint64_t exhausted = 0;  // not sealed: the sequence numbers have run out, or are the parent's
  std::uint64_t opened = 0;     // kGood
  std::uint64_t truncated = 0;
  std::uint64_t forged = 0;
  std::uint64_t replayed = 0;
  std::uint64_t too_old = 0;
};

class Authenticator {
 public:
  // InvalidArgument: the keys of both directions are the same, with which a datagram could be sent back to
  // its sender, or the first sequence number is 0. Unavailable: libipsec-mb does not work on this
  // processor, or MADV_WIPEONFORK with this kernel. ResourceExhausted: no page of memory is left.
  [[nodiscard]] static absl::StatusOr<Authenticator> Create(const AuthenticatorOptions& options);

  Authenticator(Authenticator&&) noexcept;
  Authenticator& operator=(Authenticator&&) noexcept;
  ~Authenticator();  // overwrites the keys

  // Writes sequence number and tag into the last kSealBytes of `datagram`, and encrypts in place what is to
  // be; it must be long enough for what is readable and the seal. False: the sequence numbers have run out,
  // or are those of the parent of this process, and the datagram must not be sent. The session wants new
  // keys.
  [[nodiscard]] bool Seal(std::span<std::byte> datagram);

  // As Seal, of the datagram that `head`, `middle` and `seal` are one behind the other. Nothing may be
  // encrypted.
  [[nodiscard]] bool SealAround(std::span<const std::byte> head, std::span<const std::byte> middle,
                                std::span<std::byte, kSealBytes> seal);

  // Whether `datagram` is to be believed. When kGood, its first size() - kSealBytes bytes are what the peer
  // sealed, decrypted in place, and its sequence number is never good again. Any other verdict changes
  // nothing but its counter; kForged also what was encrypted, which is then worth nothing. What costs least
  // is looked at first: the length, then the number, then the tag.
  [[nodiscard]] OpenVerdict Open(std::span<std::byte> datagram);
  [[nodiscard]] bool encrypts() const;

  [[nodiscard]] const AuthenticatorCounters& counters() const;

 private:
  struct Impl;
  [[nodiscard]] bool Number(std::byte* sequence);
  explicit Authenticator(std::unique_ptr<Impl> impl);
  std::unique_ptr<Impl> impl_;
};

}  // namespace gaios::transport::udp

#endif  // GAIOS_TRANSPORT_UDP_AUTHENTICATOR_H_
