#include "tests/sim/agreed.h"

#include <absl/strings/str_cat.h>

namespace gaios::sim {
namespace {

constexpr std::size_t kViolationsKept = 20;

std::string NameOf(const AppliedCommand& command) {
  return absl::StrCat("command ", command.session, ":", command.sequence, " in slot ", command.slot);
}

const char* NameOf(rsm::Applied how) {
  switch (how) {
    case rsm::Applied::kApplied:
      return "run";
    case rsm::Applied::kDuplicate:
      return "found run before";
    case rsm::Applied::kReplyForgotten:
      return "found run long before";
    case rsm::Applied::kExpired:
      return "found to have no session";
    case rsm::Applied::kOutOfOrder:
      return "found out of order";
  }
  return "unknown";
}

}  // namespace

void Agreed::Fail(std::string what) {
  if (violations_.size() < kViolationsKept) {
    violations_.push_back(std::move(what));
  }
}

void Agreed::OnApplied(paxos::Member replica, const AppliedCommand& command) {
  std::size_t& count = applied_[replica];
  const std::size_t index = count++;
  if (index >= commands_.size()) {
    Extend(command);
    return;
  }
  const AppliedCommand& known = commands_[index];
  if (known == command) {
    return;
  }
  const std::string who = absl::StrCat("replica ", replica.id.value(), ".", replica.incarnation.value(),
                                       " applies as number ", index, " ", NameOf(command));
  if (known.slot != command.slot || known.session != command.session || known.sequence != command.sequence ||
      known.command_digest != command.command_digest) {
    Fail(absl::StrCat("agreement: ", who, ", where others applied ", NameOf(known)));
  } else if (known.how != command.how) {
    Fail(absl::StrCat("agreement: ", who, ", ", NameOf(command.how), "; at others it was ",
                      NameOf(known.how)));
  } else if (known.reply_digest != command.reply_digest) {
    Fail(absl::StrCat("agreement: ", who, " with another reply than others had"));
  } else {
    Fail(absl::StrCat("agreement: ", who, " and has another state after it than others have"));
  }
}

void Agreed::Extend(const AppliedCommand& command) {
  const std::size_t index = commands_.size();
  commands_.push_back(command);
  place_of_.push_back(ran_);
  if (command.how == rsm::Applied::kApplied) {
    ++ran_;
    if (command.session == 0) {
      ++sessionless_[command.command_digest];
      return;
    }
    std::vector<std::size_t>& ran = sessions_[command.session];
    if (command.sequence != ran.size() + 1) {
      Fail(absl::StrCat("exactly once: ", NameOf(command), " is run after number ", ran.size(),
                        " of its session"));
      return;
    }
    ran.push_back(index);
    return;
  }
  const Place before = Find(command.session, command.sequence);
  const bool said_to_have_run =
      command.how == rsm::Applied::kDuplicate || command.how == rsm::Applied::kReplyForgotten;
  retried_ += said_to_have_run ? 1U : 0U;
  if (said_to_have_run && !before.ran) {
    Fail(absl::StrCat("exactly once: ", NameOf(command), " is said to have been run before, and was not"));
  } else if (command.how == rsm::Applied::kOutOfOrder && before.ran) {
    Fail(absl::StrCat("exactly once: ", NameOf(command), " was run before, and is ", NameOf(command.how)));
  } else if (command.how == rsm::Applied::kDuplicate &&
             commands_[before.index].reply_digest != command.reply_digest) {
    Fail(absl::StrCat("exactly once: ", NameOf(command), " is answered again with another reply"));
  }
}

std::size_t Agreed::applied(paxos::Member replica) const {
  const auto found = applied_.find(replica);
  return found == applied_.end() ? 0 : found->second;
}

Agreed::Place Agreed::Find(std::uint64_t session, std::uint64_t sequence) const {
  const auto found = sessions_.find(session);
  if (found == sessions_.end() || sequence == 0 || sequence > found->second.size()) {
    return {};
  }
  const std::size_t index = found->second[sequence - 1];
  return {true, place_of_[index], index};
}

std::size_t Agreed::Runs(std::uint64_t command_digest) const {
  const auto found = sessionless_.find(command_digest);
  return found == sessionless_.end() ? 0 : found->second;
}

}  // namespace gaios::sim
