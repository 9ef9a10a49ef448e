#include "tests/sim/record.h"

#include <utility>

#include <absl/status/status.h>
#include <absl/strings/str_cat.h>

namespace gaios::sim {
namespace {

using linearizability::Event;
using linearizability::EventType;
using linearizability::Function;

constexpr std::size_t kViolationsKept = 20;

std::string NameOf(const Record::Acknowledgement& acknowledgement) {
  return absl::StrCat("command ", acknowledgement.session, ":", acknowledgement.sequence);
}

void Fail(std::vector<std::string>& violations, std::string what) {
  if (violations.size() < kViolationsKept) {
    violations.push_back(std::move(what));
  }
}

}  // namespace

void Record::Add(Process process, EventType type, Function function, std::uint64_t time_ns, Event event) {
  event.line = ++line_;
  event.process = process;
  event.type = type;
  event.function = function;
  event.time_ns = time_ns;
  if (const absl::Status added = history_.Add(event); !added.ok()) {
    Fail(violations_, absl::StrCat("history: ", added.message()));
  }
}

void Record::Submit(Process process, std::uint64_t command_digest, std::uint64_t time_ns) {
  Event event;
  event.value = absl::StrCat(command_digest);
  Add(process, EventType::kInvoke, Function::kSubmit, time_ns, std::move(event));
}

void Record::Read(Process process, std::uint64_t time_ns) {
  Add(process, EventType::kInvoke, Function::kRead, time_ns, {});
}

void Record::Sent(std::uint64_t session, std::uint64_t sequence, std::uint64_t command_digest) {
  std::vector<std::uint64_t>& sent = sent_[session];
  if (sequence == sent.size() + 1) {
    sent.push_back(command_digest);
  } else if (sequence == 0 || sequence > sent.size() || sent[sequence - 1] != command_digest) {
    Fail(violations_, absl::StrCat("client: number ", sequence, " of session ", session, " is used twice"));
  }
}

void Record::SentOnce(std::uint64_t command_digest) {
  ++sent_once_[command_digest];
}

void Record::Acknowledged(Process process, const Acknowledgement& acknowledgement, std::uint64_t time_ns) {
  Event event;
  if (acknowledgement.place_known) {
    event.slot = acknowledgement.place;
  }
  Add(process, EventType::kOk, Function::kSubmit, time_ns, std::move(event));
  acknowledgements_.push_back(acknowledgement);
}

void Record::WasRead(Process process, std::uint64_t commands, std::uint64_t state_hash,
                     std::uint64_t time_ns) {
  Event event;
  event.slot = commands;
  event.value = absl::StrCat(state_hash);
  Add(process, EventType::kOk, Function::kRead, time_ns, std::move(event));
  ++reads_;
}

void Record::Unknown(Process process, std::uint64_t time_ns) {
  Add(process, EventType::kInfo, Function::kSubmit, time_ns, {});
}

std::vector<std::string> Record::Judge(const Agreed& agreed, std::uint64_t final_ran) const {
  std::vector<std::string> violations = violations_;
  for (const Acknowledgement& told : acknowledgements_) {
    if (told.session == 0) {
      if (agreed.Runs(told.command_digest) == 0) {
        Fail(violations, "lost: a command of no session was acknowledged and never run");
      } else if (told.place >= final_ran) {
        Fail(violations, absl::StrCat("lost: the acknowledged command at place ", told.place,
                                      " is not in the final state, which holds ", final_ran));
      }
      continue;
    }
    const Agreed::Place ran = agreed.Find(told.session, told.sequence);
    if (!ran.ran) {
      Fail(violations, absl::StrCat("lost: ", NameOf(told), " was acknowledged and never run"));
    } else if (ran.place >= final_ran) {
      Fail(violations, absl::StrCat("lost: acknowledged ", NameOf(told), " at place ", ran.place,
                                    " is not in the final state, which holds ", final_ran));
    } else if (told.place_known && told.place != ran.place) {
      Fail(violations, absl::StrCat("exactly once: ", NameOf(told), " was run at place ", ran.place,
                                    " and acknowledged for place ", told.place));
    } else if (told.reply_known && told.reply_digest != agreed[ran.index].reply_digest) {
      Fail(violations, absl::StrCat("exactly once: ", NameOf(told), " was acknowledged with another reply"));
    }
  }
  for (std::size_t i = 0; i < agreed.size(); ++i) {
    const AppliedCommand& applied = agreed[i];
    if (applied.session == 0) {
      const auto sent = sent_once_.find(applied.command_digest);
      if (sent == sent_once_.end()) {
        Fail(violations, absl::StrCat("made up: slot ", applied.slot, " holds a command that nobody sent"));
      } else if (agreed.Runs(applied.command_digest) > sent->second) {
        Fail(violations,
             absl::StrCat("twice: a command of no session, in slot ", applied.slot,
                          " too, was sent once and run ", agreed.Runs(applied.command_digest), " times"));
      }
      continue;
    }
    const auto sent = sent_.find(applied.session);
    if (sent == sent_.end() || applied.sequence == 0 || applied.sequence > sent->second.size() ||
        sent->second[applied.sequence - 1] != applied.command_digest) {
      Fail(violations, absl::StrCat("made up: slot ", applied.slot, " holds command ", applied.session, ":",
                                    applied.sequence, ", which nobody sent"));
    }
  }
  const linearizability::Judgement judgement = linearizability::CheckHistory(history_, {});
  if (judgement.verdict != linearizability::Verdict::kLinearizable) {
    Fail(violations, absl::StrCat("linearizability: ", judgement.counter_example.text));
  }
  return violations;
}

}  // namespace gaios::sim
