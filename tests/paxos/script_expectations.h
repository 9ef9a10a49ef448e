#ifndef GAIOS_TESTS_PAXOS_SCRIPT_EXPECTATIONS_H_
#define GAIOS_TESTS_PAXOS_SCRIPT_EXPECTATIONS_H_

// What a script expects of its group, and what it waits for. The lines are in script.h. One thread.

#include <cstdint>
#include <map>
#include <optional>
#include <string>

#include "tests/paxos/scene.h"
#include "tests/paxos/script_words.h"

namespace gaios::sim {

class ScriptExpectations {
 public:
  // `scene` must outlive this.
  explicit ScriptExpectations(Scene& scene) : scene_(scene) {}

  // Whether a state that `run until` waits for, or `expect` asks about, is there; nothing when it is no such
  // state.
  std::optional<bool> Holds(Words words);
  // Each returns what is wrong, or nothing.
  std::string Expect(Words words);
  std::string Remember(Words words);

 private:
  using Fate = Scene::Fate;

  [[nodiscard]] std::optional<bool> ReadIs(const Scene::Read& read, const std::string& what) const;
  std::string ExpectCommand(const std::string& what, Words words);
  std::string ExpectApplied(const std::string& what, Words words);
  std::string ExpectEqual() const;
  std::string ExpectRemembered(Words words);
  [[nodiscard]] std::uint64_t Value(const std::string& what, ReplicaId id) const;

  Scene& scene_;
  std::map<std::string, std::uint64_t> remembered_;
};

}  // namespace gaios::sim

#endif  // GAIOS_TESTS_PAXOS_SCRIPT_EXPECTATIONS_H_
