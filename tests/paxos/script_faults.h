#ifndef GAIOS_TESTS_PAXOS_SCRIPT_FAULTS_H_
#define GAIOS_TESTS_PAXOS_SCRIPT_FAULTS_H_

// What a script does to its group: replicas that die and stop, links that are cut, traffic that is held, and
// messages that nobody sent. The lines are in script.h. One thread.

#include <string>

#include "tests/paxos/scene.h"
#include "tests/paxos/script_words.h"

namespace gaios::sim {

class ScriptFaults {
 public:
  // `scene` must outlive this.
  explicit ScriptFaults(Scene& scene) : scene_(scene) {}

  // Each does what a line says, by its verb, and returns what is wrong with it, or nothing.
  std::string OneReplica(const std::string& verb, ReplicaId id);
  std::string OneLink(const std::string& verb, Words words);
  std::string HandOver(Words words);
  std::string Install(Words words);
  std::string Held(const std::string& verb, Words words);
  std::string Forge(const std::string& verb, Words words);

 private:
  Scene& scene_;
};

}  // namespace gaios::sim

#endif  // GAIOS_TESTS_PAXOS_SCRIPT_FAULTS_H_
