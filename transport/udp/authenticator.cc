#include "gaios/transport/udp/authenticator.h"

#include <intel-ipsec-mb.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

#include <bit>
#include <cstring>
#include <utility>

#include "gaios/base/check.h"
#include "gaios/transport/udp/replay_window.h"

namespace gaios::transport::udp {
namespace {

static_assert(std::endian::native == std::endian::little, "sequence numbers are little-endian on the wire");

constexpr std::size_t kSequenceBytes = 8;
constexpr std::size_t kTagBytes = 16;
constexpr std::size_t kSaltBytes = sizeof(DirectionKey::salt);
constexpr std::size_t kNonceBytes = kSaltBytes + kSequenceBytes;
static_assert(kSealBytes == kSequenceBytes + kTagBytes);
static_assert(kNonceBytes == 12, "the length for which GCM takes the nonce as it is");

// The library stores vectors there, but does not declare it.
constexpr std::size_t kAlignment = 64;

using Nonce = std::array<std::uint8_t, kNonceBytes>;
using Tag = std::array<std::uint8_t, kTagBytes>;

const std::uint8_t* Raw(const std::byte* bytes) {
  return reinterpret_cast<const std::uint8_t*>(bytes);
}
std::uint8_t* Raw(std::byte* bytes) {
  return reinterpret_cast<std::uint8_t*>(bytes);
}

// The implementation that suits this processor. Made once, never changed after, and kept to the end of the
// process. Null when there is none.
const IMB_MGR* Manager() {
  static const IMB_MGR* const manager = []() -> const IMB_MGR* {
    IMB_MGR* const made = ::alloc_mb_mgr(0);
    if (made == nullptr) {
      return nullptr;
    }
    IMB_ARCH chosen = IMB_ARCH_NONE;
    ::init_mb_mgr_auto(made, &chosen);
    if (chosen == IMB_ARCH_NONE || ::imb_get_errno(made) != 0) {
      ::free_mb_mgr(made);
      return nullptr;
    }
    return made;
  }();
  return manager;
}

// Without branches that depend on the bytes, so that the time says nothing about where they differ.
bool SameTag(const Tag& one, const std::byte* other) {
  std::array<std::uint64_t, 2> ours;
  std::array<std::uint64_t, 2> theirs;
  static_assert(sizeof(ours) == kTagBytes);
  std::memcpy(ours.data(), one.data(), kTagBytes);
  std::memcpy(theirs.data(), other, kTagBytes);
  return ((ours[0] ^ theirs[0]) | (ours[1] ^ theirs[1])) == 0;
}

// One key, expanded, with its salt in place.
class Direction {
 public:
  Direction(const IMB_MGR& manager, const DirectionKey& key) : manager_(manager) {
    IMB_AES128_GCM_PRE(&manager_, key.key.data(), &expanded_);
    std::memcpy(nonce_.data(), key.salt.data(), kSaltBytes);
  }
  Direction(const Direction&) = delete;
  Direction& operator=(const Direction&) = delete;
  ~Direction() { ::explicit_bzero(&expanded_, sizeof(expanded_)); }

  // `sequence`: the bytes of the number as they stand in the datagram.
  [[nodiscard]] Tag TagOf(std::span<const std::byte> authenticated, const std::byte* sequence) const {
    return TagOf(authenticated, {}, sequence);
  }
  // Of both, one behind the other.
  [[nodiscard]] Tag TagOf(std::span<const std::byte> authenticated, std::span<const std::byte> more,
                          const std::byte* sequence) const {
    const Nonce nonce = NonceOf(sequence);
    alignas(kAlignment) gcm_context_data context;
    Tag tag;
    IMB_AES128_GMAC_INIT(&manager_, &expanded_, &context, nonce.data(), kNonceBytes);
    IMB_AES128_GMAC_UPDATE(&manager_, &expanded_, &context, Raw(authenticated.data()), authenticated.size());
    if (!more.empty()) {
      IMB_AES128_GMAC_UPDATE(&manager_, &expanded_, &context, Raw(more.data()), more.size());
    }
    IMB_AES128_GMAC_FINALIZE(&manager_, &expanded_, &context, tag.data(), kTagBytes);
    return tag;
  }

  // Encrypts `secret` in place; the tag is over what is readable too.
  [[nodiscard]] Tag Encrypt(std::span<const std::byte> readable, std::span<std::byte> secret,
                            const std::byte* sequence) const {
    const Nonce nonce = NonceOf(sequence);
    alignas(kAlignment) gcm_context_data context;
    Tag tag;
    IMB_AES128_GCM_ENC(&manager_, &expanded_, &context, Raw(secret.data()), Raw(secret.data()), secret.size(),
                       nonce.data(), Raw(readable.data()), readable.size(), tag.data(), kTagBytes);
    return tag;
  }
  // The reverse, with the tag that there should be.
  [[nodiscard]] Tag Decrypt(std::span<const std::byte> readable, std::span<std::byte> secret,
                            const std::byte* sequence) const {
    const Nonce nonce = NonceOf(sequence);
    alignas(kAlignment) gcm_context_data context;
    Tag tag;
    IMB_AES128_GCM_DEC(&manager_, &expanded_, &context, Raw(secret.data()), Raw(secret.data()), secret.size(),
                       nonce.data(), Raw(readable.data()), readable.size(), tag.data(), kTagBytes);
    return tag;
  }

 private:
  [[nodiscard]] Nonce NonceOf(const std::byte* sequence) const {
    Nonce nonce = nonce_;
    std::memcpy(nonce.data() + kSaltBytes, sequence, kSequenceBytes);
    return nonce;
  }

  const IMB_MGR& manager_;
  alignas(kAlignment) gcm_key_data expanded_ = {};
  Nonce nonce_ = {};
};

// The next sequence number, 0 when they have run out. It lies in a page of its own that a process which forks
// finds zero, since it has the keys of its parent, and must not count on beside it.
class NextSequence {
 public:
  static absl::StatusOr<NextSequence> Create(std::uint64_t first) {
    void* const page =
        ::mmap(nullptr, PageBytes(), PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
    if (page == MAP_FAILED) {
      return absl::ResourceExhaustedError("the system has no page left for the numbers of a connection");
    }
    NextSequence made(static_cast<std::uint64_t*>(page));
    if (::madvise(page, PageBytes(), MADV_WIPEONFORK) != 0) {
      return absl::UnavailableError(
          "this kernel cannot keep memory from processes that fork (MADV_WIPEONFORK): it wants Linux 4.14");
    }
    *made = first;
    return made;
  }
  NextSequence(NextSequence&& other) noexcept : word_(std::exchange(other.word_, nullptr)) {}
  NextSequence& operator=(NextSequence&&) = delete;
  ~NextSequence() {
    if (word_ != nullptr) {
      ::munmap(word_, PageBytes());
    }
  }
  std::uint64_t& operator*() { return *word_; }

 private:
  explicit NextSequence(std::uint64_t* word) : word_(word) {}
  static std::size_t PageBytes() { return static_cast<std::size_t>(::sysconf(_SC_PAGESIZE)); }

  std::uint64_t* word_;
};

}  // namespace

struct Authenticator::Impl {
  Impl(const IMB_MGR& manager, const AuthenticatorOptions& options, NextSequence next)
      : send(manager, options.send),
        receive(manager, options.receive),
        readable_bytes(options.readable_bytes),
        next_sequence(std::move(next)) {}

  [[nodiscard]] std::size_t least_bytes() const {
    return kSealBytes + (readable_bytes == kAllReadable ? 0 : readable_bytes);
  }

  Direction send;
  Direction receive;
  const std::size_t readable_bytes;
  NextSequence next_sequence;
  ReplayWindow window;
  AuthenticatorCounters counters;
};

absl::StatusOr<Authenticator> Authenticator::Create(const AuthenticatorOptions& options) {
  if (options.send.key == options.receive.key) {
    return absl::InvalidArgumentError(
        "the keys of both directions are the same, so that datagrams could be sent back to their sender; "
        "derive one for each direction");
  }
  if (options.first_sequence == 0) {
    return absl::InvalidArgumentError("sequence numbers start at 1");
  }
  const IMB_MGR* const manager = Manager();
  if (manager == nullptr) {
    return absl::UnavailableError(
        "libipsec-mb does not work on this processor, or there is no memory for it: it wants an x86-64 "
        "processor with SSE4.2");
  }
  absl::StatusOr<NextSequence> next = NextSequence::Create(options.first_sequence);
  if (!next.ok()) {
    return next.status();
  }
  return Authenticator(std::make_unique<Impl>(*manager, options, *std::move(next)));
}

Authenticator::Authenticator(std::unique_ptr<Impl> impl) : impl_(std::move(impl)) {}
Authenticator::Authenticator(Authenticator&&) noexcept = default;
Authenticator& Authenticator::operator=(Authenticator&&) noexcept = default;
Authenticator::~Authenticator() = default;

// Writes the next number. False when there is none.
bool Authenticator::Number(std::byte* sequence) {
  std::uint64_t& next = *impl_->next_sequence;
  if (next == 0) [[unlikely]] {
    ++impl_->counters.exhausted;
    return false;
  }
  std::memcpy(sequence, &next, kSequenceBytes);
  ++next;  // from the last one to 0
  return true;
}

bool Authenticator::SealAround(std::span<const std::byte> head, std::span<const std::byte> middle,
                               std::span<std::byte, kSealBytes> seal) {
  GAIOS_CHECK(!encrypts(), "what is encrypted is in one piece");
  if (!Number(seal.data())) [[unlikely]] {
    return false;
  }
  const Tag tag = impl_->send.TagOf(head, middle, seal.data());
  std::memcpy(seal.data() + kSequenceBytes, tag.data(), kTagBytes);
  ++impl_->counters.sealed;
  return true;
}

bool Authenticator::Seal(std::span<std::byte> datagram) {
  GAIOS_CHECK(datagram.size() >= impl_->least_bytes(), "a datagram has no room for its seal");
  std::byte* const sequence = datagram.data() + datagram.size() - kSealBytes;
  if (!Number(sequence)) [[unlikely]] {
    return false;
  }
  const std::span<std::byte> sealed = datagram.first(datagram.size() - kSealBytes);
  const Tag tag = encrypts() ? impl_->send.Encrypt(sealed.first(impl_->readable_bytes),
                                                   sealed.subspan(impl_->readable_bytes), sequence)
                             : impl_->send.TagOf(sealed, sequence);
  std::memcpy(sequence + kSequenceBytes, tag.data(), kTagBytes);
  ++impl_->counters.sealed;
  return true;
}

OpenVerdict Authenticator::Open(std::span<std::byte> datagram) {
  AuthenticatorCounters& counters = impl_->counters;
  if (datagram.size() < impl_->least_bytes()) {
    ++counters.truncated;
    return OpenVerdict::kTruncated;
  }
  const std::byte* const seal = datagram.data() + datagram.size() - kSealBytes;
  std::uint64_t sequence = 0;
  std::memcpy(&sequence, seal, kSequenceBytes);
  // Before the cryptography, so that what comes again costs next to nothing. Nothing is marked before it.
  switch (impl_->window.Look(sequence)) {
    case ReplayWindow::Found::kSeen:
      ++counters.replayed;
      return OpenVerdict::kReplayed;
    case ReplayWindow::Found::kTooOld:
      ++counters.too_old;
      return OpenVerdict::kTooOld;
    case ReplayWindow::Found::kNew:
      break;
  }
  const std::span<std::byte> sealed = datagram.first(datagram.size() - kSealBytes);
  const Tag expected = encrypts() ? impl_->receive.Decrypt(sealed.first(impl_->readable_bytes),
                                                           sealed.subspan(impl_->readable_bytes), seal)
                                  : impl_->receive.TagOf(sealed, seal);
  if (!SameTag(expected, seal + kSequenceBytes)) {
    ++counters.forged;
    return OpenVerdict::kForged;
  }
  impl_->window.Mark(sequence);
  ++counters.opened;
  return OpenVerdict::kGood;
}

bool Authenticator::encrypts() const {
  return impl_->readable_bytes != kAllReadable;
}

const AuthenticatorCounters& Authenticator::counters() const {
  return impl_->counters;
}

}  // namespace gaios::transport::udp
