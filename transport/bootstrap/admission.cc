#include "gaios/transport/bootstrap/admission.h"

#include <algorithm>

#include <absl/strings/str_cat.h>

#include "gaios/base/check.h"

namespace gaios::transport::bootstrap {
namespace {

// As messages name an end: "replica 1".
std::string Replica(std::uint8_t id) {
  return absl::StrCat("replica ", id);
}

Verdict Removed(std::uint8_t id, std::uint32_t incarnation) {
  return {Refusal::kRemoved,
          absl::StrCat(Replica(id), " was removed from the group as incarnation ", incarnation,
                       ": stop its process. Started anew it can be added again, with `gaios member add`")};
}

}  // namespace

Admission::Admission(const BootstrapOptions& options, std::uint64_t instance)
    : self_(options.self),
      group_name_(options.group_name.empty() ? absl::StrCat("group ", absl::Hex(options.group.value()))
                                             : options.group_name) {
  GAIOS_CHECK(instance != 0, "an instance that says nothing");
  GAIOS_CHECK(options.cluster.size() <= kMaxClusterBytes, "options that were not validated");
  own_.from = options.self.value();
  own_.group = options.group.value();
  own_.capacity_bytes = options.capacity_bytes;
  own_.instance = instance;
  own_.incarnation = options.incarnation.value();
  own_.replicas =
      static_cast<std::uint8_t>(options.began_with != 0 ? options.began_with : options.peers.size() + 1);
  own_.cluster_bytes = static_cast<std::uint8_t>(options.cluster.size());
  std::ranges::copy(options.cluster, own_.cluster.begin());
  for (const PeerAddress& peer : options.peers) {
    known_.at(peer.id.value()) = true;
  }
  if (options.began_with != 0) {
    known_.fill(true);
    known_.at(self_.value()) = false;
  }
}

void Admission::Expel(ReplicaId peer, paxos::Incarnation incarnation) {
  std::uint32_t& expelled = seen_.at(peer.value()).expelled;
  expelled = std::max(expelled, incarnation.value());
}

Verdict Admission::JudgeVisit(std::span<const std::byte> payload, Visit& visit) const {
  switch (ParseVisit(payload, visit)) {
    case HelloFound::kGood:
      break;
    case HelloFound::kOtherVersion:
      return {Refusal::kVersion, absl::StrCat("one end speaks version ", kVersion, ", the other version ",
                                              visit.version, ": run the same release of Gaios at both")};
    case HelloFound::kMalformed:
      return {Refusal::kMalformed, "the visit is not as this protocol has it: is it Gaios at both ends?"};
  }
  if (visit.cluster_name() != own_.cluster_name()) {
    return {Refusal::kCluster,
            absl::StrCat("the visitor is of cluster \"", std::string(visit.cluster_name()), "\", ",
                         Replica(self_.value()), " of \"", std::string(own_.cluster_name()),
                         "\": give both one name, or each the addresses of its own")};
  }
  const bool joins = visit.purpose == static_cast<std::uint8_t>(VisitPurpose::kJoin);
  if (!joins && visit.group != own_.group) {
    return {
        Refusal::kGroup,
        absl::StrCat("the visitor and ", Replica(self_.value()), " are of different groups, the latter of ",
                     group_name_, ": start both with the same config and the group file of one bootstrap")};
  }
  if (!joins && !known(ReplicaId(visit.from))) {
    return {Refusal::kUnknownId,
            absl::StrCat("the visitor says that it is ", Replica(visit.from), ", which is ",
                         visit.from == self_.value() ? "the one that it visits" : "no replica of the group",
                         ": look at ids and addresses")};
  }
  return {};
}

Hello Admission::HelloTo(ReplicaId to, std::uint64_t attempt) const {
  Hello hello = own_;
  hello.to = to.value();
  hello.attempt = attempt;
  return hello;
}

bool Admission::known(ReplicaId peer) const {
  return peer.value() < known_.size() && known_[peer.value()];
}

Verdict Admission::JudgeAgain(const Hello& hello) const {
  const Life& life = seen_.at(hello.from);
  if (hello.incarnation <= life.expelled) {
    return Removed(hello.from, life.expelled);
  }
  if (life.incarnation != hello.incarnation || life.instance != hello.instance ||
      life.attempt != hello.attempt) {
    return {Refusal::kStale, absl::StrCat(Replica(hello.from), " has dialled again since")};
  }
  return {};
}

Verdict Admission::Judge(std::span<const std::byte> payload, std::optional<ReplicaId> dialled,
                         std::uint64_t attempt, Hello& hello) {
  switch (ParseHello(payload, hello)) {
    case HelloFound::kGood:
      break;
    case HelloFound::kOtherVersion:
      return {Refusal::kVersion, absl::StrCat("one end speaks version ", kVersion, ", the other version ",
                                              hello.version, ": run the same release of Gaios at both")};
    case HelloFound::kMalformed:
      return {Refusal::kMalformed, "the hello is not as this protocol has it: is it Gaios at both ends?"};
  }
  if (Verdict verdict = JudgeGroup(hello); !verdict.admitted()) {
    return verdict;
  }
  if (Verdict verdict = JudgeIds(hello, dialled); !verdict.admitted()) {
    return verdict;
  }
  if (dialled.has_value() && hello.attempt != attempt) {
    return {Refusal::kMalformed, absl::StrCat(Replica(hello.from), " has answered another attempt")};
  }
  if (Verdict verdict = JudgeLife(hello, dialled.has_value()); !verdict.admitted()) {
    return verdict;
  }
  seen_[hello.from] = {hello.incarnation, hello.instance, hello.attempt, seen_[hello.from].expelled};
  return {};
}

Verdict Admission::JudgeGroup(const Hello& hello) const {
  const std::string both = absl::StrCat(Replica(hello.from), " and ", Replica(self_.value()));
  if (hello.cluster_name() != own_.cluster_name()) {
    return {Refusal::kCluster, absl::StrCat(both, " are of clusters \"", std::string(hello.cluster_name()),
                                            "\" and \"", std::string(own_.cluster_name()),
                                            "\": give both one name, or each the addresses of its own")};
  }
  if (hello.group != own_.group) {
    return {Refusal::kGroup,
            absl::StrCat(both, " are of different groups, the latter of ", group_name_,
                         ": start both with the same config and the group file of one bootstrap")};
  }
  if (hello.capacity_bytes != own_.capacity_bytes) {
    return {Refusal::kCapacity,
            absl::StrCat(both, " have rings of ", hello.capacity_bytes, " and ", own_.capacity_bytes,
                         " bytes: give both the same capacity_bytes")};
  }
  if (hello.replicas != own_.replicas) {
    return {Refusal::kReplicas, absl::StrCat(both, " are configured for ", hello.replicas, " and ",
                                             own_.replicas, " replicas: give both the same config")};
  }
  return {};
}

Verdict Admission::JudgeIds(const Hello& hello, std::optional<ReplicaId> dialled) const {
  if (hello.from == self_.value()) {
    return {Refusal::kOwnId, absl::StrCat("both ends say that they are ", Replica(self_.value()),
                                          ": give each process an id of its own, and look at the addresses")};
  }
  const bool right_peer =
      hello.to == self_.value() && (!dialled.has_value() || dialled->value() == hello.from);
  if (!right_peer) {
    const std::uint8_t meant = dialled.has_value() ? dialled->value() : hello.to;
    const std::uint8_t met = dialled.has_value() ? hello.from : self_.value();
    return {Refusal::kWrongPeer, absl::StrCat("the address of ", Replica(meant), " leads to ", Replica(met),
                                              ": correct the addresses in the config of the end that dials")};
  }
  if (!known(ReplicaId(hello.from))) {
    return {Refusal::kUnknownId, absl::StrCat(Replica(hello.from), " is not in the config of ",
                                              Replica(self_.value()), ": give both the same config")};
  }
  if (!dialled.has_value() && hello.from > self_.value()) {
    return {Refusal::kDirection,
            absl::StrCat(Replica(hello.from), " has dialled ", Replica(self_.value()),
                         ", but the lower id dials: run the same release of Gaios at both")};
  }
  return {};
}

Verdict Admission::JudgeLife(const Hello& hello, bool dialled) const {
  const Life& life = seen_[hello.from];
  if (hello.incarnation <= life.expelled) {
    return Removed(hello.from, life.expelled);
  }
  if (hello.incarnation < life.incarnation) {
    return {Refusal::kIncarnation,
            absl::StrCat(Replica(hello.from), " says that it lives in incarnation ", hello.incarnation, ", ",
                         Replica(self_.value()), " has seen incarnation ", life.incarnation,
                         ": stop the process of the earlier one; do not restore its files from a copy")};
  }
  if (hello.incarnation == life.incarnation && hello.instance != life.instance) {
    return {Refusal::kTwin,
            absl::StrCat("another process is ", Replica(hello.from), " in the same incarnation, ",
                         hello.incarnation, ": run one process for each replica, with files of its own")};
  }
  // Who dials numbers the attempts itself.
  if (!dialled && hello.instance == life.instance && hello.attempt <= life.attempt) {
    return {Refusal::kStale, absl::StrCat(Replica(hello.from), " has dialled again since")};
  }
  return {};
}

}  // namespace gaios::transport::bootstrap
