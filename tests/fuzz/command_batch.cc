// The payload of a batch: any bytes, and batches as a leader writes them.
//
// Taking commands off ends, never leaves the payload, and takes what was written: a batch comes back command
// by command, and nothing is left over.

#include <algorithm>
#include <cstring>
#include <vector>

#include "gaios/base/check.h"
#include "gaios/rsm/command_codec.h"

#include "tests/fuzz/choices.h"
#include "tests/fuzz/target.h"

namespace gaios::fuzz {
namespace {

using rsm::CommandKind;
using rsm::DecodedCommand;
using rsm::SessionCommand;

constexpr std::size_t kAlignment = 8;

struct Written {
  CommandKind kind = CommandKind::kUser;
  SessionCommand session;
  std::vector<std::byte> bytes;
};

// As Replica and Leader do: room is claimed, the prefix and the command are put there, the rest is zero.
void Write(const Written& command, std::vector<std::byte>& payload) {
  const std::size_t size = rsm::CommandPrefixBytes(command.kind) + command.bytes.size();
  const std::size_t at = payload.size();
  payload.resize(at + (size + kAlignment - 1) / kAlignment * kAlignment);
  const std::span<std::byte> place = rsm::EncodeCommandPrefix(
      command.kind, command.session, command.bytes.size(), std::span(payload).subspan(at, size));
  GAIOS_CHECK(place.size() == command.bytes.size(), "there is room for the command");
  std::copy(command.bytes.begin(), command.bytes.end(), place.begin());
}

bool SameBytes(std::span<const std::byte> a, std::span<const std::byte> b) {
  return std::equal(a.begin(), a.end(), b.begin(), b.end());
}

void CheckAny(std::span<const std::byte> payload) {
  rsm::CommandReader reader(payload);
  DecodedCommand command;
  while (reader.Next(command)) {
    const auto taken = static_cast<std::size_t>(reader.rest().data() - payload.data());
    const auto from = static_cast<std::size_t>(command.bytes.data() - payload.data());
    GAIOS_CHECK(from + command.bytes.size() <= taken && taken + reader.rest().size() == payload.size(),
                "a command lies in the part that was taken off");
    std::vector<std::byte> again;
    Write({command.kind, command.session, {command.bytes.begin(), command.bytes.end()}}, again);
    rsm::CommandReader second(again);
    DecodedCommand same;
    GAIOS_CHECK(second.Next(same) && second.rest().empty() && same.kind == command.kind &&
                    same.session.session == command.session.session &&
                    same.session.sequence == command.session.sequence && SameBytes(same.bytes, command.bytes),
                "a command that was taken can be written and taken again");
  }
}

void CheckBatch(Choices& choices) {
  std::vector<Written> batch;
  std::vector<std::byte> payload;
  while (!choices.empty()) {
    Written command;
    command.kind = static_cast<CommandKind>(1 + choices.Below(4));
    if (command.kind == CommandKind::kSession) {
      command.session = choices.Take<SessionCommand>();
    }
    const std::span<const std::byte> bytes = choices.Bytes(choices.Take<std::uint8_t>());
    command.bytes.assign(bytes.begin(), bytes.end());
    Write(command, payload);
    batch.push_back(std::move(command));
  }
  rsm::CommandReader reader(payload);
  for (const Written& written : batch) {
    DecodedCommand command;
    GAIOS_CHECK(reader.Next(command) && command.kind == written.kind &&
                    command.session.session == written.session.session &&
                    command.session.sequence == written.session.sequence &&
                    SameBytes(command.bytes, written.bytes),
                "a batch comes back command by command");
  }
  GAIOS_CHECK(reader.rest().empty(), "nothing is left over");
}

}  // namespace

void RunTarget(std::span<const std::byte> input) {
  // In memory of exactly its size, so that a look behind its end is seen.
  const std::vector<std::byte> payload(input.begin(), input.end());
  CheckAny(payload);
  Choices choices(input);
  CheckBatch(choices);
}

}  // namespace gaios::fuzz
