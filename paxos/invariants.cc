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

Invariants::Invariants(Configuration configuration) : configuration_(configuration) {}

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
  const std::vector<std::uint64_t> readmissions = ReadmissionsBefore(end);
  const std::set<Member> counts = WhoCounts(readmissions);
  std::set<ReplicaId> counted;
  for (const Member& voter : voters) {
    if (!counts.contains(voter)) {
      Fail("P7", Name(leader) + " counts the promise of " + Name(voter));
    }
    if (promised_[voter].ballot < ballot) {
      Fail("P1",
           Name(leader) + " counts a promise of " + Name(ballot) + " that " + Name(voter) + " did not give");
    }
    counted.insert(voter.id);
  }
  if (counted.size() < configuration_.majority()) {
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
  log.readmissions = readmissions;
}

// The chain that ends at `end`, walked to its beginning.
std::vector<std::uint64_t> Invariants::ReadmissionsBefore(const Cursor& end) const {
  std::vector<std::uint64_t> found;
  if (readmissions_.empty()) {
    return found;
  }
  std::uint64_t checksum = end.checksum;
  for (auto before = previous_.find(checksum); before != previous_.end(); before = previous_.find(checksum)) {
    if (readmissions_.contains(checksum)) {
      found.insert(found.begin(), checksum);
    }
    checksum = before->second.second;
  }
  return found;
}

std::set<Member> Invariants::WhoCounts(const std::vector<std::uint64_t>& readmissions) const {
  std::map<ReplicaId, Incarnation> votes_as;
  for (const Member& voter : configuration_.voters()) {
    votes_as[voter.id] = voter.incarnation;
  }
  for (const std::uint64_t checksum : readmissions) {
    const Readmission& readmission = readmissions_.at(checksum);
    Incarnation& incarnation = votes_as[readmission.replica];
    if (incarnation != readmission.old) {
      continue;  // overtaken by a later one
    }
    incarnation = chosen_readmissions_.contains(checksum) ? readmission.fresh : Incarnation();
  }
  std::set<Member> counts;
  for (const auto& [id, incarnation] : votes_as) {
    if (incarnation != Incarnation()) {
      counts.insert({id, incarnation});
    }
  }
  return counts;
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
  if (entry.kind() == EntryKind::kReadmission) {
    const std::optional<Readmission> readmission = DecodeReadmission(entry.payload);
    if (!readmission.has_value()) {
      Fail("P7", Name(leader) + " appends a readmission of nobody");
      return;
    }
    for (const std::uint64_t earlier : log.readmissions) {
      if (!chosen_readmissions_.contains(earlier)) {
        Fail("P7", Name(leader) + " appends a readmission while another is not chosen");
      }
    }
    readmissions_[value.checksum] = *readmission;
    log.readmissions.push_back(value.checksum);
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

// When a readmission becomes chosen, more may be.
void Invariants::Choose(Ballot ballot, BallotLog& log) {
  while (ChooseOnce(ballot, log)) {
  }
}

// Returns whether a readmission has become chosen.
bool Invariants::ChooseOnce(Ballot ballot, BallotLog& log) {
  std::vector<Position> reached;
  for (const Member& member : WhoCounts(log.readmissions)) {
    const auto accepted = log.accepted.find(member);
    if (accepted != log.accepted.end()) {
      reached.push_back(accepted->second);
    }
  }
  if (reached.size() < configuration_.majority()) {
    return false;
  }
  std::ranges::sort(reached, std::greater<>());
  const Position majority = reached[configuration_.majority() - 1];
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
  bool readmitted = false;
  std::uint64_t checksum = log.appended.at(last).checksum;
  for (Slot slot = last; slot > chosen_to_; slot = Slot(slot.value() - 1)) {
    const auto before = previous_.find(checksum);
    if (before == previous_.end()) {
      Fail("P3", "slot " + Name(slot) + " of " + Name(ballot) + " was proposed by nobody");
      break;
    }
    chosen_[slot] = by_checksum_[checksum];
    if (readmissions_.contains(checksum)) {
      chosen_readmissions_.insert(checksum);
      readmitted = true;
    }
    checksum = before->second.second;
  }
  if (chosen_to_.value() > 0 && chosen_.at(chosen_to_).checksum != checksum) {
    Fail("P4", "what " + Name(ballot) + " chooses does not continue what was chosen up to slot " +
                   Name(chosen_to_));
  }
  chosen_to_ = last;
  return readmitted;
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
  if (in_sync.size() < configuration_.majority()) {
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
