#include "gaios/rsm/snapshot/format.h"

#include <algorithm>
#include <cstring>
#include <optional>
#include <string>

#include <absl/strings/str_cat.h>
#include <xxhash.h>

#include "gaios/base/check.h"

namespace gaios::rsm {
namespace {

constexpr std::uint64_t kOdd = 0x9e3779b97f4a7c15ULL;

template <std::size_t kSize>
void PutText(std::string_view text, std::array<char, kSize>& to) {
  GAIOS_CHECK(text.size() < kSize && text.find('\0') == std::string_view::npos,
              "a name fits into the header of a snapshot");
  std::memcpy(to.data(), text.data(), text.size());
}

// Nothing unless zeros follow the text to the end.
template <std::size_t kSize>
std::optional<std::string> GetText(const std::array<char, kSize>& from) {
  const auto end = std::ranges::find(from, '\0');
  if (end == from.end() || std::any_of(end, from.end(), [](char c) { return c != '\0'; })) {
    return std::nullopt;
  }
  return std::string(from.begin(), end);
}

std::uint64_t HeaderChecksum(const FileHeader& header) {
  return XXH3_64bits(&header, offsetof(FileHeader, checksum));
}

std::uint64_t FooterChecksum(const FileFooter& footer) {
  return XXH3_64bits(&footer, offsetof(FileFooter, checksum));
}

std::uint64_t ContentChecksum(std::uint64_t header_checksum, std::uint32_t index,
                              std::span<const std::byte> content) {
  return XXH3_64bits_withSeed(content.data(), content.size(), header_checksum + (index + 1) * kOdd);
}

void PutConfiguration(const paxos::Configuration& configuration, FileHeader& header) {
  header.voters = static_cast<std::uint32_t>(configuration.size());
  for (std::size_t i = 0; i < header.configuration.size(); ++i) {
    const paxos::ReplicaId id(static_cast<std::uint8_t>(i));
    FileMember& member = header.configuration[i];
    member.standing = static_cast<std::uint32_t>(configuration.StandingOf(id));
    member.incarnation = configuration.IncarnationOf(id).value();
    member.gone = configuration.GoneAs(id).value();
    const std::string_view address = configuration.AddressOf(id).text();
    std::memcpy(member.address.data(), address.data(), address.size());
  }
}

// The configuration, or nothing when it is none that a group can have.
std::optional<paxos::Configuration> GetConfiguration(const FileHeader& header) {
  paxos::Configuration configuration;
  for (std::size_t i = 0; i < header.configuration.size(); ++i) {
    const paxos::ReplicaId id(static_cast<std::uint8_t>(i));
    const FileMember& member = header.configuration[i];
    const std::optional<std::string> text = GetText(member.address);
    const auto standing = static_cast<paxos::Standing>(member.standing);
    const bool votes = standing == paxos::Standing::kVoter;
    if (member.standing > static_cast<std::uint32_t>(paxos::Standing::kVoter) || !text.has_value() ||
        member.zero != 0 || member.incarnation > paxos::Ballot::kMaxIncarnation ||
        member.gone > paxos::Ballot::kMaxIncarnation || votes != (member.incarnation > member.gone) ||
        (!votes && member.incarnation != 0) || (standing == paxos::Standing::kNone && !text->empty())) {
      return std::nullopt;
    }
    configuration.SetGone(id, paxos::Incarnation(member.gone));
    if (votes) {
      configuration.Add({id, paxos::Incarnation(member.incarnation)});
    } else if (standing != paxos::Standing::kNone) {
      configuration.AddLearner(id, standing == paxos::Standing::kJoining);
    }
    configuration.SetAddress(id, *paxos::Address::Of(*text));
  }
  return configuration.size() == header.voters ? std::optional(configuration) : std::nullopt;
}

std::string Described(const SnapshotOrigin& origin) {
  return absl::StrCat("group \"", origin.group_name, "\" in epoch ", origin.epoch);
}

}  // namespace

absl::Status SnapshotDamaged(std::string_view name, std::string_view what) {
  return absl::DataLossError(absl::StrCat("snapshot ", std::string(name), " is damaged: ", std::string(what),
                                          "; take or fetch another, and look after the disk it was on"));
}

FileHeader EncodeHeader(const SnapshotFacts& facts) {
  FileHeader header;
  header.magic = kSnapshotMagic;
  header.version = kSnapshotVersion;
  header.chunk_bytes = kChunkBytes;
  header.group = facts.origin.group.value();
  header.epoch = facts.origin.epoch;
  header.position = facts.cursor.position.value();
  header.slot = facts.cursor.slot.value();
  header.ballot = facts.cursor.ballot.packed();
  header.chain = facts.cursor.checksum;
  header.promised = facts.promised.packed();
  header.applied_commands = facts.applied_commands;
  header.time_ns = facts.time_ns;
  header.state_hash = facts.state_hash;
  header.sessions_bytes = facts.sessions_bytes;
  PutConfiguration(facts.configuration, header);
  PutText(facts.origin.group_name, header.group_name);
  PutText(facts.origin.state_machine, header.state_machine);
  header.checksum = HeaderChecksum(header);
  return header;
}

absl::StatusOr<SnapshotFacts> DecodeHeader(const FileHeader& header, std::string_view name) {
  if (header.magic != kSnapshotMagic) {
    return absl::InvalidArgumentError(
        absl::StrCat(std::string(name), " is no snapshot: it does not begin as one; name another file"));
  }
  if (header.version != kSnapshotVersion) {
    return absl::FailedPreconditionError(absl::StrCat(
        "snapshot ", std::string(name), " is of version ", header.version, ", this program reads version ",
        kSnapshotVersion, "; use the release that wrote it, or take another"));
  }
  if (header.checksum != HeaderChecksum(header)) {
    return SnapshotDamaged(name, "its header is not what was written");
  }
  const std::optional<paxos::Configuration> configuration = GetConfiguration(header);
  const std::optional<std::string> group_name = GetText(header.group_name);
  const std::optional<std::string> state_machine = GetText(header.state_machine);
  if (!configuration.has_value() || !group_name.has_value() || !state_machine.has_value() ||
      header.chunk_bytes != kChunkBytes) {
    return SnapshotDamaged(name, "its header says what no snapshot can");
  }
  SnapshotFacts facts;
  facts.origin = {paxos::GroupId(header.group), *group_name, header.epoch, *state_machine};
  facts.cursor = {paxos::Position(header.position), paxos::Slot(header.slot),
                  paxos::Ballot::FromPacked(header.ballot), header.chain};
  facts.applied_commands = header.applied_commands;
  facts.time_ns = header.time_ns;
  facts.state_hash = header.state_hash;
  facts.sessions_bytes = header.sessions_bytes;
  facts.configuration = *configuration;
  facts.promised = paxos::Ballot::FromPacked(header.promised);
  return facts;
}

ChunkHeader MakeChunkHeader(std::uint64_t header_checksum, std::uint32_t index,
                            std::span<const std::byte> content) {
  GAIOS_CHECK(!content.empty() && content.size() <= kChunkBytes, "a chunk has content, and not too much");
  return {index, static_cast<std::uint32_t>(content.size()),
          ContentChecksum(header_checksum, index, content)};
}

bool ChunkHolds(std::uint64_t header_checksum, std::uint32_t index, const ChunkHeader& chunk,
                std::span<const std::byte> content) {
  return chunk.index == index && chunk.length == content.size() &&
         chunk.checksum == ContentChecksum(header_checksum, index, content);
}

void TotalHash::Add(const ChunkHeader& chunk) {
  value_ = XXH3_64bits_withSeed(&chunk, sizeof(chunk), value_);
}

FileFooter EncodeFooter(std::uint64_t content_bytes, const TotalHash& total) {
  FileFooter footer{kSnapshotFooterMagic, content_bytes, ChunkCount(content_bytes), total.value(), 0};
  footer.checksum = FooterChecksum(footer);
  return footer;
}

absl::Status CheckFooter(const FileFooter& footer, std::string_view name) {
  if (footer.magic != kSnapshotFooterMagic) {
    return SnapshotDamaged(name, "its end is missing: it was cut short");
  }
  if (footer.checksum != FooterChecksum(footer)) {
    return SnapshotDamaged(name, "its footer is not what was written");
  }
  if (footer.content_bytes > kMaxChunks * kChunkBytes || footer.chunks != ChunkCount(footer.content_bytes)) {
    return SnapshotDamaged(name, "its footer says what no snapshot can");
  }
  return absl::OkStatus();
}

absl::Status CheckOrigin(const SnapshotOrigin& found, const SnapshotOrigin& own, std::string_view name) {
  if (found == own) {
    return absl::OkStatus();
  }
  std::string difference;
  if (found.state_machine != own.state_machine) {
    difference = absl::StrCat("of a state machine \"", found.state_machine, "\", this one is \"",
                              own.state_machine, "\"");
  } else if (found.group_name != own.group_name || found.epoch != own.epoch) {
    difference = absl::StrCat("of ", Described(found), ", this is ", Described(own));
  } else {
    difference = absl::StrCat("of another bootstrap of ", Described(own));
  }
  return absl::FailedPreconditionError(
      absl::StrCat("snapshot ", std::string(name), " is ", difference,
                   "; use one of this group, or make a new group of it: gaios bootstrap --from-snapshot"));
}

}  // namespace gaios::rsm
