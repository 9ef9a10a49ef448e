// How a replica is saved, and how one that is behind takes over the state of another.

#include <optional>
#include <string>

#include <absl/status/status.h>

#include "gaios/base/check.h"
#include "gaios/rsm/replica.h"

namespace gaios::rsm {
namespace {

std::string Number(std::uint64_t value) {
  return std::to_string(value);
}

}  // namespace

SnapshotFacts Replica::DescribeState() const {
  SnapshotFacts facts;
  facts.applied_commands = applied_commands_;
  facts.time_ns = last_time_ns_;
  facts.state_hash = state_machine_.StateHash();
  facts.sessions_bytes = sessions_.SavedBytes();
  const paxos::SnapshotPoint point = engine_.core().snapshot_point();
  facts.cursor = point.cursor;
  facts.configuration = point.configuration;
  facts.promised = point.promised;
  return facts;
}

absl::Status Replica::SaveSnapshot(SnapshotSink& sink) const {
  if (absl::Status status = sessions_.Save(sink); !status.ok()) {
    return status;
  }
  return state_machine_.Save(sink);
}

std::optional<paxos::Position> Replica::SnapshotWanted() const {
  const paxos::Replica& core = engine_.core();
  const std::optional<paxos::ReplicaId> leader = core.leader();
  if (!leader.has_value() || *leader == core.self().id || divergence_.has_value()) {
    return std::nullopt;
  }
  const paxos::PeerView& view = core.peer(*leader);
  return view.link_up && view.seen && view.retained > core.commit() ? std::optional(view.retained)
                                                                    : std::nullopt;
}

absl::Status Replica::TakeOver(const SnapshotFacts& facts, SnapshotSource& source) {
  if (absl::Status status = state_machine_.Restore(source); !status.ok()) {
    return status;
  }
  applied_commands_ = facts.applied_commands;
  last_time_ns_ = facts.time_ns;
  // Hashes are taken at the same counts on all replicas.
  const std::uint64_t interval = options_.hash_interval_commands;
  until_hash_ = interval == 0 ? 0 : interval - applied_commands_ % interval;
  hashes_.assign(hashes_.size(), {});
  next_hash_ = 0;
  hash_due_ = 0;
  if (const std::uint64_t own_hash = state_machine_.StateHash(); own_hash != facts.state_hash) {
    divergence_ = Divergence{applied_commands_, own_hash, facts.state_hash};
    engine_.core().Withdraw();
    engine_.CarryOut();
    return absl::DataLossError(
        "the state that was restored has hash " + Number(own_hash) + ", the one that was saved had " +
        Number(facts.state_hash) +
        ": Save and Restore of the state machine do not go together, or memory is damaged. This replica has "
        "stopped applying; put the state machine right, and start it again");
  }
  return absl::OkStatus();
}

absl::Status Replica::InstallSnapshot(const SnapshotFacts& facts, SnapshotSource& source) {
  paxos::Replica& core = engine_.core();
  const bool waits = core.role() == paxos::Role::kFollower || core.role() == paxos::Role::kLearner;
  if (!waits || divergence_.has_value()) {
    return absl::UnavailableError("a replica that leads, campaigns or has diverged installs no snapshot");
  }
  if (facts.cursor.position <= core.commit()) {
    return absl::FailedPreconditionError(
        "the snapshot is of position " + Number(facts.cursor.position.value()) +
        ", and this replica has what is committed up to " + Number(core.commit().value()) + " already");
  }
  Sessions sessions(options_.sessions);
  if (absl::Status status = sessions.Restore(source); !status.ok()) {
    return status;
  }
  if (sessions.SavedBytes() != facts.sessions_bytes) {
    return absl::DataLossError(
        "the sessions of the snapshot are not as long as its header says; use another");
  }
  if (absl::Status status = TakeOver(facts, source); !status.ok()) {
    return status;
  }
  sessions_.Swap(sessions);
  GAIOS_CHECK(core.InstallSnapshot({facts.cursor, facts.configuration, facts.promised}),
              "what was looked at above still holds");
  engine_.CarryOut();
  return absl::OkStatus();
}

absl::Status Replica::BeginWith(const SnapshotFacts& facts, SnapshotSource& source) {
  GAIOS_CHECK(engine_.core().applied() == paxos::Position() && applied_commands_ == 0,
              "a replica begins with a state before it has any of its own");
  return TakeOver(facts, source);
}

SnapshotFacts Replica::ApplyAllThatIsHeld() {
  Close();
  const paxos::Replica& core = engine_.core();
  paxos::Cursor cursor = core.applied_cursor();
  while (!divergence_.has_value()) {
    const std::optional<paxos::Entry> entry = core.log().Next(cursor);
    if (!entry.has_value()) {
      break;
    }
    if (entry->kind() == paxos::EntryKind::kBatch) {
      ApplyBatch(*entry);
      if (divergence_.has_value()) {
        break;  // in its midst
      }
    }
    cursor = paxos::Log::After(*entry);
  }
  SnapshotFacts facts = DescribeState();
  facts.cursor = cursor;
  return facts;
}

}  // namespace gaios::rsm
