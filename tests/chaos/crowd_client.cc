#include "tests/chaos/crowd_client.h"

#include <cstring>
#include <optional>
#include <utility>

#include <absl/strings/str_cat.h>

#include "gaios/base/check.h"
#include "gaios/rsm/feeds/random.h"
#include "gaios/rsm/group_identity.h"

namespace gaios::chaos {
namespace {

constexpr std::uint64_t kNsPerUs = 1000;

std::unique_ptr<cli::RecordWriter> OpenRecords(const std::string& path, cli::RecordKind kind) {
  absl::StatusOr<std::unique_ptr<cli::RecordWriter>> writer = cli::RecordWriter::Create(path, kind, 0);
  GAIOS_CHECK(writer.ok(), "a scratch directory takes the records of a client");
  return *std::move(writer);
}

}  // namespace

std::string AcksPath(const std::string& directory, std::size_t client) {
  return absl::StrCat(directory, "/client-", client, ".acks");
}
std::string SessionsPath(const std::string& directory, std::size_t client) {
  return absl::StrCat(directory, "/client-", client, ".sessions");
}

CrowdClient::CrowdClient(const rsm::Config& config, std::size_t number, const Habits& habits,
                         cli::History& history, const base::Clock& clock, const std::string& directory)
    : base_(static_cast<std::uint64_t>(number) << kNumberBits),
      habits_(habits),
      history_(history),
      clock_(clock),
      acks_(OpenRecords(AcksPath(directory, number), cli::RecordKind::kAcks)),
      sessions_(OpenRecords(SessionsPath(directory, number), cli::RecordKind::kSessions)),
      places_(habits.window) {
  const absl::StatusOr<paxos::GroupId> group = rsm::FindGroup(config);
  GAIOS_CHECK(group.ok(), "the group has been bootstrapped");
  rsm::ClientOptions options;
  options.directory = config.directory;
  options.replicas = habits.ids == 0 ? config.replicas.size() : habits.ids;
  options.group = *group;
  options.window = habits.window;
  options.operation_timeout_ns = habits.operation_timeout_ns;
  absl::StatusOr<std::unique_ptr<rsm::Client>> client = rsm::Client::Open(options, clock);
  GAIOS_CHECK(client.ok(), "the options of a client are right");
  client_ = *std::move(client);
}

CrowdClient::~CrowdClient() {
  while (answered_ < submitted_) {
    OnUnknown(answered_ + 1);
  }
}

bool CrowdClient::Turn(bool sends, std::uint64_t random) {
  const bool sent = sends && clock_.NowNs() >= due_ns_ && Submit(random);
  return client_->Poll(*this) || sent;
}

bool CrowdClient::Submit(std::uint64_t random) {
  if (client_->outstanding() == places_.size()) {
    return false;
  }
  feeds::Random draw(random);
  const std::uint64_t tag = submitted_ + 1;
  Place& place = PlaceOf(tag);
  place.read = draw.Below(100) < habits_.reads_percent;
  // Written down before it can be run, so that no journal holds a number above it.
  acks_->SetSubmitted(tag);
  if (std::exchange(new_session_, false)) {
    written_ = sessions_->Append({tag, 0, 0}) && written_;
  }
  submitted_ = tag;
  const std::uint64_t now_ns = clock_.NowNs();
  place.process = history_.Invoke(ValueOf(tag), now_ns);
  const Numbered command = {.add = place.read ? 0U : 1U, .number = base_ + tag};
  GAIOS_CHECK(client_->Submit(std::as_bytes(std::span(&command, 1)), tag) == rsm::Submitted::kSubmitted,
              "there is room, and the command is small");
  due_ns_ = now_ns + draw.Geometric(habits_.mean_gap_us) * kNsPerUs;
  return true;
}

cli::History::Value CrowdClient::ValueOf(std::uint64_t tag) {
  return PlaceOf(tag).read ? std::nullopt : cli::History::Value(base_ + tag);
}

void CrowdClient::OnCommitted(std::uint64_t tag, std::uint64_t slot, rsm::Applied how,
                              std::span<const std::byte> reply) {
  answered_ = tag;
  ++acknowledged_;
  const Place& place = PlaceOf(tag);
  std::optional<std::uint64_t> sum;
  if (reply.size() == sizeof(std::uint64_t)) {
    sum = 0;
    std::memcpy(&*sum, reply.data(), sizeof(*sum));
  }
  // A reply is forgotten when the session has had later ones that needed its room.
  if ((!sum.has_value() && how != rsm::Applied::kReplyForgotten) || (sum == 0 && !place.read)) {
    ++absurd_;
    sum.reset();
  }
  written_ =
      acks_->Append({base_ + tag, how == rsm::Applied::kApplied ? slot : 0, sum.value_or(0)}) && written_;
  const std::uint64_t now_ns = clock_.NowNs();
  if (place.read && !sum.has_value()) {
    history_.Info(place.process, ValueOf(tag), now_ns);  // nobody knows what it saw
    return;
  }
  const std::optional<std::uint64_t> seat = place.read || !sum.has_value() ? sum : std::optional(*sum - 1);
  history_.Ok(place.process, ValueOf(tag), seat, now_ns);
}

void CrowdClient::OnUnknown(std::uint64_t tag) {
  answered_ = tag;
  ++unknown_;
  // All that was under way is unknown with it, and may yet be run behind what comes now.
  new_session_ = true;
  history_.Info(PlaceOf(tag).process, ValueOf(tag), clock_.NowNs());
}

}  // namespace gaios::chaos
