"""Replicas of a group over RDMA that are killed one after another under load and started again, each with its memory lost.

Its host lives on; so a round takes seconds, where a host that is built anew takes a minute or more (rebuilt_test.py).
Clients go to the leader over the network, none of their hosts dies, and they wait for longer than a change of the leader
takes: each command must be answered, and each has a place of its own among all that were run. Two hundred rounds, or

    GAIOS_RESTART_ROUNDS=1000 GAIOS_LAB_DIR=/tmp/restarted python3 -B tests/lab/restarted_test.py
"""

import collections
import os
import time

import counted
import group
import machines

ROUNDS = int(os.environ.get("GAIOS_RESTART_ROUNDS", "200"))
# The clients of a lap end with it, and states are compared. They run for so long at most.
ROUNDS_OF_A_LAP = 10
LAP_SECONDS = machines.BOUND_SECONDS * 2 // 3
PATIENT = group.LIGHT + " --timeout-ms 120000"


class ReplicasAreRestarted(group.GroupLab):
    """Rounds of it: ten are what every ./check shows (short_test.py)."""

    CLIENTS_BY_NETWORK = True
    IDLE = "back_off"  # a host that has nothing to do leaves its processor to the others, which have much

    def restart(self, victim):
        """It is killed, and votes again in another life."""
        before = self.replica(victim)["incarnation"]
        self.run_in(victim, "pkill -9 -f '[g]aios replica'; while pgrep -f '[g]aios replica' > /run/still; do sleep 0.05; done")
        self.start(victim)

        def votes_again():
            said = self.replica(victim)
            return said.get("running") and said["incarnation"] != before and said["voter"]
        self.wait(votes_again, f"replica {victim} votes again: {[self.log(host) for host in range(self.HOSTS)]}")

    def lap(self, rounds):
        """So many replicas are lost in turn, or as many as there is time for. Returns who led when each was lost."""
        lost = []
        begin = time.monotonic()
        self.load(range(self.HOSTS), more=PATIENT)
        self.await_acknowledged(self.await_leader(range(self.HOSTS)))
        while len(lost) < rounds and time.monotonic() - begin < LAP_SECONDS:
            # By turns who leads and who follows; so every one has its turn.
            leader = self.await_leader(range(self.HOSTS))
            victim = leader if len(lost) % 2 == 0 else self.others(leader)[len(lost) // 2 % 2]
            self.restart(victim)
            lost.append("leader" if victim == leader else "follower")
        self.await_acknowledged(self.await_leader(range(self.HOSTS)))
        self.end_of_load()
        self.assert_same_state(range(self.HOSTS))
        return lost

    def restarted(self, rounds):
        self.make_group()
        begin = time.monotonic()
        lost = collections.Counter()
        while lost.total() < rounds:
            lost.update(self.lap(min(ROUNDS_OF_A_LAP, rounds - lost.total())))
            print(f"{lost.total()} replicas lost in {time.monotonic() - begin:.0f} s", flush=True)
        sent, acknowledged, bare = counted.counts(self.lines())
        applied = self.replica(self.await_leader(range(self.HOSTS)))["applied_commands"]
        print(f"{lost.total()} replicas lost and back in {time.monotonic() - begin:.0f} s, {dict(lost)}; {acknowledged} of "
              f"{sent} commands acknowledged, {bare} of them without their number, {applied} run", flush=True)
        self.assertEqual([], counted.findings(self.lines(), applied))
        self.assertEqual(sent, acknowledged, "no client's host was lost, and yet commands had no answer")
        self.assertEqual(sent, applied, "a command was run twice, or not at all")


class RestartedTest(ReplicasAreRestarted):
    def test_replicas_lost_one_after_another(self):
        self.restarted(ROUNDS)


if __name__ == "__main__":
    machines.main()
