#include "gaios/cli/demo/flow_client.h"

#include <algorithm>
#include <optional>
#include <utility>

#include "gaios/base/check.h"
#include "gaios/rsm/group_identity.h"

namespace gaios::cli {
namespace {

// So much of a turn's time goes into sending before answers are looked at.
constexpr int kSubmissionsPerTurn = 16;

}  // namespace

absl::StatusOr<std::unique_ptr<FlowClient>> FlowClient::Open(const rsm::Config& config, const Paths& paths,
                                                             std::unique_ptr<OrderFlow> flow,
                                                             const base::Clock& clock) {
  const absl::StatusOr<paxos::GroupId> group = rsm::FindGroup(config);
  if (!group.ok()) {
    return group.status();
  }
  rsm::ClientOptions options;
  options.directory = config.directory;
  options.replicas = config.replicas.size();
  options.group = *group;
  absl::StatusOr<std::unique_ptr<rsm::Client>> client = rsm::Client::Open(options, clock);
  if (!client.ok()) {
    return client.status();
  }
  absl::StatusOr<std::unique_ptr<RecordWriter>> acks = RecordWriter::Create(paths.acks, RecordKind::kAcks, 0);
  if (!acks.ok()) {
    return acks.status();
  }
  absl::StatusOr<std::unique_ptr<RecordWriter>> sessions =
      RecordWriter::Create(paths.sessions, RecordKind::kSessions, 0);
  if (!sessions.ok()) {
    return sessions.status();
  }
  return std::unique_ptr<FlowClient>(
      new FlowClient(*std::move(client), *std::move(acks), *std::move(sessions), std::move(flow), clock));
}

FlowClient::FlowClient(std::unique_ptr<rsm::Client> client, std::unique_ptr<RecordWriter> acks,
                       std::unique_ptr<RecordWriter> sessions, std::unique_ptr<OrderFlow> flow,
                       const base::Clock& clock)
    : client_(std::move(client)),
      acks_(std::move(acks)),
      sessions_(std::move(sessions)),
      flow_(std::move(flow)),
      clock_(clock),
      due_under_way_(rsm::Sessions::kWindow),
      book_(rsm::Sessions::kWindow) {}

void FlowClient::Begin(double rate_per_s) {
  interval_ns_ = 1e9 / rate_per_s;
  begin_ns_ = clock_.NowNs();
  due_ns_ = begin_ns_;
  last_ack_ns_ = begin_ns_;
}

bool FlowClient::Turn() {
  now_ns_ = clock_.NowNs();
  const bool submitted = !ended_ && SubmitDue();
  return client_->Poll(*this) || submitted;
}

bool FlowClient::SubmitDue() {
  bool any = false;
  for (int i = 0; i < kSubmissionsPerTurn && due_ns_ <= now_ns_; ++i) {
    const std::uint64_t number = submitted_ + 1;
    if (next_.empty()) {
      const std::optional<std::span<const std::byte>> command = flow_->NextNumbered(number);
      if (!command.has_value()) {
        ended_ = true;
        return any;
      }
      next_ = *command;
    }
    if (client_->outstanding() == due_under_way_.size()) {
      return any;
    }
    // Written down before it can be run, so that no journal holds a number above it.
    acks_->SetSubmitted(number);
    if (std::exchange(new_session_, false)) {
      records_full_ = !sessions_->Append({number, 0, 0}) || records_full_;
    }
    book_.OnSent(number, next_.first(next_.size() - sizeof(number)));
    GAIOS_CHECK(client_->Submit(next_, number) == rsm::Submitted::kSubmitted,
                "there is room, and an order is no large command");
    due_under_way_[number % due_under_way_.size()] = due_ns_;
    submitted_ = number;
    next_ = {};
    any = true;
    due_ns_ = begin_ns_ + static_cast<std::uint64_t>(static_cast<double>(submitted_) * interval_ns_);
  }
  return any;
}

void FlowClient::OnCommitted(std::uint64_t tag, std::uint64_t slot, rsm::Applied how,
                             std::span<const std::byte> reply) {
  const std::uint64_t now_ns = clock_.NowNs();
  const std::uint64_t due_ns = due_under_way_[tag % due_under_way_.size()];
  const std::uint64_t latency_ns = now_ns > due_ns ? now_ns - due_ns : 0;
  latencies_.Record(latency_ns);
  recent_.Record(latency_ns);
  gap_ns_ = std::max(gap_ns_, now_ns > last_ack_ns_ ? now_ns - last_ack_ns_ : 0);
  last_ack_ns_ = now_ns;
  ++acknowledged_;
  records_full_ = !acks_->Append({tag, how == rsm::Applied::kApplied ? slot : 0, 0}) || records_full_;
  book_.OnReply(tag, reply);
}

void FlowClient::OnUnknown(std::uint64_t /*tag*/) {
  ++unknown_;
  // All that was under way is unknown with it, and may yet be run behind what comes now.
  new_session_ = true;
}

}  // namespace gaios::cli
