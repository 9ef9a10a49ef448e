#ifndef GAIOS_TRANSPORT_BOOTSTRAP_WIRE_H_
#define GAIOS_TRANSPORT_BOOTSTRAP_WIRE_H_

// What travels inside of TLS, byte by byte: frames, and the hello and refusal that some of them carry.
// README.md has the same as tables. All numbers are little-endian. Stateless but for FrameReader; no I/O;
// any thread.
//
// Parsing never trusts: a length is compared before it is used, text is printable or replaced, and what is
// not of this protocol is said to be so.

#include <array>
#include <bit>
#include <cstddef>
#include <cstdint>
#include <optional>
#include <span>
#include <string>
#include <string_view>

#include "gaios/transport/bootstrap/bootstrap.h"
#include "gaios/transport/bootstrap/refusal.h"

namespace gaios::transport::bootstrap {

static_assert(std::endian::native == std::endian::little, "frames are copied as they lie in memory");

enum class FrameType : std::uint8_t {
  kHello = 1,   // who an end is: the first frame of the dialling end, then of the other
  kAdmit = 2,   // of the dialling end: both are up. Empty
  kRefuse = 3,  // instead of a hello or an admit, and the last frame
  kData = 4,    // of the user
  kPing = 5,    // the end lives. Empty
  kVisit = 6,   // instead of a hello: of an end that does not come to stay as a peer
};

struct FrameHeader {
  std::uint16_t payload_bytes = 0;
  std::uint8_t type = 0;
  std::uint8_t zero = 0;
};
static_assert(sizeof(FrameHeader) == 4 && offsetof(FrameHeader, type) == 2);

inline constexpr std::uint32_t kHelloMagic = 0x534f4947;  // "GIOS" as it lies in memory
inline constexpr std::uint16_t kVersion = 1;
inline constexpr std::size_t kMaxClusterBytes = 63;

struct Hello {
  // These two stay where they are in every version.
  std::uint32_t magic = kHelloMagic;
  std::uint16_t version = kVersion;
  std::uint8_t from = 0;  // replica id
  std::uint8_t to = 0;    // the replica id that is dialled or answered
  std::uint64_t group = 0;
  std::uint64_t capacity_bytes = 0;
  std::uint64_t instance = 0;  // drawn by the process of `from`; not 0
  // Of the process that dials: 1, 2, ... for its connections to this peer. Answered with the same.
  std::uint64_t attempt = 0;
  std::uint32_t incarnation = 0;
  std::uint8_t replicas = 0;  // of the group
  std::uint8_t cluster_bytes = 0;
  std::uint16_t zero = 0;
  std::array<char, kMaxClusterBytes + 1> cluster = {};  // zeros behind its end

  [[nodiscard]] std::string_view cluster_name() const { return {cluster.data(), cluster_bytes}; }
};
static_assert(sizeof(Hello) == 112);
static_assert(offsetof(Hello, version) == 4 && offsetof(Hello, from) == 6 && offsetof(Hello, to) == 7);
static_assert(offsetof(Hello, group) == 8 && offsetof(Hello, capacity_bytes) == 16);
static_assert(offsetof(Hello, instance) == 24 && offsetof(Hello, attempt) == 32);
static_assert(offsetof(Hello, incarnation) == 40 && offsetof(Hello, replicas) == 44);
static_assert(offsetof(Hello, cluster_bytes) == 45 && offsetof(Hello, cluster) == 48);
static_assert(std::has_unique_object_representations_v<Hello>, "no byte of it is left to chance");

// Why somebody comes who is not to be a peer. What both say behind the admit is between visitor and host.
enum class VisitPurpose : std::uint8_t {
  kSnapshot = 1,   // a replica of the group wants a snapshot
  kJoin = 2,       // somebody wants to know which group this is, to start a replica of it
  kIntroduce = 3,  // a replica of higher id says where it is, so that it is dialled. Nothing follows
};

inline constexpr std::uint32_t kVisitMagic = 0x56534947;  // "GISV" as it lies in memory
inline constexpr std::size_t kMaxAddressBytes = 63;

struct Visit {
  // These two stay where they are in every version.
  std::uint32_t magic = kVisitMagic;
  std::uint16_t version = kVersion;
  std::uint8_t purpose = 0;
  std::uint8_t from = 0;    // replica id
  std::uint64_t group = 0;  // of kJoin 0: it does not know
  std::uint8_t cluster_bytes = 0;
  std::uint8_t address_bytes = 0;  // of kIntroduce alone
  std::array<std::uint8_t, 6> zero = {};
  std::array<char, kMaxClusterBytes + 1> cluster = {};  // zeros behind its end
  std::array<char, kMaxAddressBytes + 1> address = {};  // "10.0.0.1:7400"; zeros behind its end

  [[nodiscard]] std::string_view cluster_name() const { return {cluster.data(), cluster_bytes}; }
  [[nodiscard]] std::string_view address_text() const { return {address.data(), address_bytes}; }
};
static_assert(sizeof(Visit) == 152);
static_assert(offsetof(Visit, version) == 4 && offsetof(Visit, purpose) == 6 && offsetof(Visit, from) == 7);
static_assert(offsetof(Visit, group) == 8 && offsetof(Visit, cluster_bytes) == 16);
static_assert(offsetof(Visit, cluster) == 24 && offsetof(Visit, address) == 88);
static_assert(std::has_unique_object_representations_v<Visit>, "no byte of it is left to chance");

struct RefuseHeader {
  std::uint8_t refusal = 0;
  std::uint8_t zero = 0;
  std::uint16_t reason_bytes = 0;  // of printable ASCII, behind the header to the end of the frame
};
static_assert(sizeof(RefuseHeader) == 4 && offsetof(RefuseHeader, reason_bytes) == 2);
inline constexpr std::size_t kMaxReasonBytes = 508;

// Largest payload of the frames that an end may send before it is admitted.
inline constexpr std::size_t kMaxGreetingBytes = sizeof(RefuseHeader) + kMaxReasonBytes;
static_assert(kMaxGreetingBytes >= sizeof(Hello) && kMaxGreetingBytes >= sizeof(Visit) &&
              kMaxGreetingBytes == 512);
inline constexpr std::size_t kMaxWireFrameBytes = sizeof(FrameHeader) + kMaxFrameBytes;
static_assert(kMaxFrameBytes <= UINT16_MAX && kMaxGreetingBytes <= kMaxFrameBytes);

struct Frame {
  FrameType type = FrameType::kPing;
  std::span<const std::byte> payload;
};

// Puts a stream of bytes together into frames. Room for one of the largest size, no more.
class FrameReader {
 public:
  // Frames with a longer payload are malformed. kMaxGreetingBytes at first.
  void Allow(std::size_t max_payload_bytes) { max_payload_bytes_ = max_payload_bytes; }

  // Where bytes that came in are to be put; never empty after Next has said kNothing.
  [[nodiscard]] std::span<std::byte> Space();
  void Filled(std::size_t bytes);  // so many were put there

  enum class Found : std::uint8_t {
    kFrame,
    kNothing,    // no whole frame
    kMalformed,  // and nothing after it can be read
  };
  // `frame.payload` is valid until the next call of Space or Next.
  [[nodiscard]] Found Next(Frame& frame);

 private:
  std::size_t max_payload_bytes_ = kMaxGreetingBytes;
  std::size_t begin_ = 0;
  std::size_t end_ = 0;
  std::array<std::byte, kMaxWireFrameBytes> bytes_;
};

enum class HelloFound : std::uint8_t { kGood, kOtherVersion, kMalformed };
// kGood: the form is right, every number is within its range; whether it is welcome is another question
// (admission.h). kOtherVersion: `hello.version` alone is set. kMalformed: nothing that is of use.
[[nodiscard]] HelloFound ParseHello(std::span<const std::byte> payload, Hello& hello);

// The same of a visit.
[[nodiscard]] HelloFound ParseVisit(std::span<const std::byte> payload, Visit& visit);
// `address` is empty but for kIntroduce.
[[nodiscard]] Visit MakeVisit(VisitPurpose purpose, ReplicaId from, paxos::GroupId group,
                              std::string_view cluster, std::string_view address = {});

struct RefuseFrame {
  Refusal refusal = Refusal::kMalformed;  // kMalformed also for one that this release does not know
  std::string reason;
};
[[nodiscard]] std::optional<RefuseFrame> ParseRefuse(std::span<const std::byte> payload);
// What does not fit of `reason` is cut off; what is not printable becomes '?'.
[[nodiscard]] std::string EncodeRefuse(Refusal refusal, std::string_view reason);

}  // namespace gaios::transport::bootstrap

#endif  // GAIOS_TRANSPORT_BOOTSTRAP_WIRE_H_
