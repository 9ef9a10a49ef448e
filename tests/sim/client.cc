#include "tests/sim/client.h"

#include <algorithm>
#include <utility>

#include <absl/strings/str_cat.h>

namespace gaios::sim {
namespace {

constexpr std::uint64_t kMs = 1'000'000;
constexpr std::uint64_t kNever = ~std::uint64_t{0};

}  // namespace

Client::Client(const ClientOptions& options, OrderFlow flow, Mail& mail, Record& record, Trace& trace,
               Random random)
    : options_(options),
      flow_(std::move(flow)),
      mail_(mail),
      record_(record),
      trace_(trace),
      random_(random),
      guess_(static_cast<std::uint8_t>(random_.Below(options.replicas))) {}

void Client::Say(std::string_view what) {
  if (trace_.on()) {
    trace_.Say(absl::StrCat("client ", options_.index), what);
  }
}

std::string Client::Waiting() const {
  return absl::StrCat("client ", options_.index, " (session ", session_, ") waits for ", open_.size(),
                      " commands", open_.empty() ? "" : absl::StrCat(" from number ", open_.front().sequence),
                      single_.has_value() ? ", one of no session" : "", read_.has_value() ? ", a read" : "",
                      ", and asks replica ", guess_.value());
}

std::uint64_t Client::NextNs() const {
  std::uint64_t next_ns = kNever;
  if (session_ == 0 || !idle()) {
    next_ns = send_again_ns_;
  }
  if (asking_ && session_ != 0 && open_.size() < window()) {
    next_ns = std::min(next_ns, next_ask_ns_);
  }
  return next_ns;
}

void Client::Step(std::uint64_t now_ns) {
  if ((session_ == 0 || !idle()) && now_ns >= send_again_ns_) {
    if (send_again_ns_ != 0 && random_.Chance(500)) {
      guess_ = ReplicaId(static_cast<std::uint8_t>(random_.Below(options_.replicas)));
    }
    SendAll(now_ns);
  }
  if (asking_ && session_ != 0 && open_.size() < window() && now_ns >= next_ask_ns_) {
    next_ask_ns_ = now_ns + (burst_ ? 1'000 : random_.Gap(options_.think_ns));
    Ask(now_ns);
  }
}

void Client::Ask(std::uint64_t now_ns) {
  if (idle()) {
    send_again_ns_ = now_ns + options_.retry_ns;
  }
  if (!read_.has_value() && random_.Chance(options_.read_per_mille)) {
    read_ = Reading{NewProcess(), other_number_ + 1};
    record_.Read(read_->process, now_ns);
    SendRead(now_ns);
    return;
  }
  if (!single_.has_value() && random_.Chance(options_.sessionless_per_mille)) {
    Single single;
    single.number = ++other_number_;
    single.command = flow_.NextUnique();
    single.digest = DigestOf(single.command);
    single.process = NewProcess();
    record_.SentOnce(single.digest);
    record_.Submit(single.process, single.digest, now_ns);
    single_ = std::move(single);
    SendSingle(now_ns);
    return;
  }
  Open open;
  open.sequence = next_sequence_++;
  open.command = flow_.Next();
  open.digest = DigestOf(open.command);
  open.process = NewProcess();
  record_.Sent(session_, open.sequence, open.digest);
  record_.Submit(open.process, open.digest, now_ns);
  open_.push_back(std::move(open));
  SendOpen(open_.back(), now_ns);
}

// ---- sending
// ----------------------------------------------------------------------------------------------------------

void Client::Send(Request request, std::uint64_t now_ns) {
  Letter letter;
  letter.to_replica = true;
  letter.client = options_.index;
  letter.replica = guess_;
  letter.request = std::move(request);
  mail_.Post(std::move(letter), now_ns);
}

void Client::SendOpen(const Open& open, std::uint64_t now_ns) {
  Send({RequestKind::kSubmit, open.sequence, {session_, open.sequence}, open.command}, now_ns);
}

void Client::SendSingle(std::uint64_t now_ns) {
  single_->sent = true;
  single_->sent_ns = now_ns;
  Send({RequestKind::kSubmit, single_->number, {}, single_->command}, now_ns);
}

void Client::SendRead(std::uint64_t now_ns) {
  Send({RequestKind::kRead, ++other_number_, {}, {}}, now_ns);
}

void Client::SendAll(std::uint64_t now_ns) {
  send_again_ns_ = now_ns + options_.retry_ns / 2 + random_.Below(options_.retry_ns);
  if (session_ == 0) {
    Send({RequestKind::kOpenSession, ++other_number_, {}, {}}, now_ns);
    return;
  }
  for (const Open& open : open_) {
    if (!open.done) {
      SendOpen(open, now_ns);
    }
  }
  if (read_.has_value()) {
    SendRead(now_ns);
  }
  if (single_.has_value() && !single_->sent) {
    SendSingle(now_ns);
  } else if (single_.has_value() && now_ns - single_->sent_ns > 4 * options_.retry_ns) {
    // It may have been run, and may yet be: to send it again could run it twice.
    record_.Unknown(single_->process, now_ns);
    single_.reset();
  }
}

void Client::TryLater(std::uint64_t now_ns, std::uint64_t after_ns) {
  send_again_ns_ = std::min(send_again_ns_, now_ns + after_ns);
}

void Client::TryElsewhere(ReplicaId from, const Response& response, std::uint64_t now_ns) {
  if (from == guess_) {
    guess_ = response.answer == Answer::kNotLeader && response.leader != from
                 ? response.leader
                 : ReplicaId(static_cast<std::uint8_t>((from.value() + 1U) % options_.replicas));
  }
  TryLater(now_ns, kMs + random_.Below(4 * kMs));
}

// ---- answers
// ----------------------------------------------------------------------------------------------------------

void Client::OnResponse(ReplicaId from, const Response& response, std::uint64_t now_ns) {
  switch (response.kind) {
    case RequestKind::kOpenSession:
      if (session_ != 0) {
        return;  // it has one; this one is left to be forgotten
      }
      if (response.answer == Answer::kDone && response.session != 0) {
        session_ = response.session;
        next_sequence_ = 1;
        next_ask_ns_ = now_ns;
        guess_ = from;
        Say(absl::StrCat("has session ", session_));
      } else if (response.answer != Answer::kDone) {
        TryElsewhere(from, response, now_ns);
      }
      return;
    case RequestKind::kRead:
      OnRead(from, response, now_ns);
      return;
    case RequestKind::kSubmit:
      if (response.number > kOtherNumbers) {
        OnSingle(from, response, now_ns);
      } else {
        OnSubmitted(from, response, now_ns);
      }
      return;
  }
}

void Client::OnRead(ReplicaId from, const Response& response, std::uint64_t now_ns) {
  if (!read_.has_value() || response.number < read_->first_number) {
    return;
  }
  if (response.answer != Answer::kDone) {
    TryElsewhere(from, response, now_ns);
    return;
  }
  record_.WasRead(read_->process, response.place, response.digest, now_ns);
  read_.reset();
  digest_.Add(now_ns);
  digest_.Add(response.digest);
}

void Client::OnSingle(ReplicaId from, const Response& response, std::uint64_t now_ns) {
  if (!single_.has_value() || response.number != single_->number) {
    return;
  }
  switch (response.answer) {
    case Answer::kDone:
      record_.Acknowledged(
          single_->process,
          {0, 0, single_->digest, response.place, response.place_known, true, response.digest}, now_ns);
      ++committed_;
      single_.reset();
      return;
    case Answer::kNotLeader:
    case Answer::kFull:
      single_->sent = false;  // it was not taken: it may be sent again
      TryElsewhere(from, response, now_ns);
      return;
    case Answer::kUnknown:
      record_.Unknown(single_->process, now_ns);
      single_.reset();
      return;
  }
}

void Client::OnSubmitted(ReplicaId from, const Response& response, std::uint64_t now_ns) {
  const auto open =
      std::ranges::find_if(open_, [&response](const Open& each) { return each.sequence == response.number; });
  if (open == open_.end() || open->done || response.session != session_) {
    return;
  }
  if (response.answer == Answer::kFull) {
    TryLater(now_ns, 2 * kMs);
    return;
  }
  if (response.answer != Answer::kDone) {
    TryElsewhere(from, response, now_ns);
    return;
  }
  guess_ = from;
  switch (response.how) {
    case rsm::Applied::kOutOfOrder:
      TryLater(now_ns, kMs);
      return;
    case rsm::Applied::kExpired:
      LoseSession(now_ns);
      return;
    case rsm::Applied::kApplied:
    case rsm::Applied::kDuplicate:
    case rsm::Applied::kReplyForgotten:
      break;
  }
  record_.Acknowledged(open->process,
                       {session_, open->sequence, open->digest, response.place, response.place_known,
                        response.how != rsm::Applied::kReplyForgotten, response.digest},
                       now_ns);
  ++committed_;
  digest_.Add(now_ns);
  digest_.Add(response.digest);
  if (trace_.on()) {
    Say(absl::StrCat("is told by replica ", from.value(), " that number ", open->sequence,
                     " is done, at place ", response.place,
                     response.how == rsm::Applied::kApplied ? "" : " (it had been before)"));
  }
  open->done = true;
  while (!open_.empty() && open_.front().done) {
    open_.pop_front();
  }
  send_again_ns_ = std::max(send_again_ns_, now_ns + options_.retry_ns / 2);
}

void Client::LoseSession(std::uint64_t now_ns) {
  Say("has lost its session");
  for (const Open& open : open_) {
    if (!open.done) {
      record_.Unknown(open.process, now_ns);
    }
  }
  open_.clear();
  session_ = 0;
  TryLater(now_ns, kMs);
}

}  // namespace gaios::sim
