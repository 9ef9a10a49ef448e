#include "gaios/cli/member/member_addresses.h"

#include <cstring>
#include <string_view>

#include "gaios/rsm/address_text.h"

namespace gaios::cli {

std::optional<rsm::MembersReply> AskMembersOf(const rsm::Config& config, paxos::GroupId group,
                                              std::size_t replica, std::uint64_t patience_ns) {
  rsm::RequestHeader request;
  request.kind = rsm::RequestKind::kMembers;
  const std::optional<Answer> answer = AskReplica(config, group, replica, request, {}, patience_ns);
  rsm::MembersReply members;
  if (!answer.has_value() || answer->header.status != rsm::ResponseStatus::kAnswered ||
      answer->reply.size() != sizeof(members)) {
    return std::nullopt;
  }
  std::memcpy(&members, answer->reply.data(), sizeof(members));
  return members;
}

std::string AddressOf(const rsm::MembersReply& members, const rsm::Config& config, std::size_t id) {
  const std::string_view by_log = members.members.at(id).address.text();
  if (!by_log.empty()) {
    return std::string(by_log);
  }
  return id < config.replicas.size() && !config.replicas[id].address.empty()
             ? rsm::AddressText(config.replicas[id].address, config.replicas[id].port)
             : "";
}

}  // namespace gaios::cli
