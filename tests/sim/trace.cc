#include "tests/sim/trace.h"

#include <absl/strings/str_cat.h>

namespace gaios::sim {
std::string NameOf(paxos::Member member) {
  return absl::StrCat(member.id.value(), ".", member.incarnation.value());
}

std::string NameOf(paxos::Ballot ballot) {
  return absl::StrCat("ballot ", ballot.round(), "/", ballot.replica().value(), ".",
                      ballot.incarnation().value());
}

namespace {

const char* KindName(paxos::EntryKind kind) {
  switch (kind) {
    case paxos::EntryKind::kFiller:
      return "filler";
    case paxos::EntryKind::kBallotRecord:
      return "ballot record";
    case paxos::EntryKind::kBatch:
      return "batch";
    case paxos::EntryKind::kReadmission:
      return "readmission";
    case paxos::EntryKind::kConfigurationChange:
      return "configuration change";
  }
  return "unknown";
}

std::string EntryText(const paxos::Entry& entry) {
  std::string name = absl::StrCat("slot ", entry.slot().value(), " (", KindName(entry.kind()), " of ",
                                  NameOf(entry.ballot()), ", bytes ", entry.range.from.value(), " to ",
                                  entry.range.to.value());
  if (entry.header.commands > 0) {
    absl::StrAppend(&name, ", ", entry.header.commands, " commands");
  }
  return name + ")";
}

std::string Who(paxos::Member member) {
  return "replica " + NameOf(member);
}

}  // namespace

void Trace::Say(std::string_view who, std::string_view what) {
  if (out_ == nullptr) {
    return;
  }
  const std::uint64_t now_ns = now_ns_ ? now_ns_() : 0;
  std::fprintf(out_, "%6llu.%06llu ms  %-12.*s %.*s\n", static_cast<unsigned long long>(now_ns / 1'000'000),
               static_cast<unsigned long long>(now_ns % 1'000'000), static_cast<int>(who.size()), who.data(),
               static_cast<int>(what.size()), what.data());
}

void Trace::OnPromise(paxos::Member acceptor, paxos::Grant grant) {
  if (on()) {
    Say(Who(acceptor), absl::StrCat("promises ", NameOf(grant.ballot), ", grant number ", grant.number));
  }
}

void Trace::OnGranted(paxos::Member owner, paxos::Grant grant) {
  if (on()) {
    Say(Who(owner), absl::StrCat("has fenced its log and granted it to ", NameOf(grant.ballot), ", number ",
                                 grant.number));
  }
}

void Trace::OnLead(paxos::Member leader, paxos::Ballot ballot, std::span<const paxos::Member> voters,
                   const paxos::Cursor& end) {
  if (on()) {
    std::string by;
    for (const paxos::Member& voter : voters) {
      absl::StrAppend(&by, by.empty() ? "" : ", ", NameOf(voter));
    }
    Say(Who(leader), absl::StrCat("leads ", NameOf(ballot), ", promised by ", by, "; its log ends at slot ",
                                  end.slot.value(), ", byte ", end.position.value()));
  }
}

void Trace::OnAppend(paxos::Member leader, paxos::Ballot /*ballot*/, const paxos::Entry& entry) {
  if (on()) {
    Say(Who(leader), "appends " + EntryText(entry));
  }
}

void Trace::OnAccept(paxos::Member leader, paxos::Ballot ballot, paxos::Member acceptor,
                     paxos::Position position) {
  if (on()) {
    Say(Who(leader), absl::StrCat("counts ", NameOf(acceptor), " up to byte ", position.value(), " under ",
                                  NameOf(ballot)));
  }
}

void Trace::OnCommit(paxos::Member replica, const paxos::Cursor& commit) {
  if (on()) {
    Say(Who(replica), absl::StrCat("knows slot ", commit.slot.value(), " (up to byte ",
                                   commit.position.value(), ") to be committed"));
  }
}

void Trace::OnInstall(paxos::Member replica, const paxos::Cursor& cursor) {
  if (on()) {
    Say(Who(replica), absl::StrCat("goes on from a snapshot of slot ", cursor.slot.value(), " (byte ",
                                   cursor.position.value(), ")"));
  }
}

void Trace::OnApply(paxos::Member replica, const paxos::Entry& entry) {
  if (on()) {
    Say(Who(replica), absl::StrCat("applies slot ", entry.slot().value()));
  }
}

}  // namespace gaios::sim
