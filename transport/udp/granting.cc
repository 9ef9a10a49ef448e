// The owner's side: who may write to the log, and how that ends; and what a writer hears of it.

#include "gaios/transport/udp/udp_transport.h"

namespace gaios::transport::udp {

void UdpTransport::GrantTo(ReplicaId to, Grant grant) {
  GAIOS_CHECK(to.value() < options_.replicas, "a grant goes to a replica of the group");
  GAIOS_CHECK(!grant.ballot.none(), "a grant has a ballot");
  GAIOS_CHECK(begun_, "P7: nothing is promised by a life that has not begun");
  grant_unreported_ = true;
  Link& link = links_[to.value()];
  if (grant == latest_grant_) {
    GAIOS_CHECK(to == latest_to_, "P2: one grant has one holder");
    if (to != options_.self && link.up() && holder_ == link.incarnation) {
      link.grant.Start(options_.min_timeout_ns);
    }
    return;
  }
  GAIOS_CHECK(to == options_.self || !read_.active(),
              "P2: a read of ours would land in a log that is granted to somebody else");
  GAIOS_CHECK(grant > latest_grant_, "P1: promised (ballot, grant number) never decreases");
  Link& before = links_[latest_to_.value()];
  if (!latest_grant_.ballot.none() && latest_to_ != options_.self) {
    before.grant.Stop();
    before.ack_due = false;  // of a grant that is over
    before.fenced_due = before.up() && latest_to_ != to;
  }
  // From here on no datagram under an earlier grant changes the log (P2).
  latest_grant_ = grant;
  latest_to_ = to;
  holder_ = link.up() ? link.incarnation : Incarnation();
  receiver_.Restart();
  log_words_ = {};
  ++counters_.grants;
  if (to != options_.self && link.up()) {
    link.grant.Start(options_.min_timeout_ns);
  }
}

std::size_t UdpTransport::ReportGrant(EventHandler& handler) {
  grant_unreported_ = false;
  handler.OnGranted(latest_grant_);
  return 1;
}

// A peer says that its log may be written.
void UdpTransport::TakeGrant(Link& link, const GrantBody& body) {
  (void)SendDatagram(link, Kind::kGrantTaken, body);
  const Grant grant = {.ballot = paxos::Ballot::FromPacked(body.ballot), .number = body.number};
  if (grant <= link.last_grant) {
    return;  // said again; and what has failed under a grant stays so
  }
  DropPath(link, Outcome::kFenced, PathState::kOpen);
  link.last_grant = grant;
  link.path.grant = grant;
  link.path.acceptor = link.incarnation;
}

// A peer says that everything before its latest grant is over.
void UdpTransport::TakeFenced(Link& link, const GrantBody& body) {
  const Grant latest = {.ballot = paxos::Ballot::FromPacked(body.ballot), .number = body.number};
  if (link.path.state == PathState::kOpen && latest > link.path.grant) {
    ++counters_.paths_fenced;
    DropPath(link, Outcome::kFenced, PathState::kFenced);
  }
}

}  // namespace gaios::transport::udp
