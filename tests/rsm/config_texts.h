#ifndef GAIOS_TESTS_RSM_CONFIG_TEXTS_H_
#define GAIOS_TESTS_RSM_CONFIG_TEXTS_H_

// Configs that are good, one for each transport, to be made wrong in one place or another.

#include <string>

namespace gaios::rsm {

inline const std::string kMinimal = R"(group = "book"
transport = "shm"
directory = "/tmp/book"
state_machine = "counter"
[[replica]]
id = 0
[[replica]]
id = 1
[[replica]]
id = 2
)";

inline const std::string kCredentials = "[credentials]\nkey_file = \"/etc/book.key\"\n";
// Three hosts. What follows belongs to the last.
inline std::string HostsOver(const std::string& transport) {
  return "group = \"book\"\ntransport = \"" + transport + R"("
directory = "/tmp/book"
state_machine = "counter"
)" + kCredentials +
         R"([[replica]]
id = 0
address = "10.0.0.1:7400"
[[replica]]
id = 1
address = "10.0.0.2:7400"
[[replica]]
id = 2
address = "[fd00::3]:7401"
)";
}
inline const std::string kVerbs = HostsOver("verbs");
inline const std::string kUdp = HostsOver("udp") + "udp_address = \"10.0.0.3:7402\"\n";

inline const std::string kDpdk = kUdp + R"([udp]
port = "dpdk"
[dpdk]
device = "0000:01:00.0"
)";

// `text` with the first `from` replaced.
inline std::string With(std::string text, const std::string& from, const std::string& to) {
  text.replace(text.find(from), from.size(), to);
  return text;
}

}  // namespace gaios::rsm

#endif  // GAIOS_TESTS_RSM_CONFIG_TEXTS_H_
