#ifndef GAIOS_TRANSPORT_UDP_AUTHENTICATOR_H_
#define GAIOS_TRANSPORT_UDP_AUTHENTICATOR_H_

// Shows that a datagram comes from the peer it claims to come from, is as that peer sent it, and is not a
// repetition: AES-128-GMAC (NIST SP 800-38D) over the whole datagram, with a sequence number as nonce. It
// hides nothing. One Authenticator is one end of one pair of peers.
//
// A sealed datagram of n bytes:
//
//   offset   bytes  content
//   0        n-24   what is authenticated; may be empty
//   n-24     8      sequence number, little-endian: 1, 2, ... for each datagram sealed under this key
//   n-16     16     tag: GMAC with the sender's key over bytes 0 to n-25; the nonce of 12 bytes is the
//                   sender's salt, then the 8 bytes of the sequence number as they stand in the datagram
//
// The nonce must never repeat under a key: keys are of one session, both ends make new ones for the next,
// and when the numbers run out nothing is sealed any more.
//
// Threads: belongs to one thread. Only Create allocates.

#include <array>
#include <cstddef>
#include <cstdint>
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

struct AuthenticatorOptions {
  DirectionKey send;
  DirectionKey receive;
  // Of the first datagram that is sealed, at least 1. Larger than any used under the `send` key before.
  std::uint64_t first_sequence = 1;
};

enum class OpenVerdict : std::uint8_t {
  kGood,
  kTruncated,  // shorter than a seal
  kForged,     // the tag is wrong: another key, or a byte was changed. Reflected datagrams are this, too
  kReplayed,   // the tag is right, but this sequence number has been opened before
  kTooOld,     // the tag is right, but the number is too far behind to tell (kReplayWindow)
};

// Each only grows.
struct AuthenticatorCounters {
  std::uint64_t sealed = 0;
  std::uint64_t exhausted = 0;  // not sealed: the sequence numbers have run out
  std::uint64_t opened = 0;     // kGood
  std::uint64_t truncated = 0;
  std::uint64_t forged = 0;
  std::uint64_t replayed = 0;
  std::uint64_t too_old = 0;
};

class Authenticator {
 public:
  // InvalidArgument: the keys of both directions are the same, with which a datagram could be sent back to
  // its sender, or the first sequence number is 0. Unavailable: libipsec-mb does not work on this processor.
  [[nodiscard]] static absl::StatusOr<Authenticator> Create(const AuthenticatorOptions& options);

  Authenticator(Authenticator&&) noexcept;
  Authenticator& operator=(Authenticator&&) noexcept;
  ~Authenticator();  // overwrites the keys

  // Writes sequence number and tag into the last kSealBytes of `datagram`, which must be at least as long.
  // False: the sequence numbers have run out, and the datagram must not be sent. The session wants new keys.
  [[nodiscard]] bool Seal(std::span<std::byte> datagram);

  // Whether `datagram` is to be believed. When kGood, its first size() - kSealBytes bytes are what the peer
  // sealed, and its sequence number is never good again. Any other verdict changes nothing but its counter.
  [[nodiscard]] OpenVerdict Open(std::span<const std::byte> datagram);

  [[nodiscard]] const AuthenticatorCounters& counters() const;

 private:
  struct Impl;
  explicit Authenticator(std::unique_ptr<Impl> impl);
  std::unique_ptr<Impl> impl_;
};

}  // namespace gaios::transport::udp

#endif  // GAIOS_TRANSPORT_UDP_AUTHENTICATOR_H_
