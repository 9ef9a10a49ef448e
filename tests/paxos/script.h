#ifndef GAIOS_TESTS_PAXOS_SCRIPT_H_
#define GAIOS_TESTS_PAXOS_SCRIPT_H_

// Scenarios of the protocol as text that a person can read: one command a line, `#` starts a comment. A
// script drives a whole simulated group, says what it expects, and is checked against P1-P8 after every line.
// Whatever it expects, a command that was found committed must at the end have been applied, exactly once,
// and a read that is confirmed must see all that any replica knew to be committed when it was asked for.
// Errors name file and line. One thread.
//
// clang-format off
//   cluster replicas N [voters N] ring BYTES [batch BYTES] [pipeline N] [seed N] [delay US] [fence US] [torn] [in-place]
//           [at-once N | to-all N] [fill N]
//                                      the group; must come first. Writes and fences take up to `delay` and `fence`.
//                                      Of the replicas the first `voters` are in it, the others run and are not.
//                                      Of a thousand writes `at-once` are done when the call returns, or `to-all` are
//                                      posted to all in one call, where they can be. Whoever lacks much is filled with
//                                      at most `fill` bytes a second.
//
// Time. Nothing happens but by these; the longest `until` may take is ten seconds of virtual time.
//   run 20ms                           also us
//   run until leader [N]               somebody, or N, leads with its ballot record committed and a quorum
//   run until no leader
//   run until role N ROLE              learner, follower, candidate, leader
//   run until committed a b            known to the replica that took them
//   run until unknown a b
//   run until applied N a              replica N has applied a
//   run until follower L N STAGE       leader L has follower N in absent, asked, active, fenced or behind
//   run until in-sync L N yes|no
//   run until counts L N yes|no        leader L counts what follower N accepts
//   run until voters N LIST            N knows these to vote: 0,1,3
//   run until standing N M none|learner|joining|voter    as N knows it
//   run until settled N yes|no         N, which leads, may change the group: no change is under way
//   run until undecided N yes|no       a change stands in N's log that N does not know to be committed
//   run until read r confirmed|readable|waiting|lost
//                                      readable: what it must see is applied where it was asked for
//
// Work. A command is a word, or word*SIZE to be padded to so many bytes; each is proposed once.
//   propose N a b*300                  must be taken
//   flood N COUNT of SIZE              as many commands, one a step; waits while the ring is full or N does not lead
//   fill N with SIZE                   until one is refused as full; no time passes
//   press N with SIZE for 20ms         all the while, one is refused as full
//   read N r                           asks N, leader or follower, for a linearizable read, to be called r
//   member N CHANGE M                  N, which leads, changes the group: add, add-learner, remove; it is taken
//   member N move M ADDRESS
//
// Faults.
//   kill N / restart N                 with all memory lost
//   hand-over A -> B                   A, which leads, is told to hand over to B, and must be able to
//   install A -> B                     B goes on from A's state, as from a snapshot of it; it must be of use there
//   pause N / wake N                   a stopped process: its memory can still be read and written
//   freeze N / thaw N                  its state machine applies nothing
//   cut A -> B / heal A -> B           one direction; both with <->
//   isolate N / rejoin N               all its links
//   hold KIND A -> B / release KIND A -> B
//                                      KIND: writes, words, reads, messages, control; fences, of A alone:
//                                      hold fences A -> A
//   drop KIND A -> B                   loses what is held
//   land writes A -> B first BYTES     lets the first, or all but the first, bytes of the oldest held write land
//   land writes A -> B past BYTES
//   spoil N                            a byte of the last entry in N's memory turns over, as by a defect
//   prepare A -> B round R number G    a Prepare in A's name; `same`: of the grant that B has promised
//   promise A -> B of G                A's Promise to B for B's current ballot and grant number G, once more
//
// Expectations. What `run until` waits for can be expected too, and:
//   expect pending a b
//   expect refused N not-leader|full|too-large a
//   expect applied N|all a b           exactly these, in this order; all: every live voter
//   expect holds N|all a b             among what it has applied
//   expect lacks N|all a b
//   expect member N CHANGE M REFUSAL   N does not take the change, and says why
//   expect address N M ADDRESS
//   expect equal                       every live voter has applied the same
//   expect no read N                   it is refused
//   expect promised N round R | number G | none
//   expect commit N below|equals|above M   their commits
//   expect word N below|equals|above M     the commit word that N's leader wrote there, and M's commit
//   remember NAME promised|number|ballot|commit|end N
//   expect NAME promised|number|ballot|commit|end N same|higher|lower
//   expect NAME end N within BYTES     as it was, or so much higher at most
// clang-format on

#include <cstdint>
#include <string>
#include <utility>

#include "tests/paxos/scene.h"
#include "tests/paxos/script_expectations.h"
#include "tests/paxos/script_faults.h"
#include "tests/paxos/script_words.h"

namespace gaios::sim {

class Script {
 public:
  // Of writes that may be posted to all so many in a thousand are, unless the script says how many.
  explicit Script(std::string path, std::uint32_t to_all_per_mille = 0)
      : path_(std::move(path)), to_all_per_mille_(to_all_per_mille) {}
  Script(const Script&) = delete;
  Script& operator=(const Script&) = delete;

  // Plays the script to its end or its first failure, which is returned as "file:line: what"; empty is good.
  [[nodiscard]] std::string Play();

 private:
  // Each of these returns what is wrong, or nothing.
  std::string Line(Words words);
  std::string MakeCluster(Words words);
  std::string Run(Words words);
  std::string RunUntil(Words words);
  std::string Propose(Words words);
  std::string Flood(Words words);
  std::string Fill(Words words);
  std::string Press(Words words);
  std::string StartRead(Words words);

  const std::string path_;
  const std::uint32_t to_all_per_mille_;
  Scene scene_;
  ScriptFaults faults_{scene_};
  ScriptExpectations expectations_{scene_};
  std::uint64_t flooded_ = 0;
};

}  // namespace gaios::sim

#endif  // GAIOS_TESTS_PAXOS_SCRIPT_H_
