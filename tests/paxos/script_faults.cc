#include "tests/paxos/script_faults.h"

#include <array>
#include <optional>

#include "gaios/paxos/message.h"

namespace gaios::sim {

using transport::sim::Traffic;

std::string ScriptFaults::OneReplica(const std::string& verb, ReplicaId id) {
  if (verb == "kill") {
    scene_.cluster().Kill(id);
  } else if (verb == "restart") {
    scene_.cluster().Restart(id);
  } else if (verb == "pause" || verb == "wake") {
    scene_.cluster().Pause(id, verb == "pause");
  } else if (verb == "drain" || verb == "undrain") {
    return scene_.cluster().Drain(id, verb == "drain") ? "" : "it is refused";
  } else if (verb == "freeze" || verb == "thaw") {
    scene_.cluster().FreezeApply(id, verb == "freeze");
  } else if (verb == "spoil") {
    const std::uint64_t end = scene_.cluster().core(id).end_cursor().position.value();
    transport::Transport& transport = scene_.cluster().world().transport(id);
    transport.log()[(end - 1) % transport.capacity()] ^= std::byte{1};  // entries take whole units
  } else if (verb == "isolate" || verb == "rejoin") {
    for (std::size_t i = 0; i < scene_.cluster().size(); ++i) {
      const ReplicaId other(static_cast<std::uint8_t>(i));
      if (other == id) {
        continue;
      }
      if (verb == "isolate") {
        scene_.cluster().world().Cut(id, other);
        scene_.cluster().world().Cut(other, id);
      } else {
        scene_.cluster().world().Heal(id, other);
        scene_.cluster().world().Heal(other, id);
      }
    }
  } else {
    return kNoSuchLine;
  }
  return "";
}

std::string ScriptFaults::OneLink(const std::string& verb, Words words) {
  if (words.size() != 3 || (words[1] != "->" && words[1] != "<->")) {
    return kNoSuchLine;
  }
  const ReplicaId from = scene_.Id(words[0]);
  const ReplicaId to = scene_.Id(words[2]);
  const auto act = [this, &verb](ReplicaId a, ReplicaId b) {
    verb == "cut" ? scene_.cluster().world().Cut(a, b) : scene_.cluster().world().Heal(a, b);
  };
  act(from, to);
  if (words[1] == "<->") {
    act(to, from);
  }
  return "";
}

std::string ScriptFaults::HandOver(Words words) {
  if (words.size() != 3 || words[1] != "->") {
    return kNoSuchLine;
  }
  return scene_.cluster().HandOver(scene_.Id(words[0]), scene_.Id(words[2])) ? "" : "it is refused";
}

std::string ScriptFaults::Install(Words words) {
  if (words.size() != 3 || words[1] != "->") {
    return kNoSuchLine;
  }
  return scene_.cluster().Install(scene_.Id(words[0]), scene_.Id(words[2])) ? "" : "it is of no use there";
}

std::string ScriptFaults::Held(const std::string& verb, Words words) {
  const std::optional<Traffic> traffic = words.empty() ? std::nullopt : TrafficNamed(words[0]);
  if (!traffic.has_value() || words.size() < 4 || words[2] != "->") {
    return kNoSuchLine;
  }
  const ReplicaId from = scene_.Id(words[1]);
  const ReplicaId to = scene_.Id(words[3]);
  if (verb == "land") {
    const std::optional<std::uint64_t> bytes = words.size() == 6 ? Number(words[5]) : std::nullopt;
    if (traffic != Traffic::kWrites || !bytes.has_value() || (words[4] != "first" && words[4] != "past")) {
      return kNoSuchLine;
    }
    scene_.cluster().world().LandPart(from, to, *bytes, words[4] == "first");
    return "";
  }
  if (verb == "hold") {
    scene_.cluster().world().Hold(*traffic, from, to);
  } else if (verb == "release") {
    scene_.cluster().world().Release(*traffic, from, to);
  } else {
    scene_.cluster().world().DropHeld(*traffic, from, to);
  }
  return "";
}

std::string ScriptFaults::Forge(const std::string& verb, Words words) {
  if (words.size() < 4 || words[1] != "->") {
    return kNoSuchLine;
  }
  const ReplicaId from = scene_.Id(words[0]);
  const ReplicaId to = scene_.Id(words[2]);
  paxos::Message message;
  if (verb == "prepare") {
    message.kind = paxos::MessageKind::kPrepare;
    if (words[3] == "same") {
      message.grant = scene_.cluster().core(to).promised();
    } else if (words.size() == 7) {
      const auto round = static_cast<std::uint32_t>(Number(words[4]).value_or(0));
      message.grant = {paxos::Ballot(round, from, scene_.cluster().world().incarnation(from)),
                       Number(words[6]).value_or(0)};
    } else {
      return kNoSuchLine;
    }
  } else {
    const paxos::Replica& acceptor = scene_.cluster().core(from);
    message.kind = paxos::MessageKind::kPromise;
    message.grant = {scene_.cluster().core(to).promised().ballot,
                     words.size() == 5 ? Number(words[4]).value_or(0) : 0};
    message.promised = message.grant.ballot;
    message.commit = acceptor.commit();
    message.applied = acceptor.applied();
    message.retained = acceptor.retained();
    message.valid_end = acceptor.end_cursor();
  }
  std::array<std::byte, paxos::kEncodedMessageBytes> bytes;
  paxos::EncodeMessage(message, scene_.cluster().core(from).options().group, bytes);
  scene_.cluster().world().transport(from).Send(to, bytes);
  return "";
}

}  // namespace gaios::sim
