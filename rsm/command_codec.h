#ifndef GAIOS_RSM_COMMAND_CODEC_H_
#define GAIOS_RSM_COMMAND_CODEC_H_

// How commands stand in the payload of a batch: an 8-byte header, 16 bytes of session when there is one, the
// command, zeros up to the next multiple of 8. Written in place by the leader, read in place by everybody.

#include <array>
#include <cstddef>
#include <cstdint>
#include <cstring>
#include <span>

namespace gaios::rsm {

enum class CommandKind : std::uint8_t {
  kUser = 1,         // of no session
  kSession = 2,      // the user's, within a session
  kOpenSession = 3,  // its slot and index name the session
  kStateHash = 4,    // the leader's, to be compared
};

// A command's place in its session. Zero: no session.
struct SessionCommand {
  std::uint64_t session = 0;
  std::uint64_t sequence = 0;
};

struct CommandHeader {
  std::uint32_t length = 0;  // bytes of the command alone
  std::uint8_t kind = 0;
  std::uint8_t reserved[3] = {};
};
static_assert(sizeof(CommandHeader) == 8 && sizeof(SessionCommand) == 16 &&
              offsetof(CommandHeader, kind) == 4);

// Bytes in front of a command of this kind.
[[nodiscard]] constexpr std::size_t CommandPrefixBytes(CommandKind kind) {
  return sizeof(CommandHeader) + (kind == CommandKind::kSession ? sizeof(SessionCommand) : 0);
}

struct DecodedCommand {
  CommandKind kind = CommandKind::kUser;
  SessionCommand session;
  std::span<const std::byte> bytes;
};

// Writes what stands in front of a command and returns where the command goes. `space` has room for both.
[[gnu::always_inline]] inline std::span<std::byte> EncodeCommandPrefix(CommandKind kind,
                                                                       SessionCommand session,
                                                                       std::size_t length,
                                                                       std::span<std::byte> space) {
  // The header as one word.
  const std::uint64_t header =
      static_cast<std::uint32_t>(length) | std::uint64_t{static_cast<std::uint8_t>(kind)} << 32;
  std::memcpy(space.data(), &header, sizeof(header));
  if (kind == CommandKind::kSession) {
    std::memcpy(space.data() + sizeof(header), &session, sizeof(session));
  }
  return space.subspan(CommandPrefixBytes(kind), length);
}

// Takes one command after the other off the payload of a batch. The payload must outlive the reader.
class CommandReader {
 public:
  explicit CommandReader(std::span<const std::byte> payload) : rest_(payload) {}

  // The next command. False when the bytes are no command: then EncodeCommandPrefix has not written them.
  [[nodiscard, gnu::always_inline]] bool Next(DecodedCommand& command) {
    std::uint64_t header = 0;  // as one word
    if (rest_.size() < sizeof(header)) [[unlikely]] {
      return false;
    }
    std::memcpy(&header, rest_.data(), sizeof(header));
    const auto kind = static_cast<CommandKind>(header >> 32 & 0xff);
    if (kind < CommandKind::kUser || kind > CommandKind::kStateHash) [[unlikely]] {
      return false;
    }
    const auto length = static_cast<std::uint32_t>(header);
    const std::size_t prefix = CommandPrefixBytes(kind);
    const std::size_t padded = (prefix + length + 7) / 8 * 8;
    if (padded > rest_.size()) [[unlikely]] {
      return false;
    }
    SessionCommand session;
    if (kind == CommandKind::kSession) {
      std::memcpy(&session, rest_.data() + sizeof(header), sizeof(session));
    }
    command = {kind, session, rest_.subspan(prefix, length)};
    rest_ = rest_.subspan(padded);
    return true;
  }

  // Whether `payload` is one command of a user, of no session, and nothing else; then which. False in any
  // other case, what is no command at all among them.
  [[nodiscard, gnu::always_inline]] static bool IsOneOfUser(std::span<const std::byte> payload,
                                                            DecodedCommand& command) {
    std::array<std::uint32_t, 2> header = {};
    if (payload.size() < sizeof(header)) [[unlikely]] {
      return false;
    }
    std::memcpy(header.data(), payload.data(), sizeof(header));
    const auto [length, kind] = header;
    if (kind != static_cast<std::uint32_t>(CommandKind::kUser) ||
        (sizeof(header) + std::size_t{length} + 7) / 8 * 8 != payload.size()) {
      return false;
    }
    command.kind = CommandKind::kUser;
    command.bytes = payload.subspan(sizeof(header), length);
    return true;
  }

  // What has not been taken yet.
  [[nodiscard]] std::span<const std::byte> rest() const { return rest_; }

 private:
  std::span<const std::byte> rest_;
};

}  // namespace gaios::rsm

#endif  // GAIOS_RSM_COMMAND_CODEC_H_
