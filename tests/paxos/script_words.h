#ifndef GAIOS_TESTS_PAXOS_SCRIPT_WORDS_H_
#define GAIOS_TESTS_PAXOS_SCRIPT_WORDS_H_

// The words of a line of a script, and the names that they have for numbers, times and states. Pure
// functions.

#include <cstdint>
#include <optional>
#include <span>
#include <string>

#include "gaios/paxos/follower_link.h"
#include "gaios/paxos/replica.h"
#include "gaios/transport/sim/world.h"

namespace gaios::sim {

// The words of a line behind those already understood.
using Words = std::span<const std::string>;

inline constexpr std::uint64_t kUs = 1'000;
inline constexpr std::uint64_t kMs = 1'000'000;

// What is wrong with a line of words that mean nothing.
inline constexpr const char* kNoSuchLine = "not understood";

[[nodiscard]] std::optional<std::uint64_t> Number(const std::string& word);
// A number of ms or us.
[[nodiscard]] std::optional<std::uint64_t> DurationNs(const std::string& word);
[[nodiscard]] std::optional<transport::sim::Traffic> TrafficNamed(const std::string& word);
[[nodiscard]] std::string StageName(paxos::FollowerLink::Stage stage);
[[nodiscard]] std::string RefusalName(paxos::Refusal refusal);
[[nodiscard]] std::string RefusalName(paxos::ChangeRefusal refusal);
[[nodiscard]] std::string StandingName(paxos::Standing standing);
// For messages: the words with spaces between them, or "nothing".
[[nodiscard]] std::string Joined(Words words);

}  // namespace gaios::sim

#endif  // GAIOS_TESTS_PAXOS_SCRIPT_WORDS_H_
