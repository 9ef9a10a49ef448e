#include "gaios/rsm/snapshot/joining.h"

#include <algorithm>
#include <memory>
#include <optional>
#include <span>
#include <utility>

#include <absl/strings/str_cat.h>

#include "gaios/rsm/durable_file.h"
#include "gaios/rsm/group_identity.h"
#include "gaios/rsm/marker.h"
#include "gaios/rsm/snapshot/donor_route.h"
#include "gaios/rsm/snapshot/file.h"
#include "gaios/rsm/snapshot/seed.h"
#include "gaios/rsm/snapshot/signal_fd.h"
#include "gaios/rsm/snapshot/transfer.h"

namespace gaios::rsm {
namespace {

using paxos::ReplicaId;
using transport::bootstrap::SecureStream;
using transport::bootstrap::TlsContext;

constexpr int kPatienceMs = 5'000;

std::string SeedPathIn(const std::string& directory) {
  return absl::StrCat(directory, "/", kSeedFile);
}

absl::Status SendSeed(TransferStream& stream, SnapshotReader& seed) {
  TransferRequest request;
  if (absl::Status status = stream.Receive(std::as_writable_bytes(std::span(&request, 1))); !status.ok()) {
    return status;
  }
  if (request.magic != kTransferMagic || request.version != kTransferVersion) {
    return absl::FailedPreconditionError("what joins does not take snapshots as this release gives them");
  }
  return SendSnapshot(stream, request, seed, [](std::uint64_t /*bytes*/) { return absl::OkStatus(); });
}

struct Joined {
  std::string text;
  paxos::Incarnation latest_life;
};

// What `stream` says, and the seed, if there is one, in `directory`.
absl::StatusOr<Joined> TakeGroup(TransferStream& stream, const std::string& directory) {
  GroupAnswer answer;
  if (absl::Status status = stream.Receive(std::as_writable_bytes(std::span(&answer, 1))); !status.ok()) {
    return status;
  }
  if (answer.magic != kGroupAnswerMagic || answer.version != kGroupAnswerVersion ||
      answer.text_bytes > kMaxGroupFileBytes) {
    return absl::FailedPreconditionError(
        "what answers there does not tell of its group as this release does; run one release on all "
        "replicas");
  }
  Joined joined;
  joined.text.resize(answer.text_bytes);
  joined.latest_life = paxos::Incarnation(std::min(answer.latest_life, paxos::Ballot::kMaxIncarnation));
  if (absl::Status status = stream.Receive(std::as_writable_bytes(std::span(joined.text))); !status.ok()) {
    return status;
  }
  if (answer.has_seed != 0) {
    // Of another group, as the seed of any group is; the group file says which.
    IncomingSnapshot seed(SeedPathIn(directory), std::nullopt);
    if (absl::Status status = seed.Take(stream, 0); !status.ok()) {
      return status;
    }
  }
  return joined;
}

absl::StatusOr<Joined> AskReplica(const Config& config, const MeetingPlace& place, ReplicaId self,
                                  const std::shared_ptr<TlsContext>& tls, int never_fd) {
  const auto address = transport::bootstrap::ParseAddress(place.address, place.port);
  if (!address.has_value()) {
    return absl::InvalidArgumentError(absl::StrCat("\"", place.address, "\" is no address in numbers"));
  }
  absl::StatusOr<std::unique_ptr<SecureStream>> stream =
      SecureStream::Go(tls, *address,
                       transport::bootstrap::MakeVisit(transport::bootstrap::VisitPurpose::kJoin, self,
                                                       paxos::GroupId(), config.group),
                       {.stop_fd = never_fd, .limit_ms = kPatienceMs});
  if (!stream.ok()) {
    return stream.status();
  }
  NetworkStream taken(*std::move(stream), never_fd, kPatienceMs);
  return TakeGroup(taken, config.directory);
}

absl::Status Join(const Config& config, const Joined& joined, ReplicaId asked, ReplicaId self) {
  const absl::StatusOr<GroupUuid> uuid =
      GroupUuidOf(config, joined.text, absl::StrCat("the group file of replica ", asked.value()));
  if (!uuid.ok()) {
    return uuid.status();
  }
  if (absl::Status status = CreateMarker(config, *uuid, self, joined.latest_life); !status.ok()) {
    return status;
  }
  // Last: before it nobody starts.
  return CreateFile(config.directory, kGroupFile, joined.text);
}

absl::Status MayJoin(const Config& config, ReplicaId self) {
  if (config.transport == TransportKind::kShm) {
    return absl::FailedPreconditionError(
        "replicas that share memory share a directory too, and need not join: start the replica, and add it "
        "with `gaios member add`");
  }
  if (self.value() >= config.replicas.size()) {
    return absl::InvalidArgumentError(absl::StrCat("the config does not say where replica ", self.value(),
                                                   " is: add a section [[replica]] with its address"));
  }
  const absl::Status found = FindGroupUuid(config).status();
  if (found.ok()) {
    return absl::AlreadyExistsError(
        absl::StrCat(config.directory, " knows of its group already: start replica ", self.value()));
  }
  return absl::IsNotFound(found) ? absl::OkStatus() : found;
}

}  // namespace

absl::Status SendGroup(TransferStream& stream, const std::string& group_directory,
                       std::uint32_t latest_life) {
  std::optional<std::string> text;
  if (absl::Status status = ReadFile(absl::StrCat(group_directory, "/", kGroupFile), text); !status.ok()) {
    return status;
  }
  if (!text.has_value() || text->size() > kMaxGroupFileBytes) {
    return absl::UnavailableError("the group file is gone");
  }
  absl::StatusOr<std::unique_ptr<SnapshotReader>> seed = SnapshotReader::Open(SeedPathIn(group_directory));
  if (!seed.ok() && !absl::IsNotFound(seed.status())) {
    return seed.status();
  }
  GroupAnswer answer;
  answer.text_bytes = static_cast<std::uint32_t>(text->size());
  answer.latest_life = latest_life;
  answer.has_seed = seed.ok() ? 1 : 0;
  if (absl::Status status = stream.Send(std::as_bytes(std::span(&answer, 1))); !status.ok()) {
    return status;
  }
  if (absl::Status status = stream.Send(std::as_bytes(std::span(*text))); !status.ok()) {
    return status;
  }
  return seed.ok() ? SendSeed(stream, **seed) : absl::OkStatus();
}

absl::Status JoinGroup(const Config& config, ReplicaId self,
                       const transport::bootstrap::Credentials& credentials) {
  if (absl::Status status = MayJoin(config, self); !status.ok()) {
    return status;
  }
  absl::StatusOr<std::unique_ptr<TlsContext>> tls = TlsContext::Load(credentials);
  if (!tls.ok()) {
    return tls.status();
  }
  const std::shared_ptr<TlsContext> context = *std::move(tls);
  const absl::StatusOr<SignalFd> never = SignalFd::Create();
  if (!never.ok()) {
    return never.status();
  }
  if (absl::Status status = CreateDirectory(config.directory); !status.ok()) {
    return status;
  }
  std::string tried;
  for (const LinkPath path : LinkPathsOf(config)) {
    for (const ReplicaConfig& replica : config.replicas) {
      if (replica.id == self) {
        continue;
      }
      const absl::StatusOr<Joined> joined =
          AskReplica(config, MeetingPlaceOf(config, replica, path), self, context, never->fd());
      if (joined.ok()) {
        return Join(config, *joined, replica.id, self);
      }
      absl::StrAppend(&tried, tried.empty() ? "" : "; ", "replica ", replica.id.value(), ": ",
                      joined.status().message());
    }
  }
  return absl::UnavailableError(
      absl::StrCat("no other replica could be asked which group this is; start one, or look at addresses and "
                   "keys (",
                   tried, ")"));
}

}  // namespace gaios::rsm
