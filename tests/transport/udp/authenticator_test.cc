#include "gaios/transport/udp/authenticator.h"

#include <openssl/evp.h>
#include <sys/wait.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <cstring>
#include <limits>
#include <memory>
#include <string>
#include <vector>

#include <gmock/gmock.h>

#include "gaios/transport/udp/replay_window.h"

namespace gaios::transport::udp {
namespace {

using ::testing::HasSubstr;

using Bytes = std::vector<std::byte>;

constexpr DirectionKey kForth = {.key = {1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 13, 14, 15, 16},
                                 .salt = {17, 18, 19, 20}};
constexpr DirectionKey kBack = {.key = {31, 32, 33, 34, 35, 36, 37, 38, 39, 40, 41, 42, 43, 44, 45, 46},
                                .salt = {47, 48, 49, 50}};

Authenticator Make(const AuthenticatorOptions& options) {
  absl::StatusOr<Authenticator> made = Authenticator::Create(options);
  EXPECT_TRUE(made.ok()) << made.status();
  return *std::move(made);
}

Bytes Pattern(std::size_t bytes) {
  Bytes pattern(bytes);
  for (std::size_t at = 0; at < bytes; ++at) {
    pattern[at] = static_cast<std::byte>(at * 7 + 3);
  }
  return pattern;
}

// `payload` with its seal.
Bytes Sealed(Authenticator& sender, Bytes payload) {
  payload.resize(payload.size() + kSealBytes);
  EXPECT_TRUE(sender.Seal(payload));
  return payload;
}

std::uint64_t SequenceOf(const Bytes& datagram) {
  std::uint64_t sequence = 0;
  std::memcpy(&sequence, datagram.data() + datagram.size() - kSealBytes, sizeof(sequence));
  return sequence;
}

std::string Hex(std::span<const std::byte> bytes) {
  std::string text;
  for (const std::byte byte : bytes) {
    constexpr std::string_view kDigits = "0123456789abcdef";
    text += kDigits[std::to_integer<std::size_t>(byte) >> 4U];
    text += kDigits[std::to_integer<std::size_t>(byte) & 15U];
  }
  return text;
}

Bytes FromHex(std::string_view text) {
  Bytes bytes;
  for (std::size_t at = 0; at + 1 < text.size(); at += 2) {
    bytes.push_back(static_cast<std::byte>(std::stoul(std::string(text.substr(at, 2)), nullptr, 16)));
  }
  return bytes;
}

// GMAC by OpenSSL, which shares nothing with libipsec-mb.
Bytes TagByOpenSsl(const DirectionKey& key, std::span<const std::byte> authenticated,
                   std::uint64_t sequence) {
  std::array<unsigned char, 12> nonce;
  std::memcpy(nonce.data(), key.salt.data(), key.salt.size());
  std::memcpy(nonce.data() + key.salt.size(), &sequence, sizeof(sequence));
  const std::unique_ptr<EVP_CIPHER_CTX, decltype(&EVP_CIPHER_CTX_free)> context(EVP_CIPHER_CTX_new(),
                                                                                &EVP_CIPHER_CTX_free);
  Bytes tag(16);
  int written = 0;
  EXPECT_EQ(EVP_EncryptInit_ex(context.get(), EVP_aes_128_gcm(), nullptr, key.key.data(), nonce.data()), 1);
  EXPECT_EQ(EVP_EncryptUpdate(context.get(), nullptr, &written,
                              reinterpret_cast<const unsigned char*>(authenticated.data()),
                              static_cast<int>(authenticated.size())),
            1);
  EXPECT_EQ(EVP_EncryptFinal_ex(context.get(), nullptr, &written), 1);
  EXPECT_EQ(EVP_CIPHER_CTX_ctrl(context.get(), EVP_CTRL_GCM_GET_TAG, 16, tag.data()), 1);
  return tag;
}

class AuthenticatorTest : public ::testing::Test {
 protected:
  Authenticator one_ = Make({.send = kForth, .receive = kBack});
  Authenticator other_ = Make({.send = kBack, .receive = kForth});
};

// Of the test vectors of NIST for GCM with 128-bit keys and 96-bit nonces: those that only authenticate.
TEST_F(AuthenticatorTest, KnownAnswers) {
  struct Answer {
    std::string_view key;
    std::string_view nonce;
    std::string_view authenticated;
    std::string_view tag;
  };
  constexpr std::array<Answer, 2> kAnswers = {
      Answer{"77be63708971c4e240d1cb79e8d77feb", "e0e00f19fed7ba0136a797f3",
             "7a43ec1d9c0a5a78a0b16533a6213cab", "209fcc8d3675ed938e9c7166709dd946"},
      Answer{"11754cd72aec309bf52f7687212e8957", "3c819d9a9bed087615030b65", "",
             "250327c674aaf477aef2675748cf6971"},
  };
  for (const Answer& answer : kAnswers) {
    AuthenticatorOptions options = {.send = {}, .receive = kBack};
    std::memcpy(options.send.key.data(), FromHex(answer.key).data(), 16);
    const Bytes nonce = FromHex(answer.nonce);
    std::memcpy(options.send.salt.data(), nonce.data(), 4);
    std::memcpy(&options.first_sequence, nonce.data() + 4, 8);
    Authenticator sender = Make(options);
    const Bytes datagram = Sealed(sender, FromHex(answer.authenticated));
    EXPECT_EQ(Hex(datagram), std::string(answer.authenticated) + std::string(answer.nonce.substr(8)) +
                                 std::string(answer.tag));
  }
}

// Test case 4 of "The Galois/Counter Mode of Operation" (McGrew, Viega), which NIST's page of GCM has too.
TEST_F(AuthenticatorTest, KnownAnswerOfEncryption) {
  const Bytes readable = FromHex("feedfacedeadbeeffeedfacedeadbeefabaddad2");
  const Bytes secret = FromHex(
      "d9313225f88406e5a55909c5aff5269a86a7a9531534f7da2e4c303d8a318a721c3c0c95956809532fcf0e2449a6b525b16aed"
      "f5"
      "aa0de657ba637b39");
  const Bytes nonce = FromHex("cafebabefacedbaddecaf888");
  AuthenticatorOptions options = {.send = {}, .receive = kBack, .readable_bytes = readable.size()};
  std::memcpy(options.send.key.data(), FromHex("feffe9928665731c6d6a8f9467308308").data(), 16);
  std::memcpy(options.send.salt.data(), nonce.data(), 4);
  std::memcpy(&options.first_sequence, nonce.data() + 4, 8);
  Authenticator sender = Make(options);
  Bytes payload = readable;
  payload.insert(payload.end(), secret.begin(), secret.end());
  EXPECT_EQ(Hex(Sealed(sender, payload)),
            "feedfacedeadbeeffeedfacedeadbeefabaddad2"
            "42831ec2217774244b7221b784d0d49ce3aa212f2c02a4e035c17e2329aca12e21d514b25466931c7d8f6a5aac84aa05"
            "1ba30b39"
            "6a0aac973d58e091"
            "facedbaddecaf888"
            "5bc94fbc3221a5db94fae95ae7121a47");
}

class EncryptionTest : public ::testing::Test {
 protected:
  static constexpr std::size_t kReadable = 32;
  Authenticator one_ = Make({.send = kForth, .receive = kBack, .readable_bytes = kReadable});
  Authenticator other_ = Make({.send = kBack, .receive = kForth, .readable_bytes = kReadable});
};

TEST_F(EncryptionTest, WhatIsReadableStaysAndTheRestComesOutAsItWentIn) {
  for (std::size_t bytes = kReadable; bytes <= 9'000; bytes += bytes < 300 ? 1 : 271) {
    const Bytes payload = Pattern(bytes);
    Bytes datagram = Sealed(one_, payload);
    ASSERT_TRUE(std::equal(payload.begin(), payload.begin() + kReadable, datagram.begin())) << bytes;
    if (bytes >= kReadable + 16) {
      ASSERT_FALSE(std::equal(payload.begin() + kReadable, payload.end(), datagram.begin() + kReadable))
          << bytes;
    }
    ASSERT_EQ(other_.Open(datagram), OpenVerdict::kGood) << bytes;
    ASSERT_TRUE(std::equal(payload.begin(), payload.end(), datagram.begin())) << bytes;
  }
}

TEST_F(EncryptionTest, EveryFlippedBitIsRefusedAlsoOfWhatIsReadable) {
  const Bytes datagram = Sealed(one_, Pattern(77));
  for (std::size_t bit = 0; bit < datagram.size() * 8; ++bit) {
    Bytes flipped = datagram;
    flipped[bit / 8] ^= static_cast<std::byte>(1U << (bit % 8));
    // The lowest bit of number 1 makes number 0, which nobody sends.
    ASSERT_EQ(other_.Open(flipped), SequenceOf(flipped) == 0 ? OpenVerdict::kTooOld : OpenVerdict::kForged)
        << "bit " << bit;
  }
  Bytes again = datagram;
  EXPECT_EQ(other_.Open(again), OpenVerdict::kGood);
  again = datagram;
  EXPECT_EQ(other_.Open(again), OpenVerdict::kReplayed);
}

// Nor is the tag looked at, which costs as much.
TEST_F(EncryptionTest, WhatWasSeenIsNotDecryptedAgain) {
  const Bytes datagram = Sealed(one_, Pattern(77));
  Bytes first = datagram;
  ASSERT_EQ(other_.Open(first), OpenVerdict::kGood);
  Bytes again = datagram;
  EXPECT_EQ(other_.Open(again), OpenVerdict::kReplayed);
  EXPECT_EQ(again, datagram);
  Bytes altered = datagram;
  altered.back() ^= std::byte{1};
  EXPECT_EQ(other_.Open(altered), OpenVerdict::kReplayed);
  EXPECT_EQ(other_.counters().forged, 0U);
  EXPECT_EQ(other_.counters().replayed, 2U);
}

TEST_F(EncryptionTest, WhatIsShorterThanWhatIsReadableIsTruncated) {
  Bytes datagram = Sealed(one_, Pattern(kReadable));
  EXPECT_EQ(other_.Open(std::span(datagram).first(kReadable + kSealBytes - 1)), OpenVerdict::kTruncated);
  EXPECT_EQ(other_.Open(datagram), OpenVerdict::kGood);
  Bytes brief(kReadable + kSealBytes - 1);
  EXPECT_DEATH(static_cast<void>(one_.Seal(brief)), "no room for its seal");
}

TEST_F(EncryptionTest, TheSameBytesLookOtherEachTime) {
  const Bytes first = Sealed(one_, Pattern(200));
  const Bytes second = Sealed(one_, Pattern(200));
  std::size_t same = 0;
  for (std::size_t at = kReadable; at < 200; ++at) {
    same += first[at] == second[at] ? 1 : 0;
  }
  EXPECT_LT(same, 20U);
}

TEST_F(AuthenticatorTest, TheTagIsThatOfOpenSslAtEverySize) {
  for (std::size_t bytes = 0; bytes <= 9'000; bytes += bytes < 300 ? 1 : 271) {
    Bytes payload = Pattern(bytes);
    Bytes datagram = Sealed(one_, payload);
    const Bytes tag(datagram.end() - 16, datagram.end());
    ASSERT_EQ(Hex(tag), Hex(TagByOpenSsl(kForth, payload, SequenceOf(datagram)))) << bytes;
    ASSERT_TRUE(std::equal(payload.begin(), payload.end(), datagram.begin())) << bytes;
    ASSERT_EQ(other_.Open(datagram), OpenVerdict::kGood) << bytes;
  }
}

TEST_F(AuthenticatorTest, EveryFlippedBitIsRefused) {
  for (const std::size_t bytes : {std::size_t{0}, std::size_t{1}, std::size_t{16}, std::size_t{77}}) {
    // Each by ends of its own, so that no flipped bit makes a number that was seen but that of number 0.
    Authenticator sender = Make({.send = kForth, .receive = kBack});
    Authenticator receiver = Make({.send = kBack, .receive = kForth});
    Bytes datagram = Sealed(sender, Pattern(bytes));
    for (std::size_t bit = 0; bit < datagram.size() * 8; ++bit) {
      datagram[bit / 8] ^= static_cast<std::byte>(1U << (bit % 8));
      ASSERT_EQ(receiver.Open(datagram),
                SequenceOf(datagram) == 0 ? OpenVerdict::kTooOld : OpenVerdict::kForged)
          << bytes << " bytes, bit " << bit;
      datagram[bit / 8] ^= static_cast<std::byte>(1U << (bit % 8));
    }
    EXPECT_EQ(receiver.counters().forged, datagram.size() * 8 - 1);
    // Nothing of that has marked its number, or those that the flipped bits made.
    EXPECT_EQ(receiver.Open(datagram), OpenVerdict::kGood);
  }
}

TEST_F(AuthenticatorTest, EveryTruncationIsRefusedAndBytesAtTheEndToo) {
  Bytes datagram = Sealed(one_, Pattern(100));
  for (std::size_t bytes = 0; bytes < datagram.size(); ++bytes) {
    ASSERT_EQ(other_.Open(std::span(datagram).first(bytes)),
              bytes < kSealBytes ? OpenVerdict::kTruncated : OpenVerdict::kForged)
        << bytes;
  }
  EXPECT_EQ(other_.counters().truncated, kSealBytes);
  EXPECT_EQ(other_.counters().forged, 100U);
  Bytes longer = datagram;
  longer.push_back(std::byte{0});
  EXPECT_EQ(other_.Open(longer), OpenVerdict::kForged);
  EXPECT_EQ(other_.Open(datagram), OpenVerdict::kGood);
}

TEST_F(AuthenticatorTest, WhatIsRepeatedIsReplayed) {
  Bytes first = Sealed(one_, Pattern(10));
  Bytes second = Sealed(one_, Pattern(10));
  EXPECT_NE(Hex(first), Hex(second));
  EXPECT_EQ(SequenceOf(first), 1U);
  EXPECT_EQ(SequenceOf(second), 2U);
  EXPECT_EQ(other_.Open(first), OpenVerdict::kGood);
  EXPECT_EQ(other_.Open(first), OpenVerdict::kReplayed);
  EXPECT_EQ(other_.Open(second), OpenVerdict::kGood);
  EXPECT_EQ(other_.Open(first), OpenVerdict::kReplayed);
  EXPECT_EQ(other_.Open(second), OpenVerdict::kReplayed);
  EXPECT_EQ(other_.counters().opened, 2U);
  EXPECT_EQ(other_.counters().replayed, 3U);
  EXPECT_EQ(other_.counters().forged, 0U);
  EXPECT_EQ(one_.counters().sealed, 2U);
}

TEST_F(AuthenticatorTest, WithinTheWindowAnyOrderIsGoodAndWhatIsFurtherBackIsTooOld) {
  std::vector<Bytes> datagrams;
  for (std::uint64_t sequence = 1; sequence <= kReplayWindow + 1; ++sequence) {
    datagrams.push_back(Sealed(one_, Pattern(8)));
  }
  for (std::size_t at = datagrams.size(); at-- > 1;) {
    ASSERT_EQ(other_.Open(datagrams[at]), OpenVerdict::kGood) << at;
  }
  EXPECT_EQ(other_.Open(datagrams[0]), OpenVerdict::kTooOld);
  EXPECT_EQ(other_.counters().too_old, 1U);
  EXPECT_EQ(other_.counters().replayed, 0U);
  EXPECT_EQ(other_.counters().opened, kReplayWindow);
}

TEST_F(AuthenticatorTest, AForgedHighNumberDoesNotMoveTheWindow) {
  Bytes early = Sealed(one_, Pattern(8));
  Bytes forged = Sealed(one_, Pattern(8));
  const std::uint64_t far_ahead = std::uint64_t{1} << 40U;
  std::memcpy(forged.data() + 8, &far_ahead, sizeof(far_ahead));
  EXPECT_EQ(other_.Open(forged), OpenVerdict::kForged);
  EXPECT_EQ(other_.Open(forged), OpenVerdict::kForged) << "its number was not marked";
  EXPECT_EQ(other_.Open(early), OpenVerdict::kGood);
}

TEST_F(AuthenticatorTest, WhatIsReflectedIsForged) {
  Bytes datagram = Sealed(one_, Pattern(64));
  EXPECT_EQ(one_.Open(datagram), OpenVerdict::kForged);
}

TEST_F(AuthenticatorTest, AnotherKeyOrSaltIsForged) {
  Bytes datagram = Sealed(one_, Pattern(64));
  AuthenticatorOptions options = {.send = kBack, .receive = kForth};
  options.receive.key[15] ^= 1U;
  EXPECT_EQ(Make(options).Open(datagram), OpenVerdict::kForged);
  options.receive = kForth;
  options.receive.salt[0] ^= 1U;
  EXPECT_EQ(Make(options).Open(datagram), OpenVerdict::kForged);
}

TEST_F(AuthenticatorTest, WhenTheNumbersHaveRunOutNothingIsSealed) {
  constexpr std::uint64_t kLast = std::numeric_limits<std::uint64_t>::max();
  Authenticator sender = Make({.send = kForth, .receive = kBack, .first_sequence = kLast - 1});
  Bytes last_but_one = Sealed(sender, Pattern(8));
  Bytes last = Sealed(sender, Pattern(8));
  EXPECT_EQ(SequenceOf(last), kLast);
  Bytes untouched = Pattern(8 + kSealBytes);
  Bytes datagram = untouched;
  EXPECT_FALSE(sender.Seal(datagram));
  EXPECT_FALSE(sender.Seal(datagram));
  EXPECT_EQ(datagram, untouched);
  EXPECT_EQ(sender.counters().sealed, 2U);
  EXPECT_EQ(sender.counters().exhausted, 2U);
  EXPECT_EQ(other_.Open(last), OpenVerdict::kGood);
  EXPECT_EQ(other_.Open(last_but_one), OpenVerdict::kGood);
}

// Else parent and child would both use the next number, for different bytes, under one key.
TEST_F(AuthenticatorTest, AProcessThatForksSealsNothingWithTheKeysOfItsParent) {
  Bytes first = Sealed(one_, Pattern(8));
  Bytes untouched = Pattern(8 + kSealBytes);
  const pid_t child = ::fork();
  ASSERT_GE(child, 0);
  if (child == 0) {
    Bytes datagram = untouched;
    const bool sealed = one_.Seal(datagram);
    ::_exit(sealed || datagram != untouched || one_.counters().exhausted != 1 ? 1 : 0);
  }
  int status = -1;
  ASSERT_EQ(::waitpid(child, &status, 0), child);
  EXPECT_TRUE(WIFEXITED(status) && WEXITSTATUS(status) == 0) << status;
  Bytes second = Sealed(one_, Pattern(8));
  EXPECT_EQ(SequenceOf(second), 2U);
  EXPECT_EQ(other_.Open(first), OpenVerdict::kGood);
  EXPECT_EQ(other_.Open(second), OpenVerdict::kGood);
}

TEST_F(AuthenticatorTest, OneKeyForBothDirectionsIsRefused) {
  const absl::Status status = Authenticator::Create({.send = kForth, .receive = kForth}).status();
  EXPECT_EQ(status.code(), absl::StatusCode::kInvalidArgument);
  EXPECT_THAT(status.message(), HasSubstr("derive one for each direction"));
}

TEST_F(AuthenticatorTest, SequenceNumberZeroIsRefused) {
  const absl::Status status =
      Authenticator::Create({.send = kForth, .receive = kBack, .first_sequence = 0}).status();
  EXPECT_EQ(status.code(), absl::StatusCode::kInvalidArgument);
  EXPECT_THAT(status.message(), HasSubstr("start at 1"));
}

TEST_F(AuthenticatorTest, ADatagramWithoutRoomForItsSealIsADefect) {
  Bytes datagram(kSealBytes - 1);
  EXPECT_DEATH(static_cast<void>(one_.Seal(datagram)), "no room for its seal");
}

}  // namespace
}  // namespace gaios::transport::udp
