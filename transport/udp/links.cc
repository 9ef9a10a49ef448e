// Peers that come and go.

#include <utility>

#include <absl/strings/str_cat.h>

#include "gaios/transport/udp/udp_transport.h"

namespace gaios::transport::udp {
namespace {

// Between the first two pings of a peer that is tried, and at most.
constexpr std::uint64_t kFirstPingPauseNs = 1'000'000;
constexpr std::uint64_t kLongestPingPauseNs = 100'000'000;
// A peer that has not answered for so long is a matter for the user.
constexpr std::uint64_t kPatienceNs = 2'000'000'000;
// Between two looks at why the port is down, which allocate.
constexpr std::uint64_t kWhyIntervalNs = 100'000'000;

std::string AddressText(const Endpoint& endpoint) {
  return absl::StrCat(endpoint.address >> 24, ".", endpoint.address >> 16 & 0xff, ".",
                      endpoint.address >> 8 & 0xff, ".", endpoint.address & 0xff, " port ", endpoint.port);
}

}  // namespace

std::size_t UdpTransport::TakeNews(EventHandler& handler) {
  std::size_t events = 0;
  for (News& news : connector_->TakeNews()) {
    Link& link = links_[news.peer.value()];
    if (news.kind == News::Kind::kConnected) {
      Connected(std::move(news));
    } else if (link.state != LinkState::kClosed && link.life == news.life) {
      events += CloseLink(link, handler);
    }
  }
  return events;
}

void UdpTransport::Connected(News news) {
  Link& link = links_[news.peer.value()];
  GAIOS_CHECK(link.state == LinkState::kClosed, "the end of a connection is told before the next one");
  if (link.incarnation != news.incarnation) {
    link.last_grant = {};
  }
  used_ = std::span(links_).first(std::max<std::size_t>(used_.size(), news.peer.value() + 1U));
  link.state = LinkState::kTrying;
  link.life = news.life;
  link.incarnation = news.incarnation;
  link.endpoint = {.address = news.hello.address, .port = news.hello.port};
  link.payload_bytes = std::min<std::size_t>(port_->max_payload(), news.hello.payload_bytes);
  link.tag_out = news.tag_out;
  link.tag_in = news.tag_in;
  link.seal = std::move(news.seal);
  link.heard_ns = link.trying_ns = now_ns_;
  link.ping.Start(kFirstPingPauseNs);
  link.pings = 0;
  link.short_pong = false;
  link.told = false;
  link.sender.Rewire(PieceBytes(link), news.hello.room, link.fresh_rtt);
  next_timers_ns_ = 0;
}

void UdpTransport::BringUp(Link& link) {
  link.state = LinkState::kUp;
  link.ping.Stop();
  ++counters_.links_up;
  // What was granted while it was not there.
  if (latest_to_ == link.peer && !latest_grant_.ballot.none() &&
      HoldsLatest(link, latest_grant_.ballot.packed(), latest_grant_.number)) {
    link.grant.Start(options_.min_timeout_ns);
  }
  ++events_;
  handler_->OnLinkUp(link.peer, link.incarnation);
}

// Everything posted is answered before the end of the link is.
std::size_t UdpTransport::CloseLink(Link& link, EventHandler& handler) {
  const bool was_up = link.up();
  link.state = LinkState::kClosed;
  DropPath(link, Outcome::kDown, PathState::kNone);
  link.grant.Stop();
  link.ping.Stop();
  link.fenced_due = link.ack_due = false;
  std::size_t events = Report(link, handler);
  for (std::uint64_t open = link.controls.GiveUp(); open != 0; --open) {
    handler.OnControl(link.peer, Outcome::kDown, ControlView{});
    ++events;
  }
  if (was_up) {
    ++counters_.links_down;
    handler.OnLinkDown(link.peer);
    ++events;
  }
  return events;
}

// Whether the peer answers, and yet takes nothing of what is written, or gives nothing of what is read.
bool UdpTransport::Stalled(const Link& link) const {
  const auto too_long = [this](std::uint64_t since_ns) {
    return now_ns_ - since_ns >= options_.silence_timeout_ns;
  };
  const bool reading = read_.active() && read_.peer() == link.peer && read_.begun() && !read_.complete();
  return (link.sender.busy() && too_long(link.sender.stalled_since_ns())) ||
         (reading && too_long(read_.stalled_since_ns()));
}

std::size_t UdpTransport::WatchPort(EventHandler& handler) {
  port_->Look(now_ns_);
  if (!port_->up()) [[unlikely]] {
    port_up_ = false;
    TellWhyDown();
    return GiveUpUnplugged(handler);
  }
  if (!port_up_) [[unlikely]] {
    port_up_ = true;
    why_down_.clear();
    next_why_ns_ = 0;
    for (Link& link : links_) {
      link.unplugged = false;
    }
    connector_->Tell(absl::StrCat("the port at ", AddressText(port_->local()), " is up"));
  }
  return 0;
}

// Whenever it is another reason.
void UdpTransport::TellWhyDown() {
  if (now_ns_ < next_why_ns_) {
    return;
  }
  next_why_ns_ = now_ns_ + kWhyIntervalNs;
  std::string why = port_->WhyDown();
  if (why != why_down_) {
    why_down_ = std::move(why);
    connector_->Tell(absl::StrCat(why_down_, ": the links by the port at ", AddressText(port_->local()),
                                  " end, at once where another path has their peer, else after ",
                                  options_.silence_timeout_ns / 1'000'000, " ms without an answer"));
  }
}

// What a port that is down carries is lost. Where another path has the peer its link ends at once: silence
// would tell so only in a second. Where there is none nothing is gained by that, and a port that is back
// before the silence has cost nothing but what is sent again. Peers hear of the end where the channel has
// another way. A link is tried again as after any loss, whether the port says that it is up or not, and is
// not ended for the same reason twice: the port may be wrong.
std::size_t UdpTransport::GiveUpUnplugged(EventHandler& handler) {
  std::size_t events = 0;
  for (Link& link : used_) {
    if (!link.up() || link.unplugged || !other_path_ || !other_path_(link.peer)) {
      continue;
    }
    link.unplugged = true;
    ++counters_.links_unplugged;
    connector_->Disconnect(link.peer, link.life);
    events += CloseLink(link, handler);
  }
  return events;
}

std::size_t UdpTransport::RunTimers(EventHandler& handler) {
  std::size_t events = WatchPort(handler);
  for (Link& link : used_) {
    if (link.state == LinkState::kClosed) {
      continue;
    }
    link.sender.RunTimer(now_ns_);
    if (link.state == LinkState::kTrying) {
      if (link.ping.Ring(now_ns_, kLongestPingPauseNs)) {
        // Now and then a short one: it tells a path that takes no long datagrams from none.
        const bool brief = link.pings++ % 4 == 3;
        SendPing(link, Kind::kPing, now_ns_, brief ? kMinPayloadBytes : link.payload_bytes);
        TellTrouble(link);
      }
      continue;
    }
    const bool silent = now_ns_ - link.heard_ns >= options_.silence_timeout_ns;
    const bool stalled = Stalled(link);
    if (silent || stalled) {
      ++counters_.links_silent;
      connector_->Tell(
          absl::StrCat("the link to replica ", int{link.peer.value()}, " at ", AddressText(link.endpoint),
                       " is given up, and tried again: ",
                       silent ? "nothing has come from it for " : "it has taken and given nothing for ",
                       options_.silence_timeout_ns / 1'000'000, " ms"));
      connector_->Disconnect(link.peer, link.life);
      events += CloseLink(link, handler);
      continue;
    }
    if (now_ns_ - link.heard_ns < options_.silence_timeout_ns / 4) {
      link.ping.Stop();
      continue;
    }
    if (!link.ping.due) {
      link.ping.Start(options_.silence_timeout_ns / 16);
    }
    if (link.ping.Ring(now_ns_, options_.silence_timeout_ns / 8)) {
      SendPing(link, Kind::kPing, now_ns_, kMinPayloadBytes);
    }
  }
  return events;
}

// The user hears once of a peer that is there and does not answer datagrams.
void UdpTransport::TellTrouble(Link& link) {
  if (link.told || !port_up_ || now_ns_ - link.trying_ns < kPatienceNs) {
    return;
  }
  link.told = true;
  const std::string who =
      absl::StrCat("replica ", int{link.peer.value()}, " at ", AddressText(link.endpoint));
  if (link.short_pong) {
    connector_->Tell(absl::StrCat("datagrams of ", link.payload_bytes, " bytes do not reach ", who,
                                  " and come back, shorter ones do: lower payload_bytes in the [",
                                  options_.section, "] section, or raise the MTU on the way"));
  } else {
    connector_->Tell(absl::StrCat("no datagram reaches ", who,
                                  " and comes back: see that UDP between the two is not filtered"));
  }
}

}  // namespace gaios::transport::udp
