#include "gaios/transport/fallback/fallback_transport.h"

#include <algorithm>
#include <utility>

#include "gaios/base/check.h"

namespace gaios::transport::fallback {
namespace {

// A return that lasts so many times the time before it was no flapping.
constexpr std::uint64_t kLastingFactor = 10;
// Polls that counts as waiting, of the time after which a path is given up: a caller that polls seldom is no
// fault of the path.
constexpr std::uint64_t kPollsOfStall = 8;
// Loss is looked at so often, and judged by so many packets at least.
constexpr std::uint64_t kLossIntervalNs = 10'000'000;
constexpr std::uint64_t kLossSample = 200;

}  // namespace

std::string_view SwitchReasonName(SwitchReason reason) {
  switch (reason) {
    case SwitchReason::kLinkDown:
      return "the link is down";
    case SwitchReason::kFailed:
      return "it failed";
    case SwitchReason::kStalled:
      return "nothing was done on it";
    case SwitchReason::kLossy:
      return "too much was lost on it";
    case SwitchReason::kBetterAgain:
      return "a better one is back";
  }
  return "unknown";
}

FallbackTransport::FallbackTransport(const FallbackOptions& options, std::span<const FallbackPath> paths)
    : options_(options), paths_(paths.begin(), paths.end()) {
  GAIOS_CHECK(!paths.empty() && paths.size() <= kMaxPaths, "a link has one to kMaxPaths paths");
  GAIOS_CHECK(options.clock != nullptr, "paths are watched by a clock");
  listeners_.reserve(paths.size());
  for (std::size_t path = 0; path < paths.size(); ++path) {
    GAIOS_CHECK(paths[path].transport->log() == log() && paths[path].transport->capacity() == capacity(),
                "all paths of a replica work on the same log");
    listeners_.emplace_back(*this, path);
  }
  for (Link& link : links_) {
    link.settle_ns = options.settle_ns;
  }
}

// ---- the owner's side

std::uint64_t FallbackTransport::ReadLogWord(LogWord which) const {
  // Words are zero when a grant is given, they only grow under it, and one path has them written.
  std::uint64_t value = 0;
  for (const FallbackPath& path : paths_) {
    value = std::max(value, path.transport->ReadLogWord(which));
  }
  return value;
}

void FallbackTransport::Publish(ControlWord which, std::uint64_t value) {
  for (const FallbackPath& path : paths_) {
    path.transport->Publish(which, value);
  }
}

void FallbackTransport::GrantTo(ReplicaId to, Grant grant) {
  granted_ = grant;
  grant_pending_ = (std::uint32_t{1} << paths_.size()) - 1;
  for (const FallbackPath& path : paths_) {
    path.transport->GrantTo(to, grant);
  }
}

// ---- the peer's side

template <typename PostOn>
Post FallbackTransport::PostOnPath(ReplicaId peer, const Grant& grant, Incarnation acceptor,
                                   std::uint64_t token, bool read, PostOn post_on) {
  Link& link = links_[peer.value()];
  if (link.acceptor != acceptor || link.grant != grant) [[unlikely]] {
    if (acceptor < link.acceptor || (acceptor == link.acceptor && grant < link.grant)) {
      // Left behind for a later one, which the bound path has: it knows that this one is over.
      return link.bound.has_value() ? post_on(*paths_[*link.bound].transport) : Post::kDown;
    }
    link.grant = grant;
    link.acceptor = acceptor;
    link.bound.reset();
    link.over = false;
    link.waiting = false;
    link.written = false;
  }
  if (link.over) [[unlikely]] {
    return Post::kDown;
  }
  Post posted = Post::kDown;
  if (link.bound.has_value()) [[likely]] {
    posted = post_on(*paths_[*link.bound].transport);
    if (posted == Post::kDown) [[unlikely]] {
      End(link, SwitchReason::kFailed);
    }
  } else {
    // The best that has done nothing wrong of late; or else the best.
    for (const bool trusted : {true, false}) {
      for (std::size_t path = 0; path < paths_.size() && posted == Post::kDown; ++path) {
        if (Usable(link, path) && Trusted(link, path) == trusted) {
          posted = post_on(*paths_[path].transport);
          if (posted == Post::kPosted) {
            Bind(link, peer, path);
          }
        }
      }
    }
  }
  if (posted == Post::kPosted) {
    link.waited_ns = link.waiting ? link.waited_ns : 0;
    link.waiting = true;
    link.awaited = token;
    link.awaited_read = read;
    link.written = link.written || !read;
  }
  return posted;
}

Post FallbackTransport::Write(ReplicaId peer, Grant grant, Incarnation acceptor, Range range,
                              std::uint64_t token) {
  return PostOnPath(peer, grant, acceptor, token, false,
                    [&](Transport& path) { return path.Write(peer, grant, acceptor, range, token); });
}

Post FallbackTransport::WriteWord(ReplicaId peer, Grant grant, Incarnation acceptor, LogWord which,
                                  std::uint64_t value, std::uint64_t token) {
  return PostOnPath(peer, grant, acceptor, token, false, [&](Transport& path) {
    return path.WriteWord(peer, grant, acceptor, which, value, token);
  });
}

Post FallbackTransport::ReadLog(ReplicaId peer, Grant grant, Incarnation acceptor, Range range,
                                std::uint64_t token) {
  if (reading_) {
    return Post::kFull;
  }
  const Post posted = PostOnPath(peer, grant, acceptor, token, true, [&](Transport& path) {
    return path.ReadLog(peer, grant, acceptor, range, token);
  });
  if (posted == Post::kPosted) {
    reading_ = true;
    read_peer_ = peer;
    read_token_ = token;
  }
  return posted;
}

Post FallbackTransport::ReadControl(ReplicaId peer) {
  Link& link = links_[peer.value()];
  if (!link.up) {
    return Post::kDown;
  }
  if (link.looks.full()) {
    return Post::kFull;
  }
  std::uint32_t taken = 0;
  bool full = false;
  for (std::size_t path = 0; path < paths_.size(); ++path) {
    if (!Usable(link, path)) {
      continue;
    }
    // One that has stood still for so many looks is not asked for more.
    const Post posted = link.looks.Full(path) ? Post::kFull : paths_[path].transport->ReadControl(peer);
    taken |= posted == Post::kPosted ? std::uint32_t{1} << path : 0;
    full = full || posted == Post::kFull;
  }
  if (taken == 0) {
    return full ? Post::kFull : Post::kDown;
  }
  link.looks.Post(taken);
  return Post::kPosted;
}

void FallbackTransport::Send(ReplicaId peer, std::span<const std::byte> message) {
  const Link& link = links_[peer.value()];
  for (std::size_t path = 0; path < paths_.size(); ++path) {
    if (Usable(link, path)) {
      paths_[path].transport->Send(peer, message);
    }
  }
}

void FallbackTransport::Abandon(ReplicaId peer) {
  Link& link = links_[peer.value()];
  if (!link.over) {
    End(link, SwitchReason::kFailed);
  }
  for (const FallbackPath& path : paths_) {
    path.transport->Abandon(peer);
  }
  reading_ = reading_ && read_peer_ != peer;
}

void FallbackTransport::StandBy() {
  for (const FallbackPath& path : paths_) {
    path.transport->StandBy();
  }
}

// ---- which path

std::size_t FallbackTransport::path(ReplicaId peer) const {
  const Link& link = links_[peer.value()];
  for (std::size_t path = 0; path < paths_.size() && !Usable(link, link.last); ++path) {
    if (Usable(link, path)) {
      return path;
    }
  }
  return link.last;
}

void FallbackTransport::Bind(Link& link, ReplicaId peer, std::size_t path) {
  link.bound = path;
  if (paths_[path].gauge != nullptr) {
    link.loss_from = paths_[path].gauge->Read(peer);
    link.loss_at_ns = now_ns_ + kLossIntervalNs;
  }
  const std::size_t before = std::exchange(link.last, path);
  if (path == before) {
    if (link.why_over == SwitchReason::kBetterAgain) {
      // The better path did not take the grant after all.
      link.settle_ns = std::min(link.settle_ns * 2, options_.max_settle_ns);
      for (std::size_t better = 0; better < path; ++better) {
        link.ways[better].well_since_ns = now_ns_;
      }
    }
  } else {
    ++link.switches;
    const SwitchReason reason = path < before          ? SwitchReason::kBetterAgain
                                : Usable(link, before) ? link.why_over
                                                       : SwitchReason::kLinkDown;
    link.switched_for = reason;
    Count({.peer = peer, .from = before, .to = path, .reason = reason});
    if (path < before) {
      link.returned_ns = now_ns_;
    } else if (link.returned_ns != 0) {
      const bool lasted = now_ns_ - link.returned_ns >= kLastingFactor * link.settle_ns;
      link.settle_ns = lasted ? options_.settle_ns : std::min(link.settle_ns * 2, options_.max_settle_ns);
    }
  }
  link.why_over = SwitchReason::kFailed;
}

// The grant is used no more. The core hears of it by its next post, or by what fails of those under way.
void FallbackTransport::End(Link& link, SwitchReason reason) const {
  link.over = true;
  link.ended_ns = now_ns_;
  link.waiting = false;
  link.why_over = reason;
}

void FallbackTransport::Count(const Switch& what) {
  ++switches_[static_cast<std::size_t>(what.reason)];
  if (kept_ == latest_.size()) {
    std::move(latest_.begin() + 1, latest_.end(), latest_.begin());
    --kept_;
  }
  latest_[kept_++] = what;
}

std::vector<Switch> FallbackTransport::TakeSwitches() {
  return {latest_.begin(), latest_.begin() + static_cast<std::ptrdiff_t>(std::exchange(kept_, 0))};
}

void FallbackTransport::Watch(Link& link, ReplicaId peer, std::uint64_t passed_ns) {
  if (!link.bound.has_value() || link.over) {
    return;
  }
  const std::size_t bound = *link.bound;
  const std::uint64_t heard_within_ns = options_.stall_timeout_ns / 4 * 3;
  bool other = false;
  bool trusted = false;
  for (std::size_t path = 0; path < paths_.size(); ++path) {
    const bool usable = path != bound && Usable(link, path);
    other = other || (usable && now_ns_ - link.ways[path].heard_ns <= heard_within_ns);
    trusted = trusted || (usable && Trusted(link, path));
  }
  if (!other) {
    link.waited_ns = 0;  // it is the peer that stands still, or the only path
  }
  // Both look whether there is another path or not, so that what they have seen is of late.
  const bool still = StandsStill(link, peer, bound, passed_ns);
  const bool lossy = LosesTooMuch(link, peer, bound);
  if (still && other) {
    GiveUpPath(link, peer, bound, SwitchReason::kStalled);
  } else if (lossy && trusted) {
    GiveUpPath(link, peer, bound, SwitchReason::kLossy);
  } else if (MayGoBack(link, peer, bound) && !AnotherChanges(peer)) {
    End(link, SwitchReason::kBetterAgain);
  }
}

// Something is under way, and for a stall timeout nothing of it was done. While part of it gets there, as of
// a long write on a slow network, the path does not stand still.
bool FallbackTransport::StandsStill(Link& link, ReplicaId peer, std::size_t bound, std::uint64_t passed_ns) {
  if (!link.waiting) {
    return false;
  }
  link.waited_ns += passed_ns;
  const PathGauge* const gauge = paths_[bound].gauge;
  const std::uint64_t unsuspicious_ns = options_.stall_timeout_ns / kPollsOfStall;
  if (gauge != nullptr && link.waited_ns >= unsuspicious_ns) {
    const std::uint64_t progress = gauge->Read(peer).progress;
    if (progress != link.progress) {
      link.progress = progress;
      link.waited_ns = unsuspicious_ns;
    }
  }
  return link.waited_ns >= options_.stall_timeout_ns;
}

bool FallbackTransport::LosesTooMuch(Link& link, ReplicaId peer, std::size_t bound) {
  const PathGauge* const gauge = paths_[bound].gauge;
  if (gauge == nullptr || options_.loss_percent == 0 || now_ns_ < link.loss_at_ns) {
    return false;
  }
  link.loss_at_ns = now_ns_ + kLossIntervalNs;
  const PathReading now = gauge->Read(peer);
  const std::uint64_t sent = now.sent - link.loss_from.sent;
  if (sent < kLossSample) {
    return false;
  }
  const std::uint64_t lost = now.lost - link.loss_from.lost;
  link.loss_from = now;
  return lost * 100 >= sent * options_.loss_percent;
}

// A better path has been well for long enough, and what is under way may be broken off: no election is.
bool FallbackTransport::MayGoBack(const Link& link, ReplicaId peer, std::size_t bound) const {
  if (!link.written || (reading_ && read_peer_ == peer)) {
    return false;
  }
  for (std::size_t path = 0; path < bound; ++path) {
    if (Usable(link, path) && now_ns_ - link.ways[path].well_since_ns >= link.settle_ns) {
      return true;
    }
  }
  return false;
}

// Whether the grant of another link is over, and the next one not in use yet: its follower acknowledges
// nothing meanwhile. Returns wait for each other, so that a network that heals costs a leader one follower at
// a time, and not its majority. One that is not given again is not waited for longer than for a better path.
bool FallbackTransport::AnotherChanges(ReplicaId peer) const {
  for (std::size_t id = 0; id < links_.size(); ++id) {
    const Link& other = links_[id];
    const bool between = other.over || !other.bound.has_value();
    if (id != peer.value() && other.up && between && other.ended_ns != 0 &&
        now_ns_ - other.ended_ns < options_.settle_ns) {
      return true;
    }
  }
  return false;
}

// The path that carries the grant has done something wrong, though its link is up.
void FallbackTransport::GiveUpPath(Link& link, ReplicaId peer, std::size_t bound, SwitchReason reason) {
  link.ways[bound].well_since_ns = now_ns_;
  link.ways[bound].tarnished = true;
  End(link, reason);
  paths_[bound].transport->Abandon(peer);
  reading_ = reading_ && read_peer_ != peer;
}

// ---- what paths report

std::size_t FallbackTransport::Poll(EventHandler& handler) {
  handler_ = &handler;
  events_ = 0;
  const std::uint64_t before_ns = std::exchange(now_ns_, options_.clock->NowNs());
  const std::uint64_t passed_ns = std::min(now_ns_ - before_ns, options_.stall_timeout_ns / kPollsOfStall);
  for (std::size_t path = 0; path < paths_.size(); ++path) {
    paths_[path].transport->Poll(listeners_[path]);
  }
  for (std::size_t id = 0; id < links_.size(); ++id) {
    Watch(links_[id], ReplicaId(static_cast<std::uint8_t>(id)), passed_ns);
  }
  handler_ = nullptr;
  return events_;
}

void FallbackTransport::HandleControl(std::size_t path, ReplicaId peer, Outcome outcome,
                                      const ControlView& view) {
  Looks& looks = links_[peer.value()].looks;
  if (outcome == Outcome::kDone) {
    links_[peer.value()].ways[path].heard_ns = now_ns_;
    for (std::uint64_t answers = looks.Answered(path); answers > 0; --answers) {
      ++events_;
      handler_->OnControl(peer, outcome, view);
    }
  } else {
    looks.GivenUp(path);
  }
  for (std::uint64_t lost = looks.TakeLost(); lost > 0; --lost) {
    ++events_;
    handler_->OnControl(peer, Outcome::kDown, {});
  }
}

void FallbackTransport::HandleLinkUp(std::size_t path, ReplicaId peer, Incarnation incarnation) {
  Link& link = links_[peer.value()];
  Way& way = link.ways[path];
  way = {.up = true,
         .incarnation = incarnation,
         .well_since_ns = now_ns_,
         .tarnished = way.tarnished && way.incarnation == incarnation};
  if (link.up && incarnation <= link.incarnation) {
    return;  // another way to who is there, or what is left of a life that is over
  }
  if (link.up) {
    // The other ways are those of its former life, and have not heard of its end yet.
    link.up = false;
    End(link, SwitchReason::kLinkDown);
    ++events_;
    handler_->OnLinkDown(peer);
  }
  link.up = true;
  link.incarnation = incarnation;
  ++events_;
  handler_->OnLinkUp(peer, incarnation);
}

void FallbackTransport::HandleLinkDown(std::size_t path, ReplicaId peer) {
  Link& link = links_[peer.value()];
  link.ways[path].up = false;
  link.ways[path].tarnished = true;
  if (link.bound == path && !link.over) {
    End(link, SwitchReason::kLinkDown);
  }
  for (std::size_t other = 0; other < paths_.size(); ++other) {
    if (Usable(link, other)) {
      return;
    }
  }
  if (link.up) {
    link.up = false;
    ++events_;
    handler_->OnLinkDown(peer);
  }
}

void FallbackTransport::Listener::OnCompletion(const Completion& completion) {
  Link& link = transport_.links_[completion.peer.value()];
  if (link.bound == path_ && completion.grant == link.grant) {
    const bool read = completion.operation == Operation::kReadLog;
    link.waiting = link.waiting && (completion.token != link.awaited || read != link.awaited_read);
    link.waited_ns = 0;
  }
  if (completion.operation == Operation::kReadLog && completion.peer == transport_.read_peer_ &&
      completion.token == transport_.read_token_) {
    transport_.reading_ = false;
  }
  ++transport_.events_;
  transport_.handler_->OnCompletion(completion);
}

void FallbackTransport::Listener::OnControl(ReplicaId peer, Outcome outcome, const ControlView& view) {
  transport_.HandleControl(path_, peer, outcome, view);
}

void FallbackTransport::Listener::OnMessage(ReplicaId from, Incarnation incarnation,
                                            std::span<const std::byte> bytes) {
  Link& link = transport_.links_[from.value()];
  link.ways[path_].heard_ns = transport_.now_ns_;
  if (link.up && incarnation == link.incarnation) {
    ++transport_.events_;
    transport_.handler_->OnMessage(from, incarnation, bytes);
  }
}

void FallbackTransport::Listener::OnGranted(Grant grant) {
  const std::uint32_t bit = std::uint32_t{1} << path_;
  if (grant != transport_.granted_ || (transport_.grant_pending_ & bit) == 0) {
    return;
  }
  transport_.grant_pending_ &= ~bit;
  if (transport_.grant_pending_ == 0) {
    ++transport_.events_;
    transport_.handler_->OnGranted(grant);
  }
}

void FallbackTransport::Listener::OnLinkUp(ReplicaId peer, Incarnation incarnation) {
  transport_.HandleLinkUp(path_, peer, incarnation);
}

void FallbackTransport::Listener::OnLinkDown(ReplicaId peer) {
  transport_.HandleLinkDown(path_, peer);
}

Range FallbackTransport::Listener::LiveRange(const std::byte* log) {
  return transport_.handler_->LiveRange(log);
}

}  // namespace gaios::transport::fallback
