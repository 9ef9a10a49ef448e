#include "gaios/paxos/invariants.h"

#include <algorithm>

namespace gaios::paxos {
namespace {

std::string Name(Member member) {
  return "replica " + std::to_string(member.id.value()) + "." + std::to_string(member.incarnation.value());
}
std::string Name(Ballot ballot) {
  return std::to_string(ballot.round()) + "/" + std::to_string(ballot.replica().value()) + "." +
         std::to_string(ballot.incarnation().value());
}
std::string Name(Grant grant) {
  return "(" + Name(grant.ballot) + ", " + std::to_string(grant.number) + ")";
}
std::string Name(Position position) {
  return std::to_string(position.value());
}
std::string Name(Slot slot) {
  return std::to_string(slot.value());
}

constexpr std::size_t kViolationsKept = 20;

}  // namespace

Invariants::Invariants(const Configuration& configuration) {
  for (const Member& voter : configuration.voters()) {
    initial_.votes_as[voter.id] = voter.incarnation;
  }
}

void Invariants::Fail(const char* invariant, const std::string& what) {
  if (violations_.size() < kViolationsKept) {
    violations_.push_back(std::string(invariant) + ": " + what);
  }
}

void Invariants::OnPromise(Member acceptor, Grant grant) {
  ++checks_;
  Grant& promised = promised_[acceptor];
  if (grant < promised) {
    Fail("P1", Name(acceptor) + " promises " + Name(grant) + " after " + Name(promised));
  }
  promised = std::max(promised, grant);
}

void Invariants::OnRemoteWrite(Member owner, Grant grant, Grant effective) {
  ++checks_;
  if (grant != effective) {
    Fail("P2", "the log of " + Name(owner) + " changed under " + Name(grant) + " while " + Name(effective) +
                   " held");
  }
}

void Invariants::OnAcceptedBytesMissing(Member leader, Member acceptor, Position position) {
  Fail("P5", Name(leader) + " counts " + Name(acceptor) + " up to " + Name(position) +
                 ", but its log is not whole that far");
}

void Invariants::OnPostedBytesChanged(Member poster, Range range) {
  Fail("P8", Name(poster) + " changed [" + Name(range.from) + ", " + Name(range.to) +
                 ") while a posted write may still read it");
}

void Invariants::OnLead(Member leader, Ballot ballot, std::span<const Member> voters, const Cursor& end) {
  ++checks_;
  const std::vector<std::uint64_t> changes = ChangesBefore(end);
  const Electorates electorates = WhoCounts(changes, changes.size());
  // It need not know that the last is chosen, and may count before and after that.
  const Electorates as_it_may_know = changes.empty() ? electorates : WhoCounts(changes, changes.size() - 1);
  const auto counts = [](const Electorates& among, Member voter) {
    return std::ranges::any_of(
        among, [voter](const Electorate& electorate) { return electorate.counts.contains(voter); });
  };
  for (const Member& voter : voters) {
    if (!counts(electorates, voter) && !counts(as_it_may_know, voter)) {
      Fail("P7", Name(leader) + " counts the promise of " + Name(voter));
    }
    if (promised_[voter].ballot < ballot) {
      Fail("P1",
           Name(leader) + " counts a promise of " + Name(ballot) + " that " + Name(voter) + " did not give");
    }
  }
  if (!Decide(voters, electorates)) {
    Fail("P4", Name(leader) + " leads " + Name(ballot) + " on the promises of a minority");
  }
  if (ballots_.contains(ballot)) {
    Fail("P3", "ballot " + Name(ballot) + " is led twice");
  }
  // P4: the new leader's log holds every entry chosen under a lower ballot, in the same bytes: walk it
  // backwards by its checksums. What has been chosen under a higher one it need not have: it will find itself
  // fenced.
  const Slot chosen_below = ChosenBelow(ballot);
  if (end.slot < chosen_below) {
    Fail("P4", "the log of " + Name(ballot) + " ends at slot " + Name(end.slot) + ", but " +
                   Name(chosen_below) + " is chosen");
  }
  std::uint64_t checksum = end.checksum;
  for (Slot slot = end.slot; slot.value() > 0; slot = Slot(slot.value() - 1)) {
    const auto before = previous_.find(checksum);
    if (before == previous_.end() || before->second.first != slot) {
      Fail("P3",
           "the log of " + Name(ballot) + " has an entry at slot " + Name(slot) + " that nobody proposed");
      break;
    }
    if (slot <= chosen_below) {
      if (chosen_.at(slot).checksum != checksum) {
        Fail("P4", "the log of " + Name(ballot) + " has another value at slot " + Name(slot) +
                       " than the chosen one");
      }
      break;  // everything below is the same chain, checked when it was chosen
    }
    checksum = before->second.second;
  }
  BallotLog& log = ballots_[ballot];
  log.leader = leader;
  log.start = end;
  log.changes = changes;
  log.changes_at_start = changes.size();
}

void Invariants::OnAppend(Member leader, Ballot ballot, const Entry& entry) {
  ++checks_;
  const auto found = ballots_.find(ballot);
  if (found == ballots_.end() || found->second.leader != leader) {
    Fail("P3", Name(leader) + " appends under " + Name(ballot) + ", which it does not lead");
    return;
  }
  BallotLog& log = found->second;
  const Value value{entry.range.from, entry.range.to, entry.header.checksum, entry.ballot()};
  if (!log.appended.emplace(entry.slot(), value).second) {
    Fail("P3", "two values for slot " + Name(entry.slot()) + " under " + Name(ballot));
  }
  if (entry.ballot() != ballot) {
    Fail("P3", "an entry is appended under " + Name(ballot) + " with another ballot");
  }
  const std::uint64_t before = log.appended.size() == 1
                                   ? log.start.checksum
                                   : std::prev(log.appended.find(entry.slot()))->second.checksum;
  if (log.appended.size() == 1) {
    log.record_end = entry.range.to;
    if (entry.kind() != EntryKind::kBallotRecord) {
      Fail("P4", "the first entry of " + Name(ballot) + " is no ballot record");
    }
  }
  by_checksum_[value.checksum] = value;
  previous_[value.checksum] = {entry.slot(), before};
  if (entry.kind() == EntryKind::kReadmission || entry.kind() == EntryKind::kConfigurationChange) {
    AppendChange(leader, ballot, log, entry);
  }
  log.accepted[leader] = entry.range.to;
  Choose(ballot, log);
}

void Invariants::OnAccept(Member leader, Ballot ballot, Member acceptor, Position position) {
  ++checks_;
  const auto found = ballots_.find(ballot);
  if (found == ballots_.end() || found->second.leader != leader) {
    Fail("P5", Name(leader) + " counts acceptance under " + Name(ballot) + ", which it does not lead");
    return;
  }
  Position& accepted = found->second.accepted[acceptor];
  accepted = std::max(accepted, position);
  Choose(ballot, found->second);
}

// When a change becomes chosen, more may be.
void Invariants::Choose(Ballot ballot, BallotLog& log) {
  while (ChooseOnce(ballot, log)) {
  }
}

// Returns whether a change has become chosen.
bool Invariants::ChooseOnce(Ballot ballot, BallotLog& log) {
  Position majority(~std::uint64_t{0});
  for (const Electorate& electorate : WhoCounts(log)) {
    std::vector<Position> reached;
    for (const Member& member : electorate.counts) {
      const auto accepted = log.accepted.find(member);
      if (accepted != log.accepted.end()) {
        reached.push_back(accepted->second);
      }
    }
    if (reached.size() < electorate.majority) {
      return false;
    }
    std::ranges::sort(reached, std::greater<>());
    majority = std::min(majority, reached[electorate.majority - 1]);
  }
  if (log.record_end == Position() || majority < log.record_end) {
    return false;  // nothing counts before the ballot record
  }
  // Newly chosen: the appended entries up to `majority`, and whatever of the adopted prefix was not known as
  // chosen.
  Slot last = log.start.slot;
  for (const auto& [slot, value] : log.appended) {
    if (value.to <= majority) {
      last = slot;
    }
  }
  Slot& under = chosen_under_[ballot];
  under = std::max(under, last);
  if (last <= chosen_to_) {
    if (chosen_.at(last).checksum != log.appended.at(last).checksum) {
      Fail("P4", Name(ballot) + " chooses another value for slot " + Name(last) + " than the chosen one");
    }
    return false;
  }
  bool changed = false;
  std::uint64_t checksum = log.appended.at(last).checksum;
  for (Slot slot = last; slot > chosen_to_; slot = Slot(slot.value() - 1)) {
    const auto before = previous_.find(checksum);
    if (before == previous_.end()) {
      Fail("P3", "slot " + Name(slot) + " of " + Name(ballot) + " was proposed by nobody");
      break;
    }
    chosen_[slot] = by_checksum_[checksum];
    if (changes_.contains(checksum)) {
      chosen_changes_.insert(checksum);
      changed = true;
    }
    checksum = before->second.second;
  }
  if (chosen_to_.value() > 0 && chosen_.at(chosen_to_).checksum != checksum) {
    Fail("P4", "what " + Name(ballot) + " chooses does not continue what was chosen up to slot " +
                   Name(chosen_to_));
  }
  chosen_to_ = last;
  return changed;
}

Slot Invariants::ChosenBelow(Ballot ballot) const {
  Slot last;
  for (auto it = chosen_under_.begin(); it != chosen_under_.end() && it->first < ballot; ++it) {
    last = std::max(last, it->second);
  }
  return last;
}

void Invariants::OnCommit(Member replica, const Cursor& commit) {
  ++checks_;
  Position& committed = committed_[replica];
  if (commit.position < committed) {
    Fail("P5", "the commit of " + Name(replica) + " goes back from " + Name(committed) + " to " +
                   Name(commit.position));
  }
  committed = commit.position;
  const auto chosen = chosen_.find(commit.slot);
  if (chosen == chosen_.end()) {
    Fail("P5", Name(replica) + " commits slot " + Name(commit.slot) + ", which no majority has accepted");
  } else if (chosen->second.checksum != commit.checksum || chosen->second.to != commit.position) {
    Fail("P4",
         Name(replica) + " commits another value for slot " + Name(commit.slot) + " than the chosen one");
  }
}

void Invariants::OnApply(Member replica, const Entry& entry) {
  ++checks_;
  auto& [slot, position] = applied_[replica];
  if (entry.slot().value() != slot.value() + 1) {
    Fail("P6", Name(replica) + " applies slot " + Name(entry.slot()) + " after " + Name(slot));
  }
  slot = entry.slot();
  position = entry.range.to;
  const auto [known, fresh] = applied_checksum_.emplace(entry.slot(), entry.header.checksum);
  if (!fresh && known->second != entry.header.checksum) {
    Fail("P6", Name(replica) + " applies another value for slot " + Name(slot) + " than others did");
  }
  const auto chosen = chosen_.find(entry.slot());
  if (chosen == chosen_.end() || chosen->second.checksum != entry.header.checksum) {
    Fail("P6", Name(replica) + " applies slot " + Name(slot) + " with a value that is not chosen");
  }
}

void Invariants::OnInstall(Member replica, const Cursor& cursor) {
  OnCommit(replica, cursor);
  auto& [slot, position] = applied_[replica];
  if (cursor.slot <= slot) {
    Fail("P6", Name(replica) + " goes back from slot " + Name(slot) + " to a snapshot of slot " +
                   Name(cursor.slot));
  }
  slot = cursor.slot;
  position = cursor.position;
}

void Invariants::OnReuse(Member leader, Position limit, std::span<const Member> in_sync) {
  ++checks_;
  // By the log as it stood when that was its in-sync set: perhaps before a change or more of its own.
  const auto led = std::find_if(ballots_.rbegin(), ballots_.rend(),
                                [leader](const auto& each) { return each.second.leader == leader; });
  bool enough = false;
  for (std::size_t known = led == ballots_.rend() ? 0 : led->second.changes.size() + 1; !enough && known > 0;
       --known) {
    const std::span<const std::uint64_t> changes(led->second.changes.data(), known - 1);
    enough = Decide(in_sync, WhoCounts(changes, changes.size()));
    if (known - 1 == led->second.changes_at_start) {
      break;
    }
  }
  if (!enough) {
    Fail("P8", "the in-sync set of " + Name(leader) + " is below a majority");
  }
  for (const Member& voter : in_sync) {
    const auto applied = applied_.find(voter);
    const Position reached = applied == applied_.end() ? Position() : applied->second.second;
    if (reached < limit) {
      Fail("P8", Name(leader) + " overwrites up to " + Name(limit) + ", but " + Name(voter) +
                     " has applied only up to " + Name(reached));
    }
  }
}

}  // namespace gaios::paxos
